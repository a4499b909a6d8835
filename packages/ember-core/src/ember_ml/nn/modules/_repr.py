"""The text of modules, laid out as PyTorch's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

__all__ = ["block", "grouped"]


def block(head: str, extra: str, children: Sequence[str]) -> str:
    """``head(extra)`` on one line, or with an indented line for each child."""
    lines = extra.split("\n") if extra else []
    if len(lines) <= 1 and not children:
        return f"{head}({extra})"
    indented = [line.replace("\n", "\n  ") for line in (*lines, *children)]
    return "\n  ".join([f"{head}(", *indented]) + "\n)"


def grouped(texts: Iterable[str]) -> list[str]:
    """Numbered lines, with runs of equal texts as ``(0-2): 3 x text``."""
    lines = []
    start = 0
    for text, run in groupby(texts):
        count = sum(1 for _ in run)
        many = count > 1
        lines.append(
            f"({start}-{start + count - 1}): {count} x {text}" if many else f"({start}): {text}"
        )
        start += count
    return lines
