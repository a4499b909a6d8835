"""What the six distributions say of themselves."""

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ROOT / "packages"
NAMES = (
    "ember-backend-mlx",
    "ember-backend-numpy",
    "ember-backend-torch",
    "ember-core",
    "ember-data",
    "ember-pipeline",
)
#: The package that is a distribution's own, below the namespaces.
OWN = {
    "ember-backend-mlx": ["ember_ml/backend/mlx"],
    "ember-backend-numpy": ["ember_ml/backend/numpy"],
    "ember-backend-torch": ["ember_ml/backend/torch"],
    "ember-core": ["ember_ml/nn", "ember_ml/cli", "ember_ml/backend/testing"],
    "ember-data": ["ember_ml/data"],
    "ember-pipeline": ["ember_ml/pipeline"],
}


def pyproject(name: str) -> dict[str, Any]:
    return tomllib.loads((PACKAGES / name / "pyproject.toml").read_text(encoding="utf-8"))


def project(name: str) -> dict[str, Any]:
    return pyproject(name)["project"]


def source(name: str) -> Path:
    return PACKAGES / name / "src"
