"""``vmap``: a function mapped over an axis of its arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ember_ml.backend.errors import ArgumentError, ShapeError, UnsupportedError
from ember_ml.backend.protocol import Native
from ember_ml.backend.registry import use_backend
from ember_ml.nn.tensor import EmberTensor
from ember_ml.nn.tensor._careful import wrap_native

from . import _trees
from ._captured import Captured

__all__ = ["vmap"]


def vmap(
    function: Callable[..., Any],
    /,
    *,
    in_axes: int | Sequence[int | None] | None = 0,
    out_axes: int = 0,
) -> Callable[..., Any]:
    """A function that maps ``function`` over an axis of its arguments.

    Args:
        function: of tensors, containers of them and Modules, to tensors and containers of them.
        in_axes: the axis to map over, for all arguments or for each; None for an argument that
            every call gets whole. For a container it holds for all the tensors in it. Modules
            are never mapped.
        out_axes: where the mapped axis is in the results.

    Raises:
        ShapeError: the mapped axes differ in size, are empty, or there is no such axis.
        ArgumentError: nothing is mapped.
        UnsupportedError: the function writes a buffer.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.vmap(lambda x, y: x @ y, in_axes=(0, None))(et.ones((3, 2)), et.ones(2)).tolist()
    [2.0, 2.0, 2.0]
    """
    captured = Captured(function)

    @functools.wraps(function, updated=())
    def run(*args: Any) -> Any:
        each = list(in_axes) if isinstance(in_axes, Sequence) else [in_axes] * len(args)
        if len(each) != len(args):
            raise ArgumentError(f"vmap: {len(each)} in_axes for {len(args)} arguments")
        parts = [_trees.Leaves(argument) for argument in args]
        values = [leaf for part in parts for leaf in part.values]
        modules = [*_trees.modules_of(values), *captured()]
        tensors = [leaf for leaf in values if isinstance(leaf, EmberTensor)]
        axes = [
            axis
            for part, axis in zip(parts, each, strict=True)
            for leaf in part.values
            if isinstance(leaf, EmberTensor)
        ]
        _check_mapped(tensors, axes)
        backend = _trees.backend_of(_trees.tensors_of([*tensors, *modules]), "vmap")
        outlines = [part.outline() for part in parts]
        results: list[_trees.Leaves] = []

        def mapped(*natives: Native) -> list[Native]:
            source = iter([wrap_native(native, backend) for native in natives])
            given = [outline.filled(source) for outline in outlines]
            buffers = _trees.Buffers.of(modules)
            try:
                with use_backend(backend.name):
                    leaves = _trees.Leaves(function(*given))
                written, _ = buffers.written()
            finally:
                buffers.restore()
            _check_returned(leaves, out_axes)
            if written:
                names = ", ".join(repr(buffers.slots[i][0]) for i in written)
                raise UnsupportedError(
                    f"vmap: the function writes the buffer {names}, of which there is only one; "
                    "call model.eval() or return the value"
                )
            results[:] = [leaves.outline()]
            return leaves.natives()

        outputs = backend.vmap(mapped, in_axes=axes, out_axes=out_axes)(
            *[tensor._tensor for tensor in tensors]
        )
        return results[0].filled(wrap_native(native, backend) for native in outputs)

    return run


def _check_mapped(tensors: list[EmberTensor], axes: list[int | None]) -> None:
    sizes = {}
    for tensor, axis in zip(tensors, axes, strict=True):
        if axis is None:
            continue
        if not -tensor.ndim <= axis < tensor.ndim:
            raise ShapeError(f"vmap: axis {axis} is out of range for shape {tensor.shape}")
        sizes[tensor.shape[axis]] = (tensor.shape, axis)
    if not sizes:
        raise ArgumentError("vmap: no argument is mapped; give one an axis in in_axes")
    if 0 in sizes:
        raise ShapeError(f"vmap: the mapped axis {sizes[0][1]} of shape {sizes[0][0]} is empty")
    if len(sizes) > 1:
        listed = " and ".join(f"axis {axis} of {shape}" for shape, axis in sizes.values())
        raise ShapeError(f"vmap: the mapped axes differ in size: {listed}")


def _check_returned(leaves: _trees.Leaves, out_axes: int) -> None:
    for leaf in leaves.values:
        if leaf is None:
            continue
        if not isinstance(leaf, EmberTensor):
            raise ArgumentError(f"vmap: the function returns tensors, not {type(leaf).__name__}")
        if not -leaf.ndim - 1 <= out_axes <= leaf.ndim:
            raise ShapeError(
                f"vmap: out_axes={out_axes} is out of range for a result of shape {leaf.shape}"
            )
