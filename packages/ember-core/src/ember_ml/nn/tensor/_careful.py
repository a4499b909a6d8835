"""The careful path of dispatch: conversions, checks and the explanation of failures.

A call arrives here when the written-out function of `_operation` found something that does
not fit as it is (a scalar, a list, two dtypes, two backends), or when the engine raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ember_ml.backend._bound import Bound
from ember_ml.backend.dtypes import (
    DType,
    DTypeLike,
    by_name,
    complex64,
    float32,
    int64,
    promote,
    scalar_dtype,
)
from ember_ml.backend.errors import (
    ArgumentError,
    BackendMismatchError,
    DeviceError,
    DTypeError,
    EmberError,
)
from ember_ml.backend.operations import Operation
from ember_ml.backend.protocol import Backend, Declined, Native
from ember_ml.backend.registry import bounds, current_backend, siblings

from . import _shapes
from ._convert import SCALARS, as_scalar, lift, native_of
from ._core import EmberTensor
from ._explain import explain, renamed
from ._quiet import call
from ._results import RESULTS

__all__ = [
    "SCALARS",
    "as_dtype",
    "careful",
    "check_device",
    "common_backend",
    "native_dtype",
    "unwrap",
    "wrap_many",
    "wrap_native",
]


# -- dtypes and devices -------------------------------------------------------------------


def as_dtype(dtype: DTypeLike, backend: Backend) -> DType:
    """Ember's dtype for one of its own, a name, a Python type or a native dtype."""
    if isinstance(dtype, DType):
        return dtype
    if isinstance(dtype, str):
        return by_name(dtype)
    for kind in (bool, int, float, complex):  # by identity: numpy.dtype("int64") == int
        if dtype is kind:
            return scalar_dtype(kind(0))
    for ours, native in backend.dtypes.items():
        if native is dtype or native == dtype:
            return ours
    # A dtype of another engine: numpy.float32, torch.float32 and mlx.core.float32 end alike.
    name = getattr(dtype, "__name__", None) or str(dtype)
    return by_name(name.rpartition(".")[2].removesuffix("_"))


def native_dtype(dtype: DTypeLike, bound: Bound) -> Any:
    """The engine's dtype for ``dtype``.

    Raises:
        DTypeError: it is not a dtype, or a real one for a complex tensor.
        UnsupportedError: the engine has no such dtype.
    """
    if not isinstance(dtype, DType):
        dtype = as_dtype(dtype, bound.backend)
    if bound.dtype.kind == "complex" and dtype.kind not in ("complex", "bool"):
        raise DTypeError(
            f"a {bound.dtype} tensor cannot become {dtype}: take et.real(x), et.imag(x) or "
            "et.abs(x) of it"
        )
    return bound_for(bound.backend, dtype).native_dtype


def bound_for(backend: Backend, dtype: DType) -> Bound:
    """``backend`` bound to ``dtype``."""
    native_of(dtype, backend)
    return bounds(backend)[dtype]


def check_device(device: str | None, backend: Backend) -> str | None:
    """``device``, if the backend has it.

    Raises:
        DeviceError: it has not; the message lists those that it has.
    """
    if device is not None and device not in backend.devices():
        raise DeviceError(
            f"backend {backend.name!r} has no device {device!r}; it has "
            f"{', '.join(map(repr, backend.devices()))}"
        )
    return device


# -- wrapping -----------------------------------------------------------------------------


def wrap_native(native: Native, backend: Backend) -> EmberTensor:
    """A tensor that holds ``native``, an array of ``backend``."""
    if native.__class__ is not backend.array_type:
        native = backend.asnative(native)
    bound = siblings(backend).get(native.dtype)
    if bound is None:
        raise DTypeError(f"an array of {native.dtype} has no Ember dtype")
    tensor = EmberTensor()
    tensor._tensor = native
    tensor._backend = bound
    return tensor


def wrap_many(op: Operation, bound: Bound, natives: Any) -> Any:
    """What an operation with several results returns: a tuple, a list or a named tuple."""
    tensors = [wrap_native(native, bound.backend) for native in natives]
    if op.returns in RESULTS:
        return RESULTS[op.returns](*tensors)
    return tensors if op.returns.startswith("list") else tuple(tensors)


def unwrap(result: Any) -> Any:
    """The native arrays of a tensor, or of a tuple or list of them."""
    if isinstance(result, EmberTensor):
        return result._tensor
    return [tensor._tensor for tensor in result]


# -- the call -----------------------------------------------------------------------------


