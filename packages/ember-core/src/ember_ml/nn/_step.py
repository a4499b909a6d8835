"""The compiled step of `train_step`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ember_ml.backend._bound import Bound
from ember_ml.backend.protocol import Backend, Native
from ember_ml.backend.registry import use_backend
from ember_ml.nn.modules import Module
from ember_ml.nn.modules._state import slots, structure
from ember_ml.nn.optimizers import Optimizer
from ember_ml.nn.tensor import EmberTensor, isfinite, where, zeros_like
from ember_ml.nn.tensor._careful import wrap_native
from ember_ml.nn.tensor._streams import Streams
from ember_ml.nn.tensor._updates import average_update

from . import _trees
from ._clip import limit

if TYPE_CHECKING:
    from .training import TrainStep

__all__ = ["Program", "Ready"]


class Ready:
    """The program of the last step, and what must be as it was for the next step to use it.

    Working out the program afresh takes about as long as a small model's step.
    """

    def __init__(
        self,
        program: Program,
        parameters: dict[str, EmberTensor],
        others: list[EmberTensor],
        batch: tuple[EmberTensor, ...],
        captured: list[Module],
        optimizer: Optimizer,
    ) -> None:
        self.program = program
        self.parameters = parameters
        self.others = others
        self.structure = structure()
        self.captured = captured
        self.batch = [(x._backend, x._tensor.shape) for x in batch]
        self.optimizer = optimizer, optimizer.all_constant()

    def fits(self, batch: tuple[object, ...], captured: list[Module], optimizer: Optimizer) -> bool:
        """Whether a step on ``batch`` can use the program."""
        return (
            self.structure is structure()
            and captured == self.captured
            and not _trees.in_gradient()
            and (optimizer, optimizer.all_constant()) == self.optimizer
            and len(batch) == len(self.batch)
            and all(
                x.__class__ is EmberTensor and x._backend is bound and x._tensor.shape == shape
                for x, (bound, shape) in zip(batch, self.batch, strict=True)
            )
        )


class Program:
    """The compiled step for one form of batches.

    Its inputs are, in this order, what it changes, whose outputs take the same places; the other
    tensors of the modules; the batch; the numbers of this step, as one tensor in each of the parameters' dtypes; and the
    states of random streams. A step with an update changes the trainable parameters, what the
    optimizer keeps for them, the sums of gradients and the averages; one without changes the sums,
    and the parameters are inputs after them.
    """

    def __init__(
        self, step: TrainStep, leaves: _trees.Leaves, backend: Backend, *, due: bool
    ) -> None:
        self.step = step
        self.due = due
        self.outline = leaves.outline()
        #: The model, and the Modules that the loss uses without being given them.
        self.modules = _trees.modules_of(leaves.values)
        self.backend = backend
        parameters, _ = self.tensors()
        self.bounds: list[Bound] = list(dict.fromkeys(x._backend for x in parameters.values()))
        count = len(self.changed(parameters))
        self.program = Streams(backend, lambda: backend.compile(self._flat, donate=range(count)))
        self.written: list[int] = []

    def tensors(self) -> tuple[dict[str, EmberTensor], list[EmberTensor]]:
        """The trainable parameters, and the other tensors of the model."""
        parameters = _trees.trainable(slots(self.step.model, "_parameters"))
        known = {id(tensor) for tensor in parameters.values()}
        others = [x for x in _trees.tensors_of(self.modules) if id(x) not in known]
        return parameters, others

    def changed(self, parameters: dict[str, EmberTensor]) -> list[EmberTensor]:
        """The tensors that the program changes."""
        step = self.step
        sums = step.summed(parameters)
        if not self.due:
            return sums
        kept = step.optimizer.state_of(step.model, parameters)
        averaged = step.average.pairs() if step.average is not None else []
        return [
            *parameters.values(),
            *[x for row in kept for x in row.values()],
            *sums,
            *[average for average, _ in averaged],
        ]

    def __call__(
        self,
        parameters: dict[str, EmberTensor],
        others: list[EmberTensor],
        batch: list[EmberTensor],
    ) -> EmberTensor:
        state = self.changed(parameters)
        given = others if self.due else [*parameters.values(), *others]
        numbers = self._numbers(next(iter(parameters.values())).device) if self.due else []
        outputs = self.program(*[x._tensor for x in (*state, *given, *batch)], *numbers)
        for tensor, native in zip(state, outputs, strict=False):
            tensor._tensor = native
        loss, *written = outputs[len(state) :]
        if self.written:
            _trees.Buffers.of(self.modules).write(self.written, written, self.backend)
        return wrap_native(loss, self.backend)

    def _numbers(self, device: str) -> list[Native]:
        """What changes from step to step: by dtype, by group of the optimizer."""
        numbers = [number for row in self.step.optimizer.all_changing() for number in row]
        if self.step.average is not None:
            numbers.append(self.step.average.weight)
        make = self.backend.from_python
        return [make(numbers, dtype=bound.native_dtype, device=device) for bound in self.bounds]

    def _flat(self, *natives: Native) -> list[Native]:
        """The step over native arrays, as the engine traces it."""
        step = self.step
        fresh = [wrap_native(native, self.backend) for native in natives]
        states = fresh[len(fresh) - len(self.program) :]
        source = iter(fresh[: len(fresh) - len(states)])
        old, others = self.tensors()
        state = [next(source) for _ in self.changed(old)]
        given = state if self.due else [next(source) for _ in old]
        parameters = dict(zip(old, given, strict=False))
        present = {id(old[name]): parameter for name, parameter in parameters.items()}
        present |= {id(tensor): next(source) for tensor in others}
        _, *batch = self.outline.filled(source)
        places = [place for m in self.modules for place in slots(m, "_parameters", "_buffers")]
        with use_backend(self.backend.name), self.program.drawn(states):
            (loss, gradients), self.written, values = _trees.called(
                lambda: step.gradients(step.model, *batch), self.modules, places, present
            )
        held = _trees.held_in(_trees.Buffers.of(self.modules).slots)
        written = {
            id(held[n]): wrap_native(x, self.backend)
            for n, x in zip(self.written, values, strict=True)
        }
        moved = self._moved(state, parameters, gradients, {**present, **written}, source)
        if step.check_finite:
            fine = isfinite(loss)
            moved = [where(fine, new, x) for new, x in zip(moved, state, strict=True)]
            written = {n: where(fine, new, present[n]) for n, new in written.items()}
        return [x._tensor for x in (*moved, loss, *written.values())]

    def _moved(
        self,
        state: list[EmberTensor],
        parameters: dict[str, EmberTensor],
        gradients: dict[str, EmberTensor],
        present: dict[int, EmberTensor],
        numbers: Iterator[EmberTensor],
    ) -> list[EmberTensor]:
        """What becomes of ``state``; ``present`` are the model's tensors in this trace."""
        step, optimizer = self.step, self.step.optimizer
        source = iter(state)
        if self.due:
            old, _ = self.tensors()
            options, members = optimizer.resolved(), optimizer.members(step.model, old)
            for _ in parameters:
                next(source)
            kept = [{slot: next(source) for slot in optimizer.keeps(options[n])} for n in members]
        if step.accumulate > 1:
            gradients = {
                name: next(source) + gradients[name] / step.accumulate for name in parameters
            }
            if not self.due:
                return list(gradients.values())
        sums = [zeros_like(x) for x in gradients.values()] if step.accumulate > 1 else []
        gradients = limit(gradients, *step.limits)
        by_dtype, weights = {}, {}
        for bound in self.bounds:
            vector = next(numbers)
            given = iter([vector[i] for i in range(vector.shape[0])])
            by_dtype[bound] = [[next(given) for _ in group] for group in optimizer.all_changing()]
            if step.average is not None:
                weights[bound] = next(given)
        rows: list[EmberTensor] = []
        new: list[EmberTensor] = []
        for (name, parameter), row, n in zip(parameters.items(), kept, members, strict=True):
            moved, left = optimizer.moved(
                parameter, gradients[name], row, by_dtype[parameter._backend][n], options[n]
            )
            new.append(moved)
            rows += left.values()
        averages: list[EmberTensor] = []
        if step.average is not None:
            present |= {id(x): value for x, value in zip(old.values(), new, strict=True)}
            for average, (_, x) in zip(source, step.average.pairs(), strict=True):
                value = present[id(x)]
                weight = weights.get(x._backend, weights[self.bounds[0]])
                averages += average_update(average, value, weight)
        return [*new, *rows, *sums, *averages]
