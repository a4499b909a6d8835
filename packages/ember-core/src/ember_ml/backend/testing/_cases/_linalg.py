"""Products, factorisations and norms."""

from __future__ import annotations

from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DType, float64

from .._case import Call, case, complex_of, int64, real_of, sum_of
from .._draw import Draw


def _numeric(dtype: DType) -> bool:
    return dtype.kind != "bool"


def _product(draw: Draw, dtype: DType) -> Call:
    n, k, m = (draw.integer(1 if draw.smooth else 0, 4) for _ in range(3))
    if draw.one_of(True, True, False):
        batch1, batch2 = draw.shapes(2, 0, 2)
        inner = k + 1 if draw.amiss() else k
        return (draw.array(dtype, (*batch1, n, k)), draw.array(dtype, (*batch2, inner, m))), {}
    shape1, shape2 = draw.one_of(((k,), (k,)), ((n, k), (k,)), ((k,), (k, m)))
    return (draw.array(dtype, shape1), draw.array(dtype, shape2)), {}


case("matmul", _product, reference=np.matmul, gradient=(0, 1), tolerance=4)
case("linalg.matmul", _product, reference=np.matmul, accepts=_numeric, tolerance=4)


def _vectors(draw: Draw, dtype: DType) -> Call:
    n = draw.integer(1, 4)
    batch1, batch2 = draw.shapes(2, 0, 2)
    return (draw.array(dtype, (*batch1, n)), draw.array(dtype, (*batch2, n))), {}


for _name in ("vecdot", "linalg.vecdot"):
    case(_name, _vectors, reference=np.vecdot, accepts=_numeric, gradient=(0, 1), tolerance=4)


def _contracted(draw: Draw, dtype: DType) -> Call:
    axes = draw.integer(0, 2)
    shared = tuple(draw.integer(1, 3) for _ in range(axes))
    x1 = draw.array(dtype, (*draw.shape(0, 2), *shared))
    x2 = draw.array(dtype, (*shared, *draw.shape(0, 2)))
    return (x1, x2), {"axes": axes}


for _name in ("tensordot", "linalg.tensordot"):
    case(
        _name, _contracted, reference=np.tensordot,
        accepts=_numeric, gradient=(0, 1), tolerance=4,
    )  # fmt: skip


def _two_vectors(draw: Draw, dtype: DType) -> Call:
    return (draw.array(dtype, draw.shape(1, 1)), draw.array(dtype, draw.shape(1, 1))), {}


case("linalg.outer", _two_vectors, reference=np.outer, gradient=(0, 1),
     accepts=_numeric)  # fmt: skip


def _three(draw: Draw, dtype: DType) -> Call:
    shape = (*draw.shape(0, 2), 3)
    return (draw.array(dtype, shape), draw.array(dtype, shape)), {}


case("linalg.cross", _three, reference=np.linalg.cross, gradient=(0, 1),
     accepts=lambda dtype: dtype.kind != "unsigned")  # fmt: skip


def _precise(dtype: DType) -> bool:
    """Factorisations are for 32 bits and more; integers are converted."""
    return dtype.name in ("int32", "float32", "float64", "complex64", "complex128")


def _square(draw: Draw, dtype: DType) -> Call:
    n = draw.integer(1, 4)
    shape = (*draw.shape(0, 1), n, n)
    return (draw.regular(dtype, draw.shape(2, 2) + (5,) if draw.amiss() else shape),), {}


for _name in ("det", "inv"):
    case(
        f"linalg.{_name}", _square, reference=getattr(np.linalg, _name),
        accepts=_precise, gradient=(0,), tolerance=16,
    )  # fmt: skip


def _power(draw: Draw, dtype: DType) -> Call:
    (x,), _ = _square(draw, dtype)
    return (x, draw.integer(-2 if dtype.kind in ("float", "complex") else 0, 3)), {}


case("linalg.matrix_power", _power, reference=np.linalg.matrix_power,
     accepts=_precise, tolerance=32)  # fmt: skip
case(
    "linalg.slogdet", _square,
    reference=lambda x: tuple(np.linalg.slogdet(x)),
    accepts=_precise, gradient=(0,), tolerance=16,
    pick=lambda result: result.logabsdet, differences=lambda x: np.linalg.slogdet(x)[1],
)  # fmt: skip


def _equations(draw: Draw, dtype: DType) -> Call:
    n = draw.integer(1, 4)
    batch = draw.shape(0, 1)
    right = draw.one_of((n,), (*batch, n, 2))
    if draw.amiss():
        right = (*batch, n + 1, 2)
    return (draw.regular(dtype, (*batch, n, n)), draw.array(dtype, right)), {}


case("linalg.solve", _equations, reference=np.linalg.solve,
     accepts=_precise, gradient=(0, 1), tolerance=16)  # fmt: skip


