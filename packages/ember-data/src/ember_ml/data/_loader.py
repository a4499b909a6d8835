"""Batches of a dataset, in order or shuffled."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Generic

from ember_ml.backend.errors import ArgumentError, InvalidValueError
from ember_ml.nn import tensor as et

from ._dataset import Batch, Dataset


class DataLoader(Generic[Batch]):
    """Iterates over a dataset in batches; each new iteration is an epoch.

    Shuffled, the order of an epoch depends on the seed and the number of the epoch alone, and is
    the same on every backend. Batches are what indexing the dataset gives, tuples or dicts of
    tensors, on the dataset's backend.

    Args:
        dataset: where the samples come from.
        batch_size: how many samples make a batch. The last one may be smaller.
        shuffle: whether each epoch has a random order of its own.
        seed: of the shuffling.
        drop_last: whether to leave out a last batch that is smaller.

    Attributes:
        epoch: number of the epoch that the next iteration will be. Set it to resume a training.

    Raises:
        ArgumentError: ``dataset`` is not a `Dataset`, or ``batch_size`` is not an integer.
        InvalidValueError: ``batch_size`` is less than 1, or more than there are samples while
            ``drop_last`` leaves out the rest.

    Example:
        >>> from ember_ml.data import DataLoader, Dataset
        >>> loader = DataLoader(Dataset([10, 11, 12, 13, 14]), batch_size=2, shuffle=True)
        >>> len(loader)
        3
        >>> [[x.tolist() for (x,) in loader] for epoch in range(2)]
        [[[13, 12], [10, 11], [14]], [[14, 11], [10, 12], [13]]]
    """

    def __init__(
        self,
        dataset: Dataset[Batch],
        /,
        *,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if not isinstance(dataset, Dataset):
            raise ArgumentError(
                f"DataLoader takes a Dataset, not a {type(dataset).__name__}: "
                "DataLoader(Dataset(x, y), batch_size=...)"
            )
        try:
            batch_size = operator.index(batch_size)
        except TypeError:
            raise ArgumentError(
                f"DataLoader: batch_size is an integer, not {batch_size!r}"
            ) from None
        if batch_size < 1:
            raise InvalidValueError(f"DataLoader: batch_size is at least 1, not {batch_size}")
        if drop_last and batch_size > len(dataset):
            raise InvalidValueError(
                f"DataLoader: {len(dataset)} samples make no batch of {batch_size}, and "
                "drop_last=True leaves out the rest"
            )
        self.dataset: Dataset[Batch] = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.epoch = 0
        self._generator = et.random.Generator(seed)

    def __len__(self) -> int:
        """Number of batches in an epoch."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + bool(rest and not self.drop_last)

    def __iter__(self) -> Iterator[Batch]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        return self._batches(epoch)

    def _batches(self, epoch: int) -> Iterator[Batch]:
        dataset = self.dataset
        order = dataset.permutation(self._generator.fold_in(epoch)) if self.shuffle else None
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            rows = slice(start, start + self.batch_size)
            yield dataset[rows if order is None else order[rows]]

    def __repr__(self) -> str:
        return (
            f"DataLoader({self.dataset!r}, batch_size={self.batch_size}, shuffle={self.shuffle}, "
            f"seed={self._generator.seed}, drop_last={self.drop_last})"
        )
