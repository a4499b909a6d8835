"""ember-core alone: it imports, lists no backend, and says what to install."""

import importlib.util
import shutil
import subprocess
import sys

ENGINES = ("numpy", "torch", "mlx", "jax", "tensorflow", "autograd")


def main() -> None:
    from ember_ml import nn
    from ember_ml.backend.errors import BackendNotFoundError
    from ember_ml.backend.registry import list_backends
    from ember_ml.nn import tensor as et

    assert nn.Linear is not None
    assert list(list_backends()) == []
    for make in (lambda: et.asarray([1.0, 2.0]), lambda: et.zeros((2, 3)), lambda: nn.Linear(2, 3)):
        try:
            make()
        except BackendNotFoundError as error:
            assert "pip install" in str(error), error
        else:
            raise AssertionError("a tensor without a backend")
    for engine in ENGINES:
        assert importlib.util.find_spec(engine) is None, f"ember-core brought {engine}"
        assert engine not in sys.modules
    command = shutil.which("ember")
    assert command is not None
    subprocess.run([command, "--help"], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
