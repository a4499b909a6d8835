"""Ember on MLX."""

from ._backend import MLXBackend

__all__ = ["MLXBackend"]
