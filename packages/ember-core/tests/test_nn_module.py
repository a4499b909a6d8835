"""Modules. Names, order and texts are those of ``torch.nn`` for the same model."""

import copy
import gc
import os
import pickle
import weakref
from collections import OrderedDict

import numpy as np
import pytest
import torch

from ember_ml import nn
from ember_ml.backend.errors import (
    ArgumentError,
    DTypeError,
    EmberError,
    InvalidValueError,
    TensorIndexError,
)
from ember_ml.nn import tensor as et
from ember_ml.nn.modules import _state

BACKENDS = [
    info.name
    for info in et.list_backends()
    if info.name in os.environ.get("EMBER_TEST_BACKENDS", "numpy,torch,mlx").split(",")
]

pytestmark = pytest.mark.usefixtures("backend")


class Block(nn.Module):
    """One of everything: modules, a parameter, buffers, an attribute that is none of these."""

    def __init__(self, bias=True):
        super().__init__()
        self.scale = nn.Parameter(np.ones(3, np.float32))
        self.register_buffer("mean", np.zeros(3, np.float32))
        self.register_buffer("cache", np.zeros(2, np.float32), persistent=False)
        self.first = nn.Linear(3, 4)
        self.inner = nn.ModuleList([nn.Linear(4, 4, bias=bias), nn.ReLU()])
        self.size = 3

    def forward(self, x):
        x = self.first((x - self.mean) * self.scale)
        for module in self.inner:
            x = module(x)
        return x


class TorchBlock(torch.nn.Module):
    def __init__(self, bias=True):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(3))
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("cache", torch.zeros(2), persistent=False)
        self.first = torch.nn.Linear(3, 4)
        self.inner = torch.nn.ModuleList([torch.nn.Linear(4, 4, bias=bias), torch.nn.ReLU()])
        self.size = 3


def same_names(ours, theirs):
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert [n for n, _ in ours.named_buffers()] == [n for n, _ in theirs.named_buffers()]
    assert [n for n, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]
    assert [n for n, _ in ours.named_children()] == [n for n, _ in theirs.named_children()]
    for name, value in theirs.state_dict().items():
        assert ours.state_dict()[name].shape == tuple(value.shape)


@pytest.mark.parametrize("bias", [True, False])
def test_names_are_pytorchs(bias):
    same_names(Block(bias), TorchBlock(bias))


def test_names_after_attributes_have_been_replaced():
    def change(model, lib, ones):
        model.scale = lib.Parameter(ones(3))  # keeps its place
        model.first = lib.Linear(3, 4, bias=False)  # keeps its place
        model.extra = None
        model.first.bias = lib.Parameter(ones(4))
        model.inner.append(lib.Linear(4, 2))
        model.inner[1] = lib.Linear(4, 4)
        del model.mean
        return model

    ours = change(Block(), nn, et.ones)
    same_names(ours, change(TorchBlock(), torch.nn, torch.ones))


def test_a_module_in_two_places_is_named_in_both():
    def shared(lib):
        one = lib.Linear(2, 2)
        return lib.Sequential(one, lib.ReLU(), one)

    ours, theirs = shared(nn), shared(torch.nn)
    same_names(ours, theirs)
    assert len(list(ours.parameters())) == 2
    assert repr(ours) == repr(theirs)
    x = et.asarray([[1.0, -1.0]])
    assert ours(x).tolist() == ours[2](nn.relu(ours[0](x))).tolist()
    assert [type(m) for m in ours[1:]] == [nn.ReLU, nn.Linear]
    assert ours.state_dict()["0.weight"] is ours.state_dict()["2.weight"]


def test_a_shared_parameter_is_one_tensor():
    model = nn.Module()
    model.encode = nn.Linear(2, 3, bias=False)
    model.decode = nn.Linear(2, 3, bias=False)
    model.decode.weight = model.encode.weight
    assert [name for name, _ in model.named_parameters()] == ["encode.weight"]
    assert list(model.state_dict()) == ["encode.weight", "decode.weight"]
    twin = copy.deepcopy(model)
    assert twin.encode.weight is twin.decode.weight
    assert twin.encode.weight is not model.encode.weight
    back = pickle.loads(pickle.dumps(model))
    assert back.encode.weight is back.decode.weight
    model.to(dtype="float16")
    assert model.encode.weight is model.decode.weight
    assert model.encode.weight.dtype is et.float16


