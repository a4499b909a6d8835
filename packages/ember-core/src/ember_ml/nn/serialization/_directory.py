"""Checkpoints beside each other: the newest one, and which ones are kept."""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path

from ember_ml.backend.errors import ArgumentError, InvalidValueError

from . import _files

__all__ = ["KEY", "Place", "latest_checkpoint"]

#: The text in a file's metadata that makes it a checkpoint.
KEY = "ember.checkpoint"
_STEP = "{step}"


class Place:
    """Where a checkpoint goes, and which ones it supersedes."""

    def __init__(self, path: str | os.PathLike[str], step: int | None, keep: int | None) -> None:
        template = Path(path)
        if _STEP in template.name and step is None:
            raise ArgumentError(
                f"{template.name!r}: give the step that {_STEP} stands for, step=..."
            )
        if keep is not None and _STEP not in template.name:
            raise ArgumentError(
                f"keep={keep} needs a name with {_STEP} in it, 'run/{_STEP}.safetensors', not "
                f"{template.name!r}"
            )
        if keep is not None and keep < 1:
            raise InvalidValueError(f"keep is at least 1, not {keep}")
        self.template, self.keep = template, keep
        self.file = template.with_name(template.name.replace(_STEP, f"{step or 0:08d}"))

    def remove_older(self) -> None:
        """Remove all but the newest ``keep`` checkpoints of the same name but for the step."""
        if self.keep is None:
            return
        before, after = map(re.escape, self.template.name.split(_STEP, 1))
        pattern = re.compile(f"{before}([0-9]+){after}")
        found = [
            (int(match[1]), file)
            for file in self.file.parent.iterdir()
            if (match := pattern.fullmatch(file.name)) and KEY in _files.metadata_of(file)
        ]
        # The one just written stays, whatever later ones an earlier run has left.
        older = [file for _, file in sorted(found, reverse=True) if file != self.file]
        for file in older[self.keep - 1 :]:
            file.unlink(missing_ok=True)


def latest_checkpoint(directory: str | os.PathLike[str]) -> Path | None:
    """The checkpoint of the highest step in a directory, the last written of several; or None.

    Files that are no checkpoints, or of which only a part is there, are passed over.

    Raises:
        FileNotFoundError: there is no such directory.

    >>> import tempfile
    >>> from ember_ml import nn
    >>> directory = tempfile.mkdtemp()
    >>> nn.latest_checkpoint(directory)
    >>> for step in (9, 10):
    ...     file = nn.save_checkpoint(f"{directory}/{step}.safetensors", step=step)
    >>> nn.latest_checkpoint(directory).name
    '10.safetensors'
    """
    found = []
    for file in Path(directory).iterdir():
        if file.name.startswith(".") or not file.is_file():
            continue
        text = _files.metadata_of(file).get(KEY)
        with contextlib.suppress(ValueError, KeyError, TypeError):  # it is damaged
            step = json.loads(text or "")["step"]
            found.append((-1 if step is None else int(step), file.stat().st_mtime_ns, file))
    return max(found)[2] if found else None
