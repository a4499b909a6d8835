"""Run the official array API suite against ``ember_ml.nn.tensor``, on one backend after another.

    python tests/conformance/run.py path/to/array-api-tests
    python tests/conformance/run.py path/to/array-api-tests --backends "numpy torch" --max-examples 20

What is not an option of this script goes to pytest: a file of the suite, ``-k``,
``--hypothesis-seed``. See README.md here.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LISTS = Path(__file__).with_name("expected-failures.toml")
VERSION = "2025.12"
MOST = 5
DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32",
    "float64", "complex64", "complex128",
]  # fmt: skip
NO_SUITE = """\
The official suite is a repository of its own. Get it once, with its submodule, and name its folder:

    git clone --recurse-submodules https://github.com/data-apis/array-api-tests ../array-api-tests
    make conformance SUITE=../array-api-tests

BACKENDS="numpy torch" restricts the backends; ARGS="--max-examples 20" is faster.\
"""


def expected_failures(path: Path = LISTS) -> dict[str, dict[str, str]]:
    """By backend, the tests that are expected to fail with the reasons."""
    lists: dict[str, dict[str, str]] = tomllib.loads(path.read_text("utf-8"))
    for backend, reasons in lists.items():
        if len(reasons) > MOST:
            sys.exit(f"{path.name}: {len(reasons)} failures for {backend}, and {MOST} are allowed")
        for test, reason in reasons.items():
            if not test.startswith("array_api_tests/") or "::test_" not in test:
                sys.exit(f"{path.name}: {backend}: {test!r} is not the id of a test")
            if not reason.strip():
                sys.exit(f"{path.name}: {backend}: {test} has no reason")
    return lists


@dataclass(frozen=True)
class Verdict:
    """What a run of the suite showed, beside the tests that were expected to fail."""

    counts: dict[str, int]
    failed: list[str]
    stale: list[str]

    @property
    def good(self) -> bool:
        return self.counts["passed"] > 0 and not self.failed and not self.stale

    def __str__(self) -> str:
        known = self.counts["failed"] + self.counts["error"] - len(self.failed)
        parts = [
            f"{self.counts['passed']} passed",
            f"{len(self.failed)} failed",
            f"{known} expected to fail",
            f"{self.counts['skipped']} skipped by the suite",
        ]
        return ", ".join(parts)


def judge(outcomes: dict[str, str], expected: dict[str, str], *, whole: bool) -> Verdict:
    """Compare the outcomes of tests, by id, with the expected failures.

    Args:
        whole: whether the whole suite ran, so that a test that did not run does not exist.
    """
    counts = dict.fromkeys(("passed", "failed", "error", "skipped"), 0)
    for outcome in outcomes.values():
        counts[outcome] += 1
    bad = {test for test, outcome in outcomes.items() if outcome in ("failed", "error")}
    stale = [test for test in expected if test not in bad and (whole or test in outcomes)]
    return Verdict(counts, sorted(bad - set(expected)), stale)


def requirements(suite: Path) -> Path:
    """A folder with what the suite needs besides Ember, installed on first use."""
    sys.path.insert(0, str(ROOT / "tools"))
    from bootstrap import TOOLS, constraints, run, uv

    wanted = (suite / "requirements.txt").read_bytes() + constraints().read_bytes()
    folder = TOOLS / f"conformance-{hashlib.sha256(wanted + sys.version.encode()).hexdigest()[:8]}"
    if not folder.exists():
        print(f"installing the suite's requirements into {folder.relative_to(ROOT)}", flush=True)
        unfinished = folder.with_suffix(".part")
        command = [uv(), "pip", "install", "--quiet", "--python", sys.executable]
        command += ["--constraints", constraints(), "--target", unfinished]
        run(*command, "--requirements", suite / "requirements.txt")
        unfinished.rename(folder)
    return folder


def missing_dtypes(backend: str) -> list[str]:
    """The standard's dtypes that the backend declares not to have."""
    from ember_ml.backend.registry import use_backend
    from ember_ml.nn.tensor import __array_namespace_info__

    with use_backend(backend):
        return sorted(set(DTYPES) - set(__array_namespace_info__().dtypes()))


