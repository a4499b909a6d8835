"""The cases by family: importing the package fills `CASES`."""

from . import (
    _creation,
    _elementwise,
    _fourier,
    _functions,
    _linalg,
    _manipulation,
    _pairwise,
    _random,
    _reduction,
    _search,
)

__all__ = [
    "_creation",
    "_elementwise",
    "_fourier",
    "_functions",
    "_linalg",
    "_manipulation",
    "_pairwise",
    "_random",
    "_reduction",
    "_search",
]
