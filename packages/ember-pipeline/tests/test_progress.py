import asyncio
import io
import re
import sys

import pytest

from ember_ml.backend.errors import ArgumentError
from ember_ml.pipeline import MissingExtraError
from ember_ml.pipeline.async_._progress import ProgressDisplay
from ember_ml.pipeline.async_._report import Report

try:
    from rich.console import Console
    from rich.progress import Progress, TextColumn
except ImportError:
    Console = None

# rich comes with the extra `progress`: without it there is the error to test, and nothing else
needs_rich = pytest.mark.skipif(Console is None, reason="needs the extra 'progress'")


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def half_way():
    """Ten of 20 items taken: stage one has kept three of them, and stage two has one in hand."""
    report = Report("features", ["load", "measure"], total=20)
    advance(report)
    return report


def advance(report):
    load, measure = report.stages
    report.inputs = load.inputs = 10
    load.outputs, load.retries, load.dead_lettered, load.filtered = 7, 5, 2, 1
    measure.inputs, measure.outputs = 7, 6
    report.outputs, report.dead_lettered, report.filtered = 6, 2, 1


def terminal():
    return Console(
        file=io.StringIO(), force_terminal=True, width=120, color_system=None, legacy_windows=False
    )


def text_of(console):
    """What was written, without control sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", console.file.getvalue())


@needs_rich
async def test_a_terminal_shows_a_row_for_each_stage():
    clock, console = Clock(), terminal()
    report = Report("features", ["load", "measure"], total=20)
    display = ProgressDisplay(report, True, console=console, clock=clock)
    display.start()
    clock.now += 2.0
    advance(report)
    display.stop()
    load, measure = text_of(console).rstrip().splitlines()[-2:]
    assert re.fullmatch(
        r"load +\S+ +10/20 5\.0/s 0 in flight 5 retries 2 dead letters *", load.strip()
    )
    # three items of the twenty will not come this far
    assert re.fullmatch(
        r"measure +\S+ +6/17 3\.0/s 1 in flight 0 retries 0 dead letters *", measure.strip()
    )


@needs_rich
async def test_what_is_no_terminal_gets_lines_without_control_characters():
    clock, out = Clock(), io.StringIO()
    report = Report("features", ["load", "measure"], total=20)
    display = ProgressDisplay(report, True, console=Console(file=out), clock=clock)
    display.start()
    assert out.getvalue() == ""
    clock.now += 2.0
    advance(report)
    display.stop()
    assert out.getvalue() == (
        "features: 9/20 items, 4.5/s, 1 in flight, 5 retries, 2 dead letters\n"
    )


@needs_rich
def test_a_source_of_unknown_length():
    out = io.StringIO()
    report = Report("p[q]", ["a"])
    display = ProgressDisplay(report, True, console=Console(file=out), clock=Clock())
    report.inputs = report["a"].inputs = 3
    display.draw()
    assert out.getvalue() == "p[q]: 0 items, 0.0/s, 3 in flight, 0 retries, 0 dead letters\n"


@needs_rich
async def test_a_name_is_not_taken_for_markup():
    console = terminal()
    display = ProgressDisplay(Report("p", ["a[red]"]), True, console=console)
    display.start()
    display.stop()
    assert "a[red]" in text_of(console)


@needs_rich
async def test_it_draws_by_itself_while_the_loop_runs():
    console = terminal()
    report = half_way()
    display = ProgressDisplay(report, True, console=console)
    display.start()
    async with asyncio.timeout(60):
        while "10/20" not in text_of(console):  # noqa: ASYNC110 - it draws by a timer
            await asyncio.sleep(0.01)
        report["load"].inputs = 11
        while "1 in flight" not in text_of(console):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    display.stop()
    written = text_of(console)
    display.stop()
    await asyncio.sleep(0.25)
    assert text_of(console) == written


@needs_rich
def test_pictures_and_lines_are_rare(monkeypatch):
    pauses = []

    class Loop:
        def call_later(self, pause, call):
            pauses.append(pause)

    monkeypatch.setattr(asyncio, "get_running_loop", Loop)
    for console in (terminal(), Console(file=io.StringIO())):
        display = ProgressDisplay(half_way(), True, console=console)
        display.start()
        display._progress and display._progress.stop()
    assert pauses == [0.1, 5.0]


@needs_rich
def test_rates_look_back_ten_seconds():
    clock = Clock()
    report = Report("p", ["a"])
    stage = report["a"]
    display = ProgressDisplay(report, True, console=Console(file=io.StringIO()), clock=clock)
    for second in range(1, 101):
        clock.now += 1.0
        # one item a second at first, ten a second in the last half
        count = second if second <= 50 else 50 + 10 * (second - 50)
        report.inputs = report.outputs = stage.inputs = stage.outputs = count
        display.draw()
    assert display._rates() == pytest.approx([10.0, 10.0])
    assert len(display._past) <= 12


@needs_rich
async def test_a_progress_of_the_callers_own_gets_tasks_and_stays_as_it_was():
    columns = TextColumn("{task.description} {task.completed}/{task.total} {task.fields[retries]}")
    with Progress(columns, console=terminal(), auto_refresh=False) as own:
        display = ProgressDisplay(half_way(), own)
        display.start()
        display.stop()
        assert own.live.is_started
        shown = [(task.description, task.completed, task.total) for task in own.tasks]
    assert shown == [("load", 10, 20), ("measure", 6, 17)]
    assert "load 10/20 5" in text_of(own.console)


@needs_rich
async def test_a_progress_that_is_not_started_is_started_and_stopped():
    own = Progress(console=terminal(), auto_refresh=False)
    display = ProgressDisplay(half_way(), own)
    display.start()
    assert own.live.is_started
    display.stop()
    assert not own.live.is_started


@needs_rich
@pytest.mark.parametrize("wrong", ["bar", 1, None])
def test_what_is_no_progress_is_refused(wrong):
    with pytest.raises(ArgumentError, match=f"rich.progress.Progress, got {wrong!r}"):
        ProgressDisplay(half_way(), wrong)


def test_without_rich_the_extra_is_named(monkeypatch):
    for name in list(sys.modules):
        if name.partition(".")[0] == "rich":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)
    with pytest.raises(MissingExtraError, match=r"pip install \"ember-pipeline\[progress\]\""):
        ProgressDisplay(half_way(), True)
