"""Ember on NumPy, with gradients by `autograd`."""

from ._backend import NumpyBackend

__all__ = ["NumpyBackend"]
