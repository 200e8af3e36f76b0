"""A process that was only seen running, or that the caller declared: at its measured figure, which is no bound.

Private_Dirty + Swap of /proc/PID/smaps_rollup is what the process alone holds; where that may not be read, RssAnon +
VmSwap of /proc/PID/status. Shared memory is taken once, as the sum of Pss_Shmem (Documentation/filesystems/proc.rst).
Processes of one name in one control group that hold the same are one service with a count, others one each sum.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar

from capacity.arithmetic import Number
from capacity.readers import processes as seen
from capacity.service import Exposure, Service, claim
from capacity.settings import Given, Measured, Setting, assumption

if TYPE_CHECKING:
    from capacity.services.site import Site

_PHP_CLI = re.compile(r"php\d*(\.\d+)?")


@dataclass(frozen=True, eq=False, kw_only=True)
class Process(Service):
    """Processes of one name in one control group, at what they hold now. Bytes."""

    program: ClassVar[str] = "process"

    comm: str = ""
    pids: tuple[int, ...] = ()
    processes: Number = assumption(1, "Processes that hold this much each.")
    private: Number = assumption(0, "Bytes that each process alone holds, in RAM and in swap.", size=True)
    shared: Number = assumption(0, "Bytes of shared memory of these processes together, each page once.", size=True)
    tables: Number = assumption(0, "Page tables of these processes together.", size=True)

    @claim(process="seen running", count="processes", kind="private")
    def held(self) -> Number:
        """What each process alone holds now, RAM and swap (smaps_rollup: Private_Dirty + Swap)."""
        return self.private

    @claim(process="seen running", kind="shared")
    def shared_memory(self) -> Number:
        """Shared memory that these processes map, each page once (smaps_rollup: Pss_Shmem)."""
        return self.shared

    @claim(process="seen running", kind="kernel")
    def page_tables(self) -> Number:
        """Page tables of these processes (/proc/PID/status: VmPTE)."""
        return self.tables

    @property
    def is_php_worker(self) -> bool:
        """Whether these are PHP command-line processes, which may be clients of a database."""
        return _PHP_CLI.fullmatch(self.comm) is not None

    def exposures(self) -> Iterator[Exposure]:
        """A measured figure is no bound."""
        if self.known["private"].origin.kind == "measured":
            yield Exposure(
                self.name, f"growth of {self.name}", "its figure was measured; no setting that is read here bounds it",
                "MemoryMax= in its unit or slice",
            )  # fmt: skip


def read(site: Site) -> Iterator[Process]:
    """Every process that no other service priced, and every declared one."""
    rest = [process for process in site.processes if process.pid not in site.priced]
    rest.sort(key=lambda process: (process.comm, process.cgroup or "", process.pid))
    groups = [list(members) for _, members in groupby(rest, lambda process: (process.comm, process.cgroup or ""))]
    names = [members[0].comm for members in groups]
    for members in groups:
        yield _seen(members, alone=names.count(members[0].comm) == 1)
    for one in site.declared:
        known = {
            "private": Setting("private", one.each, Given("by --process")),
            "processes": Setting("processes", one.count, Given("by --process")),
        }
        yield Process(name=one.name, comm=one.name, known=known)


def _seen(members: list[seen.Process], *, alone: bool) -> Process:
    first = members[0]
    cgroup = first.cgroup or ""
    where = cgroup.rsplit("/", 1)[-1] or str(first.pid)
    name = first.comm if alone else f"{first.comm}@{where}"
    held = [process.private or 0 for process in members]
    same = len(set(held)) == 1
    known = {
        "processes": _figure("processes", len(members) if same else 1, members, "counted"),
        "private": _figure("private", held[0] if same else sum(held), members, "Private_Dirty + Swap"),
        "shared": _figure("shared", _shared(members), members, "Pss_Shmem"),
        "tables": _figure("tables", sum(process.size("VmPTE") or 0 for process in members), members, "VmPTE"),
    }
    pids = tuple(process.pid for process in members)
    return Process(name=name, comm=first.comm, pids=pids, cgroup=cgroup, known=known)


def _shared(members: list[seen.Process]) -> int:
    if all(process.size("Pss_Shmem") is not None for process in members):
        return sum(process.size("Pss_Shmem") or 0 for process in members)
    # without smaps_rollup nobody says which pages are the same; those that share a name share most of them
    return max(process.size("RssShmem") or 0 for process in members)


def _figure(name: str, value: int, members: list[seen.Process], field: str) -> Setting:
    paths = ", ".join(f"/proc/{process.pid}" for process in members[:4])
    more = f" and {len(members) - 4} more" if len(members) > 4 else ""
    return Setting(name, value, Measured(f"{field} of {paths}{more}"))
