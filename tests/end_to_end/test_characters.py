"""A character transformer on real text, trained by compiled steps on each backend."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console

STEPS = 40


@pytest.fixture(scope="module")
def characters(example: Callable[[str], ModuleType]) -> ModuleType:
    return example("characters")


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """What the example's ``run`` gives, by backend, each run once."""
    return {}


def _run(characters: ModuleType, results: dict[str, Any], name: str) -> Any:
    if name not in results:
        results[name] = characters.run(name, STEPS, Console(file=io.StringIO()))
    return results[name]


def test_the_loss_falls(characters: ModuleType, results: dict[str, Any], backend: str) -> None:
    losses, sample, _ = _run(characters, results, backend)
    assert losses[0] > 4.0  # about log of the number of characters
    assert sum(losses[-5:]) / 5 < 3.2
    assert sample.startswith("PSF ") and len(sample) == 124


def test_first_losses_agree(characters: ModuleType, results: dict[str, Any], backend: str) -> None:
    # Seeds mean the same weights, batches and dropout masks; from there on rounding grows.
    expected, _, _ = _run(characters, results, "numpy")
    losses, _, _ = _run(characters, results, backend)
    assert losses[:10] == pytest.approx(expected[:10], rel=1e-3)


def test_the_whole_example_writes_its_figure(
    characters: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["characters.py", "--backend", "numpy", "--steps", "2"])
    monkeypatch.chdir(tmp_path)
    characters.main()
    assert "numpy" in capsys.readouterr().out
    assert (tmp_path / "characters.png").read_bytes().startswith(b"\x89PNG")