def _positive(draw: Draw, dtype: DType) -> Call:
    n = draw.integer(1, 4)
    a = draw.symmetric(dtype if dtype.kind != "signed" else float64, (*draw.shape(0, 1), n, n), positive=True)  # fmt: skip
    return (a if dtype.kind != "signed" else draw.exact(np.eye(n) * 4, dtype),), {
        "upper": draw.flag()}  # fmt: skip


def _cholesky(x: Any, *, upper: bool) -> Any:
    lower = np.linalg.cholesky(x)
    return np.conj(np.swapaxes(lower, -1, -2)) if upper else lower


case("linalg.cholesky", _positive, reference=_cholesky, accepts=_precise,
     gradient=(0,), symmetric=True, tolerance=16)  # fmt: skip


def _close(what: str, found: Any, right: Any, dtype: DType) -> str | None:
    precision = 1e-10 if dtype.bits == (128 if dtype.kind == "complex" else 64) else 1e-3
    if found.shape != right.shape:
        return f"{what} has shape {found.shape}, not {right.shape}"
    if np.allclose(found, right, rtol=precision, atol=precision):
        return None
    return f"{what} is off by up to {np.max(np.abs(found - right))}"


def _orthogonal(what: str, q: Any, dtype: DType) -> str | None:
    eye = np.broadcast_to(np.eye(q.shape[-1]), (*q.shape[:-2], q.shape[-1], q.shape[-1]))
    return _close(f"{what}^H {what}", np.conj(np.swapaxes(q, -1, -2)) @ q, eye, dtype)


def _rectangle(draw: Draw, dtype: DType, *, wide: bool = True) -> Any:
    n, m = draw.integer(1, 4), draw.integer(1, 4)
    if draw.smooth or not wide:
        n = m + draw.integer(0, 1)
    return draw.array(dtype, (*draw.shape(0, 1, empty=False), n, m))


def _qr(draw: Draw, dtype: DType) -> Call:
    mode = "reduced" if draw.smooth else draw.one_of("reduced", "complete")
    return (_rectangle(draw, dtype),), {"mode": mode}


def _not_qr(result: Any, dtype: DType, x: Any, *, mode: str) -> str | None:
    q, r = result
    n, m = x.shape[-2:]
    k = n if mode == "complete" else min(n, m)
    if q.shape[-2:] != (n, k) or r.shape[-2:] != (k, m):
        return f"shapes {q.shape} and {r.shape} do not fit {x.shape} with mode={mode!r}"
    return (
        _close("Q R", q @ r, x.astype(q.dtype), dtype)
        or _orthogonal("Q", q, dtype)
        or _close("the part of R below the diagonal", np.tril(r, -1), r * 0, dtype)
    )


case("linalg.qr", _qr, verify=_not_qr, accepts=_precise)


def _svd(draw: Draw, dtype: DType) -> Call:
    return (_rectangle(draw, dtype),), {"full_matrices": not draw.smooth and draw.flag()}


def _not_svd(result: Any, dtype: DType, x: Any, *, full_matrices: bool) -> str | None:
    u, s, vh = result
    n, m = x.shape[-2:]
    k = min(n, m)
    wanted = ((n, n), (m, m)) if full_matrices else ((n, k), (k, m))
    if (u.shape[-2:], vh.shape[-2:]) != wanted:
        return f"U and Vh are {u.shape} and {vh.shape} for {x.shape}, full_matrices={full_matrices}"
    product = (u[..., :, :k] * s[..., None, :]) @ vh[..., :k, :]
    return (
        _close("S", s, np.linalg.svd(x, compute_uv=False), dtype)
        or _close("U S Vh", product, x.astype(product.dtype), dtype)
        or _orthogonal("U", u, dtype)
        or _orthogonal("V", np.conj(np.swapaxes(vh, -1, -2)), dtype)
    )


def _singular(x: Any, **_: Any) -> Any:
    return np.linalg.svd(x, compute_uv=False)


case("linalg.svd", _svd, verify=_not_svd, accepts=_precise, gradient=(0,),
     pick=lambda result: result.S, differences=_singular)  # fmt: skip
case("linalg.svdvals", lambda draw, dtype: ((_rectangle(draw, dtype),), {}),
     reference=_singular, result=real_of, accepts=_precise, gradient=(0,), tolerance=16)  # fmt: skip


def _hermitian(draw: Draw, dtype: DType) -> Call:
    n = draw.integer(1, 4)
    if dtype.kind == "signed":
        return (draw.exact(np.diag(np.arange(n)), dtype),), {}
    return (draw.symmetric(dtype, (*draw.shape(0, 1, empty=False), n, n)),), {}


def _not_eigh(result: Any, dtype: DType, x: Any) -> str | None:
    values, vectors = result
    return (
        _close("the eigenvalues", values, np.linalg.eigvalsh(x), dtype)
        or _close("A V - V w", x @ vectors, vectors * values[..., None, :], dtype)
        or _orthogonal("V", vectors, dtype)
    )


case("linalg.eigh", _hermitian, verify=_not_eigh, accepts=_precise, result=lambda d: None,
     gradient=(0,), symmetric=True, pick=lambda result: result.eigenvalues,
     differences=np.linalg.eigvalsh)  # fmt: skip
