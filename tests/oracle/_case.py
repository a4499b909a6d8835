"""Layers and losses that PyTorch has under the same name: how each is made and called.

A topic's file declares its cases::

    layer("Conv2d", 3, 8, 3, stride=2, inputs=[(2, 3, 9, 9)])
    layer("LSTM", 4, 5, inputs=[(7, 2, 4), [(1, 2, 5), (1, 2, 5)]])
    layer("MSELoss", reduction="sum", inputs=[(3, 4), (3, 4)])
    layer("Embedding", 10, 3, inputs=[integers(10, 2, 5)])
    layer("MultiheadAttention", 8, 2, inputs=[(5, 2, 8)] * 3,
          call={"attn_mask": lambda rng: rng.random((5, 5)) < 0.3, "need_weights": False})
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["CASES", "Case", "Inner", "integers", "layer", "positive", "probabilities"]


@dataclass(frozen=True)
class Inner:
    """A layer among the constructor arguments of another: of PyTorch's, or of ours."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        said = [*map(_text, self.args), *(f"{k}={_text(v)}" for k, v in self.kwargs.items())]
        return f"{self.name}({', '.join(said)})"

    def build(self, namespace: Any) -> Any:
        """The layer, of ``torch.nn`` or ``ember_ml.nn``."""
        made = [x.build(namespace) if isinstance(x, Inner) else x for x in self.args]
        named = {
            k: x.build(namespace) if isinstance(x, Inner) else x for k, x in self.kwargs.items()
        }
        return getattr(namespace, self.name)(*made, **named)


@dataclass(frozen=True)
class Case:
    """One layer, with constructor arguments and inputs.

    Attributes:
        name: of the class, in ``torch.nn`` and in ``ember_ml.nn``.
        args: positional arguments of the constructor.
        kwargs: keyword arguments of it.
        inputs: positional arguments of the call. A tuple of integers is the shape of a normal
            float32 array, a callable makes an array from a NumPy generator, a list becomes a tuple
            of arrays, and anything else is handed on.
        call: keyword arguments of the call, alike.
        train: whether the layer is in training mode.
        constant: positions of inputs that are not differentiated by (targets of losses).
        steps: how many calls are made before the one that counts: they move running statistics.
        tolerance: how many times the usual error is allowed; say why where it is not 1.
        derivative: whether gradients are derivatives; say why where they are not.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    inputs: Sequence[Any]
    call: Mapping[str, Any] = field(default_factory=dict)
    train: bool = True
    constant: tuple[int, ...] = ()
    steps: int = 0
    tolerance: float = 1.0
    derivative: bool = True

    def __str__(self) -> str:
        given = [_text(x) for x in self.inputs] + [f"{k}={_text(v)}" for k, v in self.call.items()]
        mode = "" if self.train else ", eval"
        return f"{Inner(self.name, self.args, self.kwargs)}({', '.join(given)}{mode})"

    def build(self, namespace: Any) -> Any:
        """The layer, of ``torch.nn`` or ``ember_ml.nn``."""
        return Inner(self.name, self.args, self.kwargs).build(namespace)

    def arguments(self, call: int = 0) -> tuple[list[Any], dict[str, Any]]:
        """The inputs as NumPy arrays, the same ones whenever asked."""
        rng = np.random.default_rng([zlib.crc32(str(self).encode()), call])
        given = [_made(x, rng) for x in self.inputs]
        return given, {name: _made(x, rng) for name, x in self.call.items()}


def _text(x: Any) -> str:
    return getattr(x, "__name__", "made") if callable(x) else str(x).replace("\n", "")


def _made(x: Any, rng: np.random.Generator) -> Any:
    if isinstance(x, tuple) and all(isinstance(n, int) for n in x):
        return rng.standard_normal(x).astype(np.float32)
    if isinstance(x, list):
        return tuple(_made(part, rng) for part in x)
    return x(rng) if callable(x) else x


#: Every case, by its text.
CASES: dict[str, Case] = {}


def layer(
    name: str,
    *args: Any,
    inputs: Sequence[Any],
    call: Mapping[str, Any] | None = None,
    train: bool = True,
    constant: tuple[int, ...] = (),
    steps: int = 0,
    tolerance: float = 1.0,
    derivative: bool = True,
    **kwargs: Any,
) -> None:
    """Add a `Case`."""
    case = Case(
        name, args, kwargs, inputs, call or {}, train, constant, steps, tolerance, derivative
    )
    if str(case) in CASES:
        raise ValueError(f"the case {case} is there already")
    CASES[str(case)] = case


def integers(high: int, *shape: int) -> Callable[[np.random.Generator], Any]:
    """Classes or indices in [0, high)."""

    def integers(rng: np.random.Generator) -> Any:
        return rng.integers(0, high, shape)

    integers.__name__ = f"integers{(high, *shape)}"
    return integers


def positive(*shape: int) -> Callable[[np.random.Generator], Any]:
    """Numbers in (0, 1), away from the ends."""

    def positive(rng: np.random.Generator) -> Any:
        return rng.uniform(0.05, 0.95, shape).astype(np.float32)

    positive.__name__ = f"positive{shape}"
    return positive


def probabilities(*shape: int) -> Callable[[np.random.Generator], Any]:
    """Distributions along the second axis, where losses have their classes."""

    def probabilities(rng: np.random.Generator) -> Any:
        x = rng.uniform(0.05, 1.0, shape)
        return (x / x.sum(1, keepdims=True)).astype(np.float32)

    probabilities.__name__ = f"probabilities{shape}"
    return probabilities
