"""The attributes of a module: which of them are parameters, buffers and modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ember_ml.backend.errors import ArgumentError, DTypeError, EmberError
from ember_ml.nn.tensor import EmberTensor, TensorLike, asarray

from . import _state

if TYPE_CHECKING:
    from ._module import Module

__all__ = ["Attributes", "Parameter"]


class Parameter:
    """Marks a tensor as one to be trained, when it is assigned to a module's attribute.

    The attribute then is the tensor itself, a copy of ``data``. Assigned to two attributes, the
    same parameter is shared by both.

    Args:
        data: the initial value.
        requires_grad: False for a frozen one; see `Module.requires_grad_`.

    Raises:
        DTypeError: it is to be trained, and is not floating.

    >>> from ember_ml import nn
    >>> class Scale(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = nn.Parameter([2.0])
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> list(Scale().state_dict())
    ['factor']
    """

    __slots__ = ("data", "requires_grad")

    def __init__(self, data: TensorLike, requires_grad: bool = True) -> None:
        # A copy: optimizers write into the parameter's memory.
        self.data: EmberTensor = asarray(data, copy=True)
        if requires_grad and self.data.dtype.kind != "float":
            raise DTypeError(
                f"only a floating-point tensor can be trained, not {self.data.dtype}; convert it, "
                "et.asarray(x, dtype=et.float32), or freeze it, requires_grad=False"
            )
        self.requires_grad = requires_grad


class Attributes:
    """What assigning to a module's attributes does; the base of `Module` alone."""

    training: bool
    # The tensors and modules are ordinary attributes; these say which attributes they are. One
    # that is None keeps its place.
    _parameters: dict[str, None]
    _buffers: dict[str, bool]  # whether persistent
    _modules: dict[str, None]
    _frozen: set[str]

    def __init__(self) -> None:
        self.__dict__.update(
            _parameters={}, _buffers={}, _modules={}, _frozen=set(), training=True
        )  # fmt: skip

    # -- attributes -----------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        if "_parameters" not in self.__dict__:
            raise EmberError(
                f"{type(self).__name__}.__init__ must call super().__init__() before it sets "
                f"{name!r}"
            )
        if isinstance(value, Parameter):
            self.register_parameter(name, value)
        elif isinstance(value, Attributes):
            self._enter("_modules", name, value, None)
        elif value is not None and self._refuses(name, value):
            raise ArgumentError(
                f"{type(self).__name__}.{name} is a {self._kind(name)}: assign another one or None, "
                f"not {type(value).__name__} (to make it something else, delete it first)"
            )
        else:
            if name == "training" or self._kind(name):
                _state.restructured()
            self.__dict__[name] = value

    def _kind(self, name: str) -> str:
        """What the attribute is registered as, or nothing."""
        kinds = {"_parameters": "parameter", "_buffers": "buffer", "_modules": "module"}
        return next((kind for table, kind in kinds.items() if name in self.__dict__[table]), "")

    def _refuses(self, name: str, value: Any) -> bool:
        """Whether ``value``, no Parameter and no Module, cannot be what ``name`` is."""
        if isinstance(value, EmberTensor):
            return name in self._modules
        return bool(self._kind(name))

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        _state.restructured()
        for table in _state.TABLES:
            self.__dict__[table].pop(name, None)
        self._frozen.discard(name)

    def _enter(self, table: str, name: str, value: Any, note: bool | None = None) -> None:
        """Set an attribute and register it; one registered alike before keeps its place."""
        if not name or "." in name or hasattr(type(self), name):
            raise ArgumentError(
                f"{type(self).__name__}: {name!r} cannot name a parameter, buffer or module: it is "
                + ("an attribute of the class" if name and "." not in name else "no plain name")
            )
        _state.restructured()
        for other in _state.TABLES:
            if other != table:
                self.__dict__[other].pop(name, None)
        self._frozen.discard(name)
        self.__dict__[table][name] = note
        self.__dict__[name] = value

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """Set attribute ``name`` to a parameter, or to None."""
        if parameter is None:
            self._enter("_parameters", name, None)
            return
        if not isinstance(parameter, Parameter):
            raise ArgumentError(
                f"{name!r}: a Parameter or None is due, not {type(parameter).__name__}; wrap it, "
                "nn.Parameter(...)"
            )
        self._enter("_parameters", name, parameter.data)
        if not parameter.requires_grad:
            self._frozen.add(name)

    def register_buffer(
        self, name: str, tensor: TensorLike | None, *, persistent: bool = True
    ) -> None:
        """Set attribute ``name`` to a copy of a tensor, which is not trained, or to None.

        Args:
            persistent: whether it belongs to the state dict.
        """
        copied = None if tensor is None else asarray(tensor, copy=True)
        self._enter("_buffers", name, copied, persistent)

    def add_module(self, name: str, module: Module | None) -> None:
        """Set attribute ``name``, which may be made up at run time, to a module, or to None."""
        if module is not None and not isinstance(module, Attributes):
            raise ArgumentError(f"{name!r}: a Module or None is due, not {type(module).__name__}")
        self._enter("_modules", name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """`add_module`."""
        self.add_module(name, module)
