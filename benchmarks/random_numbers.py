"""What the portable stream costs: ten million numbers, over the engines' own generators.

    python benchmarks/random_numbers.py [--quick]

Milliseconds of processor time, the minimum of interleaved repeats, on one thread. Normal numbers
on NumPy are compared with its Philox generator's ``standard_normal`` in double precision too.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from _common import interleaved, minima, repeat, save

ENGINES = ("numpy", "torch", "mlx")

#: What is drawn -> Ember's statement.
DRAWS = {
    "bits": "sync(g.bits(count).native)",
    "uniform, float32": "sync(g.uniform(count).native)",
    "normal, float32": "sync(g.normal(count).native)",
    "normal, float64": "sync(g.normal(count, dtype='float64').native)",
    "permutation of a tenth": "sync(g.permutation(count // 10).native)",
}

#: The engine's own statement, where it has one.
OWN = {
    "numpy": {
        "bits": "r.integers(0, 2**32, count, 'uint32')",
        "uniform, float32": "r.random(count, 'float32')",
        "normal, float32": "r.standard_normal(count, 'float32')",
        "normal, float64": "r.standard_normal(count)",
        "permutation of a tenth": "r.permutation(count // 10)",
    },
    "torch": {
        "uniform, float32": "xp.rand(count)",
        "normal, float32": "xp.randn(count)",
        "normal, float64": "xp.randn(count, dtype=xp.float64)",
        "permutation of a tenth": "xp.randperm(count // 10)",
    },
    "mlx": {
        "uniform, float32": "xp.eval(xp.random.uniform(shape=(count,)))",
        "normal, float32": "xp.eval(xp.random.normal((count,)))",
        "permutation of a tenth": "xp.eval(xp.random.permutation(count // 10))",
    },
}


def natives(engine: str) -> dict[str, Any]:
    """The engine's namespace, and NumPy's generator."""
    if engine == "numpy":
        import numpy as xp

        return {"xp": xp, "r": xp.random.Generator(xp.random.Philox(0))}
    if engine == "torch":
        import torch as xp

        xp.set_num_threads(1)
    else:
        import mlx.core as xp
    return {"xp": xp}


def measure(engine: str, count: int, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds and ratios of each draw on one engine."""
    from ember_ml.nn import tensor as et

    names = {**natives(engine), "count": count}
    with et.use_backend(engine) as backend:
        ember = {"g": et.random.Generator(0), "count": count, "sync": backend.synchronize}
        cases: dict[str, Callable[[int], None]] = {}
        for draw, statement in DRAWS.items():
            cases[f"ember {draw}"] = repeat(statement, ember)
            if draw in OWN[engine]:
                cases[f"own {draw}"] = repeat(OWN[engine][draw], names)
        best = minima(interleaved(cases, calls=1, rounds=rounds, clock=time.process_time))
    figures = {}
    for draw in DRAWS:
        seconds, own = best[f"ember {draw}"], best.get(f"own {draw}")
        row = {"Ember": round(seconds * 1e3, 1)}
        if own is not None:
            row |= {"own": round(own * 1e3, 1), "ratio": round(seconds / own, 2)}
        if engine == "numpy" and draw.startswith("normal"):
            row["over Philox, float64"] = round(seconds / best["own normal, float64"], 2)
        figures[draw] = row
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer repeats, nothing saved")
    arguments = parser.parse_args()
    figures = {
        engine: measure(engine, 10_000_000, 2 if arguments.quick else 9) for engine in ENGINES
    }
    for engine, rows in figures.items():
        for draw, row in rows.items():
            print(f"{engine:6} {draw:24}", ", ".join(f"{k} {v}" for k, v in row.items()))
    if not arguments.quick:
        save("random_numbers", figures)


if __name__ == "__main__":
    main()