def careful(
    op: Operation,
    positional: tuple[Any, ...],
    keyword: dict[str, Any],
    error: Exception | None,
) -> Any:
    """Call ``op`` with every conversion and check that its arguments need."""
    if isinstance(error, MemoryError | RecursionError):
        raise error
    arguments = dict(zip(op.roles, positional, strict=False))
    arguments.update(keyword)
    if isinstance(error, EmberError):
        raise renamed(op, arguments, error)
    operands = [arguments[name] for name in op.of_role("tensor", "optional")]
    for name in op.of_role("tensors"):
        arguments[name] = list(_sequence(op, name, arguments[name]))
        operands += arguments[name]
    backend = common_backend(operands, op.name)
    device = next((x.device for x in operands if isinstance(x, EmberTensor)), None)

    for name in op.of_role("tensor", "optional"):
        if arguments[name] is not None or op.roles[name] == "tensor":
            arguments[name] = _lift_operand(op, name, arguments, backend, device)
    for name in op.of_role("tensors"):
        arguments[name] = [
            _lift_operand(op, name, {name: x}, backend, device) for x in arguments[name]
        ]
    _check_kinds(op, arguments)
    operands = _operands(op, arguments)
    if operands:
        bound = bound_for(backend, _promote(op, operands))
        _convert(op, arguments, operands, bound, device)
    else:
        bound = _leading_bound(op, arguments, backend)
    for name in op.of_role("dtype"):
        if arguments[name] is not None:
            arguments[name] = native_dtype(arguments[name], bound)
    # A new tensor has no -1 to fill in.
    read = _shapes.as_shape if op.of_role("tensor") else _shapes.checked_shape
    for name in op.of_role("shape"):
        arguments[name] = read(arguments[name])
    for name in op.of_role("device"):
        check_device(arguments[name], backend)
    if not op.of_role("tensor", "tensors"):
        bound = _creation_bound(op, arguments, backend)

    native = {k: _unwrap_argument(v) for k, v in arguments.items()}
    function: Callable[..., Any] = getattr(bound, op.key)
    try:
        try:
            result = call(
                function,
                [native[n] for n in op.roles if n not in keyword],
                {n: native[n] for n in keyword},
            )
        except Declined:
            if op.body is None:
                raise
            return op.body(
                *[arguments[n] for n in op.roles if n not in keyword],
                **{n: arguments[n] for n in keyword},
            )
        if op.returns != "EmberTensor":
            return wrap_many(op, bound, result)
        return wrap_native(result, bound.backend)
    except EmberError as failure:
        raise renamed(op, arguments, failure)  # noqa: B904 - it has the failure's own cause
    except (MemoryError, RecursionError):
        raise
    except Exception as failure:
        explain(op, arguments, bound.backend, failure)


def _sequence(op: Operation, name: str, value: Any) -> Iterable[Any]:
    if isinstance(value, EmberTensor) or not isinstance(value, Iterable):
        raise ArgumentError(
            f"{op.name}: {name} must be a list or tuple of tensors, not "
            f"{'one tensor' if isinstance(value, EmberTensor) else repr(value)}"
        )
    return value


def common_backend(operands: Iterable[Any], what: str) -> Backend:
    """The one backend of the tensors among ``operands``; the current one if there is none.

    Raises:
        BackendMismatchError: there are two.
    """
    found: Backend | None = None
    for operand in operands:
        if not isinstance(operand, EmberTensor):
            continue
        backend = operand._backend.backend
        if found is None or _traces(backend, found):
            found = backend
        elif not _traces(found, backend):
            raise BackendMismatchError(
                f"{what}: tensors of backends {found.name!r} and {backend.name!r} in one "
                f"operation; convert one of them, x.to_backend({found.name!r})"
            )
    return found if found is not None else current_backend()


def _traces(backend: Backend | None, other: Backend) -> bool:
    """Whether ``backend`` is ``other``, or a tracer over it."""
    while backend is not None and backend is not other:
        backend = backend.base
    return backend is other


def _lift_operand(
    op: Operation, name: str, arguments: dict[str, Any], backend: Backend, device: str | None
) -> Any:
    """An argument as a tensor of ``backend``; a scalar that is to be promoted stays one."""
    value = arguments[name]
    if isinstance(value, EmberTensor):
        if value._backend.backend is backend:
            return value
        return wrap_native(value._tensor, backend)  # into the tracer of its own engine
    if value.__class__ in SCALARS and name in op.promoted:
        return value
    dtype = None
    if op.kinds.get(name) == "integer" and isinstance(value, list | tuple) and not value:
        dtype = int64  # an empty list would be float32
    elif value.__class__ in SCALARS and op.roles[name] == "optional" and op.promoted:
        leader = arguments.get(op.promoted[0])
        if isinstance(leader, EmberTensor):
            dtype = scalar_dtype(value, leader.dtype)
    try:
        native = lift(value, backend, dtype=dtype, device=device)
    except EmberError as error:
        error.args = (f"{op.name}: {name}: {error}",)
        raise
    return wrap_native(native, backend)


