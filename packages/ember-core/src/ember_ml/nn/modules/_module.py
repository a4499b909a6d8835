"""Module: a tree of parameters with a forward function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from ember_ml.backend.dtypes import DTypeLike
from ember_ml.backend.errors import ArgumentError, EmberError
from ember_ml.nn.tensor import EmberTensor, TensorLike, asarray

from . import _state

__all__ = ["Module", "Parameter"]


class Parameter:
    """Marks a tensor as one to be trained, when it is assigned to a module's attribute.

    The attribute then is the tensor itself, a copy of ``data``.

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

    __slots__ = ("data",)

    def __init__(self, data: TensorLike) -> None:
        # A copy: optimizers write into the parameter's memory.
        self.data: EmberTensor = asarray(data, copy=True)


class Module:
    """Base class of models and layers.

    Assign parameters (`Parameter`) and modules to attributes in ``__init__``, after
    ``super().__init__()``, and write ``forward``. Names and behaviour are those of
    ``torch.nn.Module``; a parameter is an EmberTensor that training changes in place.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> class Classifier(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.hidden = nn.Linear(64, 128)
    ...         self.out = nn.Linear(128, 10)
    ...     def forward(self, x):
    ...         return self.out(nn.relu(self.hidden(x)))
    >>> Classifier()(et.zeros((5, 64))).shape
    (5, 10)
    """

    training: bool

    def __init__(self) -> None:
        # The tensors and modules are ordinary attributes; these say which attributes they are.
        self.__dict__.update(
            _parameters={}, _buffers={}, _modules={}, _frozen=set(), training=True
        )

    # -- attributes -----------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        tables = self.__dict__
        if "_parameters" not in tables:
            raise EmberError(
                f"{type(self).__name__}.__init__ must call super().__init__() before it sets "
                f"{name!r}"
            )
        if isinstance(value, Parameter):
            self.register_parameter(name, value)
            return
        if isinstance(value, Module):
            self._forget(name)
            tables["_modules"][name] = None
        elif name in tables["_parameters"] or name in tables["_buffers"]:
            if value is None:
                self._forget(name)
            elif not isinstance(value, EmberTensor):
                raise ArgumentError(
                    f"{type(self).__name__}.{name} is a parameter or buffer: assign a tensor or "
                    f"None, not {type(value).__name__}"
                )
        elif name in tables["_modules"]:
            self._forget(name)
        tables[name] = value

    def __delattr__(self, name: str) -> None:
        self._forget(name)
        object.__delattr__(self, name)

    def _forget(self, name: str) -> None:
        for table in ("_parameters", "_buffers", "_modules"):
            self.__dict__[table].pop(name, None)
        self.__dict__["_frozen"].discard(name)

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """Set attribute ``name`` to a parameter, or to None."""
        self._forget(name)
        if parameter is not None:
            self.__dict__["_parameters"][name] = None
        self.__dict__[name] = None if parameter is None else parameter.data

    def register_buffer(self, name: str, tensor: TensorLike, *, persistent: bool = True) -> None:
        """Set attribute ``name`` to a tensor that is not trained.

        Args:
            persistent: whether it belongs to the state dict.
        """
        self._forget(name)
        self.__dict__["_buffers"][name] = persistent
        self.__dict__[name] = asarray(tensor, copy=True)

    # -- the tree -------------------------------------------------------------------------

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and those within it, each once, with dotted names."""
        yield from _state.walk(self, prefix, set())

    def modules(self) -> Iterator[Module]:
        """This module and those within it."""
        for _, module in self.named_modules():
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly within this one."""
        for name in self.__dict__["_modules"]:
            yield name, self.__dict__[name]

    def children(self) -> Iterator[Module]:
        """The modules directly within this one."""
        for _, module in self.named_children():
            yield module

    def named_parameters(self) -> Iterator[tuple[str, EmberTensor]]:
        """Parameters with dotted names; one that two modules share comes once."""
        seen: set[int] = set()
        for slot in _state.slots(self, "_parameters"):
            tensor = slot.tensor
            if id(tensor) not in seen:
                seen.add(id(tensor))
                yield slot.name, tensor

    def parameters(self) -> Iterator[EmberTensor]:
        """The parameters, each once."""
        for _, tensor in self.named_parameters():
            yield tensor

    def named_buffers(self) -> Iterator[tuple[str, EmberTensor]]:
        """Buffers with dotted names."""
        for slot in _state.slots(self, "_buffers"):
            yield slot.name, slot.tensor

    # -- state ----------------------------------------------------------------------------

    def state_dict(self) -> dict[str, EmberTensor]:
        """Parameters and persistent buffers by dotted name, in PyTorch's names and order.

        They are the module's own tensors, not copies: training goes on changing them.
        """
        return _state.state_dict(self)

    def load_state_dict(self, state: Mapping[str, TensorLike], *, strict: bool = True) -> None:
        """Copy ``state`` into the parameters and buffers, converted to their dtype and backend.

        Args:
            state: tensor-likes by name, as `state_dict` gives them.
            strict: whether missing and unexpected names are errors.

        Raises:
            CheckpointError: names are missing or unexpected, or shapes differ; the message lists
                all of them, and nothing has been changed.
        """
        _state.load_state_dict(self, state, strict=strict)

    # -- changes to all ---------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Set ``training`` here and in every module within."""
        for module in self.modules():
            module.__dict__["training"] = mode
        return self

    def eval(self) -> Self:
        """``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze the parameters (False) or make them trainable again.

        `nn.grad` gives no gradient for a frozen one and optimizers leave it as it is.
        """
        for module in self.modules():
            names = module.__dict__["_parameters"]
            module.__dict__["_frozen"] = set() if requires_grad else set(names)
        return self

    def to(self, device: str | None = None, *, dtype: DTypeLike | None = None) -> Self:
        """Move parameters and buffers to ``device``, and floating ones to ``dtype``, in place."""
        _state.replace(self, lambda x: _state.moved(x, device, dtype))
        return self

    def to_backend(self, name: str, /) -> Self:
        """Move parameters and buffers to the backend ``name``, in place."""
        # A copy: sharing memory with the old backend's tensors would train those as well.
        _state.replace(self, lambda x: asarray(x.to_backend(name), copy=True))
        return self

    def apply(self, function: Callable[[Module], None]) -> Self:
        """Call ``function`` on each module within, and then on this one."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    # -- use ------------------------------------------------------------------------------

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes: to be written by each subclass."""
        raise NotImplementedError(f"{type(self).__name__} has no forward method")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def extra_repr(self) -> str:
        """What ``repr`` says between the parentheses."""
        return ""

    def __repr__(self) -> str:
        lines = [
            f"({name}): " + repr(child).replace("\n", "\n  ")
            for name, child in self.named_children()
        ]
        head, extra = type(self).__name__, self.extra_repr()
        if not lines:
            return f"{head}({extra})"
        return "\n  ".join([f"{head}({extra}", *lines]) + "\n)"
