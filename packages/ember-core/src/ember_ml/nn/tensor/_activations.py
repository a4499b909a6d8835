"""More activations: each is composed, with a definition that a backend may override.

The derivative where two pieces meet is PyTorch's. `_functions` has the most usual ones.
"""

from __future__ import annotations

import math
from typing import Any

from ember_ml.backend.errors import InvalidValueError, ShapeError

from ._analysis import expm1, tanh
from ._core import EmberTensor, TensorLike
from ._creation import asarray
from ._elementwise import abs, logaddexp
from ._functions import sigmoid, softmax
from ._manipulation import reshape
from ._operation import operation
from ._search import where
from ._shapes import as_axis

__all__ = [
    "celu",
    "elu",
    "glu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "logsigmoid",
    "mish",
    "prelu",
    "relu6",
    "selu",
    "softmin",
    "softshrink",
    "softsign",
    "tanhshrink",
]


def _below_zero(x: EmberTensor) -> EmberTensor:
    """``min(x, 0)``: no exponential of it overflows, not even in a branch that is not taken."""
    return where(x > 0, 0.0, x)


@operation(accepts="floating", result="same")
def elu(x: TensorLike, /, *, alpha: float = 1.0) -> EmberTensor:
    """``x`` where it is positive, ``alpha * (exp(x) - 1)`` elsewhere (Clevert et al., 2016).

    >>> from ember_ml import nn
    >>> [round(v, 4) for v in nn.elu([-1.0, 2.0]).tolist()]
    [-0.6321, 2.0]
    """
    return where(x > 0, x, alpha * expm1(_below_zero(x)))


#: So that a layer's outputs have mean 0 and variance 1 if its inputs have.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


@operation(accepts="floating", result="same")
def selu(x: TensorLike, /) -> EmberTensor:
    """`elu` scaled so that activations normalise themselves (Klambauer et al., 2017).

    >>> from ember_ml import nn
    >>> [round(v, 4) for v in nn.selu([-1.0, 2.0]).tolist()]
    [-1.1113, 2.1014]
    """
    return where(x > 0, SELU_SCALE * x, SELU_SCALE * SELU_ALPHA * expm1(_below_zero(x)))


@operation(accepts="floating", result="same")
def celu(x: TensorLike, /, *, alpha: float = 1.0) -> EmberTensor:
    """``x`` where it is positive, ``alpha * (exp(x / alpha) - 1)`` elsewhere (Barron, 2017).

    >>> from ember_ml import nn
    >>> [round(v, 4) for v in nn.celu([-1.0, 2.0], alpha=2.0).tolist()]
    [-0.7869, 2.0]
    """
    return where(x > 0, x, alpha * expm1(_below_zero(x) / alpha))


def _prelu_fault(x: tuple[int, ...], weight: tuple[int, ...]) -> str | None:
    channels = x[1] if len(x) > 1 else 1
    if weight in ((), (1,), (channels,)):
        return None
    return f"a weight of shape {weight} for x of shape {x}, where (1,) or ({channels},) is due"


