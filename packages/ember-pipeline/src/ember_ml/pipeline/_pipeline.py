"""A pipeline that runs one item through plain callables."""

from __future__ import annotations

import inspect
from typing import Any, Self

from ember_ml.backend.errors import ArgumentError

from ._builder import PipelineBuilder
from ._stage import StageLike, callable_of, is_async


class Pipeline(PipelineBuilder):
    """Stages applied one after another, each to what the one before returned.

    Any callable is a stage, another pipeline included; so is an object that is not callable but has
    a ``transform`` method, as a fitted scikit-learn estimator. Without stages, ``run`` returns its
    input. For coroutine functions and streams there is `AsyncPipeline`.

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

    def add_stage(self, stage: StageLike, /, *, name: str | None = None) -> Self:
        """Append a stage and return the pipeline, so that calls can be chained.

        Args:
            stage: A callable of one argument, or an object with a ``transform`` method.
            name: What errors and ``repr`` call the stage. By default the name of the function, the
                class or the nested pipeline, with a number where that is taken.

        Raises:
            ArgumentError: If ``stage`` is not a stage, or is a coroutine function.
            InvalidValueError: If ``name`` is taken, or the pipeline would contain itself.

        Example:
            >>> Pipeline("double").add_stage(lambda x: x + x, name="add").run(21)
            42
        """
        if is_async(callable_of(stage, repr(self))):
            raise ArgumentError(
                f"{self!r} cannot run {stage!r}: it is asynchronous, and a Pipeline does not await; "
                f"use AsyncPipeline({self.name!r})"
            )
        self._append(stage, name, "inline")
        return self

    def run(self, raw: Any, /) -> Any:
        """Return ``raw`` after every stage, in order.

        Raises:
            StageError: If a stage raises; it names the stage and is chained to the stage's own
                exception.

        Example:
            >>> Pipeline("digits").add_stage(str).add_stage(len).run(2**64)
            20
        """
        item = raw
        for stage in self.stages:
            result = stage.apply(item)
            if inspect.iscoroutine(result):
                result.close()
                error = ArgumentError(
                    "the stage returned a coroutine, which a Pipeline does not await; use AsyncPipeline"
                )
                raise stage.failure(item, error) from error
            item = result
        return item

    def __call__(self, raw: Any, /) -> Any:
        """The same as `run`, which makes a pipeline a stage of another."""
        return self.run(raw)
