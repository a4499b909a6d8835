"""ember-pipeline with the core alone: every module imports, and a pipeline runs."""

import importlib
import pkgutil
import sys

ENGINES = ("numpy", "torch", "mlx", "jax", "tensorflow", "ray")


def main() -> None:
    package = importlib.import_module("ember_ml.pipeline")
    for info in pkgutil.walk_packages(package.__path__, "ember_ml.pipeline."):
        importlib.import_module(info.name)
    result = package.Pipeline("sum").add_stage(lambda x: x + 1).add_stage(lambda x: x * 10).run(4)
    assert result == 50, result
    assert not [engine for engine in ENGINES if engine in sys.modules]


if __name__ == "__main__":
    main()
