"""The gradient of every differentiable operation against central finite differences."""

import contextlib

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import UnsupportedError
from ember_ml.backend.operations import OPERATIONS
from ember_ml.backend.registry import current_backend
from ember_ml.backend.testing import CASES as KIT
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor import fft, linalg


def normal(*shape):
    return np.random.default_rng(len(shape) + sum(shape)).normal(size=shape)


def positive(*shape):
    return np.random.default_rng(len(shape) + sum(shape)).uniform(0.5, 2.0, size=shape)


def inner(*shape):
    return np.random.default_rng(len(shape) + sum(shape)).uniform(-0.9, 0.9, size=shape)


def spd(x):
    """A symmetric positive definite matrix from any."""
    return et.matmul(x, et.matrix_transpose(x)) + 2.0 * et.eye(x.shape[-1], dtype=x.dtype)


def regular(*shape):
    return normal(*shape) + 3.0 * np.eye(shape[-1])


X = normal(2, 3)
INDEX = [[2, 0], [1, 1]]


def z(x):
    """A complex tensor from a real one."""
    return x * (1.0 + 0.5j)


#: For each operation functions of floating-point tensors, and where to take their gradients.
CASES = {
    "astype": [
        (lambda x: et.astype(x, "float32"), X),
        (lambda x: et.astype(x, "complex64"), X),
    ],
    "copy": [(et.copy, X)],
    "reshape": [(lambda x: et.reshape(x, (3, 2)), X), (lambda x: et.reshape(x, (-1,)), X)],
    "broadcast_to": [
        (lambda x: et.broadcast_to(x, (4, 2, 3)), X),
        (lambda x: et.broadcast_to(x, (2, 3)), normal(2, 1)),
        (lambda x: et.broadcast_to(x, (2,)), normal()),
    ],
    "permute_dims": [(lambda x: et.permute_dims(x, (2, 0, 1)), normal(2, 3, 4))],
    "matrix_transpose": [(et.matrix_transpose, normal(2, 3, 4))],
    "moveaxis": [(lambda x: et.moveaxis(x, 0, -1), normal(2, 3, 4))],
    "concat": [
        (lambda x, y: et.concat([x, y], axis=1), X, normal(2, 2)),
        (lambda x, y: et.concat([x, y], axis=None), X, normal(2, 2)),
    ],
    "stack": [(lambda x, y: et.stack([x, y], axis=1), X, normal(2, 3) + 1)],
    "flip": [(lambda x: et.flip(x, axis=1), X), (lambda x: et.flip(x), X)],
    "roll": [(lambda x: et.roll(x, 1, axis=1), X), (lambda x: et.roll(x, (1, 2), axis=(0, 1)), X)],
    "repeat": [(lambda x: et.repeat(x, 2, axis=1), X)],
    "tile": [(lambda x: et.tile(x, (2, 1, 2)), X)],
    "sort": [
        (lambda x: et.sort(x, axis=1), X),
        (lambda x: et.sort(x, axis=0, descending=True), X),
    ],
    "where": [(lambda x, y: et.where(et.asarray([True, False, True]), x, y), X, normal(3))],
    "take": [
        (lambda x: et.take(x, et.asarray([2, 0, 2]), axis=1), X),
        (lambda x: et.take(x, et.asarray([1, 1]), axis=0), X),
    ],
    "take_along_axis": [(lambda x: et.take_along_axis(x, et.asarray(INDEX), axis=1), X)],
    "gather": [(lambda x: et.gather(x, et.asarray([[2, 0, 2, 1]]), axis=1), X)],
    "index_add": [(lambda x, y: x.at[[1, 1, 0]].add(y), X, normal(3, 3))],
    "index_multiply": [(lambda x, y: x.at[[1, 1, 0]].multiply(y), X, normal(3, 3))],
    "index_max": [(lambda x, y: x.at[:, [1, 1, 0]].max(y), X, normal(3))],
    "index_min": [(lambda x, y: x.at[[1, 1, 0], [2, 2, 0]].min(y), X, normal(3))],
    "segment_sum": [(lambda x: et.segment_sum(x, [1, 1], num_segments=2), X)],
    "segment_mean": [(lambda x: et.segment_mean(x, [0, 2, 0], num_segments=3), normal(3))],
    "segment_max": [(lambda x: et.segment_max(x, [1, 0, 1], num_segments=2), normal(3, 2))],
    "segment_min": [(lambda x: et.segment_min(x, [1, 0, 1], num_segments=2), normal(3, 2))],
    "tril": [(lambda x: et.tril(x, k=-1), normal(3, 3))],
    "triu": [(lambda x: et.triu(x, k=1), normal(2, 3, 4))],
    "abs": [(et.abs, X), (lambda x: et.abs(z(x)), X)],
    "add": [(et.add, X, normal(3)), (lambda x: x + 2.0, X), (lambda x: 2.0 + x, X)],
    "atan2": [(et.atan2, X, normal(3)), (lambda x: et.atan2(1.0, x), X)],
    "clip": [(lambda x: et.clip(x, -0.5, 0.5), X), (lambda x: et.clip(x, None, 0.5), X)],
    "conj": [(et.conj, X), (lambda x: et.conj(z(x)), X)],
    "copysign": [(et.copysign, X, normal(3))],
    "divide": [(et.divide, X, positive(3)), (lambda x: 1.0 / x, X), (lambda x: x / 3.0, X)],
    "hypot": [(et.hypot, X, normal(3))],
    "imag": [(lambda x: et.imag(z(x) * z(x)), X)],
    "logaddexp": [(et.logaddexp, X, normal(3)), (lambda x: et.logaddexp(x, 0.0), X)],
    "maximum": [(et.maximum, X, normal(3)), (lambda x: et.maximum(x, 0.1), X)],
    "minimum": [(et.minimum, X, normal(3)), (lambda x: et.minimum(0.1, x), X)],
    "multiply": [(et.multiply, X, normal(3)), (lambda x: x * 2.0, X), (lambda x: x * x, X)],
    "negative": [(et.negative, X)],
    "positive": [(et.positive, X)],
    "pow": [
        (et.pow, positive(2, 3), normal(3)),
        (lambda x: x**3, X),
        (lambda x: x**2.5, positive(2, 3)),
        (lambda x: 2.0**x, X),
    ],
    "real": [(et.real, X), (lambda x: et.real(z(x) * z(x)), X)],
    "reciprocal": [(et.reciprocal, positive(2, 3))],
    "remainder": [(et.remainder, X, positive(3)), (lambda x: x % 0.7, X)],
    "square": [(et.square, X)],
    "subtract": [(et.subtract, X, normal(3)), (lambda x: 1.0 - x, X)],
    "fft_fft": [
        (lambda x: fft.fft(z(x)), X),
        (lambda x: fft.fft(z(x), n=2), X),
        (lambda x: fft.fft(z(x), n=5, axis=0, norm="ortho"), X),
    ],
    "fft_ifft": [(lambda x: fft.ifft(z(x)), X), (lambda x: fft.ifft(z(x), norm="forward"), X)],
    "fft_rfft": [
        (lambda x: fft.rfft(x), X),
        (lambda x: fft.rfft(x, n=6, axis=0, norm="ortho"), X),
        (lambda x: fft.rfft(x, n=2), X),
    ],
    "fft_irfft": [
        (lambda x: fft.irfft(z(x)), X),
        (lambda x: fft.irfft(z(x), n=5), X),
        (lambda x: fft.irfft(fft.rfft(x) * 2.0, n=4), normal(2, 4)),
    ],
    "matmul": [
        (et.matmul, X, normal(3, 4)),
        (et.matmul, normal(3), normal(3, 4)),
        (et.matmul, X, normal(3)),
        (et.matmul, normal(3), normal(3)),
        (et.matmul, normal(2, 1, 3, 4), normal(5, 4, 2)),
    ],
    "vecdot": [(et.vecdot, X, normal(3)), (lambda x, y: et.vecdot(x, y, axis=0), X, normal(2, 3))],
    "contract": [
        (lambda x, y: et.einsum("bij,kj->ibk", x, y), normal(2, 3, 4), normal(5, 4)),
        (lambda x, y: et.einsum("ij,jk", x, y), normal(2, 1), normal(3, 2)),
        (lambda x, y: et.einsum("ii,ki->ki", x, y), normal(3, 3), normal(2, 3)),
        (lambda x, y, z: et.einsum("ij,jk,kl->l", x, y, z), X, normal(3, 2), normal(2, 4)),
    ],
    "kron": [(et.kron, X, normal(2, 2))],
    "pad": [
        (lambda x: et.pad(x, ((3, 1), (0, 4)), mode="edge"), X),
        (lambda x: et.pad(x, ((3, 1), (0, 4)), mode="reflect"), X),
        (lambda x: et.pad(x, ((3, 1), (0, 4)), mode="symmetric"), X),
        (lambda x: et.pad(x, ((3, 1), (0, 4)), mode="wrap"), X),
    ],
    "pad_constant": [(lambda x: et.pad(x, ((1, 0), (0, 2)), value=2.0), X)],
    "convolve": [
        (et.convolve, normal(5), normal(3)),
        (lambda x, y: et.convolve(x, y, mode="same"), normal(2), normal(5)),
        (lambda x, y: et.convolve(x, y, mode="valid"), normal(5), normal(2)),
    ],
    "interp": [
        (lambda x, xp, fp: et.interp(x, et.sort(xp), fp), inner(2, 3), inner(4), normal(4)),
        (lambda x, fp, y: et.interp(x, [-0.5, 0.5], fp, left=y), inner(2, 3), normal(2), normal()),
    ],
    "trapezoid": [
        (lambda y: et.trapezoid(y, axis=0, dx=0.5), X),
        (lambda y, x: et.trapezoid(y, x), X, normal(3)),
    ],
    "order_statistics": [(lambda x: et.quantile(x, [0.0, 0.3, 1.0], axis=0), normal(4, 2))],
    "quantile": [(lambda x: et.quantile(x, 0.3, axis=(0, 1)), normal(2, 3, 2))],
    "median": [(lambda x: et.median(x, axis=1), X), (et.median, X)],
    "nanquantile": [(lambda x: et.nanquantile(x, [0.2, 0.9], axis=1), X)],
    "nanmedian": [(lambda x: et.nanmedian(x, axis=0), X)],
    "nansum": [(lambda x: et.nansum(x, axis=1), X)],
    "nanprod": [(lambda x: et.nanprod(x, axis=1), X)],
    "nanmean": [(lambda x: et.nanmean(x, axis=1), X)],
    "nanvar": [(lambda x: et.nanvar(x, axis=1, correction=1.0), X)],
    "nanstd": [(lambda x: et.nanstd(x, axis=1), X)],
    "nanmax": [(lambda x: et.nanmax(x, axis=1), X)],
    "nanmin": [(lambda x: et.nanmin(x, axis=1), X)],
    "nan_to_num": [(et.nan_to_num, X)],
    "histogram": [
        (lambda w: et.histogram(X, bins=3, weights=w).hist, normal(2, 3)),
        (lambda w: et.histogram(X, bins=3, weights=w, density=True).hist, positive(2, 3)),
    ],
    "cov": [(et.cov, X), (lambda x: et.cov(x, correction=0.0), normal(2, 3, 4))],
    "corrcoef": [(lambda x: et.corrcoef(x)[0, 1:], normal(3, 5))],
    "tensordot": [
        (lambda x, y: et.tensordot(x, y, axes=1), X, normal(3, 4)),
        (lambda x, y: et.tensordot(x, y, axes=((0,), (1,))), X, normal(4, 2)),
    ],
    "sum": [(et.sum, X), (lambda x: et.sum(x, axis=1), X),
            (lambda x: et.sum(x, axis=(0, 2), keepdims=True), normal(2, 3, 4))],
    "prod": [(et.prod, X), (lambda x: et.prod(x, axis=0), X),
             (lambda x: et.prod(x, axis=1), np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 1.0]]))],
    "mean": [(et.mean, X), (lambda x: et.mean(x, axis=(0, 2)), normal(2, 3, 4))],
    "var": [(et.var, X), (lambda x: et.var(x, axis=1, correction=1), X)],
    "std": [(et.std, X), (lambda x: et.std(x, axis=1, keepdims=True), X)],
    "max": [(et.max, X), (lambda x: et.max(x, axis=1), X),
            (lambda x: et.max(x, axis=(0, 1), keepdims=True), normal(2, 3, 4))],
    "min": [(et.min, X), (lambda x: et.min(x, axis=0), X)],
    "cumulative_sum": [(lambda x: et.cumulative_sum(x, axis=1), X),
                       (lambda x: et.cumulative_sum(x, axis=0, include_initial=True), X)],
    "cumulative_prod": [(lambda x: et.cumulative_prod(x, axis=1), X)],
    # what the backend supplies for the two before
    "cumsum": [(lambda x: et.cumulative_sum(x, axis=0), X)],
    "cumprod": [(lambda x: et.cumulative_prod(x, axis=0), X)],
    "linalg_cholesky": [
        (lambda x: linalg.cholesky(spd(x)), normal(3, 3)),
        (lambda x: linalg.cholesky(spd(x), upper=True), normal(2, 3, 3)),
    ],
    "linalg_det": [(linalg.det, normal(3, 3)), (linalg.det, normal(2, 3, 3))],
    "linalg_slogdet": [(lambda x: linalg.slogdet(x).logabsdet, normal(2, 3, 3))],
    "linalg_inv": [(linalg.inv, regular(3, 3)), (linalg.inv, regular(2, 3, 3))],
    "linalg_solve": [
        (linalg.solve, regular(3, 3), normal(3)),
        (linalg.solve, regular(2, 3, 3), normal(2, 3, 2)),
    ],
    "linalg_qr": [
        (lambda x: linalg.qr(x).Q, normal(4, 3)),
        (lambda x: linalg.qr(x).R, normal(4, 3)),
        (lambda x: linalg.qr(x).R, normal(2, 3, 3)),
    ],
    "linalg_svd": [(lambda x: svd_cubed(x), normal(4, 3)), (lambda x: svd_cubed(x), normal(2, 3, 3))],
    "linalg_svdvals": [(linalg.svdvals, normal(4, 3))],
    "linalg_eigh": [(lambda x: eigh_squared(x), normal(3, 3))],
    "linalg_eigvalsh": [(lambda x: linalg.eigvalsh(x + x.mT), normal(3, 3))],
    "linalg_eig": [(lambda x: et.sum(linalg.eig(x).eigenvalues ** 3), normal(3, 3))],
    "linalg_eigvals": [(lambda x: et.sum(linalg.eigvals(x) ** 3), normal(3, 3))],
    "linalg_pinv": [(linalg.pinv, normal(4, 3))],
    "linalg_matrix_power": [
        (lambda x: linalg.matrix_power(x, 3), normal(3, 3)),
        (lambda x: linalg.matrix_power(x, -2), regular(3, 3)),
    ],
    "linalg_cross": [(linalg.cross, X, normal(2, 3) + 1)],
    "linalg_diagonal": [(lambda x: linalg.diagonal(x, offset=1), normal(2, 3, 4))],
    "linalg_trace": [(linalg.trace, normal(2, 3, 3))],
    "linalg_vector_norm": [
        (linalg.vector_norm, X),
        (lambda x: linalg.vector_norm(x, axis=1, ord=1), X),
        (lambda x: linalg.vector_norm(x, axis=1, ord=3, keepdims=True), X),
        (lambda x: linalg.vector_norm(x, axis=0, ord=float("inf")), X),
    ],
    "linalg_matrix_norm": [
        (linalg.matrix_norm, X),
        (lambda x: linalg.matrix_norm(x, ord="nuc"), normal(3, 3)),
        (lambda x: linalg.matrix_norm(x, ord=1), X),
        (lambda x: linalg.matrix_norm(x, ord=2), normal(3, 3)),
    ],
    **{name: [(getattr(et, name), inner(2, 3))] for name in (
        "acos", "asin", "asinh", "atan", "atanh", "cos", "cosh", "erf", "exp", "expm1", "log1p",
        "sin", "sinh", "tan", "tanh",
    )},
    **{name: [(getattr(et, name), positive(2, 3))] for name in ("log", "log10", "log2", "sqrt")},
    "acosh": [(et.acosh, positive(2, 3) + 1)],
    **{name: [(getattr(nn, name), X)] for name in (
        "gelu", "leaky_relu", "relu", "sigmoid", "silu", "softplus",
    )},
    "logsumexp": [(et.logsumexp, X), (lambda x: et.logsumexp(x, axis=1, keepdims=True), X)],
    "softmax": [(et.softmax, X), (lambda x: et.softmax(x, axis=0), X)],
    "log_softmax": [(et.log_softmax, X), (lambda x: et.log_softmax(x, axis=0), X)],
    "linear": [
        (et.linear, X, normal(4, 3), normal(4)),
        (et.linear, normal(3), normal(4, 3), normal(4)),
        (et.linear, normal(2, 2, 3), normal(4, 3), normal(4)),
    ],
    "softmax_cross_entropy": [
        (lambda x: et.softmax_cross_entropy(x, et.asarray([2, 0])), X),
        (lambda x: et.softmax_cross_entropy(x.mT, et.asarray([1, 0, 1])), X),
        (lambda x: et.softmax_cross_entropy(
            x, et.asarray([-1, 2]), ignore_index=-1, reduction="mean"), X),
    ],
    "ctc_loss": [
        (lambda x: et.ctc_loss(
            x, et.asarray([[1, 1], [2, 0]]), et.asarray([4, 3]), et.asarray([2, 1])),
         normal(4, 2, 3)),
    ],
    "layer_norm": [
        (et.layer_norm, X, normal(3), normal(3)),
        (lambda x, w: et.layer_norm(x, w, dims=2), normal(2, 3, 4), normal(3, 4)),
    ],
    "rms_norm": [(et.rms_norm, X, normal(3)), (lambda x: et.rms_norm(x, dims=2), X)],
    "group_norm": [
        (lambda x, w, b: et.group_norm(x, w, b, num_groups=2), normal(2, 4, 3), normal(4), normal(4)),
    ],
    "batch_norm": [(et.batch_norm, normal(3, 2, 4), normal(2), positive(2), normal(2), normal(2))],
    "batch_norm_train": [
        (lambda x, w, b: et.batch_norm_train(x, w * 0.0, w * 0.0, w, b)[0], normal(5, 2), normal(2), normal(2)),
        (lambda x: et.batch_norm_train(x, et.zeros(2), et.ones(2))[0], normal(3, 2, 4)),
    ],
    "max_windows": [
        (lambda x: et.max_pool(x, kernel_size=2), normal(1, 2, 4, 5)),
        (lambda x: et.max_pool(x, kernel_size=3, stride=2, padding=1, ceil_mode=True), normal(2, 3, 6)),
    ],
    "mean_windows": [
        (lambda x: et.avg_pool(x, kernel_size=2), normal(1, 2, 4, 5)),
        (lambda x: et.avg_pool(x, kernel_size=3, stride=2, padding=1, count_include_pad=False), normal(2, 3, 6)),
    ],
    "adaptive_mean": [(lambda x: et.adaptive_avg_pool(x, output_size=3), normal(1, 2, 4, 5))],
    "adaptive_max": [(lambda x: et.adaptive_max_pool(x, output_size=3), normal(1, 2, 4, 5))],
    "resize": [
        (lambda x: et.interpolate(x, size=(3, 7)), normal(1, 2, 4, 5)),
        (lambda x: et.interpolate(x, scale_factor=1.5, mode="bicubic"), normal(1, 2, 4, 5)),
        (lambda x: et.interpolate(x, size=7, mode="linear", align_corners=True), normal(1, 2, 4)),
    ],
}  # fmt: skip

