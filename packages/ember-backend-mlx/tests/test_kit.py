"""The conformance kit."""

from ember_ml.backend.testing import BackendSuite


class TestMLX(BackendSuite):
    backend = "mlx"
