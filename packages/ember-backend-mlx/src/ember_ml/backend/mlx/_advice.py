"""What would make this build of MLX faster."""

from __future__ import annotations

import sys

from ._streams import DEVICES

_MAPS = "/proc/self/maps"
_FAST = ("openblas", "libmkl", "blis", "libarmpl", "nvpl_blas")


def advice() -> str | None:
    """The wheel for Linux multiplies matrices with the reference BLAS."""
    if not sys.platform.startswith("linux") or DEVICES[0] != "cpu":
        return None
    with open(_MAPS) as maps:
        mapped = maps.read()
    # NumPy and SciPy bring an OpenBLAS whose functions have names of their own.
    names = [line.rpartition("/")[2].lower() for line in mapped.splitlines()]
    if any(fast in name for name in names for fast in _FAST if "scipy_openblas" not in name):
        return None
    return (
        "MLX multiplies matrices here with the slow reference BLAS: install OpenBLAS "
        "(apt install libopenblas0) and start Python with LD_PRELOAD=libopenblas.so.0"
    )
