"""Multi-head attention, and the layers and stacks of the transformer."""

from functools import partial

import numpy as np

from ._case import layer


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
    attention(inputs=[(5, 3, 8)] * 3, **options, call={
        "attn_mask": causal(5), "is_causal": True, "need_weights": False,
    })  # fmt: skip
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
