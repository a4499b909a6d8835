"""Declarations: what `@operation` makes of one."""

import inspect
import traceback

import pytest

from ember_ml.backend.errors import ArgumentError, AxisError, EmberError, ShapeError
from ember_ml.backend.operations import OPERATIONS
from ember_ml.backend.protocol import Declined
from ember_ml.backend.registry import bounds, get_backend
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor._core import EmberTensor, TensorLike
from ember_ml.nn.tensor._operation import operation


@pytest.fixture
def declare():
    """Declares operations, and forgets them again with every backend's bound forms."""
    from ember_ml.backend import registry

    before = dict(OPERATIONS)
    held = dict(registry._bounds)

    def declare(function, **options):
        registry._bounds.clear()
        return operation(**options)(function) if options else operation(function)

    yield declare
    OPERATIONS.clear()
    OPERATIONS.update(before)
    registry._bounds.clear()
    registry._bounds.update(held)


def test_a_composed_operation_is_its_body(backend, declare):
    def twice(x: TensorLike, /, *, times: int = 2) -> EmberTensor:
        """``x`` added to itself."""
        return x * times

    # annotations are read as text, as `from __future__ import annotations` leaves them
    twice.__annotations__ = {"x": "TensorLike", "times": "int", "return": "EmberTensor"}
    public = declare(twice, accepts="numeric", result="same")
    assert not OPERATIONS["twice"].primitive
    x = et.asarray([1.0, 2.0])
    assert public(x).tolist() == [2.0, 4.0]
    assert public(x, times=3).tolist() == [3.0, 6.0]
    assert public([1, 2]).dtype is et.int64


def test_an_error_inside_of_a_body_is_the_operations_own(backend, declare):
    def gram(x: TensorLike, /, *, axis: int = 0) -> EmberTensor:
        """The products of the columns, summed along ``axis``."""
        return et.sum(x @ x, axis=axis)

    def square(shapes, arguments):
        rows, columns = shapes["x"]
        return None if rows == columns else f"a square is due, not {shapes['x']}"

    gram.__annotations__ = {"x": "TensorLike", "axis": "int", "return": "EmberTensor"}
    public = declare(gram, accepts="numeric", result="same", check=square)
    for x in (et.ones((2, 3)), [[1, 2, 3], [4, 5, 6]]):
        with pytest.raises(ShapeError, match=r"^gram: a square is due, not \(2, 3\)$") as caught:
            public(x)
        assert not isinstance(caught.value.__cause__, EmberError)
    with pytest.raises(AxisError, match=r"^gram: axis 2 is out of range for shape \(3, 3\)$"):
        public(et.ones((3, 3)), axis=2)


def test_an_error_that_its_arguments_do_not_explain_stays(backend, declare):
    def seven(x: TensorLike, /) -> EmberTensor:
        """``x`` in a shape that it does not have."""
        return et.reshape(x, (7,))

    seven.__annotations__ = {"x": "TensorLike", "return": "EmberTensor"}
    with pytest.raises(ShapeError, match=r"^reshape: shape \(3,\) has not the elements"):
        declare(seven, result="same")(et.ones(3))


def test_a_body_that_returns_its_argument_is_no_primitive(declare):
    def same(x, /):
        """``x``."""
        return x

    def constant(x, /):
        """Five."""
        return 5

    def nothing(x, /):
        """A stub."""
        ...

    for function, primitive in [(same, False), (constant, False), (nothing, True)]:
        function.__annotations__ = {"x": "TensorLike", "return": "EmberTensor"}
        declare(function)
        assert OPERATIONS[function.__name__].primitive is primitive


