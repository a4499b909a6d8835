"""The state of a training run in one file."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ember_ml.backend.errors import ArgumentError, CheckpointError, EmberError
from ember_ml.backend.registry import current_backend, use_backend
from ember_ml.nn.modules import Module, _state
from ember_ml.nn.tensor import EmberTensor, random
from ember_ml.nn.tensor._careful import wrap_native

from . import _directory, _files
from ._values import decoded, encoded

__all__ = ["Checkpoint", "Stateful", "load_checkpoint", "model_part", "save_checkpoint"]

_VERSION = 1


class Stateful(Protocol):
    """What a checkpoint can hold: an optimizer, a scheduler, a generator, a Module, ..."""

    def state_dict(self) -> Mapping[str, Any]:
        """Tensors, numbers and texts by name, lists and dicts of these included."""
        ...

    def load_state_dict(self, state: Any, /) -> Any:
        """Take over a copy of what `state_dict` gave; or raise CheckpointError, unchanged."""
        ...


@dataclass(frozen=True)
class Checkpoint:
    """What `load_checkpoint` returns.

    Attributes:
        path: the file.
        step: what `save_checkpoint` was given as ``step``.
        extra: what it was given as ``extra``.
    """

    path: Path
    step: int | None
    extra: dict[str, Any]


def save_checkpoint(
    path: str | os.PathLike[str],
    *,
    model: Module | None = None,
    optimizer: Stateful | None = None,
    scheduler: Stateful | None = None,
    others: Mapping[str, Stateful] | None = None,
    step: int | None = None,
    extra: Mapping[str, Any] | None = None,
    keep: int | None = None,
) -> Path:
    """Write all that a training run needs to go on to one safetensors file.

    Besides what is given, that is the place in the default random stream of this thread, and in
    those of generators that are attributes of the model's layers. On the same engine the resumed
    run is the same bit for bit, and on another one to rounding. The file appears whole or not at
    all: a process that is killed meanwhile leaves the previous one as it was.

    Args:
        path: the file; ``"{step}"`` in its name stands for ``step``, in eight digits.
        others: more by name: generators of batches, a second model, an average of weights.
        step: where the run is.
        extra: tensors, numbers, texts, and lists and dicts of these, for the user's own use.
        keep: how many files to keep of those whose names differ in ``"{step}"`` alone: older ones
            are removed once the new one is there.

    Returns:
        The file that was written.

    Raises:
        ArgumentError: something that a checkpoint cannot hold; or ``"{step}"`` without ``step``,
            or ``keep`` without ``"{step}"``. Nothing has been written.
        OSError: the file cannot be written; what was there is as it was.

    >>> import tempfile
    >>> from ember_ml import nn
    >>> model, optimizer = nn.Linear(2, 1), nn.optimizers.Adam()
    >>> directory = tempfile.mkdtemp()
    >>> file = nn.save_checkpoint(
    ...     f"{directory}/{{step}}.safetensors", model=model, optimizer=optimizer, step=7, keep=3
    ... )
    >>> file.name
    '00000007.safetensors'
    >>> nn.load_checkpoint(file, model=model, optimizer=optimizer).step
    7
    """
    place = _directory.Place(path, step, keep)
    tensors: dict[str, EmberTensor] = {}
    parts = {}
    for name, thing in _parts(model, optimizer, scheduler, others, True).items():
        state = dict(thing.state_dict())
        parts[name] = {"class": type(thing).__name__, "state": encoded(state, name, tensors)}
    content = {
        "version": _VERSION,
        "step": step,
        "parts": parts,
        "extra": encoded(dict(extra or {}), "extra", tensors),
    }
    _files.write(tensors, place.file, {_directory.KEY: json.dumps(content)})
    place.remove_older()
    return place.file


def load_checkpoint(
    path: str | os.PathLike[str],
    *,
    model: Module | None = None,
    optimizer: Stateful | None = None,
    scheduler: Stateful | None = None,
    others: Mapping[str, Stateful] | None = None,
    random_state: bool = True,
) -> Checkpoint:
    """Bring what is given to the state that `save_checkpoint` found it in.

    What the file holds besides is left there: a model can be loaded alone.

    Args:
        random_state: whether the default generator of this thread, and the generators in the
            model's layers, go on where they were as well.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is damaged or no checkpoint; or it is of another model or optimizer,
            or lacks something. The message lists all that does not fit, and nothing has changed.

    >>> import tempfile
    >>> from ember_ml import nn
    >>> model = nn.Linear(2, 1)
    >>> file = nn.save_checkpoint(f"{tempfile.mkdtemp()}/a", model=model, extra={"best": 0.5})
    >>> nn.load_checkpoint(file, model=nn.Linear(2, 1)).extra
    {'best': 0.5}
    """
    with use_backend(_backend_of(model)):
        content = _read(path)
        faults: list[str] = []
        apply: list[Callable[[], object]] = []
        parts = _parts(model, optimizer, scheduler, others, random_state)
        for name, thing in parts.items():
            if name not in content.parts:
                faults.append(f"{name}: the checkpoint holds {', '.join(content.parts)}")
                continue
            try:
                apply.append(_tried(thing, *content.parts[name], parts.values()))
            except EmberError as error:
                faults.append(f"{name}: {error}")
        if faults:
            text = "\n".join(faults).replace("\n", "\n  ")
            raise CheckpointError(f"{os.fspath(path)!r} does not fit:\n  {text}")
        for change in apply:
            change()
    return Checkpoint(Path(path), content.step, content.extra)


def model_part(path: str | os.PathLike[str]) -> dict[str, EmberTensor] | None:
    """The model's state in a file of `save_checkpoint`; None for any other file."""
    if _directory.KEY not in _files.metadata_of(path):
        return None
    content = _read(path)
    if "model" not in content.parts:
        raise CheckpointError(f"{os.fspath(path)!r} holds no model, but {', '.join(content.parts)}")
    state: dict[str, EmberTensor] = content.parts["model"][1]
    return state