#: What is made of operations and has a path of its own.
OTHERS = {
    "x[0]": (lambda x: x[0], X),
    "x[:, 1:]": (lambda x: x[:, 1:], X),
    "x[..., None]": (lambda x: x[..., None], X),
    "x[::-1]": (lambda x: x[::-1, ::2], X),
    "x[integers]": (lambda x: x[et.asarray([1, 0, 1])], X),
    "x[pairs]": (lambda x: x[et.asarray([0, 1, 1]), et.asarray([2, 2, 2])], X),
    "x[mask]": (lambda x: x[et.asarray(X > 0)], X),
    "x[0] = value": (lambda x, y: assigned(x, 0, y), X, normal(3)),
    "x[mask] = value": (lambda x, y: assigned(x, et.asarray(X > 0), y), X, normal()),
    "x += y": (lambda x, y: iadd(x, y), X, normal(3)),
    "iteration": (lambda x: et.stack([2.0 * row for row in x][::-1]), X),
    "squeeze": (lambda x: et.squeeze(x, axis=1), normal(2, 1)),
    "expand_dims": (lambda x: et.expand_dims(x, axis=1), X),
    "split": (lambda x: et.split(x, 3, axis=1)[1], X),
    "unstack": (lambda x: et.unstack(x, axis=1)[2], X),
    "diff": (lambda x: et.diff(x, axis=1), X),
    "meshgrid": (lambda x, y: et.meshgrid(x, y)[1], normal(2), normal(3)),
    "broadcast_arrays": (lambda x, y: et.broadcast_arrays(x, y)[1], X, normal(3)),
    "outer": (linalg.outer, normal(2), normal(3)),
    "top_k": (lambda x: et.top_k(x, 2, axis=1).values, X),
    "fftn": (lambda x: fft.fftn(z(x)), X),
    "irfftn": (lambda x: fft.irfftn(fft.rfftn(x) * 2.0, s=(2, 4)), normal(2, 4)),
    "hfft": (lambda x: fft.hfft(z(x)), X),
    "asarray of a list": (lambda x, y: et.stack([x, y]) * 2.0, normal(), normal()),
}

