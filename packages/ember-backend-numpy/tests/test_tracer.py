"""What gradients on NumPy promise beside their numbers."""

from __future__ import annotations

import threading

import autograd
import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import EmberError, UnsupportedError
from ember_ml.backend.registry import bounds, get_backend
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor import linalg


@pytest.fixture(autouse=True)
def _numpy_is_current():
    with et.use_backend("numpy"):
        yield


def test_gradients_share_no_memory():
    gx, gy = nn.grad(lambda x, y: et.sum((x + y) ** 2), argnums=(0, 1))(et.ones(3), et.ones(3))
    gx[0] = 7.0
    assert gx.tolist() == [7.0, 4.0, 4.0]
    assert gy.tolist() == [4.0, 4.0, 4.0]


def test_gradients_share_no_memory_as_views():
    def f(x, y):
        return et.sum((et.reshape(x, (2, 3)) + y.mT) * et.asarray([[1.0, 2.0, 3.0]] * 2))

    gx, gy = nn.grad(f, argnums=(0, 1))(et.ones(6), et.ones((3, 2)))
    gx[:] = 0.0
    assert gy.tolist() == [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]


def test_a_gradient_can_be_written_to():
    gradient = nn.grad(et.sum)(et.ones((2, 2)))
    gradient[0] = 5.0
    assert gradient.tolist() == [[5.0, 5.0], [1.0, 1.0]]


def test_of_values_assigned_to_one_place_the_last_one_counts():
    def f(x, values):
        x = et.copy(x)
        x[et.asarray([1, 0, 1])] = values
        return et.sum(x * et.asarray([10.0, 20.0, 30.0]))

    by_x, by_values = nn.grad(f, argnums=(0, 1))(et.ones(3), et.asarray([1.0, 2.0, 3.0]))
    assert by_x.tolist() == [0.0, 0.0, 30.0]
    assert by_values.tolist() == [0.0, 10.0, 20.0]


def test_the_derivative_of_a_power_with_exponent_zero():
    def by_x(x, y):
        return nn.grad(lambda x: et.sum(x**y))(x)

    x, y = et.asarray([0.0, 2.0]), et.zeros(2)
    assert by_x(x, y).tolist() == [0.0, 0.0]
    mixed = nn.grad(lambda y: et.sum(by_x(et.asarray([2.0, 4.0]), y)))(y)
    assert mixed.tolist() == [0.5, 0.25]  # of y x**(y - 1): x**(y - 1)


def test_the_determinant_of_singular_matrices():
    # the gradient is the matrix of cofactors
    rank_one, rank_two = [[1.0, 2.0], [2.0, 4.0]], [[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0] * 3]
    np.testing.assert_allclose(
        nn.grad(linalg.det)(et.asarray(rank_one, dtype="float64")).numpy(),
        [[4.0, -2.0], [-2.0, 1.0]],
        atol=1e-14,
    )
    np.testing.assert_allclose(
        nn.grad(linalg.det)(et.asarray(rank_two, dtype="float64")).numpy(),
        np.diag([0.0, 0.0, 2.0]),
        atol=1e-14,
    )


def test_equal_singular_values_and_eigenvalues_have_gradients():
    x = et.eye(3, dtype="float64")
    for function in (
        lambda x: et.sum(linalg.svdvals(x)),
        lambda x: et.sum(linalg.eigvalsh(x)),
        lambda x: et.real(et.sum(linalg.eigvals(x))),
    ):
        np.testing.assert_allclose(nn.grad(function)(x).numpy(), np.eye(3), atol=1e-14)
    inverse = nn.grad(lambda x: et.sum(linalg.pinv(x)))(2.0 * x)
    np.testing.assert_allclose(inverse.numpy(), np.full((3, 3), -0.25), atol=1e-14)


