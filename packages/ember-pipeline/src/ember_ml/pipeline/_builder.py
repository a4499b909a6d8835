"""What the two kinds of pipeline share: a name, and a graph of named stages."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Self, overload

from ember_ml.backend.errors import ArgumentError, InvalidValueError

from ._errors import StageNotFoundError
from ._stage import Stage, StageLike, callable_of, is_async, name_of
from .tasks._options import StageOptions
from .wiring._graph import INPUT, ends_of, part_of, runs_of, sources_of, unused_name


class PipelineBuilder(ABC):
    """A named graph of stages that are checked as they are added."""

    def __init__(self, name: str) -> None:
        self.name = _checked_name(
            name, f"{type(self).__name__}, which takes its stages with add_stage(),"
        )
        self._stages: list[Stage] = []

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in the order in which they were added, which is one they can run in."""
        return tuple(self._stages)

    @abstractmethod
    def add_stage(
        self,
        stage: StageLike,
        /,
        *,
        name: str | None = None,
        after: str | Sequence[str] | None = None,
    ) -> Self:
        """Append a stage and return the pipeline, so that calls can be chained."""

    @abstractmethod
    def __call__(self, raw: Any, /) -> Any:
        """Run, which makes a pipeline a stage of another."""

    def _append(
        self,
        stage: StageLike,
        name: str | None,
        after: str | Sequence[str] | None,
        options: StageOptions,
        *,
        filters: bool = False,
    ) -> None:
        if _contains(stage, self):
            raise InvalidValueError(
                f"{self!r}: adding {stage!r} would put the pipeline inside itself"
            )
        call = callable_of(stage, repr(self))
        taken = {INPUT, *(other.name for other in self._stages)}
        if name is None:
            name = unused_name(name_of(stage), taken)
        elif _checked_name(name, f"{self!r}: a stage") == INPUT:
            raise InvalidValueError(
                f"{self!r}: {INPUT!r} is what the pipeline is given; give the stage another name="
            )
        elif name in taken:
            raise InvalidValueError(
                f"{self!r} already has a stage {name!r}; give this one another name="
            )
        sources = sources_of(after, self._stages, f"{self!r}: stage {name!r}")
        if len(sources) > 1 and isinstance(stage, PipelineBuilder):
            raise InvalidValueError(
                f"{self!r}: {stage!r} takes one item, and after={after!r} gives it {len(sources)}; "
                "join them in a stage before it"
            )
        self._stages.append(Stage(self.name, name, call, sources, stage, options, filters))

    def __len__(self) -> int:
        return len(self._stages)

    def __iter__(self) -> Iterator[Stage]:
        return iter(self.stages)

    def __contains__(self, stage: object) -> bool:
        """Whether there is such a stage, given as a `Stage`, a name or a path of names."""
        if not isinstance(stage, str):
            return stage in self._stages
        return self._found(stage) is not None

    @overload
    def __getitem__(self, key: str | int, /) -> Stage: ...

    @overload
    def __getitem__(self, key: slice[Any, Any, Any], /) -> Self: ...

    def __getitem__(self, key: str | int | slice[Any, Any, Any], /) -> Stage | Self:
        """One stage, or a part of the pipeline as a pipeline of the same kind.

        Args:
            key: A name, a path such as ``"inner/clean"``, a position, or a slice from and to names
                or positions, the end of which is left out as in every slice.

        Raises:
            StageNotFoundError: If there is no stage of that name or at that position; it is a
                KeyError and an IndexError.
            ArgumentError: If ``key`` is none of these.
            InvalidValueError: If the part would take several results from outside.

        Example:
            >>> from ember_ml.pipeline import Pipeline
            >>> words = Pipeline("words").add_stage(str.strip).add_stage(str.split).add_stage(len)
            >>> words["split":], words["len"].name
            (Pipeline('words': split -> len), 'len')
        """
        if isinstance(key, slice):
            if key.step not in (None, 1):
                raise InvalidValueError(
                    f"{self!r}: a part is cut without a step, got [::{key.step!r}]"
                )
            cut = slice(self._position(key.start), self._position(key.stop))
            return self._with(part_of(self._stages[cut], repr(self)))
        if isinstance(key, str):
            stage = self._found(key)
            if stage is None:
                raise self._missing(key)
            return stage
        if not isinstance(key, int):
            raise ArgumentError(
                f"{self!r}: a stage is found by a name, a position or a slice, got {key!r}"
            )
        if not -len(self) <= key < len(self):
            raise self._missing(key)
        return self._stages[key]

    def __or__(self, stage: StageLike, /) -> Self:
        """A new pipeline that goes on with ``stage``, which may be a pipeline.

        Example:
            >>> from ember_ml.pipeline import Pipeline
            >>> Pipeline("clean").add_stage(str.strip) | str.split | len
            Pipeline('clean': strip -> split -> len)
        """
        if isinstance(stage, PipelineBuilder) and is_async(stage) and not is_async(self):
            return NotImplemented  # and so an asynchronous one, by its `__ror__`
        whole = self._with(self._stages)
        if len(ends_of(self._stages)) > 1:  # all of them are what comes next is given
            whole = self._with([]).add_stage(self)
        return whole.add_stage(stage)

    def __ror__(self, stage: StageLike, /) -> Self:
        """A new pipeline that begins with ``stage``."""
        return self._with([]).add_stage(stage).add_stage(self)

    def draw(self, path: str | PathLike[str] | None = None, /) -> str:
        """The pipeline as text that Mermaid draws, and as an image if a file is named.

        Args:
            path: Where to write the image, to a name in ``.png``, ``.svg`` or ``.pdf``. It needs
                ``pip install "ember-pipeline[draw]"``; the text needs nothing.

        Raises:
            InvalidValueError: If ``path`` has another ending.
            MissingExtraError: If networkx or matplotlib is not installed.

        Example:
            >>> from ember_ml.pipeline import Pipeline
            >>> print(Pipeline("words").add_stage(str.split).add_stage(len).draw())
            flowchart LR
                input([input])
                s0["split"]
                s1["len"]
                output([output])
                input --> s0
                s0 --> s1
                s1 --> output
        """
        from .wiring._chart import chart_of
        from .wiring._image import write_image
        from .wiring._mermaid import mermaid

        chart = chart_of(self._stages)
        if path is not None:
            write_image(chart, f"{type(self).__name__} {self.name!r}", Path(path))
        return mermaid(chart)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}: {self._shown()})"

    def _shown(self) -> str:
        shown = "; ".join(map(_shown_run, runs_of(self._stages))) or "no stages"
        return shown.removeprefix(f"{INPUT} -> ")

    def _with(self, stages: Sequence[Stage]) -> Self:
        other = copy.copy(self)
        other._stages = list(stages)
        return other

    def _found(self, path: str) -> Stage | None:
        for stage in self._stages:
            if stage.name == path:
                return stage
            inner = stage.call
            if isinstance(inner, PipelineBuilder) and path.startswith(f"{stage.name}/"):
                found = inner._found(path[len(stage.name) + 1 :])
                if found is not None:
                    return found
        return None

    def _position(self, key: str | int | None) -> int | None:
        if not isinstance(key, str):
            return key
        names = [stage.name for stage in self._stages]
        if key not in names:
            raise self._missing(key)
        return names.index(key)

    def _missing(self, key: str | int) -> StageNotFoundError:
        known = ", ".join(repr(stage.name) for stage in self._stages) or "none"
        return StageNotFoundError(f"{self!r} has no stage {key!r}; its stages are {known}")


def _checked_name(name: object, owner: str) -> str:
    if not isinstance(name, str) or not name:
        raise ArgumentError(f"{owner} needs a name that is a non-empty string, got {name!r}")
    return name


def _contains(stage: object, pipeline: PipelineBuilder) -> bool:
    return stage is pipeline or (
        isinstance(stage, PipelineBuilder)
        and any(_contains(inner.call, pipeline) for inner in stage.stages)
    )


def _shown_run(run: tuple[tuple[str, ...], list[Stage]]) -> str:
    sources, stages = run
    shown = [_shown_stage(stage) for stage in stages]
    taken = sources[0] if len(sources) == 1 else f"({', '.join(sources)})"
    return " -> ".join([taken, *shown])


def _shown_stage(stage: Stage) -> str:
    inner: object = stage.call
    return f"{stage.name}({inner._shown()})" if isinstance(inner, PipelineBuilder) else stage.name
