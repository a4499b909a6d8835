"""The part of the suite about the distribution: what it imports, and its first use by threads."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest

from ember_ml.backend.protocol import Backend
from ember_ml.backend.registry import list_backends

from ._base import Base

__all__ = ["Packaging"]

_THREADS = """
import sys, threading
from ember_ml.backend.registry import get_backend, use_backend
from ember_ml.nn import tensor as et

name, count = sys.argv[1], 8
barrier, results = threading.Barrier(count), []

def first():
    barrier.wait()
    try:
        with use_backend(name) as backend:
            x = et.asarray([1.0, 2.0]) * 2.0
            total = et.sum(et.concat([x, et.exp(x * 0.0)]) @ et.ones((4, 2)))
            results.append((id(backend), total.item()))
    except BaseException as error:
        results.append((type(error).__name__, str(error)))

sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=first) for _ in range(count)]
for t in threads: t.start()
for t in threads: t.join()
wrong = [r for r in results if r != (id(get_backend(name)), 16.0)]
if wrong or len(results) != count:
    sys.exit(f"{len(wrong)} of {count} threads failed, the first with {wrong[:1]}")
"""

_IMPORTS = """
import json, sys
from ember_ml.backend.registry import get_backend
from ember_ml.nn import tensor as et
backend = get_backend(sys.argv[1])
with __import__("ember_ml.backend.registry", fromlist=["x"]).use_backend(sys.argv[1]):
    assert et.sum(et.ones((2, 2))).item() == 4.0
print(json.dumps(sorted(sys.modules)))
"""


def _python(code: str, name: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter, with the paths of this one."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return subprocess.run(
        [sys.executable, "-c", code, name],
        capture_output=True, text=True, timeout=240, env=environment, check=False,
    )  # fmt: skip


class Packaging(Base):
    """Imports and threads, in interpreters of their own."""

    def test_first_use_by_many_threads(self, engine: Backend) -> None:
        """Eight threads that load and use the backend at once all succeed."""
        done = _python(_THREADS, engine.name)
        assert done.returncode == 0, done.stderr[-2000:]

    def test_imports_are_declared(self, engine: Backend) -> None:
        """The sources import the standard library, the core and what the distribution requires."""
        (info,) = [i for i in list_backends() if i.name == engine.name]
        required = {_normal(_bare(r)) for r in distribution(info.distribution).requires or []}
        own = _package(engine)
        known = dict(packages_distributions())
        for backend in list_backends():
            known[_top(backend.target.partition(":")[0])] = [backend.distribution]
        faults = []
        for path in _sources(engine):
            for module, line in _imported(path):
                top = _top(module)
                if top in sys.stdlib_module_names or top == own or _of_core(module):
                    continue
                if required & {_normal(d) for d in known.get(top, [top])}:
                    continue
                faults.append(f"{path.name}:{line} imports {module}")
        assert not faults, (
            f"{info.distribution} does not require what it imports "
            f"({', '.join(sorted(required))}): {'; '.join(faults)}; add it to the dependencies in "
            "pyproject.toml, and install the distribution again (pip install -e .)"
        )

    def test_loading_is_quiet_and_alone(self, engine: Backend) -> None:
        """Loading it prints nothing and loads no other backend."""
        done = _python(_IMPORTS, engine.name)
        assert done.returncode == 0, done.stderr[-2000:]
        *printed, modules = done.stdout.splitlines()
        assert not printed, f"loading printed {printed}"
        others = {i.target.partition(":")[0] for i in list_backends() if i.name != engine.name}
        loaded = others & set(json.loads(modules))
        assert not loaded, f"loading it loads {sorted(loaded)}"


def _package(backend: Backend) -> str:
    """The package that the backend's class is in: ``ember_backend_jax``."""
    return _top(type(backend).__module__)


def _top(module: str) -> str:
    """The package that one distribution ships: below the namespace where it is Ember's."""
    parts = module.split(".")
    return ".".join(parts[: 3 if parts[0] == "ember_ml" else 1])


def _sources(backend: Backend) -> list[Path]:
    module = sys.modules[_package(backend)]
    if not module.__file__:
        pytest.fail(f"{module.__name__} has no file")
    path = Path(module.__file__)
    return sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]


def _imported(path: Path) -> list[tuple[str, int]]:
    """The absolute imports in a file, wherever in it they are."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.append((node.module, node.lineno))
    return found


def _of_core(module: str) -> bool:
    """Whether the core ships the module."""
    parts = module.split(".")
    if parts[0] != "ember_ml":
        return False
    core = {"bands", "dtypes", "errors", "operations", "protocol", "registry", "testing"}
    return len(parts) < 2 or parts[1] == "nn" or len(parts) == 2 or parts[2] in core


def _bare(requirement: str) -> str:
    """The name of the distribution in a requirement."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    return match.group() if match else requirement


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
