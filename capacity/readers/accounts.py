"""Users and groups of a host from its own /etc/passwd and /etc/group (passwd(5), group(5), as glibc's `files` reads).

Other sources of accounts (LDAP, sssd, DynamicUser=) are not in a tree: an account that is not found is not known, which
is not the same as not existing. Password fields are never kept or shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from capacity.errors import NotReadable
from capacity.record import record
from capacity.settings import File

if TYPE_CHECKING:
    from capacity.root import Root


@record
class Account:
    """A user: `gids` are the primary group and every group that lists the user."""

    name: str
    uid: int
    gid: int
    gids: frozenset[int]
    home: str
    shell: str
    at: File


def account(root: Root, user: str | int) -> Account | None:
    """The account of a user's name or number; the first line of /etc/passwd that fits. None where none does.

    A name made of digits is a name first and a number second, as with chown(1).
    """
    entries = list(_entries(root, "/etc/passwd", 7))
    wanted = str(user)
    found = next((entry for entry in entries if entry[1][0] == wanted and not isinstance(user, int)), None)
    if found is None and _number(wanted) is not None:
        found = next((entry for entry in entries if _number(entry[1][2]) == int(wanted)), None)
    if found is None:
        return None
    line, (name, _, uid, gid, _, home, shell) = found
    own, primary = _number(uid), _number(gid)
    if own is None or primary is None:
        return None
    return Account(name, own, primary, _groups_of(root, name) | {primary}, home, shell, File("/etc/passwd", line))


def group_number(root: Root, group: str | int) -> int | None:
    """The number of a group's name; a number is itself. None where /etc/group does not have it."""
    wanted = str(group)
    if not isinstance(group, int):
        for _, fields in _entries(root, "/etc/group", 4):
            if fields[0] == wanted:
                return _number(fields[2])
    return _number(wanted)


def _groups_of(root: Root, name: str) -> frozenset[int]:
    numbers = (_number(fields[2]) for _, fields in _entries(root, "/etc/group", 4) if name in fields[3].split(","))
    return frozenset(one for one in numbers if one is not None)


def _entries(root: Root, path: str, fields: int) -> list[tuple[int, list[str]]]:
    try:
        text = root.read(path).decode("utf-8", "surrogateescape")
    except NotReadable:
        return []
    rows = ((at, line.split(":", fields - 1)) for at, line in enumerate(text.split("\n"), 1))
    return [(at, row) for at, row in rows if len(row) == fields and row[0] and row[0][0] not in "#+-"]


def _number(text: str) -> int | None:
    """A uid or gid: 32 bits, the last two values mean "none"."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 and int(text) < 2**32 - 2 else None
