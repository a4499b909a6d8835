"""Actors, messages and questions for the tests of the promises."""

import asyncio

from ember_ml.pipeline import Actor


class Scripted(Actor):
    """Calls the functions that it is sent; keeps everything else, and gives it back.

    Tells ``diary``, an actor, when an instance starts and stops.
    """

    def __init__(self, diary=None):
        super().__init__()
        self.diary = diary
        self.seen = []

    async def process_message(self, message):
        if callable(message):
            return await message(self)
        self.seen.append(message)
        return message

    async def on_start(self):
        await self.note("starts")

    async def on_restart(self, error):
        await self.note(f"restarts after {type(error).__name__}")

    async def on_stop(self):
        await self.note("stops")

    async def note(self, what):
        if self.diary is not None:
            await self.diary.send(f"{self.name} {what}")


# --- messages


async def seen(actor):
    return actor.seen


async def fail(actor):
    raise KeyError("missing")


async def forever(actor):
    await asyncio.Event().wait()


def waits(gate):
    """A message that is in hand until the file ``gate`` is there."""

    async def wait(actor):
        while not gate.exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.005)

    return wait


# --- what tests do


async def within_limits(awaitable):
    """A deadlock fails the test, rather than hanging the suite."""
    async with asyncio.timeout(60):
        return await awaitable


async def until(condition):
    """Return when ``condition()`` holds."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - it changes in another process
            await asyncio.sleep(0.002)


def info(system, ref):
    """What `ActorSystem.inspect` tells of an actor; None if it has ended."""
    return next((info for info in system.inspect() if info.path == ref.path), None)


def letters(system):
    return [(letter.message, letter.reason) for letter in system.dead_letters]


async def busy(system, ref, gate):
    """Let ``ref`` have a message in hand until ``gate`` is there."""
    handled = info(system, ref).handled
    await ref.send(waits(gate))
    await until(lambda: info(system, ref).handled == handled + 1)
