"""Threefry-2x32, 20 rounds: the counter-based generator behind the portable random stream.

Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011, with the known answers of
their Random123 distribution. A word of the stream depends on the key and its position alone, so
every engine makes the same ones.
"""

from __future__ import annotations

from ._bitwise import bitwise_and, bitwise_left_shift, bitwise_or, bitwise_right_shift, bitwise_xor
from ._core import Device, EmberTensor, TensorLike
from ._creation import arange, asarray
from ._data import astype
from ._elementwise import add
from ._manipulation import reshape, stack
from ._operation import operation

__all__ = ["block", "random_words"]

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_MASK = 0xFFFFFFFF


def block(key: tuple[int, int], counter: tuple[int, int]) -> tuple[int, int]:
    """One block, in Python integers: it derives keys.

    >>> from ember_ml.nn.tensor._threefry import block
    >>> [hex(word) for word in block((0, 0), (0, 0))]  # Random123's known answer
    ['0x6b200159', '0x99ba4efe']
    """
    keys = (*key, key[0] ^ key[1] ^ _PARITY)
    x0, x1 = (counter[0] + key[0]) & _MASK, (counter[1] + key[1]) & _MASK
    for group in range(5):
        for r in _ROTATIONS[group % 2]:
            x0 = (x0 + x1) & _MASK
            x1 = ((x1 << r | x1 >> (32 - r)) & _MASK) ^ x0
        x0 = (x0 + keys[(group + 1) % 3]) & _MASK
        x1 = (x1 + keys[(group + 2) % 3] + group + 1) & _MASK
    return x0, x1


@operation(kinds={"stream": "integer"})
def random_words(
    stream: TensorLike, count: int, /, *, offset: int = 0, device: Device | None = None
) -> EmberTensor:
    """The two words of each of ``count`` blocks of a stream.

    Block ``i`` encrypts the counter ``(i mod 2**32, i // 2**32)``.

    Args:
        stream: (3,), ``int64``: the two words of the key, and the number of a block. A tensor, so
            that a compiled program can be given another key and place at each call.
        count: how many blocks.
        offset: how many blocks after that of ``stream`` the first one is.

    Returns:
        (2 * count,), ``uint32``.
    """
    stream = asarray(stream, device=device)
    index = arange(offset, offset + count, device=device) + stream[2]
    key = [astype(bitwise_and(stream[i], _MASK), "uint32") for i in range(2)]
    keys = [*key, bitwise_xor(bitwise_xor(key[0], key[1]), _PARITY)]
    x0 = add(astype(bitwise_and(index, _MASK), "uint32"), keys[0])
    x1 = add(astype(bitwise_and(bitwise_right_shift(index, 32), _MASK), "uint32"), keys[1])
    for group in range(5):
        for r in _ROTATIONS[group % 2]:
            x0 = x0 + x1
            turned = bitwise_or(bitwise_left_shift(x1, r), bitwise_right_shift(x1, 32 - r))
            x1 = bitwise_xor(turned, x0)
        x0 = add(x0, keys[(group + 1) % 3])
        x1 = add(add(x1, keys[(group + 2) % 3]), group + 1)
    return reshape(stack([x0, x1], axis=1), (-1,))
