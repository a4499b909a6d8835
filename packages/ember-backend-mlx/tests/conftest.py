from __future__ import annotations

from collections.abc import Iterator

import pytest

from ember_ml.backend.registry import use_backend


@pytest.fixture(autouse=True)
def mlx_is_current() -> Iterator[None]:
    with use_backend("mlx"):
        yield
