"""Random numbers: PyTorch's own generators, and Threefry on 32-bit integers."""

from __future__ import annotations

import functools
import json
from typing import Any

import torch
from ember_ml.backend.protocol import Native

from ._state import TRACING

__all__ = ["Streams", "random_words", "restored", "saved"]


class Streams:
    """The generators of one seed, one for each device."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.generators: dict[torch.device, torch.Generator] = {}

    def on(self, device: str | None) -> torch.Generator:
        place = torch.get_default_device() if device is None else torch.device(device)
        if place not in self.generators:
            self.generators[place] = torch.Generator(place).manual_seed(self.seed)
        return self.generators[place]


def saved(streams: Streams) -> str:
    states = {str(d): bytes(g.get_state().tolist()).hex() for d, g in streams.generators.items()}
    return json.dumps({"seed": streams.seed, "states": states})


def restored(text: str) -> Streams:
    content = json.loads(text)
    streams = Streams(content["seed"])
    for device, state in content["states"].items():
        streams.on(device).set_state(torch.tensor(list(bytes.fromhex(state)), dtype=torch.uint8))
    return streams


_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
#: For each turn to the left by r: 32 - r, ``2**r - 1``, ``2**r``. PyTorch is slow to take numbers.
_TURNS = [
    [
        (*torch.tensor([32 - r, (1 << r) - 1], dtype=torch.int32, device="cpu"), 1 << r)
        for r in group
    ]
    for group in _ROTATIONS
]
_PARITY = 0x1BD11BDA
#: Blocks worked on at a time: what they need stays in the cache.
_CHUNK = 1 << 16


def _signed(word: int) -> int:
    return (word + 0x80000000 & 0xFFFFFFFF) - 0x80000000


def random_words(
    stream: Native, count: int, /, *, offset: int = 0, device: str | None = None
) -> Native:
    if TRACING.get():
        place = torch.get_default_device() if device is None else torch.device(device)
        return _opaque()(stream, offset, count, place)
    return _words(stream, offset, count, device)


@functools.cache
def _opaque() -> Any:
    """The same as one operation of PyTorch: inductor writes the rounds out without end."""

    def words(stream: torch.Tensor, offset: int, count: int, device: torch.device) -> torch.Tensor:
        return _words(stream, offset, count, device)

    found = torch.library.custom_op("ember::random_words", words, mutates_args=())
    found.register_fake(
        lambda stream, offset, count, device: torch.empty(
            2 * count, dtype=torch.uint32, device=device
        )
    )
    return found


def _words(
    stream: torch.Tensor, offset: int, count: int, device: torch.device | str | None
) -> torch.Tensor:
    low, high, start = stream.tolist()
    key, start = (low, high), start + offset
    words = torch.empty((count, 2), dtype=torch.int32, device=device)
    scratch = torch.empty(min(count, _CHUNK), dtype=torch.int32, device=device)
    for first in range(0, count, _CHUNK):
        part = words[first : first + _CHUNK]
        index = torch.arange(start + first, start + first + len(part), device=device)
        counters = index.to(torch.int32), (index >> 32).to(torch.int32)
        part[:, 0], part[:, 1] = _threefry(key, *counters, scratch[: len(part)])
    return words.view(torch.uint32).reshape(-1)


def _threefry(key: tuple[int, int], x0: Native, x1: Native, low: Native) -> tuple[Native, Native]:
    """Encrypt the counters ``(x0, x1)``, in place; PyTorch's ``int32`` wraps around."""
    keys = (*key, key[0] ^ key[1] ^ _PARITY)
    x0 += _signed(keys[0])
    x1 += _signed(keys[1])
    for group in range(5):
        for right, mask, left in _TURNS[group % 2]:
            x0 += x1
            torch.bitwise_right_shift(x1, right, out=low)
            low &= mask  # the shift has copied the sign
            torch.add(low, x1, alpha=left, out=x1)
            x1 ^= x0
        x0 += _signed(keys[(group + 1) % 3])
        x1 += _signed(keys[(group + 2) % 3] + group + 1)
    return x0, x1


def halves_below(words: Native, limit: int, /) -> Native:
    halves = words.view(torch.int16)
    # what is compared with has 16 bits too
    return halves <= limit - 0x8001 if limit else torch.zeros_like(halves, dtype=torch.bool)


def kept_below(x: Native, words: Native, limit: int, /, *, scale: float) -> Native:
    if not limit:
        return x * 0.0
    halves = words.view(torch.int16)[: x.numel()]
    # A comparison in place is several times as fast as one that makes booleans.
    kept = halves.clone().le_(limit - 0x8001).to(x.dtype).mul_(scale)
    return x * kept.reshape(x.shape)
