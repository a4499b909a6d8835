"""Pooling, resizing and padding."""

import numpy as np

from ._case import layer

SHAPES = {1: (2, 3, 11), 2: (2, 3, 9, 11), 3: (2, 3, 6, 7, 8)}


def ties(rng):
    """Many equal elements in each window: the first has the gradient."""
    return rng.integers(0, 2, (2, 3, 8, 8)).astype(np.float32)


for axes, shape in SHAPES.items():
    options = [
        {"kernel_size": 2},
        {"kernel_size": 3, "stride": 2},
        {"kernel_size": 3, "stride": 1, "padding": 1},
        {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    ]
    for chosen in options:
        layer(f"MaxPool{axes}d", **chosen, inputs=[shape])
        layer(f"AvgPool{axes}d", **chosen, inputs=[shape])
    layer(f"MaxPool{axes}d", 2, stride=2, dilation=2, inputs=[shape])
    layer(f"MaxPool{axes}d", 3, inputs=[shape[1:]])
    layer(f"AvgPool{axes}d", 3, inputs=[shape[1:]])
    layer(f"AvgPool{axes}d", 3, 2, 1, ceil_mode=True, count_include_pad=False, inputs=[shape])
    for kind in ("Avg", "Max"):
        layer(f"Adaptive{kind}Pool{axes}d", 1, inputs=[shape])
        layer(f"Adaptive{kind}Pool{axes}d", 4, inputs=[shape])
        layer(f"Adaptive{kind}Pool{axes}d", 3, inputs=[shape[1:]])

layer("MaxPool2d", 2, inputs=[ties])
layer("MaxPool2d", 3, 2, 1, inputs=[ties])
layer("MaxPool2d", (3, 2), (2, 3), (1, 0), (1, 2), inputs=[SHAPES[2]])
layer("MaxPool2d", 2, inputs=[(2, 3, 8, 8)])
layer("AvgPool2d", (3, 2), (2, 3), (1, 0), inputs=[SHAPES[2]])
layer("AvgPool2d", 3, 2, divisor_override=5, inputs=[SHAPES[2]])
layer("AvgPool3d", 2, 2, divisor_override=5, inputs=[SHAPES[3]])
for name in ("AdaptiveAvgPool2d", "AdaptiveMaxPool2d"):
    layer(name, (5, None), inputs=[SHAPES[2]])
    layer(name, (3, 2), inputs=[(2, 3, 9, 8)])
    layer(name, (12, 4), inputs=[SHAPES[2]])

for mode in ("nearest", "nearest-exact", "bilinear", "bicubic"):
    layer("Upsample", scale_factor=2, mode=mode, inputs=[(2, 3, 5, 7)])
    layer("Upsample", size=(7, 9), mode=mode, inputs=[(2, 3, 5, 7)])
    layer("Upsample", scale_factor=(1.7, 0.6), mode=mode, inputs=[(2, 3, 5, 7)])
    layer("Upsample", scale_factor=1.7, mode=mode, recompute_scale_factor=True,
          inputs=[(2, 3, 5, 7)])  # fmt: skip
for mode in ("bilinear", "bicubic"):
    layer("Upsample", size=(8, 3), mode=mode, align_corners=True, inputs=[(2, 3, 5, 7)])
    layer("Upsample", scale_factor=2, mode=mode, align_corners=True, inputs=[(2, 3, 5, 7)])
    layer("Upsample", size=(100, 3), mode=mode, align_corners=False, inputs=[(1, 2, 5, 70)])
for align in (True, False):
    layer("Upsample", scale_factor=3, mode="linear", align_corners=align, inputs=[(2, 3, 5)])
    layer("Upsample", scale_factor=2, mode="trilinear", align_corners=align,
          inputs=[(1, 2, 3, 4, 2)])  # fmt: skip
layer("Upsample", size=7, inputs=[(2, 3, 5)])
layer("Upsample", size=5, inputs=[(1, 2, 3, 4, 2)])
layer("Upsample", size=3, mode="area", inputs=[(2, 3, 7, 6)])

for factor, shape in ((2, (2, 12, 3, 4)), (3, (9, 2, 2)), (2, (2, 2, 4, 3, 3))):
    layer("PixelShuffle", factor, inputs=[shape])
for factor, shape in ((2, (2, 3, 4, 6)), (3, (2, 6, 3))):
    layer("PixelUnshuffle", factor, inputs=[shape])

layer("ZeroPad1d", (1, 2), inputs=[(2, 3, 4)])
layer("ZeroPad2d", 2, inputs=[(2, 3, 4, 5)])
layer("ZeroPad2d", (1, 2, 0, 3), inputs=[(2, 3, 4, 5)])
layer("ZeroPad2d", (-1, 2, 1, -2), inputs=[(3, 4, 5)])
layer("ZeroPad3d", (1, 0, 2, 1, 0, 1), inputs=[(2, 3, 2, 4, 5)])
