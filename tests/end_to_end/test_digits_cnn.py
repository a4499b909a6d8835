"""A small convolutional network on images of digits, trained by compiled steps on each backend."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console
from sklearn.datasets import load_digits

EPOCHS = 6


@pytest.fixture(scope="module")
def cnn(example: Callable[[str], ModuleType]) -> ModuleType:
    return example("digits_cnn")


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """What the example's ``run`` gives, by backend, each run once."""
    return {}


def _run(cnn: ModuleType, results: dict[str, Any], name: str) -> Any:
    if name not in results:
        raw = load_digits()
        console = Console(file=io.StringIO())
        results[name] = cnn.run(name, (raw.data, raw.target), EPOCHS, console)
    return results[name]


def test_accuracy(cnn: ModuleType, results: dict[str, Any], backend: str) -> None:
    accuracies, losses, _ = _run(cnn, results, backend)
    assert len(accuracies) == EPOCHS
    assert accuracies[-1] >= 0.98
    assert losses[-1] < 0.05 * losses[0]


def test_first_losses_agree(cnn: ModuleType, results: dict[str, Any], backend: str) -> None:
    # Seeds mean the same weights, batches and dropout masks; from there on rounding grows.
    _, expected, _ = _run(cnn, results, "numpy")
    _, losses, _ = _run(cnn, results, backend)
    assert losses[:5] == pytest.approx(expected[:5], rel=1e-3)


def test_the_whole_example_writes_its_figure(
    cnn: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["digits_cnn.py", "--backend", "numpy", "--epochs", "1"])
    monkeypatch.chdir(tmp_path)
    cnn.main()
    assert "numpy" in capsys.readouterr().out
    assert (tmp_path / "digits_cnn.png").read_bytes().startswith(b"\x89PNG")