case("linalg.eigvalsh", _hermitian, reference=np.linalg.eigvalsh, accepts=_precise,
     result=real_of, gradient=(0,), symmetric=True, tolerance=16)  # fmt: skip


def _same_set(what: str, found: Any, right: Any, dtype: DType) -> str | None:
    """The spectra agree, in whichever order the engine finds them."""
    if found.shape != right.shape:
        return f"{what} has shape {found.shape}, not {right.shape}"
    pairs = zip(found.reshape(-1, found.shape[-1]), right.reshape(-1, right.shape[-1]), strict=True)
    for a, b in pairs:
        left = list(b)
        for value in a:
            nearest = min(range(len(left)), key=lambda i: abs(left[i] - value))
            fault = _close(what, np.asarray(value), np.asarray(left.pop(nearest)), dtype)
            if fault:
                return fault
    return None


def _distinct(draw: Draw, dtype: DType) -> Call:
    """Far from symmetric, with eigenvalues that are well apart."""
    n = draw.integer(1, 4)
    a = np.diag(np.arange(n) * 2.0) + np.triu(draw.random.integers(0, 2, (n, n)), 1)
    a[-1, 0] += 1 if n > 1 else 0
    return (draw.exact(a, dtype),), {}


def _not_eig(result: Any, dtype: DType, x: Any) -> str | None:
    values, vectors = result
    return _same_set("the eigenvalues", values, np.linalg.eigvals(x), dtype) or _close(
        "A V - V w", x @ vectors, vectors * values[..., None, :], dtype
    )


def _not_eigvals(result: Any, dtype: DType, x: Any) -> str | None:
    return _same_set("the eigenvalues", result, np.linalg.eigvals(x), dtype)


case("linalg.eig", _distinct, verify=_not_eig, accepts=_precise, result=complex_of)
case("linalg.eigvals", _distinct, verify=_not_eigvals, accepts=_precise, result=complex_of)


def _any_rectangle(draw: Draw, dtype: DType) -> Call:
    return (_rectangle(draw, dtype, wide=False),), {}


def _regular_rectangle(draw: Draw, dtype: DType) -> Call:
    n = draw.integer(1, 3)
    a = draw.regular(dtype, (n, n))
    extra = draw.random.uniform(-4, 4, (draw.integer(0, 2), n))
    return (draw.exact(np.concatenate([a.values, extra]), a.dtype),), {}


case("linalg.pinv", _regular_rectangle, reference=np.linalg.pinv,
     accepts=_precise, gradient=(0,), tolerance=64)  # fmt: skip


def _of_rank(draw: Draw, dtype: DType) -> Call:
    n, k = draw.integer(1, 4), draw.integer(0, 3)
    a = draw.random.integers(-2, 3, (n, k)) @ draw.random.integers(-2, 3, (k, n))
    return (draw.exact(a, dtype),), {}


case("linalg.matrix_rank", _of_rank, reference=np.linalg.matrix_rank, accepts=_precise,
     result=lambda dtype: int64)  # fmt: skip


def _diagonal(draw: Draw, dtype: DType) -> Call:
    return (draw.array(dtype, draw.shape(2)),), {"offset": draw.integer(-3, 3)}


def _trace(x: Any, *, offset: int) -> Any:
    wide = {"b": np.int64, "i": np.int64, "u": np.uint64}.get(x.dtype.kind)
    return np.sum(np.diagonal(x, offset, -2, -1), axis=-1, dtype=wide)


case("linalg.diagonal", _diagonal, gradient=(0,),
     reference=lambda x, *, offset: np.diagonal(x, offset, -2, -1))  # fmt: skip
case("linalg.trace", _diagonal, reference=_trace, gradient=(0,), result=sum_of)  # fmt: skip


def _normed(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(1, empty=False)
    orders = (1, 2, 3.0) if draw.smooth else (0, 1, 2, 3.0, float("inf"), -float("inf"))
    return (draw.array(dtype, shape, low=0.5),), {
        "axis": draw.axis(len(shape), none=True), "keepdims": draw.flag(),
        "ord": draw.one_of(*orders)}  # fmt: skip


def _vector_norm(x: Any, *, axis: Any, keepdims: bool, ord: float) -> Any:
    return np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)


case("linalg.vector_norm", _normed, reference=_vector_norm, result=real_of,
     gradient=(0,), tolerance=8)  # fmt: skip


def _matrix_normed(draw: Draw, dtype: DType) -> Call:
    n = draw.integer(1, 4)
    order = draw.one_of("fro", "nuc", 1, -1, 2, -2, float("inf"), -float("inf"))
    return (draw.regular(dtype, (*draw.shape(0, 1, empty=False), n, n)),), {
        "keepdims": draw.flag(), "ord": order}  # fmt: skip


case("linalg.matrix_norm", _matrix_normed, reference=np.linalg.matrix_norm, result=real_of,
     accepts=_precise, gradient=(0,), tolerance=32)  # fmt: skip
