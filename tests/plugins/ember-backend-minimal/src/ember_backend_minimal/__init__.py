"""The smallest legal backend of Ember, on array-api-strict."""

from ._backend import MinimalBackend

__all__ = ["MinimalBackend"]
