"""Option files that lie beside the ones a server reads and that it never opens, or opens and ignores.

Looks only where the layouts keep option files (/etc/mysql and two levels below, /etc/my.cnf.d, the folders of the main
files), and lists a file only if it assigns something in a group that the server would read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from capacity.errors import NotReadable
from capacity.readers.option_lines import lines, text_of
from capacity.record import record
from capacity.root import Root
from capacity.settings import Assignment, NeverRead

MOST_FILES: Final = 300
"""Files looked into; the folders of a host hold a dozen."""

MOST_BYTES: Final = 1 << 20
"""A larger file is no option file."""

_FOLDERS: Final = (("/etc/mysql", 2), ("/etc/my.cnf.d", 1))
_NAME = re.compile(r"\.(?:cnf|ini)(?![a-z0-9])", re.IGNORECASE)


@record
class Visit:
    """What became of a file that the server came to: `read`, or why it was passed over."""

    outcome: str


def never_read(
    root: Root,
    visits: Mapping[str, Visit],
    main: Sequence[str],
    included: Collection[str],
    groups: Collection[str],
    defaults_file: str | None,
) -> tuple[NeverRead, ...]:
    """Files with options that the server would read if anything led it there.

    `visits` are the paths that it came to, `main` its main files, `included` the folders that an `!includedir` names,
    `defaults_file` the file that replaced the standard ones.
    """
    read = {_resolved(root, path) for path, visit in visits.items() if visit.outcome == "read"}
    folders = {_resolved(root, path) for path in included}
    found: list[NeverRead] = []
    seen: set[str] = set()
    for path in _candidates(root, main):
        place = _resolved(root, path)
        if place in read or place in seen:
            continue
        seen.add(place)
        assignments = _assignments(root, path, groups)
        if assignments:
            visit = visits.get(path)
            why = visit.outcome if visit else _why(root, path, folders, defaults_file)
            found.append(NeverRead(path, why, assignments))
    return tuple(found)


def _why(root: Root, path: str, folders: Collection[str], defaults_file: str | None) -> str:
    folder, _, name = path.rpartition("/")
    if _resolved(root, folder) in folders:
        return "its name does not end in .cnf"
    if defaults_file is not None and path in ("/etc/my.cnf", "/etc/mysql/my.cnf"):
        return f"--defaults-file={defaults_file} replaces the standard files"
    if not name.endswith(".cnf") and folder not in ("/etc", "/etc/mysql"):
        return f"no !includedir names {folder}, and its name does not end in .cnf"
    return f"no !includedir names {folder}" if folder != "/etc" else "no file of this name is read"


def _candidates(root: Root, main: Sequence[str]) -> Iterator[str]:
    """Paths of files that look like option files, each once, at most MOST_FILES."""
    folders = list(_FOLDERS)
    for path in main:
        folder = path.rpartition("/")[0]
        if folder.startswith("/") and folder not in ("/etc", "/etc/mysql"):
            folders.append((folder, 0))
    given: set[str] = set()
    for path in _etc(root):
        given.add(path)
        yield path
    for folder, depth in folders:
        for path in _files(root, folder, depth):
            if path in given:
                continue
            if len(given) >= MOST_FILES:
                return
            given.add(path)
            yield path


def _etc(root: Root) -> Iterator[str]:
    """Relatives of /etc/my.cnf: the one directory that holds everything else too."""
    for name in _names(root, "/etc"):
        if name.startswith(("my.cnf", "mysql.cnf", "mariadb.cnf")) and root.kind(f"/etc/{name}") == "file":
            yield f"/etc/{name}"


def _files(root: Root, folder: str, depth: int) -> Iterator[str]:
    for name in _names(root, folder):
        path = f"{folder}/{name}"
        kind = root.kind(path)
        if kind == "file" and _NAME.search(name):
            yield path
        elif kind == "dir" and depth > 0:
            yield from _files(root, path, depth - 1)


def _names(root: Root, folder: str) -> list[str]:
    try:
        return root.names(folder)
    except NotReadable:
        return []


def _resolved(root: Root, path: str) -> str:
    try:
        return root.resolve(path)
    except NotReadable:
        return path


def _assignments(root: Root, path: str, groups: Collection[str]) -> tuple[Assignment, ...]:
    """What a file would assign in the groups that are read; nothing for one that cannot be read or is too large."""
    try:
        if root.status(path).size > MOST_BYTES:
            return ()
        data = root.read(path)
    except NotReadable:
        return ()
    group, found = "", []
    for line in lines(data, path):
        if line.kind == "group":
            group = text_of(line.name).lower()
        elif line.kind == "option" and group in groups:
            value = None if line.value is None else text_of(line.value)
            found.append(Assignment(text_of(line.name), value, line.at, group))
    return tuple(found)
