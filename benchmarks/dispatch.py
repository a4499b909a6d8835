"""What dispatching costs: small operations through Ember and its peers, over the native call.

    python benchmarks/dispatch.py [--quick]

Each figure is nanoseconds per call above the engine's own call, the minimum of many interleaved
repeats. Keras chooses its engine once per process, so it is measured in a process of its own for
each engine, in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import matplotlib.pyplot as plt
from _common import RESULTS, interleaved, minima, repeat, save

ENGINES = ("numpy", "torch", "mlx")

#: operation -> (native function, native operator, Ember's function, Ember's operator)
CASES = {
    "add": ("xp.add(a, b)", "a + b", "et.add(x, y)", "x + y"),
    "exp": ("xp.exp(a)", None, "et.exp(x)", None),
    "sum": ("xp.sum(a)", "a.sum()", "et.sum(x)", "x.sum()"),
    "reshape": ("xp.reshape(a, s)", "a.reshape(s)", "et.reshape(x, s)", "x.reshape(s)"),
    "getitem": (None, "a[1:3]", None, "x[1:3]"),
    "matmul": ("xp.matmul(m, m)", "m @ m", "et.matmul(z, z)", "z @ z"),
    "where": ("xp.where(c, a, b)", None, "et.where(k, x, y)", None),
}

KERAS = {
    "add": "ops.add(a, b)",
    "exp": "ops.exp(a)",
    "sum": "ops.sum(a)",
    "reshape": "ops.reshape(a, s)",
    "getitem": "ops.slice(a, (1,), (2,))",
    "matmul": "ops.matmul(m, m)",
    "where": "ops.where(c, a, b)",
}

EAGERPY = {
    "add": "x + y",
    "exp": "x.exp()",
    "sum": "x.sum()",
    "reshape": "x.reshape(s)",
    "getitem": "x[1:3]",
    "matmul": "ep.matmul(z, z)",
    "where": "ep.where(k, x, y)",
}

COMPAT = {
    "add": "xp.add(a, b)",
    "exp": "xp.exp(a)",
    "sum": "xp.sum(a)",
    "reshape": "xp.reshape(a, s)",
    "getitem": "a[1:3]",
    "matmul": "xp.matmul(m, m)",
    "where": "xp.where(c, a, b)",
}


class Bare:
    """The least that a wrapper in Python can be: what the others are to be compared with."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __add__(self, other: Bare) -> Bare:
        return Bare(self.value + other.value)


def natives(engine: str) -> dict[str, Any]:
    """The engine's namespace and its arrays: 4 elements, float32, and a 4 x 4 matrix."""
    data, matrix = [1.0, 2.0, 3.0, 4.0], [[0.5] * 4] * 4
    mask = [True, False, True, False]
    if engine == "numpy":
        import numpy as xp

        a, m, c = (xp.array(data, xp.float32), xp.array(matrix, xp.float32), xp.array(mask))
    elif engine == "torch":
        import torch as xp

        xp.set_num_threads(1)
        a, m, c = xp.tensor(data), xp.tensor(matrix), xp.tensor(mask)
    else:
        import mlx.core as xp

        a, m, c = xp.array(data), xp.array(matrix), xp.array(mask)
    return {"xp": xp, "a": a, "b": a + 1.0, "m": m, "c": c, "s": (2, 2)}


def measure(engine: str, rounds: int, calls: int) -> dict[str, Any]:
    """Overheads in ns on one engine, by operation and library."""
    from ember_ml.nn import tensor as et

    names = natives(engine)
    et.get_backend(engine)
    x, y, z, k = (et.from_native(names[n]) for n in ("a", "b", "m", "c"))
    ember = {"et": et, "x": x, "y": y, "z": z, "k": k, "s": names["s"]}
    peers = _peers(engine, names)
    figures: dict[str, Any] = {}
    for operation, (function, operator, ember_function, ember_operator) in CASES.items():
        cases = {}
        if function is not None:
            cases["native function"] = repeat(function, names)
            cases["ember function"] = repeat(ember_function, ember)
        if operator is not None:
            cases["native operator"] = repeat(operator, names)
            cases["ember operator"] = repeat(ember_operator, ember)
        for peer, (statements, values) in peers.items():
            cases[peer] = repeat(statements[operation], values)
        if operation == "add":
            bare = {"p": Bare(names["a"]), "q": Bare(names["b"])}
            cases["bare wrapper"] = repeat("p + q", bare)
        best = minima(interleaved(cases, calls=calls, rounds=rounds))
        native = best.get("native function", best.get("native operator", 0.0))
        row = {"native": round(native * 1e9)}
        for name, seconds in best.items():
            if not name.startswith("native"):
                base = best.get("native operator", native) if name in (
                    "ember operator", "bare wrapper") else native  # fmt: skip
                row[name] = round((seconds - base) * 1e9)
        figures[operation] = row
    return figures


