import logging
import pickle

import pytest

from ember_ml.backend.errors import ArgumentError
from ember_ml.pipeline import Event, Report, StageReport
from ember_ml.pipeline.async_._events import Emitter


def test_an_event_has_what_is_known():
    seen = []
    error = ValueError("x")
    emitter = Emitter("p", seen.append)
    emitter.emit("run_started")
    emitter.emit("retried", stage="s", index=3, seconds=0.5, error=error, attempt=2)
    emitter.emit("stage_finished", stage="s", index=8, seconds=0.25, items=4)
    assert seen == [
        Event("run_started", "p"),
        Event("retried", "p", "s", 3, 0.5, error, 2),
        Event("stage_finished", "p", "s", 8, 0.25, items=4),
    ]


def test_a_hook_that_raises_is_logged_and_ends_nothing(caplog):
    def hook(event):
        raise KeyError("no such counter")

    with caplog.at_level(logging.ERROR):
        emitter = Emitter("p", hook)
        emitter.emit("failed", stage="s")
        emitter.emit("failed", stage="s")
    (record,) = caplog.records
    assert record.getMessage() == (
        "pipeline 'p': the event hook raised on 'failed'; further failures are not logged"
    )
    assert record.exc_info[0] is KeyError


async def asynchronous_hook(event):
    pass


@pytest.mark.parametrize("hook", [asynchronous_hook, 3], ids=["asynchronous", "number"])
def test_a_hook_that_cannot_be_called_is_refused(hook):
    with pytest.raises(ArgumentError, match="pipeline 'p': on_event must be a plain callable"):
        Emitter("p", hook)


def test_an_interrupt_in_a_hook_is_not_held_back():
    def hook(event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Emitter("p", hook).emit("failed")


def report():
    """Ten items of twelve: one filtered, two dead letters, six out, one in hand."""
    found = Report("features", ["load", "measure"], total=12)
    load, measure = found.stages
    found.inputs = load.inputs = 10
    load.outputs, load.dead_lettered, load.filtered = 7, 2, 1
    load.retries, load.failures = 5, 2
    measure.inputs, measure.outputs, measure.retries = 7, 6, 1
    found.outputs, found.filtered, found.dead_lettered = 6, 1, 2
    return found


def test_what_is_missing_is_in_flight_until_the_end():
    found = report()
    assert (found.in_flight, found["load"].in_flight, found["measure"].in_flight) == (1, 0, 1)
    assert found.balanced
    found.finish()
    assert not found.balanced
    found.cancelled += 1
    assert not found.balanced  # the stage that had it has not told
    found["measure"].cancelled += 1
    assert found.balanced


def test_an_item_that_is_counted_twice_shows_at_once():
    found = report()
    found.outputs += 2
    assert not found.balanced


@pytest.mark.parametrize("field", ["outputs", "filtered", "skipped", "dead_lettered", "cancelled"])
def test_each_way_to_leave_a_stage_counts(field):
    stage = StageReport("s")
    stage.inputs = 5
    setattr(stage, field, 2)
    assert stage.in_flight == 3


def test_sums_over_the_stages():
    assert (report().retries, report().failures) == (6, 2)


def test_the_clock_stops_at_the_end():
    found = report()
    assert not found.finished
    assert found.elapsed >= 0
    found.finish()
    first = found.elapsed
    found.finish()
    assert found.finished
    assert found.elapsed == first


def test_stages_are_found_by_name():
    found = report()
    assert found["measure"] is found.stages[1]
    with pytest.raises(KeyError, match="no stage 'x'; there are 'load', 'measure'"):
        found["x"]


def test_a_report_reads_as_a_table():
    head, titles, *rows = str(report()).splitlines()
    assert head.startswith(
        "pipeline 'features': 10 of 12 items in, 6 out, 1 filtered, 2 dead-lettered, "
        "0 cancelled, 1 in flight; "
    )
    assert " ".join(titles.split()) == (
        "stage in out filtered skipped dead letters cancelled in flight retries failures"
    )
    assert [row.split() for row in rows] == [
        ["load", "10", "7", "1", "0", "2", "0", "0", "5", "2"],
        ["measure", "7", "6", "0", "0", "0", "0", "1", "1", "0"],
    ]
    assert len({len(row) for row in (titles, *rows)}) == 1


def test_repr_is_one_line():
    assert repr(report()).startswith(
        "Report('features', inputs=10, outputs=6, filtered=1, dead_lettered=2, cancelled=0, "
        "in_flight=1, retries=6, failures=2, elapsed="
    )
    assert repr(report()["measure"]) == (
        "StageReport('measure', inputs=7, outputs=6, filtered=0, skipped=0, dead_lettered=0, "
        "cancelled=0, in_flight=1, retries=1, failures=0)"
    )


def test_a_report_can_be_sent_to_another_process():
    sent = pickle.loads(pickle.dumps(report()))
    assert str(sent["load"]) == str(report()["load"])
    assert sent.balanced
