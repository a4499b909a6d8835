"""What it costs to hand 64 MiB from one engine to another without a copy.

    python benchmarks/interchange.py [--quick]

Microseconds per call, the minimum of many interleaved repeats, and beside them the engines' own
calls. Into MLX everything is copied: there it is milliseconds, and ratios to a copy by NumPy.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import mlx.core as mx
import numpy as np
import torch
from _common import interleaved, minima, repeat, save

from ember_ml.nn import tensor as et

COUNT = 64 * 2**20 // 4

#: source, target -> the engines' own call, on a native array ``a``
PAIRS = {
    ("numpy", "torch"): "torch.from_dlpack(a)",
    ("torch", "numpy"): "np.from_dlpack(a)",
    ("mlx", "numpy"): "np.from_dlpack(a)",
    ("mlx", "torch"): "torch.from_dlpack(a)",
}
WAYS = {
    "to_backend": "x.to_backend(target)",
    "from_dlpack": "et.from_dlpack(x)",
    "asarray": "et.asarray(a)",
}

#: From a tensor to another library, or to bytes.
OUT = {
    "x.numpy()": "x.numpy()",
    "np.asarray(x)": "np.asarray(x)",
    "np.from_dlpack(x)": "np.from_dlpack(x)",
    "torch.from_dlpack(x)": "torch.from_dlpack(x)",
    "bytes": "to_buffer(a)",
}

#: Hands nothing over.
SAME = {"numpy": "np.from_dlpack(x)", "torch": "torch.from_dlpack(x)"}

INTO_MLX = {
    "native": "mx.eval(mx.array(a))",
    "to_backend": "x.to_backend('mlx')",
    "from_dlpack": "et.from_dlpack(x)",
    "asarray": "et.asarray(a)",
}


def tensors() -> dict[str, et.EmberTensor]:
    """64 MiB of float32 on each engine."""
    torch.set_num_threads(1)
    natives = {
        "numpy": np.ones(COUNT, np.float32),
        "torch": torch.ones(COUNT),
        "mlx": mx.ones((COUNT,)),
    }
    mx.eval(natives["mlx"])
    for name in natives:
        et.get_backend(name)
    return {name: et.from_native(native) for name, native in natives.items()}


def names(x: et.EmberTensor, target: str) -> dict[str, Any]:
    """What the statements speak of."""
    return {
        "x": x, "a": x.native, "target": target, "et": et, "np": np, "torch": torch, "mx": mx,
        "to_buffer": et.get_backend(x.backend).to_buffer,
    }  # fmt: skip


def measure(
    statements: dict[str, str], values: dict[str, Any], calls: int, rounds: int
) -> dict[str, float]:
    """Seconds of each statement."""
    cases: dict[str, Callable[[int], None]] = {
        name: repeat(statement, values) for name, statement in statements.items()
    }
    with et.use_backend(values["target"]):
        return minima(interleaved(cases, calls=calls, rounds=rounds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer repeats, nothing saved")
    arguments = parser.parse_args()
    calls, rounds = (100, 50) if arguments.quick else (200, 400)
    x = tensors()
    figures: dict[str, Any] = {"shared": {}, "out": {}, "into mlx": {}}
    for (source, target), native in PAIRS.items():
        found = measure({"native": native, **WAYS}, names(x[source], target), calls, rounds)
        figures["shared"][f"{source} to {target}"] = {
            way: round(seconds * 1e6, 2) for way, seconds in found.items()
        }
    for source in x:
        ways = {way: OUT[way] for way in OUT if way != SAME.get(source)}
        found = measure(ways, names(x[source], source), calls, rounds)
        figures["out"][source] = {way: round(seconds * 1e6, 2) for way, seconds in found.items()}
    for source in ("numpy", "torch"):
        statements = {"copy": "np.array(b)", **INTO_MLX}
        values = {**names(x[source], "mlx"), "b": x["numpy"].native}
        found = measure(statements, values, 1, 3 if arguments.quick else 15)
        row = {way: round(seconds * 1e3, 1) for way, seconds in found.items()}
        row["ratio"] = round(found["to_backend"] / found["native"], 2)
        figures["into mlx"][source] = row
    for table, rows in figures.items():
        for name, row in rows.items():
            print(f"{table:9} {name:15}", ", ".join(f"{k} {v}" for k, v in row.items()))
    if not arguments.quick:
        save("interchange", figures)


if __name__ == "__main__":
    main()
