"""The runner of the official suite, without the suite: its lists and its judgement."""

import subprocess
import sys
from pathlib import Path

import pytest

from ember_ml.backend.registry import get_backend

from .run import LISTS, MOST, expected_failures, judge, missing_dtypes

A, B, C = (f"array_api_tests/test_fft.py::test_{name}" for name in ("a", "b[x > 0]", "c"))


def listed(tmp_path: Path, text: str) -> dict[str, dict[str, str]]:
    path = tmp_path / "lists.toml"
    path.write_text(text, encoding="utf-8")
    return expected_failures(path)


def test_the_committed_lists_are_well_formed():
    assert set(expected_failures(LISTS)) == {"numpy", "torch", "mlx"}


def test_a_list_is_read(tmp_path):
    assert listed(tmp_path, f'[numpy]\n"{B}" = "no such number"\n[mlx]\n') == {
        "numpy": {B: "no such number"},
        "mlx": {},
    }


@pytest.mark.parametrize(
    "text, message",
    [
        (f'[numpy]\n"{A}" = " "', "numpy: .*test_a has no reason"),
        ('[numpy]\n"array_api_tests/test_fft.py" = "all of it"', "not the id of a test"),
        ('[numpy]\n"test_a" = "no file"', "'test_a' is not the id of a test"),
        (
            "[mlx]\n" + "\n".join(f'"{A}[{i}]" = "why"' for i in range(MOST + 1)),
            "6 failures for mlx",
        ),
    ],
)
def test_a_list_that_is_not_well_formed_is_refused(text, message, tmp_path):
    with pytest.raises(SystemExit, match=message):
        listed(tmp_path, text)


def test_the_suite_is_told_of_missing_dtypes(backend):
    has = get_backend(backend).capabilities
    assert missing_dtypes(backend) == [n for n in ("complex128", "float64") if n not in has]


def test_what_fails_as_expected_is_good():
    verdict = judge({A: "passed", B: "failed", C: "skipped"}, {B: "why"}, whole=True)
    assert verdict.good
    assert str(verdict) == "1 passed, 0 failed, 1 expected to fail, 1 skipped by the suite"


@pytest.mark.parametrize("outcome", ["failed", "error"])
def test_any_other_failure_is_not(outcome):
    verdict = judge({A: "passed", B: outcome}, {}, whole=True)
    assert not verdict.good
    assert verdict.failed == [B]


@pytest.mark.parametrize(
    "outcomes", [{A: "passed", B: "passed"}, {A: "passed", B: "skipped"}, {A: "passed"}]
)
def test_an_expected_failure_that_passes_or_is_no_more_is_stale(outcomes):
    verdict = judge(outcomes, {B: "why"}, whole=True)
    assert not verdict.good
    assert verdict.stale == [B]


def test_a_part_of_the_suite_says_nothing_of_the_rest():
    assert judge({A: "passed"}, {B: "why"}, whole=False).good


def test_a_run_in_which_nothing_passes_is_not_good():
    assert not judge({A: "skipped"}, {}, whole=True).good


def start(*words: str) -> subprocess.CompletedProcess[str]:
    script = Path(__file__).with_name("run.py")
    return subprocess.run([sys.executable, script, *words], capture_output=True, text=True)


def test_without_the_suite_it_says_where_to_get_it():
    result = start("")
    assert result.returncode == 1
    assert "git clone --recurse-submodules https://github.com/data-apis/array-api" in result.stderr
    assert "make conformance SUITE=" in result.stderr


def test_a_suite_without_its_submodule_is_refused(tmp_path):
    (tmp_path / "array_api_tests").mkdir()
    (tmp_path / "requirements.txt").write_text("")
    result = start(str(tmp_path))
    assert result.returncode == 1
    assert "no array-api/src" in result.stderr


def test_a_backend_that_is_not_installed_is_refused(tmp_path):
    for part in ("array_api_tests", "array-api/src"):
        (tmp_path / part).mkdir(parents=True)
    (tmp_path / "requirements.txt").write_text("")
    result = start(str(tmp_path), "--backends", "abacus")
    assert result.returncode == 1
    assert "not installed: abacus" in result.stderr
