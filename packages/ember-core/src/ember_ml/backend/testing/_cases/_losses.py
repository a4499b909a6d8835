"""Cross-entropy and connectionist temporal classification."""

from __future__ import annotations

from itertools import groupby, product
from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DType

from .._case import Call, case
from .._draw import Draw
from ._functions import softmax


def _classified(draw: Draw, dtype: DType) -> Call:
    classes = draw.integer(1, 5)
    batch = draw.shape(0, 2, empty=False)
    labels = draw.indices(classes, batch, negative=False)
    options: dict[str, Any] = {"reduction": draw.one_of("none", "sum", "mean")}
    if draw.flag():
        options["ignore_index"] = ignored = draw.one_of(-100, 0)
        if labels.values.size > 1:  # the mean over no labels is nan
            labels.values.flat[0] = ignored
            labels.values.flat[1] = classes - 1
    return (draw.array(dtype, (*batch, classes)), labels), options


def _cross_entropy(x: Any, labels: Any, *, ignore_index: int | None = None, reduction: str) -> Any:
    kept = np.ones(labels.shape, bool) if ignore_index is None else labels != ignore_index
    rows = np.where(kept, labels, 0)
    losses = -np.take_along_axis(np.log(softmax(x, axis=-1)), rows[..., None], axis=-1)[..., 0]
    losses = np.where(kept, losses, 0.0)
    if reduction == "none":
        return losses
    total = np.sum(losses)
    with np.errstate(invalid="ignore"):
        return total if reduction == "sum" else np.divide(total, np.sum(kept))


case("softmax_cross_entropy", _classified, reference=_cross_entropy, gradient=(0,), tolerance=4)


def _spoken(draw: Draw, dtype: DType) -> Call:
    # Four steps are enough for two labels, even if they are the same: the loss is finite.
    steps = 4 if draw.smooth else draw.integer(1, 4)
    n, classes, most = draw.integer(1, 3), draw.integer(2, 4), draw.integer(0, 2)
    blank = draw.integer(0, classes - 1)
    targets = draw.indices(classes, (n, most), negative=False, checked=True)
    targets.values[targets.values == blank] = (blank + 1) % classes
    lengths = draw.indices(steps + 1, (n,), negative=False, checked=True)
    if draw.smooth:
        lengths.values[:] = steps
    sizes = draw.indices(most + 1, (n + 1 if draw.amiss() else n,), negative=False, checked=True)
    x = draw.array(dtype, (steps, n, classes), low=-2, high=0)
    return (x, targets, lengths, sizes), {"blank": blank}


def _ctc(x: Any, targets: Any, input_lengths: Any, target_lengths: Any, *, blank: int) -> Any:
    """The sum over all paths that become the labels: without repetitions, and then blanks."""
    losses = []
    for i, (steps, size) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        wanted = tuple(targets[i, :size])
        total = 0.0
        for path in product(range(x.shape[2]), repeat=int(steps)):
            if tuple(c for c, _ in groupby(path) if c != blank) == wanted:
                total += np.exp(sum(x[t, i, c] for t, c in enumerate(path)))
        with np.errstate(divide="ignore"):
            losses.append(-np.log(total))
    return np.array(losses)


case("ctc_loss", _spoken, reference=_ctc, gradient=(0,), tolerance=8)
