"""How one call of a stage is carried out: where it runs, how often, how fast."""

from ._rate import RateLimit
from ._retry import Retry

__all__ = ["RateLimit", "Retry"]
