from collections.abc import Iterator

import pytest

from ember_ml.backend.registry import use_backend


@pytest.fixture(autouse=True)
def numpy_is_current() -> Iterator[None]:
    with use_backend("numpy"):
        yield
