"""Errors inside a model say in which layer, by its path in the model that was called."""

import copy
import pickle
import threading

import pytest

from ember_ml import nn
from ember_ml.backend.errors import (
    BackendMismatchError,
    BackendNotFoundError,
    EmberError,
    InvalidValueError,
    ShapeError,
)
from ember_ml.nn import tensor as et

pytestmark = pytest.mark.usefixtures("backend")

FAULT = "(in 'encoder.layers.1.2' of Model: Linear(in_features=4, out_features=4, bias=True))"


class Encoder(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(size, 4)) for size in (4, width)
        )

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class Model(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.encoder = Encoder(width)

    def forward(self, x):
        return self.encoder(x)


class Fails(nn.Module):
    """Raises what it is given."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, x):
        raise self.error


def broken():
    """A model whose layer 1.2 is given a weight that does not fit."""
    model = Model()
    model.encoder.layers[1][2].weight = nn.Parameter(et.ones((4, 3)))
    return model


def message(call, *args, kind=ShapeError):
    with pytest.raises(kind) as caught:
        call(*args)
    assert type(caught.value) is kind
    return str(caught.value)


def loss(model, x):
    return model(x).sum()


CALLS = {
    "eager": lambda model, x: model(x),
    "value_and_grad": nn.value_and_grad(loss),
    "nested gradients": lambda model, x: nn.grad(lambda x: nn.grad(loss)(model, x)["w"].sum())(x),
    "compile": lambda model, x: nn.compile(model)(x),
    "compiled gradient": lambda model, x: nn.compile(nn.value_and_grad(loss))(model, x),
    "train_step": lambda model, x: nn.train_step(model, loss, nn.optimizers.SGD())(x),
    "compiled step": lambda model, x: nn.train_step(model, loss, nn.optimizers.SGD(), compile=True)(
        x
    ),
    "vmap": lambda model, x: nn.vmap(model)(et.reshape(x, (1, 2, 4))),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_the_path_once(call):
    text = message(call, broken(), et.ones((2, 4)))
    assert text.endswith(FAULT)
    assert text.count("(in ") == 1


def test_inside_of_a_transformer():
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    model = nn.Sequential({"encoder": nn.TransformerEncoder(layer, 2)})
    model.encoder.layers[1].linear1 = nn.Linear(3, 8)
    text = message(model, et.ones((2, 5, 4)))
    assert text.endswith(
        "(in 'encoder.layers.1.linear1' of Sequential: "
        "Linear(in_features=3, out_features=8, bias=True))"
    )


def test_the_layer_alone_has_no_path():
    text = message(nn.Linear(4, 8, bias=False), et.ones((2, 3)))
    assert text.endswith("(in Linear(in_features=4, out_features=8, bias=False))")


def test_the_error_of_a_model_itself():
    class Raises(nn.Module):
        def forward(self, x):
            raise InvalidValueError("no")

        def extra_repr(self):
            return "a=1,\nb=2"

    assert message(Raises(), 1, kind=InvalidValueError) == "no (in Raises(a=1,))"


def test_object_class_arguments_and_cause_stay():
    cause = ValueError("the engine's")
    error = BackendMismatchError("torch meets numpy")
    error.__cause__ = cause
    with pytest.raises(EmberError) as caught:
        nn.Sequential(nn.Sequential(nn.Identity(), Fails(error)))(1)
    assert caught.value is error
    assert error.__cause__ is cause
    assert error.args == ("torch meets numpy",)
    assert str(error) == "torch meets numpy (in '0.1' of Sequential: Fails())"


def test_an_import_error_of_ours_says_so_too():
    text = message(
        nn.Sequential(Fails(BackendNotFoundError("no 'x'"))), 1, kind=BackendNotFoundError
    )
    assert text == "no 'x' (in '0' of Sequential: Fails())"


def test_other_exceptions_are_left_alone():
    error = RuntimeError("mine")
    with pytest.raises(RuntimeError, match="^mine$") as caught:
        nn.Sequential(Fails(error))(1)
    assert caught.value is error


def test_a_layer_in_several_places_of_its_caller_has_several_paths():
    fails = Fails(InvalidValueError("no"))
    model = nn.Sequential(nn.Sequential(fails, nn.ReLU(), fails))
    assert message(model, 1, kind=InvalidValueError) == (
        "no (in '0.0' or '0.2' of Sequential: Fails())"
    )


def test_a_shared_layer_is_named_by_the_module_that_called_it():
    class Caller(nn.Module):
        def __init__(self, shared, calls):
            super().__init__()
            self.shared = shared
            self.calls = calls

        def forward(self, x):
            return self.shared(x) if self.calls else x

    shared = Fails(InvalidValueError("no"))
    model = nn.Sequential(Caller(shared, False), Caller(shared, True), shared)
    assert message(model, 1, kind=InvalidValueError) == (
        "no (in '1.shared' of Sequential: Fails())"
    )


def test_a_layer_called_past_the_module_that_holds_it():
    class Past(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.ModuleDict(
                {"a": nn.ModuleList([nn.ReLU(), Fails(InvalidValueError("no"))])}
            )

        def forward(self, x):
            return self.inner["a"][1](x)

    assert message(Past(), 1, kind=InvalidValueError) == "no (in 'inner.a.1' of Past: Fails())"


def test_a_layer_that_is_not_registered_keeps_the_path_up_to_it():
    class Hides(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = [nn.Sequential(nn.ReLU(), Fails(InvalidValueError("no")))]

        def forward(self, x):
            return self.hidden[0](x)

    text = message(nn.Sequential(Hides()), et.ones(1), kind=InvalidValueError)
    assert text == "no (in '1' of Sequential: Fails())"


def test_an_error_that_is_caught_and_raised_again_is_located_once():
    class Again(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            try:
                return self.inner(x)
            except EmberError as error:
                raise error

    error = InvalidValueError("no")
    model = Again(nn.Sequential(Fails(error)))
    for _ in range(2):
        assert message(model, 1, kind=InvalidValueError) == "no (in 'inner.0' of Again: Fails())"


def test_a_layer_whose_text_fails_does_not_hide_the_error():
    class Textless(Fails):
        def extra_repr(self):
            return self.missing

    assert message(Textless(InvalidValueError("no")), 1, kind=InvalidValueError) == (
        "no (in Textless())"
    )


def test_copies_and_pickles_say_the_same():
    model = broken()
    with pytest.raises(ShapeError) as caught:
        model(et.ones((2, 4)))
    text = str(caught.value)
    for twin in (copy.copy(caught.value), pickle.loads(pickle.dumps(caught.value))):
        assert type(twin) is ShapeError
        assert str(twin) == text


def test_threads_do_not_mix_paths(backend):
    texts = {}

    def run(i):
        with et.use_backend(backend):
            layers = [nn.Identity()] * i + [Fails(InvalidValueError(f"no {i}"))]
            model = nn.Sequential(nn.Sequential(*layers))
            for _ in range(50):
                model[0][i].error = InvalidValueError(f"no {i}")
                texts.setdefault(i, set()).add(message(model, 1, kind=InvalidValueError))

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == {i: {f"no {i} (in '0.{i}' of Sequential: Fails())"} for i in range(4)}
