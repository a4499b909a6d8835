"""``ember new-backend``: what it writes is a distribution that says what it still lacks."""

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
import types
import zipfile
from importlib.metadata import entry_points

import pytest

from ember_ml.backend.errors import InvalidValueError
from ember_ml.backend.operations import OPERATIONS, TOPICS
from ember_ml.backend.protocol import REQUIRED, Backend
from ember_ml.backend.registry import _signature_fault
from ember_ml.cli import _main
from ember_ml.cli._new_backend import generate, register
from ember_ml.nn import tensor as _  # noqa: F401 - declares the operations

PRIMITIVES = {key for key, operation in OPERATIONS.items() if operation.primitive}


def new_backend(*arguments):
    parser = argparse.ArgumentParser()
    run = register(parser)
    return run(parser.parse_args([str(argument) for argument in arguments]))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A generated project."""
    folder = tmp_path_factory.mktemp("generated") / "ember-backend-my-engine"
    assert new_backend("my_engine", "--engine", "my.arrays", "--directory", folder) == 0
    return folder


@pytest.fixture(scope="module")
def installed(project):
    """The folder in which the project's wheel lies unpacked."""
    pytest.importorskip("hatchling")
    done = python("-m", "hatchling", "build", "-t", "wheel", cwd=project)
    assert done.returncode == 0, done.stderr
    (wheel,) = (project / "dist").glob("*.whl")
    folder = project.parent / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def python(*arguments, cwd, path=None):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("EMBER_", "PYTEST_"))}
    if path is not None:
        env["PYTHONPATH"] = str(path)
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )


def commented(text):
    """The functions that a generated module has in comments, with a body each."""
    return re.sub(
        r"^( *)# (def .*:)$", r"\1\2\n\1    raise NotImplementedError", text, flags=re.MULTILINE
    )


def test_it_is_a_command():
    (point,) = entry_points(group=_main.GROUP, name="new-backend")
    assert point.load() is register


def test_the_pyproject_registers_the_backend(project):
    settings = tomllib.loads((project / "pyproject.toml").read_text())
    about = settings["project"]
    assert about["name"] == "ember-backend-my-engine"
    assert about["license"] == "MIT"
    assert about["dependencies"] == ["ember-core~=0.1.0", "my"]
    assert about["optional-dependencies"]["test"] == ["ember-core[testing]~=0.1.0"]
    assert about["entry-points"]["ember_ml.backends"] == {
        "my_engine": "ember_backend_my_engine:MyEngineBackend"
    }


def test_every_primitive_is_there_once_with_its_signature(project):
    found = {}
    for topic in TOPICS:
        text = (project / f"src/ember_backend_my_engine/_{topic}.py").read_text()
        module = types.ModuleType(topic)
        exec(compile(text, topic, "exec"), vars(module))
        assert not [name for name in vars(module) if name in OPERATIONS]
        exec(compile(commented(text), topic, "exec"), vars(module))
        for key in OPERATIONS.keys() & vars(module).keys():
            assert key not in found
            found[key] = vars(module)[key]
            assert OPERATIONS[key].topic == topic
            assert OPERATIONS[key].summary.split()[0] in text
    assert found.keys() == PRIMITIVES
    for key, function in found.items():
        assert _signature_fault(function, OPERATIONS[key]) is None


def test_what_is_composed_is_named(project):
    text = "".join(path.read_text() for path in project.glob("src/*/_*.py"))
    named = re.findall(r"# Composed by the core, to be overridden where faster: ([^.]*)\.", text)
    names = {name for line in named for name in re.findall(r"[^\W#][\w]*", line)}
    assert names == OPERATIONS.keys() - PRIMITIVES


def test_what_the_class_must_define_comes_first(project):
    text = (project / "src/ember_backend_my_engine/_backend.py").read_text()
    required, optional = re.findall(r"# -- [^\n]* --+\n(.*?)(?=# --|\Z)", text, re.DOTALL)
    methods = set(re.findall(r"# def (\w+)\(self", required))
    attributes = set(re.findall(r"# (\w+) = ", required)) | {"name"}
    assert methods | attributes == set(REQUIRED)
    public = {n for n, v in vars(Backend).items() if callable(v) and not n.startswith("_")}
    assert set(re.findall(r"# def (\w+)\(self", optional)) == public - methods - {"lacks"}


def test_those_are_what_the_base_class_leaves_open():
    class Bare(Backend):
        name = "bare"

    for name, arguments in [
        ("engine_version", ()),
        ("to_buffer", ([],)),
        ("to_numpy", ([],)),
        ("setitem", ([], (), [])),
    ]:
        assert name in REQUIRED
        with pytest.raises(NotImplementedError):
            getattr(Bare(), name)(*arguments)
    assert Bare().devices() == ["cpu"]
    assert Bare().device_of([]) == "cpu"
    assert Bare().getitem([5, 6], 1) == 6


