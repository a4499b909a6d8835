"""Reductions over every form of axes, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from ember_ml.backend.errors import ShapeError
from ember_ml.nn import tensor as et

AXES = [None, 0, -1, (0, 2), (1,), (), (-1, 0, 1)]
DTYPES = ["bool", "int8", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32",
          "complex64"]  # fmt: skip


def sample(dtype: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    if dtype == "bool":
        return rng.integers(0, 2, (2, 3, 4)).astype(bool)
    if dtype == "float32":
        return rng.normal(size=(2, 3, 4)).astype(dtype)
    if dtype == "complex64":
        return (rng.normal(size=(2, 3, 4)) + 1j * rng.normal(size=(2, 3, 4))).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, (2, 3, 4), dtype=dtype, endpoint=True)


def same(actual: et.EmberTensor, expected: np.ndarray) -> None:
    expected = np.asarray(expected)
    assert actual.dtype.name == str(expected.dtype)
    assert actual.shape == expected.shape
    if expected.dtype.kind in "fc":
        np.testing.assert_allclose(actual.numpy(), expected, rtol=2e-5, atol=2e-5)
    else:
        np.testing.assert_array_equal(actual.numpy(), expected)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["sum", "prod", "any", "all"])
def test_sums_and_truth(name: str, dtype: str, axis: object, keepdims: bool) -> None:
    x = sample(dtype)
    expected = getattr(np, name)(x, axis=axis, keepdims=keepdims)
    same(getattr(et, name)(et.asarray(x), axis=axis, keepdims=keepdims), expected)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("dtype", [d for d in DTYPES if d not in ("bool", "complex64")])
@pytest.mark.parametrize("name", ["max", "min"])
def test_extremes(name: str, dtype: str, axis: object, keepdims: bool) -> None:
    x = sample(dtype)
    expected = getattr(np, name)(x, axis=axis, keepdims=keepdims)
    same(getattr(et, name)(et.asarray(x), axis=axis, keepdims=keepdims), expected)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_mean(dtype: str, axis: object, keepdims: bool) -> None:
    x = sample(dtype)
    expected = np.mean(x, axis=axis, keepdims=keepdims)
    same(et.mean(et.asarray(x), axis=axis, keepdims=keepdims), expected)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [a for a in AXES if a != ()])
@pytest.mark.parametrize("correction", [0, 1, 0.5])
def test_var_and_std(axis: object, correction: float, keepdims: bool) -> None:
    x = sample("float32")
    options = {"axis": axis, "keepdims": keepdims}
    same(
        et.var(et.asarray(x), correction=correction, **options),
        np.var(x, ddof=correction, **options),
    )
    same(
        et.std(et.asarray(x), correction=correction, **options),
        np.std(x, ddof=correction, **options),
    )


def test_var_at_its_edges() -> None:
    x = et.ones((2, 1))
    assert np.isnan(et.var(x, axis=1, correction=1).numpy()).all()
    assert np.isnan(et.var(x, axis=1, correction=2).numpy()).all()
    assert et.var(x, axis=()).tolist() == [[0.0], [0.0]]
    assert et.var(et.asarray([1j, -1j])).item() == 1.0  # of the distances, as NumPy has it


@pytest.mark.parametrize("dtype", DTYPES[1:])
@pytest.mark.parametrize("name", ["sum", "prod"])
@pytest.mark.parametrize("result", ["uint32", "int16", "float64"])
def test_the_dtype_to_add_in(name: str, dtype: str, result: str) -> None:
    x = sample(dtype) if dtype != "complex64" else sample(dtype).real
    if x.dtype.kind == "f":
        x = np.abs(np.round(x)) + 1
    expected = getattr(np, name)(x.astype(result), axis=1, dtype=result)
    actual = getattr(et, name)(et.asarray(x), axis=1, dtype=result)
    assert actual.dtype.name == result
    np.testing.assert_allclose(actual.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d != "bool"])
@pytest.mark.parametrize(("name", "twin"), [("sum", np.cumsum), ("prod", np.cumprod)])
def test_cumulative(name: str, twin: np.ufunc, dtype: str) -> None:
    x = sample(dtype)
    function = et.cumulative_sum if name == "sum" else et.cumulative_prod
    same(function(et.asarray(x), axis=1), twin(x, axis=1))
    first = np.full((2, 1, 4), 0 if name == "sum" else 1)
    expected = np.concatenate([first.astype(twin(x, axis=1).dtype), twin(x, axis=1)], 1)
    same(function(et.asarray(x), axis=1, include_initial=True), expected)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, -1])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "uint16", "uint32", "uint64", "float32"])
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_places_of_extremes(name: str, dtype: str, axis: int | None, keepdims: bool) -> None:
    x = sample(dtype)
    expected = getattr(np, name)(x, axis=axis, keepdims=keepdims)
    same(getattr(et, name)(et.asarray(x), axis=axis, keepdims=keepdims), expected)


def test_the_first_of_equal_extremes_and_nan() -> None:
    assert et.argmax([1, 3, 3]).item() == 1
    assert et.argmin([1.0, float("nan"), 0.0]).item() == 1
    assert np.isnan(et.max([1.0, float("nan")]).item())


@pytest.mark.parametrize("name", ["sum", "prod", "max", "any", "mean"])
@pytest.mark.parametrize("axis", [2, (0, 0), (0, -2), -3])
def test_wrong_axes(name: str, axis: object) -> None:
    with pytest.raises(ShapeError, match=r"out of range|twice"):
        getattr(et, name)(et.ones((2, 3)), axis=axis)


@pytest.mark.parametrize("shapes", [((2, 3), (3, 4)), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)),
                                    ((5, 2, 3), (3, 2)), ((5, 1, 2, 3), (4, 3, 2))])  # fmt: skip
@pytest.mark.parametrize("dtype", [d for d in DTYPES if d != "bool"])
def test_matmul(dtype: str, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    rng = np.random.default_rng(1)
    a, b = (rng.integers(0, 100, s).astype(dtype) for s in shapes)
    same(et.matmul(et.asarray(a), et.asarray(b)), np.matmul(a, b))


def test_matmul_says_what_does_not_fit() -> None:
    with pytest.raises(ShapeError, match="inner sizes 3 and 2"):
        et.ones((2, 3)) @ et.ones((2, 3))
    with pytest.raises(ShapeError, match="at least one dimension"):
        et.matmul(et.ones(()), et.ones(3))
