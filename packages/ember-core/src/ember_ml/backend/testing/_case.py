"""What is known of an operation beside its declaration: arguments to try and the right results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, TypeAlias, cast

from ember_ml.backend.dtypes import DTYPES, DType, float32
from ember_ml.backend.operations import OPERATIONS, Operation
from ember_ml.nn import tensor

from ._draw import Draw

__all__ = ["CASES", "Call", "Case", "case", "complex_of", "int64", "real_of", "sum_of"]

#: Positional and keyword arguments; an `Array` stands for a tensor.
Call: TypeAlias = tuple[tuple[Any, ...], dict[str, Any]]

int64 = DTYPES["int64"]


@dataclass(frozen=True)
class Case:
    """How one public function is tested.

    Attributes:
        name: as the public namespace has it, ``"add"``, ``"linalg.qr"``.
        arguments: draws the arguments of one call for a dtype.
        reference: the right result (an array, or a tuple of arrays) from the arguments, with
            each `Array` replaced by its values in double precision.
        verify: says what is wrong with a result that is not unique (a factorisation), or None,
            from the result's arrays, the dtype computed in, and the arguments as ``reference``
            gets them.
        accepts: the dtypes it is defined for: that of the operation, where it is one.
        result: the dtype of the (first) result for the dtype computed in; None: the same.
        gradient: positions of the arguments to differentiate by.
        pick: the part of the result that is unique, to differentiate.
        differences: the reference for ``pick``; ``reference`` unless given.
        symmetric: whether arguments are symmetric matrices, and so must changes to them be.
        consumes: whether arguments may be overwritten.
        tolerance: how many times the usual rounding error is allowed.
    """

    name: str
    arguments: Callable[[Draw, DType], Call]
    reference: Callable[..., Any] | None = None
    verify: Callable[..., str | None] | None = None
    accepts: Callable[[DType], bool] = lambda dtype: True
    result: Callable[[DType], DType | None] | None = None
    gradient: tuple[int, ...] = ()
    pick: Callable[[Any], Any] | None = None
    differences: Callable[..., Any] | None = None
    symmetric: bool = False
    consumes: bool = False
    tolerance: float = 1.0

    @property
    def function(self) -> Callable[..., Any]:
        """The public function."""
        if self.operation is not None:
            return self.operation.function
        return cast("Callable[..., Any]", reduce(getattr, self.name.split("."), cast(Any, tensor)))

    @property
    def operation(self) -> Operation | None:
        """Its record; None for a plain function over operations."""
        return OPERATIONS.get(self.name.replace(".", "_"))

    def takes(self, dtype: DType) -> bool:
        """Whether it is tried with ``dtype``: what it is defined for, and some to convert."""
        if self.operation is None:
            return self.accepts(dtype)
        converted = {
            "floating": ("int32",),
            "inexact": ("int32",),
            "complex": ("int32", "float32", "float64"),
        }.get(self.operation.accepts, ())
        fits = self.operation.accepts_dtype(dtype) or dtype.name in converted
        return fits and self.accepts(dtype)

    def computes(self, dtype: DType) -> DType:
        """The dtype that arguments of ``dtype`` are brought to."""
        accepts = self.operation.accepts if self.operation else "any"
        if accepts in ("floating", "inexact") and dtype.kind in ("bool", "signed", "unsigned"):
            return float32
        return complex_of(dtype) if accepts == "complex" else dtype

    def expected(self, dtype: DType) -> DType | None:
        """The dtype of the result for arguments of ``dtype``; None where it varies."""
        computed = self.computes(dtype)
        if self.result is not None:
            return self.result(computed)
        if self.operation is not None and self.operation.result == "bool":
            return DTYPES["bool"]
        if self.operation is not None and self.operation.result == "sum":
            return sum_of(computed)
        return computed


@dataclass
class _Table:
    cases: dict[str, Case] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases.values())

    def __getitem__(self, name: str) -> Case:
        return self.cases[name]

    def __contains__(self, name: str) -> bool:
        return name in self.cases

    def add(self, entry: Case) -> None:
        if entry.name in self.cases:
            raise ValueError(f"there are two cases for {entry.name!r}; give it one")
        self.cases[entry.name] = entry

    def names(self) -> list[str]:
        """In the order of declaration."""
        return list(self.cases)


#: Every case, by public name.
CASES = _Table()


def case(name: str, arguments: Callable[[Draw, DType], Call], **options: Any) -> None:
    """Add a `Case`."""
    CASES.add(Case(name, arguments, **options))


# -- dtypes of results ----------------------------------------------------------------------


def real_of(dtype: DType) -> DType:
    """The dtype of the parts of complex numbers."""
    return DTYPES[f"float{dtype.bits // 2}"] if dtype.kind == "complex" else dtype


def complex_of(dtype: DType) -> DType:
    """The complex dtype that real numbers of ``dtype`` are brought to."""
    if dtype.kind == "complex":
        return dtype
    return DTYPES["complex128" if dtype.name == "float64" else "complex64"]


def sum_of(dtype: DType) -> DType:
    """The standard's default dtype of sums and products."""
    if dtype.kind in ("float", "complex"):
        return dtype
    return DTYPES["uint64" if dtype.kind == "unsigned" else "int64"]
