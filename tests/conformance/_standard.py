"""The standard's names and signatures, read from the table beside this file."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("standard-2025.12.txt")

ATTRIBUTES = ("T", "device", "dtype", "mT", "ndim", "shape", "size")
DTYPES = {
    "bool": ["bool"],
    "signed integer": ["int8", "int16", "int32", "int64"],
    "unsigned integer": ["uint8", "uint16", "uint32", "uint64"],
    "real floating": ["float32", "float64"],
    "complex floating": ["complex64", "complex128"],
}


def _read() -> dict[str, dict[str, inspect.Signature]]:
    parts: dict[str, dict[str, inspect.Signature]] = {}
    for line in TABLE.read_text("utf-8").splitlines():
        if line.startswith("["):
            part = parts[line.strip("[]")] = {}
        elif line and not line.startswith("#"):
            name = line.partition("(")[0]
            scope: dict[str, Any] = {}
            exec(f"def {line}: ...", scope)
            part[name] = inspect.signature(scope[name])
    return parts


#: By part of the namespace and name.
SIGNATURES = _read()


def bare(function: Callable[..., Any]) -> inspect.Signature:
    """The signature of ``function`` without annotations."""
    signature = inspect.signature(function)
    return signature.replace(
        parameters=[p.replace(annotation=p.empty) for p in signature.parameters.values()],
        return_annotation=signature.empty,
    )


def names(part: str) -> list[str]:
    return list(SIGNATURES[part])
