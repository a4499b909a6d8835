"""Ember's dtypes and the one promotion table that holds on every engine.

The table is the array API standard's (2025.12, "Type Promotion Rules"), made total:
where the standard leaves a pair undefined, an integer meeting a floating dtype gives the
floating dtype, ``uint64`` meeting a signed integer gives ``float32`` (no integer holds
both), and ``float16`` meeting ``bfloat16`` gives ``float32``.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

from .errors import DTypeError

__all__ = ["DTYPES", "DType", "DTypeLike", "by_name", "promote", "scalar_dtype"]

Kind: TypeAlias = Literal["bool", "signed", "unsigned", "float", "complex"]


class DType:
    """One element type. There is one object per dtype: compare with ``is`` or ``==``.

    Attributes:
        name: the standard's name, ``"float32"``.
        kind: ``"bool"``, ``"signed"``, ``"unsigned"``, ``"float"`` or ``"complex"``.
        bits: size of one element in bits (8 for ``bool``).

    >>> from ember_ml.nn import tensor as et
    >>> et.float32.kind, et.float32.itemsize
    ('float', 4)
    """

    __slots__ = ("bits", "kind", "name")

    def __init__(self, name: str, kind: Kind, bits: int) -> None:
        self.name: Final = name
        self.kind: Final = kind
        self.bits: Final = bits

    @property
    def itemsize(self) -> int:
        """Size of one element in bytes."""
        return self.bits // 8

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> str:
        return "bool_" if self.name == "bool" else self.name

    def __copy__(self) -> DType:
        return self

    def __deepcopy__(self, memo: object) -> DType:
        return self


DTypeLike: TypeAlias = "DType | str | object"

bool_ = DType("bool", "bool", 8)
int8 = DType("int8", "signed", 8)
int16 = DType("int16", "signed", 16)
int32 = DType("int32", "signed", 32)
int64 = DType("int64", "signed", 64)
uint8 = DType("uint8", "unsigned", 8)
uint16 = DType("uint16", "unsigned", 16)
uint32 = DType("uint32", "unsigned", 32)
uint64 = DType("uint64", "unsigned", 64)
float16 = DType("float16", "float", 16)
bfloat16 = DType("bfloat16", "float", 16)
float32 = DType("float32", "float", 32)
float64 = DType("float64", "float", 64)
complex64 = DType("complex64", "complex", 64)
complex128 = DType("complex128", "complex", 128)

DTYPES: Final[dict[str, DType]] = {
    d.name: d
    for d in (
        bool_, int8, int16, int32, int64, uint8, uint16, uint32, uint64,
        float16, bfloat16, float32, float64, complex64, complex128,
    )
}  # fmt: skip

_ORDER: Final[dict[str, int]] = {"bool": 0, "unsigned": 1, "signed": 1, "float": 2, "complex": 3}


def by_name(name: str) -> DType:
    """The dtype called ``name``.

    Raises:
        DTypeError: there is none; the message lists them all.
    """
    try:
        return DTYPES[name]
    except KeyError:
        raise DTypeError(f"{name!r} is not a dtype; Ember knows {', '.join(DTYPES)}") from None


def _integers(a: DType, b: DType) -> DType:
    if a.kind == b.kind:
        return a if a.bits >= b.bits else b
    unsigned, signed = (a, b) if a.kind == "unsigned" else (b, a)
    if signed.bits > unsigned.bits:
        return signed
    if unsigned.bits == 64:
        return float32
    return DTYPES[f"int{unsigned.bits * 2}"]


def _promote(a: DType, b: DType) -> DType:
    if a is b:
        return a
    if _ORDER[a.kind] < _ORDER[b.kind]:
        a, b = b, a
    match a.kind:
        case "complex":
            wide = b is complex128 or b is float64
            return complex128 if wide or a is complex128 else complex64
        case "float":
            if b.kind != "float":
                return a
            if a.bits == b.bits:
                return float32  # float16 and bfloat16: neither holds the other
            return a if a.bits > b.bits else b
        case "bool":
            return a
        case _:
            return a if b.kind == "bool" else _integers(a, b)


_TABLE: Final = {(a, b): _promote(a, b) for a in DTYPES.values() for b in DTYPES.values()}


def promote(*dtypes: DType) -> DType:
    """The dtype that holds the result of mixing ``dtypes``.

    >>> from ember_ml.backend.dtypes import promote, int32, float16, uint8, int8
    >>> promote(int32, float16), promote(uint8, int8)
    (float16, int16)
    """
    result = dtypes[0]
    for dtype in dtypes[1:]:
        result = _TABLE[result, dtype]
    return result


def scalar_dtype(scalar: Any, dtype: DType | None = None) -> DType:
    """The dtype of a Python scalar met by a tensor of ``dtype``: it never widens the tensor.

    With ``dtype=None`` the default dtype of the scalar's kind.
    """
    cls = type(scalar)
    kind = _ORDER[dtype.kind] if dtype is not None else -1
    if cls is bool:
        return dtype if dtype is not None else bool_
    if cls is int:
        return dtype if dtype is not None and kind >= 1 else int64
    if cls is float:
        return dtype if dtype is not None and kind >= 2 else float32
    if dtype is not None and kind == 3:
        return dtype
    return complex128 if dtype is float64 else complex64
