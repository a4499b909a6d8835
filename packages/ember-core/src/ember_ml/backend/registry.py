"""Which backends are installed, which one is current, and loading the one that is asked for.

Installed backends are found through the entry-point group ``ember_ml.backends`` and listed
without being imported.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._bound import Bound, bind, variants
from .dtypes import DType, bool_, float32, int64
from .errors import BackendLoadError, BackendNotFoundError
from .operations import OPERATIONS, TOPICS, Operation
from .protocol import API_VERSION, REQUIRED, Backend

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "GROUP",
    "BackendInfo",
    "current_backend",
    "get_backend",
    "install_hint",
    "list_backends",
    "loaded_backends",
    "set_backend",
    "use_backend",
]

GROUP = "ember_ml.backends"

_chosen: ContextVar[str | None] = ContextVar("ember_backend", default=None)
_default: str | None = None
_sole: str | None = None
_loaded: dict[str, Backend] = {}
_bounds: dict[Backend, dict[DType, Bound]] = {}
_siblings: dict[Backend, dict[Any, Bound]] = {}
_lock = threading.RLock()


@dataclass(frozen=True)
class BackendInfo:
    """What is known of an installed backend before it is imported."""

    name: str
    distribution: str
    version: str
    target: str


def _points() -> dict[str, list[EntryPoint]]:
    from importlib.metadata import entry_points  # 15 ms that most programs need once, some never

    found: dict[str, list[EntryPoint]] = {}
    seen = set()
    for point in entry_points(group=GROUP):
        distribution = point.dist.name if point.dist else "?"
        # One distribution can be seen twice (an editable install beside its source tree).
        if (point.name, point.value, distribution) not in seen:
            seen.add((point.name, point.value, distribution))
            found.setdefault(point.name, []).append(point)
    return found


def _info(point: EntryPoint) -> BackendInfo:
    dist = point.dist
    name, version = (dist.name, dist.version) if dist else ("?", "?")
    return BackendInfo(point.name, name, version, point.value)


def list_backends() -> list[BackendInfo]:
    """Every registered backend by name, none of them imported."""
    return [_info(point) for _, points in sorted(_points().items()) for point in points]


def install_hint(name: str | None = None) -> str:
    """The pip line that installs the backend ``name``, or any."""
    if name is not None and name not in ("numpy", "torch", "mlx"):
        return f"install the distribution that provides {name!r}"
    return f"pip install 'ember-core[{name or 'numpy'}]'" + (
        "" if name else "  (or [torch], [mlx], [all])"
    )


def _entry_point(name: str) -> EntryPoint:
    points = _points()
    if name not in points:
        installed = ", ".join(sorted(points)) or "none"
        raise BackendNotFoundError(
            f"no backend {name!r} is installed (installed: {installed}); {install_hint(name)}"
        )
    if len(points[name]) > 1:
        rivals = " and ".join(f"{i.distribution} {i.version}" for i in map(_info, points[name]))
        raise BackendLoadError(
            f"the backend name {name!r} is claimed by {rivals}; uninstall one of them"
        )
    return points[name][0]


def get_backend(name: str) -> Backend:
    """The backend called ``name``, loaded and validated on first use.

    Raises:
        BackendNotFoundError: none of that name is installed.
        BackendLoadError: it is installed, and its engine is missing, it claims a name that
            another distribution claims too, or it lacks operations. Other backends go on
            working.
    """
    backend = _loaded.get(name)
    if backend is not None:
        return backend
    with _lock:
        if name not in _loaded:
            _loaded[name] = _load(_entry_point(name))
        return _loaded[name]


def loaded_backends() -> list[Backend]:
    """The backends that have been loaded so far."""
    return list(_loaded.values())


def _load(point: EntryPoint) -> Backend:
    info = _info(point)
    who = f"backend {info.name!r} ({info.distribution} {info.version})"
    try:
        backend = point.load()()
    except Exception as error:
        needs = getattr(error, "name", None)
        hint = f"; is {needs} installed?" if isinstance(error, ImportError) and needs else ""
        raise BackendLoadError(
            f"{who} failed to load: {type(error).__name__}: {error}{hint}"
        ) from error
    if not isinstance(backend, Backend):
        raise BackendLoadError(
            f"{who}: {info.target} made a {type(backend).__name__}, not a subclass of "
            "ember_ml.backend.protocol.Backend"
        )
    if backend.api_version != API_VERSION:
        raise BackendLoadError(
            f"{who} speaks version {backend.api_version} of the backend protocol, and this "
            f"ember-core version {API_VERSION}; upgrade the older of the two"
        )
    if backend.name != info.name:
        raise BackendLoadError(f"{who} calls itself {backend.name!r}; the names must agree")
    bind_backend(backend, who, _lacking(backend))
    return backend


def bind_backend(
    backend: Backend, who: str | None = None, faults: Sequence[str] = ()
) -> dict[DType, Bound]:
    """Check that ``backend`` is complete and bind its operations, once.

    Backends call this for the tracers that they make (`Backend.value_and_grad`).

    Args:
        who: what to call it in an error.
        faults: what has been found wrong with it already.

    Raises:
        BackendLoadError: it is incomplete; the message lists all that is missing or wrong.
    """
    with _lock:
        if backend not in _bounds:
            importlib.import_module("ember_ml.nn.tensor")  # declares the operations
            from ember_ml.nn.tensor._operation import compose

            found, wrong = _inspect(backend)
            faults = [*faults, *wrong]
            if faults:
                raise BackendLoadError(
                    f"{who or repr(backend)} is incomplete.\n" + "\n".join(faults)
                )
            table = bind(backend, found, compose)
            _siblings[backend] = next(iter(table.values())).siblings
            _bounds[backend] = table
        return _bounds[backend]


def bounds(backend: Backend) -> dict[DType, Bound]:
    """The bound forms of a loaded backend, by dtype."""
    found = _bounds.get(backend)
    return found if found is not None else bind_backend(backend)


def siblings(backend: Backend) -> dict[Any, Bound]:
    """The bound forms of a loaded backend, by native dtype."""
    found = _siblings.get(backend)
    if found is None:
        bind_backend(backend)
        found = _siblings[backend]
    return found


def _lacking(backend: Backend) -> list[str]:
    """What the class of ``backend`` must say and does not, for an error."""
    absent = [
        name
        for name in REQUIRED
        if getattr(backend, name, None) is None
        or getattr(type(backend), name, None) is getattr(Backend, name, backend)
    ]
    faults = []
    if absent:
        names = textwrap.fill(", ".join(absent), 96, initial_indent="  ", subsequent_indent="  ")
        faults.append(f"{type(backend).__name__} must define:\n{names}")
    if "dtypes" not in absent:
        needed = [d.name for d in (bool_, int64, float32) if d not in backend.dtypes]
        if needed:
            faults.append(f"{type(backend).__name__}.dtypes lacks {', '.join(needed)}")
    return faults


#: Missing primitives up to which each is described in a line of its own.
_FEW = 12


def _missing(operations: list[Operation]) -> str:
    """The list of missing primitives by topic, for an error."""
    owed = sum(operation.primitive for operation in OPERATIONS.values())
    lines = [f"{len(operations)} of {owed} primitives are missing:"]
    for topic in TOPICS:
        group = [operation for operation in operations if operation.topic == topic]
        if group and len(operations) > _FEW:
            names = f"{topic}: {', '.join(operation.key for operation in group)}"
            lines.append(textwrap.fill(names, 96, initial_indent="  ", subsequent_indent="    "))
        elif group:
            lines.append(f"  {topic}:")
            lines += [f"    {operation.call}\n        {operation.summary}" for operation in group]
    return "\n".join(lines)


def _inspect(backend: Backend) -> tuple[dict[str, Callable[..., Any]], list[str]]:
    """The operations that ``backend`` supplies, and what is wrong with them, for an error."""
    found: dict[str, Callable[..., Any]] = {}
    missing, wrong = [], []
    for key, operation in OPERATIONS.items():
        for place in (backend, *backend.modules):
            function = getattr(place, key, None)
            if function is not None:
                found[key] = function
                fault = _signature_fault(function, operation)
                if fault:
                    wrong.append(f"  {key}: {fault}")
                break
        else:
            if operation.primitive:
                missing.append(operation)
    for dtype in backend.variants:
        for key, function in variants(backend, dtype).items():
            fault = _signature_fault(function, OPERATIONS[key])
            if fault:
                wrong.append(f"  {key} for {dtype}: {fault}")
    faults = [_missing(missing)] if missing else []
    if wrong:
        faults.append("\n".join(["signatures differ:", *wrong]))
    return found, faults


def _signature_fault(function: Callable[..., Any], operation: Operation) -> str | None:
    """Why ``function`` cannot be called as ``operation`` is, where that can be known."""
    try:
        actual = inspect.signature(function)
    except (TypeError, ValueError):
        return None  # built-in functions of engines rarely tell
    positional: list[None] = []
    keyword: dict[str, None] = {}
    for name, parameter in operation.signature.parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY:
            keyword[name] = None
        else:
            positional.append(None)
    try:
        actual.bind(*positional, **keyword)
    except TypeError as error:
        return f"its signature {actual} does not take what {operation.call} passes: {error}"
    return None


def set_backend(name: str) -> None:
    """Make ``name`` the backend of new tensors in the whole process.

    `use_backend` overrides it within a block. The backend is loaded at once, so that a wrong
    name is found here.
    """
    global _default
    get_backend(name)
    _default = name


@contextlib.contextmanager
def use_backend(name: str) -> Iterator[Backend]:
    """Make ``name`` the backend of new tensors within a ``with`` block.

    It is a context variable: other threads and asyncio tasks are not disturbed.
    """
    backend = get_backend(name)
    token = _chosen.set(name)
    try:
        yield backend
    finally:
        _chosen.reset(token)


def current_backend() -> Backend:
    """The backend of new tensors.

    In this order: `use_backend`, `set_backend`, the environment variable ``EMBER_BACKEND``,
    the only one installed, ``numpy``.

    Raises:
        BackendNotFoundError: none of these decides; the message says what is installed.
    """
    name = _chosen.get() or _default or os.environ.get("EMBER_BACKEND")
    if name:
        return _loaded.get(name) or get_backend(name)
    return get_backend(_sole_backend())


def _sole_backend() -> str:
    global _sole
    if _sole is not None:
        return _sole
    names = sorted(_points())
    if not names:
        raise BackendNotFoundError(f"no backend is installed; {install_hint()}")
    if len(names) > 1 and "numpy" not in names:
        raise BackendNotFoundError(
            f"several backends are installed ({', '.join(names)}) and none is chosen; "
            f"call set_backend({names[0]!r}) or set EMBER_BACKEND={names[0]}"
        )
    # Looking through the installed distributions takes milliseconds: remember the answer.
    _sole = names[0] if len(names) == 1 else "numpy"
    return _sole
