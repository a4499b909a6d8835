"""Operations of the tracer that autograd lacks, or differentiates for some arguments only.

Those made of other functions can be differentiated any number of times; so can the primitives,
whose vector-Jacobian products are written with traced functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
from autograd.extend import defvjp, primitive
from autograd.tracer import isbox

import numpy as np

__all__ = ["assigned", "plain", "primitive_with"]


def plain(x: Any) -> Any:
    """The array in any number of autograd's boxes."""
    while isbox(x):
        x = x._value
    return x


def primitive_with(function: Callable[..., Any], *vjps: Callable[..., Any] | None) -> Any:
    """``function`` as one step of autograd, with a product for each argument."""
    traced = primitive(function)
    defvjp(traced, *vjps)
    return traced


def _summed(g, x):
    """``g``, summed over the axes along which ``x`` was broadcast."""
    shape = np.shape(x)
    extra = g.ndim - len(shape)
    g = anp.sum(g, axis=tuple(range(extra))) if extra else g
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1)
    return anp.sum(g, axis=axes, keepdims=True) if axes else g


# -- conversion and constants -----------------------------------------------------------------


def _cast_vjp(answer, x, dtype):
    def vjp(g):
        real = plain(x).dtype.kind == "f" and plain(g).dtype.kind == "c"
        return _cast(anp.real(g) if real else g, plain(x).dtype)

    return vjp


_cast = primitive_with(lambda x, dtype: np.asarray(x).astype(dtype), _cast_vjp)


def astype(x, dtype, /, *, copy=True, device=None):
    # What is no floating-point number has no derivative.
    return _cast(x, dtype) if np.dtype(dtype).kind in "fc" else plain(x).astype(dtype)


def stop_gradient(x, /):
    return plain(x)


# -- elementwise ------------------------------------------------------------------------------

_erf = np.frompyfunc(math.erf, 1, 1)

erf = primitive_with(
    lambda x: np.asarray(_erf(x), dtype=x.dtype),
    lambda answer, x: lambda g: g * (2 / math.sqrt(math.pi)) * anp.exp(-x * x),
)
# autograd divides by cosh**2, which overflows
tanh = primitive_with(np.tanh, lambda answer, x: lambda g: g * (1 - answer * answer))
copysign = primitive_with(
    np.copysign,
    lambda answer, x, y: (
        lambda g: _summed(g * np.copysign(np.sign(plain(x)), plain(x) * plain(y)), x)
    ),
    lambda answer, x, y: lambda g: _summed(0 * g, y),
)
_where: Any = primitive_with(
    np.where,
    None,
    lambda answer, c, x, y: lambda g: _summed(_where(c, g, np.zeros((), plain(g).dtype)), x),
    lambda answer, c, x, y: lambda g: _summed(_where(c, np.zeros((), plain(g).dtype), g), y),
)


def where(condition, x1, x2, /):
    return _where(plain(condition), x1, x2)


# -- shapes and places --------------------------------------------------------------------------

_broadcast = primitive_with(np.broadcast_to, lambda answer, x, shape: lambda g: _summed(g, x))


def broadcast_to(x, /, shape):
    return _broadcast(x, shape)


@primitive
def assigned(x, key, value):
    """A copy of ``x`` with ``x[key] = value``."""
    result = np.array(x)
    result[key] = value
    return result


defvjp(
    assigned,
    lambda answer, x, key, value: lambda g: assigned(g, key, np.zeros((), plain(g).dtype)),
    None,
    lambda answer, x, key, value: lambda g: _summed(g[key], value),
)


def _at(axis, index):
    """The key for ``index`` along ``axis``."""
    return (*(slice(None),) * axis, index)


def take(x, indices, /, *, axis=None):
    axis = 0 if axis is None else axis % x.ndim
    return x[_at(axis, plain(indices))]


def sort(x, /, *, axis=-1, descending=False, stable=True):
    axis %= x.ndim
    order = np.argsort(plain(x), axis=axis, kind="stable")
    if descending:
        order = np.flip(order, axis)
    grid: list[Any] = list(np.indices(order.shape, sparse=True))
    grid[axis] = order
    return x[tuple(grid)]


