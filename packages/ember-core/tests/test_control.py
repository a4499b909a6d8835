"""Loops, branches and functions of some elements, against what they abbreviate in NumPy."""

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError
from ember_ml.nn import tensor as et

from ._values import close, same

RNG = np.random.default_rng(0)
XS = RNG.normal(size=(5, 3)).astype(np.float32)

# -- scan --------------------------------------------------------------------------------------


@pytest.mark.parametrize("reverse", [False, True])
def test_scan(backend, reverse):
    def step(carry, x):
        total, count = carry
        total = total * 0.5 + x["a"]
        return (total, count + 1), {"y": total * x["b"], "count": count}

    b = et.asarray([1.0, 2.0, 3.0, 4.0, 5.0])
    carry, ys = et.scan(step, (et.zeros(3), 0), {"a": et.asarray(XS), "b": b}, reverse=reverse)
    total, right, counts = np.zeros(3, np.float32), np.zeros_like(XS), np.zeros(5, int)
    for turn, i in enumerate(reversed(range(5)) if reverse else range(5)):
        total = total * np.float32(0.5) + XS[i]
        right[i], counts[i] = total * (i + 1), turn
    close(carry[0], total)
    assert carry[1] == 5
    close(ys["y"], right)
    same(ys["count"], counts)


def test_scan_without_xs(backend):
    powers, ys = et.scan(lambda c, x: (c * 2, (c, x)), et.asarray(1), length=4)
    assert (powers.item(), ys[0].tolist(), ys[1]) == (16, [1, 2, 4, 8], None)


def test_scan_from_a_number(backend):
    # a Python number is no tensor, and does not widen those that follow it
    xs = et.asarray([1.0, 2.0], dtype=et.float16)
    total, before = et.scan(lambda c, x: (c + x, c), 0.0, xs)
    assert (total.dtype, before.dtype, before.tolist()) == (et.float16, et.float16, [0.0, 1.0])


def test_scan_without_ys(backend):
    last, ys = et.scan(lambda c, x: (x, None), et.zeros(3), et.asarray(XS), length=5)
    same(last, XS[-1])
    assert ys is None


def test_scan_of_nothing(backend):
    init = et.ones(2, dtype=et.float16)
    carry, (y, n) = et.scan(lambda c, x: (c, (x["x"] + c, None)), init, {"x": et.zeros((0, 2))})
    assert carry is init
    assert (y.shape, y.dtype, n) == ((0, 2), et.float32, None)
    _, y = et.scan(lambda c, x: (c, c), init, length=0)
    assert (y.shape, y.dtype) == ((0, 2), et.float16)


def test_scan_on_the_backend_of_its_tensors(backend, engines):
    xs = et.asarray(XS)
    for other in set(engines) - {backend}:
        with et.use_backend(other):
            _, ys = et.scan(lambda c, x: (x, x), xs[0], xs[:0])
            assert ys.backend == backend


def recurrence(w, h, xs):
    return et.sum(et.scan(lambda h, x: (et.tanh(w * h + x),) * 2, h, xs)[1] ** 2)


def test_gradients_through_scan(backend):
    def right(w, h, xs):
        total = 0.0
        for x in xs:
            h = np.tanh(w * h + x)
            total += (h**2).sum()
        return total

    w, h, xs = RNG.normal(size=3), RNG.normal(size=3), RNG.normal(size=(4, 3))
    given = [w, h, xs]
    gradients = nn.grad(lambda p: recurrence(*p))([et.asarray(x) for x in given])
    for i, gradient in enumerate(gradients):
        place = (0,) * given[i].ndim
        step = np.zeros_like(given[i])
        step[place] = 1e-6
        up, down = ([x + s * step if i == j else x for j, x in enumerate(given)] for s in (1, -1))
        assert gradient[place].item() == pytest.approx((right(*up) - right(*down)) / 2e-6, 1e-5)


def test_scan_in_a_compiled_gradient(backend):
    given = [et.asarray(RNG.normal(size=s)) for s in ((3,), (3,), (2, 3))]
    function = nn.grad(lambda p: recurrence(*p))
    for found, right in zip(nn.compile(function)(given), function(given), strict=True):
        np.testing.assert_allclose(found.tolist(), right.tolist(), rtol=1e-6)


