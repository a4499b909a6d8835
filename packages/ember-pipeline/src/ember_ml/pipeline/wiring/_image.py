"""A pipeline as an image, drawn without a display."""

from __future__ import annotations

from pathlib import Path

from ember_ml.backend.errors import InvalidValueError

from .._errors import MissingExtraError
from ._chart import SINK, SOURCE, Chart

FORMATS = (".png", ".svg", ".pdf")

_BOX = {"boxstyle": "round,pad=0.4", "facecolor": "#fff3e0", "edgecolor": "#e65100"}
_END = {"boxstyle": "round4,pad=0.4", "facecolor": "#eceff1", "edgecolor": "#90a4ae"}
_INCHES_PER_LETTER = 0.11
_GAP = 0.9  # inches between the boxes of two layers
_ROW = 0.6  # inches
_LINE = "#546e7a"


def write_image(chart: Chart, title: str, path: Path) -> None:
    """Draw ``chart`` into the file ``path``, layer by layer from left to right.

    Raises:
        InvalidValueError: If the file's name does not end in one of `FORMATS`.
        MissingExtraError: If networkx or matplotlib is not installed.
    """
    if path.suffix.lower() not in FORMATS:
        raise InvalidValueError(
            f"{title}: cannot draw to {str(path)!r}; the name must end in {', '.join(FORMATS)}"
        )
    try:
        import networkx
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(
            f"{title}: drawing to a file needs networkx and matplotlib: "
            'pip install "ember-pipeline[draw]"'
        ) from error

    labels = {SOURCE: "input", SINK: "output"}
    labels.update((box.key, box.path) for box in chart.leaves())
    layers: list[list[str]] = list(
        map(list, networkx.topological_generations(networkx.DiGraph(chart.arrows)))
    )
    routes = _routed(chart, layers)
    widths = [
        _GAP + _INCHES_PER_LETTER * max(len(labels.get(key, "")) for key in layer)
        for layer in layers
    ]
    height = _ROW * max(map(len, layers))
    places = {
        key: (
            sum(widths[:number]) + widths[number] / 2,
            height / 2 - _ROW * (row - (len(layer) - 1) / 2),
        )
        for number, layer in enumerate(layers)
        for row, key in enumerate(layer)
    }

    # A figure of its own, without pyplot: no display, and no state that outlives the call.
    figure = Figure(figsize=(sum(widths), height + _ROW))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, sum(widths)), ylim=(-_ROW / 2, height + _ROW / 2))
    axes.set_axis_off()
    axes.text(0.1, height + 0.05, _plain(title), fontsize=9, color=_LINE)
    boxes = {
        key: axes.text(
            *places[key],
            _plain(label),
            ha="center",
            va="center",
            bbox=_END if key in (SOURCE, SINK) else _BOX,
        )
        for key, label in labels.items()
    }
    figure.draw_without_rendering()  # the arrows end where the boxes do, once these are laid out
    for route in routes:
        *way, last, end = (places[key] for key in route)
        axes.plot(*zip(*way, last, strict=True), color=_LINE, linewidth=1, zorder=1)
        axes.annotate(
            "",
            xy=end,
            xytext=last,
            arrowprops={
                "arrowstyle": "-|>",
                "color": _LINE,
                "shrinkA": 0,
                "patchB": boxes[route[-1]].get_bbox_patch(),
            },
            zorder=1,
        )
    figure.savefig(path)


def _routed(chart: Chart, layers: list[list[str]]) -> list[list[str]]:
    """The arrows as the places they lead through: one is kept free in each layer on the way."""
    layer_of = {key: number for number, layer in enumerate(layers) for key in layer}
    routes = []
    for start, end in chart.arrows:
        route = [start]
        for number in range(layer_of[start] + 1, layer_of[end]):
            route.append(f"{start} to {end} in {number}")
            layers[number].append(route[-1])
        routes.append([*route, end])
    return routes


def _plain(text: str) -> str:
    """``text`` without what matplotlib would read as mathematics."""
    return text.replace("$", r"\$")
