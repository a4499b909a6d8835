"""`make` sets the checkout up without a trace elsewhere, and at once when nothing has changed."""

import ast
import importlib.util

import pytest

from ._distributions import NAMES, ROOT


@pytest.fixture
def bootstrap():
    spec = importlib.util.spec_from_file_location("ember_bootstrap", ROOT / "tools/bootstrap.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_links_for_pip_are_passed_on(bootstrap, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", "wheels more-wheels")
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    assert bootstrap.environment()["UV_FIND_LINKS"] == "wheels,more-wheels"


def test_links_for_uv_win(bootstrap, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", "wheels")
    monkeypatch.setenv("UV_FIND_LINKS", "others")
    assert bootstrap.environment()["UV_FIND_LINKS"] == "others"


def test_an_active_environment_is_left_alone(bootstrap, monkeypatch):
    monkeypatch.setenv("VIRTUAL_ENV", "elsewhere")
    assert "VIRTUAL_ENV" not in bootstrap.environment()


def test_every_distribution_is_found_and_the_core_is_first(bootstrap):
    names = [folder.name for folder in bootstrap.distributions()]
    assert names[0] == "ember-core"
    assert sorted(names) == sorted(NAMES)


def test_the_stamp_follows_the_pyprojects(bootstrap, tmp_path, monkeypatch):
    before = bootstrap.fingerprint(["dev"])
    assert bootstrap.fingerprint(["dev"]) == before
    assert bootstrap.fingerprint(["bench", "dev"]) != before
    folder = tmp_path / "packages" / "ember-core"
    folder.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    (folder / "pyproject.toml").write_text("a = 1")
    one = bootstrap.fingerprint(["dev"])
    (folder / "pyproject.toml").write_text("a = 2")
    assert bootstrap.fingerprint(["dev"]) != one


def test_an_older_python_is_told_so_before_anything_it_cannot_import():
    body = ast.parse((ROOT / "tools/bootstrap.py").read_text(encoding="utf-8")).body
    check = next(index for index, node in enumerate(body) if isinstance(node, ast.If))
    imported = {alias.name for node in body[:check] for alias in getattr(node, "names", [])}
    assert imported == {"sys"}
