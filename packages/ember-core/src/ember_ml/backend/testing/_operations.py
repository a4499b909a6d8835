"""The part of the suite about operations: values, overrides, gradients, promotion."""

from __future__ import annotations

from typing import Any

import pytest

from ember_ml.backend.dtypes import DTYPES, DType, promote
from ember_ml.backend.operations import OPERATIONS, Operation
from ember_ml.backend.protocol import Backend
from ember_ml.nn import tensor as et

from ._base import Base, supplied
from ._case import CASES, Case
from ._draw import Draw
from ._drawing import examples
from ._gradients import gradient_fault
from ._run import arrays_of, difference, fault, native_dtype, numpy_of, run, show

__all__ = ["GRADIENTS", "OVERRIDES", "VALUES", "Operations"]


def _overridable(case: Case, dtype: DType) -> bool:
    operation = case.operation
    return bool(operation and operation.body and operation.accepts_dtype(dtype))


#: Each case with each dtype that it is defined for; those of composed operations; and those with
#: a gradient.
VALUES = [(case.name, d.name) for case in CASES for d in DTYPES.values() if case.takes(d)]
OVERRIDES = [(name, d) for name, d in VALUES if _overridable(CASES[name], DTYPES[d])]
GRADIENTS = [
    (name, d) for name, d in VALUES if d in ("float32", "float64") and CASES[name].gradient
]
_PAIRS = [(a, b) for a in DTYPES for b in DTYPES]


def _ids(pairs: list[tuple[str, str]]) -> list[str]:
    return ["-".join(pair) for pair in pairs]


class Operations(Base):
    """Each operation with each dtype, against references in NumPy."""

    def _prepare(self, engine: Backend, name: str, dtype: str) -> tuple[Case, DType]:
        case, element = CASES[name], DTYPES[dtype]
        self.need(engine, element)
        self.need(engine, case.computes(element))
        self.need(engine, case.expected(element) or element)
        return case, element

    @pytest.mark.parametrize(("name", "dtype"), VALUES, ids=_ids(VALUES))
    def test_values(self, engine: Backend, name: str, dtype: str) -> None:
        """Values, shape, dtype and native dtype are right."""
        case, element = self._prepare(engine, name, dtype)

        def check(draw: Draw) -> None:
            call = case.arguments(draw, element)
            if any(isinstance(a, DType) and a not in engine.dtypes for a in call[0]):
                return  # a conversion to what the engine does without
            result = run(case.function, call, engine, keeps=not case.consumes)
            said = fault(case, element, call, result, engine)
            assert said is None, f"{show(case, call)}: {said}"

        examples(check, self.examples)

    @pytest.mark.parametrize(("name", "dtype"), OVERRIDES, ids=_ids(OVERRIDES))
    def test_override(self, engine: Backend, name: str, dtype: str) -> None:
        """What the backend has in place of a composed operation agrees with the composition."""
        case, element = self._prepare(engine, name, dtype)
        operation = case.operation
        assert operation is not None
        if not supplied(engine, operation.key, element):
            return  # nothing is in its place

        def check(draw: Draw) -> None:
            call = case.arguments(draw, element)
            found = run(case.function, call, engine)
            right = run(_body(operation), call, engine)
            said = _disagreement(case, element, call, found, right, engine)
            assert said is None, f"{show(case, call)}: {said}"

        examples(check, self.examples)

    @pytest.mark.parametrize(("name", "dtype"), GRADIENTS, ids=_ids(GRADIENTS))
    def test_gradient(self, engine: Backend, name: str, dtype: str) -> None:
        """The gradient agrees with finite differences of the reference in double precision."""
        self.capable(engine, "grad")
        case, element = self._prepare(engine, name, dtype)

        def check(draw: Draw) -> None:
            call = case.arguments(draw, element)
            said = gradient_fault(case, call, draw, engine)
            assert said is None, f"{show(case, call)}: {said}"

        examples(check, self.examples, smooth=True)

    @pytest.mark.parametrize(("first", "second"), _PAIRS, ids=_ids(_PAIRS))
    def test_promotion(self, engine: Backend, first: str, second: str) -> None:
        """Two dtypes meet in the one that the promotion table says, natively too."""
        a, b = DTYPES[first], DTYPES[second]
        wanted = promote(a, b)
        for dtype in (a, b, wanted):
            self.need(engine, dtype)
        x, y = et.ones((2,), dtype=a), et.zeros((2,), dtype=b)
        results = {
            "where": et.where(et.asarray([True, False]), x, y),
            "concat": et.concat([x, y]),
            "stack": et.stack([x, y], axis=0),
        }
        if wanted.kind != "bool":
            results |= {"add": et.add(x, y), "multiply": et.multiply(x, y)}
        native = engine.dtypes[wanted]
        for name, result in results.items():
            assert result.dtype is wanted, f"{name} of {a} and {b} is {result.dtype}, not {wanted}"
            assert native_dtype(result) == native, (
                f"{name} of {a} and {b} is natively {native_dtype(result)}, not {native}"
            )

    def test_every_operation_has_a_case(self) -> None:
        """Operations that the kit does not know would go uncertified."""
        missing = [o.name for o in OPERATIONS.values() if o.name not in CASES]
        assert not missing, f"no cases for {', '.join(missing)}: add them to the kit"


def _body(operation: Operation) -> Any:
    return operation.body


def _disagreement(
    case: Case, dtype: DType, call: Any, found: Any, right: Any, backend: Backend
) -> str | None:
    if case.verify is not None:  # not unique: both must be right
        said = fault(case, dtype, call, right, backend)
        return said and f"the composed body gives what is wrong: {said}"
    for ours, theirs in zip(arrays_of(found), arrays_of(right), strict=True):
        if ours.dtype is not theirs.dtype:
            return f"the override gives {ours.dtype} and the composed body {theirs.dtype}"
        # each of the two is rounded
        said = difference(numpy_of(ours), numpy_of(theirs), ours.dtype, 2 * case.tolerance)
        if said:
            return f"the override disagrees with the composed body: {said}"
    return None