def _peers(engine: str, names: dict[str, Any]) -> dict[str, Any]:
    peers: dict[str, Any] = {}
    if engine == "mlx":
        return peers  # neither eagerpy nor array-api-compat knows MLX
    import array_api_compat
    import eagerpy as ep

    xp = array_api_compat.array_namespace(names["a"])
    peers["array-api-compat"] = (COMPAT, {**names, "xp": xp})
    wrapped = {n: ep.astensor(names[o]) for n, o in (("x", "a"), ("y", "b"), ("z", "m"),
                                                     ("k", "c"))}  # fmt: skip
    peers["eagerpy"] = (EAGERPY, {"ep": ep, "s": names["s"], **wrapped})
    return peers


def measure_keras(engine: str, rounds: int, calls: int) -> dict[str, Any]:
    """Keras on one engine, in this process: its overhead over the native call."""
    from keras import ops

    names = {**natives(engine), "ops": ops}
    figures = {}
    for operation, (function, operator, *_) in CASES.items():
        cases = {
            "native": repeat(function or operator or "", natives(engine)),
            "keras": repeat(KERAS[operation], names),
        }
        best = minima(interleaved(cases, calls=calls, rounds=rounds))
        figures[operation] = round((best["keras"] - best["native"]) * 1e9)
    return figures


def run_keras(engine: str, arguments: list[str]) -> dict[str, Any]:
    """`measure_keras` in a process where Keras has ``engine``."""
    child = subprocess.run(
        [sys.executable, __file__, "--keras", engine, *arguments],
        env={**os.environ, "KERAS_BACKEND": engine},
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, Any] = json.loads(child.stdout.strip().rpartition("\n")[2])
    return result


def plot(figures: dict[str, Any]) -> None:
    """Bars of the overheads, one panel for each engine."""
    libraries = ["ember function", "ember operator", "bare wrapper", "array-api-compat", "eagerpy",
                 "keras"]  # fmt: skip
    figure, panels = plt.subplots(1, 3, figsize=(14, 4.5), layout="constrained", sharey=True)
    for panel, (engine, rows) in zip(panels, figures.items(), strict=True):
        for i, library in enumerate(libraries):
            heights = [max(rows[operation].get(library, 0), 0) for operation in CASES]
            places = [n + (i - 2.5) * 0.14 for n in range(len(CASES))]
            panel.bar(places, heights, 0.14, label=library)
        panel.axhline(350, color="black", linewidth=0.8, linestyle="--")
        panel.set(title=engine, yscale="log", ylim=(20, 5e4))
        panel.set_xticks(range(len(CASES)), list(CASES), rotation=45)
    panels[0].set_ylabel("ns per call above the native call")
    panels[0].legend(fontsize="small")
    figure.savefig(RESULTS / "dispatch.png", dpi=120)


def report(figures: dict[str, Any]) -> None:
    """Print the table."""
    for engine, rows in figures.items():
        print(f"\n{engine}: ns per call above the native call")
        names = ["native", "ember function", "ember operator", "bare wrapper", "array-api-compat",
                 "eagerpy", "keras"]  # fmt: skip
        print(f"{'':9}" + "".join(f"{name:>18}" for name in names))
        for operation, row in rows.items():
            cells = "".join(f"{row.get(name, '-'):>18}" for name in names)
            print(f"{operation:9}{cells}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer repeats, nothing saved")
    parser.add_argument("--keras", choices=ENGINES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    rounds, calls = (30, 500) if arguments.quick else (200, 1000)
    if arguments.keras:
        print(json.dumps(measure_keras(arguments.keras, rounds // 4, calls)))
        return
    figures = {engine: measure(engine, rounds, calls) for engine in ENGINES}
    for engine in ("numpy", "torch"):
        for operation, overhead in run_keras(engine, sys.argv[1:]).items():
            figures[engine][operation]["keras"] = overhead
    report(figures)
    if not arguments.quick:
        save("dispatch", figures)
        plot(figures)


if __name__ == "__main__":
    main()
