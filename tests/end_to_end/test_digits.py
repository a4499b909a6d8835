"""The main job: real data through a pipeline, a classifier trained and evaluated on each backend."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console
from sklearn.datasets import load_digits

from ember_ml.nn import tensor as et


@pytest.fixture(scope="module")
def digits(example: Callable[[str], ModuleType]) -> ModuleType:
    return example("digits")


@pytest.fixture(scope="module")
def results(digits: ModuleType) -> dict[str, Any]:
    """What the example's ``run`` gives, by backend, each run once."""
    return {}


def _run(digits: ModuleType, results: dict[str, Any], name: str) -> Any:
    if name not in results:
        raw = load_digits()
        console = Console(file=io.StringIO())
        results[name] = digits.run(name, (raw.data, raw.target), console)
    return results[name]


def _trainable() -> list[str]:
    names = [info.name for info in et.list_backends()]
    return [name for name in names if "grad" in et.get_backend(name).capabilities]


def test_accuracy(digits: ModuleType, results: dict[str, Any], backend: str) -> None:
    accuracy, losses, _ = _run(digits, results, backend)
    assert accuracy >= 0.97
    assert losses[-1] < 0.1 * losses[0]


def test_loss_curves_agree(digits: ModuleType, results: dict[str, Any], backend: str) -> None:
    _, expected, _ = _run(digits, results, _trainable()[0])
    _, losses, _ = _run(digits, results, backend)
    assert len(losses) == len(expected) > 50
    assert losses[:50] == pytest.approx(expected[:50], rel=1e-4)


def test_the_whole_example_writes_its_figure(
    digits: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(digits, "EPOCHS", 1)
    monkeypatch.chdir(tmp_path)
    digits.main()
    printed = capsys.readouterr().out
    for name in _trainable():
        assert name in printed
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG")
    assert str(tmp_path / "demo.png") in printed
