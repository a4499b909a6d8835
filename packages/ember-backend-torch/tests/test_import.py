"""What importing the backend, and its first use, may cost."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import torch

before = set(sys.modules)
flags = torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_num_threads()
from ember_ml.backend.registry import set_backend
from ember_ml.nn import tensor as et

set_backend("torch")
x = et.asarray([1.0, 2.0]) + 1.0
assert et.take_along_axis(x, et.asarray([1, 0])).tolist() == [3.0, 2.0]
print(sorted(m for m in set(sys.modules) - before if m.partition(".")[0] in ("torch", "numpy")))
assert flags == (torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_num_threads())
"""

FIRST_USE = """
import threading
from ember_ml.backend.registry import use_backend
from ember_ml.nn import tensor as et

found = []

def work():
    with use_backend("torch"):
        found.append((et.asarray([1.0, 2.0]) @ et.ones(2)).item())

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(found)
"""


def output(program: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def test_the_first_tensors_load_no_more_of_pytorch() -> None:
    assert output(PROGRAM) == "[]"


def test_first_use_from_several_threads() -> None:
    assert output(FIRST_USE) == str([3.0] * 8)
