"""Rows put together by number, in the tracer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import _scatter
from ._quiet import quiet
from ._rules_shape import take
from ._tape import plain, primitive

_add: Any = primitive(
    quiet(_scatter.index_add),
    lambda answer, x, indices, values: lambda g: g,
    None,
    lambda answer, x, indices, values: lambda g: take(g, indices, axis=0),
)


def index_add(x, indices, values, /):
    return _add(x, plain(indices), values)


def _chosen(x, indices, values, answer):
    """What share of the gradient each element of ``x`` and of ``values`` gets: equal ones alike."""
    x, values, answer = plain(x), plain(values), plain(answer)
    here, there = x == answer, values == answer[indices]
    ones = [np.asarray(mask, x.dtype) for mask in (here, there)]
    count = np.maximum(_scatter.index_add(ones[0], indices, ones[1]), 1)
    return ones[0] / count, ones[1] / count[indices]


def _choice(function: Callable[..., Any]) -> Callable[..., Any]:
    step = primitive(
        function,
        lambda answer, x, indices, values: lambda g: g * _chosen(x, indices, values, answer)[0],
        None,
        lambda answer, x, indices, values: (
            lambda g: take(g, indices, axis=0) * _chosen(x, indices, values, answer)[1]
        ),
    )
    return lambda x, indices, values, /: step(x, plain(indices), values)


index_max = _choice(quiet(_scatter.index_max))
index_min = _choice(quiet(_scatter.index_min))
