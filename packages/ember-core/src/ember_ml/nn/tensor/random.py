"""Random numbers: the same ones on every engine. ``from ember_ml.nn.tensor import random``.

A `Generator` holds a key and a position in the stream of Threefry-2x32 (`_threefry`). Integers
and `uniform` agree bit for bit between engines, `normal` to the last place or two.
``Generator(seed, engine="native")`` is a fast generator of the engine's own instead.
"""

from __future__ import annotations

import math
import secrets
import threading
from collections.abc import Sequence
from typing import Any, Literal

from ember_ml.backend.dtypes import DTypeLike, float32, int64, uint32
from ember_ml.backend.errors import InvalidValueError
from ember_ml.backend.registry import current_backend

from ._analysis import cos, log, sin, sqrt
from ._careful import as_dtype, bound_for, wrap_native
from ._core import Device, EmberTensor, Shape, TensorLike
from ._creation import asarray, zeros
from ._data import astype
from ._manipulation import reshape, stack
from ._reduction import cumulative_sum
from ._search import argsort, searchsorted, take
from ._shapes import checked_shape
from ._threefry import block, random_words

__all__ = [
    "Generator",
    "bits",
    "choice",
    "default_generator",
    "integers",
    "normal",
    "permutation",
    "seed",
    "uniform",
]


