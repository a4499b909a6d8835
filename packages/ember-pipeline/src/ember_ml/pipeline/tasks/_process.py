"""A stage in a process of its own."""

from __future__ import annotations

import asyncio
import atexit
import itertools
import pickle
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from .._errors import RemoteError, UsageError, WorkerDied
from ._pickles import packed
from ._worker import Failed, Outcome, Value, merged, pack_each

#: Seconds that a process has for its own clean-up when it is closed.
_GRACE = 5.0


class ProcessWorker:
    """Applies a stage to items in a process of its own, which the first call starts.

    The process is spawned, not forked: a fork would copy locks that other threads hold and the
    state of array engines, which does not survive that. The stage is sent once. The process ignores
    Ctrl-C, and ends when this one does, however that ends.

    Args:
        call: What is applied to each item. It must pickle.
        name: What errors call the worker.

    Example:
        >>> import asyncio
        >>> async def main():
        ...     worker = ProcessWorker(abs, name="'p', stage 'abs'")
        ...     try:
        ...         return await worker.call([-1, "a"])
        ...     finally:
        ...         await worker.close()
        >>> asyncio.run(main())
        [Value(value=1), Failed(error=TypeError("bad operand type for abs(): 'str'"))]
    """

    def __init__(self, call: Callable[[Any], Any], *, name: str) -> None:
        self._name = name
        self._stage = pickle.dumps(call, pickle.HIGHEST_PROTOCOL)
        self._requests: SimpleQueue[_Request | None] = SimpleQueue()
        self._process: _Process | None = None
        self._thread: threading.Thread | None = None
        self._ended: Future[None] = Future()
        self._ended.set_running_or_notify_cancel()  # who waits for it cannot cancel it
        self._last = 0
        self._closing = False
        self._killed = False
        self._death: str | None = None

    @property
    def pid(self) -> int | None:
        """The number of the process, or None before the first call has started it."""
        return None if self._process is None else self._process.pid

    async def call(self, items: Sequence[Any], /) -> list[Outcome]:
        """Apply the stage to each of ``items`` and return as many outcomes, in their order.

        An item, a result or an error that does not pickle is a failure of that item; such an error
        arrives as a `RemoteError`. If this is cancelled, the call in hand goes on and the others do
        not begin.

        Raises:
            WorkerDied: If the process has ended. Some of the calls may have been carried out.
            UsageError: If the worker is closed.
        """
        if self._closing:
            raise UsageError(f"{self._name}: the worker is closed; make another one")
        if self._death is not None:
            raise WorkerDied(self._death)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        self._last += 1
        request = _Request(self._last, items)
        self._requests.put(request)
        if self._ended.done():
            self._refuse_the_rest()
        try:
            return await asyncio.wrap_future(request.reply)
        except asyncio.CancelledError:
            if self._process is not None:
                self._process.cancel(request.number)
            raise

    async def close(self, *, cancel: bool = False) -> None:
        """End the process: after the call in hand, or with ``cancel`` at once, by a signal.

        It returns when the process is gone, and can be called again.
        """
        self._closing = True
        if cancel:
            self._kill()
        if self._thread is not None:
            self._requests.put(None)
            await asyncio.wrap_future(self._ended)
            self._thread.join()

    def _kill(self) -> None:
        self._killed = True  # in this order: the thread looks here when it has started a process
        if self._process is not None:
            self._process.kill()

    def _abandon(self) -> None:
        """At the end of a program that has not closed the worker."""
        self._kill()
        if self._thread is not None:
            self._thread.join(_GRACE)

    def _work(self) -> None:
        """In a thread of its own, as starting, sending and receiving may all block."""
        import multiprocessing.util  # noqa: F401 - at exit it waits for processes: abandon them first

        atexit.register(self._abandon)
        process = None
        try:
            process = self._process = _Process(self._name)
            if self._killed:
                process.kill()
            refusal = process.load(self._stage)
            while (request := self._requests.get()) is not None:
                if request.reply.set_running_or_notify_cancel():
                    self._answer(request, process, refusal)
        except (EOFError, OSError) as error:
            self._death = f"{self._name}: {error if process is None else process.epitaph()}"
        finally:
            if process is not None:
                process.end()
            atexit.unregister(self._abandon)
            self._ended.set_result(None)
            self._refuse_the_rest()

    def _answer(self, request: _Request, process: _Process, refusal: str) -> None:
        if refusal:
            error = RemoteError(f"{self._name}: the stage cannot be loaded in a process: {refusal}")
            request.reply.set_result([Failed(error) for _ in request.items])
            return
        try:
            request.reply.set_result(process.apply(request.number, request.items))
        except (EOFError, OSError):
            self._death = f"{self._name}: {process.epitaph()}"
            request.reply.set_exception(WorkerDied(self._death))
            raise

    def _refuse_the_rest(self) -> None:
        with suppress(Empty):
            while True:
                request = self._requests.get_nowait()
                if request is not None and request.reply.set_running_or_notify_cancel():
                    reason = self._death or f"{self._name}: the worker was closed"
                    request.reply.set_exception(WorkerDied(reason))


