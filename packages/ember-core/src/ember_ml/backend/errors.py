"""The exceptions of Ember: the same mistake raises the same one on every engine.

Each also derives from the built-in exception a Python user would expect, so that
``except ValueError`` goes on working, and is chained to the engine's own error.
"""

from __future__ import annotations

__all__ = [
    "ArgumentError",
    "AxisError",
    "BackendLoadError",
    "BackendMismatchError",
    "BackendNotFoundError",
    "CheckpointError",
    "DTypeError",
    "DeviceError",
    "EmberError",
    "InterchangeError",
    "InvalidValueError",
    "NonFiniteError",
    "ShapeError",
    "TensorIndexError",
    "UnsupportedError",
]


class EmberError(Exception):
    """Base of every exception that Ember raises on purpose.

    Attributes:
        where: the layer of a model that it was raised in, said at the end of the message.
    """

    where: object = ""

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text} ({self.where})" if self.where else text


class ShapeError(EmberError, ValueError):
    """Shapes, axes or lengths do not fit each other."""


class AxisError(ShapeError, IndexError):
    """An axis is out of range for the number of dimensions, or named twice."""


class DTypeError(EmberError, TypeError):
    """A dtype is unknown, or the operation is not defined for it."""


class InvalidValueError(EmberError, ValueError):
    """An argument has the right type and a value that makes no sense."""


class ArgumentError(EmberError, TypeError):
    """An argument is of a type that the function does not take."""


class NonFiniteError(EmberError, ArithmeticError):
    """A loss or a gradient is not a number, or infinite."""


class TensorIndexError(EmberError, IndexError):
    """An index is outside of the tensor, or of a kind that cannot index."""


class DeviceError(EmberError, RuntimeError):
    """A device is unknown to the backend, or two tensors are on different ones."""


class BackendMismatchError(EmberError, TypeError):
    """Tensors of two backends met in one operation."""


class BackendNotFoundError(EmberError, ImportError):
    """No backend of that name, or none at all, is installed."""


class BackendLoadError(EmberError, ImportError):
    """A backend is installed and cannot be used: its engine is missing or it is incomplete."""


class InterchangeError(EmberError, BufferError, ValueError):
    """An array cannot be exported or imported, or not without the copy that was ruled out."""


class UnsupportedError(EmberError, NotImplementedError):
    """The engine lacks the capability that was asked for."""


class CheckpointError(EmberError, ValueError):
    """A file or a state dict does not fit the model, or is damaged."""
