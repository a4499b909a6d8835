"""Recurrent layers and their cells."""

from ._case import layer

T, B, F, H = 5, 3, 4, 6

for name, options in (
    ("RNN", {}),
    ("RNN", {"nonlinearity": "relu"}),
    ("GRU", {}),
    ("LSTM", {}),
    ("LSTM", {"proj_size": 2}),
):
    out = options.get("proj_size", H)

    def states(count, *batch, name=name, out=out):
        """Initial states of that many layers and directions."""
        h = (count, *batch, out)
        return [h, (count, *batch, H)] if name == "LSTM" else h

    layer(name, F, H, inputs=[(T, B, F)], **options)
    layer(name, F, H, bias=False, inputs=[(T, B, F), states(1, B)], **options)
    layer(name, F, H, batch_first=True, inputs=[(B, T, F), states(1, B)], **options)
    layer(name, F, H, num_layers=2, inputs=[(T, B, F), states(2, B)], **options)
    layer(name, F, H, bidirectional=True, inputs=[(T, B, F)], **options)
    layer(name, F, H, num_layers=2, bidirectional=True, batch_first=True,
          inputs=[(B, T, F), states(4, B)], **options)  # fmt: skip
    layer(name, F, H, num_layers=2, bidirectional=True, inputs=[(T, F), states(4)], **options)
    layer(name, F, H, inputs=[(T, F)], **options)
    layer(name, F, H, num_layers=2, dropout=0.5, train=False, inputs=[(T, B, F)], **options)
    layer(name, 1, 1, inputs=[(1, 1, 1)], **options) if not options else None

for name, state in (("RNNCell", (B, H)), ("GRUCell", (B, H)), ("LSTMCell", [(B, H), (B, H)])):
    layer(name, F, H, inputs=[(B, F)])
    layer(name, F, H, inputs=[(B, F), state])
    layer(name, F, H, bias=False, inputs=[(B, F), state])
    layer(name, F, H, inputs=[(F,)])
layer("RNNCell", F, H, nonlinearity="relu", inputs=[(B, F), (B, H)])
