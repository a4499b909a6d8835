"""Containers of parameters."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any, Self, TypeAlias, overload

from ember_ml.backend.errors import ArgumentError, TensorIndexError
from ember_ml.nn.tensor import EmberTensor, TensorLike

from ._module import Module, Parameter

__all__ = ["ParameterDict", "ParameterList"]

Pairs: TypeAlias = (
    "Mapping[str, Parameter | TensorLike] | Iterable[tuple[str, Parameter | TensorLike]]"
)


class _Parameters(Module):
    """Parameters in an order, each an attribute of its name."""

    def _tensors(self) -> dict[str, EmberTensor]:
        return {name: self.__dict__[name] for name in self._parameters}

    def _put(self, name: str, value: Parameter | TensorLike) -> None:
        self.register_parameter(name, value if isinstance(value, Parameter) else Parameter(value))

    def __len__(self) -> int:
        return len(self._parameters)

    def extra_repr(self) -> str:
        """A line for each parameter."""
        return "\n".join(
            f"  ({name}): Parameter containing: [{x.dtype} of size {'x'.join(map(str, x.shape))}]"
            for name, x in self._tensors().items()
        )

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """There is none: index it, or go through it."""
        raise ArgumentError(f"{type(self).__name__} holds parameters and is not called")


class ParameterList(_Parameters):
    """A list of parameters, that belong to the module that holds it.

    Args:
        values: parameters, or tensor-likes to be made parameters.

    >>> from ember_ml import nn
    >>> scales = nn.ParameterList([[1.0], [2.0, 3.0]])
    >>> scales[1].tolist(), list(scales.state_dict())
    ([2.0, 3.0], ['0', '1'])
    """

    def __init__(self, values: Iterable[Parameter | TensorLike] = ()) -> None:
        super().__init__()
        self.extend(values)

    def append(self, value: Parameter | TensorLike) -> Self:
        """Put a parameter at the end."""
        self._put(str(len(self)), value)
        return self

    def extend(self, values: Iterable[Parameter | TensorLike]) -> Self:
        """Put parameters at the end."""
        for value in values:
            self.append(value)
        return self

    def __iadd__(self, values: Iterable[Parameter | TensorLike]) -> Self:
        return self.extend(values)

    def __iter__(self) -> Iterator[EmberTensor]:
        return iter(self._tensors().values())

    @overload
    def __getitem__(self, index: int) -> EmberTensor: ...
    @overload
    def __getitem__(self, index: slice) -> list[EmberTensor]: ...
    def __getitem__(self, index: int | slice) -> EmberTensor | list[EmberTensor]:
        if isinstance(index, slice):
            return list(self)[index]
        return self._tensors()[self._name(index)]

    def __setitem__(self, index: int, value: Parameter | TensorLike) -> None:
        self._put(self._name(index), value)

    def _name(self, index: int) -> str:
        if not -len(self) <= index < len(self):
            raise TensorIndexError(
                f"ParameterList has {len(self)} parameters, and none at index {index}"
            )
        return str(index % len(self))


class ParameterDict(_Parameters):
    """Parameters by name, that belong to the module that holds it.

    Args:
        values: names with parameters, or with tensor-likes to be made parameters.

    >>> from ember_ml import nn
    >>> gains = nn.ParameterDict({"left": [1.0], "right": [2.0]})
    >>> gains["right"].item(), list(gains)
    (2.0, ['left', 'right'])
    """

    def __init__(self, values: Pairs = ()) -> None:
        super().__init__()
        self.update(values)

    def update(self, values: Pairs) -> None:
        """Add parameters; those of names that are there take their places."""
        for name, value in dict(values).items():
            self[name] = value

    def __getitem__(self, name: str) -> EmberTensor:
        held = self._tensors()
        if name not in held:
            raise KeyError(f"{name!r} is not in a ParameterDict of {', '.join(held) or 'nothing'}")
        return held[name]

    def __setitem__(self, name: str, value: Parameter | TensorLike) -> None:
        self._put(name, value)

    def __delitem__(self, name: str) -> None:
        self.pop(name)

    def pop(self, name: str) -> EmberTensor:
        """Take the parameter ``name`` out."""
        tensor = self[name]
        delattr(self, name)
        return tensor

    def clear(self) -> None:
        """Take all parameters out."""
        for name in list(self):
            del self[name]

    def get(self, name: str, default: EmberTensor | None = None) -> EmberTensor | None:
        """The parameter ``name``, or ``default``."""
        return self._tensors().get(name, default)

    def setdefault(self, name: str, default: Parameter | TensorLike) -> EmberTensor:
        """The parameter ``name``, which is added if there is none."""
        if name not in self:
            self[name] = default
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors())

    def __contains__(self, name: object) -> bool:
        return name in self._parameters

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._tensors().keys()

    def values(self) -> ValuesView[EmberTensor]:
        """The parameters."""
        return self._tensors().values()

    def items(self) -> ItemsView[str, EmberTensor]:
        """The parameters with their names."""
        return self._tensors().items()
