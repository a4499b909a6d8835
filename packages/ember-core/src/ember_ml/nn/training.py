"""``train_step``: loss, gradients and update as one call, compiled if wanted."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Any

from ember_ml.backend.errors import ArgumentError, InvalidValueError, NonFiniteError
from ember_ml.nn.averaging import ExponentialMovingAverage
from ember_ml.nn.modules import Module
from ember_ml.nn.modules._state import structure
from ember_ml.nn.optimizers import Optimizer
from ember_ml.nn.tensor import EmberTensor, zeros_like
from ember_ml.nn.transforms import value_and_grad

from . import _trees
from ._captured import Captured
from ._clip import _check, limit
from ._report import Report, Reporter
from ._step import Program, Ready

__all__ = ["TrainStep", "train_step"]


def train_step(
    model: Module,
    loss_fn: Callable[..., EmberTensor],
    optimizer: Optimizer,
    *,
    compile: bool = False,
    clip_grad_norm: float | None = None,
    clip_grad_value: float | None = None,
    accumulate: int = 1,
    average: ExponentialMovingAverage | None = None,
    check_finite: bool = True,
    report: Report | None = None,
) -> TrainStep:
    """A function of a batch that takes one step of training and gives the loss.

    Args:
        loss_fn: ``loss_fn(model, *batch)`` gives a tensor with no dimensions.
        compile: whether the step is one program of the engine, where it has a compiler. The
            numbers are the same to rounding; the first call with a form of batch takes longer.
            What `nn.compile` says of arguments holds for the batch.
        clip_grad_norm: see `nn.clip_grad_norm`.
        clip_grad_value: see `nn.clip_grad_value`; it comes first.
        accumulate: the number of calls whose gradients are averaged for one update: batches of
            one size and a mean for a loss give what one large batch would.
        average: a moving average of the weights, updated after each update of them.
        check_finite: refuse a loss that is nan or infinite: the step then changes nothing. A
            compiled step says so at the next call, or when `TrainStep.check` is called, so that
            nobody waits for the loss.
        report: see `nn.compile`.

    The function raises:
        NonFiniteError: see ``check_finite``; the message names the step.
        InvalidValueError: the model has no trainable parameters.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> et.random.seed(0)
    >>> model = nn.Linear(2, 1)
    >>> step = nn.train_step(
    ...     model, lambda m, x, y: nn.losses.mse(m(x), y), nn.optimizers.SGD(learning_rate=0.1)
    ... )
    >>> x, y = et.ones((4, 2)), et.zeros((4, 1))
    >>> first = step(x, y)
    >>> (step(x, y) < first).item()
    True
    """
    if not (isinstance(model, Module) and callable(loss_fn) and isinstance(optimizer, Optimizer)):
        given = ", ".join(type(x).__name__ for x in (model, loss_fn, optimizer))
        raise ArgumentError(
            f"train_step takes a Module, a function and an Optimizer, in this order, not {given}"
        )
    if not isinstance(accumulate, int) or accumulate < 1:
        raise InvalidValueError(f"train_step: accumulate is a positive integer, not {accumulate!r}")
    for name, value in {
        "clip_grad_norm": clip_grad_norm,
        "clip_grad_value": clip_grad_value,
    }.items():
        if value is not None:
            _check(f"train_step: {name}", value)
    if average is not None and average.model is not model:
        raise InvalidValueError("train_step: average is of another model")
    return TrainStep(
        model,
        loss_fn,
        optimizer,
        compile=compile,
        limits=(clip_grad_norm, clip_grad_value),
        accumulate=accumulate,
        average=average,
        check_finite=check_finite,
        report=report,
    )


class TrainStep:
    """What `train_step` returns.

    Attributes:
        calls: how many calls have entered the gradients of the next update.
    """

    def __init__(
        self,
        model: Module,
        loss_fn: Callable[..., EmberTensor],
        optimizer: Optimizer,
        *,
        compile: bool,
        limits: tuple[float | None, float | None],
        accumulate: int,
        average: ExponentialMovingAverage | None,
        check_finite: bool,
        report: Report | None,
    ) -> None:
        self.model = model
        self.loss_fn = loss_fn
        self.optimizer = optimizer
        self.compile = compile
        self.limits = limits
        self.accumulate = accumulate
        self.average = average
        self.check_finite = check_finite
        self.calls = 0
        self.gradients = value_and_grad(loss_fn)
        self.sums: dict[str, EmberTensor] = {}
        self._programs: dict[Hashable, Program] = {}
        self._ready: dict[bool, Ready] = {}
        self._unseen: EmberTensor | None = None
        self._able: tuple[object, bool] = (None, False)
        self._captured = Captured(loss_fn)
        self._reporter = Reporter(loss_fn, report)

    def __call__(self, *batch: Any) -> EmberTensor:
        """Take a step on ``batch``; gives the loss before it."""
        self.check()
        due = self.calls + 1 == self.accumulate
        if not self._compiles():
            return self._eager(batch, due)
        if due:
            self.optimizer.step += 1
        try:
            loss = self._compiled(batch, due)
        except BaseException:
            if due:
                self.optimizer.step -= 1
            raise
        self.calls = 0 if due else self.calls + 1
        if due and self.average is not None:
            self.average.updates += 1
        if self.check_finite:
            self._unseen = loss
        return loss

    def check(self) -> None:
        """Look at the loss of the last compiled step; without ``check_finite`` nothing happens.

        Raises:
            NonFiniteError: it was nan or infinite. The step has changed nothing.
        """
        loss, self._unseen = self._unseen, None
        if loss is None or math.isfinite(loss.item()):
            return
        if self.calls:
            self.calls -= 1
        else:
            self.calls = self.accumulate - 1
            self.optimizer.step -= 1
            if self.average is not None:
                self.average.updates -= 1
        raise self._failure(loss)

    def _failure(self, loss: EmberTensor) -> NonFiniteError:
        part = f" (call {self.calls + 1} of {self.accumulate})" if self.accumulate > 1 else ""
        return NonFiniteError(
            f"the loss of step {self.optimizer.step + 1}{part} is {loss.item()}; parameters, buffers and the optimizer's state "
            "are as before it. A lower learning rate, nn.clip_grad_norm or a look at the batch may "
            "help; to go on regardless, check_finite=False"
        )

    def _compiles(self) -> bool:
        """Whether steps are programs: they are to be, and the engine has a compiler."""
        if self.compile and self._able[0] is not structure():
            parameters = self.optimizer.parameters(self.model)
            backend = next(iter(parameters.values()))._backend.backend
            self._able = structure(), "compile" in backend.capabilities
        return self.compile and self._able[1]

    # -- one operation after the other --------------------------------------------------------

    def _eager(self, batch: tuple[Any, ...], due: bool) -> EmberTensor:
        self.optimizer.parameters(self.model)
        buffers = _trees.Buffers.of([self.model]) if self.check_finite else None
        loss, gradients = self.gradients(self.model, *batch)
        if buffers is not None and not math.isfinite(loss.item()):
            buffers.restore()
            raise self._failure(loss)
        if self.accumulate > 1:
            gradients = self._added(gradients)
        if due:
            self.optimizer.update(self.model, limit(gradients, *self.limits))
            self.sums = {}
            if self.average is not None:
                self.average.update()
        else:
            self.sums = gradients
        self.calls = 0 if due else self.calls + 1
        return loss

    def _added(self, gradients: dict[str, EmberTensor]) -> dict[str, EmberTensor]:
        parts = {name: x / self.accumulate for name, x in gradients.items()}
        if self.sums.keys() != parts.keys():
            return parts
        return {name: self.sums[name] + x for name, x in parts.items()}

    # -- as one program -----------------------------------------------------------------------

    def _compiled(self, batch: tuple[Any, ...], due: bool) -> EmberTensor:
        ready = self._ready.get(due)
        captured = [module for module in self._captured() if module is not self.model]
        if ready is not None and ready.fits(batch, captured, self.optimizer):
            return ready.program(ready.parameters, ready.others, list(batch))
        leaves = _trees.Leaves(([self.model, *captured], *batch))
        backend = _trees.backend_of(_trees.tensors_of(leaves.values), "train_step")
        _trees.lift(leaves, backend)
        self.optimizer.parameters(self.model)
        key = (
            due,
            _trees.static_key(leaves, backend, "train_step"),
            type(self.optimizer),
            self.optimizer.all_constant(),
        )
        program = self._programs.get(key)
        if program is None:
            self._reporter.trace((self.model, *batch), {}, backend)
            program = self._programs[key] = Program(self, leaves, backend, due=due)
        parameters, others = program.tensors()
        if all(isinstance(x, EmberTensor) for x in batch):
            self._ready[due] = Ready(program, parameters, others, batch, captured, self.optimizer)
        return program(parameters, others, [x for x in leaves.values if isinstance(x, EmberTensor)])

    def summed(self, parameters: dict[str, EmberTensor]) -> list[EmberTensor]:
        """The sums of gradients, zeros at first."""
        if self.accumulate == 1:
            return []
        if self.sums.keys() != parameters.keys() or any(
            self.sums[name]._backend is not x._backend or self.sums[name].shape != x.shape
            for name, x in parameters.items()
        ):
            self.sums = {name: zeros_like(x) for name, x in parameters.items()}
        return list(self.sums.values())
