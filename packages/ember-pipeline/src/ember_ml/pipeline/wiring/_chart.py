"""What a drawing of a pipeline shows: a box for each stage, and arrows between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .._builder import PipelineBuilder
from .._stage import Stage
from ._graph import INPUT, ends_of

# The ends of the arrows that come from outside, and of those that lead there.
SOURCE: Final = "input"
SINK: Final = "output"


@dataclass(frozen=True, slots=True)
class Box:
    """A stage, and for a nested pipeline the stages inside."""

    key: str
    name: str
    path: str
    inside: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Boxes, and arrows between the keys of those that have nothing inside."""

    boxes: tuple[Box, ...]
    arrows: tuple[tuple[str, str], ...]

    def leaves(self) -> list[Box]:
        """The boxes that arrows lead to."""
        return _leaves(self.boxes)


def chart_of(stages: Sequence[Stage]) -> Chart:
    """What to draw for ``stages``."""
    arrows: dict[tuple[str, str], None] = {}
    boxes, ends = _boxes(stages, "s", "", [SOURCE], arrows)
    arrows.update(dict.fromkeys((end, SINK) for end in ends))
    return Chart(boxes, tuple(arrows))


def _boxes(
    stages: Sequence[Stage],
    key: str,
    path: str,
    source: list[str],
    arrows: dict[tuple[str, str], None],
) -> tuple[tuple[Box, ...], list[str]]:
    """The boxes of ``stages``, and the keys that the arrows from them start at."""
    leads_from = {INPUT: source}
    boxes = []
    for number, stage in enumerate(stages):
        own = f"{key}{number}"
        before = [start for name in stage.after for start in leads_from[name]]
        inner: object = stage.call
        inside: tuple[Box, ...] = ()
        leads_from[stage.name] = [own]
        if isinstance(inner, PipelineBuilder) and inner.stages:
            inside, leads_from[stage.name] = _boxes(
                inner.stages, f"{own}_", f"{path}{stage.name}/", before, arrows
            )
        else:
            arrows.update(dict.fromkeys((start, own) for start in before))
        boxes.append(Box(own, stage.name, f"{path}{stage.name}", inside))
    return tuple(boxes), [start for name in ends_of(stages) for start in leads_from[name]]


def _leaves(boxes: Sequence[Box]) -> list[Box]:
    return [leaf for box in boxes for leaf in (_leaves(box.inside) if box.inside else [box])]
