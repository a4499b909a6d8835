"""What losses have in common: their arguments, and how their terms become one number."""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias, cast

from ember_ml.backend.errors import InvalidValueError, ShapeError, UnsupportedError
from ember_ml.nn import tensor
from ember_ml.nn.modules import Module
from ember_ml.nn.tensor import EmberTensor, TensorLike, mean, sum, where, zeros_like
from ember_ml.nn.tensor._careful import common_backend, wrap_native
from ember_ml.nn.tensor._convert import lift

__all__ = [
    "LOG_TWO_PI",
    "Loss",
    "Reduction",
    "WeightedLoss",
    "at_least_zero",
    "broadcasts",
    "checked",
    "holds_anywhere",
    "number",
    "reduced",
    "same_shapes",
    "tensors",
]

Reduction: TypeAlias = Literal["mean", "sum", "none"]

_REDUCTIONS = ("mean", "sum", "none")

#: Of the density of a normal distribution.
LOG_TWO_PI = math.log(2 * math.pi)


def checked(what: str, reduction: Any, *, batch: bool = False) -> Any:
    """``reduction``, if it is one; with ``batch`` there is "batchmean" too."""
    if reduction in _REDUCTIONS or (batch and reduction == "batchmean"):
        return reduction
    due = "'batchmean', 'mean', 'sum' or 'none'" if batch else "'mean', 'sum' or 'none'"
    raise InvalidValueError(f"{what}: reduction is {due}, not {reduction!r}")


def number(what: str, name: str, value: Any, *, least: float, open: bool = True) -> float:
    """An option that is a number above ``least``, or at least it unless ``open``."""
    real = isinstance(value, int | float) and not isinstance(value, bool)
    if real and (value > least or (value == least and not open)):
        return cast(float, value)
    due = "positive" if open and not least else f"{'above' if open else 'at least'} {least}"
    raise InvalidValueError(f"{what}: {name} is a number, {due}, not {value!r}")


def tensors(what: str, *values: TensorLike | None) -> list[Any]:
    """``values`` as tensors of the one backend that those of them belong to; None stays."""
    if all(x.__class__ is EmberTensor for x in values):
        return list(values)
    backend = common_backend(values, what)
    device = next((x.device for x in values if isinstance(x, EmberTensor)), None)
    return [
        x
        if x is None or isinstance(x, EmberTensor)
        else wrap_native(lift(x, backend, device=device), backend)
        for x in values
    ]


def same_shapes(what: str, **given: EmberTensor) -> None:
    """Refuse shapes that differ: to broadcast them is nearly always an oversight in a loss."""
    shapes = [x.shape for x in given.values()]
    if any(shape != shapes[0] for shape in shapes):
        said = " and ".join(f"{name} of shape {x.shape}" for name, x in given.items())
        raise ShapeError(f"{what}: {said}, which must be equal; reshape one of them")


def broadcasts(what: str, name: str, x: EmberTensor, like: EmberTensor) -> None:
    """Refuse an ``x`` that does not broadcast to the shape of ``like``."""
    pairs = zip(reversed(x.shape), reversed(like.shape), strict=False)
    if x.ndim > like.ndim or not all(n in (1, m) for n, m in pairs):
        raise ShapeError(
            f"{what}: {name} of shape {x.shape} does not broadcast to {like.shape}, the input's"
        )


def reduced(losses: EmberTensor, reduction: Reduction) -> EmberTensor:
    """Their mean, their sum, or all of them."""
    if reduction == "mean":
        return mean(losses)
    return sum(losses) if reduction == "sum" else losses


def holds_anywhere(condition: EmberTensor) -> bool:
    """Whether ``condition`` is known to be true somewhere: in a compiled function nothing is."""
    try:
        return bool(tensor.any(condition).item())
    except UnsupportedError:
        return False


def at_least_zero(x: EmberTensor) -> EmberTensor:
    """``max(x, 0)``, with PyTorch's gradient of a margin that is just met: 1, and not a half."""
    return where(x < 0, zeros_like(x), x)


class Loss(Module):
    """A loss as a layer.

    PyTorch's ``size_average`` and ``reduce``, which ``reduction`` replaced, are not there.
    """

    reduction: Any

    def __init__(self, reduction: str = "mean", *, batch: bool = False) -> None:
        super().__init__()
        self.reduction = checked(type(self).__name__, reduction, batch=batch)


class WeightedLoss(Loss):
    """A loss with weights, which are a buffer: they move with the layer, and are saved."""

    weight: EmberTensor | None

    def __init__(self, weight: TensorLike | None = None, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
