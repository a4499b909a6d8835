"""Optimizers: SGD, Adam and AdamW, with PyTorch's arithmetic.

An optimizer changes a module's parameters in place: every name for a parameter sees the new
values. Its state belongs to parameters by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeAlias

from ember_ml.backend.errors import CheckpointError, InvalidValueError, ShapeError
from ember_ml.backend.registry import use_backend
from ember_ml.nn.modules import Module
from ember_ml.nn.modules._state import slots
from ember_ml.nn.tensor import EmberTensor, TensorLike, asarray, astype, copy, zeros_like
from ember_ml.nn.tensor._updates import adam_update, sgd_update

from ._trees import trainable

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

    Attributes:
        step: the number of steps taken, the present one included.
        state: what is kept, by name of the parameter: one tensor for each of ``slots``.
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
            CheckpointError: gradients are missing or unexpected, or what is kept for a parameter
                has another shape; nothing has been changed.
            ShapeError: a gradient has not the shape of its parameter; nothing has been changed.
        """
        parameters = trainable(slots(model, "_parameters"))
        given = _matched(parameters, gradients)
        kept = [self.kept(name, parameter) for name, parameter in parameters.items()]
        self.step += 1
        numbers = self.numbers()
        for (name, parameter), gradient, old in zip(parameters.items(), given, kept, strict=True):
            moved, *new = self.rule(parameter, gradient, old, numbers)
            parameter._tensor, parameter._backend = moved._tensor, moved._backend
            self.state[name] = tuple(new)

    def kept(self, name: str, parameter: EmberTensor) -> tuple[EmberTensor, ...]:
        """What is kept for a parameter, on its backend and of its dtype."""
        state = self.state.get(name)
        if state is None:
            state = self.state[name] = tuple(zeros_like(parameter) for _ in self.slots)
        if not all(_alike(tensor, parameter) for tensor in state):
            state = self.state[name] = tuple(_follow(name, x, parameter) for x in state)
        return state

    @property
    def rate(self) -> float:
        """The learning rate of the current step."""
        rate = self.learning_rate
        return rate(max(self.step - 1, 0)) if callable(rate) else rate

    def numbers(self) -> tuple[float, ...]:
        """The numbers of this step that `rule` needs: they change without compiling again."""
        raise NotImplementedError

    def fixed(self) -> Hashable:
        """What else `rule` depends on: a step is compiled again when it changes."""
        raise NotImplementedError

    def rule(
        self,
        parameter: EmberTensor,
        gradient: EmberTensor,
        kept: tuple[EmberTensor, ...],
        numbers: tuple[Any, ...],
    ) -> tuple[EmberTensor, ...]:
        """The new parameter, and what is kept for it.

        ``parameter`` and ``kept`` may be overwritten, ``gradient`` may not.
        """
        raise NotImplementedError

    # -- checkpoints ----------------------------------------------------------------------

    def state_dict(self) -> dict[str, EmberTensor]:
        """What the optimizer keeps, as tensors by name, for `nn.save`.

        They are its own tensors, not copies.
        """
        found = {"step": asarray(self.step)}
        for name, kept in self.state.items():
            for slot, tensor in zip(self.slots, kept, strict=True):
                found[f"{name}.{slot}"] = tensor
        return found

    def load_state_dict(self, state: Mapping[str, TensorLike]) -> None:
        """Take over a copy of what `state_dict` gave.

        Raises:
            CheckpointError: an entry is missing or belongs to another optimizer; nothing has
                been changed.
        """
        who = type(self).__name__
        faults = [] if "step" in state else ["missing: step"]
        kept: dict[str, dict[str, EmberTensor]] = {}
        for key, value in state.items():
            name, _, slot = key.rpartition(".")
            if slot in self.slots and name:
                kept.setdefault(name, {})[slot] = copy(asarray(value))
            elif key != "step":
                faults.append(f"unexpected: {key}")
        for name, found in kept.items():
            faults += [f"missing: {name}.{slot}" for slot in self.slots if slot not in found]
        if faults:
            raise CheckpointError(
                f"the state does not fit {who}, which keeps "
                f"{', '.join(self.slots) or 'nothing'} for each parameter:\n  "
                + "\n  ".join(faults)
            )
        self.step = int(asarray(state["step"]))
        self.state = {n: tuple(found[s] for s in self.slots) for n, found in kept.items()}


def _alike(x: EmberTensor, parameter: EmberTensor) -> bool:
    """Whether backend, dtype and shape are those of ``parameter``, asked for at each step."""
    return x._backend is parameter._backend and x._tensor.shape == parameter._tensor.shape


