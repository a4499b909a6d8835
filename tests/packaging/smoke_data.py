"""ember-data with the core alone: every module imports without extras and without an engine."""

import importlib
import pkgutil
import sys

ENGINES = ("numpy", "torch", "mlx", "jax", "tensorflow")


def main() -> None:
    package = importlib.import_module("ember_ml.data")
    names = [info.name for info in pkgutil.walk_packages(package.__path__, "ember_ml.data.")]
    assert "ember_ml.data.features" in names, names
    for name in names:
        importlib.import_module(name)
    assert not [engine for engine in ENGINES if engine in sys.modules]


if __name__ == "__main__":
    main()
