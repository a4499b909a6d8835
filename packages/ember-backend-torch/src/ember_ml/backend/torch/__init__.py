"""Ember on PyTorch."""

from ._backend import TorchBackend

__all__ = ["TorchBackend"]
