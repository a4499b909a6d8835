import asyncio
import functools

import pytest
from promised_actors import Scripted, fail, info, letters, seen, until, within_limits

from ember_ml.pipeline import (
    ActorStopped,
    ActorSystem,
    Backoff,
    Supervision,
    SystemFailed,
    TooManyRestarts,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def open_system(runtime):
    """A system that supervises as told."""

    def open_system(*args, **options):
        return ActorSystem(
            "app", runtime=runtime, supervision=Supervision(*args, **options), blocked_after=None
        )

    return open_system


# --- what is decided about a failure


@pytest.mark.parametrize(
    ("directive", "after", "restarts"), [("resume", [0, 1, 3], 0), ("restart", [3], 1)]
)
async def test_promise_5_resume_keeps_the_instance_and_restart_replaces_it(
    open_system, directive, after, restarts
):
    async with open_system(on_failure=directive) as system:
        ref = await system.spawn(Scripted)
        for message in (0, 1, fail, 3):
            await ref.send(message)
        assert await within_limits(ref.ask(seen)) == after
        assert info(system, ref).restarts == restarts


async def test_promise_5_stop_ends_the_actor_and_what_waits_is_dead(open_system):
    async with open_system(on_failure="stop") as system:
        ref = await system.spawn(Scripted)
        for message in (0, fail, 2):
            await ref.send(message)
        end = await within_limits(ref.terminated())
        assert (end.reason, type(end.error)) == ("failed", KeyError)
        assert letters(system) == [(fail, "handler raised"), (2, "actor stopped")]


async def test_promise_5_escalate_fails_the_supervisor_with_the_error_of_the_child(open_system):
    async def have_child(actor):
        child = await actor.spawn(Scripted)
        await child.send(fail)

    async with open_system() as system:
        diary = await system.spawn(Scripted)
        parent = await system.spawn(
            Scripted, diary, name="parent", supervision=Supervision(on_failure="escalate")
        )
        await within_limits(parent.ask(have_child))
        await until(lambda: info(system, parent).restarts == 1)
        await until(lambda: info(system, parent).state == "running")
        assert info(system, parent).children == ()
        assert await within_limits(diary.ask(seen)) == [
            "parent starts",
            "parent stops",
            "parent restarts after KeyError",
        ]


async def test_promise_5_what_is_escalated_to_the_system_stops_it(open_system):
    async def run():
        async with open_system(on_failure="escalate") as system:
            bystander = await system.spawn(Scripted)
            ref = await system.spawn(Scripted)
            await ref.send(fail)
            await within_limits(ref.terminated())
            await within_limits(bystander.terminated())
            with pytest.raises(ActorStopped):
                await system.spawn(Scripted)

    with pytest.raises(SystemFailed) as caught:
        await run()
    assert isinstance(caught.value.__cause__, KeyError)


async def test_promise_5_a_function_decides_by_the_error(open_system):
    async def divide(actor):
        return 1 / 0

    def decide(error):
        return "resume" if isinstance(error, ZeroDivisionError) else "restart"

    async with open_system(on_failure=decide) as system:
        ref = await system.spawn(Scripted)
        for message in (0, divide, 1):
            await ref.send(message)
        assert await within_limits(ref.ask(seen)) == [0, 1]
        await ref.send(fail)
        assert await within_limits(ref.ask(seen)) == []


# --- who is restarted


@pytest.mark.parametrize(
    ("strategy", "restarted"),
    [("one_for_one", "b"), ("one_for_all", "abc"), ("rest_for_one", "bc")],
)
async def test_promise_5_a_strategy_restarts_in_order_after_stopping_in_reverse(
    open_system, strategy, restarted
):
    async with open_system() as system:
        diary = await system.spawn(Scripted)

        async def have_children(actor):
            return [await actor.spawn(Scripted, diary, name=name) for name in "abc"]

        parent = await system.spawn(Scripted, name="parent", supervision=Supervision(strategy))
        refs = dict(zip("abc", await within_limits(parent.ask(have_children)), strict=True))
        for name in "abc":
            await refs[name].send(f"kept by {name}")
            await within_limits(refs[name].ask(seen))
        await refs["b"].send(fail)
        for name in restarted:
            await until(lambda name=name: info(system, refs[name]).restarts == 1)
        kept = {name: await within_limits(refs[name].ask(seen)) for name in "abc"}
        assert kept == {name: [] if name in restarted else [f"kept by {name}"] for name in "abc"}
        story = [f"{name} starts" for name in "abc"]
        story += ["b stops"]  # it is the one that has failed
        story += [f"{name} stops" for name in reversed(restarted) if name != "b"]
        story += [
            f"{name} restarts after {'KeyError' if name == 'b' else 'NoneType'}"
            for name in restarted
        ]
        assert await within_limits(diary.ask(seen)) == story


async def test_promise_5_the_mailboxes_of_siblings_survive_and_what_they_had_in_hand_is_told(
    open_system, tmp_path
):
    async def hold(actor):
        (tmp_path / "entered").touch()
        await asyncio.Event().wait()

    async with open_system("one_for_all") as system:
        one, two = [await system.spawn(Scripted) for _ in range(2)]
        in_hand = asyncio.create_task(two.ask(hold))
        await until((tmp_path / "entered").exists)
        await two.send("waits")
        await one.send(fail)
        with pytest.raises(ActorStopped):
            await within_limits(in_hand)
        assert await within_limits(two.ask(seen)) == ["waits"]
        assert letters(system) == [(fail, "handler raised"), (hold, "cancelled")]


# --- permanent, transient, temporary


@pytest.mark.parametrize(
    ("restart", "after_stop", "after_failure"),
    [
        ("permanent", "restarted", "restarted"),
        ("transient", "stopped", "restarted"),
        ("temporary", "stopped", "failed"),
    ],
)
async def test_promise_5_the_restart_type_says_when_an_actor_comes_back(
    open_system, restart, after_stop, after_failure
):
    async def stop_itself(actor):
        await actor.ref.stop()

    async with open_system() as system:
        for message, outcome in ((stop_itself, after_stop), (fail, after_failure)):
            ref = await system.spawn(Scripted, restart=restart)
            await ref.send(message)
            if outcome == "restarted":
                assert await within_limits(ref.ask(seen)) == []
                assert info(system, ref).restarts == 1
            else:
                assert (await within_limits(ref.terminated())).reason == outcome
                assert info(system, ref) is None


async def test_promise_5_a_stop_from_outside_ends_a_permanent_actor_too(open_system):
    async with open_system() as system:
        ref = await system.spawn(Scripted, restart="permanent")
        await within_limits(ref.stop())
        assert (await ref.terminated()).reason == "stopped"


async def test_promise_5_a_temporary_sibling_is_not_restarted_with_its_group(open_system):
    async with open_system("one_for_all") as system:
        one = await system.spawn(Scripted)
        two = await system.spawn(Scripted, restart="temporary")
        await one.send(fail)
        assert (await within_limits(two.terminated())).reason == "stopped"
        assert await within_limits(one.ask(seen)) == []


# --- at most so many restarts


async def test_promise_5_more_than_n_restarts_in_t_seconds_escalate(open_system):
    async def run():
        async with open_system(max_restarts=2, within=60) as system:
            ref = await system.spawn(Scripted)
            for _ in range(2):
                await ref.send(fail)
            assert await within_limits(ref.ask("still there")) == "still there"
            assert info(system, ref).restarts == 2
            await ref.send(fail)
            await within_limits(ref.terminated())

    with pytest.raises(SystemFailed, match="2 restarts within 60 s are the most") as caught:
        await run()
    assert isinstance(caught.value.__cause__, TooManyRestarts)
    assert isinstance(caught.value.__cause__.__cause__, KeyError)


async def test_promise_5_restarts_that_are_longer_ago_do_not_count(open_system):
    async with open_system(max_restarts=1, within=0.05) as system:
        ref = await system.spawn(Scripted)
        for _ in range(3):
            await ref.send(fail)
            await within_limits(ref.ask(seen))
            await asyncio.sleep(0.1)
        assert info(system, ref).restarts == 3


async def test_promise_5_too_many_restarts_of_a_child_are_a_failure_of_its_parent(open_system):
    async def have_child(actor):
        child = await actor.spawn(Scripted)
        await child.send(fail)
        return child

    async with open_system() as system:
        parent = await system.spawn(Scripted, supervision=Supervision(max_restarts=0))
        child = await within_limits(parent.ask(have_child))
        await until(lambda: info(system, parent).restarts == 1)
        assert (await within_limits(child.terminated())).reason == "failed"
        assert await within_limits(parent.ask(seen)) == []


# --- backoff


async def test_promise_5_backoff_grows_to_its_limit_and_jitters_around_it():
    plain = Backoff(initial=0.1, factor=3, maximum=2, jitter=0)
    assert [round(plain.delay(n), 6) for n in range(1, 6)] == [0.1, 0.3, 0.9, 2, 2]
    jittered = Backoff(initial=0.1, factor=3, maximum=2, jitter=0.5, seed=1)
    delays = [[jittered.delay(n) for n in range(1, 6)] for _ in range(200)]
    for n, expected in enumerate([0.1, 0.3, 0.9, 2, 2]):
        column = [row[n] for row in delays]
        assert all(0.5 * expected <= delay <= 1.5 * expected for delay in column)
        assert max(column) - min(column) > 0.8 * expected  # of 1.0, by 200 even draws
    again = Backoff(initial=0.1, factor=3, maximum=2, jitter=0.5, seed=1)
    assert [again.delay(n) for n in range(1, 6)] == delays[0]


async def test_promise_5_a_restart_waits_for_its_backoff_and_the_mailbox_takes_messages(
    open_system,
):
    async with open_system(backoff=Backoff(initial=0.1, factor=2, jitter=0)) as system:
        ref = await system.spawn(Scripted)
        loop = asyncio.get_running_loop()
        took = []
        for _ in range(2):
            await ref.send(fail)
            begun = loop.time()
            await ref.send("meanwhile")
            assert await within_limits(ref.ask(seen)) == ["meanwhile"]
            took.append(loop.time() - begun)
        # not earlier; how much later depends on the machine
        assert took[0] >= 0.09
        assert took[1] >= 0.19


# --- the order of starts and stops


async def test_promise_5_children_start_in_order_and_stop_in_reverse(system):
    diary = await system.spawn(Scripted)

    async def have_children(actor):
        for name in ("one", "two"):
            child = await actor.spawn(functools.partial(Scripted, diary), name=name)
            await child.ask(have_grandchild)
        return [child.path for child in actor.children]

    async def have_grandchild(actor):
        await actor.spawn(Scripted, diary, name=f"{actor.name}-below")

    parent = await system.spawn(Scripted, diary, name="parent")
    paths = await within_limits(parent.ask(have_children))
    assert paths == ["app/parent/one", "app/parent/two"]
    await within_limits(parent.stop())
    order = ["parent", "one", "one-below", "two", "two-below"]
    assert await within_limits(diary.ask(seen)) == [
        *(f"{name} starts" for name in order),
        *(f"{name} stops" for name in reversed(order)),
    ]


async def test_promise_5_what_keeps_an_actor_from_starting_is_raised_by_spawn(system):
    class Refuses(Scripted):
        async def on_start(self):
            raise OSError("no such device")

    def broken():
        raise ValueError("cannot be made")

    with pytest.raises(OSError, match="no such device"):
        await within_limits(system.spawn(Refuses))
    with pytest.raises(ValueError, match="cannot be made"):
        await within_limits(system.spawn(broken))
    assert system.inspect().children == ()


async def test_promise_5_an_on_restart_that_raises_is_tried_again_and_counts(open_system, tmp_path):
    class Fragile(Scripted):
        async def on_restart(self, error):
            for number in (1, 2):
                tried = tmp_path / f"try-{number}"
                if not tried.exists():
                    tried.touch()
                    raise OSError("not yet")

    async with open_system(max_restarts=3, within=60) as system:
        ref = await system.spawn(Fragile)
        await ref.send(fail)
        assert await within_limits(ref.ask(seen)) == []
        assert info(system, ref).restarts == 3
