"""Losses that engines have kernels for: cross-entropy, and connectionist temporal classification.

`nn.losses` is what users call.
"""

from __future__ import annotations

from typing import Any, Literal

from ember_ml.backend.dtypes import float32
from ember_ml.backend.errors import ShapeError

from ._control import scan
from ._core import EmberTensor, TensorLike
from ._creation import zeros_like
from ._data import astype
from ._elementwise import logaddexp, maximum
from ._functions import log_softmax
from ._manipulation import broadcast_to, concat, expand_dims, reshape, stack
from ._operation import operation
from ._reduction import mean, sum
from ._scatter import counting, filled
from ._search import take_along_axis, where

__all__ = ["ctc_loss", "softmax_cross_entropy"]


def _check_labels(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    x, labels = shapes["x"], shapes["labels"]
    if x and labels == x[:-1]:
        return None
    return f"labels of shape {labels} for logits of shape {x}; {x[:-1]} are due"


@operation(accepts="floating", result="same", kinds={"labels": "integer"}, check=_check_labels)
def softmax_cross_entropy(
    x: TensorLike,
    labels: TensorLike,
    /,
    *,
    ignore_index: int | None = None,
    reduction: Literal["none", "sum", "mean"] = "none",
) -> EmberTensor:
    """``-log_softmax(x)[label]`` of each row, without making the whole logarithm's gradient.

    Args:
        x: (..., C), logits.
        labels: (...), integers in [0, C).
        ignore_index: a label, of any value, that counts for nothing.
        reduction: "sum" of the losses, or their "mean" over the labels that are not ignored.

    Returns:
        (...), the losses; or one number.

    Raises:
        ShapeError: the leading axes differ.

    >>> from ember_ml.nn import tensor as et
    >>> round(et.softmax_cross_entropy([[0.0, 0.0]], [1]).item(), 4)
    0.6931
    """
    if labels.shape != x.shape[:-1]:
        raise ShapeError(
            f"softmax_cross_entropy: labels of shape {labels.shape} for logits of shape {x.shape}; "
            f"{x.shape[:-1]} are due"
        )
    rows = astype(labels, "int64", copy=False)
    kept = None if ignore_index is None else rows != ignore_index
    if kept is not None:
        rows = where(kept, rows, zeros_like(rows))
    # negative ones are out of range, and not counted from the end
    rows = where(rows < 0, x.shape[-1] - 1 - rows, rows)
    picked = take_along_axis(log_softmax(x), expand_dims(rows, axis=-1), axis=-1)
    losses = -reshape(picked, labels.shape)
    if kept is not None:
        losses = where(kept, losses, zeros_like(losses))
    if reduction == "none":
        return losses
    if reduction == "sum":
        return sum(losses)
    if kept is None:
        return mean(losses)
    count = astype(sum(astype(kept, "int64")), x.dtype if x.dtype.bits > 16 else float32)
    return mean(losses) * astype(losses.size / count, x.dtype)


# -- connectionist temporal classification --------------------------------------------------------


def _check_ctc(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    x, targets = shapes["x"], shapes["targets"]
    lengths = shapes["input_lengths"], shapes["target_lengths"]
    if len(x) == 3 and len(targets) == 2 and {targets[:1], *lengths} == {x[1:2]}:
        return None
    return (
        f"x of shape {x}, targets of shape {targets}, and lengths of shapes {lengths[0]} and "
        f"{lengths[1]}; (T, N, C), (N, S), (N,) and (N,) are due"
    )


#: In the place of the logarithm of zero: its sums over all steps are finite, and so are gradients.
_NEVER = -1e30


@operation(
    accepts="floating",
    result="same",
    kinds={"targets": "integer", "input_lengths": "integer", "target_lengths": "integer"},
    check=_check_ctc,
)
def ctc_loss(
    x: TensorLike,
    targets: TensorLike,
    input_lengths: TensorLike,
    target_lengths: TensorLike,
    /,
    *,
    blank: int = 0,
) -> EmberTensor:
    """Negative logarithm of the probability of a sequence, over all its alignments with the input.

    Graves, Fernandez, Gomez and Schmidhuber, 2006. The gradient of a loss that is infinite is zero.

    Args:
        x: (T, N, C), logarithms of probabilities.
        targets: (N, S), class numbers, padded with any.
        input_lengths, target_lengths: (N,), up to T and S.
        blank: the class that stands for no label.

    Returns:
        (N,), the losses; infinite where there is no alignment.

    >>> from ember_ml.nn import tensor as et
    >>> x = et.log_softmax(et.zeros((2, 1, 3)))
    >>> round(et.exp(-et.ctc_loss(x, [[1]], [2], [1])).item(), 4)  # 1 1, 1 -, - 1
    0.3333
    """
    operands = zip(
        ("x", "targets", "input_lengths", "target_lengths"),
        (x, targets, input_lengths, target_lengths),
        strict=True,
    )
    fault = _check_ctc({name: tensor.shape for name, tensor in operands}, {})
    if fault:
        raise ShapeError(f"ctc_loss: {fault}")
    if x.dtype.bits < 32:
        wide = ctc_loss(astype(x, float32), targets, input_lengths, target_lengths, blank=blank)
        return astype(wide, x.dtype)
    steps, n, _ = x.shape
    targets, lengths = astype(targets, "int64", copy=False), expand_dims(target_lengths, axis=1)
    blanks = filled((n, targets.shape[1]), blank, targets)
    # Between, before and after the labels there may be blanks: (N, 2 S + 1).
    labels = concat(
        [
            reshape(stack([blanks, targets], axis=2), (n, 2 * targets.shape[1])),
            filled((n, 1), blank, targets),
        ],
        axis=1,
    )
    width = labels.shape[1]
    gains = take_along_axis(x, broadcast_to(expand_dims(labels, axis=0), (steps, n, width)), axis=2)
    gains = maximum(gains, _NEVER)
    # A blank between two labels may be left out, unless they are the same.
    skips = filled((n, width), _NEVER, x)
    if width > 2:
        free = filled((n, width - 2), 0, x)
        apart = labels[:, 2:] != labels[:, :-2]
        skips = concat([skips[:, :2], where(apart, free, free + _NEVER)], axis=1)
    outside = filled((n, 2), _NEVER, x)

    def step(scores: EmberTensor, turn: tuple[EmberTensor, EmberTensor]) -> Any:
        gain, running = turn
        one = concat([outside[:, :1], scores[:, :-1]], axis=1)
        two = concat([outside, scores[:, :-2]], axis=1)[:, :width] + skips
        moved = logaddexp(logaddexp(scores, one), two) + gain
        return where(running, moved, scores), None

    start = concat([filled((n, 1), 0, x), filled((n, width - 1), _NEVER, x)], axis=1)
    running = expand_dims(counting(steps, x), axis=1) < expand_dims(input_lengths, axis=0)
    scores, _ = scan(step, start, (gains, expand_dims(running, axis=2)))
    # It ends with the last label, or with a blank after it.
    last = take_along_axis(scores, 2 * lengths, axis=1)
    before = take_along_axis(scores, maximum(2 * lengths - 1, 0), axis=1)
    before = where(lengths > 0, before, zeros_like(before) + _NEVER)
    losses = -reshape(logaddexp(last, before), (n,))
    return where(losses > -_NEVER / 2, zeros_like(losses) + float("inf"), losses)
