"""A process that was only seen running, or that the caller declared: at its measured figure, which is no bound.

Private_Dirty + Swap of /proc/PID/smaps_rollup is what the process alone holds; where that may not be read, RssAnon +
VmSwap of /proc/PID/status. Shared memory is taken once, as the sum of Pss_Shmem (Documentation/filesystems/proc.rst).
Processes of one name in one control group that hold the same are one service with a count, others one each sum.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar, Final

from capacity.arithmetic import UNKNOWN, Number
from capacity.readers import processes as seen
from capacity.service import Exposure, Service, claim
from capacity.settings import Given, Measured, NotKnown, Setting, assumption

if TYPE_CHECKING:
    from capacity.services.site import Site

SIZES: Final = ("/status", "/smaps_rollup")  # of a process: where its sizes stand
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
    names = _names(groups)
    for members, name in zip(groups, names, strict=True):
        sizes = (remark for process in members for remark in process.remarks if remark.at.path.endswith(SIZES))
        site.remarks += [replace(remark, lost=True) for remark in sizes]
        yield _seen(members, name)
    for one in site.declared:
        known = {
            "private": Setting("private", one.each, Given("by --process")),
            "processes": Setting("processes", one.count, Given("by --process")),
        }
        name = one.name if one.name not in names else f"{one.name}@declared"
        yield Process(name=name, comm=one.name, known=known)


def _names(groups: list[list[seen.Process]]) -> list[str]:
    """A name for each: the program's, with its control group's where several have it, the whole path if need be."""
    short = [members[0].comm for members in groups]
    paths = [members[0].cgroup or f"/{members[0].pid}" for members in groups]
    longer = [f"{name}@{path.rsplit('/', 1)[-1] or '/'}" for name, path in zip(short, paths, strict=True)]
    return [
        name if short.count(name) == 1 else with_end if longer.count(with_end) == 1 else f"{name}@{path}"
        for name, with_end, path in zip(short, longer, paths, strict=True)
    ]


def _seen(members: list[seen.Process], name: str) -> Process:
    held = [process.private for process in members]
    same = len(set(held)) == 1
    rollups = all(process.rollup is not None for process in members)
    shared = [process.size("Pss_Shmem" if rollups else "RssShmem") for process in members]
    how = "Private_Dirty + Swap" if rollups else "RssAnon + VmSwap"
    known = {
        "processes": _figure("processes", [len(members) if same else 1], members, "counted"),
        "private": _figure("private", held[:1] if same else held, members, how),
        # without smaps_rollup nobody says which pages are the same; those that share a name share most of them
        "shared": _figure("shared", shared, members, "Pss_Shmem" if rollups else "RssShmem", once=not rollups),
        "tables": _figure("tables", [process.size("VmPTE") for process in members], members, "VmPTE"),
    }
    pids = tuple(process.pid for process in members)
    return Process(name=name, comm=members[0].comm, pids=pids, cgroup=members[0].cgroup or "", known=known)


def _figure(name: str, sizes: list[int | None], members: list[seen.Process], how: str, once: bool = False) -> Setting:
    """The sum of sizes (or the largest, `once`), with where it was measured; not known where one of them is not."""
    paths = ", ".join(f"/proc/{process.pid}" for process in members[:4])
    more = f" and {len(members) - 4} more" if len(members) > 4 else ""
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        return Setting(name, UNKNOWN, NotKnown(f"{how} of {paths}{more}: not in the tree", members[0].at))
    return Setting(name, max(known) if once else sum(known), Measured(f"{how} of {paths}{more}"))
