"""Random arguments for operations, held by NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ember_ml.backend.dtypes import DTYPES, DType

__all__ = ["Array", "Draw", "carrier", "rounded"]

T = TypeVar("T")

#: Values at which floating-point functions tend to differ.
_SPECIALS = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan)


@dataclass(frozen=True)
class Array:
    """An argument that stands for a tensor: values in NumPy, and the dtype that it will have.

    Floating and complex values are held in double precision, and are exact in ``dtype``.
    """

    values: np.ndarray[Any, Any]
    dtype: DType

    def __repr__(self) -> str:
        return f"{self.dtype}{list(self.values.shape)} {self.values.tolist()}"


def carrier(dtype: DType) -> np.dtype[Any]:
    """The NumPy dtype that holds every value of ``dtype``: references compute in it."""
    if dtype.kind == "float":
        return np.dtype(np.float64)
    return np.dtype(np.complex128 if dtype.kind == "complex" else dtype.name)


def rounded(values: Any, dtype: DType) -> np.ndarray[Any, Any]:
    """``values`` as ``dtype`` would hold them, in its `carrier`."""
    with np.errstate(all="ignore"):
        if dtype.name == "bfloat16":
            return _bfloat16(np.asarray(values, dtype=np.float32)).astype(np.float64)
        return np.asarray(values).astype(dtype.name).astype(carrier(dtype))


def _bfloat16(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """To the nearest number with eight significant bits, ties to even."""
    bits: Any = values.view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    return np.where(np.isnan(values), values, bits.astype(np.uint32).view(np.float32))


class Draw:
    """Draws the arguments of one call.

    Args:
        choose: an integer from the first to the second, both included.
        smooth: no empty arrays, no special values: for gradients.
        wild: now and then an argument that does not fit (an axis out of range, shapes that do
            not broadcast, another dtype): for comparing errors.
    """

    def __init__(
        self, choose: Callable[[int, int], int], *, smooth: bool = False, wild: bool = False
    ) -> None:
        self.integer = choose
        self.smooth = smooth
        self.wild = wild
        self._random: np.random.Generator | None = None

    @property
    def random(self) -> np.random.Generator:
        """For values, whose drawing one by one would be slow."""
        if self._random is None:
            self._random = np.random.default_rng(self.integer(0, 2**32 - 1))
        return self._random

    def amiss(self) -> bool:
        """Whether the next argument should be wrong."""
        return self.wild and self.integer(0, 11) == 11

    def one_of(self, *values: T) -> T:
        """One of ``values``."""
        return values[self.integer(0, len(values) - 1)]

    def flag(self) -> bool:
        """A bool."""
        return bool(self.integer(0, 1))

    def number(self, low: float, high: float) -> float:
        """A Python float with few bits, exact in every dtype."""
        return self.integer(int(low * 4), int(high * 4)) / 4

    def shape(self, low: int = 0, high: int = 3, *, empty: bool = True) -> tuple[int, ...]:
        """``low`` to ``high`` dimensions of 0 to 4 elements (1 to 4 unless ``empty``)."""
        side = 0 if empty and not self.smooth and self.integer(0, 7) == 7 else 1
        return tuple(self.integer(side, 4) for _ in range(self.integer(low, high)))

    def shapes(self, count: int, low: int = 0, high: int = 3) -> list[tuple[int, ...]]:
        """Shapes that broadcast together."""
        whole = self.shape(low, high)
        found = [whole]
        for _ in range(count - 1):
            part = tuple(1 if self.integer(0, 3) == 0 else n for n in whole)
            part = part[self.integer(0, len(part) - low) :] if len(part) > low else part
            found.append(self.shape(low, high) if self.amiss() else part)
        return found

    def array(
        self,
        dtype: DType,
        shape: Sequence[int] | None = None,
        *,
        low: float = -4,
        high: float = 4,
        specials: bool = False,
        extremes: bool = False,
    ) -> Array:
        """Values from ``low`` to ``high`` (from 0 where ``dtype`` has no sign).

        Args:
            specials: infinities, nan and signed zeros among floating-point numbers.
            extremes: the least and the largest numbers among integers.
        """
        if self.amiss():
            dtype = DTYPES[self.one_of("bool", "int8", "uint8", "int64", "float32", "complex64")]
        size = self.shape() if shape is None else tuple(shape)
        random = self.random
        values: Any
        match dtype.kind:
            case "bool":
                values = random.integers(0, 2, size)
            case "signed" | "unsigned":
                bottom = 0 if dtype.kind == "unsigned" else int(np.ceil(low))
                values = random.integers(max(bottom, int(np.ceil(low))), int(high) + 1, size)
                if extremes and self.flag():
                    values = self._extremes(values, dtype)
            case "float":
                values = self._reals(size, low, high, specials)
            case _:
                values = self._reals(size, low, high, False) + 1j * self._reals(
                    size, low, high, False
                )
        return Array(rounded(values, dtype), dtype)

    def _reals(self, size: tuple[int, ...], low: float, high: float, specials: bool) -> Any:
        values = self.random.uniform(low, high, size)
        if specials and not self.smooth and self.flag():
            odd = self.random.choice(_SPECIALS, size)
            values = np.where(self.random.uniform(size=size) < 0.5, odd, values)
        return values

    def _extremes(self, values: Any, dtype: DType) -> Any:
        limits = np.iinfo(dtype.name)
        odd = [limits.min, limits.min + 1, limits.max - 1, limits.max]
        some = self.random.choice(np.asarray(odd, dtype.name), values.shape)
        return np.where(
            self.random.uniform(size=values.shape) < 0.3, some, values.astype(dtype.name)
        )

    def indices(
        self, size: int, shape: Sequence[int], *, negative: bool = True, checked: bool = False
    ) -> Array:
        """``int64`` within a dimension of ``size``; beyond it when wild, unless ``checked``."""
        low = -size if negative else 0
        top = size + 1 if not checked and self.amiss() else size
        return Array(self.random.integers(low, top, tuple(shape)), DTYPES["int64"])

    def axis(self, ndim: int, *, none: bool = False) -> Any:
        """One axis, counted from either end; sometimes None."""
        if self.amiss():
            return ndim + 1
        if none and (ndim == 0 or self.integer(0, 3) == 0):
            return None
        return self.integer(-ndim, ndim - 1)

    def axes(self, ndim: int) -> Any:
        """What reductions take: None, one axis or several."""
        if ndim == 0 or self.flag():
            return self.axis(ndim, none=True)
        count = self.integer(0, ndim)
        axes = self.random.permutation(ndim)[:count]
        return tuple(int(a) - ndim * self.integer(0, 1) for a in axes)

    def symmetric(self, dtype: DType, shape: Sequence[int], *, positive: bool = False) -> Array:
        """Symmetric (Hermitian) matrices with eigenvalues that are well apart."""
        n = shape[-1]
        a = self.random.normal(size=tuple(shape))
        if dtype.kind == "complex":
            a = a + 1j * self.random.normal(size=tuple(shape))
        q = np.linalg.qr(a)[0] if a.size else a
        first = 1 if positive else -(n // 2)
        values = (np.arange(n) + first + self.random.uniform(0, 0.3, n)).astype(q.dtype)
        return self.exact((q * values) @ np.conj(np.swapaxes(q, -1, -2)), dtype)

    def regular(self, dtype: DType, shape: Sequence[int]) -> Array:
        """Square matrices that are far from singular."""
        a = self.array(dtype, shape, low=-1, high=1)
        return self.exact(a.values + 3 * np.eye(shape[-2], shape[-1]), a.dtype)

    @staticmethod
    def exact(values: Any, dtype: DType) -> Array:
        """``values``, rounded to ``dtype``."""
        return Array(rounded(values, dtype), dtype)
