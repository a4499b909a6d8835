"""What runs an actor: its message loop, and its life from start to end."""

from __future__ import annotations

import asyncio
import logging
import reprlib
from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple

from .._errors import ActorStopped, UsageError, cancelled_inside
from ._children import Parent
from ._dead_letters import DeadLetters
from ._life import NOTHING, Handler, Life
from ._mailbox import Mailbox
from ._messages import Reason
from ._supervision import Directive, Restart, Supervision
from ._turn import Letter, handler_here, message_of, turn
from ._waiting import cycle_through, waiting_for

logger = logging.getLogger(__name__)

_BURST = 256  # messages that an actor may handle before it lets the event loop see to others


class End(NamedTuple):
    """How an instance has ended, and what is to happen next.

    ``"stop"``: it is over. ``"restart"`` and ``"escalate"``: what its supervisor decided about
    ``error``, or it ended of its own accord and is permanent. ``"suspend"``: its supervisor
    restarts it with others.
    """

    what: Literal["stop", "restart", "escalate", "suspend"]
    error: BaseException | None = None


class Cell(Life):
    """One actor: feeds the messages of a mailbox to it, one at a time, until it is stopped.

    Args:
        name: Its name among the children of its supervisor.
        actor: The first instance.
        mailbox: The mailbox.
        dead_letters: Where the messages go that are not handled.
        path: Its name after those of its supervisors.
        parent: Its supervisor. Without one it goes on with the next message when its handler has
            raised.
        renew: Makes another instance for a restart.
        restart: When it is restarted.
        supervision: How it supervises its own children.
        grace: How many seconds its `on_stop` has where nobody waits for it patiently.
    """

    def __init__(
        self,
        name: str,
        actor: Handler,
        mailbox: Mailbox[Any],
        dead_letters: DeadLetters,
        *,
        path: str | None = None,
        parent: Parent | None = None,
        renew: Callable[[], Handler] | None = None,
        restart: Restart = "transient",
        supervision: Supervision | None = None,
        grace: float = Supervision.shutdown,
    ) -> None:
        super().__init__(path or name, actor, mailbox, dead_letters, supervision, grace)
        self.name = name
        self.parent = parent
        self.restart: Restart = restart
        self.restarts = 0
        self.started: asyncio.Future[BaseException | None] | None = None
        self._renew = renew
        self._deadlines: list[asyncio.TimerHandle] = []
        self._waiting: int | None = None  # messages, when it last began again to drain
        self._stopped = asyncio.Event()
        self._suspending = False
        self._renewing = False
        self._failure: BaseException | None = None
        self._verdict: asyncio.Future[bool] | None = None  # while it waits to be revived
        self._quiet = asyncio.Event()  # it waits to be revived, or has ended

    async def stop(self, drain: bool, timeout: float | None) -> None:  # noqa: ASYNC109
        """Close the mailbox and wait until the actor has ended, unless it would wait for us."""
        if self.restart == "permanent" and handler_here() is self and not self.stopping:
            self._renewing = True  # an end of its own accord
            return
        self.mailbox.close()
        self._drain = self._drain and drain
        if not drain:
            self.bury_waiting()
        if self.task is None:
            await asyncio.sleep(0)  # lets a task that was just made of start() begin
            if self.task is None:
                self.close("stopped", None)
        if self.ended is not None:
            return
        self.give_up()
        if self.phase in ("not started", "starting") and not drain:
            self._abort()
        elif timeout is not None:
            loop = asyncio.get_running_loop()
            self._deadlines.append(loop.call_later(timeout, self._abort))
        if await cycle_through(self) is None:
            with waiting_for(self):
                await self._stopped.wait()

    # --- what its supervisor does

    @property
    def suspended(self) -> bool:
        """Whether it waits to be revived."""
        return self._verdict is not None and not self._verdict.done()

    async def suspend(self) -> None:
        """End the instance, cancelling the message in hand, and wait for `revive`."""
        if self.phase == "not started":  # it is about to begin with its first instance anyway
            return
        if self.phase in ("starting", "running"):
            self._suspending = True
            self._interrupt()
        await self._quiet.wait()

    async def revive(self, error: BaseException | None) -> bool:
        """Begin again with a new instance; whether that started."""
        if self._verdict is None or self._verdict.done():
            return False
        self._failure = error
        self._verdict.set_result(True)
        self.started = asyncio.get_running_loop().create_future()
        return await self.started is None

    def give_up(self) -> None:
        """End for good, if it waits to be revived."""
        if self._verdict is not None and not self._verdict.done():
            self._verdict.set_result(False)

    def fail(self, error: BaseException) -> None:
        """Fail with the error of a child."""
        if self.phase in ("starting", "running"):
            self._failure = error
            self._interrupt()

    # --- its life

    async def run(self) -> None:
        """Handle messages until stopped."""
        if self.ended is not None:
            raise ActorStopped(f"{self.path} has stopped and cannot start again; make a new one")
        task = asyncio.current_task()
        assert task is not None, "an actor runs in a task"
        if self.task is not None and self.task is not task:
            raise UsageError(f"{self.path} has been started; one start() runs until stop()")
        self.task = task
        self.loop = task.get_loop()
        token = turn.set(None)
        reason: Reason = "cancelled"
        error: BaseException | None = None
        try:
            reason, error = await self._live()
        except BaseException as fatal:
            error = fatal
            if self.parent is not None and not isinstance(fatal, asyncio.CancelledError):
                reason = "failed"
                self.parent.escalate(self, fatal)
            self._aborted = True
            await self._end()
            raise
        finally:
            turn.reset(token)
            self.close(reason, error)
        if error is not None and self.parent is None:
            raise error

    async def _live(self) -> tuple[Reason, BaseException | None]:
        if self._aborted:
            return "stopped", None
        self.phase = "starting"
        error = await self._begin(self.actor.on_start)
        self._tell_started(error)
        if error is not None:  # whoever started it is told; nobody restarts what never ran
            return ("stopped", None) if self.stopping else ("failed", error)
        while True:
            end = await self._serve()
            await self._end()
            while True:
                if not self._drains_on(end) and (
                    self.stopping or end.what == "stop" or not await self._revival(end)
                ):
                    return ("failed" if end.error is not None else "stopped"), end.error
                error = await self._begin_again(end.error)
                self._tell_started(error)
                if error is None:
                    break
                if self.stopping:
                    error = end.error if self._aborted else error
                    return ("failed" if error is not None else "stopped"), error
                # What has not started cannot be resumed.
                end = await self._decided(error) or End("restart", error)

    def _drains_on(self, end: End) -> bool:
        """Whether it begins again by itself, as it is stopping and messages wait.

        Fewer than the last time: an instance that handles none must not be followed by another.
        """
        waiting = len(self.mailbox)
        if not (self.stopping and self._drain and end.what == "restart"):
            return False
        before, self._waiting = self._waiting, waiting
        return 0 < waiting and (before is None or waiting < before)

    async def _begin(self, hook: Callable[[], Awaitable[None]]) -> BaseException | None:
        """Start the instance; return what kept it from starting."""
        problem: Exception | None = None
        try:
            with self._scoped():
                await self._as_turn(hook())
                if not self._interrupted:
                    return None
        except Exception as raised:
            logger.error("%s failed to start", self.path, exc_info=raised)
            self.failed += 1
            problem = raised
        await self._stop_children()
        self.cancel_timers()
        if problem is not None:
            return problem
        if self.stopping:
            return self.stopped_error()
        error, self._failure = self._failure, None
        return error or ActorStopped(f"{self.path} was suspended while it started")

    async def _begin_again(self, error: BaseException | None) -> BaseException | None:
        self.phase = "starting"
        self.restarts += 1
        self._renewing = False
        cause, self._failure = self._failure or error, None
        try:
            if self._renew is not None:
                self.actor = self._renew()
        except Exception as problem:
            logger.error("%s failed to start", self.path, exc_info=problem)
            self.failed += 1
            return problem
        return await self._begin(lambda: self.actor.on_restart(cause))

    async def _serve(self) -> End:
        """Handle messages until something ends the instance."""
        self.phase = "running"
        while True:
            end: End | None = None
            with self._scoped():
                end = await self._handle_all()
            self._bury_in_hand()
            if end is not None:
                return end
            if self._aborted:
                return End("stop")
            failure, self._failure = self._failure, None
            if failure is not None:
                end = await self._decided(failure) if self.parent else End("stop", failure)
                if end is not None:
                    return end
                self.children.give_up()  # the one that escalated cannot go on
            if self._suspending:
                return End("suspend")

    async def _handle_all(self) -> End | None:
        """Handle messages until there are no more to come, the handler fails, or it is told to."""
        mailbox = self.mailbox
        items = mailbox.items
        handler = self.actor.process_message
        scope = self._scope
        assert scope is not None, "messages are handled in a scope"
        count = 0
        while not scope.fired:
            if not items:
                if mailbox.closed:
                    return End("stop")
                await mailbox.wait()
                continue
            entry = items.popleft()
            if mailbox.senders:
                mailbox.admit()
            letter = entry if isinstance(entry, Letter) else None
            if letter is None:
                message = entry
            else:
                message = letter.message
                letter.begin()
            self._in_hand = entry
            self.turn = number = self.turn + 1
            turn.set((self, number))
            self.busy = True
            try:
                value = await handler(message)
            except BaseException as error:
                self.busy = False
                problem = self._raised(entry, error)
                end = await self._decided(problem) if self.parent else None
                if end is not None:
                    return end
            else:
                self.busy = False
                self._in_hand = NOTHING
                if letter is not None:
                    letter.answer(value)
            if self.waits:
                self.waits = []
            if self._renewing:
                return End("restart")
            count += 1
            if count % _BURST == 0:
                await asyncio.sleep(0)
        return None

    def _raised(self, entry: Any, error: BaseException) -> BaseException:
        """Tell the asker, or everybody else if there is none; raise what ends the actor."""
        if isinstance(error, asyncio.CancelledError):
            if self._told_to_leave():
                raise error  # the message is still in hand, for whoever looks next
            message = reprlib.repr(message_of(entry))
            error = cancelled_inside(f"{self.path}: what its handler awaited for {message}", error)
        elif not isinstance(error, Exception):
            raise error
        self._in_hand = NOTHING
        self.failed += 1
        if not (isinstance(entry, Letter) and entry.fail(error)):
            self.raised(message_of(entry), error)
        return error

    async def _decided(self, error: BaseException) -> End | None:
        """What its supervisor decides about ``error``; None: go on."""
        directive: Directive = "stop"
        if self.parent is not None:
            directive = await self.parent.decide(self, error)
        return None if directive == "resume" else End(directive, error)

    async def _revival(self, end: End) -> bool:
        """Wait until the supervisor has seen to it: whether to begin again."""
        self.phase = "restarting"
        verdict = self._verdict = asyncio.get_running_loop().create_future()
        suspended, self._suspending, self._renewing = end.what == "suspend", False, False
        self._quiet.set()
        try:
            if self.parent is None:
                return False
            if end.what == "escalate" and end.error is not None:
                self.parent.escalate(self, end.error)
            elif not suspended:
                self.parent.restart(self, end.error)
            return await verdict
        finally:
            self._quiet.clear()
            self._verdict = None

    def _abort(self) -> None:
        self._aborted = True
        self._drain = False
        self.give_up()
        if self._interrupted and self._scope is not None:
            self._scope.fire_again()
        self._interrupt()

    def _tell_started(self, error: BaseException | None) -> None:
        if self.started is not None and not self.started.done():
            self.started.set_result(error)

    def close(self, reason: Reason, error: BaseException | None) -> None:
        """The actor has ended."""
        super().close(reason, error)
        for deadline in self._deadlines:
            deadline.cancel()
        self._tell_started(self.stopped_error())
        self._quiet.set()
        self._stopped.set()
        if self.parent is not None:
            self.parent.ended(self, reason)
