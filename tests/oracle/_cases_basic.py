"""Embedding, bilinear, shapes, and dropout where it draws nothing."""

from ._case import integers, layer

layer("Identity", inputs=[(3, 4)])

layer("Flatten", inputs=[(2, 3, 4)])
layer("Flatten", 0, inputs=[(2, 3, 4)])
layer("Flatten", 1, 2, inputs=[(2, 3, 4, 5)])
layer("Flatten", start_dim=-3, end_dim=-2, inputs=[(2, 3, 4, 5)])
layer("Unflatten", 1, (2, 3), inputs=[(4, 6)])
layer("Unflatten", -1, (3, -1), inputs=[(2, 4, 12)])
layer("Unflatten", dim=0, unflattened_size=(2, 1, 2), inputs=[(4, 3)])

for bias in (True, False):
    layer("Bilinear", 4, 5, 3, bias=bias, inputs=[(6, 4), (6, 5)])
layer("Bilinear", 3, 2, 1, inputs=[(2, 5, 3), (2, 5, 2)])
layer("Bilinear", 1, 7, 4, inputs=[(1,), (7,)])
layer(
    "Bilinear", in1_features=2, in2_features=3, out_features=20, inputs=[(2, 3, 4, 2), (2, 3, 4, 3)]
)

layer("Embedding", 10, 3, inputs=[integers(10, 2, 5)])
layer("Embedding", 10, 3, inputs=[integers(10)])
layer("Embedding", 4, 3, inputs=[integers(4, 50)])
layer("Embedding", 1000, 16, inputs=[integers(1000, 8, 32)])
# A padding row's gradient is zero, and one that is scaled is smaller than the derivative.
layer("Embedding", 6, 3, 2, inputs=[integers(6, 20)], derivative=False)
layer("Embedding", 6, 3, padding_idx=-1, inputs=[integers(6, 4, 5)], derivative=False)
layer("Embedding", num_embeddings=5, embedding_dim=1, padding_idx=0, inputs=[integers(5, 2, 2, 3)],
      derivative=False)  # fmt: skip
layer("Embedding", 6, 3, scale_grad_by_freq=True, inputs=[integers(6, 4, 5)], derivative=False)
layer("Embedding", 6, 3, padding_idx=1, scale_grad_by_freq=True, inputs=[integers(6, 30)],
      derivative=False)  # fmt: skip

SHAPES = {
    "AlphaDropout": [(3, 4)],
    "Dropout": [(3, 4), (2, 3, 4, 5)],
    "Dropout1d": [(2, 3, 4), (3, 4)],
    "Dropout2d": [(2, 3, 4, 5), (2, 3, 4)],
    "Dropout3d": [(2, 3, 4, 5, 2), (2, 3, 4, 5)],
}
for name, shapes in SHAPES.items():
    for shape in shapes:
        layer(name, inputs=[shape], train=False)
        layer(name, 0.0, inputs=[shape])
        layer(name, p=1.0, inputs=[shape])
    layer(name, p=0.25, inplace=False, inputs=[shapes[0]], train=False)
