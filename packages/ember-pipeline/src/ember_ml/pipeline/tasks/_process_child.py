"""The other end of a `ProcessWorker`: what runs in the process."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from ._pickles import packed, portable

#: What a process sends first.
READY = b""


def serve(data: Connection, control: Connection) -> None:
    """Read the stage and then batches of items from ``data``, and answer each with outcomes.

    A number that arrives on ``control`` cancels the rest of the batch of that number. When
    ``control`` ends, the parent is gone and so is the process, whatever it does.
    """
    # Ctrl-C reaches the whole process group; the parent decides what becomes of this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    cancelled: set[int] = set()
    threading.Thread(target=_obey, args=(control, cancelled), daemon=True).start()
    try:
        call = pickle.loads(data.recv_bytes())
    except EOFError:
        return
    except Exception as error:
        data.send_bytes(f"{type(error).__name__}: {error}".encode())
        return
    data.send_bytes(READY)
    while True:
        try:
            number, items = pickle.loads(data.recv_bytes())
        except EOFError:
            return
        outcomes = []
        for item in items:
            if number in cancelled:
                break
            outcomes.append(_outcome(call, item))
        data.send_bytes(pickle.dumps(outcomes, pickle.HIGHEST_PROTOCOL))


def _obey(control: Connection, cancelled: set[int]) -> None:
    while True:
        try:
            cancelled.add(int.from_bytes(control.recv_bytes()))
        except (EOFError, OSError):
            os._exit(1)


def _outcome(call: Callable[[Any], Any], item: bytes) -> tuple[bool, bytes, str]:
    """Whether the call returned, what it returned or raised, and the traceback."""
    try:
        value = call(pickle.loads(item))
        return True, packed(value, "the result cannot be sent back from its process"), ""
    except Exception as error:
        return False, pickle.dumps(portable(error)), traceback.format_exc()
