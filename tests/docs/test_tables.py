"""The tables in the documentation are what the tests' data says."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("tables", ROOT / "tools" / "tables.py")
tables = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(tables)


@pytest.mark.parametrize("page", tables.PAGES, ids=lambda page: page.name)
def test_tables_are_fresh(page):
    assert page.read_text(encoding="utf-8") == tables.written(page), (
        "run `python tools/tables.py` and commit what it writes"
    )


@pytest.mark.parametrize("name", tables.TABLES)
def test_every_table_is_shown(name):
    marks = [f"<!-- table: {name} -->" in page.read_text(encoding="utf-8") for page in tables.PAGES]
    assert sum(marks) == 1