def _check_prelu(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    return _prelu_fault(shapes["x"], shapes["weight"])


@operation(accepts="floating", result="same", promoted=("x", "weight"), check=_check_prelu)
def prelu(x: TensorLike, weight: TensorLike, /) -> EmberTensor:
    """``x`` where it is positive, ``weight * x`` elsewhere (He et al., 2015).

    Args:
        x: (N, C, ...).
        weight: (C,), one for each channel, or (1,) for all of them.

    Raises:
        ShapeError: there are more weights than one, and not as many as channels.

    >>> from ember_ml import nn
    >>> nn.prelu([-1.0, 2.0], [0.25]).tolist()
    [-0.25, 2.0]
    """
    fault = _prelu_fault(x.shape, weight.shape)
    if fault:
        raise ShapeError(f"prelu: {fault}")
    weight = reshape(weight, (-1, *[1] * (x.ndim - 2)) if x.ndim else ())
    return where(x > 0, x, weight * x)


@operation(accepts="floating", result="same")
def mish(x: TensorLike, /) -> EmberTensor:
    """``x * tanh(softplus(x))`` (Misra, 2020).

    >>> from ember_ml import nn
    >>> round(nn.mish([1.0]).tolist()[0], 4)
    0.8651
    """
    return x * tanh(logaddexp(x, 0.0))


@operation(accepts="floating", result="same")
def hardtanh(x: TensorLike, /, *, min_val: float = -1.0, max_val: float = 1.0) -> EmberTensor:
    """``x`` between ``min_val`` and ``max_val``, and the nearer of them elsewhere.

    >>> from ember_ml import nn
    >>> nn.hardtanh([-2.0, 0.5]).tolist()
    [-1.0, 0.5]
    """
    return where(x <= min_val, min_val, where(x >= max_val, max_val, x))


@operation(accepts="floating", result="same")
def hardswish(x: TensorLike, /) -> EmberTensor:
    """``x * relu6(x + 3) / 6`` (Howard et al., 2019).

    >>> from ember_ml import nn
    >>> nn.hardswish([1.5, 4.0]).tolist()
    [1.125, 4.0]
    """
    return where(x <= -3.0, 0.0, where(x >= 3.0, x, x * (x + 3.0) / 6.0))


@operation(accepts="floating", result="same")
def logsigmoid(x: TensorLike, /) -> EmberTensor:
    """``log(sigmoid(x))`` without its loss of digits.

    >>> from ember_ml import nn
    >>> round(nn.logsigmoid([0.0]).item(), 4)
    -0.6931
    """
    return -logaddexp(-x, 0.0)


def _check_glu(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    shape, axis = shapes["x"], arguments["axis"]
    if shape and -len(shape) <= axis < len(shape) and shape[axis] % 2:
        return f"{shape[axis]} elements along axis {axis} of shape {shape} have no two halves"
    return None


@operation(accepts="floating", result="same", check=_check_glu)
def glu(x: TensorLike, /, *, axis: int = -1) -> EmberTensor:
    """The first half of ``x`` along ``axis`` times the `sigmoid` of the second.

    Args:
        x: (..., 2 * n, ...), which gives (..., n, ...). (Dauphin et al., 2017)

    Raises:
        ShapeError: the number of elements along ``axis`` is odd.

    >>> from ember_ml import nn
    >>> nn.glu([4.0, 0.0]).tolist()
    [2.0]
    """
    a = as_axis(axis, x.ndim, "glu")
    fault = _check_glu({"x": x.shape}, {"axis": axis})
    if fault:
        raise ShapeError(f"glu: {fault}")
    front, half = (slice(None),) * a, x.shape[a] // 2
    return x[(*front, slice(half))] * sigmoid(x[(*front, slice(half, None))])


def relu6(x: TensorLike, /) -> EmberTensor:
    """``min(max(x, 0), 6)``.

    >>> from ember_ml import nn
    >>> nn.relu6([-1.0, 2.0, 8.0]).tolist()
    [0.0, 2.0, 6.0]
    """
    return hardtanh(x, min_val=0.0, max_val=6.0)


def hardsigmoid(x: TensorLike, /) -> EmberTensor:
    """``x / 6 + 1 / 2`` between 0 and 1.

    >>> from ember_ml import nn
    >>> nn.hardsigmoid([-4.0, 0.0, 4.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    return hardtanh(asarray(x) / 6.0 + 0.5, min_val=0.0, max_val=1.0)


def softsign(x: TensorLike, /) -> EmberTensor:
    """``x / (1 + |x|)``.

    >>> from ember_ml import nn
    >>> nn.softsign([-1.0, 3.0]).tolist()
    [-0.5, 0.75]
    """
    x = asarray(x)
    return x / (abs(x) + 1.0)


def tanhshrink(x: TensorLike, /) -> EmberTensor:
    """``x - tanh(x)``.

    >>> from ember_ml import nn
    >>> round(nn.tanhshrink([1.0]).item(), 4)
    0.2384
    """
    x = asarray(x)
    return x - tanh(x)


def _checked_width(what: str, lambd: float) -> float:
    if not (lambd >= 0 and math.isfinite(lambd)):
        raise InvalidValueError(f"{what}: lambd is a number from 0 on, not {lambd!r}")
    return lambd


def softshrink(x: TensorLike, /, *, lambd: float = 0.5) -> EmberTensor:
    """``x`` made smaller by ``lambd``, and zero where it is smaller than that.

    Raises:
        InvalidValueError: ``lambd`` is negative.

    >>> from ember_ml import nn
    >>> nn.softshrink([-2.0, 0.25, 1.0]).tolist()
    [-1.5, 0.0, 0.5]
    """
    x, lambd = asarray(x), _checked_width("softshrink", lambd)
    return where(x > lambd, x - lambd, where(x < -lambd, x + lambd, x * 0.0))


def hardshrink(x: TensorLike, /, *, lambd: float = 0.5) -> EmberTensor:
    """``x``, and zero from ``-lambd`` to ``lambd``.

    >>> from ember_ml import nn
    >>> nn.hardshrink([-2.0, 0.25, 1.0]).tolist()
    [-2.0, 0.0, 1.0]
    """
    x = asarray(x)
    return where(abs(x) <= lambd, 0.0, x)


def softmin(x: TensorLike, /, *, axis: int = -1) -> EmberTensor:
    """`softmax` of ``-x``.

    >>> from ember_ml import nn
    >>> nn.softmin([0.0, 0.0]).tolist()
    [0.5, 0.5]
    """
    return softmax(-asarray(x), axis=axis)
