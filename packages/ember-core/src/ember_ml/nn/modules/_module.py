"""Module: a tree of parameters with a forward function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

from ember_ml.backend.dtypes import DTypeLike
from ember_ml.backend.errors import EmberError, InvalidValueError
from ember_ml.nn.tensor import EmberTensor, TensorLike, asarray

from . import _freezing, _state
from ._attributes import Attributes, Parameter
from ._location import locate
from ._repr import block

if TYPE_CHECKING:
    from ember_ml.nn._summary import Summary

__all__ = ["Module", "Parameter"]


class Module(Attributes):
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

    def get_submodule(self, target: str, /) -> Module:
        """The module with a dotted name, ``"encoder.layers.0"``; this one for the empty name.

        Raises:
            InvalidValueError: there is none.
        """
        module = self
        for name in target.split(".") if target else ():
            held = module._held()
            if name not in held:
                raise InvalidValueError(
                    f"{type(self).__name__} has no module {target!r}: {type(module).__name__} "
                    f"holds {', '.join(held) or 'none'}"
                )
            module = held[name]
        return module

    def get_parameter(self, target: str, /) -> EmberTensor:
        """The parameter with a dotted name, ``"encoder.layers.0.weight"``.

        Raises:
            InvalidValueError: there is none.
        """
        return self._tensor_at(target, "parameter")

    def get_buffer(self, target: str, /) -> EmberTensor:
        """The buffer with a dotted name.

        Raises:
            InvalidValueError: there is none.
        """
        return self._tensor_at(target, "buffer")

    def _tensor_at(self, target: str, kind: str) -> EmberTensor:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        found = module.__dict__.get(name) if module._kind(name) == kind else None
        if found is None:
            names = [n for n in module.__dict__[f"_{kind}s"] if module.__dict__[n] is not None]
            raise InvalidValueError(
                f"{type(self).__name__} has no {kind} {target!r}: {type(module).__name__} holds "
                f"{', '.join(names) or 'none'}"
            )
        tensor: EmberTensor = found
        return tensor

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

    def load_state_dict(
        self, state: Mapping[str, TensorLike], *, strict: bool = True
    ) -> _state.Unmatched:
        """Copy ``state`` into the parameters and buffers, converted to their dtype and backend.

        Args:
            state: tensor-likes by name, as `state_dict` gives them. For a shared tensor one of
                its names will do.
            strict: whether missing and unexpected names are errors.

        Returns:
            The names that were left out, ``missing_keys`` and ``unexpected_keys``, as PyTorch.

        Raises:
            CheckpointError: names are missing or unexpected, shapes differ, or a value is no
                tensor; the message lists all of them, and nothing has been changed.
        """
        return _state.load_state_dict(self, state, strict=strict)

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
        return self.unfreeze() if requires_grad else self.freeze()

    def freeze(self, *patterns: str) -> Self:
        """Train some of the parameters no longer: those with names like ``patterns``, or all.

        Args:
            patterns: names of parameters, or of modules for all parameters in them; ``*`` stands
                for any text, ``?`` for one character, ``[0-3]`` for one of these.

        Buffers are not frozen: ``model.encoder.eval()`` keeps a batch norm's statistics as they
        are.

        Raises:
            InvalidValueError: a pattern matches no parameter; nothing has been changed.

        >>> from ember_ml import nn
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)).freeze("0", "*.bias")
        >>> list(nn.grad(lambda model: model.get_parameter("1.weight").sum())(model))
        ['1.weight']
        """
        _freezing.mark(self, patterns, True)
        return self

    def unfreeze(self, *patterns: str) -> Self:
        """Undo `freeze` for some of the parameters, or for all."""
        _freezing.mark(self, patterns, False)
        return self

    def to(self, device: str | None = None, *, dtype: DTypeLike | None = None) -> Self:
        """Move parameters and buffers to ``device``, and floating ones to ``dtype``, in place.

        Raises:
            DTypeError: ``dtype`` is not floating.
        """
        _state.replace(self, lambda x: _state.moved(x, device, dtype))
        return self

    def to_device(self, device: str, /) -> Self:
        """Move parameters and buffers to ``device``, in place."""
        return self.to(device)

    def astype(self, dtype: DTypeLike, /) -> Self:
        """Convert floating parameters and buffers to the floating ``dtype``, in place.

        Raises:
            DTypeError: ``dtype`` is not floating.
        """
        return self.to(dtype=dtype)

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
        try:
            return self.forward(*args, **kwargs)
        except EmberError as error:
            locate(error, self)
            raise

    def summary(self, *inputs: Any, dtype: DTypeLike | None = None) -> Summary:
        """A table of the layers, their output shapes and parameters; print it.

        The model is called once, in evaluation mode; neither its buffers nor the random numbers
        drawn later change by that.

        Args:
            inputs: what to call the model with; a tuple of integers is the shape of an input of
                zeros. Without any there are no output shapes.
            dtype: of inputs that are given by their shape; the parameters' by default.

        >>> from ember_ml import nn
        >>> print(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).summary((5, 4)))
        Layer        Output shape  Parameters  Trainable
        ------------------------------------------------
        Sequential   (5, 2)                58         58
        ├ 0: Linear  (5, 8)                40         40
        ├ 1: ReLU    (5, 8)                 0          0
        └ 2: Linear  (5, 2)                18         18
        ------------------------------------------------
        Parameters: 58 (232 bytes), of which 58 are trainable
        Buffers: 0 bytes
        """
        from ember_ml.nn._summary import summarize  # here, since it needs Module

        return summarize(self, inputs, dtype)

    def extra_repr(self) -> str:
        """What ``repr`` says between the parentheses."""
        return ""

    def __repr__(self) -> str:
        children = [f"({name}): {child!r}" for name, child in self._held().items()]
        return block(type(self).__name__, self.extra_repr(), children)
