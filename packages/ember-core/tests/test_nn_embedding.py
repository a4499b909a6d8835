"""What PyTorch's embedding, bilinear and shape layers do beyond their plain cases, and mistakes."""

import numpy as np
import pytest
import torch

from ember_ml import nn
from ember_ml.backend.errors import (
    InvalidValueError,
    ShapeError,
    TensorIndexError,
    UnsupportedError,
)
from ember_ml.backend.registry import get_backend
from ember_ml.nn import tensor as et

pytestmark = pytest.mark.usefixtures("backend")


def pair(*args, **options):
    """PyTorch's embedding and ours with the same vectors."""
    torch.manual_seed(0)
    theirs = torch.nn.Embedding(*args, **options)
    ours = nn.Embedding(*args, **options)
    ours.load_state_dict({"weight": theirs.weight.detach().numpy().copy()})
    return theirs, ours


INDICES = np.array([[0, 3, 3, 1], [3, 2, 1, 3]])


@pytest.mark.parametrize(
    "options",
    [
        {"max_norm": 1.0}, {"max_norm": 1.0, "norm_type": 1.0}, {"max_norm": 0.5, "padding_idx": 3},
        {"max_norm": 1.0, "scale_grad_by_freq": True}, {"max_norm": 2.0, "norm_type": 3.5},
    ],
    ids=str,
)  # fmt: skip
def test_max_norm(options):
    theirs, ours = pair(5, 4, **options)
    before = ours.weight.numpy().copy()
    c = np.random.default_rng(0).normal(size=(2, 4, 4)).astype(np.float32)
    expected = theirs(torch.from_numpy(INDICES))
    (expected * torch.from_numpy(c)).sum().backward()
    value, gradients = nn.value_and_grad(lambda m: (m(et.asarray(INDICES)) * c).sum())(ours)
    np.testing.assert_allclose(
        ours(INDICES).numpy(), expected.detach().numpy(), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(value.item(), (expected.detach().numpy() * c).sum(), rtol=1e-4)
    np.testing.assert_allclose(gradients["weight"].numpy(), theirs.weight.grad.numpy(), atol=1e-5)
    np.testing.assert_array_equal(ours.weight.numpy(), before)  # PyTorch's has changed


def test_the_vector_of_padding():
    layer = nn.Embedding(6, 3, padding_idx=-2)
    assert layer.padding_idx == 4
    weight = layer.weight.numpy()
    assert not weight[4].any()
    assert weight[[0, 1, 2, 3, 5]].all()


def test_pretrained():
    table = np.arange(12, dtype=np.float32).reshape(4, 3)
    layer = nn.Embedding.from_pretrained(table, padding_idx=1)
    np.testing.assert_array_equal(layer(et.asarray([2, 1])).numpy(), table[[2, 1]])
    assert repr(layer) == repr(
        torch.nn.Embedding.from_pretrained(torch.tensor(table), padding_idx=1)
    )
    model = nn.Sequential(layer, nn.Linear(3, 1))
    gradients = nn.grad(lambda m: m(et.asarray([0, 1])).sum())(model)
    assert list(gradients) == ["1.weight", "1.bias"]
    trained = nn.Embedding.from_pretrained(table, freeze=False)
    assert list(nn.grad(lambda m: m(et.asarray([0])).sum())(trained)) == ["weight"]


def test_pretrained_draws_nothing():
    et.random.seed(3)
    nn.Embedding.from_pretrained(et.ones((4, 3)))
    assert repr(et.random.default_generator()) == repr(et.random.Generator(3))


def test_vectors_that_are_no_matrix():
    with pytest.raises(ShapeError, match=r"\(num_embeddings, embedding_dim\) are due, not \(3,\)"):
        nn.Embedding.from_pretrained([1.0, 2.0, 3.0])
    with pytest.raises(ShapeError, match=r"\(3,\), where \(num_embeddings, embedding_dim\) is due"):
        nn.embedding([1.0, 2.0, 3.0], [0])


@pytest.mark.parametrize("index", [4, -1, 100])
def test_indices_out_of_range(index):
    layer = nn.Embedding(4, 2)
    with pytest.raises(TensorIndexError):
        layer(et.asarray([0, index])).tolist()


@pytest.mark.parametrize("dtype", ["int32", "uint8", "int16"])
def test_indices_of_other_dtypes(dtype):
    theirs, ours = pair(300, 2)
    x = np.array([[0, 7], [255, 1]])
    expected = theirs(torch.from_numpy(x)).detach().numpy()
    if dtype == "int16":
        x = x.astype(np.int16)
    np.testing.assert_array_equal(ours(et.asarray(x.astype(dtype))).numpy(), expected)


def test_no_indices():
    layer = nn.Embedding(4, 2)
    assert layer(et.zeros((3, 0), dtype="int64")).shape == (3, 0, 2)
    gradient = nn.grad(lambda m: m(et.zeros((0,), dtype="int64")).sum())(layer)["weight"]
    np.testing.assert_array_equal(gradient.numpy(), np.zeros((4, 2)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"padding_idx": 4}, "padding_idx is the number of one of 4 vectors, not 4"),
        ({"padding_idx": -5}, "padding_idx is the number of one of 4 vectors, not -5"),
        ({"padding_idx": 1.5}, "padding_idx is the number of one of 4 vectors, not 1.5"),
        ({"max_norm": 0.0}, "max_norm is a positive number, not 0.0"),
        ({"norm_type": -1}, "norm_type is a positive number, not -1"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(InvalidValueError, match=f"Embedding: {message}"):
        nn.Embedding(4, 2, **options)


def test_sparse_is_refused():
    with pytest.raises(UnsupportedError, match="leave out sparse=True"):
        nn.Embedding(4, 2, sparse=True)


@pytest.mark.parametrize("options", [{}, {"max_norm": 1.0, "scale_grad_by_freq": True}], ids=str)
def test_compiled_and_in_other_precisions(backend, options):
    theirs, ours = pair(5, 4, padding_idx=0, **options)
    indices = et.asarray(INDICES)
    expected = theirs(torch.from_numpy(INDICES)).detach().numpy()
    np.testing.assert_allclose(nn.compile(ours)(indices).numpy(), expected, rtol=1e-5, atol=1e-6)
    for dtype in ("float16", "float64"):
        if dtype in {d.name for d in get_backend(backend).dtypes}:
            y = ours.to(dtype=dtype)(indices)
            assert y.dtype.name == dtype
            np.testing.assert_allclose(y.numpy(), expected, rtol=5e-3, atol=5e-3)


# -- bilinear -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shapes", [((3, 4), (3, 6)), ((3, 4), (2, 5)), ((4,), (3, 5))], ids=str)
def test_bilinear_with_inputs_that_do_not_fit(shapes):
    layer = nn.Bilinear(4, 5, 2)
    with pytest.raises(ShapeError, match=r"bilinear: inputs of shapes .* \(\.\.\., 4\) and"):
        layer(*map(et.ones, shapes))
    with pytest.raises(ShapeError, match=r"a weight of shape \(4, 5\)"):
        nn.bilinear(et.ones((3, 4)), et.ones((3, 5)), et.ones((4, 5)))


@pytest.mark.parametrize("name", ["in1_features", "in2_features", "out_features"])
def test_bilinear_with_sizes_that_are_none(name):
    sizes = {"in1_features": 2, "in2_features": 3, "out_features": 4, name: 0}
    with pytest.raises(InvalidValueError, match=f"Bilinear: {name} is a positive integer"):
        nn.Bilinear(**sizes)


# -- shapes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sizes", [(("C", 2), ("H", 3)), [("C", 6)], "ab", 6, (), (-1, -1), (2, -3), (2.0, 3)], ids=str
)
def test_unflatten_refuses_names_and_what_is_no_shape(sizes):
    with pytest.raises(InvalidValueError, match="Unflatten: .*unflattened_size"):
        nn.Unflatten(1, sizes)


@pytest.mark.parametrize("dim", ["features", None, 1.0])
def test_unflatten_refuses_named_axes(dim):
    with pytest.raises(InvalidValueError, match="axes have no names"):
        nn.Unflatten(dim, (2, 3))


@pytest.mark.parametrize(("dim", "sizes"), [(1, (4, 2)), (1, (4, -1)), (2, (2, 3)), (-3, (2,))])
def test_unflatten_with_an_input_that_does_not_fit(dim, sizes):
    with pytest.raises(ShapeError, match=r"Unflatten: axis .*\(2, 6\)"):
        nn.Unflatten(dim, sizes)(et.ones((2, 6)))


def test_unflatten_of_no_elements():
    assert nn.Unflatten(1, (3, 0))(et.ones((2, 0))).shape == (2, 3, 0)
    assert nn.Unflatten(0, (-1, 2))(et.ones((0, 5))).shape == (0, 2, 5)
