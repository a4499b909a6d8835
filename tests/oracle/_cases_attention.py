"""Multi-head attention, and the layers and stacks of the transformer."""

from functools import partial

import numpy as np

from ._case import Inner, layer


def blocked(*shape):
    """True for what is left out, of which no row is without any."""

    def blocked(rng):
        mask = rng.random(shape) < 0.4
        mask[..., 0] = False
        return mask

    blocked.__name__ = f"blocked{shape}"
    return blocked


def added(*shape):
    """Numbers to add to the scores, some of them minus infinity."""

    def added(rng):
        mask = rng.standard_normal(shape).astype(np.float32)
        mask[..., 1:][rng.random((*shape[:-1], shape[-1] - 1)) < 0.3] = -np.inf
        return mask

    added.__name__ = f"added{shape}"
    return added


def causal(length):
    def causal(rng):
        return np.triu(np.ones((length, length), bool), 1)

    causal.__name__ = f"causal({length})"
    return causal


attention = partial(layer, "MultiheadAttention", 8, 2)
three = [(5, 3, 8), (6, 3, 8), (6, 3, 8)]

attention(inputs=three)
attention(inputs=three, bias=False)
attention(inputs=three, call={"need_weights": False})
attention(inputs=three, call={"average_attn_weights": False})
attention(inputs=[(3, 5, 8), (3, 6, 8), (3, 6, 8)], batch_first=True)
attention(inputs=[(5, 8), (6, 8), (6, 8)])
attention(inputs=[(5, 8), (6, 8), (6, 8)], batch_first=True)
attention(inputs=[(5, 3, 8), (6, 3, 4), (6, 3, 7)], kdim=4, vdim=7)
attention(inputs=[(5, 3, 8), (6, 3, 4), (6, 3, 8)], kdim=4, bias=False)
attention(inputs=three, dropout=0.5, train=False)
for options in ({"add_bias_kv": True}, {"add_zero_attn": True},
                {"add_bias_kv": True, "add_zero_attn": True}):  # fmt: skip
    for need in (True, False):
        attention(inputs=three, call={"need_weights": need}, **options)
        attention(inputs=three, **options, call={
            "need_weights": need, "attn_mask": blocked(5, 6), "key_padding_mask": blocked(3, 6),
        })  # fmt: skip
    # With the weights: without them PyTorch hides the keys that are appended, since they are last.
    attention(inputs=[(5, 3, 8)] * 3, **options, call={"attn_mask": causal(5), "is_causal": True})
for need in (True, False):
    for mask in (blocked, added):
        call = {"need_weights": need}
        attention(inputs=three, call={**call, "attn_mask": mask(5, 6)})
        attention(inputs=three, call={**call, "attn_mask": mask(6, 5, 6)})
        attention(inputs=three, call={**call, "key_padding_mask": mask(3, 6)})
        attention(inputs=[(5, 8), (6, 8), (6, 8)], call={**call, "attn_mask": mask(5, 6)})
        attention(inputs=[(5, 8), (6, 8), (6, 8)], call={**call, "key_padding_mask": mask(6)})
        attention(inputs=three, call={
            **call, "attn_mask": mask(5, 6), "key_padding_mask": mask(3, 6),
        })  # fmt: skip
    attention(inputs=[(5, 3, 8)] * 3, call={
        "attn_mask": causal(5), "is_causal": True, "need_weights": need,
    })  # fmt: skip

# -- the transformer --------------------------------------------------------------------------


def batch_first(shapes):
    return [(n, length, size) for length, n, size in shapes]


for name, inputs in (("Encoder", [(5, 3, 8)]), ("Decoder", [(5, 3, 8), (6, 3, 8)])):
    whole = f"Transformer{name}Layer"
    plain = partial(layer, whole, 8, 2, 12, 0.0)
    plain(inputs=inputs)
    plain(inputs=inputs, norm_first=True)
    plain(inputs=inputs, activation="gelu")
    plain(inputs=inputs, activation=Inner("Tanh"))
    plain(inputs=inputs, bias=False)
    plain(inputs=inputs, layer_norm_eps=0.1)
    plain(inputs=batch_first(inputs), batch_first=True)
    plain(inputs=[(length, size) for length, _, size in inputs])
    layer(whole, 8, 2, 12, inputs=inputs, train=False)
    one = Inner(whole, (8, 2, 12, 0.0))
    # PyTorch warns where it cannot use nested tensors.
    options = {"enable_nested_tensor": False} if name == "Encoder" else {}
    layer(f"Transformer{name}", one, 2, inputs=inputs, **options)
    layer(f"Transformer{name}", one, 2, norm=Inner("LayerNorm", (8,)), inputs=inputs, **options)

encoder = partial(layer, "TransformerEncoderLayer", 8, 2, 12, 0.0, inputs=[(5, 3, 8)])
encoder(call={"src_mask": blocked(5, 5), "src_key_padding_mask": blocked(3, 5)})
encoder(call={"src_mask": added(6, 5, 5)})
encoder(call={"src_mask": causal(5), "is_causal": True})
layer("TransformerEncoder", Inner("TransformerEncoderLayer", (8, 2, 12, 0.0)), 2, None, False,
      inputs=[(5, 3, 8)], call={"mask": added(5, 5), "src_key_padding_mask": added(3, 5)})  # fmt: skip
layer("TransformerEncoder", Inner("TransformerEncoderLayer", (8, 2, 12, 0.0)), 2, None, False,
      inputs=[(5, 3, 8)], call={"mask": causal(5), "is_causal": True})  # fmt: skip

masks = {
    "tgt_mask": blocked(5, 5), "memory_mask": blocked(5, 6),
    "tgt_key_padding_mask": blocked(3, 5), "memory_key_padding_mask": blocked(3, 6),
}  # fmt: skip
decoder = partial(layer, "TransformerDecoderLayer", 8, 2, 12, 0.0, inputs=[(5, 3, 8), (6, 3, 8)])
decoder(call=masks)
decoder(call={"tgt_mask": causal(5), "tgt_is_causal": True, "memory_mask": added(5, 6)})
layer("TransformerDecoder", Inner("TransformerDecoderLayer", (8, 2, 12, 0.0)), 2,
      inputs=[(5, 3, 8), (6, 3, 8)], call=masks)  # fmt: skip

both = partial(layer, "Transformer", 8, 2, 1, 2, 12, 0.0, inputs=[(6, 3, 8), (5, 3, 8)])
both()
both(norm_first=True, activation="gelu")
both(
    custom_encoder=Inner(
        "TransformerEncoder", (Inner("TransformerEncoderLayer", (8, 2, 9, 0.0)), 1, None, False)
    )
)
both(call={
    "src_mask": blocked(6, 6), "tgt_mask": causal(5), "memory_mask": blocked(5, 6),
    "src_key_padding_mask": blocked(3, 6), "tgt_key_padding_mask": blocked(3, 5),
    "memory_key_padding_mask": blocked(3, 6), "tgt_is_causal": False,
})  # fmt: skip
layer("Transformer", 8, 2, 1, 1, 12, batch_first=True, inputs=[(3, 6, 8), (3, 5, 8)], train=False)
