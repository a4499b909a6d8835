"""Every layer and loss with a namesake in PyTorch, against it, on each engine.

Same constructor arguments, PyTorch's state dict as it is; outputs within 1e-5 and gradients within
1e-4 of their scale, the same buffers afterwards, the same text.
"""

from __future__ import annotations

import functools
import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

from ember_ml import nn
from ember_ml.backend.registry import get_backend
from ember_ml.nn import tensor as et

from ._case import CASES
from ._compare import Theirs, assert_close, differentiate, layers_of

for path in sorted(Path(__file__).parent.glob("_cases_*.py")):
    importlib.import_module(f".{path.stem}", __package__)

#: What users of PyTorch look for.
VOCABULARY = [
    "Identity", "Linear", "Bilinear", "Embedding", "Flatten", "Unflatten", "Conv1d", "Conv2d",
    "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "MaxPool1d", "MaxPool2d", "AvgPool1d",
    "AvgPool2d", "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "Upsample",
    "PixelShuffle", "ZeroPad2d", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "LayerNorm",
    "GroupNorm", "InstanceNorm1d", "InstanceNorm2d", "RMSNorm", "Dropout", "Dropout1d",
    "Dropout2d", "AlphaDropout", "ReLU", "LeakyReLU", "PReLU", "ELU", "SELU", "CELU", "GELU",
    "SiLU", "Mish", "Hardswish", "Hardtanh", "Softplus", "Softsign", "Sigmoid", "Tanh", "Softmax",
    "LogSoftmax", "GLU", "RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell",
    "MultiheadAttention", "TransformerEncoderLayer", "TransformerDecoderLayer",
    "TransformerEncoder", "TransformerDecoder", "MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss",
    "CrossEntropyLoss", "NLLLoss", "BCELoss", "BCEWithLogitsLoss", "KLDivLoss",
    "CosineEmbeddingLoss", "TripletMarginLoss", "CTCLoss",
]  # fmt: skip
OUTPUTS, GRADIENTS = 1e-5, 1e-4
#: Namesakes that hold other modules and compute nothing.
CONTAINERS = {"Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"}
#: What PyTorch has under the name of a layer of ours that differs by design, with the reason.
OTHERS: dict[str, str] = {}


@functools.cache
def theirs(name: str) -> Theirs:
    torch.set_num_threads(1)
    return Theirs(CASES[name])


def scale(arrays) -> float:
    return max((float(np.abs(a[np.isfinite(a)]).max(initial=0.0)) for a in arrays if a.dtype.kind == "f"),
               default=0.0)  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_outputs_gradients_and_buffers(name, backend):
    case, expected = CASES[name], theirs(name)
    ours = layers_of(case, expected)
    _, outputs, gradients = differentiate(case, expected, ours)
    assert len(outputs) == len(expected.outputs)
    largest = scale(expected.outputs)
    for i, (y, wanted) in enumerate(zip(outputs, expected.outputs, strict=True)):
        assert_close(y, wanted, OUTPUTS * case.tolerance, largest, f"output {i}")
    largest = scale(expected.gradients.values())
    for key, wanted in expected.gradients.items():
        assert_close(
            gradients[key], wanted, GRADIENTS * case.tolerance, largest, f"gradient by {key}"
        )
    state = ours.state_dict()
    assert list(state) == list(expected.after)
    for key, wanted in expected.after.items():
        assert_close(state[key], wanted, OUTPUTS, 1.0, f"{key} afterwards")


@pytest.mark.parametrize("name", CASES)
def test_gradients_against_finite_differences(name, backend):
    """Along one direction, in double precision."""
    if "float64" not in get_backend(backend).capabilities:
        pytest.skip("the engine has no float64")
    case, expected = CASES[name], theirs(name)
    if not case.derivative:
        pytest.skip("its gradient is not the derivative, in PyTorch neither")
    ours = layers_of(case, expected).to(dtype="float64")
    buffers = {key: et.asarray(x, copy=True) for key, x in ours.named_buffers()}
    value, _, gradients = differentiate(case, expected, ours, dtype="float64")
    parameters = {key: x for key, x in ours.named_parameters() if key in gradients}
    if not parameters:
        pytest.skip("no parameters: the inputs are tried by the kit and by PyTorch")
    rng = np.random.default_rng(3)
    direction = {key: rng.standard_normal(x.shape) for key, x in parameters.items()}
    slope = sum((gradients[key].numpy() * d).sum() for key, d in direction.items())
    start = {key: x.numpy().copy() for key, x in parameters.items()}
    step, values = 1e-6, []
    for sign in (1, -1):
        moved = {key: et.asarray(start[key] + sign * step * d) for key, d in direction.items()}
        ours.load_state_dict({**moved, **buffers}, strict=False)
        values.append(differentiate(case, expected, ours, dtype="float64")[0].item())
    difference = (values[0] - values[1]) / (2 * step)
    size = max(abs(slope), abs(value.item()), 1.0)
    assert abs(difference - slope) <= 1e-6 * size, (difference, slope)


@pytest.mark.parametrize("name", CASES)
def test_text(name, backend):
    case = CASES[name]
    assert repr(case.build(nn)) == repr(theirs(name).layer)


def test_every_namesake_has_a_case():
    names = {
        name
        for name in nn.__all__
        if isinstance(getattr(nn, name), type)
        and issubclass(getattr(nn, name), nn.Module)
        and hasattr(torch.nn, name)
    }
    missing = names - CONTAINERS - OTHERS.keys() - {case.name for case in CASES.values()}
    assert not missing, f"no case in tests/oracle/_cases_*.py: {sorted(missing)}"


@pytest.mark.parametrize("name", VOCABULARY)
def test_vocabulary(name):
    assert any(case.name == name for case in CASES.values())
