"""Einstein summation and Kronecker products against NumPy."""

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import (
    ArgumentError,
    BackendMismatchError,
    DTypeError,
    InvalidValueError,
    ShapeError,
)
from ember_ml.nn import tensor as et

from ._values import close, same

RNG = np.random.default_rng(0)

CASES = [
    ("", [()]),
    (",", [(), ()]),
    ("i->", [(3,)]),
    ("ij->ji", [(2, 3)]),
    ("ba", [(2, 3)]),
    ("Aa", [(2, 3)]),
    ("aA", [(2, 3)]),
    ("ii", [(3, 3)]),
    ("ii->i", [(3, 3)]),
    ("iii->i", [(3, 3, 3)]),
    ("iijj->ij", [(2, 2, 3, 3)]),
    ("ijij->ij", [(2, 3, 2, 3)]),
    ("i,i", [(3,), (3,)]),
    ("i,j->ji", [(2,), (3,)]),
    ("ij,jk->ik", [(2, 3), (3, 4)]),
    (" i j , j k -> k i ", [(2, 3), (3, 4)]),
    ("ij,jk", [(2, 3), (3, 4)]),
    ("ij,ij->ij", [(2, 3), (2, 3)]),
    ("ij,k->k", [(2, 3), (4,)]),
    ("iij,jk->ik", [(2, 2, 3), (3, 4)]),
    ("bhid,bhjd->bhij", [(2, 3, 4, 5), (2, 3, 6, 5)]),
    ("bij,bjk->kib", [(2, 3, 4), (2, 4, 5)]),
    ("abc,acb,ab->c", [(2, 3, 4), (2, 4, 3), (2, 3)]),
    ("ab,bc,cd,de->ae", [(2, 3), (3, 4), (4, 5), (5, 2)]),
    ("a,b,c->cab", [(2,), (3,), (4,)]),
    ("ij,ji->", [(2, 0), (0, 2)]),
    ("ij,jk->ik", [(2, 0), (0, 3)]),
    # of size one: they broadcast
    ("ij,jk", [(2, 1), (3, 4)]),
    ("i,i->i", [(1,), (3,)]),
    ("i,i->i", [(1,), (1,)]),
    # axes without a letter
    ("...", [(2, 3)]),
    ("...->...", [(2, 3)]),
    ("...ij,jk", [(5, 2, 3), (3, 4)]),
    ("...ij,...jk->...ik", [(5, 1, 2, 3), (6, 3, 4)]),
    ("ij...,j", [(2, 3, 4), (3,)]),
    ("ij...,jk...->k...i", [(2, 3, 4), (3, 5, 1)]),
    ("i...,i...->...", [(3, 1, 4), (3, 5, 4)]),
    ("...,...", [(2, 3), (3,)]),
    ("ij,ij->...", [(3, 4), (3, 4)]),
    ("...ii->...i", [(2, 3, 3)]),
]


@pytest.mark.parametrize(("subscripts", "shapes"), CASES)
def test_einsum(backend, subscripts, shapes):
    arrays = [RNG.normal(size=shape).astype(np.float32) for shape in shapes]
    expected = np.einsum(subscripts, *arrays)
    close(et.einsum(subscripts, *map(et.asarray, arrays)), expected, rtol=1e-5, atol=1e-5)


def test_all_letters_of_a_big_product(backend):
    arrays = [RNG.normal(size=(2, 2)).astype(np.float32) for _ in range(12)]
    subscripts = "ab,bc,cd,de,ef,fg,gh,hi,ij,jk,kl,lm->am"
    expected = np.linalg.multi_dot(arrays)
    close(et.einsum(subscripts, *map(et.asarray, arrays)), expected, rtol=1e-4, atol=1e-4)


def test_no_product_is_larger_than_it_must_be(backend):
    # from the left, the first product alone would have 10**12 elements
    wide = et.ones((1000, 1))
    result = et.einsum("ai,bj,ab,ci,dj,cd->", wide, wide, et.eye(1000), wide, wide, et.eye(1000))
    assert result.item() == 1e6


def test_einsum_of_integers(backend):
    a = RNG.integers(-5, 5, size=(3, 4))
    b = RNG.integers(-5, 5, size=(4, 2))
    same(et.einsum("ij,jk->ik", et.asarray(a), et.asarray(b)), a @ b)
    same(et.einsum("ij->i", et.asarray(a.astype(np.int8))), a.sum(1).astype(np.int8))
    assert et.einsum("i,i", [1, 2], [3, 4]).item() == 11


