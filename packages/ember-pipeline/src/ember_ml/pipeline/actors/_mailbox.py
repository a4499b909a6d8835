"""A bounded queue for one reader, with a choice of what happens when it is full."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar, get_args

from .._checks import check_count, check_one_of
from .._errors import MailboxClosed, MailboxFull, UsageError

T = TypeVar("T")
Overflow = Literal["block", "fail", "drop_new", "drop_old"]


class Mailbox(Generic[T]):
    """A bounded first-in, first-out queue for one reader and any number of senders on one loop.

    When it is full, the overflow policy decides what `put` does:

    - ``"block"``: wait for room; those who wait get it in the order in which they came;
    - ``"fail"``: raise `MailboxFull`;
    - ``"drop_new"``: drop the item that does not fit;
    - ``"drop_old"``: drop the item that has waited longest.

    Args:
        name: What errors call the mailbox.
        capacity: How many items may wait.
        overflow: The overflow policy.
        on_drop: Called with each item that the policy drops.

    Raises:
        ArgumentError: If ``capacity`` is not an int.
        InvalidValueError: If ``capacity`` is less than 1 or ``overflow`` is unknown.

    Example:
        >>> import asyncio
        >>> async def main():
        ...     dropped = []
        ...     box = Mailbox(capacity=2, overflow="drop_old", on_drop=dropped.append)
        ...     for item in "abc":
        ...         await box.put(item)
        ...     return await box.get(), await box.get(), dropped
        >>> asyncio.run(main())
        ('b', 'c', ['a'])
    """

    def __init__(
        self,
        name: str = "mailbox",
        *,
        capacity: int = 1024,
        overflow: Overflow = "block",
        on_drop: Callable[[T], Any] | None = None,
    ) -> None:
        check_count(name, "capacity", capacity)
        check_one_of(name, "overflow", overflow, get_args(Overflow))
        self.name = name
        self.capacity = capacity
        self.overflow: Overflow = overflow
        self.on_drop = on_drop
        # An actor's loop and its references read these four directly, which is what makes them fast.
        self.items: deque[T] = deque()
        self.limit = capacity  # below it `put` appends at once; 0 when it must look closer
        self.reader: asyncio.Future[None] | None = None
        self.senders: deque[asyncio.Future[None]] = deque()
        self._pushed: dict[int, T] = {}  # by id, which nothing else has while it is kept here
        self._promised = False  # room is kept for a sender that was woken and has not run yet
        self._closed = False

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return (
            f"Mailbox({self.name!r}, {len(self)} of {self.capacity}, {self.overflow}, "
            f"{len(self.senders)} senders wait)"
        )

    @property
    def full(self) -> bool:
        """Whether a sender has to wait for room, or for one that was there before."""
        return self._promised or len(self.items) >= self.capacity

    @property
    def closed(self) -> bool:
        """Whether the mailbox refuses new items."""
        return self._closed

    @property
    def blocks(self) -> bool:
        """Whether `put` would wait now."""
        return self.overflow == "block" and self.full and not self._closed

    async def put(self, item: T) -> None:
        """Queue ``item``, or do what the overflow policy says.

        If this is cancelled, ``item`` is not queued.

        Raises:
            MailboxClosed: If the mailbox is closed, or is closed while this waits for room.
            MailboxFull: If the mailbox is full and its policy is ``"fail"``.
        """
        if len(self.items) >= self.limit and not self._closed:
            if self.overflow == "block":
                await self._room()
            elif self.overflow == "fail":
                raise MailboxFull(
                    f"{self.name} is full: {self.capacity} messages wait; "
                    "give it a larger capacity or another overflow policy than 'fail'"
                )
            elif self.overflow == "drop_old" and (oldest := self._oldest()) is not None:
                item_dropped = self.items[oldest]
                del self.items[oldest]
                self._drop(item_dropped)
            else:
                self._drop(item)
                return
        if self._closed:
            raise MailboxClosed(f"{self.name} is closed and takes no more messages")
        self.items.append(item)
        if self.reader is not None:
            self.wake_reader()
        if self.senders:
            self.admit()

    def push(self, item: T) -> None:
        """Queue ``item`` whatever the capacity: for what must not be refused, dropped or wait.

        Raises:
            MailboxClosed: If the mailbox is closed.
        """
        if self._closed:
            raise MailboxClosed(f"{self.name} is closed and takes no more messages")
        if self.overflow == "drop_old":
            if len(self._pushed) > len(self.items):  # some have been taken
                self._forget_taken()
            self._pushed[id(item)] = item
        self.items.append(item)
        self.wake_reader()

    async def get(self) -> T:
        """Take the item that has waited longest, or wait for one.

        If this is cancelled, no item is taken.

        Raises:
            MailboxClosed: If the mailbox is closed and empty.
            UsageError: If another reader waits already.
        """
        if self.reader is not None:
            raise UsageError(
                f"{self.name} has a reader that waits for a message; a mailbox serves one reader"
            )
        while not self.items:
            if self._closed:
                raise MailboxClosed(f"{self.name} is closed and empty")
            await self.wait()
        item = self.items.popleft()
        if self.senders:
            self.admit()
        return item

    async def wait(self) -> None:
        """Return when the mailbox has changed: it may have an item, or be closed."""
        self.reader = asyncio.get_running_loop().create_future()
        try:
            await self.reader
        finally:
            self.reader = None

    def take_all(self) -> list[T]:
        """Take all items at once, the one that has waited longest first."""
        items = list(self.items)
        self.items.clear()
        self.admit()
        return items

    def resize(self, capacity: int) -> None:
        """Change how many items may wait. Those that wait already stay, even if they are more."""
        self.capacity = capacity
        self._set_limit()
        self.admit()

    def close(self) -> None:
        """Refuse new items, those of waiting senders included. What is queued can still be read."""
        self._closed = True
        self._set_limit()
        while self.senders:
            turn = self.senders.popleft()
            if not turn.done():
                turn.set_exception(
                    MailboxClosed(f"{self.name} was closed while a sender waited for room")
                )
        self.wake_reader()

    def wake_reader(self) -> None:
        """Let the reader look, if it waits."""
        if self.reader is not None and not self.reader.done():
            self.reader.set_result(None)

    def admit(self) -> None:
        """Wake the first sender if there is room. It wakes the next, so that none overtakes."""
        while self.senders and not self._promised and len(self.items) < self.capacity:
            turn = self.senders.popleft()
            if not turn.done():
                self._promise(True)
                turn.set_result(None)

    def _set_limit(self) -> None:
        self.limit = 0 if self._promised or self._closed else self.capacity

    def _promise(self, promised: bool) -> None:
        self._promised = promised
        self._set_limit()

    def _oldest(self) -> int | None:
        """Where the oldest item is that may be dropped: not one that was pushed."""
        if self._pushed:
            self._forget_taken()
        return next((i for i, item in enumerate(self.items) if id(item) not in self._pushed), None)

    def _forget_taken(self) -> None:
        # Taking an item does not look whether it was pushed, to stay fast.
        self._pushed = {id(item): item for item in self.items if id(item) in self._pushed}

    def _drop(self, item: T) -> None:
        if self.on_drop is not None:
            self.on_drop(item)

    async def _room(self) -> None:
        """Wait for room, behind the senders that were there before."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.senders.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                if turn in self.senders:
                    self.senders.remove(turn)
            elif turn.exception() is None:  # cancelled after its turn had come: pass it on
                self._promise(False)
                self.admit()
            raise
        self._promise(False)
