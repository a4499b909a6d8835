"""Write the figures of ``results/`` into the tables of ``README.md``: python benchmarks/report.py"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def table(head: list[str], rows: list[list[Any]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def dispatch(figures: Any) -> str:
    """One table for each engine."""
    names = ["ember function", "ember operator", "bare wrapper", "array-api-compat", "eagerpy",
             "keras"]  # fmt: skip
    parts = []
    for engine, rows in figures.items():
        body = [
            [operation, *(row.get(name, "") for name in ["native", *names])]
            for operation, row in rows.items()
        ]
        parts.append(f"**{engine}**\n\n" + table(["ns", "native call", *names], body))
    return "\n\n".join(parts)


def train(figures: Any) -> str:
    """A table for each part: ratios of steps and of inference by model, milliseconds beside."""
    parts = []
    for part, models in figures.items():
        for kind, title in (("train", "a training step"), ("infer", "inference")):
            ways = list(dict.fromkeys(way for model in models.values() for way in model[kind]))
            body = [
                [way, *(_figure(model[kind].get(way)) for model in models.values())] for way in ways
            ]
            parts.append(table([f"{part}, {title}", *models], body))
    return "\n\n".join(parts)


def _figure(row: Any) -> str:
    return f"{row['ratio']:.2f} ({row['ms']:.2f} ms)" if row else ""


def memory(figures: Any) -> str:
    """One table for all models."""
    ways = list(next(iter(figures.values())))
    rows = [
        [model, *(f"{row[way]['ratio']:.2f} ({row[way]['MiB']:.1f} MiB)" for way in ways)]
        for model, row in figures.items()
    ]
    return table(["model", *ways], rows)


def imports(figures: Any) -> str:
    """The times and the ratios."""
    rows = [[name, f"{seconds:.3f} s", ""] for name, seconds in figures["seconds"].items()]
    rows += [[name, "", value] for name, value in figures.items() if name != "seconds"]
    return table(["", "time", "ratio"], rows)


def random_numbers(figures: Any) -> str:
    """One table for all engines."""
    names = ["own", "Ember", "ratio", "over Philox, float64"]
    rows = [
        [engine, draw, *(row.get(name, "") for name in names)]
        for engine, draws in figures.items()
        for draw, row in draws.items()
    ]
    return table(["engine", "ten million", "own, ms", "Ember, ms", *names[2:]], rows)


def interchange(figures: Any) -> str:
    """A table for each direction."""
    parts = []
    for name, unit in (("shared", "µs"), ("out", "µs"), ("into mlx", "ms")):
        ways = list(dict.fromkeys(way for row in figures[name].values() for way in row))
        body = [
            [engine, *(row.get(way, "") for way in ways)] for engine, row in figures[name].items()
        ]
        parts.append(table([f"{name}, {unit}", *ways], body))
    return "\n\n".join(parts)


def pipeline(figures: Any) -> str:
    """A table for each part, the figures as ratios with microseconds beside."""
    parts = []
    for part, cases in figures.items():
        rows = [
            [name, row["µs"], row["ratio"], row.get("goal", "")]
            if "failed" not in row
            else [name, "", row["failed"], ""]
            for name, row in cases.items()
        ]
        parts.append(table([part, "µs", "ratio", "goal"], rows))
    return "\n\n".join(parts)


def main() -> None:
    page = HERE / "README.md"
    text = page.read_text()
    for name, render in (
        ("dispatch", dispatch), ("train", train), ("memory", memory), ("imports", imports),
        ("random_numbers", random_numbers), ("interchange", interchange), ("pipeline", pipeline),
    ):  # fmt: skip
        path = HERE / "results" / f"{name}.json"
        if path.exists():
            found = json.loads(path.read_text())
            versions = ", ".join(f"{k} {v}" for k, v in found["measured on"].items())
            block = f"{render(found['figures'])}\n\nMeasured on: {versions}."
            text = re.sub(
                rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", rf"\1\n{block}\n\n\2", text,
                flags=re.DOTALL,
            )  # fmt: skip
    page.write_text(text)


if __name__ == "__main__":
    main()
