"""``ember backends``: what is installed, and whether it works."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from ember_ml.backend.errors import EmberError
from ember_ml.backend.registry import (
    BackendInfo,
    get_backend,
    install_hint,
    list_backends,
    use_backend,
)

__all__ = ["register"]

_SIZE = 512  # of the matrices multiplied for the rate
_SECONDS = 0.3  # spent on it, at most


@dataclass
class Report:
    """What is known of one backend."""

    name: str
    distribution: str
    version: str
    engine_version: str | None = None
    devices: list[str] = field(default_factory=list)
    capabilities: list[str] = field(default_factory=list)
    gflops: float | None = None
    advice: str | None = None
    error: str | None = None


def register(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Add the arguments of the command."""
    parser.description = (
        "List the installed backends. Nothing is imported without --check. Exit code: 0; 1 if a "
        "checked backend fails, or one that was named is not installed, or none is."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these backends")
    parser.add_argument("--check", action="store_true", help="load them and try them out")
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    return _run


def _run(arguments: argparse.Namespace) -> int:
    found = list_backends()
    missing = [n for n in arguments.names if n not in {info.name for info in found}]
    wanted = [i for i in found if not arguments.names or i.name in arguments.names]
    reports = [_check(info) if arguments.check else _listed(info) for info in wanted]
    if arguments.json:
        sys.stdout.write(json.dumps([asdict(report) for report in reports], indent=2) + "\n")
    else:
        for report in reports:
            sys.stdout.write(_text(report, checked=arguments.check))
    for name in missing:
        sys.stderr.write(f"ember backends: {name!r} is not installed; {install_hint(name)}\n")
    if not found:
        sys.stderr.write(f"ember backends: none is installed; {install_hint()}\n")
    failed = missing or not found or any(report.error for report in reports)
    return 1 if failed else 0


def _listed(info: BackendInfo) -> Report:
    return Report(info.name, info.distribution, info.version)


def _check(info: BackendInfo) -> Report:
    report = _listed(info)
    try:
        backend = get_backend(info.name)
        report.engine_version = backend.engine_version()
        report.devices = backend.devices()
        report.capabilities = sorted(backend.capabilities)
        report.gflops = _matmul_rate(info.name)
        report.advice = backend.advice()
    except EmberError as error:
        report.error = str(error)
    except Exception as error:  # an engine may fail in any way: say how, and go on to the next
        report.error = f"{type(error).__name__}: {error}"
    return report


def _matmul_rate(name: str) -> float:
    """Billions of float32 operations a second in a product of two square matrices."""
    from ember_ml.nn import tensor as et

    with use_backend(name) as backend:
        a = et.random.Generator(0).uniform((_SIZE, _SIZE))
        best = float("inf")
        end = time.perf_counter() + _SECONDS
        while best == float("inf") or time.perf_counter() < end:
            start = time.perf_counter()
            product = a @ a
            backend.synchronize(product._tensor)
            best = min(best, time.perf_counter() - start)
    return 2 * _SIZE**3 / best / 1e9


def _text(report: Report, *, checked: bool) -> str:
    head = f"{report.name:<8} {report.distribution} {report.version}\n"
    if not checked:
        return head
    if report.error:
        return f"{head}  fails         {report.error}\n"
    lines = [
        ("engine", report.engine_version),
        ("devices", ", ".join(report.devices)),
        ("capabilities", ", ".join(report.capabilities)),
        ("matmul", f"{report.gflops:.0f} GFLOP/s (float32, {_SIZE} x {_SIZE})"),
        ("advice", report.advice),
    ]
    return head + "".join(f"  {label:<13} {value}\n" for label, value in lines if value)
