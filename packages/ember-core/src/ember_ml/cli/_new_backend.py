"""``ember new-backend``: the distribution of a new backend, to be filled in."""

from __future__ import annotations

import argparse
import inspect
import keyword
import sys
import textwrap
from collections.abc import Callable, Iterator
from importlib import import_module, resources
from importlib.metadata import version
from pathlib import Path

from ember_ml.backend.errors import InvalidValueError
from ember_ml.backend.operations import OPERATIONS, TOPICS, Operation
from ember_ml.backend.protocol import REQUIRED, Backend
from ember_ml.backend.registry import list_backends

__all__ = ["generate", "register"]

_OWN = ("numpy", "torch", "mlx")
_WIDTH = 98

_TITLES = {
    "creation": "Creation, conversion and copies.",
    "elementwise": "Elementwise operations.",
    "shape": "Shapes and joining.",
    "search": "Searching, sorting, selecting.",
    "reduction": "Reductions.",
    "linalg": "Matrix products and factorisations.",
    "fft": "Fourier transforms.",
    "functions": "What networks are made of.",
}

_ACCEPTS = {
    "any": "any dtype",
    "numeric": "any dtype but bool",
    "real": "integers and floats",
    "integer": "integers",
    "bits": "integers and bool",
    "bool": "bool",
    "floating": "floats",
    "inexact": "floats and complex",
    "complex": "complex",
}


