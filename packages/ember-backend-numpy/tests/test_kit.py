"""The conformance kit."""

from ember_ml.backend.testing import BackendSuite


class TestNumPy(BackendSuite):
    backend = "numpy"
