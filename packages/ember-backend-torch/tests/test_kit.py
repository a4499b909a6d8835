"""The conformance kit."""

from ember_ml.backend.testing import BackendSuite


class TestTorch(BackendSuite):
    backend = "torch"
