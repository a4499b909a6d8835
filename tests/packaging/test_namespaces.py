"""`ember_ml` and `ember_ml.backend` are PEP 420 namespaces, in the sources and in the wheels."""

import importlib
import zipfile

import pytest

from ._distributions import NAMES, OWN, PACKAGES, source

NAMESPACES = ("ember_ml", "ember_ml/backend")


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """The names of the files in each distribution's wheel."""
    builder = pytest.importorskip("hatchling.builders.wheel").WheelBuilder
    found = {}
    for name in NAMES:
        folder = tmp_path_factory.mktemp(name)
        (wheel,) = builder(str(PACKAGES / name)).build(directory=str(folder), versions=["standard"])
        with zipfile.ZipFile(wheel) as archive:
            found[name] = archive.namelist()
    return found


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_namespaces_are_shared(namespace):
    module = importlib.import_module(namespace.replace("/", "."))
    assert module.__file__ is None
    assert len(set(module.__path__)) > 1


@pytest.mark.parametrize("name", NAMES)
def test_sources_leave_the_namespaces_alone(name):
    for namespace in NAMESPACES:
        assert not (source(name) / namespace / "__init__.py").exists()


@pytest.mark.parametrize("name", NAMES)
def test_everything_below_is_a_regular_package(name):
    folders = {path.parent for path in source(name).rglob("*.py")}
    namespaces = {source(name) / namespace for namespace in NAMESPACES}
    lacking = {folder for folder in folders - namespaces if not (folder / "__init__.py").exists()}
    assert not lacking


@pytest.mark.parametrize("name", NAMES)
def test_packages_are_typed(name):
    for package in OWN[name]:
        assert (source(name) / package / "py.typed").exists()


@pytest.mark.parametrize("name", NAMES)
def test_wheel_contents(wheels, name):
    files = [file for file in wheels[name] if ".dist-info/" not in file]
    for namespace in NAMESPACES:
        assert f"{namespace}/__init__.py" not in files
    for package in OWN[name]:
        assert f"{package}/__init__.py" in files
        assert f"{package}/py.typed" in files
    sources = {
        path.relative_to(source(name)).as_posix()
        for path in source(name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert set(files) == sources


def test_wheels_do_not_overlap(wheels):
    owner = {}
    for name, files in wheels.items():
        for file in files:
            assert owner.setdefault(file, name) == name, f"{file} is in {owner[file]} and {name}"
