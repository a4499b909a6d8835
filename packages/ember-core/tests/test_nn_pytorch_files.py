"""Files of PyTorch's: read by PyTorch, weights only, into models on every engine; nothing is run."""

import os
import pickle
import subprocess
import sys
import warnings
from collections import OrderedDict

import numpy as np
import pytest
import torch

from ember_ml import nn
from ember_ml.backend import registry
from ember_ml.backend.errors import (
    BackendLoadError,
    BackendNotFoundError,
    CheckpointError,
    EmberError,
)
from ember_ml.nn import tensor as et

pytestmark = [
    pytest.mark.usefixtures("backend"),
    pytest.mark.skipif(
        "torch" not in {info.name for info in et.list_backends()},
        reason="the torch backend reads these files",
    ),
]


def theirs():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        OrderedDict(first=torch.nn.Linear(5, 7), act=torch.nn.GELU(), last=torch.nn.Linear(7, 3))
    )


def ours():
    return nn.Sequential({"first": nn.Linear(5, 7), "act": nn.GELU(), "last": nn.Linear(7, 3)})


def same_outputs(model, module):
    x = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    expected = module(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(model(x).numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["net.pt", "net.pth", "pytorch_model.bin"])
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_a_state_dict_loads_into_the_namesake(tmp_path, backend, name, legacy):
    module = theirs()
    torch.save(module.state_dict(), tmp_path / name, _use_new_zipfile_serialization=not legacy)
    model = ours()
    nn.load(model, tmp_path / name)
    same_outputs(model, module)
    found = nn.load_file(str(tmp_path / name))
    assert list(found) == list(module.state_dict())
    assert {x.backend for x in found.values()} == {backend}


def test_it_can_be_trained_afterwards(tmp_path):
    torch.save(theirs().state_dict(), tmp_path / "net.pt")
    model = ours()
    nn.load(model, tmp_path / "net.pt")
    step = nn.train_step(model, lambda m, x: (m(x) ** 2).sum(), nn.optimizers.SGD())
    first = step(et.ones((2, 5))).item()
    assert step(et.ones((2, 5))).item() < first


def test_tensors_among_other_things_have_dotted_names(tmp_path):
    module = theirs()
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.ones(1, 5)).sum().backward()
    optimizer.step()
    content = {
        "epoch": 3,
        "note": "text",
        "model": module.state_dict(),
        "optimizer": optimizer.state_dict(),
        "list": [torch.ones(1), (torch.zeros(2), None)],
    }
    torch.save(content, tmp_path / "run.pt")
    found = nn.load_file(tmp_path / "run.pt")
    assert found["model.first.weight"].shape == (7, 5)
    assert found["optimizer.state.0.exp_avg"].shape == (7, 5)
    assert found["list.1.0"].tolist() == [0.0, 0.0]
    assert not {"epoch", "note", "list.1.1"} & set(found)
    model = ours()
    nn.load(model, tmp_path / "run.pt", prefix="model.")
    same_outputs(model, module)
    with pytest.raises(CheckpointError, match="unexpected: model.first.weight"):
        nn.load(model, tmp_path / "run.pt")
    with pytest.raises(
        CheckpointError, match=r"begins with 'net.', but model.first.weight, .*\.\."
    ):
        nn.load(model, tmp_path / "run.pt", prefix="net.")


def test_a_prefix_of_a_safetensors_file(tmp_path):
    model = ours()
    nn.save({f"net.{n}": x for n, x in model.state_dict().items()} | {"x": et.ones(1)},
            tmp_path / "f")  # fmt: skip
    again = ours()
    nn.load(again, tmp_path / "f", prefix="net.")
    assert again.first.weight.tolist() == model.first.weight.tolist()


def test_entries_that_share_memory_come_apart(tmp_path):
    shared = torch.arange(6.0)
    torch.save({"a": shared, "b": shared[:3], "c": torch.nn.Parameter(shared)}, tmp_path / "x.pt")
    found = nn.load_file(tmp_path / "x.pt")
    found["a"][0] = 9.0
    assert found["b"].tolist() == [0.0, 1.0, 2.0]
    assert found["c"].tolist() == list(range(6))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "bfloat16", "float32"])
def test_dtypes(tmp_path, dtype):
    value = torch.tensor([[0, 1], [2, 3]]).to(getattr(torch, dtype))
    torch.save({"x": value.T, "scalar": value[1, 1]}, tmp_path / "x.pt")
    found = nn.load_file(tmp_path / "x.pt")
    kept = dtype in {d.name for d in registry.current_backend().dtypes}
    assert found["x"].dtype.name == (dtype if kept else "float32")
    assert found["x"].tolist() == value.T.tolist()
    assert found["scalar"].shape == ()


def test_a_file_of_ours_may_have_their_ending(tmp_path):
    model = ours()
    nn.save(model, tmp_path / "net.pt")
    again = ours()
    nn.load(again, tmp_path / "net.pt")
    assert again.last.bias.tolist() == model.last.bias.tolist()


# -- what is refused ----------------------------------------------------------------------------


