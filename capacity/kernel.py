"""What the kernel's own files say of a host's RAM: the fields of `Memory`, each with its place.

Nothing that a claim prices is taken: stacks of processes that claims price are not in `kernel_now`, page tables and
mapped shared memory are claims, file pages are the working set of those files only that processes map.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from capacity.arithmetic import UNKNOWN
from capacity.memory import Memory
from capacity.readers import proc
from capacity.readers.cgroups import CGroup
from capacity.readers.processes import Process
from capacity.services.site import Site
from capacity.settings import Assumed, File, Given, Measured, NotKnown, Setting
from capacity.units import PAGE, KiB, MiB

THREAD_STACK: Final = 16 * KiB  # x86-64, THREAD_SIZE_ORDER 2 (arch/x86/include/asm/page_64_types.h)
DAEMON_FILE_PAGES: Final = 10 * MiB  # of one daemon's programs and libraries where nothing was measured
FILE_PAGES: Final = 128 * MiB
CONTAINER: Final = ("/.dockerenv", "/run/.containerenv")  # what Docker and Podman leave in a container's root


def read_memory(site: Site, given_total: int | None, daemons: int) -> Memory:
    """The RAM of a host: given, or from /proc/meminfo, or the limit of the control group that is the whole host.

    `daemons` is the number of priced programs, for the working set where no process was seen.
    """
    meminfo = proc.meminfo(site.root)
    site.remarks += [remark for remark in meminfo.remarks if site.root.kind("/proc/meminfo") != "missing"]
    known = dict(_total(site, meminfo, given_total))
    if "inside_limit" in known:
        known.update(_in_container(site, meminfo, daemons))
    else:
        known.update(_swap(meminfo))
        known.update(_kept(site, meminfo))
        known.update(_file_pages(site, FILE_PAGES + daemons * DAEMON_FILE_PAGES if daemons else 0))
    return Memory(name="kernel", known=known)


def _total(site: Site, meminfo: proc.Facts, given: int | None) -> Iterator[tuple[str, Setting]]:
    total = meminfo.settings.get("MemTotal")
    limit = site.cgroups["/"].max if "/" in site.cgroups else None
    marks = [path for path in CONTAINER if site.root.kind(path) == "file"]
    if limit is not None and isinstance(limit.value, int) and (total is None or limit.value < total.value):
        yield "inside_limit", Setting("inside_limit", 1, limit.origin)
        total = Setting("MemTotal", limit.value, limit.origin, limit.text, (total,) if total else ())
    elif given is not None and marks:
        yield "inside_limit", Setting("inside_limit", 1, File(marks[0]))
    if given is not None:
        total = Setting("MemTotal", given, Given("by --memory"), overrode=(total,) if total else ())
    if total is None:
        total = Setting("MemTotal", UNKNOWN, NotKnown("/proc/meminfo is not in this tree; give --memory"))
    yield "mem_total", total


def _in_container(site: Site, meminfo: proc.Facts, daemons: int) -> Iterator[tuple[str, Setting]]:
    """What /proc/meminfo shows in a container is the host's: the group is charged for its own processes alone."""
    why = Assumed("in a container: what its processes take of the kernel is priced with them")
    for name in ("kernel_now", "base_system"):
        yield name, Setting(name, 0, why)
    group = site.cgroups.get("/")
    swap, limit = meminfo.settings.get("SwapTotal"), _swap_limit(group)
    if limit is not None and limit.value == 0:
        swap = limit
    elif swap is not None and limit is not None and isinstance(limit.value, int) and limit.value < swap.value:
        swap = Setting("SwapTotal", limit.value, limit.origin, limit.text, (swap,))
    if swap is not None:
        yield "swap_total", Setting("SwapTotal", swap.value, swap.origin, swap.text, swap.overrode)
    shmem = None if group is None else group.stat.get("shmem")
    if site.processes and shmem is not None:
        how = Measured("shmem of memory.stat, less the Pss_Shmem of every process")
        yield "tmpfs_now", Setting("tmpfs_now", max(0, shmem - _mapped_shmem(site)), how)
    yield from _file_pages(site, daemons * DAEMON_FILE_PAGES)


def _swap_limit(group: CGroup | None) -> Setting | None:
    """The swap that a group may take: a limit of its own in version 2, the rest of RAM and swap in version 1."""
    if group is None or group.memsw_max is None or group.max is None:
        return None if group is None else group.swap_max
    both, ram = group.memsw_max, group.max.value
    if not isinstance(both.value, int) or not isinstance(ram, int):
        return None
    return Setting("SwapTotal", max(0, both.value - ram), both.origin, both.text)


def _swap(meminfo: proc.Facts) -> Iterator[tuple[str, Setting]]:
    swap, free = meminfo.settings.get("SwapTotal"), meminfo.settings.get("SwapFree")
    if swap is not None:
        yield "swap_total", swap
        if free is not None:
            used = swap.value - free.value - (meminfo.value("SwapCached") or 0)
            yield "swap_used", Setting("swap_used", max(0, used), Measured("SwapTotal - SwapFree - SwapCached"))


def _mapped_shmem(site: Site) -> int:
    return sum(process.size("Pss_Shmem") or 0 for process in site.processes)


