"""The cases by family: importing the package fills `CASES`."""

from . import (
    _activations,
    _attention,
    _convolution,
    _creation,
    _elementwise,
    _fourier,
    _functions,
    _linalg,
    _manipulation,
    _numerics,
    _pairwise,
    _random,
    _recurrent,
    _reduction,
    _rows,
    _search,
)

__all__ = [
    "_activations",
    "_attention",
    "_convolution",
    "_creation",
    "_elementwise",
    "_fourier",
    "_functions",
    "_linalg",
    "_manipulation",
    "_numerics",
    "_pairwise",
    "_random",
    "_recurrent",
    "_reduction",
    "_rows",
    "_search",
]