class Generator:
    """A stream of random numbers on the current backend.

    Args:
        seed: an integer in [0, 2**64); None takes one from the operating system.
        engine: "portable" for the stream that is the same on every engine, "native" for the
            engine's own.

    The stream's numbers depend on the seed and on the calls made before. Generators are not to
    be shared between threads: give each its own, with `split`.

    >>> from ember_ml.nn import tensor as et
    >>> et.random.Generator(0).integers(0, 10, (4,)).tolist()
    [4, 6, 3, 7]
    """

    def __init__(
        self, seed: int | None = None, *, engine: Literal["portable", "native"] = "portable"
    ) -> None:
        if seed is None:
            seed = secrets.randbits(64)
        if not isinstance(seed, int) or not 0 <= seed < 2**64:
            raise InvalidValueError(f"a seed is an integer in [0, 2**64), not {seed!r}")
        if engine not in ("portable", "native"):
            raise InvalidValueError(f"engine is 'portable' or 'native', not {engine!r}")
        self._key = (seed & 0xFFFFFFFF, seed >> 32)
        self._position = 0
        self._native: dict[str, Any] = {}
        self.engine = engine

    @property
    def seed(self) -> int:
        """The seed of this stream."""
        return self._key[0] | self._key[1] << 32

    def __repr__(self) -> str:
        return f"Generator(seed={self.seed}, position={self._position}, engine={self.engine!r})"

    # -- other streams --------------------------------------------------------------------

    def fold_in(self, data: int) -> Generator:
        """The stream that belongs to this seed and ``data`` (an epoch, a layer's number).

        It does not depend on the numbers drawn so far.
        """
        return self._derived(data, 0b10)

    def split(self, count: int) -> list[Generator]:
        """``count`` independent streams; later calls give others."""
        first = self._advance(count)
        return [self._derived(first + i, 0b11) for i in range(count)]

    def _derived(self, data: int, kind: int) -> Generator:
        # The upper bits keep these counters apart from each other, and from those of the stream.
        counter = (data & 0xFFFFFFFF, (data >> 32 & 0x3FFFFFFF) | kind << 30)
        low, high = block(self._key, counter)
        return Generator(low | high << 32, engine=self.engine)

    # -- numbers --------------------------------------------------------------------------

    def bits(self, shape: Shape = (), *, device: Device | None = None) -> EmberTensor:
        """Uniformly random ``uint32``."""
        shape = checked_shape(shape)
        return reshape(self._words(math.prod(shape), device), shape)

    def uniform(
        self,
        shape: Shape = (),
        *,
        low: float = 0.0,
        high: float = 1.0,
        dtype: DTypeLike = float32,
        device: Device | None = None,
    ) -> EmberTensor:
        """Uniform in ``[low, high)``: 24 random bits in ``float32``, 53 in ``float64``."""
        backend = current_backend()
        shape, wanted = checked_shape(shape), as_dtype(dtype, backend)
        if self.engine == "native":
            x = self._draw("random_uniform", shape, wanted, device)
        elif wanted.name == "float64":
            words = reshape(self._words(2 * math.prod(shape), device), (-1, 2))
            high_bits = astype(words[:, 0] >> 5, wanted) * 67108864.0
            x = reshape((high_bits + astype(words[:, 1] >> 6, wanted)) * 2.0**-53, shape)
        else:
            words = self._words(math.prod(shape), device)
            x = reshape(astype(words >> 8, float32) * 2.0**-24, shape)
            x = x if wanted is float32 else astype(x, wanted)
        return x if (low, high) == (0.0, 1.0) else x * (high - low) + low

    def normal(
        self,
        shape: Shape = (),
        *,
        mean: float = 0.0,
        std: float = 1.0,
        dtype: DTypeLike = float32,
        device: Device | None = None,
    ) -> EmberTensor:
        """Normal, by the method of Box and Muller (1958)."""
        backend = current_backend()
        shape, wanted = checked_shape(shape), as_dtype(dtype, backend)
        if self.engine == "native":
            x = self._draw("random_normal", shape, wanted, device)
        else:
            x = self._box_muller(shape, device)
            x = x if x.dtype is wanted else astype(x, wanted)
        return x if (mean, std) == (0.0, 1.0) else x * std + mean

    def _box_muller(self, shape: tuple[int, ...], device: Device | None) -> EmberTensor:
        count = math.prod(shape)
        pairs = (count + 1) // 2
        words = reshape(self._words(2 * pairs, device), (pairs, 2))
        # Double precision makes the engines' differing log, sin and cos agree when rounded.
        work = "float64" if "float64" in current_backend().capabilities else "float32"
        # In (0, 1], so that the logarithm is finite.
        u = (astype(words[:, 0] >> 8, work) + 1.0) * 2.0**-24
        angle = astype(words[:, 1] >> 8, work) * (2.0**-24 * 2.0 * math.pi)
        radius = sqrt(-2.0 * log(u))
        both = stack([radius * cos(angle), radius * sin(angle)], axis=1)
        return astype(reshape(reshape(both, (-1,))[:count], shape), float32)

    def integers(
        self,
        low: int,
        high: int,
        shape: Shape = (),
        *,
        dtype: DTypeLike = int64,
        device: Device | None = None,
    ) -> EmberTensor:
        """Integers in ``[low, high)``.

        Raises:
            InvalidValueError: the range is empty or wider than 2**31.
        """
        shape = checked_shape(shape)
        if not 0 < high - low <= 2**31:
            raise InvalidValueError(f"integers: [{low}, {high}) is empty or wider than 2**31")
        words = astype(self.bits(shape, device=device), int64)
        x = ((words * (high - low)) >> 32) + low
        return x if as_dtype(dtype, x._backend.backend) is int64 else astype(x, dtype)

    def permutation(self, x: int | TensorLike, /, *, axis: int = 0) -> EmberTensor:
        """``0 .. n - 1`` in random order for an integer n, or a tensor's slices along ``axis``."""
        if not isinstance(x, int):
            x = asarray(x)
            return take(x, self.permutation(x.shape[axis]), axis=axis)
        words = astype(reshape(self.bits((2 * x,)), (x, 2)), int64)
        # 63 random bits for each: equal ones are as good as impossible.
        return argsort(((words[:, 0] >> 1) << 32) | words[:, 1])

    def choice(
        self,
        x: int | TensorLike,
        /,
        shape: Shape = (),
        *,
        replace: bool = True,
        p: Sequence[float] | TensorLike | None = None,
    ) -> EmberTensor:
        """Elements of ``x`` (or of ``0 .. x - 1``) drawn with or without putting them back.

        Args:
            p: the probability of each; None for equal ones. With ``replace`` only.

        Raises:
            InvalidValueError: more elements than there are, without putting them back; or
                probabilities without it.
        """
        shape = checked_shape(shape)
        count = math.prod(shape)
        n = x if isinstance(x, int) else asarray(x).shape[0]
        if p is not None:
            if not replace:
                raise InvalidValueError("choice: probabilities need replace=True")
            ends = cumulative_sum(asarray(p, dtype=float32))
            index = searchsorted(ends / ends[-1], self.uniform((count,)), side="right").clip(
                0, n - 1
            )
        elif replace:
            index = self.integers(0, n, (count,))
        elif count > n:
            raise InvalidValueError(f"choice: {count} of {n} elements without putting them back")
        else:
            index = self.permutation(n)[:count]
        index = reshape(index, shape)
        if isinstance(x, int):
            return index
        return reshape(take(asarray(x), reshape(index, (-1,)), axis=0),
                       (*shape, *asarray(x).shape[1:]))  # fmt: skip

    # -- the source -----------------------------------------------------------------------

    def _advance(self, blocks: int) -> int:
        first = self._position
        self._position += blocks
        return first

    def _words(self, count: int, device: Device | None) -> EmberTensor:
        if self.engine == "native":
            return self._draw("random_bits", (count,), uint32, device)
        if count == 0:
            return zeros((0,), dtype="uint32", device=device)
        blocks = (count + 1) // 2
        return random_words(self._key, self._advance(blocks), blocks, device=device)[:count]

    def _draw(
        self, what: str, shape: tuple[int, ...], dtype: Any, device: Device | None
    ) -> EmberTensor:
        backend = current_backend()
        state = self._native.get(backend.name)
        if state is None:
            state = self._native[backend.name] = backend.native_generator(self.seed, device)
        native = bound_for(backend, dtype).native_dtype
        draw = getattr(backend, what)
        return wrap_native(draw(state, shape, dtype=native, device=device), backend)


