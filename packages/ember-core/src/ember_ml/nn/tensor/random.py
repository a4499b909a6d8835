"""Random numbers: the same ones on every engine. ``from ember_ml.nn.tensor import random``.

A `Generator` holds a key and a position in the stream of Threefry-2x32 (`_threefry`). Integers
and `uniform` agree bit for bit between engines, `normal` to two units in the last place.
``Generator(seed, engine="native")`` is a fast generator of the engine's own instead. The functions
are those of a default generator, one in each thread.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence

from ember_ml.backend.dtypes import DTypeLike, float32, int64

from ._core import Device, EmberTensor, Shape, TensorLike
from ._generator import Generator

__all__ = [
    "Generator",
    "bernoulli",
    "bits",
    "choice",
    "default_generator",
    "integers",
    "normal",
    "permutation",
    "seed",
    "uniform",
]

_local = threading.local()
_seed: int | None = None


def seed(value: int, /) -> None:
    """Start the default generator afresh. Threads started later use the same seed."""
    global _seed
    _local.generator = Generator(value)
    _seed = value


def default_generator() -> Generator:
    """The generator behind the functions of this module, one in each thread."""
    generator: Generator | None = getattr(_local, "generator", None)
    if generator is None:
        generator = _local.generator = Generator(_seed)
    return generator


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """Within the block the default generator of this thread is another one, of a fixed seed."""
    generator = default_generator()
    _local.generator = Generator(0)
    try:
        yield
    finally:
        _local.generator = generator


def bits(shape: Shape = (), *, device: Device | None = None) -> EmberTensor:
    """`Generator.bits` of the default generator."""
    return default_generator().bits(shape, device=device)


def bernoulli(p: float, shape: Shape = (), *, device: Device | None = None) -> EmberTensor:
    """`Generator.bernoulli` of the default generator.

    >>> from ember_ml.nn import tensor as et
    >>> et.random.seed(0)
    >>> et.random.bernoulli(0.5, (4,)).tolist()
    [False, False, False, True]
    """
    return default_generator().bernoulli(p, shape, device=device)


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
    >>> et.random.uniform((2,)).tolist()
    [0.4184570908546448, 0.6004990339279175]
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
