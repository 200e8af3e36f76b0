"""What the kernel says of the whole machine: /proc and /sys, as Documentation/filesystems/proc.rst describes them.

Sizes are whole bytes, counts are counts, and each value knows its line. A file that is not there gives a Remark and no
value; a line that cannot be read gives a Remark and no value: never zero. Processes are read in `processes`.
Held against the running kernel in tests/real/test_proc_reader.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

from capacity.arithmetic import UNLIMITED
from capacity.errors import NotReadable
from capacity.readers.masking import masked
from capacity.record import record
from capacity.settings import File, Remark, Setting
from capacity.units import PAGE, KiB

if TYPE_CHECKING:
    from capacity.root import Root

_FIELD = re.compile(r"([^:\s][^:]*):\s*(\d+)(?:\s+(kB))?\s*")
_MAX_DIGITS: Final = 20  # of a 64-bit counter; int() of very long digit strings is slow, and refused by Python


@record
class Facts:
    """Named values of one kernel file, in the order of the file; `remarks` are the lines that gave none."""

    settings: Mapping[str, Setting]
    remarks: tuple[Remark, ...] = ()

    def value(self, name: str) -> Any:
        """The value under `name`, or None where the file has no such line or could not be read."""
        found = self.settings.get(name)
        return None if found is None else found.value


def lines(root: Root, path: str) -> Iterator[tuple[int, str]]:
    """(number from 1, text) of each line of a kernel file, as Latin-1 where it is not UTF-8; raises NotReadable."""
    data = root.read(path)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    yield from enumerate(text.removesuffix("\n").split("\n"), 1)


def number(text: str) -> int | None:
    """A non-negative decimal number as the kernel prints it, or None."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None


def signed(text: str) -> int | None:
    """A decimal number that may be negative, or None."""
    value = number(text.removeprefix("-"))
    return None if value is None else -value if text.startswith("-") else value


def unreadable(error: NotReadable) -> Remark:
    """The Remark for a file that could not be read."""
    return Remark(File(error.path), error.why)


def odd(path: str, line: int, text: str) -> Remark:
    """The Remark for a line that is not in the kernel's form."""
    return Remark(File(path, line, (1, len(text) + 1), text[:200]), "not in the form that the kernel writes")


def sizes(root: Root, path: str) -> Facts:
    """`Name:  123 kB` lines (meminfo, status, smaps_rollup): with kB whole bytes, without it the bare count."""
    settings: dict[str, Setting] = {}
    remarks: list[Remark] = []
    try:
        for at, line in lines(root, path):
            match = _FIELD.fullmatch(line)
            count = None if match is None else number(match[2])
            if match is None or count is None:
                if line.strip():
                    remarks.append(odd(path, at, line))
                continue
            span = (match.start(2) + 1, (match.end(3) if match[3] else match.end(2)) + 1)
            value = count * KiB if match[3] else count
            settings[match[1]] = Setting(match[1], value, File(path, at, span, line), line[span[0] - 1 : span[1] - 1])
    except NotReadable as error:
        remarks.append(unreadable(error))
    return Facts(settings, tuple(remarks))


def meminfo(root: Root) -> Facts:
    """/proc/meminfo in whole bytes; HugePages_* are counts of huge pages (fs/proc/meminfo.c)."""
    return sizes(root, "/proc/meminfo")


def vmstat(root: Root) -> Facts:
    """/proc/vmstat: counters in their own units (most are pages or events) (mm/vmstat.c)."""
    path = "/proc/vmstat"
    settings: dict[str, Setting] = {}
    remarks: list[Remark] = []
    try:
        for at, line in lines(root, path):
            name, _, text = line.partition(" ")
            value = number(text)
            if value is None:
                remarks.append(odd(path, at, line))
                continue
            settings[name] = Setting(name, value, File(path, at, (len(name) + 2, len(line) + 1), line), text)
    except NotReadable as error:
        remarks.append(unreadable(error))
    return Facts(settings, tuple(remarks))


SYSCTLS: Final = (
    "vm.overcommit_memory",
    "vm.overcommit_ratio",
    "vm.overcommit_kbytes",
    "vm.min_free_kbytes",
    "vm.watermark_scale_factor",
    "vm.lowmem_reserve_ratio",
    "vm.admin_reserve_kbytes",
    "vm.user_reserve_kbytes",
    "vm.swappiness",
    "vm.oom_kill_allocating_task",
    "vm.panic_on_oom",
    "vm.nr_hugepages",
    "vm.nr_overcommit_hugepages",
    "vm.max_map_count",
    "vm.vfs_cache_pressure",
    "net.ipv4.tcp_mem",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
    "net.ipv4.udp_mem",
    "kernel.threads-max",
    "kernel.pid_max",
)


