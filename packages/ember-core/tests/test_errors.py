"""The same mistake raises the same exception on every engine, chained to the engine's own."""

import pytest

from ember_ml.backend import errors
from ember_ml.backend.errors import (
    ArgumentError,
    AxisError,
    BackendMismatchError,
    BackendNotFoundError,
    DeviceError,
    DTypeError,
    EmberError,
    InvalidValueError,
    ShapeError,
    TensorIndexError,
    UnsupportedError,
)
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor import linalg

from ._mistakes import MISTAKES, f


@pytest.mark.parametrize(
    "ours, pythons",
    [
        (ShapeError, ValueError), (AxisError, IndexError), (AxisError, ShapeError),
        (DTypeError, TypeError), (InvalidValueError, ValueError), (ArgumentError, TypeError),
        (TensorIndexError, IndexError), (DeviceError, RuntimeError),
        (BackendMismatchError, TypeError), (BackendNotFoundError, ImportError),
        (errors.BackendLoadError, ImportError), (UnsupportedError, NotImplementedError),
        (errors.CheckpointError, ValueError),
    ],
)  # fmt: skip
def test_each_is_also_the_exception_that_python_users_expect(ours, pythons):
    assert issubclass(ours, pythons)
    assert issubclass(ours, EmberError)
    assert ours.__doc__


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(backend, mistake):
    call, exception, message, chained = MISTAKES[mistake]
    with pytest.raises(exception, match=message) as caught:
        call()
    assert type(caught.value) is exception
    if chained is not None:
        cause = caught.value.__cause__
        assert (cause is not None) is chained
        assert not isinstance(cause, EmberError)


def test_tensors_of_two_backends_name_both(backend, engines):
    for other in set(engines) - {backend}:
        x = et.ones(2)
        with et.use_backend(other):
            y = et.ones(2)
        with pytest.raises(
            BackendMismatchError,
            match=rf"add: tensors of backends '{backend}' and '{other}' in one operation; "
            rf"convert one of them, x\.to_backend\('{backend}'\)",
        ):
            x + y


@pytest.mark.parametrize("name", ["inv", "det", "cholesky", "svd", "eigh"])
def test_half_precision_without_a_kernel(backend, name):
    x = et.eye(2, dtype=et.float16)
    try:
        result = getattr(linalg, name)(x)
    except UnsupportedError as error:
        assert "float16" in str(error)  # noqa: PT017
        assert "x.astype(et.float32)" in str(error)  # noqa: PT017
    else:
        first = result if isinstance(result, et.EmberTensor) else result[0]
        assert first.dtype is et.float16


def test_an_error_within_a_composed_operation_is_not_wrapped_twice(backend):
    with pytest.raises(EmberError) as caught:
        et.var(et.ones(2), axis=4)
    assert str(caught.value).count("axis 4") == 1


@pytest.mark.parametrize("name", ["sort", "argsort", "softmax", "log_softmax", "cumulative_sum"])
def test_a_number_has_no_axis(backend, name):
    with pytest.raises(ShapeError):
        getattr(et, name)(et.asarray(2.0))


def test_a_singular_matrix_is_not_a_matter_of_shapes(backend):
    with pytest.raises(InvalidValueError, match=r"linalg\.solve\(x1: float32 \(2, 2\), x2"):
        linalg.solve(f(2, 2), f(2, 3))


def test_labels_are_classes(backend):
    logits = et.asarray([[1.0, 2.0], [3.0, 4.0]])
    for labels in ([0, 2], [0, 100]):
        with pytest.raises(TensorIndexError, match="softmax_cross_entropy"):
            et.softmax_cross_entropy(logits, et.asarray(labels))