def test_one_parameter_object_on_two_attributes_is_shared():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            shared = nn.Parameter([1.0])
            self.a, self.b = shared, shared

    model = Twice()
    assert model.a is model.b


def test_a_parameter_is_a_copy():
    source = np.ones(2, np.float32)
    model = nn.Module()
    model.w = nn.Parameter(source)
    source[:] = 5
    assert model.w.tolist() == [1.0, 1.0]
    tensor = et.asarray([1.0, 2.0])
    model.v = nn.Parameter(tensor)
    model.v[0] = 9.0
    assert tensor.tolist() == [1.0, 2.0]


def test_a_buffer_is_a_copy():
    source = et.asarray([1.0, 2.0])
    model = nn.Module()
    model.register_buffer("b", source)
    model.b[0] = 7.0
    assert source.tolist() == [1.0, 2.0]


def test_a_plain_tensor_is_an_ordinary_attribute():
    model = nn.Module()
    model.x = et.ones(2)
    assert list(model.state_dict()) == []
    assert list(model.parameters()) == []


def test_assigning_a_tensor_replaces_parameter_and_buffer():
    model = Block()
    new = et.full((3,), 2.0)
    model.scale = new
    model.mean = new + 1.0
    assert model.state_dict()["scale"] is new
    assert model.state_dict()["mean"].tolist() == [3.0, 3.0, 3.0]


def test_none_keeps_the_place():
    model = Block()
    model.scale = None
    assert "scale" not in model.state_dict()
    model.register_buffer("mean", None)
    assert "mean" not in model.state_dict()
    model.first = None
    assert [name for name, _ in model.named_children()] == ["inner"]
    model.scale = nn.Parameter([1.0])
    model.mean = et.ones(3)
    assert next(iter(model.state_dict())) == "scale"
    assert "mean" in model.state_dict()


@pytest.mark.parametrize("name", ["scale", "mean", "first"])
def test_assigning_something_else_is_refused(name):
    model = Block()
    with pytest.raises(ArgumentError, match=f"Block.{name} is a .*not int"):
        setattr(model, name, 3)


def test_assigning_a_tensor_for_a_module_is_refused():
    with pytest.raises(ArgumentError, match="first is a module"):
        Block().first = et.ones(2)


@pytest.mark.parametrize("name", ["", "a.b", "forward"])
def test_names_that_cannot_be(name):
    with pytest.raises(ArgumentError, match="cannot name"):
        Block().register_parameter(name, nn.Parameter([1.0]))
    with pytest.raises(ArgumentError, match="cannot name"):
        Block().register_buffer(name, [1.0])


def test_register_parameter_wants_a_parameter():
    with pytest.raises(ArgumentError, match=r"nn\.Parameter"):
        Block().register_parameter("w", et.ones(2))


def test_deleting():
    model = Block()
    del model.scale
    assert not hasattr(model, "scale")
    assert "scale" not in model.state_dict()
    with pytest.raises(AttributeError):
        del model.scale
    model.scale = 3  # no parameter any more
    assert model.scale == 3