def sysctls(root: Root, names: tuple[str, ...] = SYSCTLS) -> Facts:
    """Kernel parameters in force under /proc/sys, in each parameter's own unit (its name says kbytes or pages).

    A value of several numbers is a tuple. A parameter that the tree or the kernel lacks is absent, without a Remark.
    """
    settings: dict[str, Setting] = {}
    remarks: list[Remark] = []
    for name in names:
        path = "/proc/sys/" + name.replace(".", "/")
        try:
            text = next(lines(root, path))[1]
        except NotReadable as error:
            if root.kind(path) == "file":
                remarks.append(unreadable(error))
            continue
        values = [signed(word) for word in text.split()]
        if not values or None in values:
            remarks.append(odd(path, 1, text))
            continue
        value = values[0] if len(values) == 1 else tuple(values)
        settings[name] = Setting(name, value, File(path, 1, (1, len(text) + 1), text), text)
    return Facts(settings, tuple(remarks))


@record
class Zone:
    """One memory zone of one node, in pages (mm/vmstat.c, zoneinfo_show_print); None where the line is missing."""

    node: int
    name: str
    at: File
    managed: int | None = None
    free: int | None = None
    min: int | None = None
    low: int | None = None
    high: int | None = None
    protection: tuple[int, ...] = ()


_ZONE = re.compile(r"Node (\d+), zone\s+(\S+)\s*")
_ZONE_FIELD = re.compile(r"\s+(?:pages )?(free|min|low|high|managed)\s+(\d{1,20})\s*")
_PROTECTION = re.compile(r"\s+protection: \(([\d, ]*)\)\s*")


def zoneinfo(root: Root) -> tuple[list[Zone], tuple[Remark, ...]]:
    """The zones of /proc/zoneinfo with their watermarks in pages, unpopulated ones included, and what was odd."""
    path = "/proc/zoneinfo"
    zones: list[Zone] = []
    found: dict[str, Any] = {}
    remarks: list[Remark] = []
    try:
        for at, line in lines(root, path):
            if line.startswith("Node"):
                if found:
                    zones.append(Zone(**found))
                    found = {}
                head = _ZONE.fullmatch(line)
                if head is None or (node := number(head[1])) is None:
                    remarks.append(odd(path, at, line))
                else:
                    found = {"node": node, "name": head[2], "at": File(path, at, (1, len(line) + 1), line)}
            elif found and (match := _ZONE_FIELD.fullmatch(line)):
                found.setdefault(match[1], int(match[2]))  # pagesets below repeat `high` for each processor
            elif found and (match := _PROTECTION.fullmatch(line)):
                values = [number(word) for word in match[1].split(",")]
                if None in values:
                    remarks.append(odd(path, at, line))
                else:
                    found["protection"] = tuple(values)
    except NotReadable as error:
        remarks.append(unreadable(error))
    if found:
        zones.append(Zone(**found))
    return zones, tuple(remarks)


_CPU_RANGE = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")


def cpus(root: Root) -> Setting | None:
    """Processors online: /sys/devices/system/cpu/online, else the `processor` lines of /proc/cpuinfo; None unknown."""
    path = "/sys/devices/system/cpu/online"
    try:
        text = next(lines(root, path))[1].strip()
        ranges = [_CPU_RANGE.fullmatch(part) for part in text.split(",")]
        spans = [(int(m[1]), int(m[2] or m[1])) for m in ranges if m is not None]
        if len(spans) == len(ranges) and all(first <= last for first, last in spans):
            count = sum(last - first + 1 for first, last in spans)
            return Setting("cpus", count, File(path, 1, (1, len(text) + 1), text), text)
    except NotReadable:
        pass  # an older tree, or one that was copied without /sys
    path = "/proc/cpuinfo"
    try:
        heads = [at for at, line in lines(root, path) if line.startswith("processor") and ":" in line]
    except NotReadable:
        return None
    return Setting("cpus", len(heads), File(path, heads[0]), f"{len(heads)} processors") if heads else None


def sockstat(root: Root) -> Facts:
    """/proc/net/sockstat as `TCP.inuse`, `sockets.used`: counts, but `mem` and `memory` in bytes (net/ipv4/proc.c).

    The kernel prints `mem` in pages; a page is taken as 4096 bytes.
    """
    path = "/proc/net/sockstat"
    settings: dict[str, Setting] = {}
    remarks: list[Remark] = []
    try:
        for at, line in lines(root, path):
            family, _, rest = line.partition(":")
            words = rest.split()
            values = [number(word) for word in words[1::2]]
            if not words or len(words) % 2 or None in values:
                remarks.append(odd(path, at, line))
                continue
            for name, value in zip(words[::2], values):
                key = f"{family}.{name}"
                settings[key] = Setting(
                    key,
                    (value or 0) * (PAGE if name == "mem" else 1),
                    File(path, at, (1, len(line) + 1), line),
                    str(value),
                )
    except NotReadable as error:
        remarks.append(unreadable(error))
    return Facts(settings, tuple(remarks))


