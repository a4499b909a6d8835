"""Operations that the engine has with the same meaning: all but a few under the same name."""

# ruff: noqa: F401, I001 - the backend looks them up here

from array_api_strict import (
    abs, acos, acosh, add, all, any, argmax, argmin, argsort, asin, asinh, atan, atan2, atanh,
    bitwise_and, bitwise_invert, bitwise_left_shift, bitwise_or, bitwise_right_shift, bitwise_xor,
    broadcast_to, ceil, concat, conj, copysign, cos, cosh, cumulative_prod, cumulative_sum,
    divide, equal, exp, expm1, fft, floor, floor_divide, imag, isfinite, isinf, isnan, less,
    less_equal, linalg, log, log10, log1p, log2, logical_and, logical_not, logical_or,
    logical_xor, matmul, max, maximum, mean, min, minimum, multiply, negative, nextafter, nonzero,
    permute_dims, pow, real, remainder, reshape, round, searchsorted, sign, signbit, sin,
    sinh, sort, sqrt, stack, subtract, take_along_axis, tan, tanh, where,
)  # fmt: skip

cumsum = cumulative_sum
cumprod = cumulative_prod

fft_fft = fft.fft
fft_ifft = fft.ifft
fft_rfft = fft.rfft
fft_irfft = fft.irfft

linalg_cholesky = linalg.cholesky
linalg_eig = linalg.eig
linalg_eigh = linalg.eigh
linalg_qr = linalg.qr
linalg_slogdet = linalg.slogdet
linalg_solve = linalg.solve
linalg_svd = linalg.svd
