"""Losses, with each of their options."""

import numpy as np
import torch

from ._case import integers, layer, positive, probabilities

REDUCTIONS = ("mean", "sum", "none")


def signs(rng):
    return np.where(rng.random(6) < 0.5, 1, -1)


def float_signs(rng):
    return np.where(rng.random((3, 4)) < 0.5, 1, -1).astype(np.float32)


def bits(rng):
    return rng.integers(0, 2, (3, 4)).astype(np.float32)


def extremes(rng):
    return np.array([[0.0, 1.0, 1e-14, 1.0], [1.0, 0.0, 0.3, 1 - 1e-7]], np.float32)


def answers(rng):
    return np.array([[1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.25, 0.0]], np.float32)


def huge(rng):
    return np.array([[1e4, -1e4, 1e4, -1e4], [80.0, -80.0, 0.0, 0.0]], np.float32)


def some_ignored(rng):
    return np.array([-100, 0, 4, -100, 2, 1])


def counts(rng):
    return rng.integers(0, 9, (3, 4)).astype(np.float32)


def log_probabilities(rng):
    x = rng.standard_normal((3, 5)).astype(np.float32)
    return x - np.log(np.exp(x).sum(1, keepdims=True))


def sharp(rng):
    return np.array([[0.0, 1.0, 0.0], [0.25, 0.75, 0.0]], np.float32)


for name in ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss"):
    for reduction in REDUCTIONS:
        layer(name, reduction=reduction, inputs=[(3, 4), (3, 4)])
    layer(name, inputs=[(), ()])
for size in (0.0, 0.3, 5.0):
    layer("SmoothL1Loss", beta=size, inputs=[(3, 4), (3, 4)])
for size in (0.3, 5.0):
    layer("HuberLoss", delta=size, inputs=[(3, 4), (3, 4)])
layer("HuberLoss", "sum", 0.5, inputs=[(3, 4), (3, 4)])

for full in (False, True):
    layer("GaussianNLLLoss", full=full, inputs=[(3, 4), (3, 4), positive(3, 4)])
    layer("PoissonNLLLoss", full=full, inputs=[(3, 4), counts], constant=(1,))
layer("GaussianNLLLoss", eps=0.5, reduction="sum", inputs=[(3, 4), (3, 4), positive(3, 1)])
layer("GaussianNLLLoss", reduction="none", inputs=[(3, 4), (3, 4), positive(3)])
layer("GaussianNLLLoss", inputs=[(2, 3, 4), (2, 3, 4), positive(2, 1, 4)])
layer("PoissonNLLLoss", False, True, eps=0.1, reduction="sum", inputs=[positive(3, 4), counts],
      constant=(1,))  # fmt: skip
layer("PoissonNLLLoss", log_input=False, reduction="none", inputs=[positive(3, 4), counts])

for reduction in ("batchmean", *REDUCTIONS):
    layer("KLDivLoss", reduction=reduction, inputs=[log_probabilities, probabilities(3, 5)])
layer("KLDivLoss", log_target=True, reduction="batchmean", inputs=[log_probabilities, (3, 5)])
layer("KLDivLoss", reduction="sum", inputs=[(2, 3), sharp], constant=(1,))

WEIGHT = torch.tensor([0.5, 2.0, 1.0, 0.0])
for reduction in REDUCTIONS:
    layer("BCELoss", reduction=reduction, inputs=[positive(3, 4), positive(3, 4)])
    layer("BCEWithLogitsLoss", reduction=reduction, inputs=[(3, 4), positive(3, 4)])
    layer("SoftMarginLoss", reduction=reduction, inputs=[(3, 4), float_signs], constant=(1,))
    layer("MultiLabelSoftMarginLoss", reduction=reduction, inputs=[(3, 4), bits])
layer("BCELoss", WEIGHT, inputs=[positive(3, 4), positive(3, 4)])
layer("BCELoss", reduction="none", inputs=[extremes, answers], constant=(1,))
layer("BCEWithLogitsLoss", WEIGHT, reduction="sum", inputs=[(3, 4), positive(3, 4)])
layer("BCEWithLogitsLoss", pos_weight=WEIGHT, inputs=[(3, 4), positive(3, 4)])
layer("BCEWithLogitsLoss", WEIGHT, pos_weight=WEIGHT[1:2], inputs=[(3, 4), positive(3, 4)])
layer("BCEWithLogitsLoss", reduction="none", inputs=[huge, answers])
layer("MultiLabelSoftMarginLoss", WEIGHT, inputs=[(3, 4), bits])
layer("MultiLabelSoftMarginLoss", inputs=[(4,), positive(4)])

