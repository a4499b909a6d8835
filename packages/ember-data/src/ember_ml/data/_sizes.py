"""How many samples each part of a split gets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import SupportsIndex

from ember_ml.backend.errors import InvalidValueError


def part_sizes(sizes: float | Sequence[float], total: int) -> list[int]:
    """The lengths of the parts of ``total`` samples, given as lengths or as fractions.

    Raises:
        InvalidValueError: the sizes do not make up the whole, or a part would be empty.

    Example:
        >>> part_sizes(0.75, 10), part_sizes([0.5, 0.3, 0.2], 10), part_sizes([7, 3], 10)
        ([8, 2], [5, 3, 2], [7, 3])
    """
    if isinstance(sizes, Iterable):
        given = list(sizes)
    else:
        given = [sizes, (total if _is_length(sizes) else 1) - sizes]
    if all(map(_is_length, given)):
        lengths = [int(size) for size in given]
        if sum(lengths) != total:
            raise InvalidValueError(
                f"split: the lengths {lengths} add up to {sum(lengths)}, and there are {total} "
                "samples; fractions are written as floats"
            )
    else:
        if not math.isclose(math.fsum(given), 1.0, rel_tol=1e-6):
            raise InvalidValueError(
                f"split: the fractions {given} add up to {math.fsum(given):g}, not to 1"
            )
        # Rounding where one part ends and the next begins makes the lengths add up.
        ends = [math.floor(math.fsum(given[: i + 1]) * total + 0.5) for i in range(len(given))]
        lengths = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    if min(lengths, default=0) < 1:
        raise InvalidValueError(
            f"split: of {total} samples the parts would get {lengths}; each needs at least one"
        )
    return lengths


def _is_length(size: object) -> bool:
    return isinstance(size, SupportsIndex)
