"""Module: a tree of parameters with a forward function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from ember_ml.backend.dtypes import DTypeLike
from ember_ml.backend.errors import ArgumentError, DTypeError, EmberError
from ember_ml.nn.tensor import EmberTensor, TensorLike, asarray

from . import _state
from ._repr import block

__all__ = ["Module", "Parameter"]


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
        elif isinstance(value, Module):
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

    # -- the tree -------------------------------------------------------------------------

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and those within it, each once, with dotted names."""
        for name, module in _state.walk(self):
            yield ".".join(part for part in (prefix, name[:-1]) if part), module

    def modules(self) -> Iterator[Module]:
        """This module and those within it, each once."""
        for _, module in _state.walk(self):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly within this one, each once, by attribute."""
        seen: set[int] = set()
        for name, child in self._held().items():
            if id(child) not in seen:
                seen.add(id(child))
                yield name, child

    def _held(self) -> dict[str, Module]:
        """The modules directly within this one; one in two places comes twice."""
        held = {name: self.__dict__[name] for name in self._modules}
        return {name: child for name, child in held.items() if child is not None}

    def children(self) -> Iterator[Module]:
        """The modules directly within this one, each once."""
        for _, module in self.named_children():
            yield module

    def named_parameters(self) -> Iterator[tuple[str, EmberTensor]]:
        """Parameters with dotted names; one that two modules share comes once."""
        yield from _state.distinct(self, "_parameters").items()

    def parameters(self) -> Iterator[EmberTensor]:
        """The parameters, each once."""
        yield from _state.distinct(self, "_parameters").values()

    def named_buffers(self) -> Iterator[tuple[str, EmberTensor]]:
        """Buffers with dotted names; one that two modules share comes once."""
        yield from _state.distinct(self, "_buffers").items()

    def buffers(self) -> Iterator[EmberTensor]:
        """The buffers, each once."""
        yield from _state.distinct(self, "_buffers").values()

    # -- state ----------------------------------------------------------------------------

    def state_dict(self) -> dict[str, EmberTensor]:
        """Parameters and persistent buffers by dotted name, in PyTorch's names and order.

        They are the module's own tensors, not copies: training goes on changing them. What is
        shared comes under each of its names.
        """
        return _state.state_dict(self)

    def load_state_dict(self, state: Mapping[str, TensorLike], *, strict: bool = True) -> None:
        """Copy ``state`` into the parameters and buffers, converted to their dtype and backend.

        Args:
            state: tensor-likes by name, as `state_dict` gives them. For a shared tensor one of
                its names will do.
            strict: whether missing and unexpected names are errors.

        Raises:
            CheckpointError: names are missing or unexpected, shapes differ, or a value is no
                tensor; the message lists all of them, and nothing has been changed.
        """
        _state.load_state_dict(self, state, strict=strict)

    # -- changes to all ---------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Set ``training`` here and in every module within."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze the parameters (False) or make them trainable again.

        `nn.grad` gives no gradient for a frozen one and optimizers leave it as it is. A shared
        parameter is frozen if it is in one of its places.
        """
        _state.restructured()
        for module in self.modules():
            module._frozen = set() if requires_grad else set(module._parameters)
        return self

    def to(self, device: str | None = None, *, dtype: DTypeLike | None = None) -> Self:
        """Move parameters and buffers to ``device``, and floating ones to ``dtype``, in place.

        Raises:
            DTypeError: ``dtype`` is not floating.
        """
        _state.replace(self, lambda x: _state.moved(x, device, dtype))
        return self

    def to_backend(self, name: str, /) -> Self:
        """Move parameters and buffers to the backend ``name``, in place."""
        # A copy: sharing memory with the old backend's tensors would train those as well.
        _state.replace(self, lambda x: asarray(x.to_backend(name), copy=True))
        return self

    def apply(self, function: Callable[[Module], object]) -> Self:
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
        children = [f"({name}): {child!r}" for name, child in self._held().items()]
        return block(type(self).__name__, self.extra_repr(), children)
