"""``@operation``: one declaration gives the public function and its entry in the table.

The public function is written out for the exact signature, once, at its first call, as
`dataclasses` does: it is what a person would write by hand, and three to ten times faster than a decorator
that takes ``*args``. For ``matmul`` it reads::

    def matmul(x1, x2, /):
        try:
            b = x1._backend
            if x2.__class__ is EmberTensor and x2._backend is b:
                f = b.matmul
                v = f(x1._tensor, x2._tensor)
                if v.__class__ is not b.array_type: v = b.asnative(v)
                r = EmberTensor(); r._tensor = v; r._backend = b
                return r
        except Exception as error:
            return careful(OP, (x1, x2), {}, error)
        return careful(OP, (x1, x2), {}, None)

This is the path on which everything already fits. Scalars, lists, mixed dtypes, tensors of
two backends and every error of the engine go to `careful`, which repeats the call with the
conversions and checks.
"""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable
from types import FunctionType
from typing import Any, Literal, TypeVar, cast, overload

from ember_ml.backend._bound import WHOLE, Bound
from ember_ml.backend.dtypes import DType
from ember_ml.backend.operations import OPERATIONS, Accepts, Operation, Result, Role

from . import _careful
from ._core import EmberTensor
from ._quiet import NOWHERE

__all__ = ["compose", "operation"]

F = TypeVar("F", bound=Callable[..., Any])

_ROLES: dict[str, Role] = {
    "TensorLike": "tensor",
    "Scalar": "scalar",
    "TensorLike | None": "optional",
    "Sequence[TensorLike]": "tensors",
    "DTypeLike": "dtype",
    "DTypeLike | None": "dtype",
    "Shape": "shape",
    "Device | None": "device",
    "Device": "device",
}


@overload
def operation(declaration: F, /) -> F: ...
@overload
def operation(
    *,
    accepts: Accepts = ...,
    result: Result = ...,
    promoted: tuple[str, ...] | None = ...,
    kinds: dict[str, Literal["bool", "integer"]] | None = ...,
    default_dtype: DType | Callable[..., DType] | None = ...,
    check: Callable[[dict[str, Any], dict[str, Any]], str | None] | None = ...,
    prefix: str = ...,
) -> Callable[[F], F]: ...


def operation(
    declaration: F | None = None,
    /,
    *,
    accepts: Accepts = "any",
    result: Result = "read",
    promoted: tuple[str, ...] | None = None,
    kinds: dict[str, Literal["bool", "integer"]] | None = None,
    default_dtype: DType | Callable[..., DType] | None = None,
    check: Callable[[dict[str, Any], dict[str, Any]], str | None] | None = None,
    prefix: str = "",
) -> F | Callable[[F], F]:
    """Declare an operation. A body of docstring and ``...`` alone makes it a primitive.

    Args:
        accepts: the dtypes it is defined for.
        result: the dtype of the result: "same" as the promoted operands', "bool", "read" off
            what the engine returns, or "sum" (`Result`).
        promoted: the tensor parameters brought to one dtype; by default those whose names
            are ``x`` or start with ``x`` and a digit, as the standard names them.
        kinds: the dtypes of the other tensor parameters: a condition is bool, indices are integers.
        default_dtype: for creation, the dtype that ``dtype=None`` stands for, or a function
            of the arguments that gives it.
        check: what is wrong with these shapes, asked after the engine has refused them.
        prefix: ``"linalg"`` for `tensor.linalg`, and so on.
    """

    def declare(function: F) -> F:
        signature = inspect.signature(function)
        roles: dict[str, Role] = {
            name: _ROLES.get(str(parameter.annotation), "plain")
            for name, parameter in signature.parameters.items()
        }
        operands = promoted
        if operands is None:
            operands = tuple(
                name
                for name, role in roles.items()
                if role in ("tensor", "tensors") and name.rstrip("0123456789") in ("x", "arrays")
            )
        name = function.__name__.rstrip("_") if prefix else function.__name__
        record = Operation(
            name=f"{prefix}.{name}" if prefix else name,
            key=f"{prefix}_{name}" if prefix else name,
            module=function.__module__,
            signature=signature,
            roles=roles,
            promoted=operands,
            kinds=kinds or {},
            accepts=accepts,
            result=result,
            returns=str(signature.return_annotation),
            default_dtype=default_dtype,
            check=check,
            body=None if _is_stub(function) else function,
            doc=function.__doc__ or "",
        )
        OPERATIONS[record.key] = record
        public = _compile(record, function)
        return cast(F, public)

    return declare if declaration is None else declare(declaration)


def _is_stub(function: Callable[..., Any]) -> bool:
    """Whether the body is a docstring and ``...``: it compiles to a bare ``return None``."""
    return _compiled(function) == _compiled(_stub)


