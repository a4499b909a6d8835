"""Messages, stages and errors as bytes for another process."""

from __future__ import annotations

import pickle
import traceback

from .._errors import RemoteError
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


def dump_error(error: BaseException) -> bytes:
    """``error`` as bytes that can certainly be read, with its traceback as a note."""
    text = "".join(traceback.format_exception(error)).rstrip()
    try:
        error.add_note(f"In the process:\n{text}")
        if not isinstance(error, Exception):
            return dumps(_described(error, text))
        data = dumps(error)
        # Many exceptions pickle and cannot be read, as they are made of other arguments than they keep.
        if type(loads(data)) is type(error):
            return data
    except Exception:
        pass
    return dumps(_described(error, text))


def unreadable(what: str, error: Exception) -> RemoteError:
    """The error for bytes that cannot be read here."""
    return RemoteError(
        f"{what} cannot be read in its process: {type(error).__name__}: {error}; what it is made of "
        "must be importable there (RayRuntime(runtime_env=...) can bring it)"
    )


def _described(error: BaseException, text: str) -> RemoteError:
    described = RemoteError(f"{type(error).__name__}: {error}")
    described.add_note(f"In the process:\n{text}")
    return described
