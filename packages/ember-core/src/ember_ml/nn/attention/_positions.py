"""Where a token stands: sinusoidal and rotary positions, and linear biases."""

from __future__ import annotations

import math

from ember_ml.backend.dtypes import DTypeLike, float32
from ember_ml.backend.errors import InvalidValueError, ShapeError
from ember_ml.nn.modules import Module
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    abs,
    arange,
    asarray,
    astype,
    concat,
    cos,
    exp,
    expand_dims,
    reshape,
    sin,
    stack,
    use_backend,
)

__all__ = [
    "RotaryEmbedding",
    "SinusoidalPositions",
    "alibi_bias",
    "alibi_slopes",
    "rotary",
    "sinusoidal_positions",
]


def _even(what: str, size: int) -> int:
    if not isinstance(size, int) or size < 2 or size % 2:
        raise InvalidValueError(f"{what}: size is an even positive integer, not {size!r}")
    return size


def _angles(
    positions: EmberTensor, size: int, base: float, dtype: DTypeLike = float32
) -> EmberTensor:
    """(..., L) to (..., L, size / 2): position times ``base**(-2i / size)``."""
    with use_backend(positions.backend):
        i = arange(0, size, 2, dtype=dtype, device=positions.device)
    return expand_dims(astype(positions, i.dtype), axis=-1) * exp(i * (-math.log(base) / size))


def sinusoidal_positions(
    length: int,
    size: int,
    *,
    offset: int = 0,
    base: float = 10000.0,
    dtype: DTypeLike = float32,
    device: str | None = None,
) -> EmberTensor:
    """Sines of geometrically growing wavelengths, and their cosines, in turn (Vaswani et al., 2017).

    Returns:
        (length, size): at ``[p, 2i]`` the sine, at ``[p, 2i + 1]`` the cosine of
        ``(p + offset) / base**(2i / size)``.

    Raises:
        InvalidValueError: ``size`` is not even.

    >>> from ember_ml import nn
    >>> nn.attention.sinusoidal_positions(1, 4).tolist()
    [[0.0, 1.0, 0.0, 1.0]]
    """
    size = _even("sinusoidal_positions", size)
    angles = _angles(arange(offset, offset + length, dtype=dtype, device=device), size, base, dtype)
    return reshape(stack([sin(angles), cos(angles)], axis=-1), (length, size))


class SinusoidalPositions(Module):
    """Adds `sinusoidal_positions` to a sequence.

    Args:
        size: of the last axis, even.
        base: of the wavelengths.

    Shape: (..., L, size) to the same.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.attention.SinusoidalPositions(4)(et.zeros((1, 1, 4))).tolist()
    [[[0.0, 1.0, 0.0, 1.0]]]
    """

    def __init__(self, size: int, base: float = 10000.0) -> None:
        super().__init__()
        self.size = _even("SinusoidalPositions", size)
        self.base = base

    def forward(self, x: TensorLike, *, offset: int = 0) -> EmberTensor:
        """``x`` plus the positions from ``offset`` on."""
        x = asarray(x)
        if x.ndim < 2 or x.shape[-1] != self.size:
            raise ShapeError(
                f"SinusoidalPositions: a sequence of shape {x.shape}, where (..., L, {self.size}) "
                "is due"
            )
        with use_backend(x.backend):
            added = sinusoidal_positions(
                x.shape[-2], self.size, offset=offset, base=self.base, dtype=x.dtype,
                device=x.device,
            )  # fmt: skip
        return x + added

    def extra_repr(self) -> str:
        """The options."""
        return f"{self.size}, base={self.base}"


