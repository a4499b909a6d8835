"""Convolutions and their transposes."""

from ._case import layer

SIZES = {1: (9,), 2: (9, 7), 3: (5, 6, 4)}

for axes, sizes in SIZES.items():
    conv, transposed = f"Conv{axes}d", f"ConvTranspose{axes}d"
    several = range(2, 2 + axes)
    layer(conv, 3, 4, 3, inputs=[(2, 3, *sizes)])
    layer(conv, 3, 4, 3, inputs=[(3, *sizes)])
    layer(conv, 3, 4, 1, bias=False, inputs=[(2, 3, *sizes)])
    layer(conv, 4, 6, 3, 2, 1, 1, 2, inputs=[(2, 4, *sizes)])
    layer(conv, 4, 4, 3, groups=4, padding=1, inputs=[(2, 4, *sizes)])
    layer(conv, 2, 3, 2, dilation=2, padding=2, inputs=[(2, 2, *sizes)])
    layer(conv, 2, 3, (*several,), stride=(*several,), padding=(*range(axes),),
          inputs=[(2, 2, *sizes)])  # fmt: skip
    layer(conv, 2, 3, 4, padding="same", inputs=[(2, 2, *sizes)])
    layer(conv, 2, 3, 2, padding="same", dilation=3, inputs=[(2, *sizes)])
    layer(conv, 2, 3, 3, padding="valid", inputs=[(2, 2, *sizes)])
    for mode in ("reflect", "replicate", "circular"):
        layer(conv, 2, 3, 3, padding=2, padding_mode=mode, inputs=[(2, 2, *sizes)])
        layer(conv, 2, 3, 4, padding="same", padding_mode=mode, stride=1, inputs=[(2, 2, *sizes)])
    layer(conv, 2, 3, 3, padding="valid", padding_mode="reflect", inputs=[(2, 2, *sizes)])

    layer(transposed, 3, 4, 3, inputs=[(2, 3, *sizes)])
    layer(transposed, 3, 4, 3, inputs=[(3, *sizes)])
    layer(transposed, 3, 4, 1, bias=False, inputs=[(2, 3, *sizes)])
    layer(transposed, 4, 6, 3, 2, 1, 1, 2, True, 2, inputs=[(2, 4, *sizes)])
    layer(transposed, 4, 4, 3, groups=4, padding=1, inputs=[(2, 4, *sizes)])
    layer(transposed, 2, 3, 2, dilation=2, padding=2, inputs=[(2, 2, *sizes)])
    layer(transposed, 2, 3, 2, stride=3, output_padding=2, inputs=[(2, 2, *sizes)])
    layer(transposed, 2, 3, (*several,), stride=(*several,), padding=(*range(axes),),
          inputs=[(2, 2, *sizes)])  # fmt: skip
    longer = [2 * n + 2 for n in sizes]
    layer(transposed, 2, 3, 3, stride=2, inputs=[(2, 2, *sizes)], call={"output_size": longer})
    layer(transposed, 2, 3, 3, stride=2, inputs=[(2, *sizes)], call={"output_size": longer})
