"""The part of the suite about errors, random numbers and transforms."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import (
    AxisError,
    DTypeError,
    EmberError,
    ShapeError,
    TensorIndexError,
    UnsupportedError,
)
from ember_ml.backend.protocol import Backend
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor._threefry import random_words

from ._base import Base
from ._cases._random import KNOWN, threefry

__all__ = ["Behaviour"]


def _f(*shape: int) -> Any:
    return et.ones(shape)


#: Mistakes, and what each must raise, whatever the engine raises.
_MISTAKES: dict[str, tuple[Callable[[], Any], type[EmberError]]] = {
    "add shapes": (lambda: _f(2) + _f(3), ShapeError),
    "less shapes": (lambda: _f(2, 3) < _f(2, 2), ShapeError),
    "where shapes": (lambda: et.where(_f(2) > 0, _f(3), _f(3)), ShapeError),
    "matmul sizes": (lambda: _f(2, 3) @ _f(2, 3), ShapeError),
    "matmul numbers": (lambda: et.matmul(_f(), _f(2)), ShapeError),
    "reshape sizes": (lambda: et.reshape(_f(6), (4, 2)), ShapeError),
    "broadcast_to sizes": (lambda: et.broadcast_to(_f(2), (3,)), ShapeError),
    "concat sizes": (lambda: et.concat([_f(2, 3), _f(2, 2)]), ShapeError),
    "concat axis": (lambda: et.concat([_f(2), _f(2)], axis=1), AxisError),
    "stack sizes": (lambda: et.stack([_f(2), _f(3)]), ShapeError),
    "sum axis": (lambda: et.sum(_f(2, 3), axis=2), AxisError),
    "sum axes": (lambda: et.sum(_f(2, 3), axis=(0, 0)), AxisError),
    "argmax axis": (lambda: et.argmax(_f(2), axis=1), AxisError),
    "argmax of nothing": (lambda: et.argmax(_f(0)), ShapeError),
    "max of nothing": (lambda: et.max(_f(0, 2), axis=0), ShapeError),
    "sort axis": (lambda: et.sort(_f(2), axis=1), AxisError),
    "flip axis": (lambda: et.flip(_f(2), axis=1), AxisError),
    "permute_dims axes": (lambda: et.permute_dims(_f(2, 3), (0, 0)), ShapeError),
    "cumsum axis": (lambda: et.cumulative_sum(_f(2), axis=1), AxisError),
    "index": (lambda: _f(2)[2], TensorIndexError),
    "negative index": (lambda: _f(2)[-3], TensorIndexError),
    "index array": (lambda: _f(2)[et.asarray([0, 2])], TensorIndexError),
    "too many indices": (lambda: _f(2)[0, 0], TensorIndexError),
    "take": (lambda: et.take(_f(2), et.asarray([2]), axis=0), TensorIndexError),
    "bits of floats": (lambda: et.bitwise_and(_f(2), _f(2)), DTypeError),
    "sum of truth": (lambda: et.add(_f(2) > 0, _f(2) > 0), DTypeError),
    "logic of floats": (lambda: et.logical_and(_f(2), _f(2)), DTypeError),
    "order of complex": (lambda: et.less(_f(2) * 1j, _f(2)), DTypeError),
    "inverse of a rectangle": (lambda: et.linalg.inv(_f(2, 3)), ShapeError),
    "inverse of a vector": (lambda: et.linalg.inv(_f(2)), ShapeError),
    "cholesky of a rectangle": (lambda: et.linalg.cholesky(_f(2, 3)), ShapeError),
    "solve sizes": (lambda: et.linalg.solve(et.eye(2), _f(3)), ShapeError),
    "qr of a vector": (lambda: et.linalg.qr(_f(3)), ShapeError),
}


class Behaviour(Base):
    """Errors, random numbers, transforms."""

    @pytest.mark.parametrize("mistake", list(_MISTAKES))
    def test_error(self, engine: Backend, mistake: str) -> None:
        """A mistake raises Ember's exception."""
        call, wanted = _MISTAKES[mistake]
        try:
            result = call()
        except wanted:
            return
        except Exception as error:
            pytest.fail(
                f"{mistake}: {type(error).__name__}: {error}, where {wanted.__name__} is due"
            )
        pytest.fail(f"{mistake}: {result!r}, where {wanted.__name__} is due")

    def test_portable_random_numbers(self, engine: Backend) -> None:
        """The default stream is Threefry's: the same words on every engine."""
        for counter, key, words in KNOWN:
            assert threefry(key, counter) == words
            start = counter[0] | counter[1] << 32
            if start < 2**63:  # positions are int64
                assert random_words([*key, start], 1).tolist() == list(words)

    def test_native_random_numbers(self, engine: Backend) -> None:
        """The engine's own generator: reproducible, in range, with the right moments."""
        if type(engine).native_generator is Backend.native_generator:
            with pytest.raises(UnsupportedError, match=engine.name):
                et.random.Generator(7, engine="native").uniform((2,))
            return
        size = 20_000
        for kind, mean, deviation in (("uniform", 0.5, 12**-0.5), ("normal", 0.0, 1.0)):
            draws = []
            for _ in range(2):
                generator = et.random.Generator(7, engine="native")
                draws.append(np.asarray(getattr(generator, kind)((size,)).tolist()))
            assert np.array_equal(draws[0], draws[1]), f"{kind}: one seed gave two streams"
            x = draws[0]
            if kind == "uniform":
                assert x.min() >= 0
                assert x.max() < 1
            assert abs(x.mean() - mean) < 5 * deviation / size**0.5
            assert abs(x.std() - deviation) < 0.03

    def test_native_random_numbers_go_on(self, engine: Backend) -> None:
        """The engine's own generator goes on where its state was taken."""
        if type(engine).native_generator is Backend.native_generator:
            pytest.skip("the engine has no generator of its own")
        generator = et.random.Generator(7, engine="native")
        generator.normal((3,))
        if type(engine).generator_state is Backend.generator_state:
            with pytest.raises(UnsupportedError, match=engine.name):
                generator.state_dict()
            return
        state = json.loads(json.dumps(generator.state_dict()))
        other = et.random.Generator(8, engine="native")
        other.normal((5,))
        other.load_state_dict(state)
        for kind in ("normal", "uniform", "bits"):
            found, expected = (getattr(x, kind)((9,)).tolist() for x in (other, generator))
            assert found == expected, f"{kind}: the stream did not go on"

    def test_vmap(self, engine: Backend) -> None:
        """A mapped function gives what a loop over the axis gives."""
        self.capable(engine, "vmap")
        x, w = et.asarray([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), et.asarray([1.0, -1.0])

        def f(row: Any, w: Any) -> Any:
            return et.exp(-row) @ w, et.sum(row)

        first, second = nn.vmap(f, in_axes=(0, None))(x, w)
        values = np.exp(-np.asarray(x.tolist())) @ [1.0, -1.0]
        assert np.allclose(first.tolist(), values, atol=1e-5)
        assert second.tolist() == [3.0, 7.0, 11.0]

    def test_compile(self, engine: Backend) -> None:
        """A compiled function gives what the function gives, for each shape that it meets."""
        self.capable(engine, "compile")
        f = nn.compile(lambda x: et.sum(et.tanh(x) * 2.0, axis=0))
        for shape in ((2, 3), (2, 3), (4, 1)):
            x = np.linspace(-1, 1, shape[0] * shape[1]).reshape(shape)
            found = f(et.asarray(x.tolist()))
            assert np.allclose(found.tolist(), np.sum(np.tanh(x) * 2, axis=0), atol=1e-5)

    @pytest.mark.parametrize("transform", ["grad", "vmap", "compile"])
    def test_branches(self, engine: Backend, transform: str) -> None:
        """`cond` takes a branch, or both where `to_python` raises UnsupportedError for a tracer."""
        self.capable(engine, transform)

        def f(x: Any) -> Any:
            return et.cond(x > 0, lambda x: x * 2.0, lambda x: -x, x)

        transformed = getattr(nn, transform)(f)
        if transform == "vmap":
            assert transformed(et.asarray([3.0, -3.0])).tolist() == [6.0, 3.0]
            return
        found = [transformed(et.asarray(x)).item() for x in (3.0, -3.0)]
        assert found == ([2.0, -1.0] if transform == "grad" else [6.0, 3.0])

    def test_auxiliary_values(self, engine: Backend) -> None:
        """`value_and_grad` gives the value, the gradient and what else the function returns."""
        self.capable(engine, "grad")

        def f(x: Any) -> Any:
            return et.sum(x * x), {"twice": x * 2}

        (value, aux), gradient = nn.value_and_grad(f, has_aux=True)(et.asarray([1.0, 3.0]))
        assert value.item() == 10.0
        assert gradient.tolist() == [2.0, 6.0]
        assert aux["twice"].tolist() == [2.0, 6.0]
        assert isinstance(aux["twice"]._tensor, engine.array_type), "a tracer has escaped"
        stopped = nn.grad(lambda x: et.sum(x * et.stop_gradient(x)))(et.asarray([3.0]))
        assert stopped.tolist() == [3.0]

    def test_an_unclaimed_transform_says_so(self, engine: Backend) -> None:
        """What the engine lacks raises UnsupportedError, which names the backend."""
        x = et.asarray([1.0])
        if "grad" not in engine.capabilities:
            with pytest.raises(UnsupportedError, match=engine.name):
                nn.grad(et.sum)(x)
        if "vmap" not in engine.capabilities:
            with pytest.raises(UnsupportedError, match=engine.name):
                nn.vmap(et.exp)(x)
        if "compile" not in engine.capabilities:
            assert nn.compile(lambda x: x + 1.0)(x).tolist() == [2.0]
