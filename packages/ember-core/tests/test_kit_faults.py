"""The kit fails on planted faults, and its message names the operation and what is wrong."""

import os
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    "numpy" not in os.environ.get("EMBER_TEST_BACKENDS", "numpy"),
    reason="the faults are planted in the NumPy backend",
)

HEALTHY = """
import threading
import time
from types import SimpleNamespace

import numpy as np
from ember_ml.backend.errors import InvalidValueError
from ember_ml.backend.numpy import NumpyBackend


def without(name):
    return tuple(
        SimpleNamespace(**{k: v for k, v in vars(module).items() if k != name})
        for module in NumpyBackend.modules
    )


class Planted(NumpyBackend):
    name = "planted"
"""

#: By name: the body of the backend's class, the tests that are run, and what they say of it.
FAULTS = {
    "a sum in the dtype of its operand": (
        """
    def sum(self, x, /, *, axis=None, dtype=None, keepdims=False):
        return np.sum(x, axis=axis, dtype=dtype or x.dtype, keepdims=keepdims)
        """,
        "test_values[sum-int8]",
        r"sum\(int8.*: its dtype is int8, not int64",
    ),
    "a result of another native dtype": (
        """
    def add(self, x1, x2, /):
        return np.add(x1, x2, dtype=np.float64)
        """,
        "test_values[add-float32]",
        r"add\(float32.*: the native result is float64, and float32 \(float32\) is due",
    ),
    "a promotion of its own": (
        """
    def concat(self, arrays, /, *, axis=0):
        return np.concatenate([np.float64(x) for x in arrays], axis)
        """,
        "test_promotion[int16-float32]",
        r"concat of int16 and float32 is float64, not float32",
    ),
    "a missing primitive": (
        """
    modules = without("searchsorted")
        """,
        "test_loads",
        r"(?s)'planted' \(planted 1\.0\) is incomplete.*1 of \d+ primitives are missing"
        r".*searchsorted\(x1, x2, /",
    ),
    "a wrong keyword": (
        """
    def max(self, x, /, *, axis=None, keepdim=False):
        return np.max(x, axis=axis, keepdims=keepdim)
        """,
        "test_loads",
        r"(?s)signatures differ.*max: its signature \(x, /, \*, axis=None, keepdim=False\)"
        r".*keepdims",
    ),
    "an override that disagrees with its body": (
        """
    def softmax(self, x, /, *, axis=-1):
        e = np.exp(x)
        return e / np.sum(e, axis=-1, keepdims=True)
        """,
        "test_override[softmax-float32]",
        r"softmax\(float32.*: the override disagrees with the composed body",
    ),
    "a gradient off by a factor": (
        """
    def value_and_grad(self, function, /):
        differentiate = super().value_and_grad(function)

        def doubled(arrays):
            value, gradients, auxiliary = differentiate(arrays)
            return value, [2 * g for g in gradients], auxiliary

        return doubled
        """,
        "test_gradient[tanh-float32]",
        r"tanh\(float32.*: along a random direction the gradient says \S+, finite differences",
    ),
    "an import of another engine": (
        """
    def advice(self):
        import torch

        return torch.__version__
        """,
        "test_imports_are_declared",
        r"planted does not require what it imports .*: planted\.py:\d+ imports torch",
    ),
    "a first use that is not safe": (
        """
    tables = None

    def exp(self, x, /):
        if self.tables is None:
            self.tables = {}
            time.sleep(0.01)  # it reads them
            self.tables["exp"] = np.exp
        return self.tables["exp"](x)
        """,
        "test_first_use_by_many_threads",
        r"\d of 8 threads failed, the first with .*exp\(",
    ),
    "a wrong value in one dtype": (
        """
    def subtract(self, x1, x2, /):
        saturates = getattr(x1, "dtype", getattr(x2, "dtype", None)) == np.uint8
        return np.where(x1 > x2, np.subtract(x1, x2), 0 * x1) if saturates else x1 - x2
        """,
        "test_values[subtract-uint8]",
        r"subtract\(uint8.*: .+ is not .+",
    ),
    "integers that go through floats": (
        """
    def add(self, x1, x2, /):
        return np.add(x1, x2, dtype=np.float64).astype(np.result_type(x1, x2))
        """,
        "test_values[add-int64]",
        r"add\(.*int64.*: .+ is not .+",
    ),
    "nan passed over": (
        """
    def maximum(self, x1, x2, /):
        return np.fmax(x1, x2)
        """,
        "test_values[maximum-float32]",
        r"maximum\(.*float32.*nan.*: .+ is not .*nan",
    ),
    "an operand that changes": (
        """
    def negative(self, x, /):
        return np.negative(x, out=x)
        """,
        "test_values[negative-int32]",
        r"negative changed its argument int32\[.* to ",
    ),
    "a copy that is none": (
        """
    def copy(self, x, /):
        return x
        """,
        "test_copy_is_independent",
        r"copy of float32 shares its memory",
    ),
    "a conversion that does not copy": (
        """
    def astype(self, x, dtype, /, *, copy=True, device=None):
        return x.astype(dtype, copy=False)
        """,
        "test_copy_is_independent",
        r"astype of float32 shares its memory",
    ),
    "a mistake taken as none": (
        """
    def take_along_axis(self, x, indices, /, *, axis=-1):
        return np.take_along_axis(x, indices % x.shape[axis], axis)

    def take(self, x, indices, /, *, axis=None):
        return np.take(x, indices, axis, mode="wrap")
        """,
        "test_error[take]",
        r"take: .*where TensorIndexError is due",
    ),
    "an exception that is not due": (
        """
    def matmul(self, x1, x2, /):
        try:
            return np.matmul(x1, x2)
        except ValueError as error:
            raise InvalidValueError(str(error)) from error
        """,
        "test_error and matmul and sizes",
        r"matmul sizes: InvalidValueError: matmul: .*, where ShapeError is due",
    ),
    "an exception of the engine's": (
        """
    def to_device(self, x, device, /):
        raise RuntimeError("the engine moves nothing")
        """,
        "test_devices",
        r"(?s)to_device.*RuntimeError: the engine moves nothing",
    ),
    "a device that is not there": (
        """
    def devices(self):
        return ["cpu", "gpu"]
        """,
        "test_devices",
        r"zeros for 'gpu' is on 'cpu'",
    ),
    "an expected failure that passes": (
        """
    known_failures = {"test_values[exp-float32]": "planted#1"}
        """,
        "test_values[exp-float32]",
        r"XPASS\(strict\).*planted#1",
    ),
    "an expected failure of no test": (
        """
    known_failures = {"test_values[exp-float23]": "planted#1"}
        """,
        "test_values[exp-float32]",
        r"expects failures of tests that do not exist: test_values\[exp-float23\]",
    ),
}


