"""Notebooks: small cells, no stored outputs, and a text form that says the same. That they run, nbmake shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def cells(path: Path) -> list[tuple[str, str]]:
    """(kind, source) of every cell of a notebook."""
    return [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(path.read_text("utf-8"))["cells"]]


def text_form(path: Path) -> list[tuple[str, str]]:
    """The same of its paired script, in the percent format of jupytext."""
    parts = re.split(r"^# %%(.*)\n", path.with_suffix(".py").read_text("utf-8"), flags=re.MULTILINE)[1:]
    found = []
    for head, body in zip(parts[::2], parts[1::2]):
        kind = "markdown" if "[markdown]" in head else "code"
        commented = r"^# ?" if kind == "markdown" else r"^# (?=%)"
        found.append((kind, re.sub(commented, "", body, flags=re.MULTILINE).strip()))
    return found


def test_there_is_the_incident() -> None:
    assert "incident.ipynb" in [path.name for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_the_text_form_is_the_notebook(path: Path) -> None:
    assert text_form(path) == cells(path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_nothing_is_stored_and_no_cell_is_longer_than_ten_lines(path: Path) -> None:
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        assert cell["cell_type"] == "markdown" or (cell["outputs"] == [] and cell["execution_count"] is None)
    assert all(source.count("\n") < 10 for kind, source in cells(path) if kind == "code")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_what_is_printed_is_asserted_and_nothing_outside_the_package_is_opened(path: Path) -> None:
    for kind, source in cells(path):
        if kind == "code":
            assert "print(" not in source or "assert " in source
            assert not re.search(r"\bopen\(|Path\(|/tmp|\.\./", source)
