"""Dropout: functions, and the layers that call them.

The masks come from Ember's portable random stream: one seed gives the same masks on every engine,
and a compiled program draws new ones at each call.
"""

from __future__ import annotations

import math

from ember_ml.backend.errors import InvalidValueError, ShapeError
from ember_ml.backend.registry import use_backend
from ember_ml.nn.modules import Module
from ember_ml.nn.tensor import EmberTensor, TensorLike, asarray, astype, ones, zeros_like
from ember_ml.nn.tensor._halves import kept_below
from ember_ml.nn.tensor.random import Generator, default_generator

__all__ = [
    "AlphaDropout",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "alpha_dropout",
    "drop_factor",
    "dropout",
]

#: What SELU comes to for large negative numbers, ``-scale * alpha``.
_ALPHA = -1.7580993408473766


def _probability(what: str, p: float) -> float:
    """``p``, where it is one.

    Raises:
        InvalidValueError: it is outside of [0, 1], or no number.
    """
    if isinstance(p, bool) or not isinstance(p, int | float) or not 0 <= p <= 1:
        raise InvalidValueError(f"{what}: p is a probability in [0, 1], not {p!r}")
    return p


def _kept(
    x: EmberTensor, p: float, shape: tuple[int, ...], generator: Generator | None
) -> EmberTensor:
    """One where an element is kept, and zero where it is not."""
    source = default_generator() if generator is None else generator
    with use_backend(x.backend):
        return astype(source.bernoulli(1.0 - p, shape, device=x.device), x.dtype)


def _dropped_whole(
    x: EmberTensor, p: float, shape: tuple[int, ...], generator: Generator | None
) -> EmberTensor:
    if p == 0:
        return x
    if p == 1:
        return zeros_like(x)
    return x * (_kept(x, p, shape, generator) * (1.0 / (1.0 - p)))


def dropout(
    x: TensorLike,
    *,
    p: float = 0.5,
    training: bool = True,
    generator: Generator | None = None,
) -> EmberTensor:
    """``x`` with elements set to zero with probability ``p``, and the others over ``1 - p``.

    (Srivastava et al., 2014)

    Args:
        x: any shape, floating.
        p: rounded to a multiple of 2**-16 where elements are drawn; 0 and 1 are exact.
        training: False to give ``x`` as it is.
        generator: where the random bits come from; None for the default generator.

    Raises:
        InvalidValueError: ``p`` is outside of [0, 1].

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> et.random.seed(0)
    >>> nn.dropout(et.ones(6), p=0.5).tolist()
    [0.0, 0.0, 0.0, 2.0, 2.0, 0.0]
    """
    x, p = asarray(x), _probability("dropout", p)
    if not training or p == 0:
        return x
    if p == 1:
        return zeros_like(x)
    source = default_generator() if generator is None else generator
    with use_backend(x.backend):
        words = source.bits(((math.prod(x.shape) + 1) // 2,), device=x.device)
    return kept_below(x, words, round((1.0 - p) * 2**16), scale=1.0 / (1.0 - p))


def drop_factor(
    shape: tuple[int, ...], p: float, like: EmberTensor, generator: Generator | None
) -> EmberTensor:
    """What `dropout` multiplies a tensor of ``shape`` with: for attention weights."""
    with use_backend(like.backend):
        whole = ones(shape, dtype=like.dtype, device=like.device)
    return dropout(whole, p=p, generator=generator)


def alpha_dropout(
    x: TensorLike,
    *,
    p: float = 0.5,
    training: bool = True,
    generator: Generator | None = None,
) -> EmberTensor:
    """`dropout` after `selu`, which keeps mean and variance (Klambauer et al., 2017).

    Elements are set to what `selu` gives for large negative numbers.
    """
    x, p = asarray(x), _probability("alpha_dropout", p)
    if not training or p == 0:
        return x
    if p == 1:
        return zeros_like(x)
    scale = 1.0 / math.sqrt((_ALPHA * _ALPHA * p + 1.0) * (1.0 - p))
    kept = _kept(x, p, x.shape, generator)
    return x * (kept * scale) + ((1.0 - kept) * (_ALPHA * scale) - _ALPHA * scale * p)


class _Dropout(Module):
    """What the layers share."""

    def __init__(
        self, p: float = 0.5, inplace: bool = False, *, generator: Generator | None = None
    ) -> None:
        super().__init__()
        self.p = _probability(type(self).__name__, p)
        self.inplace = inplace
        self.generator = generator

    def extra_repr(self) -> str:
        """The options."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """`nn.dropout` while training, and the input as it is otherwise.

    Args:
        p: the probability that an element is set to zero.
        inplace: taken so that PyTorch's arguments fit; the result is a new tensor all the same.
        generator: where the random bits come from; None for the default generator.

    Raises:
        InvalidValueError: ``p`` is outside of [0, 1].

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.Dropout(0.5).eval()(et.ones(3)).tolist()
    [1.0, 1.0, 1.0]
    """

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return dropout(x, p=self.p, training=self.training, generator=self.generator)


class AlphaDropout(_Dropout):
    """`nn.alpha_dropout` while training, and the input as it is otherwise; see `Dropout`."""

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return alpha_dropout(x, p=self.p, training=self.training, generator=self.generator)


class _ChannelDropout(_Dropout):
    """Whole channels are set to zero."""

    #: Numbers of dimensions, with how many of the first ones have a decision for each element.
    _decided: dict[int, int]
    _due: str

    def forward(self, x: TensorLike) -> EmberTensor:
        """The shape of the input."""
        x = asarray(x)
        decided = self._decided.get(x.ndim)
        if decided is None:
            raise ShapeError(
                f"{type(self).__name__}: x of shape {x.shape}, where {self._due} is due"
            )
        if not self.training:
            return x
        ones = (1,) * (x.ndim - decided)
        return _dropped_whole(x, self.p, (*x.shape[:decided], *ones), self.generator)


class Dropout1d(_ChannelDropout):
    """Whole channels of ``(N, C, L)`` or ``(C, L)`` are set to zero; see `Dropout`.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> x = nn.Dropout1d(0.5)(et.ones((1, 8, 3)))
    >>> bool((x == x[..., :1]).all())
    True
    """

    _decided = {2: 1, 3: 2}
    _due = "(N, C, L) or (C, L)"


class Dropout2d(_ChannelDropout):
    """Whole channels of ``(N, C, H, W)``, or of ``(N, C, L)``, are set to zero; see `Dropout`.

    (Tompson et al., 2015)

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> y = nn.Dropout2d(0.5)(et.ones((1, 4, 2, 2)))
    >>> bool(et.all(y == y[:, :, :1, :1]))  # a channel is kept or dropped as a whole
    True
    """

    _decided = {3: 2, 4: 2}
    _due = "(N, C, H, W) or (N, C, L)"


class Dropout3d(_ChannelDropout):
    """Whole channels of ``(N, C, D, H, W)`` or ``(C, D, H, W)`` are set to zero; see `Dropout`."""

    _decided = {4: 1, 5: 2}
    _due = "(N, C, D, H, W) or (C, D, H, W)"
