"""Gradients and vectorisation, over flat lists of native arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from ember_ml.backend.protocol import Backend, Native

from ._state import DIFFERENTIATING, is_functional

__all__ = ["checkpoint", "value_and_grad", "vmap"]

Differentiable = Callable[[list[Native], Backend], tuple[Native, Any]]


def value_and_grad(
    function: Differentiable, backend: Backend
) -> Callable[[list[Native]], tuple[Native, list[Native], Any]]:
    """`Backend.value_and_grad`: by autograd, and by ``torch.func`` where that is at work."""

    def run(arrays: list[Native]) -> tuple[Native, list[Native], Any]:
        depth = DIFFERENTIATING.get()
        token = DIFFERENTIATING.set(depth + 1)
        try:
            if is_functional():
                return _functional(function, arrays, backend)
            with torch.enable_grad():
                return _recorded(function, arrays, backend, nested=depth > 0)
        finally:
            DIFFERENTIATING.reset(token)

    return run


def _recorded(
    function: Differentiable, arrays: list[Native], backend: Backend, *, nested: bool
) -> tuple[Native, list[Native], Any]:
    # Within another gradient the leaves stay tied to the arrays, and the results to the leaves.
    leaves = [
        x.view_as(x) if nested and x.requires_grad else x.detach().requires_grad_() for x in arrays
    ]
    value, extra = function(leaves, backend)
    if not value.requires_grad:
        return value, [torch.zeros_like(x) for x in arrays], extra
    found = torch.autograd.grad(value, leaves, create_graph=nested, allow_unused=True)
    gradients = [
        torch.zeros_like(x) if g is None else g for x, g in zip(arrays, found, strict=True)
    ]
    if not nested:
        value, extra = value.detach(), [x.detach() for x in extra]
    return value, gradients, extra


def _functional(
    function: Differentiable, arrays: list[Native], backend: Backend
) -> tuple[Native, list[Native], Any]:
    transformed = torch.func.grad_and_value(
        lambda *leaves: function(list(leaves), backend),
        argnums=tuple(range(len(arrays))),
        has_aux=True,
    )
    gradients, (value, extra) = transformed(*arrays)
    return value, list(gradients), extra


def checkpoint(function: Callable[..., list[Native]]) -> Callable[..., list[Native]]:
    """`Backend.checkpoint` by PyTorch's own."""
    from torch.utils.checkpoint import checkpoint, set_checkpoint_early_stop

    def run(*arrays: Native) -> list[Native]:
        if is_functional() or not DIFFERENTIATING.get():
            return function(*arrays)
        # It would leave the second time by an exception.
        with set_checkpoint_early_stop(False):
            found: list[Native] = checkpoint(
                function, *arrays, use_reentrant=False, preserve_rng_state=False
            )
            return found

    return run


def vmap(
    function: Callable[..., list[Native]], in_axes: Sequence[int | None], out_axes: int
) -> Callable[..., list[Native]]:
    """`Backend.vmap` by ``torch.func``; random numbers differ from row to row."""
    return torch.func.vmap(
        function, in_dims=tuple(in_axes), out_dims=out_axes, randomness="different"
    )
