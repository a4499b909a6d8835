"""What actors and pipelines cost, against a raw asyncio.Queue and against their peers.

    python benchmarks/pipeline.py [--quick] [part ...]

The reference of every part is a producer and a consumer that share an ``asyncio.Queue(1024)``. All
cases of a part are set up and warmed first and then measured in turn, several times over, so that a
busy moment hits all of them; a ratio is the median over these rounds of a case's time to the
reference's in the same round. A slow case gets fewer items in a round, as many as fit in a fraction
of a second. A case that is missing or fails is shown with its error.

- ``send``: messages to one actor until the last is handled, by rate (higher is better).
- ``ask``: requests one after another, by rate; the reference is a queue with a future for each reply.
- ``map``: three trivial functions on each item, in one thread, by time per item (lower is better).
- ``coroutines``, ``functions``: a stream of items through three stages, by time per item.
- ``concurrent``, ``suspending``: a stream through one coroutine stage with 8 items in work, which
  returns at once or suspends once.
- ``process``: a stream through one function in a process, without the start of the process.
- ``ray send``, ``ray ask``, ``ray stream``: messages and items to a process of Ray's, one by one or in Ember's
  batches.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import _pipeline_ember as ember
import _pipeline_peers as peers
import _pipeline_raw as raw
import _pipeline_ray as ray
from _common import save

Case = Callable[[], AbstractContextManager[raw.Run]]

#: The first case of a part is its reference.
PARTS: dict[str, dict[str, Case]] = {
    "send": {"asyncio.Queue": raw.queue, **ember.SEND, **peers.SEND},
    "ask": {
        "asyncio.Queue and a future": raw.request,
        "the same, timeout": raw.request_in_time,
        **ember.ASK,
        **peers.ASK,
    },
    "map": {
        "asyncio.Queue": raw.queue,
        "a loop, builtins": raw.loop_builtins,
        "a loop, lambdas": raw.loop_lambdas,
        **ember.MAP,
        **peers.MAP,
    },
    **{
        part: {"asyncio.Queue": raw.queue, **cases, **ember.STREAM[part], **peers.STREAM[part]}
        for part, cases in raw.STREAM.items()
    },
    "ray send": {"asyncio.Queue": raw.queue, **ray.SEND},
    "ray ask": {"asyncio.Queue and a future": raw.request, **ray.ASK},
    "ray stream": {"asyncio.Queue": raw.queue, **ray.STREAM},
}
RATES = ("send", "ask", "ray send", "ray ask")
PACKAGES = ("ember-pipeline", "pykka", "thespian", "xoscar", "aiostream", "streamable", "ray")

#: What Ember is to reach: a ratio, or microseconds.
GOALS = {
    ("send", "Ember"): "at least 0.6",
    ("ask", "Ember"): "at least 0.7",
    ("ask", "Ember, timeout"): "at least 0.45",
    ("map", "Ember, builtins"): "at most 0.1",
    ("coroutines", "Ember"): "at most 1.3",
    ("functions", "Ember, inline"): "at most 0.15",
    ("functions", "Ember, thread"): "at most 0.15",
    ("functions", "Ember, inline, drain"): "at most 0.15",
    ("functions", "Ember, thread, drain"): "at most 0.15",
    ("concurrent", "Ember"): "at most 4.5",
    ("ray send", "Ember on Ray"): "at most 20 µs",
}


def measure(cases: Mapping[str, Case], items: int, rounds: int, budget: float) -> dict[str, Any]:
    """Seconds per item in each round, or the error, by case."""
    found: dict[str, Any] = {}
    runs: dict[str, tuple[raw.Run, int]] = {}
    with ExitStack() as stack:
        for name, case in cases.items():
            try:
                run = stack.enter_context(case())
                run(10)
                cost = run(200) / 200
                runs[name] = run, max(200, min(items, int(budget / cost)))
                found[name] = []
            except Exception as error:
                found[name] = f"{type(error).__name__}: {error}"
        for _ in range(rounds):
            for name, (run, count) in tuple(runs.items()):
                try:
                    found[name].append(run(count) / count)
                except Exception as error:
                    found[name] = f"{type(error).__name__}: {error}"
                    del runs[name]
    return found


def figures_of(part: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Microseconds per item and the ratio to the first case, medians; or the error."""
    reference = next(iter(found.values()))
    figures: dict[str, Any] = {}
    for name, times in found.items():
        if isinstance(times, str):
            figures[name] = {"failed": times}
            continue
        ratios = [time / first for time, first in zip(times, reference, strict=True)]
        ratio = statistics.median(1 / r if part in RATES else r for r in ratios)
        figures[name] = {"µs": round(statistics.median(times) * 1e6, 3), "ratio": round(ratio, 3)}
        if (part, name) in GOALS:
            figures[name]["goal"] = GOALS[part, name]
    return figures


def show(part: str, figures: Mapping[str, Any]) -> None:
    """A part's figures, a line for each case."""
    print(f"\n{part}: µs, {'rate' if part in RATES else 'time'} as a ratio to the first")
    for name, row in figures.items():
        if "failed" in row:
            print(f"  {name:30} {row['failed'][:100]}")
        else:
            print(f"  {name:30} {row['µs']:9.3f} {row['ratio']:8.3f}   {row.get('goal', '')}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; by default all")
    parser.add_argument("--quick", action="store_true", help="fewer repeats, nothing saved")
    arguments = parser.parse_args()
    for part in arguments.parts:
        if part not in PARTS:
            parser.error(f"no part {part!r}; there are {', '.join(PARTS)}")
    rounds, items, budget = (7, 20_000, 0.05) if arguments.quick else (21, 100_000, 0.2)
    start = time.perf_counter()
    results = {}
    for part in arguments.parts or PARTS:
        # each stream on Ray starts a process of its own, which takes seconds
        times = min(rounds, 7) if part == "ray stream" else rounds
        results[part] = figures_of(part, measure(PARTS[part], items, times, budget))
        show(part, results[part])
    print(f"\nmeasured in {time.perf_counter() - start:.0f} s")
    if not (arguments.quick or arguments.parts):
        save("pipeline", results, PACKAGES)


if __name__ == "__main__":
    main()