#: Their derivative is zero wherever there is one.
FLAT = ["ceil", "floor", "round", "sign", "trunc"]

#: Results that are no floating-point function of the arguments, or no function of tensors at all.
NOT_DIFFERENTIABLE = {
    "all", "any", "arange", "argmax", "argmin", "argsort", "bitwise_and", "bitwise_invert",
    "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "count_nonzero",
    "empty", "equal", "eye", "floor_divide", "greater", "greater_equal", "halves_below", "isfinite", "isin",
    "isinf", "isnan", "less", "less_equal", "linalg_matrix_rank", "linspace", "logical_and",
    "logical_not", "logical_or", "logical_xor", "nanargmax", "nanargmin", "nextafter", "nonzero", "not_equal", "one_hot", "ones",
    "random_words", "searchsorted", "signbit", "zeros",
    # tested elsewhere: constants, and the rules of optimizers
    "stop_gradient", "constant_unless", "adagrad_update", "adam_update", "average_update",
    "lion_update", "momentum_update", "rmsprop_update", "sgd_update",
}  # fmt: skip

#: Those with complex numbers on the way: in double precision only where the engine has complex128.
COMPLEX = {"abs", "conj", "imag", "real", "linalg_eig", "linalg_eigvals", "hfft", "fftn", "irfftn",
           *(name for name in CASES if name.startswith("fft"))}  # fmt: skip

