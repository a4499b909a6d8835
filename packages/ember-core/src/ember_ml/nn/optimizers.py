"""Optimizers: SGD, Adam and AdamW, with PyTorch's arithmetic.

An optimizer changes a module's parameters in place: every name for a parameter sees the new
values. Its state belongs to parameters by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from ember_ml.backend.errors import CheckpointError, InvalidValueError, ShapeError
from ember_ml.nn.modules import Module
from ember_ml.nn.tensor import EmberTensor, TensorLike, asarray, copy, zeros_like
from ember_ml.nn.tensor._updates import adam_update, sgd_update

from ._trees import module_tensors

__all__ = ["SGD", "Adam", "AdamW", "LearningRate", "Optimizer"]

#: A number, or a schedule: a function of the number of steps taken before.
LearningRate: TypeAlias = float | Callable[[int], float]


def _checked(name: str, value: float, low: float, high: float = math.inf) -> float:
    if not low <= value < high:
        raise InvalidValueError(f"{name} is in [{low}, {high}), not {value}")
    return value


class Optimizer:
    """Base of optimizers: a subclass says what it keeps for a parameter and how it moves one.

    Args:
        learning_rate: a number, or a function of the number of steps taken before.
    """

    #: Names of the tensors kept for each parameter, zeros at first.
    slots: tuple[str, ...] = ()

    def __init__(self, learning_rate: LearningRate) -> None:
        if not callable(learning_rate):
            _checked("learning_rate", learning_rate, 0.0)
        self.learning_rate = learning_rate
        self.step = 0
        self.state: dict[str, tuple[EmberTensor, ...]] = {}

    def update(self, model: Module, gradients: Mapping[str, TensorLike]) -> None:
        """Move the parameters of ``model`` one step along ``gradients``.

        Args:
            gradients: by parameter name, as `nn.grad` gives them. All trainable parameters.

        Raises:
            CheckpointError: gradients are missing or unexpected; nothing has been changed.
            ShapeError: a gradient has not the shape of its parameter.
        """
        parameters = dict(module_tensors(model))
        _match(parameters, gradients)
        self.advance()
        numbers = self.numbers()
        for name, parameter in parameters.items():
            gradient = gradients[name]
            moved, *kept = self.rule(parameter, gradient, self.kept(name, parameter), numbers)
            parameter._tensor, parameter._backend = moved._tensor, moved._backend
            self.state[name] = tuple(kept)

    def advance(self) -> None:
        """Count a step."""
        self.step += 1

    def kept(self, name: str, parameter: EmberTensor) -> tuple[EmberTensor, ...]:
        """What is kept for a parameter."""
        if name not in self.state:
            self.state[name] = tuple(zeros_like(parameter) for _ in self.slots)
        return self.state[name]

    @property
    def rate(self) -> float:
        """The learning rate of the current step."""
        rate = self.learning_rate
        return rate(max(self.step - 1, 0)) if callable(rate) else rate

    def numbers(self) -> tuple[float, ...]:
        """The numbers of this step that `rule` needs: they change without compiling again."""
        raise NotImplementedError

    def rule(
        self,
        parameter: EmberTensor,
        gradient: TensorLike,
        kept: tuple[EmberTensor, ...],
        numbers: tuple[Any, ...],
    ) -> tuple[EmberTensor, ...]:
        """The new parameter, and what is kept for it. The operands may be overwritten."""
        raise NotImplementedError

    # -- checkpoints ----------------------------------------------------------------------

    def state_dict(self) -> dict[str, EmberTensor]:
        """What the optimizer keeps, as tensors by name, for `nn.save`."""
        found = {"step": asarray(self.step)}
        for name, kept in self.state.items():
            for slot, tensor in zip(self.slots, kept, strict=True):
                found[f"{name}.{slot}"] = tensor
        return found

    def load_state_dict(self, state: Mapping[str, TensorLike]) -> None:
        """Take over what `state_dict` gave.

        Raises:
            CheckpointError: an entry is missing or belongs to another optimizer; nothing has
                been changed.
        """
        if "step" not in state:
            raise CheckpointError("the optimizer's state has no 'step'")
        kept: dict[str, dict[str, EmberTensor]] = {}
        for key, value in state.items():
            if key == "step":
                continue
            name, _, slot = key.rpartition(".")
            if slot not in self.slots:
                raise CheckpointError(
                    f"{key!r} is nothing that {type(self).__name__} keeps; it keeps "
                    f"{', '.join(self.slots) or 'nothing'} for each parameter"
                )
            kept.setdefault(name, {})[slot] = copy(asarray(value))
        for name, found in kept.items():
            if set(found) != set(self.slots):
                missing = ", ".join(sorted(set(self.slots) - set(found)))
                raise CheckpointError(f"the optimizer's state of {name!r} lacks {missing}")
        self.step = int(asarray(state["step"]))
        self.state = {n: tuple(found[s] for s in self.slots) for n, found in kept.items()}


def _match(parameters: dict[str, EmberTensor], gradients: Mapping[str, TensorLike]) -> None:
    faults = [f"missing: {name}" for name in parameters if name not in gradients]
    faults += [f"unexpected: {name}" for name in gradients if name not in parameters]
    if faults:
        raise CheckpointError(
            "the gradients do not fit the model's trainable parameters:\n  " + "\n  ".join(faults)
        )
    for name, parameter in parameters.items():
        shape = tuple(getattr(gradients[name], "shape", ()))
        if shape != parameter.shape:
            raise ShapeError(
                f"the gradient of {name!r} has shape {shape}, and the parameter {parameter.shape}"
            )


class SGD(Optimizer):
    """Stochastic gradient descent with momentum (``torch.optim.SGD``).

    Args:
        weight_decay: added to the gradient, times the parameter.
        nesterov: look ahead along the momentum.

    >>> from ember_ml import nn
    >>> nn.optimizers.SGD(learning_rate=0.1, momentum=0.9).rate
    0.1
    """

    slots = ("velocity",)

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        *,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(learning_rate)
        self.momentum = _checked("momentum", momentum, 0.0)
        self.dampening = dampening
        self.weight_decay = _checked("weight_decay", weight_decay, 0.0)
        if nesterov and (not momentum or dampening):
            raise InvalidValueError("nesterov needs a momentum, and no dampening")
        self.nesterov = nesterov

    def numbers(self) -> tuple[float, ...]:
        return (self.rate,)

    def rule(
        self,
        parameter: EmberTensor,
        gradient: TensorLike,
        kept: tuple[EmberTensor, ...],
        numbers: tuple[Any, ...],
    ) -> tuple[EmberTensor, ...]:
        return sgd_update(
            parameter,
            gradient,
            *kept,
            *numbers,
            momentum=self.momentum,
            # PyTorch's first velocity is the gradient itself.
            dampening=self.dampening if self.step > 1 else 0.0,
            weight_decay=self.weight_decay,
            nesterov=self.nesterov,
        )


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015; ``torch.optim.Adam``).

    Args:
        betas: how much of the running means of the gradient and of its square is kept.
        eps: keeps the quotient finite.
        weight_decay: added to the gradient, times the parameter.

    >>> from ember_ml import nn
    >>> nn.optimizers.Adam(learning_rate=lambda step: 0.1 * 0.5**step).rate
    0.1
    """

    slots = ("mean", "square")

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(learning_rate)
        self.betas = (_checked("betas[0]", betas[0], 0.0, 1.0),
                      _checked("betas[1]", betas[1], 0.0, 1.0))  # fmt: skip
        self.eps = _checked("eps", eps, 0.0)
        self.weight_decay = _checked("weight_decay", weight_decay, 0.0)

    def numbers(self) -> tuple[float, ...]:
        beta1, beta2 = self.betas
        t = max(self.step, 1)
        return self.rate / (1.0 - beta1**t), math.sqrt(1.0 - beta2**t), 1.0

    def rule(
        self,
        parameter: EmberTensor,
        gradient: TensorLike,
        kept: tuple[EmberTensor, ...],
        numbers: tuple[Any, ...],
    ) -> tuple[EmberTensor, ...]:
        if self.weight_decay and type(self) is Adam:
            gradient = gradient + self.weight_decay * parameter
        beta1, beta2 = self.betas
        return adam_update(
            parameter, gradient, *kept, *numbers, beta1=beta1, beta2=beta2, epsilon=self.eps
        )


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019; ``torch.optim.AdamW``).

    Args:
        weight_decay: the share of a parameter that each step takes away, times the learning rate.

    >>> from ember_ml import nn
    >>> nn.optimizers.AdamW(learning_rate=1e-3).weight_decay
    0.01
    """

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(learning_rate, betas=betas, eps=eps, weight_decay=weight_decay)

    def numbers(self) -> tuple[float, ...]:
        step_size, root, _ = super().numbers()
        return step_size, root, 1.0 - self.rate * self.weight_decay