def test_missing_super_init_says_so():
    class Forgot(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(1, 1)

    with pytest.raises(EmberError, match=r"Forgot.__init__ must call super\(\).__init__\(\)"):
        Forgot()


def test_train_and_eval_reach_all():
    model = Block()
    assert all(module.training for module in model.modules())
    assert model.eval() is model
    assert not any(module.training for module in model.modules())
    model.inner.train()
    assert [m.training for m in model.modules()] == [False, False, True, True, True]


def test_apply_goes_from_the_leaves_up():
    def visited(model):
        seen = []
        assert model.apply(lambda module: seen.append(type(module).__name__)) is model
        return seen

    ours, theirs = visited(Block()), visited(TorchBlock())
    assert ours[:-1] == theirs[:-1]
    assert ours[-1] == "Block"


def test_to_dtype_converts_what_is_floating():
    model = nn.Linear(2, 2)
    model.register_buffer("count", et.asarray(3))
    weight = model.weight
    expected = weight.astype(et.float16).tolist()
    assert model.to(dtype=et.float16) is model
    assert model.weight is weight
    assert (weight.dtype, model.bias.dtype, model.count.dtype) == (et.float16, et.float16, et.int64)
    assert weight.tolist() == expected


@pytest.mark.parametrize("dtype", ["int64", "complex64", "bool"])
def test_to_other_dtypes_is_refused(dtype):
    model = nn.Linear(2, 2)
    with pytest.raises(DTypeError, match=f"floating dtypes only, not {dtype}"):
        model.to(dtype=dtype)
    assert model.weight.dtype is et.float32


@pytest.mark.parametrize("value", [[1, 2], [True], [1j]])
def test_what_is_not_floating_cannot_be_trained(value):
    with pytest.raises(DTypeError, match="only a floating-point tensor can be trained"):
        nn.Parameter(value)
    model = nn.Module()
    model.codes = nn.Parameter(value, requires_grad=False)
    model.w = nn.Parameter([1.0])
    model.requires_grad_()
    assert list(model.state_dict()) == ["codes", "w"]
    assert list(nn.grad(lambda m: m.w.sum())(model)) == ["w"]


def test_to_device_keeps_all_where_they_are():
    model = nn.Linear(2, 2)
    device = model.weight.device
    before = model.weight.tolist()
    assert model.to(device).weight.tolist() == before
    assert model.weight.device == device
    with pytest.raises(EmberError, match="no device 'mars'"):
        model.to("mars")


def test_a_move_that_fails_changes_nothing():
    def convert(x):
        if x.shape == (2,):
            raise RuntimeError("out of memory")
        return x.astype(et.float16)

    model = nn.Linear(2, 2)
    with pytest.raises(RuntimeError, match="out of memory"):
        _state.replace(model, convert)
    assert [p.dtype for p in model.parameters()] == [et.float32, et.float32]


def test_to_backend(backend):
    model = Block()
    x = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
    expected = model(et.asarray(x)).tolist()
    tensors = list(model.state_dict().values())
    for other in BACKENDS:
        copied = copy.deepcopy(model)
        scale = copied.scale
        assert copied.to_backend(other) is copied
        assert copied.scale is scale
        assert {t.backend for t in copied.state_dict().values()} == {other}
        assert copied.cache.backend == other
        with et.use_backend(other):
            np.testing.assert_allclose(copied(et.asarray(x)).tolist(), expected, rtol=1e-5)
        copied.scale[0] = 50.0
        assert model.scale.tolist() == [1.0, 1.0, 1.0]
    assert {t.backend for t in tensors} == {backend}


def test_freezing():
    model = Block()
    model.first.requires_grad_(False)
    grads = nn.grad(lambda m: m(et.ones((1, 3))).sum())(model)
    assert list(grads) == ["scale", "inner.0.weight", "inner.0.bias"]
    model.requires_grad_()
    grads = nn.grad(lambda m: m(et.ones((1, 3))).sum())(model)
    assert list(grads) == [name for name, _ in model.named_parameters()]


def test_a_parameter_can_be_frozen_from_the_start_and_a_new_one_is_not():
    model = nn.Module()
    model.w = nn.Parameter([1.0], requires_grad=False)
    model.v = nn.Parameter([2.0])
    f = nn.grad(lambda m: (m.w * m.v).sum())
    assert list(f(model)) == ["v"]
    model.w = nn.Parameter([3.0])
    assert list(f(model)) == ["w", "v"]


def test_a_shared_parameter_frozen_in_one_place_is_frozen():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    model[0].requires_grad_(False)
    assert list(nn.grad(lambda m: m(et.ones((1, 2))).sum())(model)) == ["1.bias"]


PATTERNS = {
    "first": ["first.weight", "first.bias"],
    "inner.0": ["inner.0.weight", "inner.0.bias"],
    "*.bias": ["first.bias", "inner.0.bias"],
    "inner*": ["inner.0.weight", "inner.0.bias"],
    "inner.[0-3].weight": ["inner.0.weight"],
    "scale": ["scale"],
    "*": ["scale", "first.weight", "first.bias", "inner.0.weight", "inner.0.bias"],
}


def trained(model):
    return list(nn.grad(lambda m: m(et.ones((1, 3))).sum())(model))


@pytest.mark.parametrize(("pattern", "names"), PATTERNS.items(), ids=PATTERNS)
def test_freezing_by_name(pattern, names):
    every = PATTERNS["*"]
    model = Block()
    assert model.freeze(pattern) is model
    rest = [name for name in every if name not in names]
    if rest:
        assert trained(model) == rest
    assert model.freeze().unfreeze(pattern) is model
    assert trained(model) == names
    assert trained(model.unfreeze()) == every


def test_freezing_by_several_names():
    assert trained(Block().freeze("scale", "inner")) == ["first.weight", "first.bias"]


def test_a_frozen_parameter_is_not_moved_by_training():
    model = Block().freeze("first")
    before = {name: p.tolist() for name, p in model.named_parameters()}
    step = nn.train_step(model, lambda m, x: m(x).sum(), nn.optimizers.SGD(learning_rate=1.0))
    step(et.ones((2, 3)))
    moved = [name for name, p in model.named_parameters() if p.tolist() != before[name]]
    assert "first.weight" not in moved
    assert "first.bias" not in moved
    assert "inner.0.bias" in moved


@pytest.mark.parametrize("change", ["freeze", "unfreeze"])
def test_a_name_that_matches_nothing_changes_nothing(change):
    model = Block()
    model.freeze("scale")
    with pytest.raises(
        InvalidValueError, match=r"Block: 'frist' matches no parameter; .* first.weight, first.bias"
    ):
        getattr(model, change)("first", "scale", "frist")
    assert trained(model) == PATTERNS["*"][1:]


def test_a_shared_parameter_is_frozen_in_all_its_places():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    f = nn.grad(lambda m: m(et.ones((1, 2))).sum())
    assert list(f(model.freeze("1.weight"))) == ["0.bias", "1.bias"]
    assert list(f(model.unfreeze("0.weight"))) == ["0.weight", "0.bias", "1.bias"]


def test_submodules_and_tensors_by_name():
    model = Block()
    assert model.get_submodule("") is model
    assert model.get_submodule("inner.0") is model.inner[0]
    assert model.get_parameter("inner.0.weight") is model.inner[0].weight
    assert model.get_parameter("scale") is model.scale
    assert model.get_buffer("mean") is model.mean
    model.mean = None
    for call, text in {
        lambda: model.get_submodule("inner.7"): "Block has no module 'inner.7': ModuleList .* 0, 1",
        lambda: model.get_submodule("first.x.y"): "Linear holds none",
        lambda: model.get_submodule("size"): "Block holds first, inner",
        lambda: model.get_parameter("first.wait"): "no parameter 'first.wait': .* weight, bias",
        lambda: model.get_parameter("cache"): "no parameter 'cache': Block holds scale",
        lambda: model.get_buffer("mean"): "no buffer 'mean': Block holds cache",
        lambda: model.get_buffer("inner.1.x"): "ReLU holds none",
    }.items():
        with pytest.raises(InvalidValueError, match=text):
            call()


def test_adding_modules_by_name():
    model, theirs = nn.Module(), torch.nn.Module()
    for i in range(2):
        model.add_module(f"layer{i}", nn.Linear(1, 1))
        theirs.add_module(f"layer{i}", torch.nn.Linear(1, 1))
    model.register_module("none", None)
    theirs.register_module("none", None)
    same_names(model, theirs)
    assert model.none is None
    with pytest.raises(ArgumentError, match="'x': a Module or None is due, not function"):
        model.add_module("x", nn.relu)
    with pytest.raises(ArgumentError, match="cannot name"):
        model.add_module("forward", nn.ReLU())


def test_astype_and_to_device():
    model = Block()
    model.register_buffer("count", 3)
    weight, device = model.first.weight, model.first.weight.device
    assert model.astype("float16") is model
    assert (weight.dtype, model.mean.dtype, model.count.dtype) == (et.float16, et.float16, et.int64)
    with pytest.raises(DTypeError, match="floating dtypes only, not int8"):
        model.astype("int8")
    assert model.to_device(device) is model
    assert model.first.weight is weight
    with pytest.raises(EmberError, match="'mars'"):
        model.to_device("mars")


def test_repr_is_pytorchs():
    def build(lib):
        return lib.Sequential(
            OrderedDict(
                linear=lib.Linear(2, 3),
                act=lib.ReLU(),
                leaky=lib.LeakyReLU(0.2),
                inner=lib.Sequential(lib.Linear(3, 3, bias=False), lib.Softmax(dim=-1)),
                blocks=lib.ModuleList(
                    [lib.Linear(3, 3), lib.Linear(3, 3), lib.Tanh(), lib.Sequential(lib.SiLU())]
                ),
                flat=lib.Flatten(),
                last=lib.LogSoftmax(dim=1),
                empty=lib.Sequential(),
                more=lib.ModuleList(),
            )
        )

    assert repr(build(nn)) == repr(build(torch.nn))


def test_repr_with_extra_and_children():
    def subclass(base, linear):
        class Scaled(base):
            def __init__(self, extra):
                super().__init__()
                self.extra = extra
                self.layer = linear(1, 1)

            def extra_repr(self):
                return self.extra

        return Scaled

    ours, theirs = subclass(nn.Module, nn.Linear), subclass(torch.nn.Module, torch.nn.Linear)
    for extra in ("", "factor=2", "factor=2\npower=3"):
        assert repr(ours(extra)) == repr(theirs(extra))


def test_deepcopy_and_pickle_are_independent():
    model = Block()
    model.eval()
    model.first.requires_grad_(False)
    x = et.ones((2, 3))
    expected = model(x).tolist()
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin(x).tolist() == expected
        assert list(twin.state_dict()) == list(model.state_dict())
        assert not twin.training
        assert [n for n, _ in twin.named_buffers()] == [n for n, _ in model.named_buffers()]
        grads = nn.grad(lambda m: m(x).sum())(twin)
        assert "first.weight" not in grads
        twin.first.weight[0] = 100.0
        twin.mean[0] = 1.0
        assert model(x).tolist() == expected


def test_a_model_is_gone_with_its_last_user():
    model = Block()
    model.state_dict()
    optimizer = nn.optimizers.Adam()
    optimizer.update(model, nn.grad(lambda m: m(et.ones((1, 3))).sum())(model))
    gone = [weakref.ref(module) for module in model.modules()]
    enabled = gc.isenabled()
    gc.disable()
    try:
        del model
        assert [reference() for reference in gone] == [None] * len(gone)
    finally:
        if enabled:
            gc.enable()


def test_changes_of_structure_are_seen_at_once():
    model = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.Linear(1, 1)))
    assert len(list(model.parameters())) == 4
    model[1][0].bias = None
    assert list(model.state_dict()) == ["0.weight", "0.bias", "1.0.weight"]
    model[1].append(nn.Linear(1, 1, bias=False))
    assert list(model.state_dict())[-1] == "1.1.weight"
    model[1][0].bias = nn.Parameter([1.0])
    assert "1.0.bias" in model.state_dict()
    model[1] = nn.ReLU()
    assert list(model.state_dict()) == ["0.weight", "0.bias"]
    twin = copy.copy(model)
    twin.extra = nn.Linear(1, 1)
    assert "extra.weight" in twin.state_dict()


