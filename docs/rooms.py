"""The house as it stands: every module with the first line of its docstring, the ladder, limits of the file layer."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from datasheets import table as of_rows

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGE: Final = ROOT / "capacity"


def table() -> str:
    """Every module of the package, in the order of the folders, with the first sentence of its docstring."""
    rows = [(f"`{path.relative_to(PACKAGE)}`", said) for path in modules() if (said := first_sentence(path))]
    return of_rows(("module", "what it is"), rows)


def modules() -> Iterator[Path]:
    """The modules of the package: those at the top first, then folder by folder."""
    paths = PACKAGE.rglob("*.py")
    yield from sorted(paths, key=lambda path: (path.parent.relative_to(PACKAGE).parts, path.name))


def first_sentence(path: Path) -> str:
    """The first line of a module's docstring; empty for an empty module."""
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n", 1)[0]


def ladder() -> str:
    """The rungs as the test has them, the lowest first."""
    tree = ast.parse((ROOT / "tests" / "test_ladder.py").read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "RUNGS":
            rungs = ast.literal_eval(node.value)
            named = (", ".join(f"`{room}`" for room in rung) for rung in rungs)
            return "\n".join(f"{height}. {rooms}" for height, rooms in enumerate(named, 1))
    raise LookupError("RUNGS")


def limits() -> str:
    """The limits of the file layer, each with the comment that stands beside it."""
    rows: list[tuple[str, str, str]] = []
    for name in ("base", "archive", "stream", "sparse"):
        values = vars(importlib.import_module(f"capacity.root.{name}"))
        for line in (PACKAGE / "root" / f"{name}.py").read_text("utf-8").split("\n"):
            match = re.match(r"(MAX_\w+|FREE|XZ_MEMORY) = [^#]+?(?:  # (.*))?$", line)
            if match:
                rows.append((f"`{match[1]}`", f"{values[match[1]]:,}", match[2] or ""))
    return of_rows(("limit", "value", "of what"), rows)
