"""The conformance kit."""

import pytest

from ember_ml.backend.testing import BackendSuite


@pytest.mark.filterwarnings("ignore::RuntimeWarning:array_api_strict")  # the engine's, of 0/0
class TestMinimal(BackendSuite):
    backend = "minimal"