@pytest.mark.parametrize("command", [["check", "."], ["format", "--check", "."]])
def test_it_is_clean_to_ruff(project, command):
    pytest.importorskip("ruff")
    done = python("-m", "ruff", *command, cwd=project)
    assert done.returncode == 0, done.stdout


def test_it_is_clean_to_mypy(project):
    pytest.importorskip("mypy")
    done = python("-m", "mypy", cwd=project)
    assert done.returncode == 0, done.stdout


def test_the_wheel_holds_the_package_alone(installed):
    found = {path.name for path in installed.iterdir()}
    assert found == {"ember_backend_my_engine", "ember_backend_my_engine-0.1.0.dist-info"}
    package = {path.name for path in (installed / "ember_backend_my_engine").iterdir()}
    topics = {f"_{topic}.py" for topic in TOPICS}
    assert package == {"__init__.py", "_backend.py", "py.typed", *topics}


def test_its_tests_say_what_is_missing_and_nothing_else(project, installed):
    done = python("-m", "pytest", "-p", "no:cacheprovider", cwd=project, path=installed)
    assert done.returncode == 4
    text = done.stdout + done.stderr
    assert "backend 'my_engine' (ember-backend-my-engine 0.1.0) is incomplete." in text
    assert "MyEngineBackend must define:\n  array_type, " in text
    listed = text[text.index("primitives are missing:") :]
    assert set(re.findall(r"\w+", listed)) >= PRIMITIVES
    assert len(text.splitlines()) < 40
    assert "Traceback" not in text


def test_its_tests_count_what_has_been_filled_in(project, installed, tmp_path):
    folder = tmp_path / "installed"
    shutil.copytree(installed, folder)
    shape = folder / "ember_backend_my_engine" / "_shape.py"
    shape.write_text(commented(shape.read_text()))
    done = python("-m", "pytest", "-p", "no:cacheprovider", cwd=project, path=folder)
    filled = sum(OPERATIONS[key].topic == "shape" for key in PRIMITIVES)
    text = done.stdout + done.stderr
    assert f"{len(PRIMITIVES) - filled} of {len(PRIMITIVES)} primitives are missing:" in text
    assert "shape:" not in text


def test_nothing_is_overwritten(tmp_path, capsys):
    folder = tmp_path / "mine"
    (folder / "tests").mkdir(parents=True)
    (folder / "tests" / "conftest.py").write_text("# mine\n")
    with pytest.raises(InvalidValueError, match=r"mine has tests/conftest.py already"):
        new_backend("my_engine", "--directory", folder)
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["conftest.py"]
    assert (folder / "tests" / "conftest.py").read_text() == "# mine\n"
    with pytest.raises(InvalidValueError, match=r"conftest.py is a file; name a folder"):
        new_backend("my_engine", "--directory", folder / "tests" / "conftest.py")


def test_where_it_goes_by_default(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ember-backend-my-engine").mkdir()
    (tmp_path / "ember-backend-my-engine" / ".git").mkdir()  # a fresh repository does no harm
    assert new_backend("my_engine") == 0
    text = capsys.readouterr().out
    assert text.startswith("ember-backend-my-engine: ")
    assert f"{len(PRIMITIVES)} primitives to fill in" in text
    about = tomllib.loads((tmp_path / "ember-backend-my-engine/pyproject.toml").read_text())
    assert about["project"]["dependencies"][1] == "my-engine"


@pytest.mark.parametrize("name", ["my-engine", "2d", "class", "Jax", "", "_x", "a.b", "ärray"])
def test_a_name_that_cannot_be_one(name):
    with pytest.raises(InvalidValueError, match=r"cannot name a backend; take lower-case letters"):
        generate(name, "jax")


@pytest.mark.parametrize("name", ["numpy", "torch", "mlx"])
def test_a_name_that_is_taken(name):
    with pytest.raises(InvalidValueError, match=rf"'{name}' is that of ember-backend-{name}"):
        generate(name, name)


@pytest.mark.parametrize("engine", ["jax numpy", "jax.", "", "import", "a-b"])
def test_an_engine_that_is_no_module(engine):
    with pytest.raises(InvalidValueError, match=r"is no module; name what is imported"):
        generate("my_engine", engine)


def test_the_engine_is_not_imported():
    assert importlib.util.find_spec("no_such_engine_anywhere") is None
    assert (
        "# import no_such_engine_anywhere\n"
        in generate("x", "no_such_engine_anywhere")["src/ember_backend_x/_elementwise.py"]
    )
