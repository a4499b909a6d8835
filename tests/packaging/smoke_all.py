"""All six distributions from their wheels: three engines side by side in one process."""

from importlib.metadata import version


def main() -> None:
    from ember_ml.backend.registry import list_backends, use_backend
    from ember_ml.nn import tensor as et

    names = sorted(info.name for info in list_backends())
    assert names == ["mlx", "numpy", "torch"], names
    sums = []
    for name in names:
        with use_backend(name):
            sums.append(float(et.sum(et.asarray([1.0, 2.0, 3.5]))))
    assert sums == [6.5, 6.5, 6.5], sums
    for distribution in ("ember-data", "ember-pipeline"):
        assert version(distribution) == version("ember-core")


if __name__ == "__main__":
    main()
