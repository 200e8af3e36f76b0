"""Memory limits and figures of the control groups in a tree (admin-guide/cgroup-v2.rst; cgroup-v1/memory.rst).

Version 2 stands under /sys/fs/cgroup, the memory controller of version 1 under /sys/fs/cgroup/memory. Values are whole
bytes; "no limit" is UNLIMITED: `max` in version 2, 2^62 bytes and more in version 1 (written -1, read back as
9223372036854771712, measured). An absent file is None, a file that cannot be understood is UNKNOWN with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, Final

from capacity.arithmetic import UNKNOWN, UNLIMITED
from capacity.errors import NotReadable
from capacity.readers.proc import lines, number, odd, unreadable
from capacity.record import record
from capacity.settings import File, NotKnown, Remark, Setting

if TYPE_CHECKING:
    from capacity.root import Root

V2: Final = "/sys/fs/cgroup"
V1: Final = "/sys/fs/cgroup/memory"
NO_LIMIT_V1: Final = 1 << 62  # the real word is PAGE_COUNTER_MAX pages, 2^63 rounded down to a page
MAX_DEPTH: Final = 16
MAX_GROUPS: Final = 20_000

_CONTROLLERS = "cgroup|memory|cpu|cpuset|cpuacct|io|blkio|pids|hugetlb|rdma|misc"
_INTERFACE = re.compile(rf"(?:{_CONTROLLERS})\.(?!(?:slice|service|scope)$)")

_FILES: Final[Mapping[int, Mapping[str, str]]] = {
    2: {
        "max": "memory.max",
        "high": "memory.high",
        "swap_max": "memory.swap.max",
        "current": "memory.current",
        "peak": "memory.peak",
        "oom_group": "memory.oom.group",
    },
    1: {
        "max": "memory.limit_in_bytes",
        "high": "memory.soft_limit_in_bytes",
        "memsw_max": "memory.memsw.limit_in_bytes",
        "current": "memory.usage_in_bytes",
        "peak": "memory.max_usage_in_bytes",
    },
}


@record
class CGroup:
    """One control group. `path` is as in /proc/PID/cgroup (`/system.slice/nginx.service`), `version` is 1 or 2.

    `max` is the wall; `high` only slows (version 1: a soft limit that reclaims); `swap_max` is version 2's limit of
    swap alone, `memsw_max` version 1's limit of RAM and swap together. `stat` is memory.stat in the kernel's words.
    """

    path: str
    version: int
    max: Setting | None = None
    high: Setting | None = None
    swap_max: Setting | None = None
    memsw_max: Setting | None = None
    current: Setting | None = None
    peak: Setting | None = None
    oom_group: Setting | None = None
    stat: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = field(default=(), compare=False)

    @property
    def name(self) -> str:
        """The last part of the path: the unit's name where systemd made the group; `/` for the root."""
        return self.path.rsplit("/", 1)[-1] or "/"


def version(root: Root) -> int | None:
    """Which version holds the memory controller in this tree: 1, 2, or None where no control groups are to be seen.

    Version 1 where its own folder has memory's files; a version 2 tree without `cgroup.controllers` is a partial copy.
    """
    if root.kind(f"{V2}/cgroup.controllers") == "file":
        return 2
    if root.kind(f"{V1}/memory.limit_in_bytes") == "file" or root.kind(f"{V1}/memory.usage_in_bytes") == "file":
        return 1
    if root.kind(V2) != "dir":
        return None
    return 1 if root.kind(V1) == "dir" and not root.glob(f"{V2}/*.slice") else 2


def group(root: Root, path: str) -> CGroup | None:
    """The group at `path`, or None where the tree does not have it (or has no control groups at all)."""
    which = version(root)
    return None if which is None else _group(root, which, _parts(path))