def test_sequential():
    layers = [nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)]
    model = nn.Sequential(*layers)
    x = et.asarray([[1.0, -2.0]])
    assert model(x).tolist() == layers[2](layers[1](layers[0](x))).tolist()
    assert len(model) == 3
    assert list(model) == layers
    assert model[-1] is layers[2]
    assert list(model[1:]) == layers[1:]
    assert isinstance(model[:2], nn.Sequential)
    assert model.append(nn.Tanh()) is model
    assert list(model.state_dict())[-1] == "2.bias"
    model[0] = nn.Linear(2, 3, bias=False)
    assert list(model.state_dict()) == ["0.weight", "2.weight", "2.bias"]


def test_slices_are_named_as_pytorchs():
    def part(lib, kind):
        layers = [lib.Linear(2, 2) for _ in range(3)]
        whole = lib.Sequential(*layers) if kind == "Sequential" else lib.ModuleList(layers)
        return whole[1:]

    for kind in ("Sequential", "ModuleList"):
        same_names(part(nn, kind), part(torch.nn, kind))


@pytest.mark.parametrize("container", [nn.Sequential, lambda *m: nn.ModuleList(m)])
def test_containers_refuse_what_is_no_module(container):
    with pytest.raises(ArgumentError, match="holds modules, not function"):
        container(nn.Linear(1, 1), nn.relu)
    model = container(nn.Linear(1, 1))
    with pytest.raises(ArgumentError, match="holds modules"):
        model[0] = 3
    with pytest.raises(TensorIndexError, match="has 1 modules, and none at index 1"):
        model[1]


