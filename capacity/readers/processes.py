"""The processes of a host as /proc shows them: who they are, what they hold, in which cgroup they stand.

Sizes are whole bytes from /proc/PID/status and smaps_rollup (Documentation/filesystems/proc.rst); None is "not known",
never zero. Kernel threads and zombies hold no memory of their own and are left out.
Held against the running kernel in tests/real/test_proc_reader.py.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Final

from capacity.errors import Missing, NotReadable
from capacity.readers.masking import masked
from capacity.readers.proc import lines, number, odd, signed, unreadable
from capacity.record import record
from capacity.settings import File, Remark
from capacity.units import KiB

if TYPE_CHECKING:
    from capacity.root import Root

KTHREADD: Final = 2  # the parent of every kernel thread (kernel/kthread.c)

_SIZE = re.compile(r"(\d+) kB")


@record
class Process:
    """One process. `status` and `rollup` map the kernel's own field names to bytes; the properties name the usual ones.

    `words` is the command line with secrets masked. `rollup` is None where smaps_rollup could not be read (another
    user's process without the right to trace it): then `rollup_refused` says why. `own` marks the process that reads.
    """

    pid: int
    ppid: int | None
    comm: str
    words: tuple[str, ...]
    uid: int | None
    threads: int | None
    oom_score_adj: int | None
    cgroup: str | None
    cgroup_v1: str | None
    status: Mapping[str, int]
    rollup: Mapping[str, int] | None
    rollup_refused: str = ""
    own: bool = False
    remarks: tuple[Remark, ...] = field(default=(), compare=False)

    @property
    def at(self) -> File:
        """Where the figures stand."""
        return File(f"/proc/{self.pid}/status")

    def size(self, name: str) -> int | None:
        """Bytes under a field's own name: first of smaps_rollup (`Pss`, `Private_Dirty`), then of status (`VmHWM`)."""
        found = None if self.rollup is None else self.rollup.get(name)
        return self.status.get(name) if found is None else found

    @property
    def private(self) -> int | None:
        """Bytes that are this process's alone and are in RAM or swap: Private_Dirty + Swap, else RssAnon + VmSwap."""
        first, second = self.size("Private_Dirty"), self.size("Swap")
        if first is None or second is None:
            first, second = self.status.get("RssAnon"), self.status.get("VmSwap")
        return None if first is None or second is None else first + second


def processes(root: Root, *, rollups: bool = True) -> list[Process]:
    """The processes under /proc in the order of their numbers; [] where there is no /proc.

    `rollups=False` leaves smaps_rollup unread (it costs about 7 ms per resident GiB and holds the process's map lock).
    A process that ends while it is read is left out.
    """
    try:
        names = root.names("/proc")
    except NotReadable:
        return []
    pids = sorted(int(name) for name in names if name.isascii() and name.isdigit() and len(name) <= 10)
    found = (_process(root, pid, rollups) for pid in pids)
    return [process for process in found if process is not None]


def _process(root: Root, pid: int, rollups: bool) -> Process | None:
    folder = f"/proc/{pid}"
    remarks: list[Remark] = []
    try:
        status, plain = _status(root, f"{folder}/status", remarks)
        words = tuple(_text(root.read(f"{folder}/cmdline")).rstrip("\0").split("\0"))
    except Missing:
        return None
    except NotReadable as error:  # ESRCH of a process that has just ended, or a damaged copy
        if root.kind(f"{folder}/status") != "file":
            return None
        remarks.append(unreadable(error))
        status, plain, words = {}, {}, ("",)
    parent = number(plain.get("PPid", ""))
    if plain.get("State", "").startswith(("Z", "X")):
        return None
    if words == ("",):
        words = ()
        if pid == KTHREADD or parent == KTHREADD or plain.get("Kthread") == "1":
            return None
    rollup, refused = _rollup(root, f"{folder}/smaps_rollup", remarks) if rollups else (None, "not asked for")
    unified, memory = _cgroups(root, f"{folder}/cgroup", remarks)
    return Process(
        pid=pid,
        ppid=parent,
        comm=plain.get("Name", ""),
        words=masked(words),
        uid=number(plain.get("Uid", "").split("\t")[0]),
        threads=number(plain.get("Threads", "")),
        oom_score_adj=_adjustment(root, f"{folder}/oom_score_adj", remarks),
        cgroup=unified,
        cgroup_v1=memory,
        status=status,
        rollup=rollup,
        rollup_refused=refused,
        own=root.live and pid == os.getpid(),
        remarks=tuple(remarks),
    )


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _status(root: Root, path: str, remarks: list[Remark]) -> tuple[dict[str, int], dict[str, str]]:
    """Sizes in bytes and the other fields as text. Raises NotReadable."""
    found: dict[str, int] = {}
    plain: dict[str, str] = {}
    for at, line in lines(root, path):
        name, colon, rest = line.partition(":")
        rest = rest.strip(" \t")
        if not colon:
            remarks.append(odd(path, at, line))
        elif name.startswith(("Vm", "Rss", "Hugetlb")):
            size = _size(rest)
            if size is None:
                remarks.append(odd(path, at, line))
            else:
                found[name] = size
        else:
            plain[name] = rest
    return found, plain


def _size(text: str) -> int | None:
    match = _SIZE.fullmatch(text)
    count = None if match is None else number(match[1])
    return None if count is None else count * KiB


def _rollup(root: Root, path: str, remarks: list[Remark]) -> tuple[dict[str, int] | None, str]:
    found: dict[str, int] = {}
    try:
        for at, line in lines(root, path):
            name, colon, rest = line.partition(":")
            if at == 1 and line.endswith("[rollup]"):
                continue
            size = _size(rest.strip()) if colon else None
            if size is None:
                if line.strip():
                    remarks.append(odd(path, at, line))
                continue
            found[name] = size
    except NotReadable as error:
        return None, error.why
    return (found, "") if found else (None, "empty")


def _cgroups(root: Root, path: str, remarks: list[Remark]) -> tuple[str | None, str | None]:
    """(path in the unified hierarchy, path in the v1 memory hierarchy), as proc_cgroup_show prints them."""
    unified = memory = None
    try:
        for at, line in lines(root, path):
            parts = line.split(":", 2)
            if len(parts) < 3:
                if line.strip():
                    remarks.append(odd(path, at, line))
            elif parts[0] == "0" and not parts[1]:
                unified = parts[2]
            elif "memory" in parts[1].split(","):
                memory = parts[2]
    except NotReadable as error:
        remarks.append(unreadable(error))
    return unified, memory


def _adjustment(root: Root, path: str, remarks: list[Remark]) -> int | None:
    try:
        at, line = next(lines(root, path))
    except NotReadable as error:
        remarks.append(unreadable(error))
        return None
    value = signed(line.strip())
    if value is None or not -1000 <= value <= 1000:
        remarks.append(odd(path, at, line))
        return None
    return value
