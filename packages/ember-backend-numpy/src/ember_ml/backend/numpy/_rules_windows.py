"""Gradients of pooling and of normalisation, each operation one step of the tape.

They are for ordinary arrays, as those of `_vjps`.
"""

from __future__ import annotations

from . import _normalization as _loud_normalization
from . import _pooling as _loud_pooling
from ._quiet import quiet_module
from ._tape import plain, primitive_keeping

_normalization = quiet_module(_loud_normalization)
_pooling = quiet_module(_loud_pooling)

layer_norm = primitive_keeping(
    _normalization.forward_layer_norm, _normalization.backward_layer_norm
)
rms_norm = primitive_keeping(_normalization.forward_rms_norm, _normalization.backward_rms_norm)
max_windows = primitive_keeping(_pooling.forward_max_windows, _pooling.backward_max_windows)
mean_windows = primitive_keeping(_pooling.forward_mean_windows, _pooling.backward_mean_windows)
_standardized = primitive_keeping(
    _normalization.forward_standardized, _normalization.backward_standardized
)


def batch_norm_train(
    x, running_mean, running_var, weight=None, bias=None, /, *, momentum=0.1, eps=1e-5
):  # fmt: skip
    values = map(plain, (x, running_mean, running_var, weight, bias))
    centred, inverse, moved = _normalization.statistics(*values, momentum, eps)
    return _standardized(x, weight, bias, centred, inverse), *moved
