"""The RAM of a host as a datasheet, and the budget: what the host can give to what a bill prices.

The kernel's floor is the allocator's own arithmetic (mm/page_alloc.c `setup_per_zone_wmarks`,
`setup_per_zone_lowmem_reserve`; mm/khugepaged.c `set_recommended_min_free_kbytes`), held against /proc/zoneinfo.
File pages are a line of the budget and of nothing else; what a claim prices (page tables, stacks of priced programs,
shared memory that processes map) is never taken off here a second time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from capacity.arithmetic import Number, above, choose, larger, part, root_up, smaller, times
from capacity.record import record
from capacity.service import Notes, Reading, ReadUnknown, Service, Term, term
from capacity.settings import Setting, assumption, setting
from capacity.units import GiB, KiB, MiB

ZONE_DMA: Final = 15 * MiB  # what x86-64 manages below 16 MiB (arch/x86/include/asm/dma.h, less the BIOS's own)
ZONE_NORMAL_FROM: Final = 3 * GiB  # RAM below the 4 GiB hole of PCI devices; above it lies ZONE_NORMAL
LOWMEM_RESERVE_RATIO: Final = 256  # mm/page_alloc.c, sysctl_lowmem_reserve_ratio of DMA and DMA32
MIN_FREE_TWO_ZONES: Final = 44 * MiB  # mm/khugepaged.c: pageblock_nr_pages x zones x 2 + x zones x 9, 4 KiB pages
MIN_FREE_THREE_ZONES: Final = 66 * MiB
MIN_FREE_MOST: Final = 256 * MiB  # mm/page_alloc.c, calculate_min_free_kbytes
LEAST_RESERVE: Final = 256 * MiB  # the itemised reserve is never trusted under max(256 MiB, 5 % of MemTotal)
LEAST_RESERVE_PERCENT: Final = 5


@dataclass(frozen=True, eq=False, kw_only=True)
class Memory(Service):
    """MemTotal, swap and what the kernel keeps: the settings that the budget reads. Sizes in bytes.

    In a container the RAM is the limit of its control group and the kernel keeps nothing of it back (`inside_limit`):
    the group is charged for page tables, stacks, sockets and tmpfs of its own processes.
    """

    program: ClassVar[str] = "kernel"

    mem_total: Number = setting(
        "MemTotal", doc="RAM that the page allocator manages.", source="proc(5), meminfo", monotone=False
    )
    swap_total: Number = setting("SwapTotal", default=0, doc="Swap.", source="proc(5), meminfo", monotone=False)
    swap_used: Number = assumption(0, "Swap in use now (SwapTotal - SwapFree - SwapCached).", size=True)
    zram: Number = assumption(0, "RAM that zram devices may take for the swap they offer.", size=True)
    min_free: Number = setting(
        "vm.min_free_kbytes", default=0, doc="What the kernel keeps free; 0: as it computes it itself.",
        source="Documentation/admin-guide/sysctl/vm.rst", monotone=False,
    )  # fmt: skip
    zone_floor: Number = assumption(
        0, "Sum over /proc/zoneinfo of min(managed, min + lowmem reserve); 0: not in the tree, computed from MemTotal.",
        size=True,
    )  # fmt: skip
    hugepages: Number = setting(
        "vm.nr_hugepages", default=0, doc="Bytes set aside as huge pages; nobody else can get them.",
        source="Documentation/admin-guide/mm/hugetlbpage.rst", monotone=False,
    )  # fmt: skip
    kernel_now: Number = assumption(
        160 * MiB, "SUnreclaim + KernelStack + Percpu + Vmalloc of a web host, where no meminfo tells it.", size=True
    )
    unattributed: Number = assumption(0, "What the kernel counts as used and nobody claims.", size=True)
    tmpfs_now: Number = assumption(0, "Shmem that no process maps: files in tmpfs.", size=True)
    file_working_set: Number = assumption(
        128 * MiB, "File pages that must stay (programs, libraries), 128 MiB and 10 MiB a daemon where not measured.",
        size=True,
    )  # fmt: skip
    base_system: Number = assumption(
        300 * MiB, "systemd, journald, sshd, cron and an agent, where no process was seen.", size=True
    )
    inside_limit: Number = assumption(0, "1 where MemTotal is the limit of a control group round everything here.")

    def listed(self) -> Iterator[tuple[str, Setting]]:
        """Rows of scope `host`."""
        return (("host", read) for _, read in super().listed())

    @term
    def kernel_floor(self) -> Number:
        """What no process can get when the OOM killer is called (mm/page_alloc.c, should_reclaim_retry)."""
        return choose(
            self.inside_limit,
            0,
            choose(self.zone_floor, self.zone_floor, self.minimum_free + self.lowmem_reserve),
        )

    @term
    def minimum_free(self) -> Number:
        """min_free_kbytes as set, or as the kernel computes it with transparent huge pages (mm/khugepaged.c)."""
        return choose(
            self.min_free,
            self.min_free,
            larger(
                smaller(part(self.mem_total, 1, 20), self.recommended_free),
                smaller(MIN_FREE_MOST, times(KiB, root_up(part(self.mem_total, 16, KiB)))),
            ),
        )

    @property
    def recommended_free(self) -> Number:
        """Two zones up to 3 GiB, three above."""
        return choose(self.mem_total > ZONE_NORMAL_FROM, MIN_FREE_THREE_ZONES, MIN_FREE_TWO_ZONES)

    @term
    def lowmem_reserve(self) -> Number:
        """What zones keep from allocations that could use a higher one (mm/page_alloc.c, lowmem_reserve)."""
        return smaller(ZONE_DMA, part(above(self.mem_total, ZONE_DMA), 1, LOWMEM_RESERVE_RATIO)) + part(
            above(self.mem_total, ZONE_NORMAL_FROM), 1, LOWMEM_RESERVE_RATIO
        )

    @term
    def reserve(self) -> Number:
        """What the items above lack to max(256 MiB, 5 % of MemTotal)."""
        return choose(
            self.inside_limit,
            0,
            above(
                larger(LEAST_RESERVE, part(self.mem_total, LEAST_RESERVE_PERCENT, 100)),
                self.kernel_floor + self.hugepages + self.kernel_now + self.unattributed + self.tmpfs_now
                + self.file_working_set + self.base_system,
            ),
        )  # fmt: skip

    @property
    def swap(self) -> Number:
        """Swap less the RAM that zram takes for it."""
        return above(self.swap_total, self.zram)


LINES: Final = (
    "kernel_floor", "hugepages", "kernel_now", "tmpfs_now", "unattributed",
    "file_working_set", "base_system", "reserve",
)  # fmt: skip


@record
class Line:
    """One line of a budget: bytes (taken off where negative), with what it was read from."""

    name: str
    bytes: Number
    doc: str
    reads: tuple[tuple[str, Setting], ...] = ()


@record
class Budget:
    """What the host can give to what the bill prices: MemTotal less the lines taken off. Bytes; may be arrays.

    `unknown` is the setting that could not be known (no RAM in the tree): then there are no lines and no total.
    """

    lines: tuple[Line, ...]
    swap: Number
    mem_total: Number
    unknown: Setting | None = None

    @property
    def total(self) -> Number:
        """MemTotal less everything taken off, never under zero. Bytes."""
        total: Number = 0
        for line in self.lines:
            total = total + line.bytes
        return larger(0, total)

    @property
    def kept_back(self) -> Number:
        """What the budget takes off MemTotal. Bytes."""
        return self.mem_total - self.total


def budget_of(memory: Memory) -> Budget:
    """The budget of a host's memory, line by line, each with the settings that it read."""
    try:
        return Budget(tuple(_lines(memory)), memory.swap, memory.mem_total)
    except ReadUnknown as read:
        return Budget((), memory.swap, 0, read.setting)


def _lines(memory: Memory) -> Iterator[Line]:
    yield _line(memory, "mem_total", 1)
    for name in LINES:
        line = _line(memory, name, -1)
        if not _nothing(line.bytes):
            yield line


def _line(memory: Memory, name: str, sign: int) -> Line:
    notes = Notes()
    value = getattr(Reading(memory, notes), name)
    member = getattr(Memory, name, None)
    doc = member.doc if isinstance(member, Term) else Memory.specs()[name].doc
    reads = tuple((f"{address}.{field}", read) for (address, field), read in notes.settings.items())
    return Line(name, sign * value, doc, reads)


def _nothing(value: Number) -> bool:
    return isinstance(value, (int, float)) and value == 0