def test_einsum_of_complex_numbers(backend):
    a = (RNG.normal(size=(3, 4)) + 1j * RNG.normal(size=(3, 4))).astype(np.complex64)
    b = (RNG.normal(size=(4, 2)) + 1j * RNG.normal(size=(4, 2))).astype(np.complex64)
    # without conjugation
    close(et.einsum("ij,jk->ik", et.asarray(a), et.asarray(b)), a @ b, rtol=1e-5, atol=1e-5)


def test_einsum_promotes(backend):
    half = et.asarray([1.0, 2.0], dtype=et.float16)
    assert et.einsum("i,i->i", half, et.asarray([1, 2])).dtype is et.float16
    scaled = et.einsum(",i->i", 0.5, half)  # a Python number does not widen
    assert scaled.dtype is et.float16
    assert scaled.tolist() == [0.5, 1.0]
    assert et.einsum(",", 2, 3).dtype is et.int64


@pytest.mark.parametrize(
    ("error", "subscripts", "shapes"),
    [
        (ShapeError, "ij,jk", [(2, 3), (4, 5)]),
        (ShapeError, "ij,jk", [(2, 3)]),
        (ShapeError, "ij", [(2, 3), (2, 3)]),
        (ShapeError, "ijk", [(2, 3)]),
        (ShapeError, "i", [(2, 3)]),
        (ShapeError, "ij...", [(2,)]),
        (ShapeError, "ii", [(2, 3)]),
        (ShapeError, "ii", [(1, 3)]),
        (ShapeError, "...,...", [(2, 3), (4, 3)]),
        (InvalidValueError, "ij->ijk", [(2, 3)]),
        (InvalidValueError, "ij->ii", [(2, 3)]),
        (InvalidValueError, "i...->i", [(2, 3)]),
        (InvalidValueError, "i.j", [(2, 3)]),
        (InvalidValueError, "......", [(2, 3)]),
        (InvalidValueError, "i1", [(2, 3)]),
        (InvalidValueError, "ij->i->j", [(2, 3)]),
    ],
)
def test_subscripts_that_do_not_fit(backend, error, subscripts, shapes):
    with pytest.raises(error) as caught:
        et.einsum(subscripts, *map(et.zeros, shapes))
    assert subscripts in str(caught.value)


def test_operands_that_do_not_fit(backend):
    with pytest.raises(ArgumentError, match="subscripts come first"):
        et.einsum(et.zeros(3), "i")
    with pytest.raises(ArgumentError, match="needs operands"):
        et.einsum("i")
    with pytest.raises(DTypeError, match="not defined for bool"):
        et.einsum("i", [True, False])


def test_operands_of_two_backends(backend, engines):
    for other in set(engines) - {backend}:
        with pytest.raises(BackendMismatchError, match="to_backend"):
            et.einsum("i,i", et.zeros(2), et.zeros(2).to_backend(other))


def test_einsum_in_vmap(backend):
    a = RNG.normal(size=(5, 2, 3)).astype(np.float32)
    b = RNG.normal(size=(3, 4)).astype(np.float32)
    mapped = nn.vmap(lambda x, y: et.einsum("ij,jk->ki", x, y), in_axes=(0, None))
    close(mapped(et.asarray(a), et.asarray(b)), np.einsum("nij,jk->nki", a, b), rtol=1e-5)


def test_gradient_of_the_diagonal(backend):
    gradient = nn.grad(lambda x: et.einsum("ii", x * x))(et.asarray([[1.0, 2.0], [3.0, 4.0]]))
    assert gradient.tolist() == [[2.0, 0.0], [0.0, 8.0]]


@pytest.mark.parametrize(
    ("left", "right"),
    [((2,), (3,)), ((2, 3), (4, 5)), ((3,), (2, 2)), ((2, 1, 3), (2,)), ((), (3,))],
)
def test_kron(backend, left, right):
    a, b = RNG.normal(size=left).astype(np.float32), RNG.normal(size=right).astype(np.float32)
    close(et.kron(et.asarray(a), et.asarray(b)), np.kron(a, b))