def limits(root: Root, path: str) -> tuple[CGroup, ...]:
    """The group at `path` and every group above it that is in the tree, innermost first, the root last.

    A limit in force on a process is the smallest `max` among them.
    """
    which = version(root)
    if which is None:
        return ()
    parts = _parts(path)
    found = (_group(root, which, parts[:depth]) for depth in range(len(parts), -1, -1))
    return tuple(one for one in found if one is not None)


def groups(root: Root, *, depth: int = MAX_DEPTH, number_of_groups: int = MAX_GROUPS) -> dict[str, CGroup]:
    """Every group of the tree by its path, parents before children; stops at `depth` levels or `number_of_groups`.

    Where it stopped short, the root group (`/`) carries a Remark that says so.
    """
    which = version(root)
    if which is None:
        return {}
    found: dict[str, CGroup] = {}
    cut = False
    for parts in _walk(root, which, (), depth):
        if len(found) >= number_of_groups:
            cut = True
            break
        one = _group(root, which, parts)
        if one is not None:
            found[one.path] = one
            cut = cut or len(parts) == depth
    if cut and "/" in found:
        note = Remark(File(_folder(which, ())), f"not every group was read: {depth} levels, {number_of_groups} groups")
        found["/"] = replace(found["/"], remarks=(*found["/"].remarks, note))
    return found


def _walk(root: Root, which: int, parts: tuple[str, ...], depth: int) -> Iterator[tuple[str, ...]]:
    yield parts
    if len(parts) >= depth:
        return
    folder = _folder(which, parts)
    try:
        names = root.names(folder)
    except NotReadable:
        return
    for name in names:
        if _INTERFACE.match(name):
            continue  # files of the controllers: not worth a look each
        if root.kind(f"{folder}/{name}") == "dir":
            yield from _walk(root, which, (*parts, name), depth)


def _parts(path: str) -> tuple[str, ...]:
    """The parts of a path as /proc/PID/cgroup prints it; `..` (a group outside of the namespace) ends at the root."""
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    return () if ".." in parts else parts[: 4 * MAX_DEPTH]


def _folder(which: int, parts: tuple[str, ...]) -> str:
    return "/".join((V2 if which == 2 else V1, *parts))


def _group(root: Root, which: int, parts: tuple[str, ...]) -> CGroup | None:
    folder = _folder(which, parts)
    if root.kind(folder) != "dir":
        return None
    remarks: list[Remark] = []
    values = {
        field_name: _value(root, which, f"{folder}/{file}", file, remarks) for field_name, file in _FILES[which].items()
    }
    return CGroup(
        path="/" + "/".join(parts),
        version=which,
        stat=_stat(root, f"{folder}/memory.stat", remarks),
        remarks=tuple(remarks),
        **values,
    )


def _value(root: Root, which: int, path: str, name: str, remarks: list[Remark]) -> Setting | None:
    try:
        at, line = next(lines(root, path))
    except NotReadable as error:
        if root.kind(path) == "missing":
            return None
        remarks.append(unreadable(error))
        return Setting(name, UNKNOWN, NotKnown(error.why, File(path)))
    text = line.strip()
    where = File(path, at, (1, len(text) + 1), text[:200])
    if which == 2 and text == "max":
        return Setting(name, UNLIMITED, where, text)
    value = number(text)
    if value is None:
        remarks.append(odd(path, at, line))
        return Setting(name, UNKNOWN, NotKnown("not in the form that the kernel writes", where), text[:200])
    if which == 1 and "limit" in name and value >= NO_LIMIT_V1:
        return Setting(name, UNLIMITED, where, text)
    return Setting(name, value, where, text)


def _stat(root: Root, path: str, remarks: list[Remark]) -> dict[str, int]:
    found: dict[str, int] = {}
    try:
        for at, line in lines(root, path):
            name, _, text = line.partition(" ")
            value = number(text)
            if value is None:
                if line:
                    remarks.append(odd(path, at, line))
                continue
            found[name] = value
    except NotReadable as error:
        if root.kind(path) == "file":
            remarks.append(unreadable(error))
    return found
