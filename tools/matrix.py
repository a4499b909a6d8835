"""Build the wheels and install each alone into an environment of its own.

    python tools/matrix.py                 every case
    python tools/matrix.py core torch      these
    python tools/matrix.py --suite torch   and run the tests there

A case's environment holds only what its distributions require, so that a missing dependency, an
import of the wrong engine or a file left out of a wheel is found. See CASES.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

from bootstrap import (
    ROOT,
    SCRIPTS,
    constraints,
    distributions,
    environment,
    plugins,
    run,
    uv,
    venv_python,
)

WORK = ROOT / ".matrix"
WHEELS = WORK / "wheels"
SMOKE = ROOT / "tests" / "packaging"
NAMESPACES = ("ember_ml/__init__.py", "ember_ml/backend/__init__.py")


#: The conformance kit as the author of a backend runs it; the dtypes of 32 bits say enough here.
KIT = ("-m", "pytest", "-q", "-k", "not (8 or 16 or 64 or 128)", "--pyargs")
KIT += ("ember_ml.backend.testing", "--ember-backend")


@dataclass(frozen=True)
class Case:
    """Distributions to install, from their wheels or as editables, and what to run then."""

    smoke: tuple[str, ...]  # what follows `python`: a script of SMOKE, or a module with -m
    wheels: tuple[str, ...] = ()
    editable: tuple[str, ...] = ()
    extras: str = ""  # of the first distribution


CASES = {
    "core": Case(("smoke_core.py",), ("ember-core",)),
    "numpy": Case(("smoke_backend.py", "numpy"), ("ember-core", "ember-backend-numpy")),
    "torch": Case(("smoke_backend.py", "torch"), ("ember-core", "ember-backend-torch")),
    "mlx": Case(("smoke_backend.py", "mlx"), ("ember-core", "ember-backend-mlx")),
    "minimal": Case((*KIT, "minimal"), ("ember-core", "ember-backend-minimal"), extras="[testing]"),
    "data": Case(("smoke_data.py",), ("ember-core", "ember-data")),
    "pipeline": Case(("smoke_pipeline.py",), ("ember-core", "ember-pipeline")),
    "ray": Case(("smoke_ray.py",), ("ember-pipeline", "ember-core"), extras="[ray]"),
    "editable-core": Case(
        ("smoke_backend.py", "numpy"), wheels=("ember-backend-numpy",), editable=("ember-core",)
    ),
    "editable-backend": Case(
        ("smoke_backend.py", "numpy"), wheels=("ember-core",), editable=("ember-backend-numpy",)
    ),
    "all": Case(
        ("smoke_all.py",),
        (
            "ember-core",
            "ember-backend-numpy",
            "ember-backend-torch",
            "ember-backend-mlx",
            "ember-data",
            "ember-pipeline",
        ),
        extras="[all,testing]",
    ),
}


def build() -> None:
    """A source distribution of each, and from it the wheel."""
    shutil.rmtree(WHEELS, ignore_errors=True)
    for folder in [*distributions(), *plugins()]:
        options = ["--quiet", "--build-constraints", constraints(), "--out-dir", WHEELS]
        run(uv(), "build", *options, folder)
    for wheel in sorted(WHEELS.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
        wrong = [name for name in names if name in NAMESPACES]
        if wrong:
            sys.exit(f"{wheel.name} contains {', '.join(wrong)}: these are namespaces")
        print(f"  {wheel.name}: {len(names)} files", flush=True)


def wheel(name: str) -> Path:
    (found,) = WHEELS.glob(f"{name.replace('-', '_')}-*.whl")
    return found


def install(venv: Path, case: Case, group: str | None) -> None:
    run(uv(), "venv", "--quiet", "--clear", "--python", sys.executable, venv)
    # --no-sources: a distribution from the workspace must not take the place of a wheel
    command: list[str | Path] = [uv(), "pip", "install", "--quiet", "--no-sources"]
    command += ["--python", venv_python(venv), "--constraints", constraints()]
    for name in case.wheels:
        command.append(f"{wheel(name)}{case.extras if name == case.wheels[0] else ''}")
    for name in case.editable:
        command += ["--editable", ROOT / "packages" / name]
    if group is not None:
        command += ["--group", f"pyproject.toml:{group}"]
    run(*command)


def smoke(venv: Path, case: Case) -> bool:
    """Run the case's script away from the checkout, seeing nothing but the environment."""
    first, *arguments = case.smoke
    script = str(SMOKE / first) if first.endswith(".py") else first
    command = [str(venv_python(venv)), "-I", script, *arguments]
    env = {key: value for key, value in os.environ.items() if not key.startswith("EMBER_")}
    env["PATH"] = str(venv / SCRIPTS) + os.pathsep + env.get("PATH", "")
    with tempfile.TemporaryDirectory() as elsewhere:
        result = subprocess.run(command, cwd=elsewhere, env=env, stdin=subprocess.DEVNULL)
    return result.returncode == 0


def needs_another_engine(path: Path, backend: str) -> bool:
    """Whether a test module imports, at its top, an engine that is not installed with ``backend``."""
    absent = "|".join({"torch", "mlx"} - {backend})
    names = rf"((ember_ml\.backend|safetensors)\.)?({absent})\b"
    return re.search(rf"^(import|from) {names}", path.read_text("utf-8"), re.MULTILINE) is not None


def suite(venv: Path, case: Case, backend: str) -> bool:
    """The tests of a backend and of what runs on it, against the installed wheels."""
    tested = {*case.wheels, "ember-data"}
    # NumPy's backend is the reference for some tests; EMBER_TEST_BACKENDS keeps it from more
    install(venv, replace(case, wheels=tuple(sorted(tested | {"ember-backend-numpy"}))), "test")
    if backend == "torch":
        tested.discard("ember-core")  # minutes of compiling, which `make test` has gone through
    folders = [ROOT / "packages" / name / "tests" for name in sorted(tested)]
    # the kit runs on the checkout in `make test`, and from wheels in the case `minimal`
    tests = [
        path
        for folder in folders
        for path in sorted(folder.rglob("test_*.py"))
        if not path.name.startswith("test_kit")
    ]
    left_out = [path for path in tests if needs_another_engine(path, backend)]
    if left_out:
        print(f"left out, they compare with an engine that is not there: {len(left_out)}")
        print(*(f"  {path.relative_to(ROOT)}" for path in left_out), sep="\n", flush=True)
    command = [str(venv_python(venv)), "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider"]
    command += ["-m", "not slow"]  # `make test` runs these
    command += [str(path.relative_to(ROOT)) for path in tests if path not in left_out]
    # One thread for each of two processes: threads that wait for a core spin.
    env = environment() | {"EMBER_TEST_BACKENDS": backend, "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL)
    return result.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="case", help=f"of {', '.join(CASES)}")
    parser.add_argument("--suite", action="store_true", help="run the tests of a backend as well")
    options = parser.parse_args()
    unknown = [name for name in options.cases if name not in CASES]
    if unknown:
        parser.error(f"no case {', '.join(unknown)}; there are {', '.join(CASES)}")

    print("building the wheels", flush=True)
    build()
    failed = []
    for name in options.cases or CASES:
        case, venv, start = CASES[name], WORK / "envs" / name, time.perf_counter()
        install(venv, case, None)
        passed = smoke(venv, case)
        if passed and options.suite and name in ("numpy", "torch", "mlx"):
            passed = suite(venv, case, name)
        seconds = time.perf_counter() - start
        print(f"{'ok    ' if passed else 'FAILED'} {name} ({seconds:.1f} s)", flush=True)
        if not passed:
            failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
