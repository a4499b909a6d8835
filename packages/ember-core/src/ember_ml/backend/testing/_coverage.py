"""The coverage table: what a backend supplies, with which dtypes, and what differentiates."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ember_ml.backend.dtypes import DTYPES, DType
from ember_ml.backend.protocol import Backend

from ._base import supplied
from ._case import CASES, Case

__all__ = ["Row", "coverage", "render"]

_KINDS = ("bool", "signed", "unsigned", "float", "complex")


@dataclass(frozen=True)
class Row:
    """One operation on one backend.

    Attributes:
        kind: ``"primitive"``, ``"override"`` or ``"composed"``.
        dtypes: those that it works with.
        gradient: whether it differentiates; None where there is nothing to differentiate.
    """

    name: str
    kind: str
    dtypes: tuple[DType, ...]
    gradient: bool | None


def coverage(backend: Backend, failed: Collection[str] = ()) -> list[Row]:
    """A row for each operation, given the names of the kit's tests that failed.

    The backend's known failures are counted as such: the rest is what the kit has verified.
    """
    wrong = set(failed) | set(backend.known_failures)
    return [_row(case, backend, wrong) for case in CASES]


def _row(case: Case, backend: Backend, wrong: set[str]) -> Row:
    dtypes = tuple(
        d
        for d in DTYPES.values()
        if case.takes(d)
        and (case.operation is None or case.operation.accepts_dtype(d))
        and {d, case.computes(d), case.expected(d) or d} <= backend.dtypes.keys()
        and f"test_values[{case.name}-{d}]" not in wrong
    )
    gradient = None
    if case.gradient:
        gradient = "grad" in backend.capabilities and not any(
            f"test_gradient[{case.name}-{d}]" in wrong for d in dtypes
        )
    return Row(case.name, _kind(case, backend), dtypes, gradient)


def _kind(case: Case, backend: Backend) -> str:
    operation = case.operation
    if operation is None:
        return "composed"
    if operation.primitive:
        return "primitive"
    own = any(supplied(backend, operation.key, d) for d in backend.dtypes)
    return "override" if own else "composed"


def _families(dtypes: Sequence[DType], backend: Backend) -> str:
    """``int float`` for whole kinds, names for parts of them."""
    words = []
    for kind in _KINDS:
        whole = [d for d in backend.dtypes if d.kind == kind]
        found = [d for d in dtypes if d.kind == kind]
        if found and len(found) == len(whole):
            words.append({"signed": "int", "unsigned": "uint"}.get(kind, kind))
        else:
            words += [d.name for d in found]
    return " ".join(words)


def render(backend: Backend, rows: Sequence[Row]) -> list[str]:
    """The table as lines of text."""
    width = max(len(row.name) for row in rows)
    lines = [f"{'operation':{width}}  kind       gradient  dtypes"]
    for row in rows:
        gradient = {None: "-", True: "yes", False: "no"}[row.gradient]
        dtypes = _families(row.dtypes, backend)
        lines.append(f"{row.name:{width}}  {row.kind:9}  {gradient:8}  {dtypes}")
    return lines