def rotary(
    x: TensorLike,
    *,
    offset: int = 0,
    positions: TensorLike | None = None,
    size: int | None = None,
    base: float = 10000.0,
    interleaved: bool = True,
) -> EmberTensor:
    """Queries or keys with pairs of features turned by their position (Su et al., 2021).

    The product of a turned query and a turned key depends on how far apart they are only.

    Args:
        x: (..., L, E).
        offset: the position of the first.
        positions: (..., L), the positions themselves, where they do not follow each other.
        size: how many of the features are turned, the first ones; all unless given. Even.
        base: pair i is turned by ``position * base**(-2i / size)``.
        interleaved: which features make pair i: 2i and 2i + 1, as in the paper, RoFormer and GPT-J
            (True), or i and i + size / 2, as in GPT-NeoX, LLaMA's published form on Hugging Face
            and most others (False). Weights trained with one go with that one only.

    Returns:
        (..., L, E).

    Raises:
        ShapeError: ``x`` is no sequence, or the positions do not fit.
        InvalidValueError: ``size`` is odd, or above E.

    >>> import math
    >>> from ember_ml import nn
    >>> turned = nn.attention.rotary([[1.0, 0.0]], positions=[math.pi / 3])
    >>> [round(v, 4) for v in turned[0].tolist()]
    [0.5, 0.866]
    """
    x = asarray(x)
    if x.ndim < 2:
        raise ShapeError(f"rotary: a sequence of shape (..., L, E) is due, not {x.shape}")
    size = _even("rotary", x.shape[-1] if size is None else size)
    if size > x.shape[-1]:
        raise InvalidValueError(f"rotary: size={size} of {x.shape[-1]} features")
    if positions is None:
        with use_backend(x.backend):
            places = arange(offset, offset + x.shape[-2], device=x.device)
    else:
        places = asarray(positions)
        if not places.ndim or places.shape[-1] != x.shape[-2]:
            raise ShapeError(
                f"rotary: positions of shape {places.shape} for a sequence of shape {x.shape}"
            )
    # In single precision at least: half of it cannot tell positions beyond 2048 apart.
    wide = x.dtype if x.dtype.bits > 32 else float32
    angles = _angles(places, size, base, wide)
    c, s = (astype(f(angles), x.dtype, copy=False) for f in (cos, sin))
    turned = x[..., :size]
    half = size // 2
    if interleaved:
        pairs = reshape(turned, (*turned.shape[:-1], half, 2))
        a, b = pairs[..., 0], pairs[..., 1]
        y = reshape(stack([a * c - b * s, a * s + b * c], axis=-1), turned.shape)
    else:
        a, b = turned[..., :half], turned[..., half:]
        y = concat([a * c - b * s, a * s + b * c], axis=-1)
    return y if size == x.shape[-1] else concat([y, x[..., size:]], axis=-1)


class RotaryEmbedding(Module):
    """`rotary` as a layer.

    Args:
        size: how many features are turned, even.
        base: see `rotary`.
        interleaved: see `rotary`.

    Shape: (..., L, E) to the same.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> rotary = nn.attention.RotaryEmbedding(8)
    >>> rotary(et.ones((2, 4, 5, 8)), offset=3).shape  # (batch, heads, length, size)
    (2, 4, 5, 8)
    """

    def __init__(self, size: int, base: float = 10000.0, interleaved: bool = True) -> None:
        super().__init__()
        self.size = _even("RotaryEmbedding", size)
        self.base = base
        self.interleaved = interleaved

    def forward(
        self, x: TensorLike, *, offset: int = 0, positions: TensorLike | None = None
    ) -> EmberTensor:
        """(..., L, E) to the same."""
        return rotary(
            x, offset=offset, positions=positions, size=self.size, base=self.base,
            interleaved=self.interleaved,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """The options."""
        return f"{self.size}, base={self.base}, interleaved={self.interleaved}"


def alibi_slopes(heads: int) -> list[float]:
    """How much each head minds distance: ``2**(-8 h / heads)`` for h = 1 ... (Press et al., 2022).

    For a number of heads that is no power of two, those of the power below, and every other one
    of the power above.

    Raises:
        InvalidValueError: ``heads`` is not positive.

    >>> from ember_ml import nn
    >>> nn.attention.alibi_slopes(3)
    [0.0625, 0.00390625, 0.25]
    """
    if not isinstance(heads, int) or heads < 1:
        raise InvalidValueError(f"alibi_slopes: heads is a positive integer, not {heads!r}")
    whole = 2 ** int(math.log2(heads))
    slopes = [2.0 ** (-8.0 * h / whole) for h in range(1, whole + 1)]
    return slopes + [2.0 ** (-4.0 * h / whole) for h in range(1, 2 * (heads - whole), 2)]


def alibi_bias(
    heads: int,
    length: int,
    keys: int | None = None,
    *,
    offset: int = 0,
    dtype: DTypeLike = float32,
    device: str | None = None,
) -> EmberTensor:
    """Attention with linear biases: minus slope times distance (Press et al., 2022).

    Args:
        keys: how many keys there are; ``length`` unless given.
        offset: the position of the first query.

    Returns:
        (heads, length, keys), a ``bias`` of `scaled_dot_product_attention`.

    >>> from ember_ml import nn
    >>> nn.attention.alibi_bias(1, 1, 3, offset=2).tolist()
    [[[-0.0078125, -0.00390625, 0.0]]]
    """
    slopes = asarray(alibi_slopes(heads), dtype=dtype, device=device)
    rows = arange(offset, offset + length, device=device)
    distance = abs(arange(length if keys is None else keys, device=device) - rows[:, None])
    return slopes[:, None, None] * astype(-distance, slopes.dtype)
