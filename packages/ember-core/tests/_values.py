"""Comparison of tensors with what NumPy computed."""

import numpy as np

from ember_ml.nn import tensor as et


def close(result, expected, rtol=2e-6, atol=1e-6):
    """Equal up to rounding, in the same dtype and shape."""
    expected = np.asarray(expected)
    assert isinstance(result, et.EmberTensor)
    assert result.dtype.name == expected.dtype.name
    assert result.shape == expected.shape
    values = np.asarray(result.tolist()).reshape(expected.shape)
    np.testing.assert_allclose(values, expected, rtol=rtol, atol=atol)


def same(result, expected):
    """Equal, in the same dtype and shape."""
    close(result, expected, rtol=0, atol=0)
