"""`Generator`: a key, and a position in the stream of Threefry-2x32 that belongs to it."""

from __future__ import annotations

import itertools
import math
import operator
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from ember_ml.backend.dtypes import DType, DTypeLike, float32, int64, uint32
from ember_ml.backend.errors import (
    CheckpointError,
    DTypeError,
    InvalidValueError,
    ShapeError,
    UnsupportedError,
)
from ember_ml.backend.registry import current_backend, get_backend, use_backend

from ._careful import as_dtype, bound_for, wrap_native
from ._core import Device, EmberTensor, Shape, TensorLike
from ._creation import asarray, zeros
from ._data import astype, iinfo
from ._draws import Words, normals, uniforms
from ._halves import halves_below
from ._manipulation import reshape
from ._search import argsort, searchsorted, take, where
from ._shapes import as_axis, checked_shape
from ._streams import current_trace
from ._threefry import block, random_words

__all__ = ["Generator"]


class Generator:
    """A stream of random numbers on the current backend.

    Args:
        seed: an integer in [0, 2**64); None takes one from the operating system.
        engine: "portable" for the stream that is the same on every engine, "native" for the
            engine's own.

    The stream's numbers depend on the seed and on the calls made before. A portable stream comes
    in blocks of two words of 32 bits, and each call takes whole blocks: four numbers are the same
    in one call and in two of two, and a call for an odd count passes one word over. Generators
    are not to be shared between threads: give each its own, with `split`.

    >>> from ember_ml.nn import tensor as et
    >>> et.random.Generator(0).integers(0, 10, (4,)).tolist()
    [4, 6, 3, 7]
    """

    def __init__(
        self, seed: int | None = None, *, engine: Literal["portable", "native"] = "portable"
    ) -> None:
        try:
            seed = secrets.randbits(64) if seed is None else operator.index(seed)
        except TypeError:
            raise InvalidValueError(f"a seed is an integer in [0, 2**64), not {seed!r}") from None
        if not 0 <= seed < 2**64:
            raise InvalidValueError(f"a seed is an integer in [0, 2**64), not {seed!r}")
        if engine not in ("portable", "native"):
            raise InvalidValueError(f"engine is 'portable' or 'native', not {engine!r}")
        self._key = (seed & 0xFFFFFFFF, seed >> 32)
        self._position = 0
        self._native: dict[str, Any] = {}
        #: The trace that it was made in, whose program makes it anew at each call.
        self._born = current_trace()
        self.engine = engine

    @property
    def seed(self) -> int:
        """The seed of this stream."""
        return self._key[0] | self._key[1] << 32

    def __repr__(self) -> str:
        return f"Generator(seed={self.seed}, position={self._position}, engine={self.engine!r})"

    # -- checkpoints ----------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Seed, and place in the stream, for `nn.save_checkpoint`: numbers and texts.

        Raises:
            UnsupportedError: the engine, whose own generator this is, does not tell its place.
        """
        state = {"engine": self.engine, "seed": self.seed, "position": self._position}
        return state | {
            f"native {name}": get_backend(name).generator_state(native)
            for name, native in self._native.items()
        }

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        """Go on from where the generator was that `state_dict` was asked of.

        Raises:
            CheckpointError: it is no state of a generator, or of one of the other kind of engine;
                nothing has been changed.

        >>> from ember_ml.nn import tensor as et
        >>> one, other = et.random.Generator(3), et.random.Generator(4)
        >>> _ = one.bits((5,))
        >>> other.load_state_dict(one.state_dict())
        >>> (other.bits((4,)) == one.bits((4,))).tolist()
        [True, True, True, True]
        """
        missing = [name for name in ("engine", "seed", "position") if name not in state]
        if missing:
            raise CheckpointError(f"no state of a generator: {', '.join(missing)} missing")
        if state["engine"] != self.engine:
            raise CheckpointError(
                f"the state is of a generator with engine={state['engine']!r}, not {self.engine!r}"
            )
        seed, position = state["seed"], state["position"]
        for name, value in {"seed": seed, "position": position}.items():
            if type(value) is not int or not 0 <= value < 2**64:
                raise CheckpointError(f"{name}={value!r} is no integer in [0, 2**64)")
        natives = {
            name.removeprefix("native "): text
            for name, text in state.items()
            if name.startswith("native ")
        }
        self._native = {
            name: get_backend(name).restored_generator(text) for name, text in natives.items()
        }
        self._key, self._position = (seed & 0xFFFFFFFF, seed >> 32), position

    # -- other streams --------------------------------------------------------------------

    def fold_in(self, data: int) -> Generator:
        """The stream that belongs to this seed and ``data`` (an epoch, a layer's number).

        It does not depend on the numbers drawn so far.
        """
        return self._derived(data, 0b10)

    def split(self, count: int) -> list[Generator]:
        """``count`` independent streams; later calls give others."""
        if count < 0:
            raise InvalidValueError(f"split: there cannot be {count} streams")
        self._refuse_in_trace("split")
        first = self._advance(count)
        return [self._derived(first + i, 0b11) for i in range(count)]

    def _derived(self, data: int, kind: int) -> Generator:
        self._refuse_in_trace("fold_in")
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
        """Uniform in ``[low, high)``: 24 random bits in ``float32``, 53 in ``float64``.

        Raises:
            DTypeError: ``dtype`` is not a real floating one.
            InvalidValueError: ``low`` is above ``high``.
        """
        if low > high:
            raise InvalidValueError(f"uniform: low={low} is above high={high}")
        x = self._floats("uniform", uniforms, shape, dtype, device)
        if (low, high) == (0.0, 1.0):
            return x
        x = _scaled(x, high - low, low)
        # What rounding has carried to the upper end is where the lower one is lacking.
        return where(x < asarray(high, dtype=x.dtype, device=device), x, low)

    def normal(
        self,
        shape: Shape = (),
        *,
        mean: float = 0.0,
        std: float = 1.0,
        dtype: DTypeLike = float32,
        device: Device | None = None,
    ) -> EmberTensor:
        """Normal, by the method of Box and Muller (1958).

        Raises:
            DTypeError: ``dtype`` is not a real floating one.
            InvalidValueError: ``std`` is negative.
        """
        if std < 0:
            raise InvalidValueError(f"normal: std={std} is negative")
        x = self._floats("normal", normals, shape, dtype, device)
        return x if (mean, std) == (0.0, 1.0) else _scaled(x, std, mean)

    def bernoulli(
        self, p: float, shape: Shape = (), *, device: Device | None = None
    ) -> EmberTensor:
        """True with probability ``p``, and False otherwise: ``bool``.

        Half a word decides each: ``p`` is rounded to a multiple of 2**-16. 0 and 1 are exact.

        Raises:
            InvalidValueError: ``p`` is outside of [0, 1].
        """
        if not 0 <= p <= 1:
            raise InvalidValueError(f"bernoulli: p is a probability in [0, 1], not {p}")
        sizes = checked_shape(shape)
        count = math.prod(sizes)
        found = halves_below(self._words((count + 1) // 2, device), round(p * 2**16))
        return reshape(found if count % 2 == 0 else found[:count], sizes)

    def _floats(
        self,
        name: str,
        make: Callable[[Words, int, DType], EmberTensor],
        shape: Shape,
        dtype: DTypeLike,
        device: Device | None,
    ) -> EmberTensor:
        backend = current_backend()
        sizes = checked_shape(shape)
        wanted = bound_for(backend, as_dtype(dtype, backend)).dtype
        if wanted.kind != "float":
            raise DTypeError(f"{name}: its dtype is a real floating one, not {wanted}")
        if self.engine == "native":
            return self._draw(f"random_{name}", sizes, wanted, device)
        return reshape(make(lambda n: self._words(n, device), math.prod(sizes), wanted), sizes)

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
            DTypeError: ``dtype`` is not an integer one.
            InvalidValueError: the range is empty, wider than 2**31, or not within ``dtype``.
        """
        if not 0 < high - low <= 2**31:
            raise InvalidValueError(f"integers: [{low}, {high}) is empty or wider than 2**31")
        limits = iinfo(dtype)
        if not limits.min <= low < high <= limits.max + 1:
            raise InvalidValueError(f"integers: [{low}, {high}) does not fit {limits.dtype}")
        words = astype(self.bits(shape, device=device), int64)
        x = ((words * (high - low)) >> 32) + low
        return x if limits.dtype is int64 else astype(x, limits.dtype)

    def permutation(self, x: int | TensorLike, /, *, axis: int = 0) -> EmberTensor:
        """``0 .. n - 1`` in random order for an integer n, or a tensor's slices along ``axis``."""
        count, x = _population(x, axis)
        if x is None:
            return self._order(count, None)
        with use_backend(x.backend):
            return take(x, self._order(count, x.device), axis=axis)

    def _order(self, n: int, device: Device | None) -> EmberTensor:
        words = astype(reshape(self.bits((2 * n,), device=device), (n, 2)), int64)
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
            p: the probability of each, which need not sum to 1; None for equal ones. With
                ``replace`` only.

        Raises:
            InvalidValueError: more elements than there are, without putting them back; or
                probabilities without it, negative ones, or not one for each element.
        """
        sizes = checked_shape(shape)
        population, x = _population(x, 0)
        if x is None:
            return reshape(self._chosen(population, math.prod(sizes), replace, p, None), sizes)
        with use_backend(x.backend):
            index = self._chosen(population, math.prod(sizes), replace, p, x.device)
            return reshape(take(x, index, axis=0), (*sizes, *x.shape[1:]))

    def _chosen(
        self, n: int, count: int, replace: bool, p: Any, device: Device | None
    ) -> EmberTensor:
        if p is not None:
            if not replace:
                raise InvalidValueError("choice: probabilities need replace=True")
            ends = asarray(_ends(p, n), dtype=int64, device=device)
            words = astype(self.bits((count,), device=device), int64)
            return searchsorted(ends, words, side="right")
        if replace:
            return self.integers(0, n, (count,), device=device)
        if count > n:
            raise InvalidValueError(f"choice: {count} of {n} elements without putting them back")
        return self._order(n, device)[:count]

    # -- the source -----------------------------------------------------------------------

    def _advance(self, blocks: int) -> int:
        first = self._position
        self._position += blocks
        return first

    def _is_traced(self) -> bool:
        """Whether its key and place are not known, but inputs of a program."""
        trace = current_trace()
        return trace is not None and self._born is not trace

    def _refuse_in_trace(self, what: str) -> None:
        if self._is_traced():
            raise UnsupportedError(
                f"{what} of a generator inside a compiled function would be worked out once, when "
                "it is traced; do it outside, and pass the generators on"
            )

    def stream(self) -> EmberTensor:
        """Key and place of the next block, as `tensor._threefry.random_words` takes them.

        Returns:
            (3,), ``int64``.
        """
        state, offset = self._take(0)
        return state + asarray([0, 0, offset], dtype=int64) if offset else state

    def skip(self, blocks: int) -> None:
        """Pass over so many blocks of two words."""
        self._take(blocks)

    def _take(self, blocks: int) -> tuple[EmberTensor, int]:
        """A state, and how many blocks after it the next ones are: those are taken."""
        trace = current_trace()
        if trace is not None and self._born is not trace:
            return trace.take(self, blocks)
        return asarray([*self._key, self._advance(blocks)], dtype=int64), 0

    def _words(self, count: int, device: Device | None) -> EmberTensor:
        if self.engine == "native":
            return self._draw("random_bits", (count,), uint32, device)
        if count == 0:
            return zeros((0,), dtype="uint32", device=device)
        blocks = (count + 1) // 2
        state, offset = self._take(blocks)
        return random_words(state, blocks, offset=offset, device=device)[:count]

    def _draw(
        self, what: str, shape: tuple[int, ...], dtype: DType, device: Device | None
    ) -> EmberTensor:
        if self._is_traced():
            raise UnsupportedError(
                "the engine's own generator would give the same numbers at every call of a compiled "
                "function; a portable one, Generator(seed), gives new ones"
            )
        backend = current_backend()
        state = self._native.get(backend.name)
        if state is None:
            state = self._native[backend.name] = backend.native_generator(self.seed, device)
        native = bound_for(backend, dtype).native_dtype
        draw = getattr(backend, what)
        return wrap_native(draw(state, shape, dtype=native, device=device), backend)


def _scaled(x: EmberTensor, factor: float, offset: float) -> EmberTensor:
    if x.dtype.bits > 16:
        return x * factor + offset
    # Engines differ in whether they round a Python number to half precision first.
    return astype(astype(x, float32) * factor + offset, x.dtype)


def _population(x: int | TensorLike, axis: int) -> tuple[int, EmberTensor | None]:
    """How many there are to choose from, and the tensor that they are slices of, if any."""
    if not isinstance(x, int):
        x = asarray(x)
        if x.ndim:
            return x.shape[as_axis(axis, x.ndim, "random")], x
    count = operator.index(x)
    if count < 0:
        raise InvalidValueError(f"there cannot be {count} elements to choose from")
    return count, None


def _ends(p: Sequence[float] | TensorLike, n: int) -> list[int]:
    """Below which of the words in [0, 2**32) each element is chosen."""
    weights = [float(w) for w in (p if isinstance(p, list | tuple) else asarray(p).tolist())]
    if len(weights) != n:
        raise ShapeError(f"choice: {len(weights)} probabilities for {n} elements")
    # In Python, so that no engine's order of summation decides.
    sums = list(itertools.accumulate(weights))
    if not sums or min(weights) < 0 or not 0 < sums[-1] < math.inf:
        raise InvalidValueError("choice: probabilities are finite, not negative, and not all zero")
    return [math.ceil(end / sums[-1] * 2**32) for end in sums]
