"""Imports climb one ladder only."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "capacity"
RUNGS = [
    ("errors", "arithmetic", "units", "record"),
    ("settings",),
    ("claims", "service", "findings", "evidence"),
    ("root",),
    ("readers",),
    ("services",),
    ("memory", "walls", "couplings", "bill", "formula", "shares", "table", "kernel", "host", "reading", "examples"),
    ("rules",),
    ("frames", "plots", "report"),
    ("cli",),
]
HEIGHT = {room: height for height, rooms in enumerate(RUNGS) for room in rooms}


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0].removesuffix(".py")


def imports(path: Path) -> list[tuple[int, str]]:
    """(line, room) of every import of the package that runs when the module is loaded."""
    tree = ast.parse(path.read_text("utf-8"))
    found: list[tuple[int, str]] = []

    def walk(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                continue  # what a function loads when it is called is its own business
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.ImportFrom) and (child.module or "").startswith("capacity"):
                module = (child.module or "").split(".")
                found.extend(
                    (child.lineno, room) for room in ([module[1]] if module[1:] else [a.name for a in child.names])
                )
            elif isinstance(child, ast.Import):
                found.extend(
                    (child.lineno, a.name.split(".")[1]) for a in child.names if a.name.startswith("capacity.")
                )
            walk(child)

    walk(tree)
    return found


def test_every_room_stands_on_a_rung() -> None:
    rooms = {room_of(path) for path in PACKAGE.rglob("*.py")} - {"__init__", "__main__"}
    assert rooms == set(HEIGHT)


def test_no_import_climbs_down_the_ladder() -> None:
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        room = room_of(path)
        if room in {"__init__", "__main__"}:
            continue
        for line, other in imports(path):
            if HEIGHT[other] > HEIGHT[room]:
                wrong.append(f"{path.relative_to(PACKAGE)}:{line} {room} imports {other}")
    assert wrong == []


def test_readers_know_no_memory() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)}:{line} {other}"
        for path in sorted((PACKAGE / "readers").rglob("*.py"))
        for line, other in imports(path)
        if other in {"service", "services", "bill", "memory"}
    ]
    assert wrong == []


def test_the_walk_sees_an_import_that_climbs_down(tmp_path) -> None:
    module = tmp_path / "x.py"
    module.write_text("from capacity.cli import main\nimport capacity.bill\n")
    assert imports(module) == [(1, "cli"), (2, "bill")]
