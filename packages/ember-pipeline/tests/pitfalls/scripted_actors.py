"""What the tests of pitfalls share: an actor that does what it is sent, and how to wait for it."""

import asyncio
import functools

from ember_ml.pipeline import Actor, ActorSystem


class Scripted(Actor):
    """Calls the functions that it is sent, and in its hooks those that it was made with."""

    def __init__(self, **hooks):
        super().__init__()
        self.hooks = hooks

    async def process_message(self, message):
        return await message(self)

    async def on_start(self):
        await self._hook("on_start")

    async def on_restart(self, error):
        await self._hook("on_restart")

    async def on_stop(self):
        await self._hook("on_stop")

    async def _hook(self, name):
        if name in self.hooks:
            await self.hooks[name](self)


def scripted(**hooks):
    return functools.partial(Scripted, **hooks)


def quiet_system(**options):
    return ActorSystem("app", blocked_after=None, **options)


async def within_limits(awaitable):
    """A deadlock fails the test, rather than hanging the suite."""
    async with asyncio.timeout(20):
        return await awaitable


async def until(condition):
    """Turn the loop until ``condition()`` holds."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # what it looks at sets no asyncio.Event
            await asyncio.sleep(0.001)


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


async def hang(actor):
    await asyncio.Event().wait()


async def fail(actor):
    raise ValueError("told to fail")


async def nothing(actor):
    return "done"


def waits_for(event):
    """A message whose handler returns when ``event`` is set."""

    async def message(actor):
        await event.wait()

    return message


def puts(value, handled):
    """A message whose handler appends ``value`` to ``handled``."""

    async def message(actor):
        handled.append(value)

    return message


def reasons(system):
    return [(letter.message, letter.reason) for letter in system.dead_letters]