def test_scan_under_vmap(backend):
    xs = RNG.normal(size=(2, 5, 3)).astype(np.float32)
    found = nn.vmap(lambda x: et.scan(lambda c, x: (c + x,) * 2, et.zeros(3), x)[1])(et.asarray(xs))
    close(found, np.cumsum(xs, 1))


def test_mistakes_of_scan(backend):
    def keep(c, x):
        return c, x

    x = et.ones((2, 3))
    with pytest.raises(ArgumentError, match="give length"):
        et.scan(keep, 0.0)
    with pytest.raises(ShapeError, match=r"differ: xs of shapes \(2, 3\), \(3,\)"):
        et.scan(keep, 0.0, (x, x[0]))
    with pytest.raises(ShapeError, match=r"xs of shapes \(2, 3\) and length=3"):
        et.scan(keep, 0.0, x, length=3)
    with pytest.raises(ShapeError, match="no axis to go through"):
        et.scan(keep, 0.0, et.asarray(1.0))
    with pytest.raises(ArgumentError, match="xs holds int 1"):
        et.scan(keep, 0.0, [1, 2])
    with pytest.raises(ArgumentError, match="a pair"):
        et.scan(lambda c, x: c, 0.0, x)
    with pytest.raises(ArgumentError, match="y of turn 1"):
        et.scan(lambda c, x: (c + 1, x if c else (x,)), 0, x)
    with pytest.raises(ShapeError):
        et.scan(lambda c, x: (c + 1, x[c:]), 0, x)


# -- cond ----------------------------------------------------------------------------------------


def forbidden(*operands):
    raise AssertionError("the other branch was called")


@pytest.mark.parametrize("pred", [True, False])
def test_cond_calls_one_branch(backend, pred):
    x = et.asarray([1.0, 2.0])
    branches = (lambda x, k: {"y": x * k}, forbidden)
    for p in (pred, et.asarray(pred), np.bool_(pred)):
        assert et.cond(p, *(branches if pred else branches[::-1]), x, 3)["y"].tolist() == [3.0, 6.0]


def root_or_double(x):
    return et.cond(x > 0, et.sqrt, lambda x: 2 * x, x)


def test_cond_with_a_number(backend):
    clipped = nn.vmap(lambda x: et.cond(x > 1, lambda x: 1.0, lambda x: x, x) * x)
    assert clipped(et.asarray([3.0, 0.5])).tolist() == [3.0, 0.25]


def test_cond_under_vmap(backend):
    x = et.asarray([4.0, 0.0, -3.0])
    assert nn.vmap(root_or_double)(x).tolist() == [2.0, 0.0, -6.0]
    # of the branch that was taken: the other's is infinite at 0 and NaN below
    assert nn.vmap(nn.grad(root_or_double))(x).tolist() == [0.25, 2.0, 2.0]
    assert nn.grad(lambda x: et.sum(nn.vmap(root_or_double)(x)))(x).tolist() == [0.25, 2.0, 2.0]


def test_cond_in_a_compiled_function(backend):
    value_and_grad = nn.compile(nn.value_and_grad(root_or_double))
    for x, right in ((4.0, (2.0, 0.25)), (0.0, (0.0, 2.0)), (-3.0, (-6.0, 2.0))):
        value, gradient = value_and_grad(et.asarray(x))
        assert (value.item(), gradient.item()) == right


def test_cond_selects_containers(backend):
    def function(x, n):
        return et.cond(
            x[0] > 0,
            lambda x, n: {"x": x, "n": [n, None]},
            lambda x, n: {"x": -x, "n": [n - 4, None]},
            x,
            n,
        )

    def flat(x, n):
        found = function(x, n)
        assert found["n"][1] is None
        return found["x"], found["n"][0]

    for x, right in (([2.0, 3.0], ([2.0, 3.0], 5)), ([-2.0, 3.0], ([2.0, -3.0], 1))):
        y, n = nn.compile(flat)(et.asarray(x), et.asarray(5))
        assert (y.tolist(), n.item()) == right


