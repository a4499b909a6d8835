"""Transforms of functions: gradients, vectorisation, compilation.

They take functions of tensors, nested containers of tensors, and Modules. Within the function
the current backend is that of the arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ember_ml.backend.errors import ArgumentError, DTypeError, ShapeError
from ember_ml.backend.protocol import Backend, Native
from ember_ml.backend.registry import use_backend
from ember_ml.nn.modules import Module
from ember_ml.nn.tensor import EmberTensor
from ember_ml.nn.tensor._careful import wrap_native

from . import _trees
from ._compile import compile

__all__ = ["compile", "grad", "value_and_grad", "vmap"]


def _argument_numbers(argnums: int | Sequence[int], count: int, what: str) -> list[int]:
    numbers = [argnums] if isinstance(argnums, int) else list(argnums)
    for n in numbers:
        if not -count <= n < count:
            raise ArgumentError(f"{what}: argument {n} of a call with {count} positional arguments")
    return [n % count for n in numbers]


class _Target:
    """One argument to differentiate: its traced tensors, and the gradients' structure."""

    def __init__(self, argument: Any, number: int) -> None:
        self.leaves = _trees.Leaves(argument)
        self.tensors: list[EmberTensor] = []
        self.names: list[list[str] | None] = []
        for leaf in self.leaves.values:
            if isinstance(leaf, Module):
                found = _trees.module_tensors(leaf)
                self.tensors += [tensor for _, tensor in found]
                self.names.append([name for name, _ in found])
            elif isinstance(leaf, EmberTensor) and leaf.dtype.kind in ("float", "complex"):
                self.tensors.append(leaf)
                self.names.append(None)
            else:
                self.names.append([])
        if not self.tensors and not any(isinstance(x, Module) for x in self.leaves.values):
            kinds = ", ".join(sorted({_describe(x) for x in self.leaves.values})) or "nothing"
            raise DTypeError(
                f"argument {number} has no floating-point tensor to differentiate, but {kinds}; "
                "convert it, et.asarray(x, dtype=et.float32)"
            )

    def modules(self) -> list[Module]:
        return [leaf for leaf in self.leaves.values if isinstance(leaf, Module)]

    def substituted(self, fresh: list[EmberTensor]) -> Any:
        """The argument with ``fresh`` tensors; Modules stay, their tensors are replaced apart."""
        source = iter(fresh)
        values = []
        for leaf, names in zip(self.leaves.values, self.names, strict=True):
            if names is None:
                leaf = next(source)
            else:
                for _ in names:
                    next(source)
            values.append(leaf)
        return self.leaves.rebuild(values)

    def gradients(self, fresh: list[EmberTensor]) -> Any:
        """``fresh`` in the argument's structure; a dict for a Module, None for the rest."""
        source = iter(fresh)
        values: list[Any] = []
        for leaf, names in zip(self.leaves.values, self.names, strict=True):
            if names is None:
                values.append(next(source))
            elif isinstance(leaf, Module):
                values.append({name: next(source) for name in names})
            else:
                values.append(None)
        return self.leaves.rebuild(values)


def _describe(leaf: Any) -> str:
    return f"a {leaf.dtype} tensor" if isinstance(leaf, EmberTensor) else f"a {type(leaf).__name__}"


