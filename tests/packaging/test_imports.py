"""Who may import what, read from the sources: imports inside functions count as well."""

import ast
import subprocess
import sys
import tomllib

import pytest

from ._distributions import NAMES, ROOT, source

ENGINES = {"numpy", "torch", "mlx", "jax", "tensorflow", "cupy", "scipy", "autograd", "keras"}
BACKENDS = {f"ember_ml.backend.{engine}" for engine in ("numpy", "torch", "mlx")}
OTHERS = {"ember_ml.data", "ember_ml.pipeline"}

FORBIDDEN = {
    "ember-core": ENGINES | BACKENDS | OTHERS,
    "ember-data": ENGINES | BACKENDS | {"ember_ml.pipeline"},
    "ember-pipeline": ENGINES | BACKENDS | {"ember_ml.data"},
    "ember-backend-numpy": (ENGINES | BACKENDS | OTHERS)
    - {"numpy", "autograd", "ember_ml.backend.numpy"},
    "ember-backend-torch": (ENGINES | BACKENDS | OTHERS) - {"torch", "ember_ml.backend.torch"},
    "ember-backend-mlx": (ENGINES | BACKENDS | OTHERS) - {"mlx", "ember_ml.backend.mlx"},
}
KIT = "ember_ml/backend/testing/"


def package_of(path, root):
    return list(path.relative_to(root).parent.parts)


def imports(tree, package):
    """The absolute names of the modules imported anywhere in ``tree``, with their lines."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield node.lineno, alias.name
            case ast.ImportFrom(module=module, names=names, level=level):
                base = package[: len(package) - level + 1] if level else []
                base = ".".join([*base, *([module] if module else [])])
                yield node.lineno, base
                for alias in names:
                    yield node.lineno, f"{base}.{alias.name}"
            case ast.Call(func=func, args=[ast.Constant(value=str(name)), *_]):
                if ast.unparse(func).split(".")[-1] in ("import_module", "__import__"):
                    yield node.lineno, name


def offences(text, package, forbidden):
    for line, name in imports(ast.parse(text), package):
        parts = name.split(".")
        prefixes = {".".join(parts[: end + 1]) for end in range(len(parts))}
        for bad in sorted(prefixes & forbidden):
            yield line, bad


@pytest.mark.parametrize("name", NAMES)
def test_no_forbidden_import(name):
    root = source(name)
    found = set()
    for path in sorted(root.rglob("*.py")):
        relative = path.relative_to(root).as_posix()
        text = path.read_text(encoding="utf-8")
        forbidden = FORBIDDEN[name]
        if relative.startswith(KIT):
            forbidden = forbidden - {"numpy"}  # it computes what it expects
        for line, bad in offences(text, package_of(path, root), forbidden):
            found.add(f"{relative}:{line} imports {bad}")
    assert not found


@pytest.mark.parametrize(
    "text",
    [
        "import numpy as np",
        "from numpy.linalg import svd",
        "def f():\n    import torch.nn",
        "if TYPE_CHECKING:\n    import mlx.core as mx",
        "import importlib\nimportlib.import_module('torch')",
        "from ember_ml.backend import torch",
        "from ...backend import numpy",
        "from ..tensor import a\nfrom ...backend.mlx import b",
    ],
)
def test_the_rule_sees(text):
    assert list(offences(text, ["ember_ml", "nn", "layers"], FORBIDDEN["ember-core"]))


@pytest.mark.parametrize("text", ["from . import numpy", "x.numpy()", "from .torch import a"])
def test_the_rule_lets_pass(text):
    assert not list(offences(text, ["ember_ml", "nn", "layers"], FORBIDDEN["ember-core"]))


def test_the_contracts_name_every_module_of_the_core():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    named = {
        module
        for contract in contracts
        if contract["name"].startswith(("ember-core", "the kit"))
        for module in contract["source_modules"]
    }
    below = [source("ember-core") / "ember_ml", source("ember-core") / "ember_ml" / "backend"]
    existing = {
        ".".join(path.relative_to(source("ember-core")).with_suffix("").parts)
        for folder in below
        for path in folder.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert named == existing


def test_the_core_is_imported_lightly():
    code = "import sys, ember_ml.nn; print(sorted({'numpy', 'optree'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n", "optree is half of the time: import it where a container is met"


def test_pipelines_are_imported_lightly():
    heavy = ["tenacity", "rich", "networkx", "matplotlib", "ray", "multiprocessing"]
    heavy.append("concurrent.futures.process")
    code = f"import sys, ember_ml.pipeline; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n", "import what only some pipelines need where they need it"