#: What an engine has no gradient for; it says so.
LACKS: dict[str, set[str]] = {}


def svd_cubed(x):
    u, s, vh = linalg.svd(x, full_matrices=False)
    return et.matmul(u * s[..., None, :] ** 3, vh)


def eigh_squared(x):
    w, v = linalg.eigh(x + x.mT)
    return et.matmul(v * w[..., None, :] ** 2, v.mT)


def assigned(x, key, value):
    x = et.copy(x)
    x[key] = value
    return x


def iadd(x, y):
    x = et.copy(x)
    x += y
    return x


def numbered():
    for key, cases in CASES.items():
        for i, case in enumerate(cases):
            yield pytest.param(key, case, id=f"{key}-{i}" if len(cases) > 1 else key)
    for name, case in OTHERS.items():
        yield pytest.param(name, case, id=name)


def scalar(function, *tensors):
    """One number of the result, in which every element counts, and differently."""
    y = function(*tensors)
    weights = np.random.default_rng(0).uniform(0.5, 1.5, size=(2, *y.shape))
    dtype = tensors[0].dtype
    if y.dtype.kind == "complex":
        first, second = (et.asarray(w, dtype=dtype) for w in weights)
        return et.sum(first * et.real(y)) + et.sum(second * et.imag(y))
    return et.sum(et.asarray(weights[0], dtype=dtype) * y)