class Evil:
    """Unpickled, it makes a file."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


def written(path, content, kind):
    """``content`` at ``path``, as somebody with bad intentions may have written it."""
    if kind == "zip":
        torch.save(content, path)
    elif kind == "legacy":
        torch.save(content, path, _use_new_zipfile_serialization=False)
    else:
        path.write_bytes(pickle.dumps(content, protocol=int(kind)))


@pytest.mark.parametrize("name", ["x.pt", "x.pth", "x.bin", "x.safetensors", "x"])
@pytest.mark.parametrize("kind", ["zip", "legacy", "2", "5"])
def test_a_pickle_that_would_run_something_does_not(tmp_path, name, kind):
    marker = tmp_path / "ran"
    path = tmp_path / name
    written(path, {"weight": torch.ones(1, 1), "bias": Evil(marker)}, kind)
    model = nn.Linear(1, 1)
    before = model.weight.tolist()
    calls = [
        lambda: nn.load_file(path),
        lambda: nn.load(model, path),
        lambda: nn.load_checkpoint(path, model=model),
    ]
    for call in calls:
        with pytest.raises(CheckpointError, match=name):
            call()
    assert nn.latest_checkpoint(tmp_path) is None
    assert not marker.exists()
    assert model.weight.tolist() == before
    if kind == "2":  # the file is as dangerous as it looks
        pickle.loads(path.read_bytes())
        assert marker.is_dir()


def test_a_file_that_holds_a_function_names_it(tmp_path):
    written(tmp_path / "x.pt", Evil(tmp_path / "ran"), "zip")
    with pytest.raises(CheckpointError, match=r"more than tensors \(\w+.mkdir\), .* run code: ref"):
        nn.load_file(tmp_path / "x.pt")
    torch.save(theirs(), tmp_path / "module.pt")
    with pytest.raises(CheckpointError, match=r"torch.nn.modules.*; save model.state_dict\(\)"):
        nn.load_file(tmp_path / "module.pt")


def test_a_torchscript_program(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), tmp_path / "program.pt")
    with pytest.raises(CheckpointError, match="is a TorchScript program"):
        nn.load_file(tmp_path / "program.pt")


@pytest.mark.parametrize("content", [b"", b"garbage of some length", b"PK\x03\x04" * 9, None])
def test_damage(tmp_path, content):
    path = tmp_path / "x.pt"
    torch.save(theirs().state_dict(), path)
    path.write_bytes(path.read_bytes()[:-200] if content is None else content)
    with pytest.raises(CheckpointError, match=r"x.pt' is damaged, or no file of torch.save"):
        nn.load_file(path)


def test_what_is_no_dense_tensor(tmp_path):
    torch.save({"a": {"x": torch.eye(2).to_sparse()}}, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match="'a.x' is sparse or quantized"):
        nn.load_file(tmp_path / "x.pt")
    torch.save({"epoch": 3}, tmp_path / "y.pt")
    with pytest.raises(CheckpointError, match="holds no tensors, but dict"):
        nn.load_file(tmp_path / "y.pt")


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.pt"):
        nn.load_file(tmp_path / "nothing.pt")


def test_a_model_that_does_not_fit_is_left_alone(tmp_path):
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "x.pt")
    model = nn.Linear(3, 2)
    before = model.weight.tolist()
    with pytest.raises(CheckpointError, match=r"weight: shape \(2, 2\), where \(2, 3\) is due"):
        nn.load(model, tmp_path / "x.pt")
    assert model.weight.tolist() == before


# -- where PyTorch is not at hand ---------------------------------------------------------------


def test_without_the_torch_backend_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    torch.save({"x": torch.ones(1)}, tmp_path / "x.pt")
    points = {name: point for name, point in registry._points().items() if name != "torch"}
    monkeypatch.setattr(registry, "_points", lambda: points)
    monkeypatch.setattr(
        registry, "_loaded", {k: v for k, v in registry._loaded.items() if k != "torch"}
    )
    if registry._chosen.get() == "torch":
        pytest.skip("the torch backend is current: it is there")
    with pytest.raises(
        BackendNotFoundError, match=r"x.pt' is in PyTorch's format.*pip install 'ember-core\[torch"
    ):
        nn.load_file(tmp_path / "x.pt")


def test_a_torch_backend_without_torch(tmp_path, monkeypatch):
    torch.save({"x": torch.ones(1)}, tmp_path / "x.pt")

    def fails(name):
        raise BackendLoadError("backend 'torch' failed to load; is torch installed?")

    monkeypatch.setattr("ember_ml.nn.serialization._pytorch.get_backend", fails)
    with pytest.raises(EmberError, match=r"PyTorch reads: backend 'torch' failed to load"):
        nn.load_file(tmp_path / "x.pt")


LAZY = """
import sys
from ember_ml import nn
nn.save({"x": nn.tensor.ones(1)}, sys.argv[1] + "/ours.pt")
nn.load_file(sys.argv[1] + "/ours.pt")
nn.save_checkpoint(sys.argv[1] + "/c")
nn.load_checkpoint(sys.argv[1] + "/c")
print("torch" in sys.modules)
print(repr(nn.load_file(sys.argv[1] + "/theirs.pt")["x"]))
print("torch" in sys.modules)
"""


def test_torch_is_imported_for_its_own_files_only(tmp_path, backend):
    if backend == "torch":
        pytest.skip("it is the backend")
    torch.save({"x": torch.ones(2)}, tmp_path / "theirs.pt")
    done = subprocess.run(
        [sys.executable, "-c", LAZY, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        env=dict(os.environ, EMBER_BACKEND=backend),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    before, tensor, after = done.stdout.splitlines()
    assert (before, after) == ("False", "True")
    assert tensor == f"tensor([1., 1.], dtype=float32, backend='{backend}')"
