"""Activations."""

import numpy as np

from ._case import layer

#: Far enough to be beyond every bend, on both sides.
WIDE = (4, 33)


def wide(rng):
    return rng.uniform(-25, 25, WIDE).astype(np.float32)


def near(rng):
    return rng.uniform(-2, 2, WIDE).astype(np.float32)


PLAIN = (
    "Hardsigmoid", "Hardswish", "LogSigmoid", "Mish", "ReLU", "ReLU6", "SELU", "SiLU", "Sigmoid",
    "Softsign", "Tanh", "Tanhshrink",
)  # fmt: skip

for name in PLAIN:
    for inputs in (wide, near):
        layer(name, inputs=[inputs])
    layer(name, inputs=[(2, 3, 4, 5)])
for name in ("Hardsigmoid", "Hardswish", "Mish", "ReLU", "ReLU6", "SELU", "SiLU"):
    layer(name, inplace=False, inputs=[near])

for name in ("CELU", "ELU"):
    for inputs in (wide, near):
        layer(name, inputs=[inputs])
        layer(name, 0.5, inputs=[inputs])
        layer(name, alpha=2.0, inplace=False, inputs=[inputs])

for approximate in ("none", "tanh"):
    for inputs in (wide, near):
        layer("GELU", approximate=approximate, inputs=[inputs])
layer("GELU", inputs=[(2, 3, 4)])

for inputs in (wide, near):
    layer("LeakyReLU", inputs=[inputs])
    layer("LeakyReLU", 0.2, inputs=[inputs])
    layer("LeakyReLU", negative_slope=1.5, inplace=False, inputs=[inputs])
    layer("Hardtanh", inputs=[inputs])
    layer("Hardtanh", -0.5, 2.0, inputs=[inputs])
    layer("Hardtanh", min_val=0.25, max_val=0.75, inplace=False, inputs=[inputs])
    layer("Softplus", inputs=[inputs])
    layer("Softplus", 2.0, inputs=[inputs])
    layer("Softplus", beta=0.5, threshold=1.0, inputs=[inputs])
    for name in ("Hardshrink", "Softshrink"):
        layer(name, inputs=[inputs])
        layer(name, 1.25, inputs=[inputs])
        layer(name, lambd=0, inputs=[inputs])

layer("PReLU", inputs=[(4, 5)])
layer("PReLU", 5, inputs=[(4, 5)])
layer("PReLU", 3, 0.1, inputs=[(2, 3, 4, 5)])
layer("PReLU", num_parameters=3, init=-0.5, inputs=[(2, 3, 4)])
layer("PReLU", 1, inputs=[(2, 3, 4)])
layer("PReLU", inputs=[(6,)])
layer("PReLU", inputs=[()])

for name in ("Softmax", "LogSoftmax", "Softmin"):
    layer(name, -1, inputs=[(4, 5)])
    layer(name, dim=0, inputs=[(4, 5)])
    layer(name, dim=1, inputs=[(2, 3, 4, 5)])
    layer(name, dim=0, inputs=[wide])

layer("GLU", inputs=[(4, 6)])
layer("GLU", 0, inputs=[(4, 5)])
layer("GLU", dim=1, inputs=[(2, 6, 3, 2)])
layer("GLU", -1, inputs=[(8,)])