def roll(x, /, shift, *, axis=None):
    if axis is None:
        return anp.roll(x, shift)
    axes = axis if isinstance(axis, tuple) else (axis,)
    shifts = shift if isinstance(shift, tuple) else (shift,) * len(axes)
    for n, a in zip(shifts, axes, strict=True):
        x = anp.roll(x, n, a)
    return x


# -- reductions ---------------------------------------------------------------------------------


def prod(x, /, *, axis=None, dtype=None, keepdims=False):
    """By halves: autograd divides the product by the elements, which may be zero."""
    x = x if dtype is None else astype(x, dtype)
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(a % x.ndim for a in axes)
    rest = [i for i in range(x.ndim) if i not in axes]
    kept = [1 if i in axes else n for i, n in enumerate(x.shape)]
    shape = tuple(kept) if keepdims else tuple(x.shape[i] for i in rest)
    x = anp.reshape(anp.transpose(x, (*axes, *rest)), (-1, *(x.shape[i] for i in rest)))
    while x.shape[0] > 1:
        half = x.shape[0] // 2
        pairs = x[:half] * x[half : 2 * half]
        x = anp.concatenate([pairs, x[2 * half :]]) if x.shape[0] % 2 else pairs
    return anp.reshape(x, shape) if x.shape[0] else np.ones(shape, plain(x).dtype)


def cumprod(x, /, *, axis, dtype=None):
    x = x if dtype is None else astype(x, dtype)
    axis %= x.ndim
    step = 1
    while step < x.shape[axis]:  # the products of the last 1, 2, 4, ... elements
        head, tail = x[_at(axis, slice(step))], x[_at(axis, slice(step, None))]
        x = anp.concatenate([head, tail * x[_at(axis, slice(-step))]], axis)
        step *= 2
    return x


# -- Fourier transforms of real data: through those of complex data -----------------------------


def _fitted(x, n, axis):
    """``x`` cut or filled with zeros to ``n`` along ``axis``."""
    size = x.shape[axis]
    if size >= n:
        return x[_at(axis, slice(n))]
    shape = (*x.shape[:axis], n - size, *x.shape[axis + 1 :])
    return anp.concatenate([x, np.zeros(shape, plain(x).dtype)], axis)


def _complex(x):
    return astype(x, np.result_type(plain(x).dtype, np.complex64))


def fft_rfft(x, /, *, n=None, axis=-1, norm="backward"):
    axis %= x.ndim
    n = x.shape[axis] if n is None else n
    whole = anp.fft.fft(_fitted(_complex(x), n, axis), axis=axis, norm=norm)
    return whole[_at(axis, slice(n // 2 + 1))]


def fft_irfft(x, /, *, n=None, axis=-1, norm="backward"):
    axis %= x.ndim
    n = 2 * (x.shape[axis] - 1) if n is None else n
    half = _fitted(x, n // 2 + 1, axis)
    mirrored = anp.conj(half[_at(axis, slice((n - 1) // 2, 0, -1))])
    whole = anp.concatenate([half, mirrored], axis)
    return anp.real(anp.fft.ifft(whole, axis=axis, norm=norm))


# -- factorisations -------------------------------------------------------------------------------


def _t(x):
    return anp.swapaxes(x, -1, -2)


def _qr_vjp(answer, x):
    def vjp(g):
        """Walter and Lehmann (2012), for real matrices with as many rows as columns or more."""
        (q, r), (by_q, by_r) = answer, g
        if x.shape[-2] < x.shape[-1] or plain(x).dtype.kind == "c":
            raise NotImplementedError("the gradient of qr is for real matrices, tall or square")
        m = anp.matmul(r, _t(by_r)) - anp.matmul(_t(by_q), q)
        low = np.tril(np.ones(plain(m).shape[-2:], plain(m).dtype))
        strict = np.tril(low, -1)
        right = by_q + anp.matmul(q, m * low + _t(m * strict))
        return _t(anp.linalg.solve(r, _t(right)))

    return vjp


_qr = primitive_with(lambda x: tuple(np.linalg.qr(x)), _qr_vjp)


def linalg_qr(x, /, *, mode="reduced"):
    if mode != "reduced":
        raise NotImplementedError("the gradient of qr is for mode='reduced'")
    return tuple(_qr(x))


def linalg_eig(x, /):
    # autograd gives a complex gradient by a real matrix
    return tuple(anp.linalg.eig(_complex(x)))
