"""Linear algebra against NumPy, or by what a factorisation must give back."""

import numpy as np
import pytest

from ember_ml.backend.errors import ArgumentError, EmberError, ShapeError
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor import linalg

from ._values import close, same

RNG = np.random.default_rng(0)


def matrices(*shape, dtype="float32"):
    x = RNG.normal(size=shape)
    return (x + 1j * RNG.normal(size=shape) if dtype[0] == "c" else x).astype(dtype)


def positive(*batch, n=3, dtype="float32"):
    a = matrices(*batch, n, n, dtype=dtype)
    return a @ np.conj(a.swapaxes(-1, -2)) + n * np.eye(n, dtype=dtype)


def adjoint(x):
    return et.conj(x.mT)


def near(a, b, tolerance=1e-4):
    """Two tensors of nearly equal elements."""
    assert a.shape == b.shape
    assert a.dtype is b.dtype
    np.testing.assert_allclose(a.tolist(), b.tolist(), rtol=tolerance, atol=tolerance)


SHAPES = [(3, 3), (2, 3, 3), (2, 1, 4, 4), (1, 1)]
WIDE_AND_TALL = [(3, 3), (2, 5, 3), (2, 3, 5), (1, 4), (4, 1)]
KINDS = ["float32", "complex64"]


@pytest.mark.parametrize(
    "a, b",
    [((2, 3), (3, 4)), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((5, 2, 3), (3, 4)),
     ((5, 2, 3), (5, 3, 4)), ((5, 1, 2, 3), (6, 3, 4)), ((2, 0), (0, 3)), ((0, 3), (3, 2)),
     ((4, 2, 3), (3,))],
)  # fmt: skip
@pytest.mark.parametrize("dtype", ["float32", "int64", "complex64", "int32", "uint8"])
def test_matmul(backend, a, b, dtype):
    x, y = (matrices(*s, dtype=dtype) if dtype[0] in "fc" else RNG.integers(0, 5, s).astype(dtype)
            for s in (a, b))  # fmt: skip
    close(et.matmul(et.asarray(x), et.asarray(y)), x @ y, rtol=1e-5, atol=1e-5)
    close(et.asarray(x) @ et.asarray(y), x @ y, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("axis", [-1, -2])
@pytest.mark.parametrize("dtype", ["float32", "complex64", "int64", "int8", "uint8"])
def test_vecdot(backend, axis, dtype):
    x, y = (matrices(2, 3, 3, dtype=dtype) if dtype[0] in "fc"
            else RNG.integers(0, 5, (2, 3, 3)).astype(dtype) for _ in range(2))  # fmt: skip
    close(et.vecdot(et.asarray(x), et.asarray(y), axis=axis), np.vecdot(x, y, axis=axis), 1e-5)
    close(et.vecdot(et.asarray(x), et.asarray(y[0, 0]), axis=-1), np.vecdot(x, y[0, 0]), 1e-5)


@pytest.mark.parametrize("axes", [0, 1, 2, ((0,), (1,)), ((1, 0), (0, 1)), ([-1], [0])])
def test_tensordot(backend, axes):
    x, y = matrices(3, 3, 3), matrices(3, 3, 2)
    close(et.tensordot(et.asarray(x), et.asarray(y), axes=axes), np.tensordot(x, y, axes),
          1e-5, 1e-5)  # fmt: skip


def test_products_of_vectors(backend):
    x, y = np.float32([1, 2, 3]), np.float32([4, 5, 6])
    same(linalg.outer(et.asarray(x), et.asarray(y)), np.outer(x, y))
    same(linalg.cross(et.asarray(x), et.asarray(y)), np.cross(x, y))
    a, b = matrices(2, 3, 4), matrices(2, 3, 4)
    close(linalg.cross(et.asarray(a), et.asarray(b), axis=1), np.cross(a, b, axis=1), 1e-5)
    with pytest.raises(ShapeError, match=r"outer needs two vectors, not shapes \(1, 3\)"):
        linalg.outer(et.asarray(x)[None], et.asarray(y))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", KINDS)
def test_inverse_and_determinant(backend, shape, dtype):
    x = positive(*shape[:-2], n=shape[-1], dtype=dtype)
    t = et.asarray(x)
    close(linalg.inv(t), np.linalg.inv(x), 1e-3, 1e-4)
    close(linalg.det(t), np.linalg.det(x), 1e-3)
    sign, logabsdet = linalg.slogdet(t)
    expected = np.linalg.slogdet(x)
    close(sign, expected.sign, 1e-3, 1e-4)
    close(logabsdet, expected.logabsdet, 1e-3)
    assert linalg.slogdet(t).logabsdet.dtype is et.float32


def test_determinant_signs(backend):
    x = et.asarray([[0.0, 1.0], [1.0, 0.0]])
    assert linalg.det(x).item() == -1.0
    assert linalg.slogdet(x).sign.item() == -1.0
    assert linalg.slogdet(et.zeros((2, 2))).logabsdet.item() == -float("inf")


@pytest.mark.parametrize("a, b", [
    ((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (3, 2)), ((2, 3, 3), (3,)),
    ((2, 3, 3), (2, 3, 2)), ((4, 1, 3, 3), (2, 3, 1)),
])  # fmt: skip
@pytest.mark.parametrize("dtype", KINDS)
def test_solve(backend, a, b, dtype):
    x, y = positive(*a[:-2], n=3, dtype=dtype), matrices(*b, dtype=dtype)
    columns = y[:, None] if y.ndim == 1 else y
    expected = np.linalg.solve(x, columns)
    expected = expected[..., 0] if y.ndim == 1 else expected
    close(linalg.solve(et.asarray(x), et.asarray(y)), expected, 1e-3, 1e-4)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("upper", [False, True])
def test_cholesky(backend, shape, dtype, upper):
    x = et.asarray(positive(*shape[:-2], n=shape[-1], dtype=dtype))
    factor = linalg.cholesky(x, upper=upper)
    near(adjoint(factor) @ factor if upper else factor @ adjoint(factor), x)
    triangle = et.triu(factor) if upper else et.tril(factor)
    near(triangle, factor)


@pytest.mark.parametrize("shape", WIDE_AND_TALL)
@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("mode", ["reduced", "complete"])
def test_qr(backend, shape, dtype, mode):
    x = et.asarray(matrices(*shape, dtype=dtype))
    q, r = linalg.qr(x, mode=mode)
    expected = np.linalg.qr(np.asarray(x.tolist()), mode=mode)
    assert (q.shape, r.shape) == (expected.Q.shape, expected.R.shape)
    near(q @ r, x)
    near(adjoint(q) @ q, et.broadcast_to(et.eye(q.shape[-1], dtype=dtype), (adjoint(q) @ q).shape))
    near(et.triu(r), r)


@pytest.mark.parametrize("shape", WIDE_AND_TALL)
@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("full", [False, True])
def test_svd(backend, shape, dtype, full):
    data = matrices(*shape, dtype=dtype)
    x = et.asarray(data)
    u, s, vh = linalg.svd(x, full_matrices=full)
    expected = np.linalg.svd(data, full_matrices=full)
    assert (u.shape, vh.shape) == (expected.U.shape, expected.Vh.shape)
    close(s, expected.S, 1e-4, 1e-5)
    k = s.shape[-1]
    near((u[..., :k] * s[..., None, :]) @ vh[..., :k, :], x)
    close(linalg.svdvals(x), expected.S, 1e-4, 1e-5)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", KINDS)
def test_eigh(backend, shape, dtype):
    data = positive(*shape[:-2], n=shape[-1], dtype=dtype)
    x = et.asarray(data)
    values, vectors = linalg.eigh(x)
    close(values, np.linalg.eigvalsh(data), 1e-4, 1e-4)
    assert values.dtype is et.float32
    near((vectors * values[..., None, :]) @ adjoint(vectors), x, 1e-3)
    close(linalg.eigvalsh(x), np.linalg.eigvalsh(data), 1e-4, 1e-4)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", KINDS)
def test_eig(backend, shape, dtype):
    data = matrices(*shape, dtype=dtype)
    x = et.asarray(data)
    values, vectors = linalg.eig(x)
    assert (values.dtype, vectors.dtype) == (et.complex64, et.complex64)
    near(x.astype("complex64") @ vectors, vectors * values[..., None, :], 1e-3)

    def by_place(v):
        return np.sort_complex(np.round(np.asarray(v.tolist()), 3))

    np.testing.assert_allclose(by_place(linalg.eigvals(x)), by_place(values), atol=2e-3)


@pytest.mark.parametrize("shape", WIDE_AND_TALL)
@pytest.mark.parametrize("dtype", KINDS)
def test_pinv(backend, shape, dtype):
    data = matrices(*shape, dtype=dtype)
    close(linalg.pinv(et.asarray(data)), np.linalg.pinv(data), 1e-3, 1e-4)


def test_deficient_rank(backend):
    data = np.float32([[1, 2], [2, 4], [3, 6]])
    batch = np.stack([data, np.float32([[1, 0], [0, 1], [0, 0]]), np.zeros((3, 2), "f4")])
    close(linalg.matrix_rank(et.asarray(batch)), np.linalg.matrix_rank(batch))
    close(linalg.pinv(et.asarray(data)), np.linalg.pinv(data), 1e-3, 1e-4)
    scaled = np.diag(np.float32([1.0, 0.1, 0.001]))
    for rtol in (0.01, 0.5):
        close(linalg.matrix_rank(et.asarray(scaled), rtol=rtol),
              np.linalg.matrix_rank(scaled, rtol=rtol))  # fmt: skip
    tolerances = np.float32([1e-6, 0.01, 0.5])
    close(linalg.matrix_rank(et.asarray(np.stack([scaled] * 3)), rtol=et.asarray(tolerances)),
          np.array([3, 2, 1]))  # fmt: skip


@pytest.mark.parametrize("n", [-2, -1, 0, 1, 2, 5])
def test_matrix_power(backend, n):
    data = positive(2) / 4
    close(linalg.matrix_power(et.asarray(data), n), np.linalg.matrix_power(data, n), 1e-2, 1e-3)


def test_matrix_power_of_integers(backend):
    same(linalg.matrix_power([[1, 1], [1, 0]], 10), np.array([[89, 55], [55, 34]]))


@pytest.mark.parametrize("offset", [-5, -1, 0, 1, 2, 9])
def test_diagonal_and_trace(backend, offset):
    x = np.arange(24).reshape(2, 3, 4)
    same(linalg.diagonal(et.asarray(x), offset=offset), np.linalg.diagonal(x, offset=offset))
    same(linalg.trace(et.asarray(x), offset=offset), np.linalg.trace(x, offset=offset))


def test_trace_widens(backend):
    assert linalg.trace(et.asarray([[100, 0], [0, 100]], dtype="int8")).item() == 200
    assert linalg.trace([[1, 0], [0, 1]], dtype="float32").dtype is et.float32


@pytest.mark.parametrize("ord", [0, 1, 2, 3, 0.5, -1, -2, np.inf, -np.inf])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_vector_norm(backend, ord, axis, keepdims):
    for dtype in KINDS:
        x = matrices(3, 4, dtype=dtype)
        expected = np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)
        close(linalg.vector_norm(et.asarray(x), axis=axis, keepdims=keepdims, ord=ord),
              expected.astype("f4"), 1e-4)  # fmt: skip


@pytest.mark.parametrize("ord", ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("dtype", KINDS)
def test_matrix_norm(backend, ord, keepdims, dtype):
    x = matrices(2, 3, 4, dtype=dtype)
    close(linalg.matrix_norm(et.asarray(x), keepdims=keepdims, ord=ord),
          np.linalg.matrix_norm(x, keepdims=keepdims, ord=ord), 1e-4)  # fmt: skip


@pytest.mark.parametrize("k", [-9, -1, 0, 1, 2, 9])
@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "complex64"])
def test_triangles(backend, k, dtype):
    x = np.ones((2, 3, 4), dtype)
    same(et.tril(et.asarray(x), k=k), np.tril(x, k))
    same(et.triu(et.asarray(x), k=k), np.triu(x, k))


def test_integers_are_computed_in_float32(backend):
    assert linalg.inv([[2, 0], [0, 4]]).dtype is et.float32
    assert linalg.svdvals([[3, 0], [0, 4]]).tolist() == pytest.approx([4.0, 3.0])


def test_double_precision(backend):
    if et.float64 not in et.get_backend(backend).dtypes:
        pytest.skip("no float64")
    x = positive(2).astype("f8")
    close(linalg.inv(et.asarray(x)), np.linalg.inv(x), 1e-12)
    close(linalg.svdvals(et.asarray(x)), np.linalg.svdvals(x), 1e-12)


def test_wrong_modes(backend):
    with pytest.raises((EmberError, ArgumentError)):
        linalg.qr(et.ones((2, 2)), mode="best")
