"""A pipeline as text that Mermaid draws (https://mermaid.js.org/syntax/flowchart.html)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ._chart import SINK, SOURCE, Box, Chart


def mermaid(chart: Chart) -> str:
    """The flowchart of ``chart``: nested pipelines are subgraphs."""
    lines = [
        "flowchart LR",
        f"    {SOURCE}([input])",
        *_nodes(chart.boxes, "    "),
        f"    {SINK}([output])",
        *(f"    {start} --> {end}" for start, end in chart.arrows),
    ]
    return "\n".join(lines) + "\n"


def _nodes(boxes: Sequence[Box], indent: str) -> list[str]:
    lines = []
    for box in boxes:
        label = f'{box.key}["{_escaped(box.name)}"]'
        if box.inside:
            lines += [f"{indent}subgraph {label}", *_nodes(box.inside, f"{indent}    ")]
            lines.append(f"{indent}end")
        else:
            lines.append(f"{indent}{label}")
    return lines


# Quotes, brackets and the like; and what would make a list or an emphasis of the name.
_SPECIAL = re.compile(r"[^\w .:+-]|[.+-](?= )|(?<![^\W_])_|_(?![^\W_])")


def _escaped(name: str) -> str:
    return _SPECIAL.sub(lambda found: f"#{ord(found[0])};", name)