def value_and_grad(
    function: Callable[..., Any],
    /,
    *,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    """A function that gives the value of ``function`` and its gradient.

    Args:
        function: gives a floating-point tensor with no dimensions, or, with ``has_aux``, a pair
            of that and anything else.
        argnums: the positional arguments to differentiate by: tensors, nested containers of
            tensors, or Modules.
        has_aux: see ``function``.

    Returns:
        A function of the same arguments that gives ``(value, gradients)`` or
        ``((value, aux), gradients)``. The gradient by a container has its structure (None for
        what is no floating-point tensor); by a Module it is a dict with the names of its
        trainable parameters; for several ``argnums`` it is a tuple.

    Raises:
        ShapeError: the value has dimensions.
        DTypeError: the value, or an argument to differentiate by, is not floating.
        UnsupportedError: the engine has no gradients.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> value, gradient = nn.value_and_grad(lambda x: (x * x).sum())(et.asarray([1.0, 2.0]))
    >>> value.item(), gradient.tolist()
    (5.0, [2.0, 4.0])
    """

    def run(*args: Any, **kwargs: Any) -> Any:
        numbers = _argument_numbers(argnums, len(args), "value_and_grad")
        targets = [_Target(args[n], n) for n in numbers]
        tensors = [tensor for target in targets for tensor in target.tensors]
        modules = [module for target in targets for module in target.modules()]
        backend = _trees.backend_of([*tensors, *args], "value_and_grad")
        written: list[int] = []
        outside: list[Any] = []  # the structure of aux, and its leaves that are no tensors

        def traced(natives: list[Native], tracer: Backend) -> tuple[Native, list[Native]]:
            fresh = [wrap_native(native, tracer) for native in natives]
            given = list(args)
            position = 0
            for n, target in zip(numbers, targets, strict=True):
                own = fresh[position : position + len(target.tensors)]
                position += len(target.tensors)
                given[n] = target.substituted(own)
            by_id = {id(old): new for old, new in zip(tensors, fresh, strict=True)}
            buffers = _trees.Buffers(modules)
            try:
                with _trees.replaced(modules, by_id), use_backend(backend.name):
                    result = function(*given, **kwargs)
                value, aux = _checked(result, has_aux)
                leaves = _trees.Leaves(aux)
                carried = [x._tensor for x in leaves.values if isinstance(x, EmberTensor)]
                written[:], values = buffers.written()
            finally:
                buffers.restore()
            outside[:] = [leaves, buffers, len(carried)]
            return value._tensor, carried + values

        natives = [tensor._tensor for tensor in tensors]
        value, gradients, extra = backend.value_and_grad(traced)(natives)
        leaves, buffers, carried = outside
        buffers.write(written, extra[carried:], backend)
        value = wrap_native(value, backend)
        if has_aux:
            source = iter([wrap_native(native, backend) for native in extra[:carried]])
            values = [next(source) if isinstance(x, EmberTensor) else x for x in leaves.values]
            value = (value, leaves.rebuild(values))
        wrapped = iter([wrap_native(native, backend) for native in gradients])
        parts = [t.gradients([next(wrapped) for _ in t.tensors]) for t in targets]
        return value, parts[0] if isinstance(argnums, int) else tuple(parts)

    return run


def _checked(result: Any, has_aux: bool) -> tuple[EmberTensor, Any]:
    """The value to differentiate and the rest of what the function returned."""
    value, aux = result, ()
    if has_aux:
        if not isinstance(result, tuple) or len(result) != 2:
            raise ArgumentError(
                f"with has_aux=True the function returns (value, aux), not {type(result).__name__}"
            )
        value, aux = result
    if not isinstance(value, EmberTensor):
        raise ArgumentError(
            f"the function to differentiate returns a tensor, not {type(value).__name__}"
            + ("; has_aux=True allows (value, aux)" if isinstance(value, tuple) else "")
        )
    if value.shape != ():
        raise ShapeError(
            f"the function to differentiate returns one number, not shape {value.shape}; reduce "
            "it, et.sum(x) or et.mean(x)"
        )
    if value.dtype.kind != "float":
        raise DTypeError(
            f"the function to differentiate returns a real floating-point number, not {value.dtype}"
        )
    return value, aux


def grad(
    function: Callable[..., Any],
    /,
    *,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    """A function that gives the gradient of ``function``; see `value_and_grad`.

    With ``has_aux`` it gives ``(gradients, aux)``.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.grad(nn.grad(lambda x: x * x * x))(et.asarray(2.0)).item()
    12.0
    """
    both = value_and_grad(function, argnums=argnums, has_aux=has_aux)

    def run(*args: Any, **kwargs: Any) -> Any:
        value, gradients = both(*args, **kwargs)
        return (gradients, value[1]) if has_aux else gradients

    return run


def vmap(
    function: Callable[..., Any],
    /,
    *,
    in_axes: int | None | Sequence[int | None] = 0,
    out_axes: int = 0,
) -> Callable[..., Any]:
    """A function that maps ``function`` over an axis of its arguments.

    Args:
        function: of tensors and containers of them, to the same.
        in_axes: the axis to map over, for all arguments or for each; None for an argument that
            every call gets whole. For a container it holds for all the tensors in it.
        out_axes: where the mapped axis is in the results.

    Raises:
        ShapeError: the mapped axes differ in size.
        ArgumentError: nothing is mapped.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.vmap(lambda x, y: x @ y, in_axes=(0, None))(et.ones((3, 2)), et.ones(2)).tolist()
    [2.0, 2.0, 2.0]
    """

    def run(*args: Any) -> Any:
        each = [in_axes] * len(args) if not isinstance(in_axes, Sequence) else list(in_axes)
        if len(each) != len(args):
            raise ArgumentError(f"vmap: {len(each)} in_axes for {len(args)} arguments")
        parts = [_trees.Leaves(argument) for argument in args]
        tensors: list[EmberTensor] = []
        axes: list[int | None] = []
        for part, axis in zip(parts, each, strict=True):
            for leaf in part.values:
                if isinstance(leaf, EmberTensor):
                    tensors.append(leaf)
                    axes.append(axis)
        _check_mapped(tensors, axes)
        backend = _trees.backend_of(tensors, "vmap")
        shape: list[_trees.Leaves] = []

        def mapped(*natives: Native) -> list[Native]:
            source = iter([wrap_native(native, backend) for native in natives])
            given = [
                part.rebuild(
                    [next(source) if isinstance(x, EmberTensor) else x for x in part.values]
                )
                for part in parts
            ]
            with use_backend(backend.name):
                leaves = _trees.Leaves(function(*given))
            for leaf in leaves.values:
                if not isinstance(leaf, EmberTensor):
                    raise ArgumentError(
                        f"vmap: the function returns tensors, not {type(leaf).__name__}"
                    )
            shape[:] = [leaves]
            return [leaf._tensor for leaf in leaves.values]

        results = backend.vmap(mapped, in_axes=axes, out_axes=out_axes)(
            *[tensor._tensor for tensor in tensors]
        )
        return shape[0].rebuild([wrap_native(native, backend) for native in results])

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
    if len(sizes) > 1:
        listed = " and ".join(f"axis {axis} of {shape}" for shape, axis in sizes.values())
        raise ShapeError(f"vmap: the mapped axes differ in size: {listed}")
