"""How far a run has come, on disk, so that another can go on from there."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
import zlib
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from .._errors import CheckpointError

_FORMAT = "ember-pipeline checkpoint"
_VERSION = 1
#: Seconds between two writes and items between two, and the least seconds in any case, as each
#: write waits for the disk.
_INTERVAL, _ITEMS, _LEAST = 0.5, 1000, 0.05
_LETTERS = 1024


class Checkpoint:
    """The items of a source that are done, in a file that a kill at any moment leaves readable.

    An item is acknowledged when nothing more is to be done for it. A resumed run begins with the
    first item that was not: those behind it which were acknowledged out of order come again, and
    after a kill those of the last half second too, which were not written yet. So each comes at
    least once. A run to the end of its source leaves a file that says so; the same run again has
    nothing to do, except for items that have been added to the end of the source. Delete the file
    to begin anew.

    What it holds is bounded by the number of items under way, not by that of those acknowledged.

    Args:
        path: The file; its folder must exist.
        pipeline: Name of the pipeline.
        clock: Gives the time in seconds.

    Attributes:
        resume_at: Index of the item that this run begins with.
        completed: Whether the run before came to the end of its source.
        dead_letters: Indexes of the latest items that went to the dead letters, in earlier runs too.

    Raises:
        CheckpointError: If the file belongs to another pipeline, is damaged or written by a newer
            version, or cannot be written.

    Example:
        >>> import asyncio, tempfile
        >>> path = Path(tempfile.mkdtemp()) / "features.checkpoint"
        >>> checkpoint = Checkpoint.open(path, "features")
        >>> for index in (0, 1, 3):
        ...     due = checkpoint.acknowledge(index)
        >>> asyncio.run(checkpoint.close())
        >>> Checkpoint.open(path, "features").resume_at
        2
    """

    def __init__(
        self, path: Path, pipeline: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path = path
        self.pipeline = pipeline
        self.resume_at = 0
        self.completed = False
        self.dead_letters: deque[int] = deque(maxlen=_LETTERS)
        self._clock = clock
        self._next = 0
        # What is acknowledged above `_next`: ranges [start, end) that do not touch, in order.
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._new = 0
        self._written_at = clock()
        self._written = b""
        self._writing = threading.Lock()

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        pipeline: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> Self:
        """The checkpoint in the file ``path``, which is made if there is none."""
        checkpoint = cls(Path(path), pipeline, clock=clock)
        try:
            checkpoint._read(checkpoint.path.read_bytes())
        except FileNotFoundError:
            pass
        except OSError as error:
            raise checkpoint._failure(f"cannot be read: {error}") from error
        checkpoint._write(checkpoint.completed)  # what cannot be written should fail now
        return checkpoint

    @property
    def next(self) -> int:
        """Index of the first item that is not acknowledged."""
        return self._next

    def acknowledge(self, index: int, count: int = 1, *, dead: bool = False) -> bool:
        """Note that the items ``index``, ``index + 1``, ... are done, ``count`` of them.

        Args:
            index: The first of them.
            count: How many.
            dead: Whether they went to the dead letters.

        Returns:
            Whether it is time for a `flush`.
        """
        if index == self._next:
            self._next = index + count
        else:
            self._insert(index, index + count)
        if dead:
            self.dead_letters.extend(range(index, index + count))
        while self._starts and self._starts[0] <= self._next:
            del self._starts[0]
            self._next = max(self._next, self._ends.pop(0))
        self._new += count
        return self.due

    @property
    def due(self) -> bool:
        """Whether there is something to write and the last time is long enough ago."""
        if not self._new:
            return False
        waited = self._clock() - self._written_at
        return waited >= (_LEAST if self._new >= _ITEMS else _INTERVAL)

    async def flush(self) -> None:
        """Write the file, in a thread: it waits for the disk.

        Raises:
            CheckpointError: If it cannot be written.
        """
        await self.close()

    async def close(self, *, completed: bool = False) -> None:
        """The same for the last time; ``completed``: whether the source came to its end."""
        self._new = 0
        self._written_at = self._clock()
        await asyncio.to_thread(self._write, completed)

    def too_short(self, length: int) -> CheckpointError:
        """The error for a source that ends before the item to begin with."""
        return self._failure(
            f"says that {self.resume_at} items are done, and the source has {length}: it is not the "
            "source of the run before. Give it that one, or delete the file to begin anew"
        )

    def _insert(self, start: int, end: int) -> None:
        at = bisect_right(self._starts, start)
        if at and self._ends[at - 1] >= start:
            at -= 1
            start = self._starts[at]
            end = max(end, self._ends[at])
        last = at
        while last < len(self._starts) and self._starts[last] <= end:
            end = max(end, self._ends[last])
            last += 1
        self._starts[at:last] = [start]
        self._ends[at:last] = [end]

    def _encoded(self, completed: bool) -> bytes:
        content = {
            "format": _FORMAT,
            "version": _VERSION,
            "pipeline": self.pipeline,
            "next": self._next,
            "completed": completed,
            "dead_letters": list(self.dead_letters),
        }
        return json.dumps(content | {"crc32": _crc32(content)}).encode() + b"\n"

    def _read(self, data: bytes) -> None:
        content = self._checked(data)
        self._next = self.resume_at = content["next"]
        self.completed = content["completed"]
        self.dead_letters.extend(content["dead_letters"])

    def _checked(self, data: bytes) -> dict[str, Any]:
        try:
            content = json.loads(data)
            known = content["format"] == _FORMAT
            version, crc32 = int(content["version"]), content.pop("crc32")
        except (ValueError, TypeError, KeyError):
            known = False
        if not known:
            raise self._failure(
                "is not a checkpoint, or is damaged. Give another path, or delete the file to begin "
                "anew"
            )
        if version > _VERSION:
            raise self._failure(
                f"has version {version} of the format and this version of ember-pipeline knows "
                f"{_VERSION}. Upgrade it, or delete the file to begin anew"
            )
        if crc32 != _crc32(content):
            raise self._failure(
                "is damaged: its checksum does not fit. Delete the file to begin anew"
            )
        if content["pipeline"] != self.pipeline:
            raise self._failure(
                f"belongs to the pipeline {content['pipeline']!r}. Give each pipeline its own file"
            )
        return dict(content)

    def _write(self, completed: bool) -> None:
        with (
            self._writing
        ):  # and only then put into bytes, so that the latest state is written last
            data = self._encoded(completed)
            if data == self._written:
                return
            try:
                _replace(self.path, data)
            except OSError as error:
                raise self._failure(
                    f"cannot be written: {error}. Give a path in a folder that exists and can be "
                    "written"
                ) from error
            self._written = data

    def _failure(self, problem: str) -> CheckpointError:
        return CheckpointError(
            f"pipeline {self.pipeline!r}: the checkpoint {str(self.path)!r} {problem}"
        )


def _crc32(content: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())


def _replace(path: Path, data: bytes) -> None:
    """Make ``data`` the content of ``path``: all of it or nothing, also when the power fails."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    if os.name == "posix":  # elsewhere a folder cannot be opened
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
