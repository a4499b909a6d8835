"""What RNN, LSTM and GRU share: layers one above the other, in one direction or two."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

from ember_ml.backend.dtypes import DTypeLike
from ember_ml.backend.errors import ArgumentError, InvalidValueError, ShapeError
from ember_ml.nn import initializers
from ember_ml.nn.modules import Module, Parameter
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    asarray,
    concat,
    expand_dims,
    permute_dims,
    squeeze,
    stack,
)
from ember_ml.nn.tensor._scatter import filled

from ._arguments import positive
from ._dropout import dropout
from ._spans import Spans

__all__ = ["Stacked", "States"]

States = tuple[EmberTensor, ...]


class Stacked(Module):
    """Layers one above the other, each in one direction or two."""

    #: Blocks of rows in the weights, and names of the states.
    gates: ClassVar[int]
    states: ClassVar[tuple[str, ...]] = ("h0",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        proj_size: int,
        dtype: DTypeLike,
        device: str | None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.input_size = positive(name, "input_size", input_size)
        self.hidden_size = positive(name, "hidden_size", hidden_size)
        self.num_layers = positive(name, "num_layers", num_layers)
        self.bias = bool(bias)
        self.batch_first = bool(batch_first)
        if not 0 <= dropout <= 1:
            raise InvalidValueError(f"{name}: dropout is a probability, not {dropout!r}")
        if dropout and self.num_layers == 1:
            warnings.warn(
                f"{name}: dropout={dropout!r} acts between layers, of which there is one: it does "
                "nothing; put nn.Dropout after the layer",
                stacklevel=3,
            )
        self.dropout = float(dropout)
        self.bidirectional = bool(bidirectional)
        if proj_size and not 0 < proj_size < self.hidden_size:
            raise InvalidValueError(
                f"{name}: proj_size is from 1 to hidden_size - 1 = {self.hidden_size - 1}, or 0 "
                f"for no projection, not {proj_size!r}"
            )
        self.proj_size = int(proj_size)
        bound = 1.0 / math.sqrt(self.hidden_size)
        rows, out = self.gates * self.hidden_size, self.proj_size or self.hidden_size
        inputs = self.input_size
        for layer in range(self.num_layers):
            for suffix in self._suffixes(layer):
                shapes: dict[str, tuple[int, ...]] = {
                    "weight_ih": (rows, inputs),
                    "weight_hh": (rows, out),
                }
                if self.bias:
                    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
                if self.proj_size:
                    shapes["weight_hr"] = (self.proj_size, self.hidden_size)
                for part, shape in shapes.items():
                    drawn = initializers.uniform(
                        shape, low=-bound, high=bound, dtype=dtype, device=device
                    )
                    self.register_parameter(part + suffix, Parameter(drawn))
            inputs = out * len(self._suffixes(layer))

    def _suffixes(self, layer: int) -> tuple[str, ...]:
        """Of the names of the parameters in one layer, one for each direction."""
        return (f"_l{layer}", f"_l{layer}_reverse")[: 1 + self.bidirectional]

    # -- the call ---------------------------------------------------------------------------

    def forward(
        self,
        x: TensorLike,
        hx: Any = None,
        *,
        lengths: TensorLike | None = None,
    ) -> tuple[EmberTensor, Any]:
        """The outputs of the last layer at each time, and the final states of all layers."""
        x = asarray(x)
        self._check_input(x, lengths)
        batched = x.ndim == 3
        if not batched:
            x = expand_dims(x, axis=1)
        elif self.batch_first:
            x = permute_dims(x, (1, 0, 2))
        initial = None if hx is None else self._initial(hx, x.shape[1], batched)
        spans = None if lengths is None else Spans(lengths, x, type(self).__name__)
        finals: list[list[EmberTensor]] = []
        for layer in range(self.num_layers):
            if layer and self.dropout and self.training:
                x = dropout(x, p=self.dropout)
            if spans is not None:
                x = spans.within(x)
            outputs = []
            for suffix in self._suffixes(layer):
                states = self._zeros(x) if initial is None else initial[len(finals)]
                y, *last = self._direction(x, states, suffix, spans)
                outputs.append(y)
                finals.append(last)
            x = concat(outputs, axis=-1) if self.bidirectional else outputs[0]
        final = [_stacked(column) for column in zip(*finals, strict=True)]
        if not batched:
            x, final = squeeze(x, 1), [squeeze(state, 1) for state in final]
        elif self.batch_first:
            x = permute_dims(x, (1, 0, 2))
        return x, tuple(final) if len(final) > 1 else final[0]

    def _direction(
        self, x: EmberTensor, states: States, suffix: str, spans: Spans | None
    ) -> States:
        """One layer in one direction over (T, B, F)."""
        weights = [getattr(self, part + suffix) for part in ("weight_ih", "weight_hh")]
        if self.bias:
            weights += [getattr(self, part + suffix) for part in ("bias_ih", "bias_hh")]
        else:
            weights += [filled(weights[0].shape[:1], 0, weights[0])] * 2
        reverse = suffix.endswith("reverse")
        if spans is None:
            return self._layer(x, states, weights, suffix, reverse)
        if reverse:
            x = spans.turned(x)
        x, weights = self._keeping(x, weights, spans)
        y, _, *rest = self._layer(x, states, weights, suffix, False)
        h = spans.last(y)
        return spans.within(spans.turned(y) if reverse else y), h, *rest

    def _keeping(
        self, x: EmberTensor, weights: list[EmberTensor], spans: Spans
    ) -> tuple[EmberTensor, list[EmberTensor]]:
        """Input and weights by which a state that is no output stays as it is after the end."""
        return x, weights

    def _layer(
        self,
        x: EmberTensor,
        states: States,
        weights: Sequence[EmberTensor],
        suffix: str,
        reverse: bool,
    ) -> States:
        """The outputs and final states."""
        raise NotImplementedError

    # -- arguments --------------------------------------------------------------------------

    def _check_input(self, x: EmberTensor, lengths: Any) -> None:
        name = type(self).__name__
        first = "batch, time" if self.batch_first else "time, batch"
        due = f"({first}, {self.input_size}), or (time, {self.input_size}) for one sequence, is due"
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            raise ShapeError(f"{name}: input of shape {x.shape}; {due}")
        if x.shape[1 if self.batch_first and x.ndim == 3 else 0] == 0:
            raise ShapeError(f"{name}: input of shape {x.shape} has no times; {due}")
        if lengths is not None and x.ndim == 2:
            raise ShapeError(f"{name}: lengths are for a batch of sequences; {due}")

    def _sizes(self) -> tuple[int, ...]:
        """The last axis of each state."""
        return (self.proj_size or self.hidden_size, self.hidden_size)[: len(self.states)]

    def _zeros(self, x: EmberTensor) -> States:
        zeros = [filled((x.shape[1], size), 0, x) for size in dict.fromkeys(self._sizes())]
        return tuple(zeros * len(self.states) if len(zeros) == 1 else zeros)

    def _initial(self, hx: Any, batch: int, batched: bool) -> list[States]:
        """The initial states of each layer and direction."""
        name, count = type(self).__name__, self.num_layers * (1 + self.bidirectional)
        given = hx if isinstance(hx, tuple | list) and len(self.states) > 1 else (hx,)
        if len(given) != len(self.states):
            raise ArgumentError(f"{name}: a pair (h0, c0) is due, not {type(hx).__name__}")
        tensors = []
        for what, state, size in zip(self.states, given, self._sizes(), strict=True):
            state = asarray(state)
            due = (count, batch, size) if batched else (count, size)
            if state.shape != due:
                raise ShapeError(
                    f"{name}: {what} of shape {state.shape}; {due} is due: layers and directions, "
                    + ("batch, size" if batched else "size")
                )
            tensors.append(state if batched else expand_dims(state, axis=1))
        return [tuple(state[k] for state in tensors) for k in range(count)]

    def extra_repr(self) -> str:
        """The sizes, and the options that are not PyTorch's defaults."""
        said = [str(self.input_size), str(self.hidden_size)]
        defaults = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False,
                    "dropout": 0, "bidirectional": False}  # fmt: skip
        said += [
            f"{option}={getattr(self, option)}"
            for option, default in defaults.items()
            if getattr(self, option) != default
        ]
        return ", ".join(said)


def _stacked(states: tuple[EmberTensor, ...]) -> EmberTensor:
    return stack(states) if len(states) > 1 else expand_dims(states[0], axis=0)
