"""What the two kinds of pipeline share: a name, and an ordered list of named stages."""

from __future__ import annotations

from ember_ml.backend.errors import ArgumentError, InvalidValueError

from ._stage import Stage, StageLike, Where, callable_of, name_of


class PipelineBuilder:
    """A named, ordered list of stages that are checked as they are added."""

    def __init__(self, name: str) -> None:
        self.name = _checked_name(
            name, f"{type(self).__name__}, which takes its stages with add_stage(),"
        )
        self._stages: list[Stage] = []

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in the order in which they run."""
        return tuple(self._stages)

    def _append(self, stage: StageLike, name: str | None, where: Where) -> None:
        if _contains(stage, self):
            raise InvalidValueError(
                f"{self!r}: adding {stage!r} would put the pipeline inside itself"
            )
        call = callable_of(stage, repr(self))
        taken = {other.name for other in self._stages}
        if name is None:
            name = _numbered(name_of(stage), taken)
        elif _checked_name(name, f"{self!r}: a stage") in taken:
            raise InvalidValueError(
                f"{self!r} already has a stage {name!r}; give this one another name="
            )
        self._stages.append(Stage(self.name, name, call, where))

    def _shown_stages(self) -> str:
        return " -> ".join(_shown(stage) for stage in self._stages) or "no stages"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}: {self._shown_stages()})"


def _checked_name(name: object, owner: str) -> str:
    if not isinstance(name, str) or not name:
        raise ArgumentError(f"{owner} needs a name that is a non-empty string, got {name!r}")
    return name


def _contains(stage: object, pipeline: PipelineBuilder) -> bool:
    return stage is pipeline or (
        isinstance(stage, PipelineBuilder)
        and any(_contains(inner.call, pipeline) for inner in stage.stages)
    )


def _numbered(name: str, taken: set[str]) -> str:
    """``name``, or ``name-2``, ``name-3``, ... when stages that named themselves share it."""
    unique, count = name, 1
    while unique in taken:
        count += 1
        unique = f"{name}-{count}"
    return unique


def _shown(stage: Stage) -> str:
    call: object = stage.call
    return (
        f"{stage.name}({call._shown_stages()})" if isinstance(call, PipelineBuilder) else stage.name
    )
