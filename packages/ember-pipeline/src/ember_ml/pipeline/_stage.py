"""What counts as a stage, and what it is called."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ember_ml.backend.errors import ArgumentError

from ._describe import promised
from ._errors import StageError
from .tasks._options import StageOptions


class Transformer(Protocol):
    """An object that transforms without being callable, as scikit-learn's do."""

    @property
    def transform(self) -> Callable[[Any], Any]: ...


class Predictor(Protocol):
    """An object that predicts without being callable, as scikit-learn's do."""

    @property
    def predict(self) -> Callable[[Any], Any]: ...


StageLike = Callable[..., Any] | Transformer | Predictor


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """One named step of a pipeline.

    Attributes:
        pipeline: Name of the pipeline that the stage belongs to.
        name: Name of the stage, unique in its pipeline.
        call: What is applied to each item.
        after: Names of the stages whose results the call takes, in that order; ``"input"`` is what
            the pipeline is given.
        target: What `add_stage` was given: ``call`` itself, or the object that has it as a method.
        options: How an `AsyncPipeline` carries it out.
        filters: Whether the call is a predicate, and items for which it is false go no further.
    """

    pipeline: str
    name: str
    call: Callable[..., Any]
    after: tuple[str, ...]
    target: object
    options: StageOptions
    filters: bool = False

    def failure(
        self,
        item: Any,
        error: Exception,
        index: int | None = None,
        gives: str | None = None,
    ) -> StageError:
        """The `StageError` for ``error``, which the stage raised on ``item``.

        A failure inside a nested pipeline is told once, with the path to its stage, not once per
        level.
        """
        if isinstance(error, StageError):
            path, index = f"{self.name}/{error.stage}", error.index if index is None else index
            return StageError(self.pipeline, path, error.item, error.cause, index, error.gives)
        gives = gives or promised(self.call)
        return StageError(self.pipeline, self.name, item, error, index, gives)


def callable_of(stage: StageLike, owner: str) -> Callable[..., Any]:
    """What to call for ``stage``: the object itself, else its ``transform`` or ``predict``.

    Raises:
        ArgumentError: If ``stage`` is neither callable nor has one of these methods, or if it
            yields several results for one item.
    """
    if inspect.isasyncgenfunction(stage):
        raise ArgumentError(
            f"{owner}: {stage!r} is an asynchronous generator, and a stage has one result for an "
            "item; return a list, or make it the source of a stream"
        )
    if callable(stage):
        return stage
    for method in ("transform", "predict"):
        call = getattr(stage, method, None)
        if callable(call):
            return call
    problem = (
        f"{owner}: {stage!r} is not a stage: it is neither callable nor has a transform method "
        "or a predict method"
    )
    if hasattr(stage, "fit_transform"):
        problem += (
            ". It has a fit_transform, but that would fit it anew on every run; "
            "if you want that, add the method: add_stage(obj.fit_transform)"
        )
    raise ArgumentError(problem)


def name_of(stage: StageLike) -> str:
    """A readable name for ``stage``: of the function, the method, the pipeline or the class."""
    while isinstance(stage, functools.partial):
        stage = stage.func
    if inspect.ismethod(stage):
        return f"{name_of(type(stage.__self__))}.{stage.__name__}"
    own = getattr(stage, "name", None)
    if not isinstance(own, str):
        own = getattr(stage, "__name__", None)
    if not isinstance(own, str) or not own:
        own = type(stage).__name__
    return "lambda" if own == "<lambda>" else own


def is_async(call: Callable[[Any], Any]) -> bool:
    """Whether ``call`` is an ``async def``, or an object whose ``__call__`` is one."""
    while isinstance(call, functools.partial):
        call = call.func
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(type(call).__call__)
