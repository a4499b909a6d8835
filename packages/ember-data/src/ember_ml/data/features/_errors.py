"""What goes wrong with features."""

from ember_ml.backend.errors import EmberError


class NotFittedError(EmberError, ValueError, AttributeError):
    """A transformation was used before it was fitted."""
