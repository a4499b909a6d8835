"""The arithmetic of optimizers: one operation per rule, on one parameter.

They are operations so that an engine can supply a fused, in-place kernel. **The operands may be
overwritten**: only the results may be used afterwards. `nn.optimizers` is what users call.
"""

from __future__ import annotations

from ._analysis import sqrt
from ._core import EmberTensor, Scalar, TensorLike
from ._operation import operation

__all__ = ["adam_update", "sgd_update"]


@operation(accepts="floating", promoted=("x", "gradient", "velocity"))
def sgd_update(
    x: TensorLike,
    gradient: TensorLike,
    velocity: TensorLike,
    rate: Scalar,
    /,
    *,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
) -> tuple[EmberTensor, ...]:
    """One step of stochastic gradient descent with momentum, as PyTorch's SGD takes it.

    Returns the new ``x`` and ``velocity``.
    """
    if weight_decay:
        gradient = gradient + weight_decay * x
    if momentum:
        velocity = momentum * velocity + (1.0 - dampening) * gradient
        gradient = gradient + momentum * velocity if nesterov else velocity
    return x - rate * gradient, velocity


@operation(accepts="floating", promoted=("x", "gradient", "mean", "square"))
def adam_update(
    x: TensorLike,
    gradient: TensorLike,
    mean: TensorLike,
    square: TensorLike,
    step_size: Scalar,
    root: Scalar,
    shrink: Scalar,
    /,
    *,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> tuple[EmberTensor, ...]:
    """One step of Adam (Kingma and Ba, 2015) with decoupled decay (Loshchilov and Hutter, 2019).

    Args:
        step_size: learning rate over ``1 - beta1**t``.
        root: ``sqrt(1 - beta2**t)``.
        shrink: ``1 - learning_rate * weight_decay``.

    Returns the new ``x``, ``mean`` and ``square``.
    """
    mean = mean + (1.0 - beta1) * (gradient - mean)
    square = beta2 * square + (1.0 - beta2) * (gradient * gradient)
    return shrink * x - step_size * (mean / (sqrt(square) / root + epsilon)), mean, square
