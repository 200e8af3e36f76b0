"""Writes what these pages say of the tool itself: `python docs/generate.py` after any change, and commit the result.

Made anew are the parts between `<!-- generated: begin NAME -->` and `<!-- generated: end -->`, the output of every
console and Python block (`blocks`), docs/rules.md, and the pictures (`make_pictures`). What stands outside of them is
written by hand and never touched. With `--check` nothing is written: stale pages are named, and the exit code is 1.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import blocks
import datasheets
import make_pictures
import rooms

from capacity.memory import LINES, Memory
from capacity.rules import all_rules, page
from capacity.services.php_fpm.layouts import TABLE

DOCS: Final = Path(__file__).resolve().parent
ROOT: Final = DOCS.parent
END: Final = "<!-- generated: end -->"
PART: Final = re.compile(r"<!-- generated: begin ?(\w*) -->\n(.*?)" + END, re.DOTALL)
PICTURE: Final = re.compile(r"!\[[^\]]*\]\((?:docs/)?(\w+\.png)\)")


def parts() -> Mapping[str, Callable[[], str]]:
    """Every generated part of a hand-written page, by the name in its marker; a service's own part has none."""
    return {
        "rooms": rooms.table, "ladder": rooms.ladder, "layouts": layouts, "limits": rooms.limits,
        "budget": lambda: datasheets.budget(LINES), "memory": lambda: datasheets.fields(Memory),
    }  # fmt: skip


def layouts() -> str:
    """Where PHP-FPM keeps its files, as `layouts.TABLE` has it."""
    rows = [(one.name, one.main, one.config, one.scan, one.unit) for one in TABLE]
    head = ("layout", "main file", "php.ini in", "scanned folder", "unit")
    return datasheets.table(head, ([row[0], *(f"`{cell}`" for cell in row[1:])] for row in rows))


def rules() -> str:
    """The page of every rule: its docstring."""
    text = [
        "# Rules\n\nMade from the rules themselves by `docs/generate.py`; `capacity rule CODE` prints the same. A rule "
        "of one\nprogram stands with that program, a rule of the whole host in `capacity/rules/`.\n"
    ]
    for code, rule in all_rules().items():
        _, fault, *rest = page(code)
        said = re.sub(r"\n(Why|Fix|Source):", r"\n\n**\1:**", "\n".join(rest)).strip("\n")
        text.append(f"## {code}: {rule.name.replace('_', ' ')}\n\n{fault}\n\n{said}\n")
    return "\n".join(text)


def pages() -> Iterator[tuple[Path, str]]:
    """(path, text as it should be) of every page."""
    yield DOCS / "rules.md", rules()
    services = datasheets.pages()
    for name, generated in services.items():
        path = DOCS / "services" / f"{name}.md"
        text = path.read_text("utf-8") if path.is_file() else f"# {name}\n"
        if not PART.search(text):
            text = f"{text.rstrip()}\n\n<!-- generated: begin -->\n{END}\n"
        yield path, blocks.fresh(filled(text, {"": lambda made=generated: made}))
    others = sorted(path for path in DOCS.glob("*.md") if path.name != "rules.md")
    for path in (ROOT / "README.md", *others):
        yield path, PICTURE.sub(_picture, blocks.fresh(filled(path.read_text("utf-8"), parts())))


def filled(text: str, made: Mapping[str, Callable[[], str]]) -> str:
    """`text` with every generated part in it as it should be. Raises KeyError for a part that nobody makes."""

    def one(match: re.Match[str]) -> str:
        name = f" {match[1]}" if match[1] else ""
        return f"<!-- generated: begin{name} -->\n{made[match[1]]().strip()}\n{END}"

    return PART.sub(one, text)


def _picture(match: re.Match[str]) -> str:
    """A picture's tag with the words for those who cannot see it as they are now."""
    if match[1] not in make_pictures.PICTURES:
        return match[0]
    return re.sub(r"!\[[^\]]*\]", f"![{make_pictures.alternative(match[1])}]", match[0])


def main(arguments: list[str]) -> int:
    """Writes the stale pages, or only names them; returns the exit code."""
    stale = [(path, text) for path, text in pages() if not path.is_file() or path.read_text("utf-8") != text]
    pictures = make_pictures.stale()
    for name in [*(str(path.relative_to(ROOT)) for path, _ in stale), *(f"docs/{name}" for name in pictures)]:
        print(f"{name} is stale" if "--check" in arguments else f"wrote {name}")
    if "--check" in arguments:
        return 1 if stale or pictures else 0
    for path, text in stale:
        path.write_text(text, "utf-8")
    for name in pictures:
        make_pictures.draw(name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