def _compiled(function: Callable[..., Any]) -> tuple[bytes, list[object]]:
    code = function.__code__
    return code.co_code, [c for c in code.co_consts if c != function.__doc__]


def _stub() -> None:
    """The smallest body."""
    ...


# -- writing the function -----------------------------------------------------------------


def _parameters(signature: inspect.Signature) -> str:
    """The parameter list of a ``def``, its defaults referring to names ``_d_...``."""
    parts = []
    kind = None
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and kind is not parameter.KEYWORD_ONLY:
            if kind is parameter.POSITIONAL_ONLY:
                parts.append("/")
            parts.append("*")
        elif kind is parameter.POSITIONAL_ONLY and parameter.kind is not kind:
            parts.append("/")
        kind = parameter.kind
        default = "" if parameter.default is parameter.empty else f"=_d_{name}"
        parts.append(name + default)
    if kind is inspect.Parameter.POSITIONAL_ONLY:
        parts.append("/")
    return ", ".join(parts)


def _call(signature: inspect.Signature, natives: dict[str, str]) -> str:
    """The argument list that hands the parameters on, those in ``natives`` replaced."""
    return ", ".join(
        (f"{name}=" if p.kind is p.KEYWORD_ONLY else "") + natives.get(name, name)
        for name, p in signature.parameters.items()
    )


def _split(signature: inspect.Signature) -> tuple[str, str]:
    """The arguments as a tuple of positional ones and a dict of keyword ones, as source."""
    positional, keyword = "", ""
    for name, p in signature.parameters.items():
        if p.kind is p.KEYWORD_ONLY:
            keyword += f"{name!r}: {name}, "
        else:
            positional += f"{name}, "
    return f"({positional})", f"{{{keyword}}}"


def _source(op: Operation) -> str:
    positional, keyword = _split(op.signature)
    lines = [f"def {op.name.rpartition('.')[2]}({_parameters(op.signature)}):"]
    fast = _fast_path(op)
    if fast:
        lines += [
            "    try:",
            *("        " + line for line in fast),
            "    except Exception as error:",
            f"        return careful(OP, {positional}, {keyword}, error)",
        ]
    lines.append(f"    return careful(OP, {positional}, {keyword}, None)")
    return "\n".join(lines) + "\n"


def _fast_path(op: Operation) -> list[str]:
    """The lines for arguments that fit as they are, or none where there is no such case."""
    tensors = op.of_role("tensor")
    if op.of_role("tensors"):
        return _fast_sequence(op)
    if not tensors:
        return []
    leader = op.promoted[0] if op.promoted else tensors[0]
    natives = {name: f"{name}._tensor" for name in tensors}
    natives |= {n: f"({n}._tensor if {n}.__class__ is EmberTensor else {n})"
                for n in op.of_role("scalar")}  # fmt: skip
    conditions = []
    for name in tensors:
        if name == leader:
            continue
        if name in op.promoted:
            conditions.append(f"{name}.__class__ is EmberTensor and {name}._backend is b")
        else:
            # A mask, indices, ...: of another dtype, so ask for the same engine.
            same = {
                "bool": f"{name}._backend is b.bool_",
                "integer": f"{name}._backend in b.integers",
            }.get(op.kinds.get(name, ""), f"{name}._backend.backend is b.backend")
            conditions.append(f"{name}.__class__ is EmberTensor and {same}")
    for name in op.of_role("optional"):
        if name in op.promoted:
            natives[name] = f"(None if {name} is None else {name}._tensor)"
            fits = f"{name}.__class__ is EmberTensor and {name}._backend is b"
            conditions.append(f"({name} is None or {fits})")
        else:
            conditions.append(f"{name} is None")
    conditions += [f"{name} is None" for name in op.of_role("device")]
    conditions += [f"{name}.__class__ is tuple" for name in op.of_role("shape")]
    body = [f"b = {leader}._backend"]
    inner = [*_dtype_lines(op), f"f = b.{op.key}", f"v = f({_call(op.signature, natives)})"]
    if op.key in WHOLE:
        inner = [
            "if axis is None and dtype is None and keepdims is False:",
            f"    f = b.whole_{op.key}",
            "    v = f(x._tensor)",
            "else:",
            *("    " + line for line in inner),
        ]
    inner += _wrap_lines(op)
    if conditions:
        body += [f"if {' and '.join(conditions)}:", *("    " + line for line in inner)]
    else:
        body += inner
    if op.promoted == ("x1", "x2") and set(op.roles.values()) == {"tensor"}:
        # A Python scalar that cannot change the dtype goes to the engine as it is.
        del natives["x2"]
        others = [c for c in conditions if not c.startswith("x2.")]
        scalar = [
            "x2.__class__ in b.scalars",
            f"{op.key!r} in b.scalar_right",
            "(b.inexact or b.low <= x2 <= b.high)",
            *others,
        ]
        lines = [f"f = b.{op.key}", f"v = f({_call(op.signature, natives)})", *_wrap_lines(op)]
        body += [f"if {' and '.join(scalar)}:", *("    " + line for line in lines)]
    return body


