"""The kit's pytest plugin: its option, its expected failures, and collecting it by name.

It is loaded by every run of pytest where the core is installed, so it imports the kit only
when the kit is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

__all__: list[str] = []

_KIT = Path(__file__).parent / "testing"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--ember-backend``."""
    group = parser.getgroup("ember", "Ember's conformance kit")
    group.addoption(
        "--ember-backend",
        metavar="NAME",
        help="the backend that `pytest --pyargs ember_ml.backend.testing` certifies",
    )


class _Module(pytest.Module):
    """A module of the kit, imported under its real name."""

    def _getobj(self) -> ModuleType:
        return importlib.import_module(f"ember_ml.backend.testing.{self.path.stem}")


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the kit's folder as a plain directory.

    As a package it would put its parent on the path, where ``ember_ml/backend/numpy`` shadows
    NumPy.
    """
    directory: pytest.Dir | None = (
        pytest.Dir.from_parent(parent, path=path) if path == _KIT else None
    )
    return directory


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Module | None:
    """Collect the kit's modules under their real names."""
    if module_path.parent != _KIT:
        return None
    module: pytest.Module = _Module.from_parent(parent, path=module_path)
    return module


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the expected failures of each suite, and refuse those that name no test."""
    suites: dict[Any, dict[str, pytest.Item]] = {}
    for item in items:
        cls = getattr(item, "cls", None)
        if hasattr(cls, "expected_failures"):
            suites.setdefault(cls, {})[item.name] = item
    whole = not any("::" in argument for argument in config.args)
    for cls, tests in suites.items():
        expected = _expected(cls, config)
        stale = sorted(set(expected) - set(tests))
        if stale and whole:
            raise pytest.UsageError(
                f"{cls.__name__} expects failures of tests that do not exist: {', '.join(stale)}"
            )
        for name in expected.keys() & tests.keys():
            tests[name].add_marker(pytest.mark.xfail(reason=expected[name], strict=True))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the coverage table after a whole run of the kit."""
    name = config.getoption("ember_backend")
    partial = config.getoption("keyword") or any("::" in a for a in config.args)
    if not name or partial:
        return
    from ember_ml.backend.errors import EmberError
    from ember_ml.backend.registry import get_backend
    from ember_ml.backend.testing._coverage import coverage, render

    try:
        backend = get_backend(name)
    except EmberError:
        return  # test_loads says why
    failed = [
        report.nodeid.rpartition("::")[2]
        for outcome in ("failed", "error")
        for report in terminalreporter.stats.get(outcome, [])
    ]
    terminalreporter.section(f"Ember's coverage by {name}")
    for line in render(backend, coverage(backend, failed)):
        terminalreporter.write_line(line)


def _expected(suite: Any, config: pytest.Config) -> dict[str, str]:
    from ember_ml.backend.errors import EmberError
    from ember_ml.backend.registry import get_backend
    from ember_ml.backend.testing._base import Base, name_of

    if not issubclass(suite, Base):
        return {}
    expected: dict[str, str] = dict(suite.expected_failures)
    try:
        known: Mapping[str, str] = get_backend(name_of(suite, config)).known_failures
    except EmberError:
        known = {}  # test_loads says why
    return expected | dict(known)