def differences(function, arrays, step):
    """Central finite differences in double precision."""

    def value(given):
        tensors = [et.asarray(a, dtype="float64") for a in given]
        return scalar(function, *tensors).item()

    for n, array in enumerate(arrays):
        gradient = np.zeros_like(array)
        for i in np.ndindex(array.shape):
            up, down = [list(arrays) for _ in range(2)]
            up[n], down[n] = array.copy(), array.copy()
            up[n][i] += step
            down[n][i] -= step
            gradient[i] = (value(up) - value(down)) / (2 * step)
        yield gradient


def test_the_table_is_complete():
    # The kit has the gradients of some, against double precision.
    kit = {case.operation.key for case in KIT if case.operation and case.gradient}
    known = set(CASES) | set(FLAT) | NOT_DIFFERENTIABLE
    assert set(OPERATIONS) - kit <= known <= set(OPERATIONS)
    assert not (set(CASES) | set(FLAT)) & NOT_DIFFERENTIABLE


@pytest.mark.parametrize(("name", "case"), list(numbered()))
def test_gradient(backend, name, case):
    function, *arrays = case
    arrays = [np.asarray(a, np.float64) for a in arrays]
    double = {"float64", "complex128"} <= current_backend().capabilities or (
        "float64" in current_backend().capabilities and name not in COMPLEX
    )
    coarse = not double or name == "astype"  # which converts to float32
    reference = contextlib.nullcontext() if double else et.use_backend("numpy")
    with reference:
        expected = list(differences(function, arrays, 1e-2 if name == "astype" else 1e-6))
    tensors = [et.asarray(a, dtype="float64" if double else "float32") for a in arrays]
    numbers = tuple(range(len(tensors)))
    run = nn.value_and_grad(lambda *xs: scalar(function, *xs), argnums=numbers)
    if name in LACKS.get(backend, ()):
        with pytest.raises(UnsupportedError):
            run(*tensors)
        return
    value, gradients = run(*tensors)
    close = {"rtol": 5e-3, "atol": 5e-4} if coarse else {"rtol": 1e-5, "atol": 1e-7}
    np.testing.assert_allclose(value.item(), scalar(function, *tensors).item(), rtol=1e-4)
    for gradient, tensor, numeric in zip(gradients, tensors, expected, strict=True):
        assert gradient.dtype is tensor.dtype
        assert gradient.shape == tensor.shape
        np.testing.assert_allclose(gradient.numpy(), numeric, **close)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("name", FLAT)
