"""The promotion table, written by hand.

From "Type Promotion Rules" of the array API standard 2025.12; the pairs that it leaves open by
the design: an integer takes a floating dtype, and what no dtype holds becomes ``float32``.
"""

_TABLE = """
     b1  i1  i2  i4  i8  u1  u2  u4  u8  f2  bf  f4  f8  c8  c16
b1   b1  i1  i2  i4  i8  u1  u2  u4  u8  f2  bf  f4  f8  c8  c16
i1   i1  i1  i2  i4  i8  i2  i4  i8  f4  f2  bf  f4  f8  c8  c16
i2   i2  i2  i2  i4  i8  i2  i4  i8  f4  f2  bf  f4  f8  c8  c16
i4   i4  i4  i4  i4  i8  i4  i4  i8  f4  f2  bf  f4  f8  c8  c16
i8   i8  i8  i8  i8  i8  i8  i8  i8  f4  f2  bf  f4  f8  c8  c16
u1   u1  i2  i2  i4  i8  u1  u2  u4  u8  f2  bf  f4  f8  c8  c16
u2   u2  i4  i4  i4  i8  u2  u2  u4  u8  f2  bf  f4  f8  c8  c16
u4   u4  i8  i8  i8  i8  u4  u4  u4  u8  f2  bf  f4  f8  c8  c16
u8   u8  f4  f4  f4  f4  u8  u8  u8  u8  f2  bf  f4  f8  c8  c16
f2   f2  f2  f2  f2  f2  f2  f2  f2  f2  f2  f4  f4  f8  c8  c16
bf   bf  bf  bf  bf  bf  bf  bf  bf  bf  f4  bf  f4  f8  c8  c16
f4   f4  f4  f4  f4  f4  f4  f4  f4  f4  f4  f4  f4  f8  c8  c16
f8   f8  f8  f8  f8  f8  f8  f8  f8  f8  f8  f8  f8  f8  c16 c16
c8   c8  c8  c8  c8  c8  c8  c8  c8  c8  c8  c8  c8  c16 c8  c16
c16  c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16
"""
_NAMES = {
    "b1": "bool", "i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64",
    "u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64",
    "f2": "float16", "bf": "bfloat16", "f4": "float32", "f8": "float64",
    "c8": "complex64", "c16": "complex128",
}  # fmt: skip

_header, *_rows = [line.split() for line in _TABLE.strip().splitlines()]

#: By the names of two dtypes, that of the dtype in which they meet.
PROMOTION = {
    (_NAMES[row], _NAMES[column]): _NAMES[result]
    for row, *results in _rows
    for column, result in zip(_header, results, strict=True)
}
