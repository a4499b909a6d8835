"""Attention weights as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ember_ml.backend.errors import ShapeError
from ember_ml.nn.tensor import TensorLike, asarray

__all__ = ["draw_weights"]


def draw_weights(
    weights: TensorLike,
    *,
    queries: Sequence[object] | None = None,
    keys: Sequence[object] | None = None,
    title: str | None = None,
) -> Any:
    """A heat map of attention weights, one panel for each head.

    Args:
        weights: (L, S) or (heads, L, S), as ``return_weights`` gives them for one sequence.
        queries: L labels of the rows (tokens, dates).
        keys: S labels of the columns.
        title: of the whole.

    Returns:
        A `matplotlib.figure.Figure`, which is not shown: ``figure.savefig("weights.png")``, or let
        a notebook display it.

    Raises:
        ShapeError: ``weights`` has another number of axes, or there are more or fewer labels.
        ImportError: matplotlib is not installed.

    >>> from ember_ml import nn
    >>> figure = nn.attention.draw_weights([[1.0, 0.0], [0.5, 0.5]], keys=["a", "b"])
    >>> len(figure.axes)
    2
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "draw_weights needs matplotlib: pip install 'ember-core[plot]'"
        ) from error

    w = asarray(weights)
    if w.ndim not in (2, 3) or 0 in w.shape:
        raise ShapeError(
            f"draw_weights: weights of shape {w.shape}, where (L, S) or (heads, L, S) are due; "
            "pick one sequence of a batch, weights[0]"
        )
    for name, labels, size in (("queries", queries, w.shape[-2]), ("keys", keys, w.shape[-1])):
        if labels is not None and len(labels) != size:
            raise ShapeError(f"draw_weights: {len(labels)} labels of {size} {name}")
    values = w.tolist() if w.ndim == 3 else [w.tolist()]
    columns = math.ceil(math.sqrt(len(values)))
    rows = math.ceil(len(values) / columns)
    figure = Figure(figsize=(3.2 * columns + 0.8, 3.0 * rows + 0.4), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    top = max(max(map(max, head)) for head in values)
    for i, panel in enumerate(panels.flat):
        if i >= len(values):
            panel.set_axis_off()
            continue
        image = panel.imshow(values[i], vmin=0.0, vmax=top or 1.0, cmap="viridis", aspect="auto")
        if len(values) > 1:
            panel.set_title(f"head {i}")
        if keys is not None:
            panel.set_xticks(range(len(keys)), [str(x) for x in keys], rotation=90)
        if queries is not None:
            panel.set_yticks(range(len(queries)), [str(x) for x in queries])
    figure.supxlabel("key")
    figure.supylabel("query")
    figure.colorbar(image, ax=list(panels.flat), label="weight")
    if title:
        figure.suptitle(title)
    return figure