@dataclass(frozen=True, slots=True)
class _Request:
    number: int
    items: Sequence[Any]
    reply: Future[list[Outcome]] = field(default_factory=Future)


class _Process:
    """A process and the pipes to it. All but `cancel` and `kill` may block."""

    def __init__(self, name: str) -> None:
        import multiprocessing
        from multiprocessing import resource_tracker

        from ._process_child import serve

        if hasattr(signal, "pthread_sigmask"):
            # Ctrl-C is for the parent alone, also before the process is so far as to ignore it: it
            # inherits what this thread blocks. The tracker's start unblocks, so that comes first.
            resource_tracker.ensure_running()
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        context = multiprocessing.get_context("spawn")
        self._data, data = context.Pipe()
        control, self._control = context.Pipe(duplex=False)
        self._process = context.Process(target=serve, args=(data, control), name=name)
        self._loaded = False
        try:
            self._process.start()
        finally:
            data.close()
            control.close()
        self.pid = self._process.pid

    def load(self, stage: bytes) -> str:
        """Send the stage, and return why it cannot be used there, or nothing."""
        self._data.send_bytes(stage)
        refusal = self._receive().decode()
        self._loaded = True
        return refusal

    def apply(self, number: int, items: Sequence[Any]) -> list[Outcome]:
        sent, failures = pack_each(
            items, lambda item: packed(item, "the item cannot be sent to a process")
        )
        self._data.send_bytes(pickle.dumps((number, sent), pickle.HIGHEST_PROTOCOL))
        replies = pickle.loads(self._receive())
        if len(replies) < len(sent):
            return []  # cancelled, so nobody waits for them
        return merged(failures, itertools.starmap(_unpacked, replies))

    def cancel(self, number: int) -> None:
        with suppress(OSError):
            self._control.send_bytes(number.to_bytes(8))

    def kill(self) -> None:
        with suppress(ValueError):  # it has ended
            self._process.kill()

    def epitaph(self) -> str:
        """How the process ended, or is ended now if it has only closed its pipe."""
        self._bury()
        code = self._process.exitcode
        if code is None:
            how = "has ended"
        elif code < 0:
            how = f"was killed by {_signal_name(-code)}"
        else:
            how = f"has ended with exit code {code}"
        if not self._loaded:
            how += (
                " before it took its stage; a script that starts processes has to keep what it runs "
                "under if __name__ == '__main__':"
            )
        return f"process {self.pid} {how}"

    def end(self) -> None:
        """Let the process end by itself, or make it, and leave nothing of it."""
        self._data.close()
        self._bury()
        self._control.close()
        self._process.close()

    def _bury(self) -> None:
        self._process.join(_GRACE)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join(_GRACE)

    def _receive(self) -> bytes:
        # A process that the stage has forked may hold the pipe open after the worker's death.
        while not self._data.poll(1.0):
            if not self._process.is_alive():
                raise EOFError
        return self._data.recv_bytes()


def _signal_name(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
    return f"{name}, which the system also sends when memory runs out" if number == 9 else name


def _unpacked(returned: bool, content: bytes, trace: str) -> Outcome:
    try:
        result = pickle.loads(content)
    except Exception as error:
        return Failed(error)
    if returned:
        return Value(result)
    result.add_note(f"In the process:\n{trace}")
    return Failed(result)
