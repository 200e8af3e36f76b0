"""What systemd itself makes of a tree of units: `systemd --test --system`, which loads units and prints them.

It runs as nobody (it refuses root), changes nothing and ends by itself. The search path is pointed into the tree, so
links in it have to be relative.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from capacity.readers.systemd.names import SEARCH

BINARY = shutil.which("systemd") or "/lib/systemd/systemd"
NOBODY = 65534
TARGET = "everything.target"


def write_tree(tree: Path, files: Mapping[str, str | bytes], wanted: tuple[str, ...] = ()) -> Path:
    """Files by path in the host; text of the form `-> target` makes a link. `wanted` units are pulled in by TARGET."""
    for home in SEARCH:
        (tree / home[1:]).mkdir(parents=True, exist_ok=True)
    stubs = {f"/usr/lib/systemd/system/{name}": "[Unit]\n" for name in ("sysinit.target", "basic.target")}
    wants = "".join(f"Wants={name}\n" for name in wanted)
    target = {f"/usr/lib/systemd/system/{TARGET}": f"[Unit]\n{wants}"}
    for path, content in {**stubs, **target, **files}.items():
        place = tree / path[1:]
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str) and content.startswith("-> "):
            place.symlink_to(content[3:])
        else:
            place.write_bytes(content.encode() if isinstance(content, str) else content)
    for place in (tree, *tree.rglob("*")):
        if not place.is_symlink():
            place.chmod(0o755 if place.is_dir() else 0o644)
    for above in tree.parents:
        if above.stat().st_uid == os.getuid() and above != Path("/"):
            above.chmod(above.stat().st_mode | 0o055)
    return tree


def loaded(tree: Path, unit: str = TARGET, env: Mapping[str, str] | None = None) -> dict[str, dict[str, list[str]]]:
    """Each unit that is loaded on the way to `unit`: property name to its values, as `systemd --test` prints them."""
    path = ":".join(f"{tree}{home}" for home in SEARCH)
    small = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "SYSTEMD_LOG_TARGET": "console"}
    done = subprocess.run(
        [BINARY, "--test", "--system", f"--unit={unit}", "--no-pager"],
        env={**small, "SYSTEMD_UNIT_PATH": path, **(env or {})},
        cwd="/",
        user=NOBODY if os.geteuid() == 0 else None,
        group=NOBODY if os.geteuid() == 0 else None,
        extra_groups=[] if os.geteuid() == 0 else None,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    units: dict[str, dict[str, list[str]]] = {}
    current: dict[str, list[str]] = {}
    section = ""
    for line in done.stdout.decode("utf-8", "surrogateescape").split("\n"):
        text = line.lstrip("\t")
        depth = len(line) - len(text)
        if depth == 1 and text.startswith("-> Unit "):
            current = units.setdefault(text.removeprefix("-> Unit ").removesuffix(":"), {})
            section = ""
        elif depth == 2 and text.startswith("-> "):
            section = text.removeprefix("-> ").removesuffix(":") + "."
        elif depth >= 2:
            name, _, value = text.partition(": ")
            current.setdefault((section if depth > 2 else "") + name.removesuffix(":"), []).append(value)
    assert units, f"systemd printed nothing: {done.stderr.decode(errors='replace')[-2000:]}"
    return units