def _kept(site: Site, meminfo: proc.Facts) -> Iterator[tuple[str, Setting]]:
    least = proc.sysctls(site.root, ("vm.min_free_kbytes",)).settings.get("vm.min_free_kbytes")
    if least is not None and isinstance(least.value, int):
        yield "min_free", Setting(least.name, least.value * KiB, least.origin, least.text)
    zones, odd = proc.zoneinfo(site.root)
    if zones and not odd:
        yield "zone_floor", Setting("zone_floor", _zone_floor(zones), Measured("/proc/zoneinfo, min + protection"))
    huge = _hugepages(site, meminfo)
    if huge is not None:
        yield "hugepages", huge
    drives = [drive for drive in proc.zrams(site.root) if drive.disksize]
    if drives:
        # a page that does not compress is stored as it is (zram.rst): the disk may take its whole size in RAM
        taken = sum(min(drive.disksize or 0, drive.mem_limit or drive.disksize or 0) for drive in drives)
        yield "zram", Setting("zram", int(taken), Measured("disksize of /sys/block/zram*, incompressible"))
    slab = meminfo.value("SUnreclaim")
    if slab is not None:
        yield "kernel_now", _kernel_now(site, meminfo, slab)
    if site.processes and meminfo.value("AnonPages") is not None:
        yield "unattributed", _unattributed(meminfo, huge)
    if site.processes:
        yield "base_system", Setting("base_system", 0, Measured("every process was seen and is a line of its own"))
        shmem = meminfo.value("Shmem")
        if shmem is not None:
            how = Measured("Shmem of /proc/meminfo, less the Pss_Shmem of every process")
            yield "tmpfs_now", Setting("tmpfs_now", max(0, shmem - _mapped_shmem(site)), how)


def _zone_floor(zones: Iterable[proc.Zone]) -> int:
    """Bytes under which the allocator gives up: sum of min(managed, min + the largest protection) (mm/page_alloc.c)."""
    pages = 0
    for zone in zones:
        managed = zone.managed or 0
        pages += min(managed, (zone.min or 0) + max(zone.protection, default=0))
    return pages * PAGE


def _hugepages(site: Site, meminfo: proc.Facts) -> Setting | None:
    pools = proc.hugepages(site.root)
    if pools and all(pool.total is not None for pool in pools):
        taken = sum(pool.page * (pool.total or 0) for pool in pools)
        return Setting("vm.nr_hugepages", taken, Measured("nr_hugepages of every size in /sys/kernel/mm/hugepages"))
    count, size = meminfo.settings.get("HugePages_Total"), meminfo.value("Hugepagesize")
    if count is None or size is None:
        return None
    return Setting("vm.nr_hugepages", count.value * size, count.origin, count.text)


def _kernel_now(site: Site, meminfo: proc.Facts, slab: int) -> Setting:
    stacks = meminfo.value("KernelStack") or 0
    priced = sum(p.threads or 1 for p in site.processes if p.pid in site.priced) * THREAD_STACK
    percpu = meminfo.value("Percpu") or 0
    # VmallocUsed holds the stacks of threads too where the kernel maps them there (CONFIG_VMAP_STACK)
    vmalloc = max(0, (meminfo.value("VmallocUsed") or 0) - stacks)
    how = Measured(
        f"SUnreclaim + KernelStack + Percpu + VmallocUsed, less {priced // KiB} KiB of stacks that claims price"
    )
    return Setting("kernel_now", slab + max(0, stacks - priced) + percpu + vmalloc, how)


UNATTRIBUTED: Final = (
    "MemFree", "Buffers", "Cached", "SwapCached", "AnonPages", "Slab", "KernelStack", "PageTables", "Percpu",
)  # fmt: skip


def _unattributed(meminfo: proc.Facts, huge: Setting | None) -> Setting:
    stacks = meminfo.value("KernelStack") or 0
    counted = sum(meminfo.value(name) or 0 for name in UNATTRIBUTED) + max(
        0, (meminfo.value("VmallocUsed") or 0) - stacks
    )
    rest = (meminfo.value("MemTotal") or 0) - counted - (huge.value if huge else 0)
    return Setting("unattributed", max(0, rest), Measured("MemTotal less all that /proc/meminfo attributes"))


def _file_pages(site: Site, unseen: int) -> Iterator[tuple[str, Setting]]:
    """File pages that must stay: measured, or `unseen` bytes where no process was seen (0: the datasheet's own)."""
    seen: tuple[Process, ...] = site.processes
    pages: Any = [process.size("Pss_File") for process in seen]
    if seen and all(size is not None for size in pages):
        yield "file_working_set", Setting("file_working_set", sum(pages), Measured("Pss_File of every process"))
    elif seen:
        # without smaps_rollup each file counts as often as it is mapped: the largest of each name is a fair sum
        largest: dict[str, int] = {}
        for process in seen:
            largest[process.comm] = max(largest.get(process.comm, 0), process.size("RssFile") or 0)
        how = Measured("RssFile, the largest process of each name")
        yield "file_working_set", Setting("file_working_set", sum(largest.values()), how)
    elif unseen:
        why = Assumed(Memory.specs()["file_working_set"].doc)
        yield "file_working_set", Setting("file_working_set", unseen, why)
