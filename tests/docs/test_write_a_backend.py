"""The guide "Write a backend": its code makes a backend that does what the page says.

The blocks are put together in the order of the page. A fence names what its block is:

- ``python FILE``: a file of the package, or more of it; ``toml pyproject.toml``: a line there;
- ``text missing``: what loading the backend then says is missing;
- ``python load`` and ``text output``: what a program prints;
- ``text kit``: tests of the kit that pass, an expression for ``pytest -k`` in each line.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

from ember_ml.backend.operations import OPERATIONS
from ember_ml.backend.protocol import REQUIRED
from ember_ml.cli._new_backend import generate

pytest.importorskip("jax")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "write-a-backend.md"
BLOCKS = re.findall(r"^```(\w+) (\S+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
PACKAGE = "ember_backend_jax"
#: Compiling takes most of the time: leave out what it gains.
XLA = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"


class Guide:
    """The distribution as far as the page has been read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written: dict[str, str] = {}
        self.position = 0
        for path, text in generate("jax", "jax").items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        with (folder / "tests" / "test_jax.py").open("a") as suite:
            suite.write("    examples = 2\n")  # of 8: JAX compiles for each shape
        self.register()

    def register(self) -> None:
        """What an installer would leave beside the package."""
        about = tomllib.loads((self.folder / "pyproject.toml").read_text())["project"]
        info = self.folder / "src" / f"{PACKAGE}-{about['version']}.dist-info"
        info.mkdir(exist_ok=True)
        lines = ["Metadata-Version: 2.4", f"Name: {about['name']}", f"Version: {about['version']}"]
        lines += [f"Requires-Dist: {requirement}" for requirement in about["dependencies"]]
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        target = about["entry-points"]["ember_ml.backends"]["jax"]
        (info / "entry_points.txt").write_text(f"[ember_ml.backends]\njax = {target}\n")

    def read_to(self, end: int) -> None:
        """Do what the blocks before ``end`` say; the processes of a test run may share the steps."""
        for language, name, text in BLOCKS[self.position : end]:
            if language == "toml":
                self.require(text)
            elif language == "python" and name != "load":
                compile(textwrap.dedent(text), name, "exec")
                self.write(name, text)
        self.position = max(self.position, end)

    def write(self, name: str, text: str) -> None:
        self.written[name] = self.written.get(name, "") + ("\n" if name in self.written else "")
        self.written[name] += text
        (self.folder / "src" / PACKAGE / name).write_text(self.written[name])

    def require(self, line: str) -> None:
        path = self.folder / "pyproject.toml"
        path.write_text(re.sub(r"^dependencies = .*\n", line, path.read_text(), flags=re.MULTILINE))
        self.register()

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = {k: v for k, v in os.environ.items() if not k.startswith(("EMBER_", "PYTEST_"))}
        env |= {"PYTHONPATH": str(self.folder / "src"), "XLA_FLAGS": XLA, "JAX_PLATFORMS": "cpu"}
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=env, capture_output=True, text=True, check=False
        )

    def missing(self) -> list[list[str]]:
        """What is missing of the class, and the topics in which primitives are."""
        done = self.python("-c", _MISSING)
        assert done.returncode == 0, done.stderr
        text: str = json.loads(done.stdout)
        listed = re.search(r"must define:\n((?:  .*\n)+)", text)
        absent = re.findall(r"\w+", listed[1]) if listed else []
        topics = re.findall(r"^  (\w+):", text, re.MULTILINE)
        return [line for line in (absent, topics) if line]


_MISSING = """
import json
from ember_ml.backend.errors import BackendLoadError
from ember_ml.backend.registry import get_backend
try:
    get_backend("jax")
    print(json.dumps(""))
except BackendLoadError as error:
    print(json.dumps(str(error)))
"""


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Guide:
    return Guide(tmp_path_factory.mktemp("guide") / "ember-backend-jax")


@pytest.mark.parametrize("step", range(len(BLOCKS)))
def test_step(guide: Guide, step: int) -> None:
    language, name, text = BLOCKS[step]
    guide.read_to(step + 1)
    if name == "missing":
        found = guide.missing()
        assert found == [re.findall(r"\w+", line) for line in text.splitlines()]
    elif name == "load":
        done = guide.python("-c", text)
        assert done.returncode == 0, done.stderr
        assert (BLOCKS[step + 1][1], BLOCKS[step + 1][2]) == ("output", done.stdout)
    elif name == "kit":
        wanted = " or ".join(f"({line})" for line in text.splitlines())
        done = guide.python("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", wanted)
        assert done.returncode == 0, done.stdout[-3000:]
        assert " passed" in done.stdout
    else:
        assert language in ("toml", "python") or name == "output"


def test_the_whole_adapter_is_as_long_as_the_page_says(guide: Guide) -> None:
    guide.read_to(len(BLOCKS))
    count = sum(len(text.splitlines()) for text in guide.written.values())
    assert f"It takes {count} lines of Python" in PAGE.read_text()
    assert count < 400


def test_the_first_list_is_whole() -> None:
    (first, *_) = [text for _, name, text in BLOCKS if name == "missing"]
    required, topics = (re.findall(r"\w+", line) for line in first.splitlines())
    assert {"name", *required} == set(REQUIRED)
    assert set(topics) == {op.topic for op in OPERATIONS.values() if op.primitive}


@pytest.mark.parametrize("command", [["check", "."], ["format", "--check", "."]])
def test_the_result_is_clean_to_ruff(guide: Guide, command: list[str]) -> None:
    pytest.importorskip("ruff")
    guide.read_to(len(BLOCKS))
    done = guide.python("-m", "ruff", *command)
    assert done.returncode == 0, done.stdout
