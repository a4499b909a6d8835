"""How long imports take: ``ember_ml.nn`` against NumPy, the first torch tensor against torch.

    python benchmarks/imports.py

Each is a fresh process, interleaved with its reference; the figures are ratios of medians.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

from _common import interleaved, medians, save

CASES = {
    "import numpy": "import numpy",
    "import ember_ml.nn": "import ember_ml.nn",
    "import torch": "import torch; torch.zeros(1)",
    "first torch tensor": (
        "from ember_ml.nn import tensor as et\nwith et.use_backend('torch'): et.zeros(1)"
    ),
}


def process(code: str) -> Callable[[int], None]:
    """A function that runs ``code`` so many times, each in a process of its own."""

    def run(n: int) -> None:
        for _ in range(n):
            subprocess.run([sys.executable, "-c", code], check=True)

    return run


def main() -> None:
    start = time.perf_counter()
    times = medians(
        interleaved({name: process(code) for name, code in CASES.items()}, calls=1, rounds=15)
    )
    empty = medians(interleaved({"": process("pass")}, calls=1, rounds=15))[""]
    own = {name: seconds - empty for name, seconds in times.items()}
    figures = {
        "seconds": {name: round(seconds, 4) for name, seconds in own.items()},
        "ember_ml.nn over numpy": round(own["import ember_ml.nn"] / own["import numpy"], 3),
        "first torch tensor over torch": round(own["first torch tensor"] / own["import torch"], 3),
    }
    for name, value in figures.items():
        print(f"{name}: {value}")
    print(f"measured in {time.perf_counter() - start:.0f} s")
    save("imports", figures)


if __name__ == "__main__":
    main()
