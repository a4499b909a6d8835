"""Keys and values of the steps before, for decoding step by step."""

from __future__ import annotations

from ember_ml.backend.errors import InvalidValueError, ShapeError
from ember_ml.nn.tensor import EmberTensor, TensorLike, asarray, concat

from ._products import scaled_dot_product_attention

__all__ = ["KeyValueCache"]


class KeyValueCache:
    """Keys and values as they come, so that a step of decoding costs one query.

    Args:
        max_length: how many are kept; the oldest go first. All unless given.

    Attributes:
        keys: (..., S, E), or None at first.
        values: (..., S, V), or None.
        position: how many steps have been appended in all: the position of the next one.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> cache = nn.attention.KeyValueCache()
    >>> steps = et.reshape(et.arange(6.0), (3, 1, 2))
    >>> y = [cache.attend(x, x, x) for x in steps]
    >>> whole = et.reshape(steps, (3, 2))
    >>> right = nn.attention.scaled_dot_product_attention(whole, whole, whole, is_causal=True)
    >>> et.max(et.abs(et.concat(y) - right)).item() < 1e-5, len(cache)
    (True, 3)
    """

    def __init__(self, max_length: int | None = None) -> None:
        if max_length is not None and (not isinstance(max_length, int) or max_length < 1):
            raise InvalidValueError(
                f"KeyValueCache: max_length is a positive integer or None, not {max_length!r}"
            )
        self.max_length = max_length
        self.keys: EmberTensor | None = None
        self.values: EmberTensor | None = None
        self.position = 0

    def __len__(self) -> int:
        return 0 if self.keys is None else self.keys.shape[-2]

    def append(self, key: TensorLike, value: TensorLike) -> tuple[EmberTensor, EmberTensor]:
        """Add steps at the end.

        Args:
            key: (..., L, E).
            value: (..., L, V).

        Returns:
            The keys and values that are kept, and those of the L new steps at least.

        Raises:
            ShapeError: they do not fit each other or those kept; nothing is added.
        """
        key, value = asarray(key), asarray(value)
        if min(key.ndim, value.ndim) < 2 or key.shape[-2] != value.shape[-2]:
            raise ShapeError(
                f"KeyValueCache: keys of shape {key.shape} and values of shape {value.shape}, "
                "where (..., L, E) and (..., L, V) are due"
            )
        keys, values = _joined("keys", self.keys, key), _joined("values", self.values, value)
        # New steps that see those before them need all of these, and a few less remain.
        first = 0
        if self.max_length is not None:
            first = max(0, keys.shape[-2] - self.max_length - key.shape[-2] + 1)
        keys, values = keys[..., first:, :], values[..., first:, :]
        self.position += key.shape[-2]
        rest = 0 if self.max_length is None else max(0, keys.shape[-2] - self.max_length)
        self.keys, self.values = keys[..., rest:, :], values[..., rest:, :]
        return keys, values

    def attend(
        self,
        query: TensorLike,
        key: TensorLike,
        value: TensorLike,
        attn_mask: TensorLike | None = None,
        *,
        bias: TensorLike | None = None,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> EmberTensor:
        """Append the steps, and let their queries attend to all up to their own.

        Returns:
            (..., L, V), what the whole sequence's causal attention has for these steps.
        """
        query = asarray(query)
        keys, values = self.append(key, value)
        return scaled_dot_product_attention(
            query, keys, values, attn_mask, 0.0, True, scale, enable_gqa,
            bias=bias, window=self.max_length, offset=keys.shape[-2] - query.shape[-2],
        )  # fmt: skip

    def trim(self, count: int) -> None:
        """Forget the last ``count`` steps, as where drafted tokens are refused.

        Raises:
            InvalidValueError: there are not so many.
        """
        if not 0 <= count <= len(self):
            raise InvalidValueError(f"KeyValueCache: cannot forget {count} of {len(self)} steps")
        if self.keys is not None and self.values is not None:
            length = len(self) - count
            self.keys = self.keys[..., :length, :]
            self.values = self.values[..., :length, :]
        self.position -= count

    def clear(self) -> None:
        """Forget everything."""
        self.keys = self.values = None
        self.position = 0

    def __repr__(self) -> str:
        return f"KeyValueCache(length={len(self)}, position={self.position})"


def _joined(what: str, old: EmberTensor | None, new: EmberTensor) -> EmberTensor:
    if old is None:
        return new
    if (*old.shape[:-2], old.shape[-1]) != (*new.shape[:-2], new.shape[-1]):
        raise ShapeError(
            f"KeyValueCache: {what} of shape {new.shape} after those of shape {old.shape}; only "
            "their number, the axis -2, may differ"
        )
    return concat([old, new], axis=-2)
