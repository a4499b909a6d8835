"""One fixture for every test that must hold on each engine: ``backend``.

It takes the name of each installed backend in turn, which is current while the test runs.
``EMBER_TEST_BACKENDS=numpy,torch`` restricts it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from ember_ml.backend.registry import list_backends, use_backend


def _names() -> list[str]:
    installed = [info.name for info in list_backends() if info.name in ("numpy", "torch", "mlx")]
    wanted = os.environ.get("EMBER_TEST_BACKENDS")
    if not wanted:
        return installed
    names = wanted.split(",")
    missing = sorted(set(names) - set(installed))
    if missing:
        raise pytest.UsageError(
            f"EMBER_TEST_BACKENDS names {missing}, and only {installed} are installed"
        )
    return names


@pytest.fixture(params=_names())
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Name of the backend that is current during the test."""
    with use_backend(request.param):
        yield request.param


def pytest_configure() -> None:
    """A shell that starts the tests in the background has them ignore Ctrl-C, which some send."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests on Ray share one cluster, and so one of the processes that share the tests."""
    for item in items:
        if "ray" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("ray"))
