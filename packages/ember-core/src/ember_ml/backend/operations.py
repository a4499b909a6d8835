"""The table of operations: what `ember_ml.nn.tensor` declares and backends supply.

`Operation` is the record that one declaration leaves. The registry reads the table to say
what a backend owes; the kit reads it to know what to test.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

from .dtypes import DType

__all__ = ["OPERATIONS", "TOPICS", "Accepts", "Operation", "Result", "Role"]

#: What operations are about, with the modules of the core that declare them. Those of any other
#: module are "functions".
TOPICS: dict[str, tuple[str, ...]] = {
    "creation": ("_creation", "_data"),
    "elementwise": ("_elementwise", "_analysis", "_compare", "_bitwise"),
    "shape": ("_manipulation",),
    "search": ("_search",),
    "reduction": ("_reduction",),
    "linalg": ("_linalg", "linalg"),
    "fft": ("fft",),
    "functions": (),
}

#: What a parameter is: one tensor, a tensor or None, a sequence of tensors, a number or a tensor
#: with no dimensions, a dtype, a shape, a device, or anything else.
Role: TypeAlias = Literal[
    "tensor", "optional", "tensors", "scalar", "dtype", "shape", "device", "plain"
]

#: The dtypes an operation is defined for. ``floating`` and ``inexact`` (floating or complex)
#: take integers too and compute in the default floating dtype; ``complex`` takes real numbers.
Accepts: TypeAlias = Literal[
    "any", "numeric", "real", "integer", "bits", "bool", "floating", "inexact", "complex"
]

#: The dtype of the result: the operands' own; ``bool``; to be read off the native result; or, of
#: a sum, the operands' own where they are floating or complex and no ``dtype`` is given, else read.
Result: TypeAlias = Literal["same", "bool", "read", "sum"]


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation, as declared.

    Attributes:
        name: public name, ``"matmul"`` or ``"linalg.qr"``.
        key: the name under which a backend supplies it, ``"matmul"``, ``"linalg_qr"``.
        module: where it is declared.
        body: the definition of a composed operation; None for a primitive.
        roles: what each parameter is, in the order of the signature.
        promoted: names of the tensor parameters that are brought to one dtype.
        kinds: what the other tensor parameters must be: ``{"condition": "bool"}``.
        check: says what is wrong with the shapes, or None: ``check(shapes, arguments)``.
    """

    name: str
    key: str
    module: str
    signature: inspect.Signature
    roles: dict[str, Role]
    promoted: tuple[str, ...]
    kinds: dict[str, Literal["bool", "integer"]]
    accepts: Accepts
    result: Result
    returns: str
    default_dtype: DType | Callable[..., DType] | None
    check: Callable[[dict[str, Any], dict[str, Any]], str | None] | None
    body: Callable[..., Any] | None
    doc: str = field(repr=False, default="")
    _names: dict[tuple[Role, ...], tuple[str, ...]] = field(repr=False, default_factory=dict)

    @property
    def function(self) -> Callable[..., Any]:
        """The public function."""
        module = vars(sys.modules[self.module])
        return cast("Callable[..., Any]", module[self.name.rpartition(".")[2]])

    @property
    def primitive(self) -> bool:
        """Whether every backend must supply it."""
        return self.body is None

    @property
    def topic(self) -> str:
        """What it is about: a key of `TOPICS`."""
        module = self.module.rpartition(".")[2]
        return next((topic for topic, modules in TOPICS.items() if module in modules), "functions")

    @property
    def summary(self) -> str:
        """What it does, in a line."""
        return self.doc.strip().partition("\n")[0]

    @property
    def call(self) -> str:
        """How a backend's function is called: ``sort(x, /, *, axis=-1, ...)``."""
        bare = [p.replace(annotation=p.empty) for p in self.signature.parameters.values()]
        return f"{self.key}{inspect.Signature(bare)}".replace("'", '"')

    def of_role(self, *roles: Role) -> tuple[str, ...]:
        """Names of the parameters that have one of ``roles``."""
        names = self._names.get(roles)
        if names is None:
            names = tuple(name for name, role in self.roles.items() if role in roles)
            self._names[roles] = names
        return names

    def accepts_dtype(self, dtype: DType) -> bool:
        """Whether the operation is defined for ``dtype`` as it is, without a conversion."""
        kind = dtype.kind
        match self.accepts:
            case "any":
                return True
            case "numeric":
                return kind != "bool"
            case "real":
                return kind not in ("bool", "complex")
            case "integer":
                return kind in ("signed", "unsigned")
            case "bits":
                return kind in ("bool", "signed", "unsigned")
            case "bool":
                return kind == "bool"
            case "floating":
                return kind == "float"
            case "inexact":
                return kind in ("float", "complex")
            case "complex":
                return kind == "complex"


#: Every operation by key, in the order of declaration.
OPERATIONS: dict[str, Operation] = {}