REFUSED = {
    "equal singular values": (lambda x: et.sum(linalg.svd(x).U), np.eye(3)),
    "equal eigenvalues": (lambda x: et.sum(linalg.eigh(x).eigenvectors), np.eye(3)),
    "eig of equal ones": (lambda x: et.sum(et.abs(linalg.eig(x).eigenvectors)), np.eye(3)),
    "phase": (
        lambda x: et.sum(et.real(linalg.eigh(x + 1j * (x - x.mT)).eigenvectors)),
        np.array([[1.0, 2.0], [0.5, 4.0]]),
    ),
    "all left vectors": (lambda x: et.sum(linalg.svd(x).U), np.arange(6.0).reshape(3, 2) ** 2),
    "complete qr": (
        lambda x: et.sum(linalg.qr(x, mode="complete").Q),
        np.arange(6.0).reshape(3, 2) ** 2,
    ),
    "dependent columns": (lambda x: et.sum(linalg.qr(x).Q), np.zeros((2, 2))),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_gradient_is_refused(name):
    function, array = REFUSED[name]
    with pytest.raises(UnsupportedError, match="has no gradient of"):
        nn.grad(function)(et.asarray(array, dtype="float64"))


def test_the_square_factors_of_all_vectors_have_gradients():
    x = et.asarray([[1.0, 2.0], [3.0, 5.0]], dtype="float64")
    for full, reduced in (
        (lambda x: linalg.svd(x).U, lambda x: linalg.svd(x, full_matrices=False).U),
        (lambda x: linalg.qr(x, mode="complete").Q, lambda x: linalg.qr(x).Q),
    ):
        gradients = [nn.grad(lambda x, f=f: et.sum(f(x) ** 3))(x).numpy() for f in (full, reduced)]
        np.testing.assert_allclose(gradients[0], gradients[1], atol=1e-14)


def test_a_tensor_kept_from_a_gradient_is_of_use_afterwards():
    kept = []

    def f(x):
        kept.append(x * 2.0)
        return et.sum(kept[-1] ** 2)

    x = et.asarray([1.0, 2.0])
    assert nn.grad(f)(x).tolist() == [8.0, 16.0]
    assert (kept[0] + 1.0).tolist() == [3.0, 5.0]
    value, gradient = nn.value_and_grad(lambda x: et.sum(x * kept[0]))(x)
    assert value.item() == 10.0
    assert gradient.tolist() == [2.0, 4.0]


def test_a_tensor_kept_from_an_inner_gradient_still_depends_on_the_outer_tensor():
    def outer(x):
        kept = []

        def inner(y):
            kept.append(x * y)
            return et.sum(y * y)

        nn.grad(inner)(et.asarray([3.0]))
        return et.sum(kept[0])

    value, gradient = nn.value_and_grad(outer)(et.asarray([2.0]))
    assert value.item() == 6.0
    assert gradient.tolist() == [3.0]


def test_three_gradients_within_each_other():
    def of(n, f):
        return f if n == 0 else of(n - 1, nn.grad(f))

    x = et.asarray(2.0, dtype="float64")
    assert of(3, lambda x: x**5)(x).item() == pytest.approx(60 * 4)
    assert of(3, lambda x: et.exp(2.0 * x))(x).item() == pytest.approx(8 * np.exp(4.0))


def test_an_inner_gradient_by_one_tensor_that_uses_another():
    # d/dx of (d/dy of x**2 y**3) at y = x: 6 x y**2 + 6 x**2 y, with y constant, is 6 x y**2
    def inner(x):
        return nn.grad(lambda y: x**2 * y**3)(et.stop_gradient(x))

    assert nn.grad(inner)(et.asarray(2.0)).item() == 6 * 2 * 4

    def whole(x):
        return nn.grad(lambda y: x**2 * y**3)(x)

    assert nn.grad(whole)(et.asarray(2.0)).item() == 12 * 2**3


def test_after_an_error_gradients_are_as_before():
    def broken(x):
        raise ValueError("no")

    for _ in range(3):
        with pytest.raises(ValueError, match="no"):
            nn.grad(broken)(et.ones(2))
    assert nn.grad(nn.grad(lambda x: x**3))(et.asarray(2.0)).item() == 12.0


def test_autograd_itself_goes_on_working_inside_and_outside():
    import autograd.numpy as anp

    rows = autograd.grad(lambda x: anp.sum(x[1:] ** 2) + x[np.array([0, 0])].sum())
    assert rows(np.array([1.0, 2.0, 3.0])).tolist() == [2.0, 4.0, 6.0]

    def f(x):
        slope = autograd.grad(lambda y: y**3)(2.0)
        return et.sum(x * float(slope))

    assert nn.grad(f)(et.ones(2)).tolist() == [12.0, 12.0]


def test_the_gradient_of_another_thread_may_end_within_one():
    started, ended = threading.Event(), threading.Event()
    found = []

    def first():
        def f(x):
            assert started.wait(timeout=30)
            return et.sum(x * x)

        with et.use_backend("numpy"):
            found.append(nn.grad(f)(et.asarray([3.0])).tolist())
        ended.set()

    def outer(x):
        started.set()
        assert ended.wait(timeout=30)
        return et.sum(nn.grad(lambda y: et.sum(x * y**2))(x) * x)  # 2 x**3

    thread = threading.Thread(target=first)
    thread.start()
    gradient = nn.grad(outer)(et.asarray([2.0]))
    thread.join()
    assert gradient.tolist() == [24.0]
    assert found == [[6.0]]


def test_by_complex_numbers_a_gradient_is_the_direction_of_steepest_ascent():
    def square(arrays, tracer):
        real, complex_ = (bounds(tracer)[dtype] for dtype in (et.float64, et.complex128))
        return real.sum(real.square(complex_.abs(arrays[0]))), []

    w = np.array([1.0 + 2.0j, -3.0j])
    value, (gradient,), _ = get_backend("numpy").value_and_grad(square)([w])
    assert value == pytest.approx(14.0)
    np.testing.assert_allclose(gradient, 2 * w)  # of a**2 + b**2 by a + bi: 2a + 2bi


@pytest.mark.parametrize(
    "mistake",
    [
        lambda x: et.take(x, et.asarray([0]), axis=2),
        lambda x: et.take(x, et.asarray([5]), axis=0),
        lambda x: et.sort(x, axis=2),
        lambda x: et.roll(x, 1, axis=2),
        lambda x: et.sum(x, axis=2),
        lambda x: et.prod(x, axis=(0, 0)),
        lambda x: et.max(x, axis=-3),
        lambda x: et.cumulative_sum(x, axis=4),
        lambda x: et.where(x > 0, x, et.ones(4)),
        lambda x: et.broadcast_to(x, (2, 4)),
        lambda x: x + et.ones(4),
        lambda x: x @ x,
        lambda x: linalg.solve(x, x),
        lambda x: linalg.inv(x),
        lambda x: linalg.cholesky(-et.eye(2) * x[0, 0]),
        lambda x: et.fft.fft(x * 1j, axis=3),
        lambda x: x[5],
        lambda x: et.remainder(x, et.ones(4)),
    ],
)
def test_mistakes_raise_what_they_raise_outside(mistake):
    x = et.ones((2, 3))
    with pytest.raises(EmberError) as outside:
        mistake(x)
    with pytest.raises(EmberError) as inside:
        nn.grad(lambda x: et.sum(mistake(x)))(x)
    assert type(inside.value) is type(outside.value)
    assert str(inside.value) == str(outside.value)


def test_a_copy_in_another_shape_has_a_gradient():
    weights = et.asarray([[1.0, 2.0], [3.0, 4.0]])
    for copy in (True, False, None):
        found = nn.grad(lambda x: et.sum(et.reshape(x, (2, 2), copy=copy) * weights))(et.ones(4))  # noqa: B023
        assert found.tolist() == [1.0, 2.0, 3.0, 4.0]
