"""The advice names the remedy where it is needed, and only there."""

from __future__ import annotations

from pathlib import Path

import pytest

from ember_ml.backend.mlx import _advice

MAPS = "7f00-7f01 r-xp 00000000 08:01 1 /usr/lib/{}\n"


def advice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *libraries: str) -> str | None:
    path = tmp_path / "maps"
    path.write_text("7f00-7f01 rw-p 00000000 00:00 0 \n" + "".join(map(MAPS.format, libraries)))
    monkeypatch.setattr(_advice, "_MAPS", str(path))
    monkeypatch.setattr(_advice, "DEVICES", ["cpu"])
    monkeypatch.setattr("sys.platform", "linux")
    return _advice.advice()


def test_the_reference_blas_is_slow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # what the wheel brings; and NumPy's OpenBLAS, whose functions MLX does not find
    text = advice(monkeypatch, tmp_path, "libblas-bd8a282c.so.3.10.0", "libscipy_openblas64_-3.so")
    assert text is not None
    assert "LD_PRELOAD=libopenblas.so.0" in text


@pytest.mark.parametrize("library", ["libopenblasp-r0.3.21.so", "libmkl_rt.so.2", "libblis.so.4"])
def test_a_fast_one_needs_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, library: str
) -> None:
    assert advice(monkeypatch, tmp_path, "libblas-bd8a282c.so.3.10.0", library) is None


def test_other_systems_need_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_advice, "_MAPS", str(tmp_path / "missing"))
    monkeypatch.setattr("sys.platform", "darwin")
    assert _advice.advice() is None
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(_advice, "DEVICES", ["gpu", "cpu"])
    assert _advice.advice() is None