def certify(folder, body, tests):
    """Install a backend and run the kit on it, as its author would."""
    about = folder / "planted-1.0.dist-info"
    about.mkdir()
    requires = "".join(f"Requires-Dist: {d}\n" for d in ("ember-backend-numpy", "numpy"))
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n{requires}"
    )
    (about / "entry_points.txt").write_text("[ember_ml.backends]\nplanted = planted:Planted\n")
    (about / "RECORD").write_text("planted.py,,\n")
    (folder / "planted.py").write_text(f"{HEALTHY}{body}")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("EMBER_", "PYTEST_"))}
    env |= {
        "PYTHONPATH": str(folder),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }  # loading them is slow
    command = [sys.executable, "-m", "pytest", "-q", "-p", "ember_ml.backend._pytest", "--pyargs"]
    command += ["ember_ml.backend.testing", "--ember-backend", "planted", "-k", tests]
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=300
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_named(fault, tmp_path):
    body, tests, said = FAULTS[fault]
    status, output = certify(tmp_path, body, tests)
    assert status in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.USAGE_ERROR), output
    assert re.search(said, output), output


def test_without_a_fault_the_same_tests_pass(tmp_path):
    chosen = {tests for _, tests, _ in FAULTS.values()}
    status, output = certify(tmp_path, "", " or ".join(f"({tests})" for tests in sorted(chosen)))
    assert status == 0, output
    assert f"{len(chosen)} passed" in output
