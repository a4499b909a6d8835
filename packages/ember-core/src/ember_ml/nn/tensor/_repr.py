"""The text of a tensor: the same on every engine.

Written here from Python scalars, since each engine prints in its own way.
"""

from __future__ import annotations

import math
from typing import Any

from ._core import EmberTensor

__all__ = ["array_repr", "array_str"]

_EDGE = 3  # elements shown at each end of a long axis
_THRESHOLD = 1000  # a larger tensor is summarised
_WIDTH = 88


def array_repr(x: EmberTensor, /) -> str:
    """``tensor([1., 2.], dtype=float32, backend='numpy')``.

    >>> from ember_ml.nn import tensor as et
    >>> et.asarray([1.0, 2.5])
    tensor([1. , 2.5], dtype=float32, backend='numpy')
    """
    device = "" if x.device == "cpu" else f", device={x.device!r}"
    shape = f", shape={x.shape}" if x.size == 0 or x.size > _THRESHOLD else ""
    facts = f"{shape}, dtype={x.dtype}, backend={x.backend!r}{device}"
    body = _body(x, len("tensor("))
    glue = facts if len(body.rpartition("\n")[2]) + len(facts) < _WIDTH else f",\n      {facts[1:]}"
    return f"tensor({body}{glue})"


def array_str(x: EmberTensor, /) -> str:
    """The elements alone: ``[1. 2.5]`` without name, dtype and backend."""
    return _body(x, 0)


def _body(x: EmberTensor, indent: int) -> str:
    if x.size == 0:
        return "[]"
    data = _summary(x, x.size > _THRESHOLD)
    leaves = [leaf for leaf in _leaves(data) if leaf is not ...]
    texts = iter(_format(leaves, x.dtype.kind, x.dtype.name))
    return _nest(data, texts, indent + 1)


def _summary(x: EmberTensor, cut: bool) -> Any:
    """Nested lists, with ``...`` in the place of the middle of long axes."""
    if not cut or x.ndim == 0:
        return x.tolist()
    n = x.shape[0]
    if n <= 2 * _EDGE:
        return [_summary(x[i], True) for i in range(n)]
    ends = [*range(_EDGE), *range(n - _EDGE, n)]
    items = [_summary(x[i], True) for i in ends]
    return [*items[:_EDGE], ..., *items[_EDGE:]]


def _leaves(data: Any) -> list[Any]:
    if isinstance(data, list):
        return [leaf for item in data for leaf in _leaves(item)]
    return [data]


def _nest(data: Any, texts: Any, indent: int) -> str:
    if data is ...:
        return "..."
    if not isinstance(data, list):
        return str(next(texts))
    deep = any(isinstance(item, list) for item in data)
    items = [_nest(item, texts, indent + 1) for item in data]
    if deep:
        return "[" + (",\n" + " " * indent).join(items) + "]"
    lines, line = [], ""
    for item in items:
        if line and indent + len(line) + len(item) + 2 > _WIDTH:
            lines.append(line)
            line = ""
        line = f"{line}, {item}" if line else item
    lines.append(line)
    return "[" + (",\n" + " " * indent).join(lines) + "]"


def _format(leaves: list[Any], kind: str, name: str) -> list[str]:
    if kind == "float":
        return _pad(_floats(leaves, name))
    if kind == "complex":
        part = "float32" if name == "complex64" else "float64"
        real = _pad(_floats([z.real for z in leaves], part))
        imag = _floats([abs(z.imag) for z in leaves], part)
        signs = ["-" if math.copysign(1.0, z.imag) < 0 else "+" for z in leaves]
        return [f"{r}{s}{i}j" for r, s, i in zip(real, signs, imag, strict=True)]
    return _pad([str(leaf) for leaf in leaves])


def _pad(texts: list[str]) -> list[str]:
    width = max(map(len, texts))
    return [text.rjust(width) for text in texts]


def _floats(values: list[float], name: str) -> list[str]:
    """Up to four decimals, as many as are needed; an exponent where the range is wide."""
    finite = [abs(v) for v in values if math.isfinite(v) and v != 0]
    wide = finite and (max(finite) >= 1e8 or min(finite) < 1e-4 or max(finite) / min(finite) > 1e5)
    style = "e" if wide else "f"
    texts = [f"{v:.4{style}}" if math.isfinite(v) else str(v) for v in values]
    if style == "e":
        return texts
    decimals = max((len(t.rstrip("0").partition(".")[2]) for t in texts if "." in t), default=0)
    return [
        f"{t.partition('.')[0]}.{t.partition('.')[2][:decimals].rstrip('0').ljust(decimals)}"
        if "." in t
        else t
        for t in texts
    ]