def test_module_list():
    layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    assert len(layers.extend([nn.ReLU()])) == 4
    assert [type(m).__name__ for m in layers] == ["Linear"] * 3 + ["ReLU"]
    with pytest.raises(NotImplementedError):
        layers(et.ones((1, 2)))


def test_inserting_and_deleting_renumbers_as_pytorch_does():
    for kind in ("Sequential", "ModuleList"):

        def edited(lib, kind=kind):
            layers = [lib.Linear(1, size) for size in (1, 2, 3)]
            model = lib.Sequential(*layers) if kind == "Sequential" else lib.ModuleList(layers)
            model.insert(1, lib.ReLU())
            del model[0]
            model.insert(0, lib.Linear(1, 4))
            popped = model.pop(1)
            del model[-1:]
            return model, popped

        (ours, popped), (theirs, expected) = edited(nn), edited(torch.nn)
        same_names(ours, theirs)
        assert repr(ours) == repr(theirs)
        assert repr(popped) == repr(expected)
    with pytest.raises(TensorIndexError, match="none at index 7"):
        del ours[7]
    with pytest.raises(ArgumentError, match="holds modules"):
        ours.insert(0, 3)


def test_module_dict():
    def build(lib):
        heads = lib.ModuleDict({"a": lib.Linear(1, 2), "b": lib.ReLU()})
        heads["c"] = lib.Linear(1, 3)
        heads["a"] = lib.Linear(1, 4)  # keeps its place
        heads.update({"d": lib.Tanh(), "b": lib.SiLU()})
        del heads["c"]
        return heads

    ours, theirs = build(nn), build(torch.nn)
    same_names(ours, theirs)
    assert repr(ours) == repr(theirs)
    assert list(ours) == list(ours.keys()) == list(theirs) == ["a", "b", "d"]
    assert [type(m).__name__ for m in ours.values()] == ["Linear", "SiLU", "Tanh"]
    assert dict(ours.items())["a"] is ours["a"]
    assert (len(ours), "b" in ours, "c" in ours) == (3, True, False)
    assert type(ours.pop("b")) is nn.SiLU
    with pytest.raises(KeyError, match="'b' is not in a ModuleDict of a, d"):
        ours["b"]
    with pytest.raises(ArgumentError, match="ModuleDict holds modules, not int"):
        ours["x"] = 3
    with pytest.raises(NotImplementedError):
        ours(1)
    ours.clear()
    assert list(ours) == []
    assert list(nn.ModuleDict([("z", nn.ReLU())])) == ["z"]


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match="Empty has no forward"):
        type("Empty", (nn.Module,), {})()(1)
