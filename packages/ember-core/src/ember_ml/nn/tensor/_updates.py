"""The arithmetic of optimizers: one operation per rule, on one parameter.

They are operations so that an engine can supply a fused, in-place kernel. **The operands may be
overwritten**, but for the gradient: only the results may be used afterwards. What changes from
step to step is given as numbers, or as tensors with no dimensions in a compiled step.
`nn.optimizers` is what users call.
"""

from __future__ import annotations

from ._analysis import sqrt
from ._core import EmberTensor, Scalar, TensorLike
from ._elementwise import maximum, sign
from ._operation import operation

__all__ = [
    "adagrad_update",
    "adam_update",
    "average_update",
    "lion_update",
    "momentum_update",
    "rmsprop_update",
    "sgd_update",
]


@operation(accepts="floating", promoted=("x", "gradient"))
def sgd_update(x: TensorLike, gradient: TensorLike, rate: Scalar, /) -> tuple[EmberTensor, ...]:
    """One step of gradient descent.

    Returns the new ``x``.
    """
    return (x - rate * gradient,)


@operation(accepts="floating", promoted=("x", "gradient", "velocity"))
def momentum_update(
    x: TensorLike,
    gradient: TensorLike,
    velocity: TensorLike,
    rate: Scalar,
    momentum: Scalar,
    gain: Scalar,
    /,
    *,
    nesterov: bool,
) -> tuple[EmberTensor, ...]:
    """One step of gradient descent with momentum, as PyTorch's SGD takes it.

    Args:
        gain: how much of the gradient enters the velocity, of which ``momentum`` is kept.

    Returns the new ``x`` and ``velocity``.
    """
    velocity = momentum * velocity + gain * gradient
    step = gradient + momentum * velocity if nesterov else velocity
    return x - rate * step, velocity


@operation(accepts="floating", promoted=("x", "gradient", "mean", "square", "largest"))
def adam_update(
    x: TensorLike,
    gradient: TensorLike,
    mean: TensorLike,
    square: TensorLike,
    largest: TensorLike | None,
    step_size: Scalar,
    root: Scalar,
    shrink: Scalar,
    gain: Scalar,
    /,
    *,
    beta2: float,
    epsilon: float,
) -> tuple[EmberTensor, ...]:
    """One step of Adam (Kingma and Ba, 2015) with decoupled decay (Loshchilov and Hutter, 2019).

    Args:
        largest: the largest ``square`` so far, to divide by it (Reddi et al., 2018), or None.
        step_size: learning rate over ``1 - beta1**t``.
        root: ``sqrt(1 - beta2**t)``.
        shrink: ``1 - learning_rate * weight_decay``.
        gain: ``1 - beta1``.

    Returns the new ``x``, ``mean`` and ``square``, and ``largest`` if it is given.
    """
    mean = mean + gain * (gradient - mean)
    square = beta2 * square + (1.0 - beta2) * (gradient * gradient)
    below = square if largest is None else maximum(largest, square)
    x = shrink * x - step_size * (mean / (sqrt(below) / root + epsilon))
    return (x, mean, square) if largest is None else (x, mean, square, below)


@operation(accepts="floating", promoted=("x", "gradient", "square", "mean", "velocity"))
def rmsprop_update(
    x: TensorLike,
    gradient: TensorLike,
    square: TensorLike,
    mean: TensorLike | None,
    velocity: TensorLike | None,
    rate: Scalar,
    momentum: Scalar,
    /,
    *,
    alpha: float,
    epsilon: float,
) -> tuple[EmberTensor, ...]:
    """One step of RMSprop (Hinton, 2012), centred on ``mean`` if it is given.

    Returns the new ``x`` and ``square``, and those of ``mean`` and ``velocity`` that are given.
    """
    square = alpha * square + (1.0 - alpha) * (gradient * gradient)
    kept, spread = [square], square
    if mean is not None:
        mean = mean + (1.0 - alpha) * (gradient - mean)
        spread = square - mean * mean
        kept.append(mean)
    step = gradient / (sqrt(spread) + epsilon)
    if velocity is not None:
        step = momentum * velocity + step
        kept.append(step)
    return x - rate * step, *kept


@operation(accepts="floating", promoted=("x", "gradient", "total"))
def adagrad_update(
    x: TensorLike, gradient: TensorLike, total: TensorLike, rate: Scalar, /, *, epsilon: float
) -> tuple[EmberTensor, ...]:
    """One step of Adagrad (Duchi, Hazan and Singer, 2011).

    Returns the new ``x`` and ``total``, the sum of the gradient's squares.
    """
    total = total + gradient * gradient
    return x - rate * (gradient / (sqrt(total) + epsilon)), total


@operation(accepts="floating", promoted=("x", "gradient", "mean"))
def lion_update(
    x: TensorLike,
    gradient: TensorLike,
    mean: TensorLike,
    rate: Scalar,
    shrink: Scalar,
    gain: Scalar,
    /,
    *,
    beta2: float,
) -> tuple[EmberTensor, ...]:
    """One step of Lion (Chen et al., 2023).

    Args:
        shrink: ``1 - learning_rate * weight_decay``.
        gain: ``1 - beta1``, the share of the gradient in the step.

    Returns the new ``x`` and ``mean``.
    """
    step = sign(mean + gain * (gradient - mean))
    return shrink * x - rate * step, mean + (1.0 - beta2) * (gradient - mean)


@operation(accepts="floating", promoted=("average", "x"))
def average_update(
    average: TensorLike, x: TensorLike, weight: Scalar, /
) -> tuple[EmberTensor, ...]:
    """A running average of ``x``, of which ``weight`` enters. ``x`` is not overwritten.

    Returns the new ``average``.
    """
    return (average + weight * (x - average),)
