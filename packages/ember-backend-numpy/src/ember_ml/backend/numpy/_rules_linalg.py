"""Factorisations in the tracer.

The products here are for gradients as PyTorch has them, ``d/da + i d/db`` by a complex number;
`_steepest` turns those of the tape into them and back. Sources: Giles, "An extended collection of
matrix derivative results" (2008); Walter and Lehmann, "Algorithmic differentiation of linear algebra
functions" (2012); Wan and Zhang, "Automatic differentiation for complex valued SVD" (2019);
Boeddeker et al., "On the computation of complex-valued gradients" (2017), for eigenvectors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd.numpy as anp

import numpy as np
from ember_ml.backend.errors import UnsupportedError

from . import _linalg
from ._rules_reduce import others
from ._rules_reduce import sum as total
from ._rules_shape import summed
from ._tape import plain, primitive, primitive_many

_matmul = anp.matmul


def _is_complex(x):
    return plain(x).dtype.kind == "c"


def _conj(x):
    return anp.conj(x) if x is not None and _is_complex(x) else x


def _h(x):
    """The conjugate transpose."""
    return _conj(anp.swapaxes(x, -1, -2))


def _eye(x):
    return np.eye(x.shape[-1], dtype=plain(x).dtype)


def _diagonal(x):
    return total(x * _eye(x), axis=-1)


def _as_diagonal(x):
    return x[..., None, :] * _eye(x)


def _steepest(product: Callable[..., Any]) -> Callable[..., Any]:
    def maker(answer: Any, *arguments: Any, **options: Any) -> Callable[..., Any]:
        vjp = product(answer, *arguments, **options)
        return lambda *g: _conj(vjp(*map(_conj, g)))

    return maker


def _refuse(what: str) -> UnsupportedError:
    return UnsupportedError(f"backend 'numpy' has no gradient of {what}")


# -- inverses and determinants --------------------------------------------------------------------

_solve: Any = primitive(
    _linalg.linalg_solve,
    _steepest(lambda x, a, b: lambda g: summed(-_matmul(_solve(_h(a), g), _h(x)), a)),
    _steepest(lambda x, a, b: lambda g: summed(_solve(_h(a), g), b)),
)
linalg_inv = primitive(
    _linalg.linalg_inv, _steepest(lambda y, x: lambda g: -_matmul(_matmul(_h(y), g), _h(y)))
)


def linalg_solve(x1, x2, /):
    return _solve(x1, x2[:, None])[..., 0] if x2.ndim == 1 else _solve(x1, x2)


def _pinv_product(y, x, *, rtol):
    """Golub and Pereyra (1973); the rank is taken as constant."""

    def product(g):
        gh, yh = _h(g), _h(y)
        rows = _matmul(_matmul(gh - _matmul(x, _matmul(y, gh)), y), yh)
        columns = _matmul(yh, _matmul(y, gh - _matmul(_matmul(gh, y), x)))
        return rows + columns - _matmul(yh, _matmul(g, yh))

    return product


_pinv = primitive(np.linalg.pinv, _steepest(_pinv_product))


def linalg_pinv(x, /, *, rtol=None):
    return _pinv(x, rtol=plain(rtol))


def _det_product(answer, x):
    def product(g):
        if np.all(plain(answer)):
            return (g * _conj(answer))[..., None, None] * _h(linalg_inv(x))
        u, s, vh = linalg_svd(x, full_matrices=False)
        s = anp.moveaxis(others(anp.moveaxis(s, -1, 0)), 0, -1)
        factor = g * _conj(linalg_det(u) * linalg_det(vh))
        return factor[..., None, None] * _matmul(u * s[..., None, :], vh)

    return product


def _slogdet_product(answer, x):
    def product(by_sign, by_log):
        factor = 0 if by_log is None else by_log
        if by_sign is not None and _is_complex(x):
            factor = factor + 1j * anp.imag(by_sign * anp.conj(answer[0]))
        return anp.reshape(factor, (*x.shape[:-2], 1, 1)) * _h(linalg_inv(x))

    return product


linalg_det: Any = primitive(_linalg.linalg_det, _steepest(_det_product))
linalg_slogdet = primitive_many(_linalg.linalg_slogdet, _steepest(_slogdet_product))

# -- triangular factors ---------------------------------------------------------------------------


def _cholesky_product(factor, x):
    low = np.tril(np.ones(x.shape[-2:], plain(x).dtype)) - _eye(x) / 2

    def product(g):
        h = _h(factor)
        s = _solve(h, _h(_solve(h, low * _matmul(h, g))))
        return (s + _h(s)) / 2

    return product


_cholesky = primitive(_linalg.linalg_cholesky, _steepest(_cholesky_product))


def linalg_cholesky(x, /, *, upper=False):
    return _h(_cholesky(x)) if upper else _cholesky(x)


def _square_qr(q, r, by_q, by_r):
    """The gradient by a matrix with as many rows as columns or more."""
    m = _matmul(by_r, _h(r)) - _matmul(_h(q), by_q)
    upper = np.triu(np.ones(m.shape[-2:], plain(m).dtype)) - _eye(m) / 2
    m = m * upper
    try:
        return _h(_solve(r, _h(by_q + _matmul(q, m + _h(m)))))
    except np.linalg.LinAlgError as error:
        raise _refuse("qr where columns depend on each other; the factors jump there") from error


def _qr_product(answer, x, *, mode):
    rows, columns = x.shape[-2:]

    def product(by_q, by_r):
        if mode == "complete" and rows > columns:
            raise _refuse("qr with mode='complete' of tall matrices: use mode='reduced'")
        q, r = answer
        by_q = np.zeros(q.shape, plain(q).dtype) if by_q is None else by_q
        by_r = np.zeros(r.shape, plain(r).dtype) if by_r is None else by_r
        if rows >= columns:
            return _square_qr(q, r, by_q, by_r)
        # the first columns make q, and the others are q @ r[:, rows:]
        by_rest = by_r[..., rows:]
        by_q = by_q + _matmul(x[..., rows:], _h(by_rest))
        first = _square_qr(q, r[..., :rows], by_q, by_r[..., :rows])
        return anp.concatenate([first, _matmul(q, by_rest)], axis=-1)

    return product


_qr = primitive_many(_linalg.linalg_qr, _steepest(_qr_product))


def linalg_qr(x, /, *, mode="reduced"):
    return _qr(x, mode=mode)


# -- singular values and eigenvalues ----------------------------------------------------------------


def _inverse_gaps(s, what):
    """``1 / (s[j] - s[i])``, and 0 for i == j."""
    size = s.shape[-1]
    gaps = s[..., None, :] - s[..., :, None]
    least = 8 * np.finfo(plain(s).dtype).eps * np.max(np.abs(plain(s)), initial=0)
    if np.any((np.abs(plain(gaps)) <= least) & ~np.eye(size, dtype=bool)):
        raise _refuse(f"{what} where two values are equal; the values alone have one")
    return (1 - _eye(s)) / (gaps + _eye(s))


def _check_phase(d, x, what):
    """Refuse a loss that changes with the phase of vectors, which is arbitrary."""
    d, x = plain(d), plain(x)
    if x.dtype.kind == "c":
        bound = np.sqrt(np.finfo(x.dtype).eps) * np.max(np.abs(x), initial=0)
        if np.any(np.abs(d.imag) > bound):
            raise _refuse(f"a loss that depends on the phase of {what}; it is arbitrary")


def _svd_product(answer, x, *, full_matrices):
    k = min(x.shape[-2:])

    def product(by_u, by_s, by_vh):
        u, s, vh = answer
        for factor, g in ((u.shape[-1], by_u), (vh.shape[-2], by_vh)):
            if factor > k and g is not None:
                raise _refuse("svd with full_matrices=True: use full_matrices=False")
        u, vh = u[..., :k], vh[..., :k, :]
        middle = 0 if by_s is None else _as_diagonal(by_s)
        beside = 0
        if by_u is not None or by_vh is not None:
            by_u = np.zeros(u.shape, plain(u).dtype) if by_u is None else by_u
            by_vh = np.zeros(vh.shape, plain(vh).dtype) if by_vh is None else by_vh
            row, column = s[..., None, :], s[..., :, None]
            inverse = _inverse_gaps(s, "singular vectors") / (row + column + _eye(s))
            a, b = _matmul(_h(u), by_u), _matmul(vh, _h(by_vh))
            _check_phase(_diagonal(a + b), a, "singular vectors")
            middle = middle + (a - _h(a)) * inverse * row + column * (b - _h(b)) * inverse
            if _is_complex(x):
                middle = middle + _as_diagonal(1j * anp.imag(_diagonal(a)) / s)
            if x.shape[-2] > k:
                beside = beside + _matmul((by_u - _matmul(u, a)) / row, vh)
            if x.shape[-1] > k:
                beside = beside + _matmul(u / row, by_vh - _matmul(_h(b), vh))
        return _matmul(_matmul(u, middle), vh) + beside

    return product


_svd = primitive_many(_linalg.linalg_svd, _steepest(_svd_product))


def linalg_svd(x, /, *, full_matrices=True):
    return _svd(x, full_matrices=full_matrices)


def _eigh_product(answer, x):
    def product(by_w, by_v):
        w, v = answer
        middle = 0 if by_w is None else _as_diagonal(by_w)
        if by_v is not None:
            a = _matmul(_h(v), by_v)
            _check_phase(_diagonal(a), a, "eigenvectors")
            middle = middle + a * _inverse_gaps(w, "eigenvectors")
        return _matmul(_matmul(v, middle), _h(v))

    return product


def _eig_product(answer, x):
    def product(by_w, by_v):
        w, v = answer
        middle = 0 if by_w is None else _as_diagonal(by_w)
        if by_v is not None:
            a = _matmul(_h(v), by_v)
            _check_phase(_diagonal(a), a, "eigenvectors")
            a = a - _matmul(_h(v), v * anp.real(_diagonal(a))[..., None, :])
            middle = middle + a * _conj(_inverse_gaps(w, "eigenvectors"))
        try:
            g = _solve(_h(v), _matmul(middle, _h(v)))
        except np.linalg.LinAlgError as error:
            raise _refuse("eig of a matrix that cannot be diagonalised") from error
        return g if _is_complex(x) else anp.real(g)

    return product


linalg_eigh = primitive_many(_linalg.linalg_eigh, _steepest(_eigh_product))
linalg_eig = primitive_many(_linalg.linalg_eig, _steepest(_eig_product))