def test_where_the_derivative_is_zero(name):
    x = et.asarray(X, dtype="float32")
    gradient = nn.grad(lambda x: et.sum(getattr(et, name)(x) * 2.0))(x)
    assert gradient.tolist() == np.zeros_like(X).tolist()
    product = nn.grad(lambda x: et.sum(getattr(et, name)(x) * x))(x)
    np.testing.assert_array_equal(product.numpy(), getattr(et, name)(x).numpy())


@pytest.mark.usefixtures("backend")
def test_stop_gradient():
    x = et.asarray([2.0, 3.0])
    assert nn.grad(lambda x: et.sum(et.stop_gradient(x * x) * x))(x).tolist() == [4.0, 9.0]
    assert nn.grad(lambda x: et.sum(et.stop_gradient(x * x)))(x).tolist() == [0.0, 0.0]
    second = nn.grad(lambda x: et.sum(nn.grad(lambda x: et.sum(et.stop_gradient(x) * x**2))(x)))
    assert second(x).tolist() == [4.0, 6.0]  # of 2 stop(x) x


@pytest.mark.usefixtures("backend")
def test_the_gradient_of_bool_and_integer_intermediates_is_zero():
    def f(x):
        return et.sum(et.astype(x > 1.0, "float32") * x + et.astype(et.astype(x, "int64"), x.dtype))

    assert nn.grad(f)(et.asarray([0.5, 1.5])).tolist() == [0.0, 1.0]
