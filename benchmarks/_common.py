"""What the benchmarks share: interleaved timing, the machine in general terms, tables, results."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


ENGINES = ("ember-core", "numpy", "torch", "mlx", "autograd", "keras", "jax", "eagerpy",
           "array-api-compat")  # fmt: skip


def machine(packages: Iterable[str] = ENGINES) -> dict[str, str]:
    """The machine and the versions of ``packages``, in terms that name no particular host."""
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return {
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        **found,
    }


def per_call(
    function: Callable[[int], None], calls: int, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Seconds of one call, of ``calls`` made in a row by ``function``."""
    start = clock()
    function(calls)
    return (clock() - start) / calls


def repeat(statement: str, names: Mapping[str, Any]) -> Callable[[int], None]:
    """A function that runs ``statement`` so many times, with ``names`` as its local variables."""
    keys = ", ".join(names)
    source = f"def make({keys}):\n def run(n):\n  for _ in range(n):\n   {statement}\n return run"
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    run: Callable[[int], None] = namespace["make"](*names.values())
    return run


def interleaved(
    cases: Mapping[str, Callable[[int], None]],
    *,
    calls: int,
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds per call of each case, measured in turn so that a busy moment hits all of them."""
    times: dict[str, list[float]] = {name: [] for name in cases}
    for function in cases.values():
        function(max(calls // 10, 1))
    for _ in range(rounds):
        for name, function in cases.items():
            times[name].append(per_call(function, calls, clock))
    return times


def medians(times: Mapping[str, list[float]]) -> dict[str, float]:
    """The median of each case."""
    return {name: statistics.median(values) for name, values in times.items()}


def minima(times: Mapping[str, list[float]]) -> dict[str, float]:
    """The minimum of each case."""
    return {name: min(values) for name, values in times.items()}


def save(name: str, figures: Any, packages: Iterable[str] = ENGINES) -> Path:
    """Write figures to ``results/NAME.json``, with the versions of ``packages``."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(
        json.dumps({"measured on": machine(packages), "figures": figures}, indent=1) + "\n"
    )
    return path
