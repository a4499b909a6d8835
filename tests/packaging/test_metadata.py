"""The six distributions agree with each other, and their base installs are light."""

import re
from importlib.metadata import distribution, entry_points

import pytest

from ._distributions import NAMES, PACKAGES, project

LIGHT = {
    "ember-core": {"optree", "safetensors"},
    "ember-backend-numpy": {"ember-core", "numpy", "autograd"},
    "ember-backend-torch": {"ember-core", "torch"},
    "ember-backend-mlx": {"ember-core", "mlx"},
    "ember-data": {"ember-core"},
    "ember-pipeline": {"ember-core", "tenacity"},
}
EXTRAS = {
    "ember-core": {"numpy", "torch", "mlx", "all", "plot", "testing"},
    "ember-data": {"audio", "text", "vision", "tables"},
    "ember-pipeline": {"draw", "progress", "ray"},
}


def required(requirements):
    return {re.match(r"[\w.-]+", requirement)[0] for requirement in requirements}


def test_the_workspace_holds_these_six():
    assert sorted(path.parent.name for path in PACKAGES.glob("*/pyproject.toml")) == sorted(NAMES)


def test_one_version_for_all():
    assert len({project(name)["version"] for name in NAMES}) == 1


@pytest.mark.parametrize("name", NAMES)
def test_installed_version_is_the_declared_one(name):
    assert distribution(name).version == project(name)["version"]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "ember-core"])
def test_each_requires_the_core_of_its_own_minor_version(name):
    major, minor, _ = project(name)["version"].split(".")
    assert f"ember-core~={major}.{minor}.0" in project(name)["dependencies"]


@pytest.mark.parametrize("name", NAMES)
def test_base_install_is_light(name):
    assert required(project(name)["dependencies"]) == LIGHT[name]


@pytest.mark.parametrize("name", NAMES)
def test_extras(name):
    assert set(project(name).get("optional-dependencies", {})) == EXTRAS.get(name, set())


def test_extras_of_the_core_name_the_backends():
    extras = project("ember-core")["optional-dependencies"]
    for engine in ("numpy", "torch", "mlx"):
        assert required(extras[engine]) == {f"ember-backend-{engine}"}
    assert set(extras["all"]) == {*extras["numpy"], *extras["torch"], *extras["mlx"]}


@pytest.mark.parametrize(
    "extra, packages",
    [("draw", {"matplotlib", "networkx"}), ("progress", {"rich"}), ("ray", {"ray"})],
)
def test_extras_of_the_pipelines(extra, packages):
    assert required(project("ember-pipeline")["optional-dependencies"][extra]) == packages


@pytest.mark.parametrize("name", NAMES)
def test_python_versions(name):
    assert project(name)["requires-python"] == ">=3.11"


@pytest.mark.parametrize(
    "engine, target",
    [
        ("numpy", "ember_ml.backend.numpy:NumpyBackend"),
        ("torch", "ember_ml.backend.torch:TorchBackend"),
        ("mlx", "ember_ml.backend.mlx:MLXBackend"),
    ],
)
def test_backend_entry_point(engine, target):
    declared = project(f"ember-backend-{engine}")["entry-points"]["ember_ml.backends"]
    assert declared == {engine: target}
    (point,) = entry_points(group="ember_ml.backends", name=engine)
    assert point.value == target
    assert point.dist.name == f"ember-backend-{engine}"
    assert point.load().name == engine


def test_command_line_entry_point():
    (point,) = entry_points(group="console_scripts", name="ember")
    assert callable(point.load())


def test_declared_subcommands_load():
    declared = {}
    for name in NAMES:
        declared |= project(name).get("entry-points", {}).get("ember_ml.commands", {})
    installed = {point.name: point for point in entry_points(group="ember_ml.commands")}
    assert declared.items() <= {name: point.value for name, point in installed.items()}.items()
    for name in declared:
        assert callable(installed[name].load())