def test_mistakes_of_cond(backend):
    x = et.ones(3)
    with pytest.raises(ShapeError, match=r"pred of shape \(3,\)"):
        et.cond(x > 0, et.sqrt, et.sqrt, x)
    with pytest.raises(DTypeError, match="pred must be bool, not float32"):
        et.cond(x[0], et.sqrt, et.sqrt, x)
    if backend == "numpy":  # knows each value
        return
    traced = {
        ShapeError: (lambda x: x, lambda x: x[:1]),
        ArgumentError: (lambda x: x, lambda x: (x, x)),
    }
    for error, branches in traced.items():
        with pytest.raises(error, match="cond: the branches return"):
            nn.compile(lambda x, b=branches: et.cond(x[0] > 0, *b, x))(x)


def test_values_within_vmap_are_not_one(backend):
    if backend == "numpy":
        assert nn.vmap(lambda x: x if x > 0 else -x)(et.asarray([1.0, -1.0])).tolist() == [1.0, 1.0]
    else:
        with pytest.raises(UnsupportedError):
            nn.vmap(lambda x: x if x > 0 else -x)(et.ones(3))


# -- apply_where -----------------------------------------------------------------------------------


def root(x):
    return et.apply_where(x > 0, x, et.sqrt, fill_value=0.0)


def test_apply_where(backend):
    x, y = XS, RNG.normal(size=3).astype(np.float32)
    found = et.apply_where(et.asarray(x > 0), (et.asarray(x), et.asarray(y)), et.atan2, et.add)
    close(found, np.where(x > 0, np.arctan2(x, y), x + y))
    found = et.apply_where(et.asarray(x) > 0, et.asarray(x), et.log, lambda x: -x)
    close(found, np.where(x > 0, np.log(np.where(x > 0, x, 1)), -x))


def test_each_function_sees_its_own_elements_alone(backend):
    x = et.asarray([[-1.0, 4.0], [9.0, -2.0]])
    seen = []

    def function(x):
        seen.append(x.tolist())
        return x

    et.apply_where(x > 0, x, function, function)
    assert seen == [[[4.0, 4.0], [9.0, 4.0]], [[-1.0, -1.0], [-1.0, -2.0]]]


def test_apply_where_of_nothing(backend):
    assert et.apply_where(et.zeros((0,)) > 0, et.zeros((0,)), et.sqrt, fill_value=1).shape == (0,)
    assert root(et.asarray(4.0)).item() == 2.0
    assert root(et.asarray(-4.0)).item() == 0.0


@pytest.mark.parametrize("transform", [lambda f: f, nn.compile], ids=["", "compiled"])
def test_gradients_of_apply_where_are_finite(backend, transform):
    x = et.asarray([0.0, 4.0, -1.0, 0.25])
    gradient = nn.grad(lambda x: et.sum(root(x)))
    assert transform(gradient)(x).tolist() == [0.0, 0.25, 0.0, 1.0]
    assert nn.grad(lambda x: et.sum(root(x)))(-x * x).tolist() == [0.0] * 4  # none is positive
    second = nn.grad(lambda x: et.sum(gradient(x)))
    assert second(x).tolist() == [0.0, -1 / 32, 0.0, -2.0]
    # where alone has no gradient at 0, on any engine
    alone = nn.grad(lambda x: et.sum(et.where(x > 0, et.sqrt(x), 0.0)))(x)
    assert np.isnan(alone[0].item())


def test_apply_where_under_vmap(backend):
    x = et.asarray([[0.0, 4.0], [-1.0, 0.25]])
    assert nn.vmap(root)(x).tolist() == [[0.0, 2.0], [0.0, 0.5]]
    assert nn.vmap(nn.grad(lambda x: et.sum(root(x))))(x).tolist() == [[0.0, 0.25], [0.0, 1.0]]


def test_mistakes_of_apply_where(backend):
    x = et.ones(3)
    for options in ({}, {"fill_value": 1.0}):
        functions = (et.sqrt, et.sqrt) if options else (et.sqrt,)
        with pytest.raises(ArgumentError, match="either f2 or fill_value"):
            et.apply_where(x > 0, x, *functions, **options)
    with pytest.raises(DTypeError, match="condition must be bool"):
        et.apply_where(x, x, et.sqrt, fill_value=0.0)
    with pytest.raises(ShapeError, match="broadcast"):
        et.apply_where(x > 0, et.ones(2), et.sqrt, fill_value=0.0)
