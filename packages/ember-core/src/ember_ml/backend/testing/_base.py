"""What the parts of the suite share: the backend under test, and the reasons to skip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import pytest

from ember_ml.backend._bound import variants
from ember_ml.backend.dtypes import DType
from ember_ml.backend.errors import EmberError
from ember_ml.backend.protocol import Backend
from ember_ml.backend.registry import get_backend, use_backend

__all__ = ["Base", "name_of", "supplied"]

#: Dtypes that an engine may do without.
_OPTIONAL = ("float16", "bfloat16", "float64", "complex128")


class Base:
    """The backend under test, current while a test runs."""

    #: The name under which the backend is registered; None for ``--ember-backend``.
    backend: ClassVar[str | None] = None
    #: Tests that cannot pass, by exact name, each with its reason: ``{"test_values[tan-float16]":
    #: "engine#123"}``. They turn red as soon as they pass. The backend's own ``known_failures``
    #: are added.
    expected_failures: ClassVar[Mapping[str, str]] = {}
    #: How many calls are drawn for each operation and dtype.
    examples: ClassVar[int] = 12

    @pytest.fixture
    def engine(self, request: pytest.FixtureRequest) -> Iterator[Backend]:
        """The backend, loaded and current."""
        name = name_of(type(self), request.config)
        try:
            backend = get_backend(name)
        except EmberError:
            pytest.skip("the backend does not load: test_loads says why")
        with use_backend(name):
            yield backend

    @staticmethod
    def need(backend: Backend, dtype: DType) -> None:
        """Skip where the engine does without ``dtype``, as it is entitled to."""
        if dtype not in backend.dtypes:
            if dtype.name in _OPTIONAL:
                pytest.skip(f"{backend.name} has no {dtype}")
            pytest.fail(f"the backend must have {dtype}: add it to `dtypes`")

    @staticmethod
    def capable(backend: Backend, capability: str) -> None:
        """Skip where the backend does not claim ``capability``."""
        if capability not in backend.capabilities:
            pytest.skip(f"{backend.name} claims no {capability!r}")


def name_of(suite: type[Base], config: pytest.Config) -> str:
    """The name of the backend that ``suite`` is about."""
    name: str | None = suite.backend or config.getoption("ember_backend", default=None)
    if not name:
        raise pytest.UsageError("say which backend to certify: --ember-backend NAME")
    return name


def supplied(backend: Backend, key: str, dtype: DType) -> bool:
    """Whether ``backend`` has an operation of its own for ``dtype``."""
    places = (backend, *backend.modules)
    return any(hasattr(p, key) for p in places) or key in variants(backend, dtype)
