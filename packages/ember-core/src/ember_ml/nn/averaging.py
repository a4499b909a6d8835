"""A moving average of a model's weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from ember_ml.backend.errors import CheckpointError, InvalidValueError
from ember_ml.nn.modules import Module
from ember_ml.nn.modules._state import distinct
from ember_ml.nn.tensor import EmberTensor, TensorLike, asarray, astype, copy
from ember_ml.nn.tensor._updates import average_update

__all__ = ["ExponentialMovingAverage"]


class ExponentialMovingAverage:
    """An exponential moving average of a model's parameters, which often is the better model.

    The first `update` takes the parameters as they are, and each further one moves the average
    by ``1 - decay`` of the difference: ``torch.optim.swa_utils.AveragedModel`` with
    ``get_ema_multi_avg_fn(decay)``.

    Args:
        warmup: begin with a faster average: the decay is at most ``(1 + n) / (10 + n)`` at the
            ``n``-th update, so that the first weights do not stay in it for long.
        use_buffers: average floating-point buffers as well (running statistics).

    Give it to `nn.train_step`, as ``average=``, or call `update` after each step of the optimizer.

    >>> from ember_ml import nn
    >>> model = nn.Linear(2, 1)
    >>> average = nn.ExponentialMovingAverage(model, decay=0.9)
    >>> average.update()
    >>> with average.applied():  # the model has the averaged weights in here
    ...     y = model([[1.0, 2.0]])
    """

    def __init__(
        self,
        model: Module,
        decay: float = 0.999,
        *,
        warmup: bool = False,
        use_buffers: bool = False,
    ) -> None:
        if not 0.0 <= decay <= 1.0:
            raise InvalidValueError(f"decay is in [0, 1], not {decay}")
        self.model = model
        self.decay = decay
        self.warmup = warmup
        self.use_buffers = use_buffers
        self.updates = 0
        self.averages = {name: copy(x) for name, x in self.sources().items()}
        if not self.averages:
            raise InvalidValueError(
                f"ExponentialMovingAverage: {type(model).__name__} has no floating-point "
                "parameters to average"
            )

    def sources(self) -> dict[str, EmberTensor]:
        """The model's tensors that are averaged, by name."""
        tables = ("_parameters", "_buffers") if self.use_buffers else ("_parameters",)
        tensors = distinct(self.model, *tables)
        return {name: x for name, x in tensors.items() if x.dtype.kind == "float"}

    @property
    def weight(self) -> float:
        """How much of the model enters at the next update."""
        n = self.updates
        if n == 0:
            return 1.0
        return 1.0 - (min(self.decay, (1 + n) / (10 + n)) if self.warmup else self.decay)

    def pairs(self) -> list[tuple[EmberTensor, EmberTensor]]:
        """Each average, with the model's tensor; the averages follow a model that has moved.

        Raises:
            CheckpointError: the model's tensors are others than at first.
        """
        sources = self.sources()
        faults = [f"missing: {name}" for name in self.averages if name not in sources]
        faults += [f"unexpected: {name}" for name in sources if name not in self.averages]
        faults += [
            f"{name}: shape {x.shape}, where {self.averages[name].shape} is due"
            for name, x in sources.items()
            if name in self.averages and x.shape != self.averages[name].shape
        ]
        if faults:
            raise CheckpointError(
                f"{type(self.model).__name__} has changed since its average was begun:\n  "
                + "\n  ".join(faults)
            )
        for name, x in sources.items():
            average = self.averages[name]
            if average._backend is not x._backend:
                average = astype(average, x.dtype, copy=False).to_backend(x.backend)
                self.averages[name] = asarray(average, device=x.device, copy=True)
        return [(self.averages[name], x) for name, x in sources.items()]

    def update(self) -> None:
        """Let the present weights of the model enter."""
        pairs = self.pairs()
        # On a lazy engine what was to be computed would pile up.
        pairs[0][0]._backend.backend.synchronize(*[average._tensor for average, _ in pairs])
        weight = self.weight
        for average, x in pairs:
            (moved,) = average_update(average, x, weight)
            average._tensor = moved._tensor
        self.updates += 1

    def swap(self) -> None:
        """Exchange the weights of the model and the averages; again, and all is as before."""
        for average, x in self.pairs():
            average._tensor, x._tensor = x._tensor, average._tensor

    @contextlib.contextmanager
    def applied(self) -> Iterator[Module]:
        """Within the block the model has the averaged weights."""
        self.swap()
        try:
            yield self.model
        finally:
            self.swap()

    def state_dict(self) -> dict[str, EmberTensor]:
        """The averages by the names of the model, and ``updates``, for `nn.save`.

        They are its own tensors, not copies.
        """
        return {"updates": asarray(self.updates), **self.averages}

    def load_state_dict(self, state: Mapping[str, TensorLike]) -> None:
        """Take over a copy of what `state_dict` gave.

        Raises:
            CheckpointError: it is that of another model; nothing has been changed.
        """
        own = self.state_dict()
        given = {name: asarray(value) for name, value in state.items()}
        faults = [f"missing: {name}" for name in own if name not in given]
        faults += [f"unexpected: {name}" for name in given if name not in own]
        faults += [
            f"{name}: shape {x.shape}, where {own[name].shape} is due"
            for name, x in given.items()
            if name in own and x.shape != own[name].shape
        ]
        if faults:
            raise CheckpointError(
                f"the state does not fit the average of {type(self.model).__name__}:\n  "
                + "\n  ".join(faults)
            )
        self.updates = int(given.pop("updates"))
        self.averages = {name: copy(given[name]) for name in self.averages}
