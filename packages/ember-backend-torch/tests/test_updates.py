"""Steps of optimizers against their definitions: in place, on any layout, in each dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ember_ml.backend.operations import OPERATIONS
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor import _updates

ADAM = {"beta2": 0.9, "epsilon": 1e-3}
CASES: dict[str, tuple[str, int, tuple[Any, ...], dict[str, Any]]] = {
    "sgd": ("sgd_update", 2, (0.1,), {}),
    "momentum": ("momentum_update", 3, (0.1, 0.9, 0.5), {"nesterov": False}),
    "nesterov": ("momentum_update", 3, (0.1, 0.9, 1.0), {"nesterov": True}),
    "adam": ("adam_update", 4, (None, 0.1, 0.7, 1.0, 0.2), ADAM),
    "adamw": ("adam_update", 4, (None, 0.1, 0.7, 0.9, 0.2), ADAM),
    "amsgrad": ("adam_update", 5, (0.1, 0.7, 0.9, 0.2), ADAM),
    "average": ("average_update", 2, (0.1,), {}),
}


@pytest.fixture(autouse=True)
def _torch() -> Any:
    with et.use_backend("torch"):
        yield


def operands(count: int, dtype: str, transposed: bool) -> list[et.EmberTensor]:
    rng = np.random.default_rng(1)
    made = [et.astype(et.asarray(np.abs(rng.normal(size=(4, 3)))), dtype) for _ in range(count)]
    # a gradient's memory is often transposed, a parameter's may be
    return [x.mT if transposed and i < 2 else et.copy(x.mT) if transposed else x
            for i, x in enumerate(made)]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_against_the_definition(name: str, dtype: str, transposed: bool) -> None:
    key, count, numbers, options = CASES[name]
    given = operands(count, dtype, transposed)
    gradient, address = given[1].tolist(), given[0].native.data_ptr()
    expected = OPERATIONS[key].body(*operands(count, dtype, transposed), *numbers, **options)
    found = getattr(_updates, key)(*given, *numbers, **options)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(
            np.array(ours.tolist()), np.array(theirs.tolist()),
            rtol={"float32": 1e-5, "float64": 1e-12}.get(dtype, 2e-2), atol=1e-2 * (dtype == "bfloat16"),
        )  # fmt: skip
    if key != "average_update":
        assert given[1].tolist() == gradient
    if not transposed:
        assert found[0].native.data_ptr() == address
