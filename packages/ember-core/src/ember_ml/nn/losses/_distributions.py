"""Losses of predicted distributions: normal, Poisson, and any with given probabilities."""

from __future__ import annotations

from typing import Literal

from ember_ml.backend.errors import InvalidValueError, ShapeError
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    exp,
    expand_dims,
    log,
    maximum,
    ones_like,
    stop_gradient,
    sum,
    where,
    zeros_like,
)

from ._shared import (
    LOG_TWO_PI,
    Loss,
    Reduction,
    checked,
    holds_anywhere,
    number,
    reduced,
    same_shapes,
    tensors,
)

__all__ = [
    "GaussianNLLLoss",
    "KLDivLoss",
    "PoissonNLLLoss",
    "gaussian_nll",
    "kl_div",
    "poisson_nll",
]


def kl_div(
    input: TensorLike,
    target: TensorLike,
    *,
    log_target: bool = False,
    reduction: Literal["mean", "sum", "none", "batchmean"] = "mean",
) -> EmberTensor:
    """Terms of the Kullback-Leibler divergence, ``target * (log(target) - input)``.

    Args:
        input: logarithms of the probabilities of the model.
        target: probabilities, in the shape of ``input``; their logarithms with ``log_target``.
        reduction: "batchmean", the sum over the length of the first axis, is the divergence; as
            in PyTorch the default is the mean of all terms.

    Raises:
        ShapeError: the shapes differ, or there is no first axis for "batchmean".
        InvalidValueError: another ``reduction``.

    >>> from ember_ml import nn
    >>> round(nn.losses.kl_div([[-1.0, -1.0]], [[0.5, 0.5]], reduction="batchmean").item(), 4)
    0.3069
    """
    checked("kl_div", reduction, batch=True)
    input, target = tensors("kl_div", input, target)
    same_shapes("kl_div", input=input, target=target)
    if log_target:
        losses = exp(target) * (target - input)
    else:
        # 0 log 0 is 0, and so is its gradient
        none = target == 0
        entropy = target * log(where(none, ones_like(target), target))
        losses = entropy - target * input
    if reduction != "batchmean":
        return reduced(losses, reduction)
    if not losses.ndim:
        raise ShapeError("kl_div: reduction='batchmean' of a tensor without axes; use 'sum'")
    return sum(losses) / losses.shape[0]


def gaussian_nll(
    input: TensorLike,
    target: TensorLike,
    var: TensorLike,
    *,
    full: bool = False,
    eps: float = 1e-6,
    reduction: Reduction = "mean",
) -> EmberTensor:
    """Negative logarithm of a normal density, ``(log(var) + (input - target)**2 / var) / 2``.

    Nix and Weigend, 1994.

    Args:
        input: expectations.
        target: samples, in the shape of ``input``.
        var: variances, in the shape of ``input``, or with its last axis missing or of size 1, or
            one number.
        full: whether the constant ``log(2 pi) / 2`` counts.
        eps: the least variance that is computed with.

    Raises:
        ShapeError: the shapes do not fit.
        InvalidValueError: a variance is negative (where values are known).

    >>> from ember_ml import nn
    >>> nn.losses.gaussian_nll([1.0, 2.0], [1.0, 4.0], [1.0, 1.0]).item()
    1.0
    """
    number("gaussian_nll", "eps", eps, least=0)
    input, target, var = tensors("gaussian_nll", input, target, var)
    same_shapes("gaussian_nll", input=input, target=target)
    var = _fitting(var, input)
    if holds_anywhere(var < 0):
        raise InvalidValueError("gaussian_nll: var has negative elements; it is the variance")
    # clamped, with the gradient of a variance that is not
    var = var + stop_gradient(maximum(var, eps) - var)
    error = input - target
    losses = 0.5 * (log(var) + error * error / var)
    if full:
        losses = losses + 0.5 * LOG_TWO_PI
    return reduced(losses, checked("gaussian_nll", reduction))


def _fitting(var: EmberTensor, input: EmberTensor) -> EmberTensor:
    """Variances that broadcast to ``input``."""
    if var.ndim and var.shape == input.shape[:-1]:
        return expand_dims(var, axis=-1)
    if var.ndim in (0, input.ndim):
        differing = [n for n, m in zip(var.shape, input.shape, strict=False) if n != m]
        if differing in ([], [1]):
            return var
    raise ShapeError(
        f"gaussian_nll: var of shape {var.shape} for input of shape {input.shape}; the same shape, "
        f"{input.shape[:-1]}, or one axis of size 1 is due"
    )


def poisson_nll(
    input: TensorLike,
    target: TensorLike,
    *,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: Reduction = "mean",
) -> EmberTensor:
    """Negative logarithm of a Poisson probability, ``exp(input) - target * input``.

    Args:
        input: logarithms of rates; rates with ``log_input=False``, and then the loss is
            ``input - target * log(input + eps)``.
        target: counts, in the shape of ``input``.
        full: whether Stirling's approximation of ``log(target!)`` counts, where target > 1.

    Errors as of `mse`.

    >>> from ember_ml import nn
    >>> nn.losses.poisson_nll([0.0], [2.0]).item()
    1.0
    """
    number("poisson_nll", "eps", eps, least=0, open=False)
    input, target = tensors("poisson_nll", input, target)
    same_shapes("poisson_nll", input=input, target=target)
    if log_input:
        losses = exp(input) - target * input
    else:
        losses = input - target * log(input + eps)
    if full:
        many = target > 1
        count = where(many, target, ones_like(target))
        stirling = count * log(count) - count + 0.5 * (log(count) + LOG_TWO_PI)
        losses = losses + where(many, stirling, zeros_like(stirling))
    return reduced(losses, checked("poisson_nll", reduction))


# -- as layers --------------------------------------------------------------------------------


class KLDivLoss(Loss):
    """`losses.kl_div` as a layer."""

    def __init__(
        self,
        *,
        reduction: Literal["mean", "sum", "none", "batchmean"] = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(reduction, batch=True)
        self.log_target = log_target

    def forward(self, input: TensorLike, target: TensorLike) -> EmberTensor:
        """Logarithms of probabilities, and probabilities in the same shape."""
        return kl_div(input, target, log_target=self.log_target, reduction=self.reduction)


class GaussianNLLLoss(Loss):
    """`losses.gaussian_nll` as a layer."""

    def __init__(
        self, *, full: bool = False, eps: float = 1e-6, reduction: Reduction = "mean"
    ) -> None:
        super().__init__(reduction)
        self.full = full
        self.eps = number("GaussianNLLLoss", "eps", eps, least=0)

    def forward(self, input: TensorLike, target: TensorLike, var: TensorLike) -> EmberTensor:
        """Expectations, samples, and variances."""
        return gaussian_nll(
            input, target, var, full=self.full, eps=self.eps, reduction=self.reduction
        )


class PoissonNLLLoss(Loss):
    """`losses.poisson_nll` as a layer."""

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        *,
        eps: float = 1e-8,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(reduction)
        self.log_input = log_input
        self.full = full
        self.eps = number("PoissonNLLLoss", "eps", eps, least=0, open=False)

    def forward(self, log_input: TensorLike, target: TensorLike) -> EmberTensor:
        """Logarithms of rates (or rates), and counts."""
        return poisson_nll(
            log_input,
            target,
            log_input=self.log_input,
            full=self.full,
            eps=self.eps,
            reduction=self.reduction,
        )
