import os

import pytest

from ember_ml.backend.registry import list_backends


@pytest.fixture
def engines():
    """Names of the backends under test, all of them at once."""
    wanted = os.environ.get("EMBER_TEST_BACKENDS")
    installed = [info.name for info in list_backends() if info.name in ("numpy", "torch", "mlx")]
    return wanted.split(",") if wanted else installed
