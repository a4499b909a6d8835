"""Initial values from a distribution that is given."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ember_ml.backend.dtypes import DTypeLike, float32, float64
from ember_ml.backend.errors import InvalidValueError
from ember_ml.backend.registry import current_backend
from ember_ml.nn.tensor import EmberTensor, astype, clip, log, sqrt, where
from ember_ml.nn.tensor.random import Generator, default_generator

__all__ = ["normal", "trunc_normal", "uniform"]


def uniform(
    shape: Sequence[int],
    *,
    low: float = 0.0,
    high: float = 1.0,
    dtype: DTypeLike = float32,
    device: str | None = None,
    generator: Generator | None = None,
) -> EmberTensor:
    """Uniform in ``[low, high)``.

    >>> from ember_ml import nn
    >>> nn.initializers.uniform((2, 3)).shape
    (2, 3)
    """
    source = generator or default_generator()
    return source.uniform(tuple(shape), low=low, high=high, dtype=dtype, device=device)


def normal(
    shape: Sequence[int],
    *,
    mean: float = 0.0,
    std: float = 1.0,
    dtype: DTypeLike = float32,
    device: str | None = None,
    generator: Generator | None = None,
) -> EmberTensor:
    """Normal.

    >>> from ember_ml import nn
    >>> nn.initializers.normal((2, 3), std=0.02).shape
    (2, 3)
    """
    source = generator or default_generator()
    return source.normal(tuple(shape), mean=mean, std=std, dtype=dtype, device=device)


def trunc_normal(
    shape: Sequence[int],
    *,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    dtype: DTypeLike = float32,
    device: str | None = None,
    generator: Generator | None = None,
) -> EmberTensor:
    """Normal, of the numbers between ``a`` and ``b`` alone, by the inverse of the distribution.

    Args:
        a: the least value, in units of the result and not of ``std``.
        b: the greatest.

    Raises:
        InvalidValueError: ``std`` is not positive, or ``a`` is not below ``b``.

    >>> from ember_ml import nn
    >>> x = nn.initializers.trunc_normal((1000,), std=0.02, a=-0.04, b=0.04)
    >>> bool((abs(x) <= 0.04).all())
    True
    """
    if not std > 0:
        raise InvalidValueError(f"trunc_normal: std is a positive number, not {std}")
    if not a < b:
        raise InvalidValueError(f"trunc_normal: a={a} is not below b={b}")
    low, high = (a - mean) / std, (b - mean) / std
    # Probabilities near 1 have no digits left for what lies beyond: the other tail has.
    side = -1.0 if low + high > 0 else 1.0
    ends = sorted(_distribution(side * z) for z in (low, high))
    work = float64 if "float64" in current_backend().capabilities else float32
    source = generator or default_generator()
    share = source.uniform(tuple(shape), dtype=float32, device=device)
    p = astype(share, work) * (ends[1] - ends[0]) + ends[0]
    return astype(clip(_quantile(p) * (side * std) + mean, a, b), dtype)


def _distribution(z: float) -> float:
    """How much of a normal distribution lies below ``z``."""
    return math.erfc(-z / math.sqrt(2.0)) / 2.0


# Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied Statistics
# 37 (1988): numerators and denominators in the middle and in the tails, from the highest power.
_MIDDLE = (
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
     4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
     1.3314166789178437745e2, 3.3871328727963666080),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
     2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
     4.2313330701600911252e1, 1.0),
)  # fmt: skip
_NEAR = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
     1.27045825245236838258, 3.64784832476320460504, 5.76949722146069140550,
     4.63033784615654529590, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
     1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940,
     2.05319162663775882187, 1.0),
)  # fmt: skip
_FAR = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
     2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580,
     5.46378491116411436990, 6.65790464350110377720),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
     7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
     5.99832206555887937690e-1, 1.0),
)  # fmt: skip


def _ratio(x: EmberTensor, polynomials: tuple[tuple[float, ...], ...]) -> EmberTensor:
    above, below = (_polynomial(x, coefficients) for coefficients in polynomials)
    return above / below


def _polynomial(x: EmberTensor, coefficients: tuple[float, ...]) -> EmberTensor:
    value = x * coefficients[0] + coefficients[1]
    for coefficient in coefficients[2:]:
        value = value * x + coefficient
    return value


def _quantile(p: EmberTensor) -> EmberTensor:
    """The numbers that so much of a normal distribution lies below, for ``p`` in [0, 1]."""
    q = p - 0.5
    middle = q * _ratio(0.180625 - q * q, _MIDDLE)
    tail = where(q < 0, p, 1.0 - p)
    depth = sqrt(-log(where(tail > 1e-300, tail, 1e-300)))
    distance = where(depth <= 5.0, _ratio(depth - 1.6, _NEAR), _ratio(depth - 5.0, _FAR))
    return where(abs(q) <= 0.425, middle, where(q < 0, -distance, distance))
