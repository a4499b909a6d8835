"""Messages, stages and errors as bytes for another process."""

from __future__ import annotations

import pickle
import traceback

from .._errors import RemoteError
from ..tasks._pickles import portable
from ._ray_module import import_ray


def dumps(value: object) -> bytes:
    """``value`` as bytes that a Ray worker can read.

    Classes and functions of the main script, lambdas and those of modules that are registered with
    ``ray.cloudpickle.register_pickle_by_value`` travel with their code.
    """
    cloudpickle = import_ray().cloudpickle
    if not cloudpickle.list_registry_pickle_by_value():
        try:
            data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        except Exception:
            return cloudpickle.dumps(value)
        if b"__main__" not in data:
            return data
    return cloudpickle.dumps(value)


loads = pickle.loads


def dump_error(error: BaseException, *, traced: bool = True) -> bytes:
    """``error`` as bytes that can certainly be read, with its traceback as a note if ``traced``."""
    copy = portable(error, dumps)
    if traced:
        text = "".join(traceback.format_exception(error)).rstrip()
        copy.add_note(f"In the process:\n{text}")
    return dumps(copy)


def unreadable(what: str, error: Exception) -> RemoteError:
    """The error for bytes that cannot be read here."""
    return RemoteError(
        f"{what} cannot be read in its process: {type(error).__name__}: {error}; what it is made of "
        "must be importable there (RayRuntime(runtime_env=...) can bring it)"
    )
