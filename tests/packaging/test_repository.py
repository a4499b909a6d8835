"""What is committed holds for every machine: no lock files, no download addresses, no local paths."""

import re
import shutil
import subprocess

import pytest

from ._distributions import ROOT

HOSTS = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"))]
HOSTS += [".".join(("download", "pytorch", "org"))]
LOCAL = re.compile(r"(?<![\w.~/-])/(?:opt|work|root)/\w")
LOCKS = re.compile(r"(^|/)(uv\.lock|poetry\.lock|pdm\.lock|Pipfile\.lock|pylock.*\.toml)$")


@pytest.fixture(scope="module")
def tracked():
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def lines(names):
    for name in names:
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            yield f"{name}:{number}", line


def test_no_lock_file(tracked):
    assert [name for name in tracked if LOCKS.search(name)] == []


def test_no_download_address(tracked):
    assert [place for place, line in lines(tracked) if any(host in line for host in HOSTS)] == []


def test_no_path_of_one_machine(tracked):
    assert [place for place, line in lines(tracked) if LOCAL.search(line)] == []


def test_no_build_product(tracked):
    assert [name for name in tracked if name.endswith((".whl", ".pyc", ".tar.gz", ".so"))] == []