def test_the_public_function_has_the_declarations_face():
    signature = inspect.signature(et.sum)
    assert str(signature) == (
        "(x: 'TensorLike', /, *, axis: 'int | tuple[int, ...] | None' = None, "
        "dtype: 'DTypeLike | None' = None, keepdims: 'bool' = False) -> 'EmberTensor'"
    )
    assert et.sum.__doc__.startswith("Sum over ``axis``")
    assert et.sum.__name__ == et.sum.__qualname__ == "sum"
    assert et.sum.__module__ == "ember_ml.nn.tensor._reduction"
    assert inspect.signature(et.linalg.qr).parameters["mode"].default == "reduced"
    assert et.linalg.qr.__name__ == "qr"


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=list(OPERATIONS))
def test_every_operation_is_documented_and_annotated(operation):
    assert operation.doc
    assert operation.doc.strip().splitlines()[0].endswith((".", ":")) or "\n" in operation.doc
    for parameter in operation.signature.parameters.values():
        assert parameter.annotation is not parameter.empty, parameter
        assert parameter.kind is not parameter.VAR_POSITIONAL
        assert parameter.kind is not parameter.VAR_KEYWORD
    assert operation.returns
    tensors = operation.of_role("tensor", "tensors")
    kinds = {operation.signature.parameters[name].kind for name in tensors}
    if operation.name != "clip":  # the standard lets its bounds be named
        assert kinds <= {inspect.Parameter.POSITIONAL_ONLY}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=list(OPERATIONS))
def test_roles_and_promoted_operands(operation):
    assert set(operation.roles) == set(operation.signature.parameters)
    assert set(operation.promoted) <= set(operation.of_role("tensor", "tensors", "optional"))
    assert set(operation.kinds) <= set(operation.roles)
    assert not set(operation.kinds) & set(operation.promoted)


def test_the_fast_path_is_readable_in_a_traceback(backend):
    with pytest.raises(ShapeError) as caught:
        et.matmul(et.ones((2, 3)), et.ones((2, 3)))
    text = "".join(traceback.format_exception(caught.value))
    assert "<ember operation matmul>" in text
    assert "return careful(OP, (x1, x2, ), {}, error)" in text
    et.matmul([[1.0]], [[1.0]])  # it is written when it is first called
    assert inspect.getsource(et.matmul).startswith("def matmul(x1, x2, /):")


def test_wrong_calls_are_pythons_own_type_errors():
    x = [1.0]
    with pytest.raises(TypeError, match=r"exp\(\) missing 1 required positional argument: 'x'"):
        et.exp()
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'axes'"):
        et.sum(x, axes=0)
    with pytest.raises(TypeError, match=r"takes 1 positional argument but 2"):
        et.sum(x, 0)


def test_bodies_and_overrides_are_bound_alike(backend):
    for bound in bounds(get_backend(backend)).values():
        for key, record in OPERATIONS.items():
            function = getattr(bound, key)
            assert callable(function)
            if not record.accepts_dtype(bound.dtype):
                assert function.__name__ == "_not_direct"


def test_defaults_reach_the_engine(backend):
    x = et.asarray([[3.0, 1.0], [2.0, 4.0]])
    assert et.sort(x).tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert et.var(x).item() == 1.25
    assert et.argmax(x).item() == 3
    assert et.concat([x, x]).shape == (4, 2)


def test_what_is_not_a_tensor_is_named(backend):
    with pytest.raises(ArgumentError, match=r"add: x2: cannot make a tensor of str 'a'"):
        et.add(et.ones(2), "a")
    with pytest.raises(ArgumentError, match=r"exp: x: cannot make a tensor of dict"):
        et.exp({})
    with pytest.raises(ArgumentError, match=r"exp: x: cannot make a tensor of NoneType None"):
        et.exp(None)


def test_an_override_may_decline(backend, monkeypatch):
    def decline(*args, **options):
        raise Declined

    x, weight, bias = et.asarray([-1.0, 2.0]), et.ones((3, 2)), et.zeros(3)
    # two, where operations have been declared since
    for bound in {x._backend, bounds(get_backend(backend))[et.float32]}:
        for name in ("softmax", "linear"):
            monkeypatch.setattr(bound, name, decline)
    assert et.softmax(x * 0, axis=0).tolist() == [0.5, 0.5]
    assert et.softmax([0.0, 0.0]).tolist() == [0.5, 0.5]
    assert et.linear(x, weight, bias).tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ShapeError, match=r"linear: x of shape \(2,\) and a weight of shape \(3,\)"):
        et.linear(x, bias, bias)
