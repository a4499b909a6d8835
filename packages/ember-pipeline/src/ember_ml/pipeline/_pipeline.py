"""A pipeline of plain callables that runs in the caller's thread."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Never, Self

from ember_ml.backend.errors import ArgumentError

from ._builder import PipelineBuilder
from ._stage import StageLike, callable_of, is_async
from .tasks._options import StageOptions
from .wiring._fit import fit
from .wiring._fuse import Fused

if TYPE_CHECKING:
    from .runtimes import Runtime

_ASYNCHRONOUS = {field.name for field in dataclasses.fields(StageOptions)}


class Pipeline(PipelineBuilder):
    """Stages applied one after another, or along a graph, in the caller's thread.

    Any callable is a stage, another pipeline and an Ember module included; so is an object that is
    not callable but has a ``transform`` or a ``predict`` method, as scikit-learn's have. Without
    stages, ``run`` returns its input. For coroutine functions and streams there is `AsyncPipeline`.

    Args:
        name: What errors and ``repr`` call the pipeline.

    Example:
        >>> from ember_ml.pipeline import Pipeline
        >>> clean = Pipeline("clean").add_stage(str.strip).add_stage(str.lower)
        >>> count = Pipeline("count").add_stage(clean).add_stage(str.split).add_stage(len, name="words")
        >>> count
        Pipeline('count': clean(strip -> lower) -> split -> words)
        >>> count.run("  So it goes ")
        3
    """

    def add_stage(
        self,
        stage: StageLike,
        /,
        *,
        name: str | None = None,
        after: str | Sequence[str] | None = None,
        **asynchronous: Never,
    ) -> Self:
        """Append a stage and return the pipeline, so that calls can be chained.

        Args:
            stage: A callable, or an object with a ``transform`` or ``predict`` method. It gets one
                argument for each name in ``after``.
            name: What errors and ``repr`` call the stage. By default the name of the function, the
                class or the nested pipeline, with a number where that is taken.
            after: The stage whose result this one takes, by default the one added last; or several,
                whose results it takes in that order. ``"input"`` is what the pipeline is given.
            asynchronous: No other option: those of `AsyncPipeline` are refused by name.

        Raises:
            ArgumentError: If ``stage`` is not a stage, or is a coroutine function; if an option is
                one of `AsyncPipeline`'s, or unknown.
            InvalidValueError: If ``name`` is taken, ``after`` names a stage that is not there, or
                the pipeline would contain itself.

        Example:
            >>> mean = Pipeline("mean").add_stage(sum, name="total")
            >>> mean.add_stage(len, name="count", after="input")
            Pipeline('mean': total; input -> count)
            >>> mean.run([1, 2, 6])
            {'total': 9, 'count': 3}
            >>> mean.add_stage(lambda total, count: total / count, after=("total", "count")).run([1, 2, 6])
            3.0
        """
        for option in asynchronous:
            way_out = (
                f"is an option of AsyncPipeline; use AsyncPipeline({self.name!r})"
                if option in _ASYNCHRONOUS
                else "is not an option of add_stage; it takes name and after"
            )
            raise ArgumentError(f"{self!r}: {option} {way_out}")
        if is_async(callable_of(stage, repr(self))):
            raise ArgumentError(
                f"{self!r} cannot run {stage!r}: it is asynchronous, and a Pipeline does not await; "
                f"use AsyncPipeline({self.name!r})"
            )
        self._append(stage, name, after, StageOptions(where="inline"))
        self.__dict__.pop("_fused", None)
        return self

    def run(self, raw: Any, /, *, runtime: Runtime | None = None) -> Any:
        """Return what comes out at the end for ``raw``.

        Args:
            raw: The item.
            runtime: Where the stages run: all of them in one process of it. None: here.

        Returns:
            What the last stage gives; where the graph ends in several stages, a dict of their
            results by name.

        Raises:
            StageError: If a stage raises; it names the stage and is chained to the stage's own
                exception.

        Example:
            >>> Pipeline("digits").add_stage(str).add_stage(len).run(2**64)
            20
        """
        if runtime is not None:
            from .runtimes._blocking import run_on

            return run_on(runtime, self, raw)
        return self._fused.one(raw)

    def map(self, items: Iterable[Any], /, *, runtime: Runtime | None = None) -> Iterator[Any]:
        """Yield what comes out for each of ``items``, in their order.

        An item is read when its result is asked for, and no earlier, so that ``items`` may be slow
        or endless.

        Args:
            items: The items.
            runtime: Where the stages run: all of them in each of its processes, which are given
                items ahead. None: here.

        Raises:
            ArgumentError: If ``items`` is not iterable.
            StageError: If a stage raises; its ``index`` is the item's position, from 0. What
                ``items`` itself raises is raised unchanged.

        Example:
            >>> import itertools
            >>> squares = Pipeline("squares").add_stage(lambda x: x * x).map(itertools.count())
            >>> list(itertools.islice(squares, 5))
            [0, 1, 4, 9, 16]
        """
        try:
            iterator = iter(items)
        except TypeError as error:
            raise ArgumentError(
                f"{self!r}: map takes an iterable, got {items!r}; "
                "run() takes one item, and AsyncPipeline.stream() an asynchronous iterable"
            ) from error
        if runtime is not None:
            from .runtimes._blocking import map_on

            return map_on(runtime, self, iterator)
        return self._fused.each(iterator)

    def fit(self, raw: Any, /, y: Any = None) -> Self:
        """Fit each stage that has a ``fit`` to what reaches it, and return the pipeline.

        A stage whose result others need is fitted by its ``fit_transform`` where it has one. The
        stages at the ends are fitted and not run. A function has nothing to fit.

        Args:
            raw: What the pipeline is given: the samples to fit to.
            y: The targets, passed on to every ``fit`` that has a parameter of this name.

        Raises:
            StageError: If a stage raises.

        Example:
            >>> class Center:
            ...     def fit(self, x):
            ...         self.mean = sum(x) / len(x)
            ...     def transform(self, x):
            ...         return [value - self.mean for value in x]
            >>> center = Pipeline("center").add_stage(sorted).add_stage(Center()).fit([4.0, 1.0, 1.0])
            >>> center.run([5.0, 3.0])
            [1.0, 3.0]
        """
        fit(self._stages, raw, y, transform=False)
        return self

    def fit_transform(self, raw: Any, /, y: Any = None) -> Any:
        """`fit`, and return what comes out for ``raw``: `run` of the fitted stages.

        Raises:
            StageError: If a stage raises.
        """
        return fit(self._stages, raw, y, transform=True)

    def __call__(self, raw: Any, /) -> Any:
        """The same as `run`, which makes a pipeline a stage of another."""
        return self.run(raw)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_fused"}

    @cached_property
    def _fused(self) -> Fused:
        return Fused(self._stages)