def run_suite(suite: Path, backend: str, examples: int, extra: list[str]) -> dict[str, str]:
    """The outcome of each test by its id. What pytest prints goes through."""
    work = ROOT / ".matrix" / "conformance"
    work.mkdir(parents=True, exist_ok=True)
    report = work / f"{backend}.json"
    report.unlink(missing_ok=True)
    env = {key: value for key, value in os.environ.items() if not key.startswith("EMBER_")}
    env |= {
        "ARRAY_API_TESTS_MODULE": "ember_ml.nn.tensor",
        "ARRAY_API_TESTS_SKIP_DTYPES": ",".join(missing_dtypes(backend)),
        "ARRAY_API_TESTS_VERSION": VERSION,
        "EMBER_BACKEND": backend,
        "HYPOTHESIS_STORAGE_DIRECTORY": str(work / f"hypothesis-{backend}"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(requirements(suite)),
    }
    # How long an example takes depends on what else the machine does: no deadline.
    command = [sys.executable, "-m", "pytest", "--json-report", f"--json-report-file={report}"]
    command += ["--json-report-omit", "log", "traceback", "streams", "keywords", "warnings"]
    command += ["-q", "--tb=short", "--disable-warnings", "-p", "no:cacheprovider"]
    command += ["-p", "no:asyncio", f"--max-examples={examples}", "--disable-deadline"]
    command += extra
    if not any((suite / word.partition("::")[0]).exists() for word in extra):
        command.append("array_api_tests")
    result = subprocess.run(command, cwd=suite, env=env, stdin=subprocess.DEVNULL)
    if result.returncode not in (0, 1) or not report.exists():
        sys.exit(f"{backend}: the suite did not run to its end ({result.returncode})")
    tests = json.loads(report.read_text("utf-8"))["tests"]
    return {test["nodeid"]: test["outcome"] for test in tests}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0] if __doc__ else None, allow_abbrev=False
    )
    parser.add_argument("suite", nargs="?", default="", help="folder of data-apis/array-api-tests")
    parser.add_argument("--backends", default="", metavar="NAMES", help="by default, all installed")
    parser.add_argument("--max-examples", type=int, default=100, metavar="N")
    options, extra = parser.parse_known_args()
    if not options.suite:
        sys.exit(NO_SUITE)
    suite = Path(options.suite).expanduser().resolve()
    for part in ("array_api_tests", "requirements.txt", "array-api/src"):
        if not (suite / part).exists():
            sys.exit(f"{suite} is not the suite with its submodule: no {part}.\n\n{NO_SUITE}")

    from ember_ml.backend.registry import list_backends

    installed = [info.name for info in list_backends()]
    ours = [name for name in installed if name in ("numpy", "torch", "mlx")]
    backends = options.backends.split() or ours
    if missing := sorted(set(backends) - set(installed)):
        sys.exit(f"not installed: {', '.join(missing)}; installed: {', '.join(installed)}")

    expected = expected_failures()
    lines, good = [], True
    for backend in backends:
        print(f"{backend}, {VERSION}, {options.max_examples} examples", flush=True)
        start = time.perf_counter()
        outcomes = run_suite(suite, backend, options.max_examples, extra)
        verdict = judge(outcomes, expected.get(backend, {}), whole=not extra)
        for test in verdict.failed:
            print(f"  failed: {test}")
        for test in verdict.stale:
            print(f"  stale in {LISTS.name}, it passes or is no more: {test}")
        good = good and verdict.good
        seconds = time.perf_counter() - start
        lines.append(
            f"{'ok    ' if verdict.good else 'FAILED'} {backend:8} {verdict}, "
            f"{options.max_examples} examples, {seconds:.0f} s"
        )
    print("", *lines, sep="\n")
    sys.exit(not good)


if __name__ == "__main__":
    main()
