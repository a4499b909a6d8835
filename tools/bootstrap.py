"""Set up the checkout's own environment: ``.tools/`` holds uv, ``.venv/`` everything else.

    python tools/bootstrap.py              what tests, lint and types need
    python tools/bootstrap.py bench        the same and what the benchmarks need

It uses nothing but Python and pip, writes nowhere outside the checkout, and returns at once when
the environment matches the pyproject.toml files already.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this is what an older Python must be told
    sys.exit(
        f"Ember needs Python 3.11 or newer, and {sys.executable} is {sys.version.split()[0]}. "
        "Name another: make PYTHON=python3.11 ..."
    )

import hashlib
import os
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
UV_VERSION = "0.13.9"
SCRIPTS = "Scripts" if os.name == "nt" else "bin"


def venv_python(venv: Path) -> Path:
    return venv / SCRIPTS / "python"


def distributions() -> list[Path]:
    """The folders of Ember's own distributions, the core first."""
    folders = [path.parent for path in (ROOT / "packages").glob("*/pyproject.toml")]
    return sorted(folders, key=lambda folder: (folder.name != "ember-core", folder.name))


def plugins() -> list[Path]:
    """The folders of the distributions that only tests use."""
    return sorted(path.parent for path in (ROOT / "tests" / "plugins").glob("*/pyproject.toml"))


def environment() -> dict[str, str]:
    """The environment for pip and uv: pip's links are passed on, an active environment is not."""
    env = dict(os.environ)
    env.update(PIP_USER="0", PIP_ROOT_USER_ACTION="ignore", PIP_DISABLE_PIP_VERSION_CHECK="1")
    if env.get("PIP_FIND_LINKS") and not env.get("UV_FIND_LINKS"):
        env["UV_FIND_LINKS"] = ",".join(env["PIP_FIND_LINKS"].split())
    env.pop("VIRTUAL_ENV", None)
    env.pop("PYTHONPATH", None)
    return env


def run(*command: str | Path) -> None:
    """Run a command in the checkout; stop with its exit status when it fails."""
    words = [str(word) for word in command]
    result = subprocess.run(words, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL)
    if result.returncode:
        sys.exit(f"failed ({result.returncode}): {' '.join(words)}")


def uv() -> Path:
    """The checkout's own uv, installed with pip on first use."""
    folder = TOOLS / f"uv-{UV_VERSION}"
    binary = folder / SCRIPTS / ("uv.exe" if os.name == "nt" else "uv")
    if not binary.exists():
        print(f"installing uv {UV_VERSION} into {folder.relative_to(ROOT)}", flush=True)
        # --target needs no virtual environment and leaves a system Python alone
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder)]
        run(*command, f"uv=={UV_VERSION}")
    return binary


def constraints() -> Path:
    """The tested set as a constraints file, for installations outside the workspace."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]
    lines = settings["constraint-dependencies"] + settings["build-constraint-dependencies"]
    TOOLS.mkdir(exist_ok=True)
    path = TOOLS / "constraints.txt"
    text = "\n".join(lines) + "\n"
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return path


def fingerprint(groups: list[str]) -> str:
    """What the environment depends on, as one line."""
    digest = hashlib.sha256(f"{sys.version}{sys.prefix}{groups}".encode())
    for path in [Path(__file__), ROOT / "pyproject.toml"]:
        digest.update(path.read_bytes())
    for folder in [*distributions(), *plugins()]:
        digest.update(str(folder).encode() + (folder / "pyproject.toml").read_bytes())
    return digest.hexdigest()


def main(groups: list[str]) -> None:
    stamp = VENV / "ember-stamp"
    known = stamp.read_text().split() if stamp.exists() else []
    # what an earlier call asked for stays installed, so that `make bench` and `make test` alternate
    for group in known[1:]:
        if group not in groups:
            groups.append(group)
    groups = sorted({"dev", *groups})
    wanted = fingerprint(groups)
    if known[:1] == [wanted] and venv_python(VENV).exists():
        return

    stamp.unlink(missing_ok=True)
    tool = uv()
    if not venv_python(VENV).exists():
        run(tool, "venv", "--quiet", "--python", sys.executable, VENV)
    print(f"installing Ember and the {', '.join(groups)} group(s) into .venv", flush=True)
    command: list[str | Path] = [tool, "pip", "install", "--quiet", "--python", venv_python(VENV)]
    command += ["--constraints", constraints()]
    for group in groups:
        command += ["--group", f"pyproject.toml:{group}"]
    for folder in [*distributions(), *plugins()]:
        command += ["--editable", folder]
    run(*command)
    stamp.write_text(" ".join([wanted, *groups]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
