"""One stream for all threads, and the evaluation of what is lazy.

MLX gives every thread a stream of its own, and evaluates an array in the thread that made it
only. Here the threads share one stream for each device: a tensor may be made in one thread and
read in another. Evaluations take turns, as such a stream demands.

A thread's first operation settles its stream, and operations are MLX's own functions: so threads
are told at their start, by the hook that `threading` has for profilers. Threads that are older
than the backend, or whose hook another profiler has taken, are told when they make a tensor.
"""

from __future__ import annotations

import atexit
import sys
import threading
import time
from _thread import allocate_lock, start_new_thread
from types import FrameType
from typing import Any

import mlx.core as mx
from ember_ml.backend.errors import UnsupportedError

__all__ = ["DEVICES", "enter", "evaluate", "settle"]

#: Names of the devices, the default one first.
DEVICES = ["cpu"] if mx.default_device().type == mx.cpu else ["gpu", "cpu"]

_shared = [mx.new_thread_unsafe_stream(getattr(mx, name)) for name in DEVICES]
_turn = threading.RLock()
_entered: set[int] = set()


def _take_first_place() -> None:
    """Let a thread that only waits be the one that MLX takes for its main thread.

    That is the first to use a stream of the CPU. It looks for errors of earlier steps whenever it
    queues one, and if there is one, a step may have been counted that is never queued: with a few
    such, a large evaluation waits forever. Other threads learn of errors at the end of an
    evaluation. It has no effect in a program that has used MLX before Ember.
    """
    begun, end = allocate_lock(), allocate_lock()

    def wait() -> None:
        try:
            mx.synchronize(_shared[-1])
        finally:
            begun.release()
        end.acquire()  # never: a thread that comes after its end may have its number

    begun.acquire()
    end.acquire()
    start_new_thread(wait, ())
    begun.acquire()


_take_first_place()


class _Thread(threading.local):
    """Made anew in each thread that looks at it."""

    def __init__(self) -> None:
        for stream in _shared:
            mx.set_default_stream(stream)
        _entered.add(threading.get_ident())
        self.entered = True


_thread = _Thread()


def enter() -> bool:
    """Let the arrays that this thread makes from here on be evaluated by all threads."""
    return _thread.entered


_profiler = threading.getprofile()


def _begin(frame: FrameType, event: Any, argument: Any) -> None:
    """Called once, when a thread begins: hand over to the profiler that there was, if any."""
    sys.setprofile(_profiler)
    enter()
    if _profiler is not None:
        _profiler(frame, event, argument)


threading.setprofile(_begin)


@atexit.register
def _wait_for_threads() -> None:
    """Let threads that have just ended give back what MLX compiled for them.

    They need the interpreter for that, after `join` has returned, and abort the process where it
    shuts down meanwhile.
    """
    if _entered - {threading.get_ident()}:
        time.sleep(0.05)


def evaluate(*arrays: Any) -> None:
    """Compute ``arrays`` now.

    Raises:
        UnsupportedError: they have no values yet, inside ``compile`` or ``vmap``; or they were
            made in a thread that has its own stream.
    """
    try:
        _evaluate(arrays)
    except ValueError as error:
        if not _is_traced(error):
            raise
        raise UnsupportedError(
            "a compiled or mapped function is traced without values on MLX, and what is asked for "
            "(item(), bool, `if x > 0`, a boolean mask) depends on them: use et.where or et.cond "
            "in the place of `if`, or do this part outside"
        ) from error
    except RuntimeError as error:
        if "There is no Stream" not in str(error):
            raise
        raise UnsupportedError(
            "this tensor was not computed yet when it left a thread that was older than the MLX "
            "backend; load the backend first, get_backend('mlx'), or read the tensor there"
        ) from error


def settle(*arrays: Any) -> bool:
    """Compute ``arrays`` now, unless they are being traced; whether they have values."""
    try:
        _evaluate(arrays)
    except ValueError as error:
        if not _is_traced(error):
            raise
        return False
    return True


def _evaluate(arrays: Any) -> None:
    enter()
    with _turn:
        mx.eval(*arrays)


def _is_traced(error: ValueError) -> bool:
    return "[eval] Attempting to eval an array during function" in str(error)
