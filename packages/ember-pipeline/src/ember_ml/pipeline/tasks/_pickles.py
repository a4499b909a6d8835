"""What can be sent to another process, and what an error becomes that cannot."""

from __future__ import annotations

import pickle
from collections.abc import Callable

from ember_ml.backend.errors import ArgumentError

from .._describe import describe, describe_error
from .._errors import RemoteError

_KEEP = "keep in it only what pickles: no open files, locks, lambdas or nested functions"


def check_pickles(stage: object, owner: str) -> None:
    """Return if ``stage`` can be sent to another process.

    Raises:
        ArgumentError: If it does not pickle; it says what to change.

    Example:
        >>> check_pickles(len, "'lengths', stage 'len'")
        >>> check_pickles(lambda x: x, "'lengths', stage 'lambda'")
        Traceback (most recent call last):
        ember_ml.backend.errors.ArgumentError: 'lengths', stage 'lambda': <function <lambda> at ...>
        cannot be sent to a process (...); give it a name and define it at the top level of a module
        with def, or run it with where='thread'
    """
    try:
        pickle.dumps(stage)
    except Exception as error:
        raise ArgumentError(
            f"{owner}: {stage!r} cannot be sent to a process ({type(error).__name__}: {error}); "
            f"{_remedy(stage)}, or run it with where='thread'"
        ) from error


def packed(value: object, journey: str) -> bytes:
    """``value`` for another process; ``journey`` says what it is and where it goes.

    Raises:
        ArgumentError: If it does not pickle.

    Example:
        >>> pickle.loads(packed([1, 2], "the item cannot be sent to a process"))
        [1, 2]
        >>> packed(lambda x: x, "the item cannot be sent to a process")
        Traceback (most recent call last):
        ember_ml.backend.errors.ArgumentError: the item cannot be sent to a process (function; ...);
        keep in it only what pickles: no open files, locks, lambdas or nested functions
    """
    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise ArgumentError(
            f"{journey} ({describe(value)}; {describe_error(error)}); {_KEEP}"
        ) from error


def portable(error: BaseException, dumps: Callable[[object], bytes] = pickle.dumps) -> Exception:
    """A copy of ``error`` if it survives pickling, else a `RemoteError` that tells its type and text.

    Example:
        >>> portable(KeyError("a"))
        KeyError('a')
        >>> class Local(Exception):
        ...     def __init__(self, code, reason):
        ...         super().__init__(f"{reason} ({code})")
        >>> print(portable(Local(7, "no such page")))
        Local: no such page (7)
    """
    if isinstance(error, Exception):
        try:
            # Many exceptions pickle and cannot be read: they are made of other things than they keep.
            copy = pickle.loads(dumps(error))
            if type(copy) is type(error):
                return copy
        except Exception:
            pass
    return RemoteError(f"{type(error).__name__}: {error}")


def _remedy(stage: object) -> str:
    name = getattr(stage, "__qualname__", "")
    if "<lambda>" in name:
        return "give it a name and define it at the top level of a module with def"
    if "<locals>" in name:
        return "define it at the top level of a module, not inside a function"
    return _KEEP
