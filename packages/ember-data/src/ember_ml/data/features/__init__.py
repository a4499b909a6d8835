"""Features: transformations that are fitted to one set of samples and applied to others."""

from ._errors import NotFittedError
from ._standardize import Standardize

__all__ = ["NotFittedError", "Standardize"]
