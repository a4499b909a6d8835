"""Write the tables of the documentation: ``python tools/tables.py``.

Each stands between ``<!-- table: name -->`` and ``<!-- end -->``. tests/docs checks that they are
what this would write.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from ember_ml.backend.dtypes import DTYPES, DType
from ember_ml.backend.errors import EmberError
from ember_ml.backend.protocol import Backend
from ember_ml.backend.registry import get_backend, use_backend
from ember_ml.backend.testing import CASES, Case, Row, coverage
from ember_ml.backend.testing._cases._random import KNOWN

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "docs" / "one-meaning.md", ROOT / "docs" / "support.md")
ENGINES = {"numpy": "NumPy", "torch": "PyTorch", "mlx": "MLX"}


def data(path: str) -> ModuleType:
    """A module of the tests, by its place."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [" | ".join(header), " | ".join("---" for _ in header)]
    lines += [" | ".join(row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def promotion() -> str:
    """Every pair of dtypes."""
    pairs = data("packages/ember-core/tests/_promotion.py").PROMOTION
    short = {name: f"`{name}`" for name in DTYPES}
    rows = [[short[a], *(pairs[a, b] for b in DTYPES)] for a in DTYPES]
    return table(["", *short.values()], rows)


def mistakes() -> str:
    """A mistake of each kind, and what is raised."""
    rows = []
    with use_backend("numpy"):
        for name, (call, exception, *_) in data("packages/ember-core/tests/_mistakes.py").MISTAKES.items():  # fmt: skip
            try:
                call()
            except EmberError as error:
                rows.append([name, f"`{exception.__name__}`", _cell(str(error))])
    rows.sort(key=lambda row: row[1])
    return table(["mistake", "raises", "says (on NumPy)"], rows)


def _cell(text: str) -> str:
    return "`" + text.splitlines()[0].replace("|", "\\|").replace("`", "'") + "`"


def streams() -> str:
    """The published known answers."""
    rows = [[" ".join(f"`{n:08x}`" for n in words) for words in row] for row in KNOWN]
    return table(["counter", "key", "words of the stream"], rows)


def dtypes() -> str:
    """Which engine has which."""
    engines = [get_backend(name) for name in ENGINES]
    rows = [
        [f"`{n}`", *("yes" if d in e.dtypes else "" for e in engines)] for n, d in DTYPES.items()
    ]
    return table(["dtype", *ENGINES.values()], rows)


def support() -> str:
    """Every operation on every engine."""
    engines = [get_backend(name) for name in ENGINES]
    columns = [{row.name: row for row in coverage(engine)} for engine in engines]
    rows = []
    for case in CASES:
        found = [column[case.name] for column in columns]
        cells = [_support(case, row, e) for row, e in zip(found, engines, strict=True)]
        rows.append([f"`{case.name}`", _kinds(case), *cells])
    return table(["operation", "dtypes", *ENGINES.values()], rows)


def _support(case: Case, row: Row, engine: Backend) -> str:
    words = [row.kind]
    if row.gradient:
        words.append("∇")
    elif row.gradient is False:
        words.append("no gradient")
    missing = [str(d) for d in engine.dtypes if _accepted(case, d) and d not in row.dtypes]
    if missing:
        words.append(f"(not {', '.join(missing)})")
    return " ".join(words)


def _accepted(case: Case, dtype: DType) -> bool:
    return case.takes(dtype) and (case.operation is None or case.operation.accepts_dtype(dtype))


def _kinds(case: Case) -> str:
    """``int float``, or the names where only some of a kind are meant."""
    words = []
    for kind, word in (("bool", "bool"), ("signed", "int"), ("unsigned", "uint"),
                       ("float", "float"), ("complex", "complex")):  # fmt: skip
        whole = [d for d in DTYPES.values() if d.kind == kind]
        found = [d for d in whole if _accepted(case, d)]
        words += [word] if found == whole else [str(d) for d in found]
    return " ".join(words)


TABLES: dict[str, Callable[[], str]] = {
    "promotion": promotion,
    "mistakes": mistakes,
    "streams": streams,
    "dtypes": dtypes,
    "support": support,
}


def written(page: Path) -> str:
    """The page with its tables as they should be."""

    def replace(match: re.Match[str]) -> str:
        return f"<!-- table: {match[1]} -->\n{TABLES[match[1]]()}\n<!-- end -->"

    pattern = r"<!-- table: (\w+) -->\n.*?<!-- end -->"
    return re.sub(pattern, replace, page.read_text(encoding="utf-8"), flags=re.DOTALL)


def main() -> None:
    for page in PAGES:
        page.write_text(written(page), encoding="utf-8")
        sys.stdout.write(f"{page.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
