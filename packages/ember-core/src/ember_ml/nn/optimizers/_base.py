"""What all optimizers have in common."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from ember_ml.backend.errors import ArgumentError, CheckpointError, InvalidValueError, ShapeError
from ember_ml.backend.registry import use_backend
from ember_ml.nn._trees import trainable
from ember_ml.nn.modules import Module
from ember_ml.nn.modules._state import slots, structure
from ember_ml.nn.tensor import EmberTensor, TensorLike, asarray, astype, copy, zeros_like

from ._groups import Group, assigned, checked_groups
from ._option import LearningRate, Option, flag, positive, rate

__all__ = ["Optimizer"]


class Optimizer:
    """Base of optimizers: a subclass says what it keeps for a parameter and how it moves one.

    Args:
        options: by name; a subclass declares each with `Option`.
        groups: parameters with options of their own: ``{"parameters": ..., option: value}``.
            The parameters are a name or pattern (``"*.bias"``), several, or a function of name
            and parameter. An option that a group does not give is the optimizer's.

    Attributes:
        step: the number of steps taken, the present one included.
        state: what is kept, by name of the parameter and by slot.
        groups: the options; the first are the optimizer's, those of the parameters in no group.
    """

    learning_rate = Option[LearningRate](rate)
    weight_decay = Option[float](positive)
    maximize = Option[bool](flag)

    def __init__(self, options: Mapping[str, Any], groups: Sequence[Group] = ()) -> None:
        self.groups: list[dict[str, Any]] = [{}, *checked_groups(type(self), groups)]
        for name, value in options.items():
            setattr(self, name, value)
        self.step = 0
        self.state: dict[str, dict[str, EmberTensor]] = {}
        #: The rates of the groups before the first scheduler changed them.
        self.initial_rates: list[float] | None = None
        # Which group has a parameter by identity, for one model while its structure lasts.
        self._members: tuple[Callable[[], Module | None], object, dict[int, int]]
        self._members = lambda: None, None, {}
        for resolved in self.resolved():
            self.check(resolved)

    def update(self, model: Module, gradients: Mapping[str, TensorLike]) -> None:
        """Move the parameters of ``model`` one step along ``gradients``.

        Args:
            gradients: by parameter name, as `nn.grad` gives them. All trainable parameters.

        Raises:
            ArgumentError: the gradients are no mapping.
            CheckpointError: gradients are missing or unexpected, or what is kept for a parameter
                has another shape; nothing has been changed.
            ShapeError: a gradient has not the shape of its parameter; nothing has been changed.
            InvalidValueError: no parameter of the model is trainable, or a group does not fit.
        """
        parameters = self.parameters(model)
        given = _matched(parameters, gradients)
        members, options = self.members(model, parameters), self.resolved()
        kept = self.state_of(model, parameters)
        self.step += 1
        try:
            numbers = self.all_changing()
        except BaseException:
            self.step -= 1
            raise
        for name, parameter, gradient, old, member in zip(
            parameters, parameters.values(), given, kept, members, strict=True
        ):
            moved, new = self.moved(parameter, gradient, old, numbers[member], options[member])
            parameter._tensor, parameter._backend = moved._tensor, moved._backend
            self.state[name] = new

    def parameters(self, model: Module) -> dict[str, EmberTensor]:
        """The parameters of ``model`` that are trained, by name.

        Raises:
            InvalidValueError: there are none.
        """
        places = slots(model, "_parameters")
        found = trainable(places)
        if not found:
            raise InvalidValueError(
                f"{type(self).__name__} has nothing to train: "
                + (
                    f"all {len(places)} parameters of {type(model).__name__} are frozen; free "
                    "some, model.requires_grad_(True)"
                    if places
                    else f"{type(model).__name__} has no parameters; give it layers, or assign "
                    "nn.Parameter(...) to attributes"
                )
            )
        return found

    def members(self, model: Module, parameters: Mapping[str, EmberTensor]) -> list[int]:
        """The number of the group of each parameter."""
        if len(self.groups) == 1:
            return [0] * len(parameters)
        owner, known, found = self._members
        if owner() is not model or known is not structure():
            found = assigned(type(self), model, self.groups[1:])
            self._members = weakref.ref(model), structure(), found
        return [found.get(id(x), 0) for x in parameters.values()]

    def resolved(self) -> list[dict[str, Any]]:
        """All options of each group."""
        first, *others = self.groups
        return [first, *[{**first, **group} for group in others]]

    def kept(
        self, name: str, parameter: EmberTensor, options: Mapping[str, Any]
    ) -> dict[str, EmberTensor]:
        """What is kept for a parameter, on its backend and of its dtype."""
        state, due = self.state.get(name), self.keeps(options)
        if state is None or tuple(state) != due:
            old = state or {}
            state = self.state[name] = {
                slot: old[slot] if slot in old else self.start(slot, parameter, options)
                for slot in due
            }
        if not all(_alike(tensor, parameter) for tensor in state.values()):
            state = self.state[name] = {
                slot: _follow(name, x, parameter) for slot, x in state.items()
            }
        return state

    @property
    def rate(self) -> float:
        """The learning rate of the current step, of the parameters in no group."""
        return self.rate_of(self.groups[0])

    def rate_of(self, options: Mapping[str, Any]) -> float:
        """The learning rate of the current step, of a group."""
        given = options["learning_rate"]
        if not callable(given):
            return float(given)
        step = max(self.step - 1, 0)
        return positive(f"learning_rate after {step} steps", given(step))

    def state_of(
        self, model: Module, parameters: Mapping[str, EmberTensor]
    ) -> list[dict[str, EmberTensor]]:
        """What is `kept` for each parameter."""
        options = self.resolved()
        return [
            self.kept(name, parameter, options[member])
            for (name, parameter), member in zip(
                parameters.items(), self.members(model, parameters), strict=True
            )
        ]

    @property
    def rates(self) -> list[float]:
        """The learning rates of the current step, by group."""
        return [self.rate_of(options) for options in self.resolved()]

    @rates.setter
    def rates(self, rates: Sequence[float]) -> None:
        for group, value in zip(self.groups, rates, strict=True):
            group["learning_rate"] = positive("learning_rate", value)

    def all_changing(self) -> list[tuple[float, ...]]:
        """`changing` for each group."""
        return [self.changing(options) for options in self.resolved()]

    def all_constant(self) -> Hashable:
        """`constant` for each group."""
        return tuple(
            (self.keeps(x), x["maximize"], self.coupled and x["weight_decay"], self.constant(x))
            for x in self.resolved()
        )

    def moved(
        self,
        parameter: EmberTensor,
        gradient: EmberTensor,
        kept: Mapping[str, EmberTensor],
        numbers: Sequence[Any],
        options: Mapping[str, Any],
    ) -> tuple[EmberTensor, dict[str, EmberTensor]]:
        """The new parameter, and what is kept for it."""
        if options["maximize"]:
            gradient = -gradient
        if self.coupled and options["weight_decay"]:
            gradient = gradient + options["weight_decay"] * parameter
        moved, *new = self.move(parameter, gradient, kept, numbers, options)
        return moved, dict(zip(kept, new, strict=True))

    def __repr__(self) -> str:
        first, *others = self.groups
        options = [f"{name}={value!r}" for name, value in first.items()]
        options += [f"groups={others!r}"] if others else []
        return f"{type(self).__name__}({', '.join(options)})"

    # -- what a subclass defines ----------------------------------------------------------

    #: Whether the decay of weights is part of the gradient.
    coupled = True

    def check(self, options: Mapping[str, Any]) -> None:
        """Refuse options of a group that do not go together."""

    def keeps(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the tensors kept for each parameter of a group."""
        return ()

    def start(self, slot: str, parameter: EmberTensor, options: Mapping[str, Any]) -> EmberTensor:
        """What is kept at first: zeros."""
        return zeros_like(parameter)

    def changing(self, options: Mapping[str, Any]) -> tuple[float, ...]:
        """The numbers of this step that `move` needs: they change without compiling again."""
        return (self.rate_of(options),)

    def constant(self, options: Mapping[str, Any]) -> Hashable:
        """What else `move` depends on: a step is compiled again when it changes."""
        return ()

    def move(
        self,
        parameter: EmberTensor,
        gradient: EmberTensor,
        kept: Mapping[str, EmberTensor],
        numbers: Sequence[Any],
        options: Mapping[str, Any],
    ) -> tuple[EmberTensor, ...]:
        """The new parameter, and what is kept for it, in the order of `keeps`.

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
            for slot, tensor in kept.items():
                found[f"{name}.{slot}"] = tensor
        return found

    def load_state_dict(self, state: Mapping[str, TensorLike]) -> None:
        """Take over a copy of what `state_dict` gave.

        Raises:
            CheckpointError: an entry is missing or belongs to another optimizer; nothing has
                been changed.
        """
        rows = sorted({self.keeps(options) for options in self.resolved()}, key=len)
        known = {slot for row in rows for slot in row}
        faults = [] if "step" in state else ["missing: step"]
        kept: dict[str, dict[str, EmberTensor]] = {}
        for key, value in state.items():
            name, _, slot = key.rpartition(".")
            if slot in known and name:
                kept.setdefault(name, {})[slot] = copy(asarray(value))
            elif key != "step":
                faults.append(f"unexpected: {key}")
        for name, found in kept.items():
            if not any(set(row) == set(found) for row in rows):
                faults += [f"missing: {name}.{slot}" for slot in rows[-1] if slot not in found]
        if faults:
            keeps = " or ".join(", ".join(row) or "nothing" for row in rows)
            raise CheckpointError(
                f"the state does not fit {type(self).__name__}, which keeps {keeps} for each "
                "parameter:\n  " + "\n  ".join(faults)
            )
        self.step = int(asarray(state["step"]))
        order = {slot: i for i, slot in enumerate(slot for row in rows for slot in row)}
        self.state = {
            name: {slot: found[slot] for slot in sorted(found, key=order.__getitem__)}
            for name, found in kept.items()
        }


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
    if not isinstance(gradients, Mapping):
        raise ArgumentError(
            f"gradients are a dict by name of parameter, as nn.grad(loss_fn)(model, ...) gives it, "
            f"not {type(gradients).__name__}"
        )
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
