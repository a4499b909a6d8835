"""A layer of PyTorch's and ours on the same weights and inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ember_ml import nn
from ember_ml.nn import tensor as et

from ._case import Case

__all__ = ["Theirs", "assert_close", "differentiate", "layers_of", "leaves"]


def leaves(x: Any) -> list[Any]:
    """The tensors and arrays in nested tuples and lists."""
    if isinstance(x, tuple | list):
        return [leaf for part in x for leaf in leaves(part)]
    return [] if x is None else [x]


def _mapped(function: Any, x: Any) -> Any:
    if isinstance(x, tuple | list):
        return tuple(_mapped(function, part) for part in x)
    return function(x) if isinstance(x, np.ndarray) else x


def _projected(outputs: Any, wanted: list[np.ndarray], make: Any) -> Any:
    """One number that depends on every floating output."""
    total = None
    for y, c in zip(leaves(outputs), wanted, strict=True):
        if c is not None:
            term = (y * make(c)).sum()
            total = term if total is None else total + term
    return total


class Theirs:
    """What PyTorch makes of a case.

    Attributes:
        state: the state dict before the call.
        outputs: arrays, after the calls before this one.
        gradients: by name of the parameter, and by number of the floating input.
        after: the state dict after the call.
    """

    def __init__(self, case: Case) -> None:
        torch.manual_seed(0)
        self.layer = case.build(torch.nn).train(case.train)
        self.state = {name: x.clone() for name, x in self.layer.state_dict().items()}
        for call in range(case.steps):
            args, kwargs = case.arguments(call + 1)
            self.layer(*_mapped(torch.from_numpy, tuple(args)), **_torch(kwargs))
        args, kwargs = case.arguments()
        given = _mapped(torch.from_numpy, tuple(args))
        moving = [
            x
            for i, part in enumerate(given)
            if i not in case.constant
            for x in leaves(part)
            if isinstance(x, torch.Tensor) and x.is_floating_point()
        ]
        for x in moving:
            x.requires_grad_()
        outputs = self.layer(*given, **_torch(kwargs))
        rng = np.random.default_rng(7)
        #: Weights of the outputs in the number that is differentiated.
        self.weights = [
            np.asarray(rng.standard_normal(y.shape), np.float32) if y.is_floating_point() else None
            for y in leaves(outputs)
        ]
        self.outputs = [y.detach().numpy() for y in leaves(outputs)]
        self.gradients: dict[Any, np.ndarray] = {}
        total = _projected(outputs, self.weights, torch.from_numpy)
        named = [(name, p) for name, p in self.layer.named_parameters() if p.requires_grad]
        targets = [*named, *enumerate(moving)]
        if total.requires_grad:
            found = torch.autograd.grad(total, [x for _, x in targets], allow_unused=True)
            self.gradients = {
                name: np.zeros(x.shape, np.float32) if g is None else g.numpy()
                for (name, x), g in zip(targets, found, strict=True)
            }
        self.after = {name: x.numpy() for name, x in self.layer.state_dict().items()}


def _torch(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {name: _mapped(torch.from_numpy, x) for name, x in kwargs.items()}


def layers_of(case: Case, theirs: Theirs) -> nn.Module:
    """Our layer with PyTorch's weights, after the calls before the one that counts."""
    ours: nn.Module = case.build(nn).train(case.train)
    ours.load_state_dict(theirs.state)
    for call in range(case.steps):
        args, kwargs = case.arguments(call + 1)
        ours(*_mapped(et.asarray, tuple(args)), **_mapped_values(kwargs))
    return ours


def _mapped_values(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {name: _mapped(et.asarray, x) for name, x in kwargs.items()}


def differentiate(
    case: Case, theirs: Theirs, ours: nn.Module, *, dtype: str | None = None
) -> tuple[Any, list[Any], dict[Any, Any]]:
    """The projected value, the outputs, and the gradients by the same names as PyTorch's.

    With ``dtype`` the layer must have been brought there; the inputs are here.
    """

    def tensor(x: np.ndarray) -> et.EmberTensor:
        return et.asarray(x.astype(dtype) if dtype and x.dtype.kind == "f" else x)

    args, kwargs = case.arguments()
    given = _mapped(tensor, tuple(args))
    options = {name: _mapped(tensor, x) for name, x in kwargs.items()}
    moving = [
        x
        for i, part in enumerate(given)
        if i not in case.constant
        for x in leaves(part)
        if isinstance(x, et.EmberTensor) and x.dtype.kind == "float"
    ]
    numbers = {id(x): i for i, x in enumerate(moving)}

    def put(part: Any, fresh: list[Any]) -> Any:
        if isinstance(part, tuple):
            return tuple(put(x, fresh) for x in part)
        return fresh[numbers[id(part)]] if id(part) in numbers else part

    def function(ours: nn.Module, fresh: list[Any]) -> Any:
        outputs = ours(*put(given, fresh), **options)
        return _projected(outputs, theirs.weights, tensor), leaves(outputs)

    trainable = any(True for _ in ours.parameters())
    argnums = [n for n, there in enumerate((trainable, bool(moving))) if there]
    if not argnums:
        value, outputs = function(ours, moving)
        return value, outputs, {}
    (value, outputs), found = nn.value_and_grad(function, argnums=argnums, has_aux=True)(
        ours, moving
    )
    gradients: dict[Any, Any] = {}
    for n, part in zip(argnums, found, strict=True):
        gradients.update(part if n == 0 else enumerate(part))
    return value, outputs, gradients


def assert_close(
    ours: Any, expected: np.ndarray, tolerance: float, scale: float, what: str
) -> None:
    """Shapes are equal, and values differ by no more than ``tolerance`` times their scale."""
    found = ours.numpy()
    assert found.shape == expected.shape, f"{what}: shape {found.shape}, not {expected.shape}"
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(found, expected, err_msg=what)
        return
    finite = expected[np.isfinite(expected)]
    own = float(np.abs(finite).max()) if finite.size else 0.0
    np.testing.assert_allclose(
        found, expected, rtol=0, atol=tolerance * max(own, 0.01 * scale), err_msg=what
    )