def kernel_command_line(root: Root) -> tuple[str, ...]:
    """The words of /proc/cmdline, secrets masked; empty where it cannot be read."""
    try:
        return masked(next(lines(root, "/proc/cmdline"))[1].split())
    except NotReadable:
        return ()


@record
class SwapArea:
    """One line of /proc/swaps: a device or file of `size` bytes, of which `used` bytes are taken."""

    path: str
    kind: str
    size: int
    used: int
    priority: int
    at: File


def swaps(root: Root) -> tuple[list[SwapArea], tuple[Remark, ...]] | None:
    """The swap areas in use (mm/swapfile.c); None where /proc/swaps is not there, an empty list where swap is off."""
    path = "/proc/swaps"
    areas: list[SwapArea] = []
    remarks: list[Remark] = []
    try:
        for at, line in lines(root, path):
            words = line.split()
            if at == 1 or not words:
                continue
            size, used = (number(words[2]), number(words[3])) if len(words) == 5 else (None, None)
            priority = signed(words[4]) if len(words) == 5 else None
            if size is None or used is None or priority is None:
                remarks.append(odd(path, at, line))
                continue
            name = re.sub(r"\\([0-3][0-7]{2})", lambda match: chr(int(match[1], 8)), words[0])
            where = File(path, at, (1, len(line) + 1), line)
            areas.append(SwapArea(name, words[1], size * KiB, used * KiB, priority, where))
    except NotReadable:
        return None
    return areas, tuple(remarks)


@record
class Zram:
    """A compressed RAM disk (admin-guide/blockdev/zram.rst), in bytes; None where a file is missing.

    `disksize` 0 means that the device is not set up. `mem_limit` is UNLIMITED where none was set.
    """

    name: str
    disksize: int | None
    mem_limit: float | None = None
    stored: int | None = None
    compressed: int | None = None
    mem_used: int | None = None
    remarks: tuple[Remark, ...] = field(default=(), compare=False)


def zrams(root: Root) -> list[Zram]:
    """The zram devices under /sys/block with their sizes in bytes."""
    devices: list[Zram] = []
    for path in root.glob("/sys/block/zram*"):
        remarks: list[Remark] = []
        size = _one_number(root, f"{path}/disksize", remarks)
        stat: list[int | None] = []
        try:
            at, line = next(lines(root, f"{path}/mm_stat"))
            stat = [number(word) for word in line.split()]
            if len(stat) < 4 or None in stat[:4]:
                remarks.append(odd(f"{path}/mm_stat", at, line))
                stat = []
        except NotReadable as error:
            remarks.append(unreadable(error))
        limit = None if not stat else stat[3] or UNLIMITED
        stored, compressed, used = stat[:3] or (None, None, None)
        devices.append(Zram(path.rsplit("/", 1)[-1], size, limit, stored, compressed, used, tuple(remarks)))
    return devices


@record
class HugePages:
    """Pages of one huge size on this kernel: `page` bytes each; the rest are counts (vm/hugetlbpage.rst)."""

    page: int
    total: int | None
    free: int | None
    reserved: int | None
    surplus: int | None
    at: File
    remarks: tuple[Remark, ...] = field(default=(), compare=False)


_HUGE = re.compile(r"hugepages-(\d{1,12})kB")


def hugepages(root: Root) -> list[HugePages]:
    """Each huge page size under /sys/kernel/mm/hugepages."""
    pools: list[HugePages] = []
    for path in root.glob("/sys/kernel/mm/hugepages/hugepages-*kB"):
        match = _HUGE.fullmatch(path.rsplit("/", 1)[-1])
        if match is None:
            continue
        remarks: list[Remark] = []
        counts = [_one_number(root, f"{path}/{name}_hugepages", remarks) for name in ("nr", "free", "resv", "surplus")]
        where = File(f"{path}/nr_hugepages", 1)
        pools.append(HugePages(int(match[1]) * KiB, counts[0], counts[1], counts[2], counts[3], where, tuple(remarks)))
    return pools


def transparent_hugepages(root: Root) -> str | None:
    """`always`, `madvise` or `never` as chosen now (vm/transhuge.rst); None unknown."""
    try:
        text = next(lines(root, "/sys/kernel/mm/transparent_hugepage/enabled"))[1]
    except NotReadable:
        return None
    match = re.search(r"\[(always|madvise|never)\]", text)
    return None if match is None else match[1]


def _one_number(root: Root, path: str, remarks: list[Remark]) -> int | None:
    try:
        at, line = next(lines(root, path))
    except NotReadable as error:
        remarks.append(unreadable(error))
        return None
    value = number(line)
    if value is None:
        remarks.append(odd(path, at, line))
    return value
