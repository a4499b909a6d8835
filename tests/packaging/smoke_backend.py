"""ember-core with one backend: it trains a model, and no other engine is there."""

import importlib.util
import sys

ENGINES = ("numpy", "torch", "mlx", "jax", "tensorflow")


def loss_fn(model, x, y):
    from ember_ml.nn import tensor as et

    return et.mean((model(x) - y) ** 2)


def main(name: str) -> None:
    from ember_ml import nn
    from ember_ml.backend.registry import list_backends
    from ember_ml.nn import tensor as et

    assert [info.name for info in list_backends()] == [name]
    for engine in ENGINES:
        assert engine not in sys.modules, f"{engine} was imported before a tensor was made"

    x = et.asarray([[1.0, 2.0], [3.0, 4.0], [-1.0, 0.5]])
    assert abs(float(et.sum(x @ x.T)) - 51.25) < 1e-4
    y = et.asarray([[5.0], [11.0], [0.0]])
    model = nn.Linear(2, 1)
    optimizer = nn.optimizers.SGD(learning_rate=0.02)
    losses = []
    for _ in range(20):
        loss, grads = nn.value_and_grad(loss_fn)(model, x, y)
        optimizer.update(model, grads)
        losses.append(float(loss))
    assert losses[-1] < losses[0] / 2, losses

    others = [engine for engine in ENGINES if engine != name]
    assert not [engine for engine in others if engine in sys.modules]
    absent = [engine for engine in others if importlib.util.find_spec(engine) is None]
    assert absent == others, f"brought along: {set(others) - set(absent)}"


if __name__ == "__main__":
    main(sys.argv[1])