def _backend_of(model: Module | None) -> str:
    if model is not None:
        for x in _state.distinct(model, "_parameters", "_buffers").values():
            return x.backend
    return current_backend().name


def _parts(
    model: Module | None,
    optimizer: Stateful | None,
    scheduler: Stateful | None,
    others: Mapping[str, Stateful] | None,
    random_state: bool,
) -> dict[str, Stateful]:
    """What a checkpoint holds, by the name of its part."""
    given: dict[str, Any] = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    given |= {f"others[{name!r}]": thing for name, thing in (others or {}).items()}
    if random_state:
        given["random"] = random.default_generator()
        for name, module in _state.walk(model) if model is not None else ():
            for attribute, value in module.__dict__.items():
                if isinstance(value, random.Generator):
                    given[f"random of {name}{attribute}"] = value
    parts = {name: thing for name, thing in given.items() if thing is not None}
    for name, thing in parts.items():
        if not (hasattr(thing, "state_dict") and hasattr(thing, "load_state_dict")):
            raise ArgumentError(
                f"{name}: {type(thing).__name__} has no state_dict and load_state_dict"
            )
    return parts


@dataclass(frozen=True)
class _Content:
    """What is in a file: of each part the class and the state."""

    step: int | None
    parts: dict[str, tuple[str, Any]]
    extra: dict[str, Any]


def _read(path: str | os.PathLike[str]) -> _Content:
    tensors, texts = _files.read(path)
    where = os.fspath(path)
    if _directory.KEY not in texts:
        raise CheckpointError(
            f"{where!r} is no checkpoint of nn.save_checkpoint; nn.load(model, path) reads weights"
        )
    try:
        content = json.loads(texts[_directory.KEY])
        version = content["version"]
        if version > _VERSION:
            raise CheckpointError(
                f"{where!r} was written by a newer Ember (format {version}, and this one reads "
                f"{_VERSION}); upgrade ember-core"
            )
        return _Content(
            step=content["step"],
            parts={
                name: (part["class"], decoded(part["state"], tensors))
                for name, part in content["parts"].items()
            },
            extra=decoded(content["extra"], tensors),
        )
    except (AttributeError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f"{where!r} is damaged: what it says of its parts cannot be read "
            f"({type(error).__name__}: {error})"
        ) from error


def _tried(
    thing: Stateful, saved_class: str, state: Any, parts: Iterable[Stateful]
) -> Callable[[], object]:
    """What loads ``thing``, after the same has gone well without changing it.

    Raises:
        CheckpointError: it does not fit.
    """
    if isinstance(thing, Module):
        values = _state.fitted(thing, state, strict=True)
        return lambda: _state.assign(values)
    # Adam's state has the names and shapes of AdamW's, and means something else.
    if saved_class != type(thing).__name__:
        raise CheckpointError(f"the checkpoint is of {saved_class}, not {type(thing).__name__}")
    _twin(thing, parts).load_state_dict(state)
    return lambda: thing.load_state_dict(state)


def _twin(thing: Stateful, parts: Iterable[Stateful]) -> Any:
    """A copy to be changed, which shares the memory of tensors with ``thing`` and other parts."""
    if isinstance(thing, random.Generator):
        return random.Generator(0, engine=thing.engine)
    shared: dict[int, Any] = {}
    for part in parts:
        if isinstance(part, random.Generator):
            shared[id(part)] = _twin(part, ())
            continue
        for x in part.state_dict().values():
            if isinstance(x, EmberTensor):
                shared[id(x)] = wrap_native(x._tensor, x._backend.backend)
    return copy.deepcopy(thing, shared)
