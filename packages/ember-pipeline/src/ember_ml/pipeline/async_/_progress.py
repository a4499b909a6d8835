"""How a run comes along, on the terminal or as lines of text."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ember_ml.backend.errors import ArgumentError

from .._errors import MissingExtraError
from ._report import Report, StageReport

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

#: Seconds between two pictures on a terminal and between two lines of text, and how far back rates
#: look.
_PICTURE, _LINE, _WINDOW = 0.1, 5.0, 10.0


class ProgressDisplay:
    """Shows a live report: a row for each stage on a terminal, else a line every few seconds.

    It reads the report's counts when it draws, so that an item costs nothing.

    Args:
        report: What to show.
        progress: True for a display of its own on the standard error, or a ``rich`` `Progress` to
            add a task for each stage to, with the fields ``rate``, ``in_flight``, ``retries`` and
            ``dead_letters``. It is started and stopped only if it was not started before.
        console: Where to draw, instead of the standard error.
        clock: Gives the time in seconds.

    Raises:
        ArgumentError: If ``progress`` is neither True nor a ``rich`` `Progress`.
        MissingExtraError: If ``rich`` is not installed.

    Example:
        >>> import io
        >>> from rich.console import Console
        >>> out = io.StringIO()
        >>> report = Report("parse", ["int"], total=4)
        >>> display = ProgressDisplay(report, True, console=Console(file=out))
        >>> report.inputs = report["int"].inputs = 4
        >>> report.outputs = report["int"].outputs = 3
        >>> display.draw()
        >>> print(out.getvalue())
        parse: 3/4 items, ...
    """

    def __init__(
        self,
        report: Report,
        progress: bool | Progress,
        *,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        rows, self._console = _rows(progress, console)
        self._report = report
        self._clock = clock
        self._progress = rows
        self._own = rows is not None and not rows.live.is_started
        self._tasks: list[TaskID] = []
        self._past: deque[tuple[float, tuple[int, ...]]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._remember()

    def start(self) -> None:
        """Begin to draw, from the running event loop."""
        if self._progress is not None:
            self._add_tasks(self._progress)
            if self._own:
                self._progress.start()
        self._again()

    def stop(self) -> None:
        """Draw the final state and stop. A second call does nothing."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        self.draw()
        if self._progress is not None and self._own:
            self._progress.stop()

    def draw(self) -> None:
        """Draw the present state."""
        rates = self._rates()
        if self._progress is None:
            if self._console is not None:
                self._console.print(
                    _line(self._report, rates[-1]), markup=False, highlight=False, soft_wrap=True
                )
            return
        for task, stage, total, rate in zip(
            self._tasks, self._report.stages, _totals(self._report), rates, strict=False
        ):
            self._progress.update(task, completed=_done(stage), total=total, **_fields(stage, rate))
        self._progress.refresh()

    def _again(self) -> None:
        pause = _PICTURE if self._progress is not None else _LINE
        self._timer = asyncio.get_running_loop().call_later(pause, self._tick)

    def _tick(self) -> None:
        self.draw()
        self._again()

    def _add_tasks(self, progress: Progress) -> None:
        from rich.markup import escape

        for stage, total in zip(self._report.stages, _totals(self._report), strict=True):
            self._tasks.append(
                progress.add_task(escape(stage.name), total=total, **_fields(stage, 0.0))
            )

    def _remember(self) -> None:
        counts = (*(_done(stage) for stage in self._report.stages), _settled(self._report))
        self._past.append((self._clock(), counts))

    def _rates(self) -> list[float]:
        """Items a second of each stage and of the run, over the last seconds."""
        self._remember()
        now, counts = self._past[-1]
        while len(self._past) > 2 and self._past[1][0] <= now - _WINDOW:
            self._past.popleft()
        then, before = self._past[0]
        if now <= then:
            return [0.0] * len(counts)
        return [(new - old) / (now - then) for new, old in zip(counts, before, strict=True)]


def _rows(
    progress: bool | Progress, console: Console | None
) -> tuple[Progress | None, Console | None]:
    """What draws rows, or a console for lines of text."""
    try:
        import rich.progress as rich
        from rich.console import Console
    except ImportError as error:
        raise MissingExtraError(
            'progress needs rich: pip install "ember-pipeline[progress]", or leave out progress='
        ) from error
    if isinstance(progress, rich.Progress):
        return progress, None
    if progress is not True:
        raise ArgumentError(
            f"progress must be True, False or a rich.progress.Progress, got {progress!r}"
        )
    console = console if console is not None else Console(stderr=True)
    if not (console.is_jupyter or (console.is_terminal and not console.is_dumb_terminal)):
        return None, console
    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(bar_width=20),
        rich.MofNCompleteColumn(),
        rich.TextColumn("{task.fields[rate]:.1f}/s"),
        rich.TextColumn("{task.fields[in_flight]} in flight"),
        rich.TextColumn("{task.fields[retries]} retries"),
        rich.TextColumn("{task.fields[dead_letters]} dead letters"),
    )
    return rich.Progress(*columns, console=console, auto_refresh=False), None


def _fields(stage: StageReport, rate: float) -> dict[str, Any]:
    return {
        "rate": rate,
        "in_flight": stage.in_flight,
        "retries": stage.retries,
        "dead_letters": stage.dead_lettered,
    }


def _done(stage: StageReport) -> int:
    return stage.inputs - stage.in_flight


def _settled(report: Report) -> int:
    return report.inputs - report.in_flight


def _totals(report: Report) -> list[int | None]:
    """How many items each stage will see: those of the source that no stage before has kept."""
    totals: list[int | None] = []
    left = report.total
    for stage in report.stages:
        totals.append(left)
        if left is not None:
            left -= _done(stage) - stage.outputs
    return totals


def _line(report: Report, rate: float) -> str:
    done = f"{_settled(report)}" if report.total is None else f"{_settled(report)}/{report.total}"
    return (
        f"{report.pipeline}: {done} items, {rate:.1f}/s, {report.in_flight} in flight, "
        f"{report.retries} retries, {report.dead_lettered} dead letters"
    )