def register(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Add the arguments of the command."""
    parser.description = (
        "Write the distribution of a new backend: the entry point, every primitive that it owes "
        "with its signature and meaning, and tests that run the conformance kit. Nothing is "
        "overwritten. Exit code: 0; 1 if it cannot be written."
    )
    parser.add_argument("name", metavar="NAME", help="what users will call it: use_backend(NAME)")
    parser.add_argument(
        "--engine", metavar="MODULE", help="the array library, as it is imported (default: NAME)"
    )
    parser.add_argument(
        "--directory", metavar="PATH", type=Path, help="where (default: ember-backend-NAME)"
    )
    return _run


def _run(arguments: argparse.Namespace) -> int:
    name: str = arguments.name
    files = generate(name, arguments.engine or name)
    folder: Path = arguments.directory or Path(f"ember-backend-{name.replace('_', '-')}")
    if folder.exists() and not folder.is_dir():
        raise InvalidValueError(f"{folder} is a file; name a folder with --directory")
    there = [path for path in files if (folder / path).exists()]
    if there:
        raise InvalidValueError(
            f"{folder} has {', '.join(there)} already, and nothing is overwritten; name another "
            "folder with --directory"
        )
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    owed = sum(operation.primitive for operation in OPERATIONS.values())
    sys.stdout.write(
        f"{folder}: {len(files)} files, {owed} primitives to fill in. Next:\n\n"
        f"  cd {folder}\n"
        '  pip install -e ".[test]"\n'
        "  pytest                      # lists what is missing, then runs the conformance kit\n"
    )
    return 0


def generate(name: str, engine: str) -> dict[str, str]:
    """The files of a new backend's distribution: their text by path.

    Args:
        name: of the backend: a lower-case identifier.
        engine: the import name of the array library, ``"jax.numpy"``.

    Raises:
        InvalidValueError: ``name`` or ``engine`` cannot be one; the message says why.
    """
    _check(name, engine)
    import_module("ember_ml.nn.tensor")  # declares the operations
    words = {
        "name": name,
        "dist": f"ember-backend-{name.replace('_', '-')}",
        "package": f"ember_backend_{name}",
        "class": "".join(map(str.capitalize, name.split("_"))) + "Backend",
        "engine": engine,
        "library": engine.partition(".")[0],
        "core": ".".join([*version("ember-core").split(".")[:2], "0"]),
        "Name": "".join(map(str.capitalize, name.split("_"))),
        "methods": "\n\n".join(_methods(required=True)),
        "defaults": "\n\n".join(_methods(required=False)),
    }
    words["library-dist"] = words["library"].replace("_", "-")
    source = f"src/{words['package']}"
    files = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        ".gitignore": "gitignore",
        ".github/workflows/ci.yml": "ci.yml",
        f"{source}/__init__.py": "init.py",
        f"{source}/_backend.py": "backend.py",
        "tests/conftest.py": "conftest.py",
        f"tests/test_{name}.py": "test.py",
    }
    made = {path: _filled(template, words) for path, template in files.items()}
    made |= {f"{source}/_{topic}.py": _topic(topic, engine) for topic in TOPICS}
    return made | {f"{source}/py.typed": ""}


def _check(name: str, engine: str) -> None:
    plain = name.isidentifier() and name.isascii() and name == name.lower()
    if not plain or keyword.iskeyword(name) or name.startswith("_"):
        raise InvalidValueError(
            f"{name!r} cannot name a backend; take lower-case letters, digits and underscores, a "
            "letter first: 'jax', 'my_engine'"
        )
    taken = {info.name: f"{info.distribution} {info.version}" for info in list_backends()}
    if name in _OWN or name in taken:
        raise InvalidValueError(
            f"the backend name {name!r} is that of {taken.get(name, f'ember-backend-{name}')}; "
            "choose another"
        )
    if not all(p.isidentifier() and not keyword.iskeyword(p) for p in engine.split(".")):
        raise InvalidValueError(
            f"--engine {engine!r} is no module; name what is imported: 'jax', 'cupy', 'jax.numpy'"
        )


def _filled(template: str, words: dict[str, str]) -> str:
    text = (resources.files(__package__) / "templates" / f"{template}.in").read_text("utf-8")
    for word, value in words.items():
        text = text.replace(f"<{word}>", value)
    return text


# -- the primitives ---------------------------------------------------------------------------


def _topic(topic: str, engine: str) -> str:
    """The module of the primitives of ``topic``."""
    operations = [operation for operation in OPERATIONS.values() if operation.topic == topic]
    owed = [operation for operation in operations if operation.primitive]
    head = f'"""{_TITLES[topic]}"""\n\nfrom __future__ import annotations\n\n# import {engine}\n'
    blocks = [head, *map(_primitive, owed)]
    composed = ", ".join(operation.key for operation in operations if not operation.primitive)
    if composed:
        blocks.append(_comment(f"Composed by the core, to be overridden where faster: {composed}."))
    return "\n".join(blocks)


def _primitive(operation: Operation) -> str:
    about, dtypes = operation.summary, f"[{_dtypes(operation)}]"
    short = len(about) + len(dtypes) < _WIDTH - len("#  ")
    lines = _comment(f"{about} {dtypes}") if short else _comment(about) + _comment(dtypes)
    return f"{lines}# def {operation.call}:\n"


def _dtypes(operation: Operation) -> str:
    """What goes in and what comes out."""
    result = {"same": "the same", "bool": "bool"}.get(operation.result, "")
    if operation.returns != "EmberTensor":
        from ember_ml.nn.tensor._results import RESULTS

        fields = getattr(RESULTS.get(operation.returns), "_fields", ())
        result = f"a tuple: {', '.join(fields)}" if fields else "a tuple"
    operands = operation.promoted or operation.of_role("tensor")
    notes = [_ACCEPTS[operation.accepts] + (f" -> {result}" if result else "")] if operands else []
    notes += [f"{argument}: {kind}" for argument, kind in operation.kinds.items()]
    return "; ".join(notes) or "native dtype"


def _comment(text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent="# ", subsequent_indent="# ") + "\n"


# -- the class --------------------------------------------------------------------------------


def _methods(*, required: bool) -> Iterator[str]:
    """The methods that a backend must define, or those that it may, in comments."""
    for name, value in vars(Backend).items():
        if name.startswith("_") or not inspect.isfunction(value) or name == "lacks":
            continue
        if (name in REQUIRED) is required:
            signature = inspect.signature(value)
            bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
            lines = [*inspect.cleandoc(value.__doc__ or "").splitlines()]
            lines.append(f"def {name}{inspect.Signature(bare)}:")
            yield "\n".join(f"    # {line}".rstrip() for line in lines)
