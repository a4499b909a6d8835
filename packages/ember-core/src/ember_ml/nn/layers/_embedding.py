"""The layer of rows by number."""

from __future__ import annotations

import operator
from typing import Self

from ember_ml.backend.dtypes import DTypeLike, float32
from ember_ml.backend.errors import InvalidValueError, ShapeError, UnsupportedError
from ember_ml.nn import initializers
from ember_ml.nn.modules import Module, Parameter
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    asarray,
    expand_dims,
    linalg,
    ones_like,
    reshape,
    stop_gradient,
    take,
    where,
    zeros_like,
)
from ember_ml.nn.tensor._lookup import embedding

from ._arguments import positive

__all__ = ["Embedding"]


class Embedding(Module):
    """A vector for each of ``num_embeddings`` numbers.

    Args:
        num_embeddings: how many there are.
        embedding_dim: size of a vector.
        padding_idx: the number of a vector that is zero at first and gets no gradient; a negative
            one counts from the end.
        max_norm: vectors longer than this are shortened to it where they are used. Unlike
            PyTorch, which writes the shorter vector into ``weight``, the parameter stays as it is.
        norm_type: the ``p`` of the norm that ``max_norm`` limits.
        scale_grad_by_freq: whether a vector's gradient is divided by how often it is used.
        sparse: True is refused: gradients are dense.

    Attributes:
        weight: (num_embeddings, embedding_dim), standard normal.

    Shape: (...), integers, to (..., embedding_dim).

    Raises:
        InvalidValueError: a size is not positive, ``padding_idx`` is out of range, or ``max_norm``
            or ``norm_type`` is not positive.
        UnsupportedError: ``sparse`` is True.

    >>> from ember_ml import nn
    >>> nn.Embedding(10, 3, padding_idx=0)([[1, 2, 0]]).shape
    (1, 3, 3)
    """

    weight: EmberTensor

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: TensorLike | None = None,
        _freeze: bool = False,
        *,
        dtype: DTypeLike = float32,
        device: str | None = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = positive("Embedding", "num_embeddings", num_embeddings)
        self.embedding_dim = positive("Embedding", "embedding_dim", embedding_dim)
        self.padding_idx = _row(padding_idx, self.num_embeddings)
        for name, value in {"max_norm": max_norm, "norm_type": norm_type}.items():
            if value is not None and not value > 0:
                raise InvalidValueError(f"Embedding: {name} is a positive number, not {value!r}")
        if sparse:
            raise UnsupportedError(
                "Embedding: gradients are dense on every engine; leave out sparse=True"
            )
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        self.register_parameter(
            "weight", Parameter(self._initial(_weight, dtype, device), requires_grad=not _freeze)
        )

    def _initial(
        self, given: TensorLike | None, dtype: DTypeLike, device: str | None
    ) -> EmberTensor:
        shape = (self.num_embeddings, self.embedding_dim)
        if given is not None:
            table = asarray(given)
            if table.shape != shape:
                raise ShapeError(f"Embedding: vectors of shape {table.shape}, where {shape} is due")
            return table
        drawn = initializers.normal(shape, dtype=dtype, device=device)
        return drawn if self.padding_idx is None else drawn.at[self.padding_idx].set(0.0)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: TensorLike,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """A layer with these vectors, (num_embeddings, embedding_dim).

        Args:
            freeze: whether they are left as they are in training.

        Raises:
            ShapeError: ``embeddings`` is no matrix.

        >>> from ember_ml import nn
        >>> nn.Embedding.from_pretrained([[1.0, 2.0], [3.0, 4.0]])(1).tolist()
        [3.0, 4.0]
        """
        table = asarray(embeddings)
        if table.ndim != 2:
            raise ShapeError(
                "Embedding.from_pretrained: vectors of shape (num_embeddings, embedding_dim) are "
                f"due, not {table.shape}"
            )
        count, width = table.shape
        return cls(
            count,
            width,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight=table,
            _freeze=freeze,
        )

    def forward(self, indices: TensorLike) -> EmberTensor:
        """(...) to (..., embedding_dim)."""
        rows = embedding(self.weight, indices, padding_idx=self.padding_idx)
        if self.max_norm is None and not self.scale_grad_by_freq:
            return rows
        # The value is that of the first term, and the gradient that of the second.
        value = stop_gradient(rows)
        change = rows - value
        if self.scale_grad_by_freq:
            change = change / expand_dims(self._frequency(asarray(indices)), axis=-1)
        return self._shortened(value) + change

    def _shortened(self, rows: EmberTensor) -> EmberTensor:
        if self.max_norm is None:
            return rows
        norm = linalg.vector_norm(rows, axis=-1, keepdims=True, ord=self.norm_type)
        return where(norm > self.max_norm, rows * (self.max_norm / (norm + 1e-7)), rows)

    def _frequency(self, indices: EmberTensor) -> EmberTensor:
        """How often each of ``indices`` is among them."""
        places = reshape(indices, (-1,))
        column = stop_gradient(self.weight[:, 0])
        counts = zeros_like(column).at[places].add(ones_like(take(column, places)))
        return reshape(take(counts, places), indices.shape)

    def extra_repr(self) -> str:
        """The sizes, and what is not as usual."""
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        usual = {
            "padding_idx": None,
            "max_norm": None,
            "norm_type": 2.0,
            "scale_grad_by_freq": False,
        }
        for name, value in usual.items():
            given = getattr(self, name)
            if given is not value and given != value:
                parts.append(f"{name}={given}")
        return ", ".join(parts)


def _row(padding_idx: int | None, count: int) -> int | None:
    if padding_idx is None:
        return None
    try:
        row = operator.index(padding_idx)
    except TypeError:
        row = count
    if not -count <= row < count:
        raise InvalidValueError(
            f"Embedding: padding_idx is the number of one of {count} vectors, not {padding_idx!r}"
        )
    return row % count