def _follow(name: str, kept: EmberTensor, parameter: EmberTensor) -> EmberTensor:
    """``kept`` for a parameter that has moved, or for which it was loaded."""
    if kept.shape != parameter.shape:
        raise CheckpointError(
            f"the optimizer keeps a tensor of shape {kept.shape} for {name!r}, which has shape "
            f"{parameter.shape}"
        )
    kept = astype(kept, parameter.dtype, copy=False).to_backend(parameter.backend)
    return asarray(kept, device=parameter.device, copy=True)


def _matched(
    parameters: dict[str, EmberTensor], gradients: Mapping[str, TensorLike]
) -> list[EmberTensor]:
    """The gradients in the order and of the dtypes of the parameters."""
    if parameters.keys() != gradients.keys():
        faults = [f"missing: {name}" for name in parameters if name not in gradients]
        faults += [f"unexpected: {name}" for name in gradients if name not in parameters]
        raise CheckpointError(
            "the gradients do not fit the model's trainable parameters:\n  " + "\n  ".join(faults)
        )
    found = []
    for name, parameter in parameters.items():
        gradient = gradients[name]
        if isinstance(gradient, EmberTensor) and _alike(gradient, parameter):
            found.append(gradient)
            continue
        if not isinstance(gradient, EmberTensor):
            with use_backend(parameter.backend):
                gradient = asarray(gradient)
        if gradient.shape != parameter.shape:
            raise ShapeError(
                f"the gradient of {name!r} has shape {gradient.shape}, and the parameter "
                f"{parameter.shape}"
            )
        if gradient.dtype is not parameter.dtype:
            gradient = astype(gradient, parameter.dtype)
        found.append(gradient)
    return found


class SGD(Optimizer):
    """Stochastic gradient descent with momentum (``torch.optim.SGD``).

    Args:
        momentum: the share of the velocity that each step keeps.
        dampening: the share of the gradient that does not enter the velocity.
        weight_decay: added to the gradient, times the parameter.
        nesterov: look ahead along the momentum.

    >>> from ember_ml import nn
    >>> nn.optimizers.SGD(learning_rate=0.1, momentum=0.9).rate
    0.1
    """

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
        self.slots = ("velocity",) if momentum else ()

    def numbers(self) -> tuple[float, ...]:
        """The learning rate."""
        return (self.rate,)

    def fixed(self) -> Hashable:
        """The options, and the dampening of this step."""
        return self.momentum, self._dampening(), self.weight_decay, self.nesterov

    def _dampening(self) -> float:
        # PyTorch's first velocity is the gradient itself.
        return self.dampening if self.step > 1 else 0.0

    def rule(
        self,
        parameter: EmberTensor,
        gradient: EmberTensor,
        kept: tuple[EmberTensor, ...],
        numbers: tuple[Any, ...],
    ) -> tuple[EmberTensor, ...]:
        """See `tensor._updates.sgd_update`."""
        # Without a momentum nothing looks at the velocity.
        (velocity,) = kept or (gradient,)
        moved = sgd_update(
            parameter,
            gradient,
            velocity,
            *numbers,
            momentum=self.momentum,
            dampening=self._dampening(),
            weight_decay=self.weight_decay,
            nesterov=self.nesterov,
        )
        return moved if kept else moved[:1]


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
        self.betas = (
            _checked("betas[0]", betas[0], 0.0, 1.0),
            _checked("betas[1]", betas[1], 0.0, 1.0),
        )
        self.eps = _checked("eps", eps, 0.0)
        self.weight_decay = _checked("weight_decay", weight_decay, 0.0)

    def numbers(self) -> tuple[float, ...]:
        """What `tensor._updates.adam_update` calls ``step_size``, ``root`` and ``shrink``."""
        beta1, beta2 = self.betas
        t = max(self.step, 1)
        return self.rate / (1.0 - beta1**t), math.sqrt(1.0 - beta2**t), 1.0

    def fixed(self) -> Hashable:
        """The options."""
        return self.betas, self.eps, self.weight_decay

    def rule(
        self,
        parameter: EmberTensor,
        gradient: EmberTensor,
        kept: tuple[EmberTensor, ...],
        numbers: tuple[Any, ...],
    ) -> tuple[EmberTensor, ...]:
        """See `tensor._updates.adam_update`."""
        if self.weight_decay:
            gradient = gradient + self.weight_decay * parameter
        return self._move(parameter, gradient, kept, numbers)

    def _move(
        self,
        parameter: EmberTensor,
        gradient: EmberTensor,
        kept: tuple[EmberTensor, ...],
        numbers: tuple[Any, ...],
    ) -> tuple[EmberTensor, ...]:
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
        """Those of `Adam`, and how much of the parameter is left."""
        step_size, root, _ = super().numbers()
        return step_size, root, 1.0 - self.rate * self.weight_decay

    rule = Adam._move
