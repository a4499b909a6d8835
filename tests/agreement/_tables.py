"""The tables of promotion and of mistakes that the core's tests hold each engine to."""

import importlib.util
from pathlib import Path
from types import ModuleType

_TESTS = Path(__file__).resolve().parents[2] / "packages" / "ember-core" / "tests"


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"core_tests{name}", _TESTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MISTAKES = _load("_mistakes").MISTAKES
PROMOTION = _load("_promotion").PROMOTION
