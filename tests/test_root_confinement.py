"""Nothing outside of a tree is opened, listed or even looked at, over hundreds of trees made to lead outside.

An audit hook cannot be taken off again, so this file runs itself in a process of its own. The hook sees open, listdir
and scandir; lstat, stat and readlink have no audit event and are watched by wrapping them. Each path that the operating
system was asked for is checked twice: as text, and as where the system itself would end with every link followed.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

NAMES = ("etc", "proc", "a", "b", "c.conf", "self", "1", "root")


def targets(chance: random.Random, top: str) -> str:
    """Where a link may lead: inside, outside, round in a circle, up and up."""
    inside = "/".join(chance.choice((*NAMES, "..", ".")) for _ in range(chance.randint(1, 4)))
    outside = (f"{top}/../secret", "/etc/passwd", "/etc", "/proc/self/root/etc/passwd", "/", "/proc/self/fd/0", "/tmp")
    return chance.choice((inside, f"/{inside}", "../" * chance.randint(1, 9) + inside, *outside, f"{top}/../secrets/x"))


def grow(chance: random.Random, folder: str, top: str, depth: int = 0) -> None:
    """A tree of files, flattened links, links and FIFOs."""
    for name in chance.sample(NAMES, chance.randint(1, 5)):
        path = f"{folder}/{name}"
        what = chance.random()
        if what < 0.4 and depth < 3:
            os.mkdir(path)
            grow(chance, path, top, depth + 1)
        elif what < 0.75:
            os.symlink(targets(chance, top), path)
        elif what < 0.8:
            os.mkfifo(path)
        else:
            text = targets(chance, top) if chance.random() < 0.5 else "text\n"
            Path(path).write_text(text, encoding="utf-8")


def ask_everything(root: object, chance: random.Random) -> int:
    """Every question to a root, with paths and patterns that lead anywhere; the number of files that were read."""
    from capacity.errors import CapacityError

    read = 0
    for _ in range(60):
        path = "/" + "/".join(chance.choice((*NAMES, "..", "*", "[a-c]*")) for _ in range(chance.randint(1, 5)))
        for found in [path, *root.glob(path)][:50]:
            root.kind(found)
            root.readable_by(found, 33, frozenset({33}))
            for question in (root.resolve, root.status, root.names, root.read):
                try:
                    read += isinstance(question(found), bytes)
                except CapacityError:
                    continue
    return read


def watch() -> list[str]:
    """Paths that the operating system is asked for from now on, in a list that grows."""
    seen: list[str] = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in ("open", "os.listdir", "os.scandir", "os.chdir", "os.walk", "glob.glob"):
            seen.append(
                os.fsdecode(arguments[0]) if isinstance(arguments[0], (str, bytes)) else f"not a path: {arguments}"
            )

    def watched(name: str) -> None:
        original = getattr(os, name)

        def asked(path: str, *rest: object, **named: object) -> object:
            if (name, path) != ("stat", "/"):  # compared with the tree itself: is it the running machine?
                seen.append(f"{os.path.dirname(path)}/" if name != "stat" else path)
            return original(path, *rest, **named)

        setattr(os, name, asked)

    for name in ("stat", "lstat", "readlink"):
        watched(name)
    sys.addaudithook(hook)
    return seen


def main(top: str, trees: int) -> None:
    """Prints how many files were read and which of the paths asked for lead outside."""
    from capacity.root import open_root

    if not os.path.exists(f"{top}/secret"):
        Path(f"{top}/secret").write_text("outside", encoding="utf-8")
        os.mkdir(f"{top}/secrets")
    open_root(top).kind("/secret")  # imports what it needs
    real = os.path.realpath
    grown = []
    for number in range(trees):
        folder = f"{top}/tree{number}"
        os.mkdir(folder)
        grow(random.Random(number), folder, folder)
        grown.append(folder)
    seen = watch()
    asked, read = [], 0
    for number, folder in enumerate(grown):
        root = open_root(folder)
        read += ask_everything(root, random.Random(number))
        asked += [(folder, path) for path in seen]
        seen.clear()
    outside = {
        path
        for folder, path in set(asked)
        for place in (path, real(path))
        if (place.rstrip("/") != folder and not place.startswith(f"{folder}/")) or ".." in path.split("/")
    }
    print(json.dumps({"asked": len(asked), "read": read, "outside": sorted(outside)[:20]}))


def test_nothing_outside_is_opened_listed_or_looked_at(tmp_path: Path) -> None:
    package = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path.resolve()), "250"],
        capture_output=True, check=False, env={**os.environ, "PYTHONPATH": package},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    assert found["outside"] == []
    assert found["asked"] > 5000
    assert found["read"] > 500


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
