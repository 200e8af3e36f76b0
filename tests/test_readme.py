"""The README is true: what it shows is what the tool prints, what it names is there, its links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
STALE = "stale: python docs/generate.py writes it anew"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}


def blocks(path: Path) -> Iterator[tuple[str, str]]:
    """(language, text) of every fenced block of a page, in order."""
    language, lines = None, []
    for line in path.read_text("utf-8").split("\n"):
        if language is None and line.startswith("```"):
            language, lines = line[3:], []
        elif language is not None and line == "```":
            yield language, "".join(f"{one}\n" for one in lines)
            language = None
        elif language is not None:
            lines.append(line)


def shown_commands(path: Path) -> list[tuple[str, str]]:
    """(command, output) of every `$ capacity ...` in a page's console blocks."""
    found = []
    for language, text in blocks(path):
        if language == "console":
            for piece in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, output = piece.partition("\n")
                found.append((command, output))
    return found


def run(command: str) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command)
    assert words[0] == "capacity"
    return subprocess.run(
        [sys.executable, "-m", "capacity", *words[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        encoding="utf-8", env=ENVIRONMENT, cwd=ROOT, check=False,
    )  # fmt: skip


def test_the_main_job_is_shown() -> None:
    assert shown_commands(PAGES[0])[0][0] == "capacity check --example incident-before"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_prints_what_is_shown(page: Path) -> None:
    for command, output in shown_commands(page):
        # a block about this machine shows what another one prints; there is none, and one would need an argument here
        assert "/" not in shlex.split(command), f"{page.name}: {command} reads the machine that runs it"
        assert run(command).stdout == output, f"{page.name}: {command}: {STALE}"


def test_the_exit_code_is_the_one_that_is_named() -> None:
    assert "(Its exit code is 1:" in PAGES[0].read_text("utf-8").replace("\n", " ")
    assert run("capacity check --example incident-before").returncode == 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_python_block_prints_what_is_shown(page: Path, tmp_path: Path) -> None:
    """The blocks of a page are one script; a text block right behind one is its output."""
    every = list(blocks(page))
    script, shown = "", ""
    for (language, text), (after, output) in zip(every, [*every[1:], ("", "")]):
        if language == "python":
            script += text + "\n"
            shown += output if after == "text" else ""
    (tmp_path / "page.py").write_text(script, "utf-8")
    done = subprocess.run(
        [sys.executable, str(tmp_path / "page.py")], capture_output=True, encoding="utf-8", env=ENVIRONMENT,
        cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout == shown, f"{page.name}: {STALE}"


def test_the_readme_has_a_short_python_block_with_its_output() -> None:
    languages = [language for language, _ in blocks(PAGES[0])]
    (python,) = [text for language, text in blocks(PAGES[0]) if language == "python"]
    assert languages[languages.index("python") + 1] == "text"
    assert len([line for line in python.split("\n") if line]) <= 6


def test_the_two_commands_that_set_everything_up_stand_in_it_and_their_files_are_there() -> None:
    lines = [line for language, text in blocks(PAGES[0]) if language == "sh" for line in text.split("\n")]
    for file in ("docs/try.sh", "tests/run.sh"):
        assert lines.count(f"sh {file}") == 1
        assert subprocess.run(["sh", "-n", str(ROOT / file)], check=False).returncode == 0
    # what continuous integration runs is this line
    assert "README.md" in (ROOT / ".ci" / "run").read_text("utf-8")
    assert len(re.findall(r"^sh tests/run\.sh$", PAGES[0].read_text("utf-8"), re.MULTILINE)) == 1


def test_every_command_of_the_table_is_one_of_the_tool() -> None:
    known = run("capacity --help").stdout
    named = re.findall(r"^\| `capacity (\w+)", PAGES[0].read_text("utf-8"), re.MULTILINE)
    assert len(named) >= 6
    assert all(f"    {name} " in known for name in named)


def anchors(path: Path) -> set[str]:
    """The names of a page's headings, as a forge makes links of them."""
    heads = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        place = (page.parent / name).resolve() if name else page
        assert place.is_file(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(place), f"{page.name}: {target}"


def test_every_file_that_a_page_names_in_the_repository_is_there() -> None:
    pattern = r"`((?:tests|docs|capacity|notebooks|benchmarks)/[\w./-]+\.\w+)`"
    for page in PAGES:
        for name in re.findall(pattern, page.read_text("utf-8")):
            assert (ROOT / name).is_file(), f"{page.name}: {name}"
