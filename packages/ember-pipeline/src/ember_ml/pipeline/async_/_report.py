"""The counts of a run: live while it lasts, final afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

_COLUMNS = (
    ("stage", "name"),
    ("in", "inputs"),
    ("out", "outputs"),
    ("filtered", "filtered"),
    ("skipped", "skipped"),
    ("dead letters", "dead_lettered"),
    ("cancelled", "cancelled"),
    ("in flight", "in_flight"),
    ("retries", "retries"),
    ("failures", "failures"),
)


class StageReport:
    """What one stage has done. The counts are of items.

    Attributes:
        name: Name of the stage.
        inputs: Items it was given.
        outputs: Items it passed on.
        filtered: Items that a filter left out.
        skipped: Items left out because the stage failed on them and ``on_error`` is ``"skip"``.
        dead_lettered: Items that went to the dead letters.
        cancelled: Items it had when the run ended early.
        retries: Attempts after the first.
        failures: Items on which the last attempt raised.
    """

    __slots__ = (
        "cancelled",
        "dead_lettered",
        "failures",
        "filtered",
        "inputs",
        "name",
        "outputs",
        "retries",
        "skipped",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.inputs = 0
        self.outputs = 0
        self.filtered = 0
        self.skipped = 0
        self.dead_lettered = 0
        self.cancelled = 0
        self.retries = 0
        self.failures = 0

    @property
    def in_flight(self) -> int:
        """Items that the stage was given and that have not left it."""
        return self.inputs - (
            self.outputs + self.filtered + self.skipped + self.dead_lettered + self.cancelled
        )

    def __repr__(self) -> str:
        return f"StageReport({_counts(self)})"


class Report:
    """What a run has done, counted in items of its source.

    Attributes:
        pipeline: Name of the pipeline.
        stages: A `StageReport` for each stage, in the pipeline's order; ``report["name"]`` is one.
        total: How many items the source has, if that is known.
        inputs: Items taken from the source.
        outputs: Items that came out.
        filtered: Items that filters left out or that were skipped.
        dead_lettered: Items that went to the dead letters.
        cancelled: Items that were under way when the run ended early.

    Example:
        >>> report = Report("parse", ["strip", "int"], total=4)
        >>> report.inputs, report.outputs, report.filtered = 4, 2, 1
        >>> report.in_flight, report.balanced
        (1, True)
        >>> report.finish()
        >>> report.balanced  # an item was lost
        False
    """

    __slots__ = (
        "_ended",
        "_started",
        "cancelled",
        "dead_lettered",
        "filtered",
        "inputs",
        "outputs",
        "pipeline",
        "stages",
        "total",
    )

    def __init__(self, pipeline: str, stages: Iterable[str], *, total: int | None = None) -> None:
        self.pipeline = pipeline
        self.stages = tuple(StageReport(name) for name in stages)
        self.total = total
        self.inputs = 0
        self.outputs = 0
        self.filtered = 0
        self.dead_lettered = 0
        self.cancelled = 0
        self._started = time.monotonic()
        self._ended: float | None = None

    def __getitem__(self, name: str) -> StageReport:
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise KeyError(
            f"{self.pipeline!r} has no stage {name!r}; "
            f"there are {', '.join(repr(stage.name) for stage in self.stages) or 'none'}"
        )

    def finish(self) -> None:
        """Stop the clock: the run has ended."""
        if self._ended is None:
            self._ended = time.monotonic()

    @property
    def finished(self) -> bool:
        """Whether the run has ended."""
        return self._ended is not None

    @property
    def elapsed(self) -> float:
        """Seconds from the start of the run to its end, or to now."""
        return (self._ended if self._ended is not None else time.monotonic()) - self._started

    @property
    def retries(self) -> int:
        """Attempts after the first, of all stages."""
        return sum(stage.retries for stage in self.stages)

    @property
    def failures(self) -> int:
        """How often the last attempt raised, over all stages."""
        return sum(stage.failures for stage in self.stages)

    @property
    def in_flight(self) -> int:
        """Items that were taken from the source and whose fate is open."""
        return self.inputs - (self.outputs + self.filtered + self.dead_lettered + self.cancelled)

    @property
    def balanced(self) -> bool:
        """Whether no item is lost and none counted twice.

        After the end ``inputs == outputs + filtered + dead_lettered + cancelled``, for the run and
        for each stage; before, what is missing is in flight.
        """
        counts = [self.in_flight, *(stage.in_flight for stage in self.stages)]
        return not any(counts) if self.finished else min(counts) >= 0

    def __repr__(self) -> str:
        counts = (
            "inputs",
            "outputs",
            "filtered",
            "dead_lettered",
            "cancelled",
            "in_flight",
            "retries",
            "failures",
        )
        shown = ", ".join(f"{name}={getattr(self, name)}" for name in counts)
        return f"Report({self.pipeline!r}, {shown}, elapsed={self.elapsed:.3f})"

    def __str__(self) -> str:
        taken = f"{self.inputs}" if self.total is None else f"{self.inputs} of {self.total}"
        rate = f" ({self.outputs / self.elapsed:.1f}/s)" if self.elapsed > 0 else ""
        head = (
            f"pipeline {self.pipeline!r}: {taken} items in, {self.outputs} out, "
            f"{self.filtered} filtered, {self.dead_lettered} dead-lettered, "
            f"{self.cancelled} cancelled, {self.in_flight} in flight; {self.elapsed:.2f} s{rate}"
        )
        return "\n".join([head, *_table(self.stages)])


def _counts(stage: StageReport) -> str:
    counts = [f"{field}={getattr(stage, field)}" for _, field in _COLUMNS[1:]]
    return ", ".join([repr(stage.name), *counts])


def _table(stages: Sequence[StageReport]) -> list[str]:
    rows = [[title for title, _ in _COLUMNS]]
    rows += [[str(getattr(stage, field)) for _, field in _COLUMNS] for stage in stages]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
