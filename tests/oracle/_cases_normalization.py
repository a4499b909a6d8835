"""Normalisation."""

from ._case import layer

for shape in (5, (4, 5)):
    layer("LayerNorm", shape, inputs=[(2, 3, 4, 5)])
    layer("RMSNorm", shape, inputs=[(2, 3, 4, 5)])
layer("LayerNorm", 5, eps=0.1, inputs=[(5,)])
layer("LayerNorm", [4, 5], elementwise_affine=False, inputs=[(3, 4, 5)])
layer("LayerNorm", 5, bias=False, inputs=[(3, 5)])
layer("RMSNorm", 5, eps=0.1, inputs=[(5,)])
layer("RMSNorm", (4, 5), elementwise_affine=False, inputs=[(3, 4, 5)])

layer("GroupNorm", 3, 6, inputs=[(2, 6, 4, 5)])
layer("GroupNorm", 1, 6, eps=0.1, inputs=[(2, 6, 4)])
layer("GroupNorm", 6, 6, affine=False, inputs=[(2, 6, 4, 5)])
layer("GroupNorm", 2, 6, bias=False, inputs=[(3, 6)])

BATCHES = {1: [(6, 3), (4, 3, 5)], 2: [(4, 3, 5, 6)], 3: [(2, 3, 2, 3, 4)]}
for axes, shapes in BATCHES.items():
    for shape in shapes:
        for train in (True, False):
            layer(f"BatchNorm{axes}d", 3, inputs=[shape], train=train, steps=2)
for train in (True, False):
    layer("BatchNorm2d", 3, momentum=None, inputs=[(4, 3, 5, 6)], train=train, steps=3)
    layer("BatchNorm2d", 3, affine=False, inputs=[(4, 3, 5, 6)], train=train, steps=1)
    layer("BatchNorm2d", 3, bias=False, inputs=[(4, 3, 5, 6)], train=train, steps=1)
    layer("BatchNorm1d", 3, track_running_stats=False, inputs=[(4, 3)], train=train)
    layer("BatchNorm1d", 3, 0.1, 0.7, inputs=[(4, 3)], train=train, steps=1)

INSTANCES = {1: (2, 3, 5), 2: (2, 3, 4, 5), 3: (2, 3, 2, 3, 4)}
for axes, shape in INSTANCES.items():
    layer(f"InstanceNorm{axes}d", 3, inputs=[shape])
    layer(f"InstanceNorm{axes}d", 3, affine=True, inputs=[shape[1:]])
    for train in (True, False):
        layer(f"InstanceNorm{axes}d", 3, affine=True, track_running_stats=True, inputs=[shape],
              train=train, steps=1)  # fmt: skip
layer("InstanceNorm2d", 3, eps=0.1, momentum=None, track_running_stats=True, inputs=[(2, 3, 4, 5)])
layer("InstanceNorm1d", 3, affine=True, bias=False, inputs=[(2, 3, 5)])