def _check_kinds(op: Operation, arguments: dict[str, Any]) -> None:
    """Refuse a condition that is not bool, and indices that are not integers."""
    for name, kind in op.kinds.items():
        value = arguments[name]
        if value is None:
            continue
        if kind == "bool" and value.dtype.kind != "bool":
            raise DTypeError(f"{op.name}: {name} must be bool, not {value.dtype}: {name} != 0")
        if kind == "integer" and value.dtype.kind not in ("signed", "unsigned"):
            raise DTypeError(
                f"{op.name}: {name} must be integers, not {value.dtype}: {name}.astype(et.int64)"
            )


def _operands(op: Operation, arguments: dict[str, Any]) -> list[Any]:
    found: list[Any] = []
    for name in op.promoted:
        value = arguments[name]
        found += value if isinstance(value, list) else [value]
    return [value for value in found if value is not None]


def _promote(op: Operation, operands: list[Any]) -> DType:
    """The dtype that the promoted operands are brought to."""
    dtypes = [x.dtype for x in operands if isinstance(x, EmberTensor)]
    scalars = [x for x in operands if not isinstance(x, EmberTensor)]
    if dtypes:
        dtype = promote(*dtypes)
        for scalar in scalars:
            dtype = scalar_dtype(scalar, dtype)
    else:
        dtype = promote(*map(scalar_dtype, scalars))
    if op.accepts_dtype(dtype):
        return dtype
    if op.accepts in ("floating", "inexact") and dtype.kind in ("bool", "signed", "unsigned"):
        return float32
    if op.accepts == "complex":
        return promote(dtype, complex64)
    raise DTypeError(f"{op.name} is not defined for {dtype}; {_accepted(op, dtype)}")


def _accepted(op: Operation, dtype: DType) -> str:
    kinds = {
        "numeric": "it takes numbers: x.astype(et.int64), or logical_or/logical_and",
        "real": "it takes real numbers: et.real(x) or et.abs(x)",
        "integer": "it takes integers: x.astype(et.int64)",
        "bits": "it takes integers and bool: x.astype(et.int64)",
        "bool": "it takes bool: x != 0",
        "floating": "it takes real floating-point numbers: et.real(x) or et.abs(x)",
    }
    return kinds.get(op.accepts, f"it takes {op.accepts} dtypes")


def _convert(
    op: Operation,
    arguments: dict[str, Any],
    operands: list[Any],
    bound: Bound,
    device: str | None,
) -> None:
    """Bring the promoted operands to the dtype of ``bound``."""
    # One of them must be an array: where there is no tensor, the first.
    any_tensor = any(isinstance(x, EmberTensor) for x in operands)
    for index, name in enumerate(op.promoted):
        value = arguments[name]
        if isinstance(value, list):
            arguments[name] = [_to(x, bound, device, direct=False) for x in value]
        elif value is not None:
            direct = op.key in (bound.scalar_right if index else bound.scalar_left)
            direct = direct and (any_tensor or index > 0)
            arguments[name] = _to(value, bound, device, direct=direct)


def _to(value: Any, bound: Bound, device: str | None, *, direct: bool) -> Any:
    if isinstance(value, EmberTensor):
        return value if value._backend is bound else value.astype(bound.dtype)
    value = as_scalar(value, bound.dtype)
    if direct:
        return value
    native = bound.backend.from_python(value, dtype=bound.native_dtype, device=device)
    return wrap_native(native, bound.backend)


def _leading_bound(op: Operation, arguments: dict[str, Any], backend: Backend) -> Bound:
    for name in op.of_role("tensor", "tensors"):
        value = arguments[name]
        value = value[0] if isinstance(value, list) and value else value
        if isinstance(value, EmberTensor):
            if not op.accepts_dtype(value.dtype):
                raise DTypeError(
                    f"{op.name} is not defined for {value.dtype}; {_accepted(op, value.dtype)}"
                )
            return value._backend
    return bound_for(backend, float32)


def _creation_bound(op: Operation, arguments: dict[str, Any], backend: Backend) -> Bound:
    """The bound backend that makes a new tensor, its dtype filled in."""
    bound = bound_for(backend, float32)
    if "dtype" in arguments and arguments["dtype"] is None and op.default_dtype is not None:
        default = op.default_dtype
        dtype = default if isinstance(default, DType) else default(arguments)
        bound = bound_for(backend, dtype)
        arguments["dtype"] = bound.native_dtype
    return bound


def _unwrap_argument(value: Any) -> Any:
    if isinstance(value, EmberTensor):
        return value._tensor
    if isinstance(value, list) and value and isinstance(value[0], EmberTensor):
        return [tensor._tensor for tensor in value]
    return value
