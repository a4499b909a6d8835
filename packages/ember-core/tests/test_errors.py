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
from ember_ml.nn.tensor import fft, linalg


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


def f(*shape):
    return et.ones(shape)


def n(*shape):
    return et.ones(shape, dtype=et.int64)


#: (call, exception, what the message says, whether the engine raised first)
MISTAKES = {
    "add: shapes": (lambda: f(2) + f(3), ShapeError,
        r"add: shapes \(2,\) and \(3,\) do not broadcast", True),
    "multiply: shapes": (lambda: f(2, 3) * f(2, 2), ShapeError,
        r"multiply: shapes \(2, 3\) and \(2, 2\) do not broadcast", True),
    "less: shapes": (lambda: f(2) < f(3), ShapeError,
        r"less: shapes \(2,\) and \(3,\) do not broadcast", True),
    "maximum: shapes, dtypes": (lambda: et.maximum(f(2), n(3)), ShapeError,
        r"maximum: shapes \(2,\) and \(3,\) do not broadcast", True),
    "where: shapes": (lambda: et.where(f(2) > 0, f(3), f(3)), ShapeError,
        r"where: shapes .*\(2,\).*\(3,\).* do not broadcast", True),
    "matmul: inner sizes": (lambda: f(2, 3) @ f(2, 3), ShapeError,
        r"matmul: shapes \(2, 3\) and \(2, 3\): the inner sizes 3 and 2 differ", True),
    "matmul: batches": (lambda: f(2, 3, 4) @ f(3, 4, 3), ShapeError,
        r"matmul: .*the leading axes do not broadcast", True),
    "matmul: no dimensions": (lambda: et.matmul(f(), f(2)), ShapeError,
        r"matmul: shapes \(\) and \(2,\): both need at least one dimension", True),
    "reshape": (lambda: f(6).reshape((4, 2)), ShapeError,
        r"reshape: shape \(6,\) has not the elements of shape \(4, 2\)", True),
    "reshape: unknown size": (lambda: f(6).reshape((4, -1)), ShapeError,
        r"reshape: shape \(6,\) has not the elements of shape \(4, -1\)", True),
    "reshape: no shape": (lambda: f(6).reshape("ab"), ArgumentError,
        r"a shape is an integer or a sequence of integers, not 'ab'", False),
    "broadcast_to": (lambda: et.broadcast_to(f(2), (3,)), ShapeError,
        r"broadcast_to: shape \(2,\) does not broadcast to \(3,\)", True),
    "broadcast_shapes": (lambda: et.broadcast_shapes((2,), (3,)), ShapeError,
        r"shapes \(2,\) and \(3,\) do not broadcast", False),
    "concat: shapes": (lambda: et.concat([f(2, 3), f(2, 2)]), ShapeError,
        r"concat: shapes \(2, 3\) and \(2, 2\) differ beside axis 0", True),
    "concat: nothing": (lambda: et.concat([]), ShapeError,
        r"concat: needs at least one tensor", True),
    "concat: axis": (lambda: et.concat([f(2), f(2)], axis=1), AxisError,
        r"concat: axis 1 is out of range for shape \(2,\)", True),
    "stack: shapes": (lambda: et.stack([f(2), f(3)]), ShapeError,
        r"stack: shapes \(2,\) and \(3,\) are not all the same", True),
    "stack: axis": (lambda: et.stack([f(2), f(2)], axis=3), AxisError,
        r"stack: axis 3 is out of range", True),
    "sum: axis": (lambda: f(2, 3).sum(axis=2), AxisError,
        r"sum: axis 2 is out of range for shape \(2, 3\)", True),
    "sum: negative axis": (lambda: f(2, 3).sum(axis=-3), AxisError,
        r"sum: axis -3 is out of range for shape \(2, 3\)", True),
    "sum: axis twice": (lambda: f(2, 3).sum(axis=(0, -2)), AxisError,
        r"sum: an axis is named twice in \(0, -2\)", True),
    "softmax: axis": (lambda: et.softmax(f(2), axis=1), AxisError,
        r"axis 1 is out of range", True),
    "argmax: axis": (lambda: et.argmax(f(2), axis=1), AxisError,
        r"argmax: axis 1 is out of range for shape \(2,\)", True),
    "sort: axis": (lambda: et.sort(f(2), axis=1), AxisError,
        r"sort: axis 1 is out of range for shape \(2,\)", True),
    "cumulative_sum: axis": (lambda: et.cumulative_sum(f(2), axis=1), AxisError,
        r"cumulative_sum: axis 1 is out of range", False),
    "cumulative_sum: no axis": (lambda: et.cumulative_sum(f(2, 2)), ShapeError,
        r"cumulative_sum: name the axis of a tensor of shape \(2, 2\)", False),
    "flip: axis": (lambda: et.flip(f(2), axis=1), AxisError, r"flip: axis 1 is out", True),
    "roll: axis": (lambda: et.roll(f(2), 1, axis=1), AxisError, r"roll: axis 1 is out", True),
    "squeeze: axis": (lambda: et.squeeze(f(1, 2), 2), AxisError, r"squeeze: axis 2 is out", False),
    "squeeze: size": (lambda: et.squeeze(f(1, 2), 1), ShapeError,
        r"squeeze: axis 1 of shape \(1, 2\) has size 2, not 1", False),
    "expand_dims: axis": (lambda: et.expand_dims(f(2), axis=3), AxisError,
        r"expand_dims: axis 3 is out of range for 2 dimensions", False),
    "permute_dims: axes": (lambda: et.permute_dims(f(2, 3), (0, 0)), ShapeError,
        r"permute_dims: axes \(0, 0\) are not a permutation of the axes of shape \(2, 3\)", True),
    "permute_dims: number": (lambda: et.permute_dims(f(2, 3), (0,)), ShapeError,
        r"permute_dims: axes \(0,\) are not a permutation", True),
    "moveaxis": (lambda: et.moveaxis(f(2, 3), 2, 0), AxisError, r"moveaxis: axis 2 is out", False),
    "an axis of another kind": (lambda: et.expand_dims(f(2), axis="x"), ArgumentError,
        r"expand_dims: an axis is an integer, not 'x'", False),
    "matrix_transpose": (lambda: f(2).mT, ShapeError, r"at least two dimensions.*\(2,\)", None),
    "max: empty": (lambda: et.max(f(0, 2), axis=0), ShapeError,
        r"max: no elements along axis 0 of shape \(0, 2\)", True),
    "min: empty": (lambda: et.min(f(0)), ShapeError,
        r"min: no elements along axis None of shape \(0,\)", True),
    "argmax: empty": (lambda: et.argmax(f(0)), ShapeError,
        r"argmax: no elements along axis None of shape \(0,\)", True),
    "nonzero: no dimensions": (lambda: et.nonzero(f()), ShapeError,
        r"nonzero: needs at least one dimension", True),
    "take: no axis": (lambda: et.take(f(2, 2), et.asarray([0])), ShapeError,
        r"take: name the axis of a tensor of shape \(2, 2\)", None),
    "tensordot": (lambda: et.tensordot(f(2, 3), f(2, 3), axes=1), ShapeError,
        r"tensordot: axes \(1,\) of shape \(2, 3\) and \(0,\) of shape \(2, 3\) differ", None),
    "vecdot": (lambda: et.vecdot(f(2), f(3)), ShapeError,
        r"vecdot: .*(2 and 3|\(2,\) and \(3,\))", None),
    "linear": (lambda: et.linear(f(5, 4), f(3, 5), f(3)), ShapeError,
        r"linear: x of shape \(5, 4\) and a weight of shape \(3, 5\), where", True),
    "linear: bias": (lambda: et.linear(f(5, 4), f(3, 4), f(2)), ShapeError,
        r"linear: a bias of shape \(2,\), where \(3,\) is due", True),
    "concat: numbers of dimensions": (lambda: et.concat([et.zeros(0), f(2, 2)]), ShapeError,
        r"concat: shapes \(0,\) and \(2, 2\) differ beside axis 0", True),
    "matrix_transpose of a number": (lambda: f().mT, ShapeError, r"at least two.*\(\)", True),
    "linear: no matrix": (lambda: et.linear(f(2), f(2), f()), ShapeError, r"linear: ", None),
    "tril": (lambda: et.tril(f(2)), ShapeError, r"tril: needs matrices .* not shape \(2,\)|trian",
        None),
    "searchsorted": (lambda: et.searchsorted(f(2, 2), f(2)), ShapeError,
        r"searchsorted.* needs a sorted vector, not shape \(2, 2\)|needs a vector", None),
    "take of a number": (lambda: et.take(f(), et.asarray([0]), axis=0), ShapeError, r"take: needs at least one dimension|take: axis 0 is out of range for 0 dimensions", None),
    "take_along_axis: axes": (lambda: et.take_along_axis(f(2, 2), n(2), axis=0), ShapeError,
        r"indices of shape \(2,\) for a tensor of shape \(2, 2\): as many axes are due", None),
    "take_along_axis: range": (lambda: et.take_along_axis(f(2), et.asarray([2]), axis=0),
        TensorIndexError, r"take_along_axis", None),
    "solve: rows": (lambda: linalg.solve(f(2, 2), f(3, 2)), ShapeError,
        r"linalg\.solve: matrices \(2, 2\) and a right side \(3, 2\): 2 rows are due", True),
    "split": (lambda: et.split(f(5), 2), ShapeError,
        r"split: size 5 of axis 0 is not 2 equal parts", False),
    "a ragged list": (lambda: et.asarray([[1, 2], [3]]), ShapeError,
        r"a ragged list: item \[0\] has shape \(2,\) and item \[1\] has shape \(1,\)", False),
    "a ragged operand": (lambda: f(2) + [[1, 2], [3]], ShapeError,
        r"add: x2: a ragged list", False),
    "index out of range": (lambda: f(2, 3)[0, 3], TensorIndexError,
        r"index 3 is out of range for axis 1 of shape \(2, 3\)", False),
    "a single index out of range": (lambda: f(2)[5], TensorIndexError,
        r"index 5 is out of range for axis 0 of shape \(2,\)", False),
    "too many indices": (lambda: f(2)[0, 0], TensorIndexError,
        r"2 indices for a tensor of shape \(2,\)", False),
    "bits of floats": (lambda: f(2) & f(2), DTypeError,
        r"bitwise_and is not defined for float32; it takes integers and bool", False),
    "order of complex numbers": (lambda: et.max(et.asarray([1j])), DTypeError,
        r"max is not defined for complex64; it takes real numbers", False),
    "sum of bools": (lambda: et.asarray([True]) + et.asarray([True]), DTypeError,
        r"add is not defined for bool; it takes numbers", False),
    "an unknown dtype": (lambda: et.zeros(2, dtype="float23"), DTypeError,
        r"'float23' is not a dtype; Ember knows bool, int8", False),
    "an unknown backend": (lambda: et.use_backend("jaxx").__enter__(), BackendNotFoundError,
        r"no backend 'jaxx' is installed \(installed: .*numpy", False),
    "to an unknown backend": (lambda: f(2).to_backend("jaxx"), BackendNotFoundError,
        r"no backend 'jaxx'", False),
    "an unknown device": (lambda: et.zeros(2, device="nowhere"), DeviceError,
        r"has no device 'nowhere'; it has 'cpu'", False),
    "to an unknown device": (lambda: f(2).to_device("nowhere"), DeviceError,
        r"has no device 'nowhere'", False),
    "not a tensor": (lambda: f(2) + "a", ArgumentError,
        r"add: x2: cannot make a tensor of str 'a'", False),
    "a negative size": (lambda: et.zeros((2, -1)), InvalidValueError,
        r"sizes cannot be negative, in the shape \(2, -1\)", False),
    "eye: a negative size": (lambda: et.eye(-1), InvalidValueError,
        r"eye: sizes cannot be negative", None),
    "top_k": (lambda: et.top_k(f(2), 3), InvalidValueError,
        r"top_k: axis -1 of shape \(2,\) has no 3 elements", False),
    "top_k: mode": (lambda: et.top_k(f(2), 1, mode="best"), InvalidValueError,
        r"top_k: mode is 'largest' or 'smallest', not 'best'", False),
    "meshgrid": (lambda: et.meshgrid(f(2), indexing="yx"), InvalidValueError,
        r"meshgrid: indexing is 'xy' or 'ij', not 'yx'", False),
    "repeat": (lambda: et.repeat(f(2), -1), InvalidValueError, r"repeat: -1", None),
    "linalg: not square": (lambda: linalg.inv(f(2, 3)), ShapeError,
        r"linalg\.inv: needs square matrices \(\.\.\., M, M\), not shape \(2, 3\)", True),
    "linalg: a vector": (lambda: linalg.qr(f(2)), ShapeError,
        r"linalg\.qr: needs matrices \(\.\.\., M, N\), not shape \(2,\)", True),
    "linalg: det of a vector": (lambda: linalg.det(f(2)), ShapeError,
        r"linalg\.det: needs square matrices", True),
    "linalg: singular": (lambda: linalg.inv(f(2, 2)), InvalidValueError,
        r"linalg\.inv\(x: float32 \(2, 2\)\) failed on backend", True),
    "linalg: indefinite": (lambda: linalg.cholesky(-f(2, 2)), InvalidValueError,
        r"linalg\.cholesky\(x: float32 \(2, 2\)\) failed on backend", True),
    "linalg: norm": (lambda: linalg.matrix_norm(f(2, 2), ord=3), InvalidValueError,
        r"matrix_norm: ord is 'fro', 'nuc', .* not 3", None),
    "linalg: cross": (lambda: linalg.cross(f(2), f(2)), ShapeError,
        r"cross: axis -1 must have size 3, in shape \(2,\)", None),
    "linalg: trace": (lambda: linalg.trace(f(2)), ShapeError,
        r"diagonal needs matrices \(\.\.\., M, N\), not shape \(2,\)", None),
    "fft: axis": (lambda: fft.rfft(f(4), axis=1), AxisError,
        r"fft\.rfft: axis 1 is out of range for shape \(4,\)", True),
}  # fmt: skip


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
