"""Fitting the stages of a graph, one after another, each to what reaches it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from types import CoroutineType
from typing import Any

from .._stage import Stage
from ._fuse import given_of, unawaited
from ._graph import ends_of, walk


def fit(stages: Sequence[Stage], item: Any, y: Any, *, transform: bool) -> Any:
    """Fit each stage that has a ``fit`` to what reaches it.

    Args:
        stages: The graph.
        item: What the pipeline is given.
        y: Passed on to every ``fit`` that has a parameter of this name, unless it is None.
        transform: Whether to run the stages at the ends too, and to return what comes out.

    Raises:
        StageError: If a stage raises.
    """
    unneeded = set() if transform else set(ends_of(stages))

    def apply(stage: Stage, taken: list[Any]) -> Any:
        given = given_of(taken)
        try:
            result = _fit_one(stage, taken, y, stage.name not in unneeded)
        except Exception as error:
            failure = stage.failure(given, error)
            raise failure from failure.cause
        if type(result) is CoroutineType:
            raise stage.failure(given, unawaited(result))
        return result

    return walk(stages, item, apply)


def _fit_one(stage: Stage, taken: Sequence[Any], y: Any, needed: bool) -> Any:
    # a class that is called as a stage has methods too, and nobody's state to fit
    if not isinstance(stage.target, type):
        both, alone = (getattr(stage.target, name, None) for name in ("fit_transform", "fit"))
        if needed and callable(both) and callable(alone):
            return _with_y(both, taken, y)
        if callable(alone):
            _with_y(alone, taken, y)
    return stage.call(*taken) if needed else None


def _with_y(method: Callable[..., Any], taken: Sequence[Any], y: Any) -> Any:
    parameters = inspect.signature(method).parameters
    if y is None or "y" not in list(parameters)[len(taken) :]:
        return method(*taken)
    if parameters["y"].kind is inspect.Parameter.POSITIONAL_ONLY:
        return method(*taken, y)
    return method(*taken, y=y)