CLASSES = torch.tensor([0.5, 2.0, 1.0, 0.25, 3.0])
for name in ("CrossEntropyLoss", "NLLLoss"):
    for reduction in REDUCTIONS:
        layer(name, reduction=reduction, inputs=[(6, 5), integers(5, 6)])
        layer(name, CLASSES, reduction=reduction, inputs=[(6, 5), some_ignored])
        layer(name, CLASSES, ignore_index=2, reduction=reduction,
              inputs=[(2, 5, 3, 2), integers(5, 2, 3, 2)])  # fmt: skip
    layer(name, inputs=[(6, 5), some_ignored])
    layer(name, inputs=[(5,), integers(5)])
    layer(name, inputs=[(4, 5, 3), integers(5, 4, 3)])
    layer(name, ignore_index=1, inputs=[(6, 5), integers(5, 6)])
for reduction in REDUCTIONS:
    for smoothing in (0.1, 1.0):
        layer("CrossEntropyLoss", CLASSES, label_smoothing=smoothing, reduction=reduction,
              inputs=[(6, 5), some_ignored])  # fmt: skip
    layer("CrossEntropyLoss", CLASSES, label_smoothing=0.2, reduction=reduction,
          inputs=[(6, 5), probabilities(6, 5)])  # fmt: skip
layer("CrossEntropyLoss", label_smoothing=0.1, inputs=[(6, 5), integers(5, 6)])
layer("CrossEntropyLoss", inputs=[(2, 5, 3), probabilities(2, 5, 3)])
layer("CrossEntropyLoss", inputs=[(5,), positive(5)])

for reduction in REDUCTIONS:
    layer("CosineEmbeddingLoss", reduction=reduction, inputs=[(6, 3), (6, 3), signs])
    layer("TripletMarginLoss", reduction=reduction, inputs=[(5, 3)] * 3)
    layer("TripletMarginWithDistanceLoss", reduction=reduction, inputs=[(5, 3)] * 3)
    layer("MarginRankingLoss", reduction=reduction, inputs=[(6,), (6,), signs])
    layer("HingeEmbeddingLoss", reduction=reduction, inputs=[(6,), signs])
layer("CosineEmbeddingLoss", 0.2, inputs=[(6, 3), (6, 3), signs])
for p in (1.0, 3.0, float("inf")):
    layer("TripletMarginLoss", 0.5, p, inputs=[(5, 3)] * 3)
layer("TripletMarginLoss", swap=True, eps=0.1, inputs=[(5, 3)] * 3)
layer("TripletMarginLoss", margin=4.0, inputs=[(3,)] * 3)
layer("TripletMarginWithDistanceLoss", margin=2.0, swap=True, inputs=[(5, 3)] * 3,
      distance_function=lambda x, y: ((x - y) ** 2).sum(axis=-1))  # fmt: skip
layer("MarginRankingLoss", 0.3, inputs=[(6,), (6,), signs])
layer("HingeEmbeddingLoss", 0.3, inputs=[(6,), signs])


for p in (2.0, 1.0, 3.0):
    layer("PairwiseDistance", p, inputs=[(5, 3), (5, 3)])
layer("PairwiseDistance", eps=0.1, keepdim=True, inputs=[(5, 3), (1, 3)])
layer("CosineSimilarity", inputs=[(5, 3), (5, 3)])
layer("CosineSimilarity", -1, 1.0, inputs=[(2, 5, 3), (5, 3)])


def lengths(*values):
    def lengths(rng):
        return np.array(values)

    lengths.__name__ = f"lengths{values}"
    return lengths


def labels(rng):
    return np.array([[1, 1, 3], [2, 0, -1], [3, 2, 1]])


def in_a_row(rng):
    return np.array([1, 1, 3, 2, 3, 2, 1])


# Gradients by logarithms of probabilities differ from PyTorch's by design: test_nn_losses.py
# compares them by the logits before a log_softmax.
CTC = {"constant": (0,)}
for reduction in REDUCTIONS:
    layer("CTCLoss", reduction=reduction, **CTC,
          inputs=[(6, 3, 4), labels, lengths(6, 3, 5), lengths(3, 1, 3)])  # fmt: skip
for infinite in (False, True):
    layer("CTCLoss", zero_infinity=infinite, reduction="none", **CTC,
          inputs=[(6, 3, 4), labels, lengths(3, 1, 6), lengths(3, 0, 3)])  # fmt: skip
layer("CTCLoss", zero_infinity=True, **CTC,
      inputs=[(6, 3, 4), labels, lengths(3, 1, 6), lengths(3, 0, 3)])  # fmt: skip
layer("CTCLoss", **CTC, inputs=[(6, 3, 4), in_a_row, lengths(6, 6, 6), lengths(3, 1, 3)])
layer("CTCLoss", 3, "sum", **CTC, inputs=[(6, 1, 4), lengths(0, 0, 1), lengths(6), lengths(3)])
layer("CTCLoss", **CTC, inputs=[(6, 4), lengths(1, 2), lengths(6), lengths(2)])
