"""Functions that models are made of: activations, softmax, affine maps, and fused losses.

Each is composed, with a definition here that a backend may override with its engine's own.
"""

from __future__ import annotations

from typing import Any, Literal

from ember_ml.backend.errors import InvalidValueError

from ._analysis import erf, exp, log, tanh
from ._core import EmberTensor, TensorLike
from ._creation import zeros_like
from ._elementwise import abs, logaddexp
from ._linalg import matmul
from ._manipulation import matrix_transpose, squeeze
from ._operation import operation
from ._reduction import max, sum
from ._search import where
from ._shapes import as_axes

__all__ = [
    "gelu",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsumexp",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "stop_gradient",
]


@operation(result="same")
def stop_gradient(x: TensorLike, /) -> EmberTensor:
    """``x``, taken as a constant by `nn.grad`.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.grad(lambda x: et.sum(x * et.stop_gradient(x)))(et.asarray([3.0])).tolist()
    [3.0]
    """
    return x


@operation(accepts="floating", result="same")
def relu(x: TensorLike, /) -> EmberTensor:
    """``max(x, 0)``.

    >>> from ember_ml import nn
    >>> nn.relu([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """
    return where(x > 0, x, x * 0)


@operation(accepts="floating", result="same")
def leaky_relu(x: TensorLike, /, *, negative_slope: float = 0.01) -> EmberTensor:
    """``x`` where it is positive, ``negative_slope * x`` elsewhere.

    >>> from ember_ml import nn
    >>> nn.leaky_relu([-1.0, 2.0], negative_slope=0.5).tolist()
    [-0.5, 2.0]
    """
    return where(x > 0, x, x * negative_slope)


@operation(accepts="floating", result="same")
def sigmoid(x: TensorLike, /) -> EmberTensor:
    """``1 / (1 + exp(-x))``.

    >>> from ember_ml import nn
    >>> nn.sigmoid([0.0]).tolist()
    [0.5]
    """
    # neither overflows nor loses the digits of small values
    return exp(-logaddexp(-x, 0.0))


@operation(accepts="floating", result="same")
def silu(x: TensorLike, /) -> EmberTensor:
    """``x * sigmoid(x)``, also called swish (Elfwing et al., 2018).

    >>> from ember_ml import nn
    >>> nn.silu([0.0]).tolist()
    [0.0]
    """
    return x * sigmoid(x)


@operation(accepts="floating", result="same")
def gelu(x: TensorLike, /, *, approximate: Literal["none", "tanh"] = "none") -> EmberTensor:
    """``x * Phi(x)``, with the normal distribution function Phi (Hendrycks and Gimpel, 2016).

    Args:
        approximate: "tanh" for ``Phi(x) = (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2``.

    Raises:
        InvalidValueError: another ``approximate``.

    >>> from ember_ml import nn
    >>> nn.gelu([0.0]).tolist()
    [0.0]
    """
    if approximate == "tanh":
        bend = tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))
        return 0.5 * x * (1.0 + bend)
    if approximate != "none":
        raise InvalidValueError(f"gelu: approximate is 'none' or 'tanh', not {approximate!r}")
    return 0.5 * x * (1.0 + erf(x * 0.7071067811865476))


@operation(accepts="floating", result="same")
def softplus(x: TensorLike, /, *, beta: float = 1.0, threshold: float = 20.0) -> EmberTensor:
    """``log(1 + exp(beta * x)) / beta`` without overflow, and ``x`` where that is as good as it.

    Args:
        beta: how sharp the bend is.
        threshold: ``x`` is given where ``beta * x`` is above it. For 20, PyTorch's, the difference
            is 2e-9; ``float("inf")`` leaves none.

    >>> from ember_ml import nn
    >>> round(nn.softplus([0.0]).item(), 4)
    0.6931
    """
    scaled = x if beta == 1.0 else x * beta
    smooth = logaddexp(scaled, 0.0)
    return where(scaled > threshold, x, smooth if beta == 1.0 else smooth / beta)


@operation(accepts="floating", result="same")
def logsumexp(
    x: TensorLike, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> EmberTensor:
    """``log(sum(exp(x)))`` over ``axis``, without overflow.

    >>> from ember_ml.nn import tensor as et
    >>> round(et.logsumexp([0.0, 0.0]).item(), 4)
    0.6931
    """
    axes = as_axes(axis, x.ndim, "logsumexp")
    if any(x.shape[a] == 0 for a in axes):
        return sum(x, axis=axes, keepdims=keepdims) - float("inf")  # the logarithm of nothing
    high = stop_gradient(max(x, axis=axes, keepdims=True))
    # An infinite maximum is its own answer: subtracting it would give NaN.
    high = where(abs(high) == float("inf"), zeros_like(high), high)
    total = log(sum(exp(x - high), axis=axes, keepdims=True)) + high
    return total if keepdims else squeeze(total, axes)


@operation(accepts="floating", result="same")
def softmax(x: TensorLike, /, *, axis: int = -1) -> EmberTensor:
    """Normalised exponential along ``axis``: positive, and adding up to one.

    >>> from ember_ml.nn import tensor as et
    >>> et.softmax([0.0, 0.0]).tolist()
    [0.5, 0.5]
    """
    e = exp(x - stop_gradient(max(x, axis=axis, keepdims=True)))
    return e / sum(e, axis=axis, keepdims=True)


@operation(accepts="floating", result="same")
def log_softmax(x: TensorLike, /, *, axis: int = -1) -> EmberTensor:
    """Logarithm of `softmax`, without its loss of digits.

    >>> from ember_ml.nn import tensor as et
    >>> [round(v, 4) for v in et.log_softmax([0.0, 0.0]).tolist()]
    [-0.6931, -0.6931]
    """
    shifted = x - stop_gradient(max(x, axis=axis, keepdims=True))
    return shifted - log(sum(exp(shifted), axis=axis, keepdims=True))


def _check_linear(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    x, weight, bias = shapes["x"], shapes["weight"], shapes.get("bias")
    if len(weight) != 2 or not x or x[-1] != weight[1]:
        return (
            f"x of shape {x} and a weight of shape {weight}, where (..., in) and (out, in) are due"
        )
    if bias is not None and bias != weight[:1]:
        return f"a bias of shape {bias}, where {weight[:1]} is due"
    return None


@operation(accepts="floating", result="same", promoted=("x", "weight", "bias"), check=_check_linear)
def linear(x: TensorLike, weight: TensorLike, bias: TensorLike, /) -> EmberTensor:
    """``x @ weight.mT + bias``.

    Args:
        x: (..., in_features).
        weight: (out_features, in_features).
        bias: (out_features,).

    Raises:
        ShapeError: the sizes do not fit.

    >>> from ember_ml.nn import tensor as et
    >>> et.linear([1.0, 2.0], [[1.0, 1.0], [0.0, 1.0]], [0.5, 0.5]).tolist()
    [3.5, 2.5]
    """
    return matmul(x, matrix_transpose(weight)) + bias