# -- the default generator, one in each thread ----------------------------------------------

_local = threading.local()
_seed: int | None = None


def seed(value: int, /) -> None:
    """Start the default generator afresh. Threads started later use the same seed."""
    global _seed
    _seed = value
    _local.generator = Generator(value)


def default_generator() -> Generator:
    """The generator behind the functions of this module, one in each thread."""
    generator: Generator | None = getattr(_local, "generator", None)
    if generator is None:
        generator = _local.generator = Generator(_seed)
    return generator


def bits(shape: Shape = (), *, device: Device | None = None) -> EmberTensor:
    """`Generator.bits` of the default generator."""
    return default_generator().bits(shape, device=device)


def uniform(
    shape: Shape = (),
    *,
    low: float = 0.0,
    high: float = 1.0,
    dtype: DTypeLike = float32,
    device: Device | None = None,
) -> EmberTensor:
    """`Generator.uniform` of the default generator.

    >>> from ember_ml.nn import tensor as et
    >>> et.random.seed(0)
    >>> et.random.uniform((2,)).shape
    (2,)
    """
    return default_generator().uniform(shape, low=low, high=high, dtype=dtype, device=device)


def normal(
    shape: Shape = (),
    *,
    mean: float = 0.0,
    std: float = 1.0,
    dtype: DTypeLike = float32,
    device: Device | None = None,
) -> EmberTensor:
    """`Generator.normal` of the default generator."""
    return default_generator().normal(shape, mean=mean, std=std, dtype=dtype, device=device)


def integers(
    low: int,
    high: int,
    shape: Shape = (),
    *,
    dtype: DTypeLike = int64,
    device: Device | None = None,
) -> EmberTensor:
    """`Generator.integers` of the default generator."""
    return default_generator().integers(low, high, shape, dtype=dtype, device=device)


def permutation(x: int | TensorLike, /, *, axis: int = 0) -> EmberTensor:
    """`Generator.permutation` of the default generator."""
    return default_generator().permutation(x, axis=axis)


def choice(
    x: int | TensorLike,
    /,
    shape: Shape = (),
    *,
    replace: bool = True,
    p: Sequence[float] | TensorLike | None = None,
) -> EmberTensor:
    """`Generator.choice` of the default generator."""
    return default_generator().choice(x, shape, replace=replace, p=p)
