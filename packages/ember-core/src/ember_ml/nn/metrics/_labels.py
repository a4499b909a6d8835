"""Class numbers as arguments: checked, and counted from zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ember_ml.backend.errors import DTypeError, InvalidValueError, ShapeError, TensorIndexError
from ember_ml.nn.losses._shared import holds_anywhere, tensors
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    argsort,
    asarray,
    astype,
    clip,
    concat,
    logical_and,
    logical_or,
    searchsorted,
    take,
    unique_values,
    where,
)
from ember_ml.nn.tensor._scatter import filled

__all__ = ["checked_labels", "classes", "classified", "in_range", "numbered", "present", "whole"]


def classes(what: str, y_true: TensorLike, y_pred: TensorLike) -> tuple[EmberTensor, EmberTensor]:
    """Two rows of class numbers, as ``int64``.

    Raises:
        ShapeError: they are no rows, differ in length, or are empty.
        DTypeError: they are not integers (or bool).
    """
    y_true, y_pred = tensors(what, y_true, y_pred)
    if y_true.ndim != 1 or y_true.shape != y_pred.shape:
        raise ShapeError(
            f"{what}: y_true of shape {y_true.shape} and y_pred of shape {y_pred.shape}; (N,) and "
            "(N,) are due: reshape(-1), or argmax(axis=-1) of scores"
        )
    return whole(what, "y_true", y_true), whole(what, "y_pred", y_pred)


def whole(what: str, name: str, x: EmberTensor) -> EmberTensor:
    if not x.size:
        raise ShapeError(f"{what}: {name} is empty")
    if x.dtype.kind not in ("signed", "unsigned", "bool"):
        raise DTypeError(f"{what}: {name} has class numbers, integers, not {x.dtype}")
    return astype(x, "int64", copy=False)


def classified(
    what: str, y_true: TensorLike, y_score: TensorLike
) -> tuple[EmberTensor, EmberTensor]:
    """A row of class numbers and the scores of each class, (N,) and (N, C).

    Raises:
        ShapeError: the shapes are others, or empty.
        TensorIndexError: a class is out of range (where values are known).
    """
    y_true, y_score = tensors(what, y_true, y_score)
    if y_score.ndim != 2 or y_true.shape != y_score.shape[:1] or not y_score.size:
        raise ShapeError(
            f"{what}: y_true of shape {y_true.shape} and y_score of shape {y_score.shape}; (N,) "
            "and (N, C) are due"
        )
    y_true = whole(what, "y_true", y_true)
    in_range(what, "y_true", y_true, y_score.shape[1])
    return y_true, y_score


def in_range(what: str, name: str, x: EmberTensor, count: int) -> None:
    """Refuse numbers outside of [0, count), where they are known."""
    if holds_anywhere(logical_or(x < 0, x >= count)):
        raise TensorIndexError(f"{what}: {name} has classes outside of 0 to {count - 1}")


def present(y_true: EmberTensor, y_pred: EmberTensor) -> list[int]:
    """The classes that there are, sorted."""
    found: list[int] = unique_values(concat([y_true, y_pred])).tolist()
    return found


def checked_labels(what: str, labels: Sequence[int] | None) -> list[int] | None:
    """``labels`` as a list of integers, each once."""
    if labels is None:
        return None
    listed: Any = asarray(labels).tolist() if not isinstance(labels, list | tuple) else list(labels)
    if not listed or len(set(listed)) != len(listed) or not all(isinstance(n, int) for n in listed):
        raise InvalidValueError(f"{what}: labels are distinct integers, not {labels!r}")
    return listed


def numbered(x: EmberTensor, labels: Sequence[int]) -> EmberTensor:
    """The place of each element in ``labels``; their number for what is none of them."""
    known = astype(
        asarray(list(labels), device=x.device).to_backend(x.backend), "int64", copy=False
    )
    order = argsort(known)
    rows = take(known, order, axis=0)
    places = clip(searchsorted(rows, x), 0, len(labels) - 1)
    found = logical_and(take(rows, places, axis=0) == x, places < len(labels))
    return where(found, take(order, places, axis=0), filled(x.shape, len(labels), x))
