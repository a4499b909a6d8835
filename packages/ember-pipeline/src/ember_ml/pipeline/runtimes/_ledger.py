"""Which message an actor has begun and done, in a file that survives the death of its process."""

from __future__ import annotations

import mmap
import os
import tempfile

SLOTS = 4096  # actors of one process
_BYTES = 16 * SLOTS


class Ledger:
    """Two numbers for each actor of a process, in memory that two processes on a machine share.

    What a process has written is still there when it has been killed, as the pages belong to the
    file. Each number is one aligned word and is written at once.

    Args:
        path: The file. None: a new one, which is `unlink`ed when the other process has opened it.

    Raises:
        OSError: If there is no such file here.

    Example:
        >>> ours = Ledger()
        >>> theirs = Ledger(ours.path)
        >>> ours.unlink()
        >>> theirs.begin(7, 41)
        >>> ours.read(7)
        (41, 0)
    """

    def __init__(self, path: str | None = None) -> None:
        if path is None:
            file, path = tempfile.mkstemp(prefix="ember-pipeline-")
            os.truncate(file, _BYTES)
        else:
            file = os.open(path, os.O_RDWR)
        self.path = path
        try:
            self._words = memoryview(mmap.mmap(file, _BYTES)).cast("Q")
        finally:
            os.close(file)

    def reset(self, slot: int, number: int) -> None:
        """Say that all messages up to ``number`` are done, and no other has been begun."""
        self._words[2 * slot] = self._words[2 * slot + 1] = number

    def begin(self, slot: int, number: int) -> None:
        """Say that message ``number`` has been begun."""
        self._words[2 * slot] = number

    def finish(self, slot: int, number: int) -> None:
        """Say that message ``number`` is done."""
        self._words[2 * slot + 1] = number

    def read(self, slot: int) -> tuple[int, int]:
        """The numbers begun and done."""
        return self._words[2 * slot], self._words[2 * slot + 1]

    def unlink(self) -> None:
        """Remove the file's name; those who have it open still share it."""
        os.unlink(self.path)
