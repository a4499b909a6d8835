"""Sequences of different lengths in one padded tensor."""

from __future__ import annotations

from ember_ml.backend.errors import DTypeError, InvalidValueError, ShapeError, UnsupportedError
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    arange,
    asarray,
    broadcast_to,
    int64,
    reshape,
    squeeze,
    take_along_axis,
    where,
)

__all__ = ["Spans"]


class Spans:
    """Which of the times of a padded sequence belong to each member of a batch.

    Args:
        lengths: (B,), integers from 1 to T.
        x: (T, B, ...), the padded sequences.
        layer: what is named in errors.

    Raises:
        DTypeError: the lengths are not integers.
        ShapeError: there is not one for each member.
        InvalidValueError: one is out of range. (Inside `nn.compile` this is not seen.)
    """

    def __init__(self, lengths: TensorLike, x: EmberTensor, layer: str) -> None:
        time, batch = x.shape[:2]
        given = asarray(lengths, device=x.device).to_backend(x.backend)
        if given.dtype.kind not in ("signed", "unsigned"):
            raise DTypeError(f"{layer}: lengths are integers, not {given.dtype}")
        if given.shape != (batch,):
            raise ShapeError(
                f"{layer}: lengths of shape {given.shape}; ({batch},) is due, one for each sequence"
            )
        try:
            wrong = [n for n in given.tolist() if not 1 <= n <= time]
        except UnsupportedError:  # traced: the values are not known
            wrong = []
        if wrong:
            raise InvalidValueError(f"{layer}: lengths are from 1 to {time}, not {wrong[0]}")
        lengths = given.astype(int64)
        times = reshape(asarray(arange(time), device=x.device).to_backend(x.backend), (time, 1))
        #: (T, B), whether the time is within the sequence.
        self.inside = times < lengths
        self._last = reshape(lengths - 1, (1, batch))
        self._turned = where(self.inside, self._last - times, times)

    def _index(self, index: EmberTensor, y: EmberTensor) -> EmberTensor:
        index = reshape(index, (*index.shape, *[1] * (y.ndim - 2)))
        return broadcast_to(index, (index.shape[0], *y.shape[1:]))

    def within(self, y: EmberTensor) -> EmberTensor:
        """(T, B, ...) with zeros after the end of each sequence."""
        inside = reshape(self.inside, (*self.inside.shape, *[1] * (y.ndim - 2)))
        return where(inside, y, 0)

    def turned(self, y: EmberTensor) -> EmberTensor:
        """(T, B, ...), each sequence from its end to its beginning."""
        return take_along_axis(y, self._index(self._turned, y), axis=0)

    def last(self, y: EmberTensor) -> EmberTensor:
        """(T, B, ...) to (B, ...): the last element of each sequence."""
        return squeeze(take_along_axis(y, self._index(self._last, y), axis=0), 0)
