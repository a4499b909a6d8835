"""The affine layer."""

from ._case import layer

for bias in (True, False):
    layer("Linear", 4, 5, bias=bias, inputs=[(3, 4)])
layer("Linear", 4, 5, inputs=[(2, 3, 4)])
layer("Linear", 4, 5, inputs=[(4,)])
