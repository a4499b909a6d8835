"""``Module.summary``: layers, output shapes and parameters as a table."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ember_ml.backend.dtypes import DTypeLike, float32
from ember_ml.backend.registry import current_backend, use_backend
from ember_ml.nn.modules import Module, _state
from ember_ml.nn.tensor import EmberTensor, asarray, random, zeros

from ._trees import trainable

__all__ = ["Row", "Summary", "summarize"]

_UNKNOWN = "-"


@dataclass(frozen=True)
class Row:
    """One layer in one place of a model.

    Attributes:
        path: its dotted name, empty for the model itself.
        layer: the name of its class.
        output: the shape of what it returned, where it was called.
        parameters: how many numbers its parameters have, those of layers within included.
        trainable: how many of these are trained.
        same_as: the path of the same layer in an earlier place, which lists what is in it.
    """

    path: str
    layer: str
    output: str
    parameters: int
    trainable: int
    same_as: str | None


@dataclass(frozen=True)
class Summary:
    """What `Module.summary` returns; its text is the table.

    Attributes:
        rows: a layer each, in the order of the tree.
        parameters: how many numbers there are in parameters, shared ones counted once.
        trainable: how many of these are trained.
        parameter_bytes: their memory.
        buffer_bytes: the memory of the buffers.
        called: whether there were inputs, and so output shapes.
    """

    rows: tuple[Row, ...]
    parameters: int
    trainable: int
    parameter_bytes: int
    buffer_bytes: int
    called: bool

    def __str__(self) -> str:
        head = ("Layer", "Output shape", "Parameters", "Trainable")
        lines: list[tuple[str, ...]] = [head]
        for tree, row in zip(_branches([row.path for row in self.rows]), self.rows, strict=True):
            counts = (f"{row.parameters:,}", f"{row.trainable:,}")
            if row.same_as is not None:
                counts = (f"as {row.same_as}", "")
            lines.append((tree + row.layer, row.output, *counts))
        if not self.called:
            lines = [(line[0], "", *line[2:]) for line in lines]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        texts = [
            "  ".join(
                text.ljust(width) if i < 2 else text.rjust(width)
                for i, (text, width) in enumerate(zip(line, widths, strict=True))
                if width
            ).rstrip()
            for line in lines
        ]
        rule = "-" * max(map(len, texts))
        totals = [
            f"Parameters: {self.parameters:,} ({self.parameter_bytes:,} bytes), of which "
            f"{self.trainable:,} are trainable",
            f"Buffers: {self.buffer_bytes:,} bytes",
        ]
        if not self.called:
            totals.append(
                "For output shapes give inputs or their shapes: summary(x), summary((8, 4))"
            )
        return "\n".join([texts[0], rule, *texts[1:], rule, *totals])

    __repr__ = __str__


def _branches(paths: Sequence[str]) -> list[str]:
    """The lines of the tree before each layer, with its own name."""
    found = []
    for i, path in enumerate(paths):
        if not path:
            found.append("")
            continue
        *parents, name = path.split(".")
        text = ""
        for depth in range(len(parents) + 1):
            above = parents[:depth]
            own = path.split(".")[: depth + 1]
            goes_on = any(
                later[:depth] == above and len(later) > depth and later[: depth + 1] != own
                for later in (other.split(".") for other in paths[i + 1 :])
            )
            last = depth == len(parents)
            text += ("├ " if goes_on else "└ ") if last else ("│ " if goes_on else "  ")
        found.append(f"{text}{name}: ")
    return found


def summarize(model: Module, inputs: Sequence[Any], dtype: DTypeLike | None) -> Summary:
    """See `Module.summary`."""
    parameters = _state.distinct(model, "_parameters")
    trained = {id(x) for x in trainable(_state.slots(model, "_parameters")).values()}
    outputs = _outputs(model, inputs, dtype) if inputs else {}
    first: dict[int, str] = {}
    rows = []
    repeated: list[str] = []
    for name, module in _state.walk(model, repeat=True):
        path = name.removesuffix(".")
        if any(name.startswith(prefix) for prefix in repeated):
            continue
        if id(module) in first:
            repeated.append(name)
        own = _state.distinct(module, "_parameters").values()
        rows.append(
            Row(
                path=path,
                layer=type(module).__name__,
                output="; ".join(outputs.get(id(module), [_UNKNOWN])),
                parameters=sum(x.size for x in own),
                trainable=sum(x.size for x in own if id(x) in trained),
                same_as=first.get(id(module)),
            )
        )
        first.setdefault(id(module), path)
    return Summary(
        rows=tuple(rows),
        parameters=rows[0].parameters,
        trainable=rows[0].trainable,
        parameter_bytes=sum(x.nbytes for x in parameters.values()),
        buffer_bytes=sum(x.nbytes for x in _state.distinct(model, "_buffers").values()),
        called=bool(inputs),
    )


def _outputs(model: Module, inputs: Sequence[Any], dtype: DTypeLike | None) -> dict[int, list[str]]:
    """What each module returns when the model is called, as texts of shapes, by identity."""
    found: dict[int, list[str]] = {}

    def recorded(module: Module, forward: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(forward)
        def run(*args: Any, **kwargs: Any) -> Any:
            result = forward(*args, **kwargs)
            texts = found.setdefault(id(module), [])
            if (text := _shape(result)) not in texts:
                texts.append(text)
            return result

        return run

    tensors = list(_state.distinct(model, "_parameters", "_buffers").values())
    floating = [x.dtype for x in tensors if x.dtype.kind == "float"]
    backend = tensors[0].backend if tensors else current_backend().name
    device = tensors[0].device if tensors else None
    with use_backend(backend), _untouched(model), random.aside():
        model.eval()
        given = [
            zeros(tuple(x), dtype=dtype or next(iter(floating), float32), device=device)
            if isinstance(x, tuple | list) and all(isinstance(n, int) for n in x)
            else x
            for x in inputs
        ]
        for module in model.modules():
            # An attribute of the instance, that is called in place of the method.
            module.__dict__["forward"] = recorded(module, module.forward)
        model(*given)
    return found


@contextlib.contextmanager
def _untouched(model: Module) -> Iterator[None]:
    """After the block the modules are as before, whatever is assigned to them within it.

    Within it buffers and generators are others, which may be changed in place.
    """
    saved = [(module, dict(module.__dict__)) for module in model.modules()]
    copies: dict[int, EmberTensor] = {}
    for module, attributes in saved:
        for name, value in attributes.items():
            if name in module._buffers and value is not None:
                value = copies.setdefault(id(value), asarray(value, copy=True))
            elif name in _state.TABLES:
                value = dict(value)
            elif isinstance(value, random.Generator):
                value = value.fold_in(0)
            module.__dict__[name] = value
    try:
        yield
    finally:
        for module, attributes in saved:
            module.__dict__.clear()
            module.__dict__.update(attributes)
        _state.restructured()


def _shape(value: Any) -> str:
    if isinstance(value, EmberTensor):
        return str(value.shape)
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_shape, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_shape(x)}" for name, x in value.items()) + "}"
    return "None" if value is None else type(value).__name__
