"""The examples of the README and of the documentation run as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += sorted((ROOT / "packages").glob("*/README.md"))


def _examples() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in re.finditer(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, match.start()) + 2
            found.append((f"{page.relative_to(ROOT)}:{line}", match.group(1)))
    return found


def test_there_are_examples() -> None:
    pages = {place.partition(":")[0] for place, _ in _examples()}
    assert {str(page.relative_to(ROOT)) for page in PAGES if "docs" in page.parts} <= pages
    assert "README.md" in pages


@pytest.mark.parametrize(("place", "code"), _examples(), ids=[p for p, _ in _examples()])
def test_example(place: str, code: str) -> None:
    if "RayRuntime" in code:  # which starts a cluster: a process of its own ends it
        subprocess.run([sys.executable, "-c", code], check=True, timeout=240)
        return
    path, line = place.rsplit(":", 1)
    # Blank lines in front, so that a traceback shows the line of the page.
    source = "\n" * (int(line) - 1) + code
    exec(compile(source, path, "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
