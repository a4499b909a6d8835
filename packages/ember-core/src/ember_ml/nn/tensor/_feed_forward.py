"""The network of two linear maps that a transformer applies to each position."""

from __future__ import annotations

from typing import Any

from ember_ml.backend.errors import ShapeError

from ._core import EmberTensor, TensorLike
from ._functions import linear, relu
from ._operation import operation

__all__ = ["feed_forward"]


def _check(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    x, weight1, bias1 = shapes["x"], shapes["weight1"], shapes["bias1"]
    weight2, bias2 = shapes["weight2"], shapes["bias2"]
    fits = (
        len(weight1) == len(weight2) == 2
        and x[-1:] == weight1[1:]
        and weight2[1:] == weight1[:1]
        and bias1 == weight1[:1]
        and bias2 == weight2[:1]
    )
    if fits:
        return None
    return (
        f"x of shape {x}, weights of shapes {weight1} and {weight2}, biases of shapes {bias1} and "
        f"{bias2}, where (..., in), (hidden, in), (out, hidden), (hidden,) and (out,) are due"
    )


@operation(
    accepts="floating",
    result="same",
    promoted=("x", "weight1", "bias1", "weight2", "bias2"),
    check=_check,
)
def feed_forward(
    x: TensorLike,
    weight1: TensorLike,
    bias1: TensorLike,
    weight2: TensorLike,
    bias2: TensorLike,
    /,
) -> EmberTensor:
    """``linear(relu(linear(x)))``, with its hidden layer made in one place (Vaswani et al., 2017).

    Args:
        x: (..., in).
        weight1: (hidden, in).
        bias1: (hidden,).
        weight2: (out, hidden).
        bias2: (out,).

    Returns:
        (..., out).

    Raises:
        ShapeError: the sizes do not fit.

    >>> from ember_ml.nn import tensor as et
    >>> et.feed_forward([1.0], [[2.0], [-2.0]], [0.0, 0.0], [[3.0, 5.0]], [1.0]).tolist()
    [7.0]
    """
    fault = _check(
        {
            "x": x.shape, "weight1": weight1.shape, "bias1": bias1.shape,
            "weight2": weight2.shape, "bias2": bias2.shape,
        },
        {},
    )  # fmt: skip
    if fault:
        raise ShapeError(f"feed_forward: {fault}")
    return linear(relu(linear(x, weight1, bias1)), weight2, bias2)
