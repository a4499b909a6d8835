"""What ``pytest --pyargs ember_ml.backend.testing --ember-backend NAME`` runs."""

from ember_ml.backend.testing import BackendSuite


class TestBackend(BackendSuite):
    """The backend that ``--ember-backend`` names."""
