"""Columns of tensors that have one entry per sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar, cast, overload

from ember_ml.backend.errors import ArgumentError, BackendMismatchError, ShapeError
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor import EmberTensor, TensorLike

from ._sizes import part_sizes

#: What indexing gives: a tuple for columns by position, a dict for columns by name.
Batch = TypeVar("Batch", tuple[EmberTensor, ...], dict[str, EmberTensor])
Index = int | slice | Sequence[int] | TensorLike


class Dataset(Generic[Batch]):
    """Samples, held as columns: tensors that agree in the length of their first axis.

    An integer picks a sample; a slice, a list or a tensor of integers, or a boolean mask picks a
    batch. Both are tuples, or dicts if the columns have names.

    Args:
        columns: one or more tensors or what can be made into one, or a single mapping from names
            to these. What is not a tensor yet comes to the current backend.

    Raises:
        ArgumentError: there are no columns, or a name is not a string.
        ShapeError: the columns differ in length, or one has no axes.
        BackendMismatchError: the columns are on different backends.

    Example:
        >>> from ember_ml.data import Dataset
        >>> dataset = Dataset({"x": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "y": [0, 1, 0]})
        >>> dataset
        Dataset(3 samples: 'x' (2,) float32, 'y' () int64; numpy)
        >>> dataset[1]["x"].tolist()
        [3.0, 4.0]
        >>> dataset[[2, 0]]["y"].tolist()
        [0, 0]
    """

    @overload
    def __init__(
        self: Dataset[dict[str, EmberTensor]], columns: Mapping[str, TensorLike], /
    ) -> None: ...

    @overload
    def __init__(self: Dataset[tuple[EmberTensor, ...]], *columns: TensorLike) -> None: ...

    def __init__(self, *columns: Any) -> None:
        named = len(columns) == 1 and isinstance(columns[0], Mapping)
        items = columns[0].items() if named else enumerate(columns)
        self._columns: dict[Any, EmberTensor] = {
            key: _checked_column(key, column, named) for key, column in items
        }
        self._named = named
        self._length = _common_length(self._columns)
        self._backend = _common_backend(self._columns)

    @property
    def backend(self) -> str:
        """Name of the backend that the columns are on."""
        return self._backend

    @property
    def device(self) -> str:
        """Name of the device that the first column is on."""
        return next(iter(self._columns.values())).device

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Batch]:
        return (self[index] for index in range(self._length))

    def __getitem__(self, index: Index) -> Batch:
        """The sample, or the batch, at ``index``.

        Raises:
            TensorIndexError: ``index`` is out of range; it is an IndexError.
        """
        if not isinstance(index, int | slice):
            index = self._index_tensor(index)
            if index.ndim == 1 and not et.isdtype(index.dtype, "bool"):
                return self._map(lambda column: et.take(column, index, axis=0))
        return self._map(lambda column: column[index])

    def split(
        self, sizes: float | Sequence[float], /, *, seed: int | None = 0
    ) -> tuple[Dataset[Batch], ...]:
        """Deal the samples out to several datasets, each sample to one of them.

        Args:
            sizes: lengths as integers, or fractions as floats, one for each part; together they
                make up the whole. A single one is that of the first of two parts.
            seed: of the order in which the samples are dealt, the same on every backend. None
                keeps the order they are in.

        Raises:
            InvalidValueError: the sizes do not make up the whole, or a part would be empty.

        Example:
            >>> train, test = Dataset([[0.0], [1.0], [2.0], [3.0], [4.0]]).split(0.8, seed=1)
            >>> len(train), len(test)
            (4, 1)
        """
        lengths = part_sizes(sizes, len(self))
        order = None if seed is None else self.permutation(et.random.Generator(seed))
        parts = []
        start = 0
        for length in lengths:
            rows = slice(start, start + length)
            parts.append(self._with(self[rows if order is None else order[rows]]))
            start += length
        return tuple(parts)

    def permutation(self, generator: et.random.Generator, /) -> EmberTensor:
        """A random order of the samples, on the backend and device of the columns.

        Example:
            >>> generator = et.random.Generator(0)
            >>> sorted(Dataset([10, 11, 12]).permutation(generator).tolist())
            [0, 1, 2]
        """
        with et.use_backend(self.backend):
            order = generator.permutation(len(self))
        return order if order.device == self.device else order.to_device(self.device)

    def __repr__(self) -> str:
        columns = ", ".join(
            (f"{key!r} " if self._named else "") + f"{column.shape[1:]} {column.dtype}"
            for key, column in self._columns.items()
        )
        return f"Dataset({len(self)} samples: {columns}; {self.backend})"

    def _map(self, function: Callable[[EmberTensor], EmberTensor]) -> Batch:
        if self._named:
            return cast(Batch, {key: function(column) for key, column in self._columns.items()})
        return cast(Batch, tuple(function(column) for column in self._columns.values()))

    def _with(self, batch: Any) -> Dataset[Batch]:
        return cast("Dataset[Batch]", Dataset(batch) if self._named else Dataset(*batch))

    def _index_tensor(self, index: Sequence[int] | TensorLike) -> EmberTensor:
        if isinstance(index, EmberTensor):
            return index
        empty = isinstance(index, Sequence) and len(index) == 0
        with et.use_backend(self.backend):
            return et.asarray(index, dtype=et.int64 if empty else None)


def _checked_column(key: object, column: TensorLike, named: bool) -> EmberTensor:
    if named and not isinstance(key, str):
        raise ArgumentError(f"Dataset: the name of a column is a string, not {key!r}")
    if not named and isinstance(column, Mapping):
        raise ArgumentError("Dataset: a mapping of named columns is the only argument")
    tensor = et.asarray(column)
    if tensor.ndim == 0:
        raise ShapeError(
            f"Dataset: column {key!r} has no axes; its first axis must count the samples"
        )
    return tensor


def _common_length(columns: Mapping[Any, EmberTensor]) -> int:
    if not columns:
        raise ArgumentError("Dataset: at least one column is needed: Dataset(x), Dataset(x, y)")
    (first, tensor), *others = columns.items()
    for key, other in others:
        if other.shape[0] != tensor.shape[0]:
            raise ShapeError(
                f"Dataset: column {first!r} has {tensor.shape[0]} samples and column {key!r} "
                f"has {other.shape[0]}"
            )
    return tensor.shape[0]


def _common_backend(columns: Mapping[Any, EmberTensor]) -> str:
    (first, tensor), *others = columns.items()
    for key, other in others:
        if other.backend != tensor.backend:
            raise BackendMismatchError(
                f"Dataset: column {first!r} is on {tensor.backend} and column {key!r} on "
                f"{other.backend}; bring them together with .to_backend({tensor.backend!r})"
            )
    return tensor.backend