def _fast_sequence(op: Operation) -> list[str]:
    (name,) = op.of_role("tensors")
    if op.of_role("tensor", "optional", "dtype") or name not in op.promoted:
        return []
    inner = [
        f"f = b.{op.key}",
        f"v = f({_call(op.signature, {name: 'natives'})})",
        *_wrap_lines(op),
    ]
    return [
        f"b = {name}[0]._backend",
        f"natives = [x._tensor for x in {name} if x._backend is b]",
        f"if len(natives) == len({name}):",
        *("    " + line for line in inner),
    ]


def _dtype_lines(op: Operation) -> list[str]:
    return [
        f"if {name} is not None: {name} = native_dtype({name}, b)" for name in op.of_role("dtype")
    ]


def _wrap_lines(op: Operation) -> list[str]:
    if op.returns != "EmberTensor":
        return ["return wrap_many(OP, b, v)"]
    slot = {
        "same": "b",
        "bool": "b.bool_",
        "read": "b.siblings[v.dtype]",
        "sum": "b if b.inexact and dtype is None else b.siblings[v.dtype]",
    }[op.result]
    return [
        "if v.__class__ is not b.array_type: v = b.asnative(v)",
        f"r = EmberTensor(); r._tensor = v; r._backend = {slot}",
        "return r",
    ]


def _execute(source: str, filename: str, namespace: dict[str, Any]) -> None:
    """Define the functions of ``source``, visible to tracebacks and debuggers."""
    exec(compile(source, filename, "exec"), namespace)
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)


def _defaults(signature: inspect.Signature) -> dict[str, Any]:
    return {
        f"_d_{name}": p.default
        for name, p in signature.parameters.items()
        if p.default is not p.empty
    }


def _first(*args: Any, **kwargs: Any) -> Any:
    """What every operation is until it is called: most programs call few of them."""
    return write()(*args, **kwargs)  # type: ignore[name-defined] # noqa: F821


def _compile(op: Operation, declaration: Callable[..., Any]) -> Callable[..., Any]:
    namespace: dict[str, Any] = {
        **NOWHERE,
        "EmberTensor": EmberTensor,
        "OP": op,
        "careful": _careful.careful,
        "native_dtype": _careful.native_dtype,
        "wrap_many": _careful.wrap_many,
        **_defaults(op.signature),
    }
    name = op.name.rpartition(".")[2]
    function = FunctionType(_first.__code__, namespace, name)

    def write() -> Callable[..., Any]:
        _execute(_source(op), f"<ember operation {op.name}>", namespace)
        written = namespace[name]
        function.__defaults__, function.__kwdefaults__ = (
            written.__defaults__,
            written.__kwdefaults__,
        )
        function.__code__ = written.__code__
        return function

    namespace["write"] = write
    function.__signature__ = op.signature  # type: ignore[attr-defined]
    function.__module__ = declaration.__module__
    function.__qualname__ = declaration.__qualname__
    function.__doc__ = declaration.__doc__
    function.__annotations__ = declaration.__annotations__
    return function


def compose(op: Operation, siblings: dict[Any, Bound]) -> Callable[..., Any]:
    """The body of a composed operation as a function over native arrays.

    Dispatching then is the same unconditional call for every operation, whether the backend
    overrides it or not.
    """
    natives = {name: f"wrap({name})" for name in op.of_role("tensor", "scalar")}
    natives |= {name: f"[wrap(x) for x in {name}]" for name in op.of_role("tensors")}
    natives |= {
        name: f"None if {name} is None else wrap({name})" for name in op.of_role("optional")
    }
    source = (
        f"def {op.key}({_parameters(op.signature)}):\n"
        f"    return unwrap(body({_call(op.signature, natives)}))\n"
    )

    def wrap(native: Any) -> EmberTensor:
        if native.__class__ in _careful.SCALARS:
            return cast(EmberTensor, native)
        tensor = EmberTensor()
        tensor._tensor = native
        tensor._backend = siblings[native.dtype]
        return tensor

    namespace = {
        "body": op.body,
        "wrap": wrap,
        "unwrap": _careful.unwrap,
        **_defaults(op.signature),
    }
    _execute(source, f"<ember composition {op.name}>", namespace)
    return cast(Callable[..., Any], namespace[op.key])
