"""Walls: limits that the kernel keeps round processes, from outside the programs.

`MemoryMax=` of a unit or slice is the memory.max of its control group (admin-guide/cgroup-v2.rst):
everything that the group's processes are charged for stays under it, nested groups under every one on the way up.
`LimitAS=` is RLIMIT_AS of each process. `MemoryHigh=` slows and never stops: it is no wall. Without `MemorySwapMax=` a
group may put beside its limit whatever swap the host has: such a wall relieves RAM, and not RAM + swap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from capacity.arithmetic import UNLIMITED, Number, above, any_unlimited, choose, part, smaller, times
from capacity.record import record
from capacity.service import Cap, Claim, Service
from capacity.settings import Setting, setting

# bytes of address space for one byte of page tables: 8 bytes a page, and at most as much again for tables just begun
MAPPED_BY_TABLES: Final = 256


@dataclass(frozen=True, eq=False, kw_only=True)
class Wall(Service):
    """A unit, slice or control group with its limits in bytes; `cgroup` is its path, `name` its last component."""

    program: ClassVar[str] = "systemd"

    memory_max: Number = setting(
        "MemoryMax",
        default=UNLIMITED,
        doc="Memory of all processes of the group.",
        source="systemd.resource-control(5)",
    )
    swap_max: Number = setting(
        "MemorySwapMax", default=UNLIMITED, doc="Swap of all processes of the group.",
        source="systemd.resource-control(5)",
    )  # fmt: skip
    memory_high: Number = setting(
        "MemoryHigh",
        default=UNLIMITED,
        doc="Where the group is slowed; no limit.",
        source="systemd.resource-control(5)",
    )
    limit_as: Number = setting(
        "LimitAS", default=UNLIMITED, doc="Address space of each process of the unit.", source="systemd.exec(5)"
    )

    def listed(self) -> Iterator[tuple[str, Setting]]:
        """Rows of scope `cgroup:PATH` for limits of control groups, `unit:NAME` for given ones; units list theirs."""
        for _, limit in super().listed():
            if "/sys/fs/cgroup" in getattr(limit.origin, "path", ""):
                yield f"cgroup:{self.cgroup}", limit
            elif limit.origin.kind == "given":
                yield f"unit:{self.name}", limit


@record
class Relief:
    """A negative line of a bill: what a cap or a wall takes off. Bytes; `both` is what it takes off RAM + swap.

    `limit` is what the setting says (processes for a cap, bytes for a wall), `leaves` the bytes that it leaves.
    """

    service: str
    name: str
    limit: Number
    relief: Number
    both: Number
    leaves: Number
    reads: tuple[tuple[str, Setting], ...]
    cgroup: str = ""


def of_cap(cap: Cap) -> Relief:
    """The line of a cap inside a program."""
    relief = cap.relief
    claimed: Number = 0
    for count, each in cap.members:
        claimed = claimed + times(count, each)
    return Relief(cap.service, cap.name, cap.limit, relief, relief, claimed - relief, cap.reads, cap.cgroup)


def inside(wall: Wall, cgroup: str) -> bool:
    """Whether a control group lies in the wall's, or is it."""
    return cgroup == wall.cgroup or cgroup.startswith(wall.cgroup.rstrip("/") + "/")


@dataclass(slots=True)
class Charge:
    """A claim as its walls leave it: bytes of RAM, and of RAM + swap. They differ from its total only where an
    unlimited claim is written as what a wall leaves to it.
    """

    claim: Claim
    ram: Number
    both: Number


def per_process(
    wall: Wall, own: Iterable[Claim], claims: Iterable[Claim]
) -> tuple[tuple[Claim, ...], tuple[Relief, ...]]:
    """The claims as `LimitAS=` leaves them, one process at a time, and its lines, one for each control group of theirs.

    `own` are the claims before any such limit, `claims` as the limits further in have left them. What is unlimited of
    its own becomes what the limit leaves, and has no line; of what is over, the private claims give way in their order.
    """
    limit, changed = wall.limit_as, []
    reliefs: dict[str, Number] = {}
    room: dict[tuple[str, str, str], Number] = {}
    for bare, claim in zip(own, claims, strict=True):
        if claim.kind != "private" or not inside(wall, claim.cgroup):
            changed.append(_tables_of(claim, limit) if inside(wall, claim.cgroup) else claim)
            continue
        process = (claim.service, claim.process, claim.method.count)
        left = room.get(process, limit)
        each = smaller(claim.each, left)
        room[process] = above(left, each)
        total = times(claim.count, each)
        if not any_unlimited(bare.total):
            reliefs[claim.cgroup] = reliefs.get(claim.cgroup, 0) + (claim.total - total)
        changed.append(replace(claim, each=each, total=total))
    reads = _reads(wall, "limit_as")
    lines = (Relief(wall.name, "LimitAS", limit, less, less, limit, reads, cgroup) for cgroup, less in reliefs.items())
    return tuple(changed), tuple(line for line in lines if not (isinstance(line.relief, int) and line.relief == 0))


def _tables_of(claim: Claim, limit: Number) -> Claim:
    """The page tables of a heap without a limit, as an address space leaves them; any other claim as it stands."""
    if claim.kind != "kernel" or not any_unlimited(claim.each):
        return claim
    each = smaller(claim.each, part(limit, 1, MAPPED_BY_TABLES))
    return replace(claim, each=each, total=times(claim.count, each))


def around(wall: Wall, charges: list[Charge], lines: list[Relief], swap: Number) -> Relief | None:
    """The line of a control group's limit over `charges`, after the lines of what lies inside it.

    Unlimited charges inside become what the wall leaves to them (changed in place), the first one first. None where the
    wall is not under what is inside it.
    """
    held = [charge for charge in charges if inside(wall, charge.claim.cgroup)]
    taken = [line for line in lines if inside(wall, line.cgroup)]
    with_swap = wall.memory_max + smaller(wall.swap_max, swap)
    ram = _over(held, [line.relief for line in taken], wall.memory_max, "ram")
    both = _over(held, [line.both for line in taken], with_swap, "both")
    if isinstance(ram, (int, float)) and ram == 0 and isinstance(both, (int, float)) and both == 0:
        return None
    reads = _reads(wall, "memory_max", "swap_max")
    return Relief(wall.name, "MemoryMax", wall.memory_max, ram, both, wall.memory_max, reads, wall.cgroup)


def _over(held: list[Charge], taken: list[Number], limit: Number, which: str) -> Number:
    """Bytes over the limit; the unlimited among `held` are written as what it leaves."""
    finite: Number = 0
    for charge in held:
        value = getattr(charge, which)
        finite = finite + choose(value == UNLIMITED, 0, value)
    for relief in taken:
        finite = finite - relief
    left = above(limit, finite)
    for charge in held:
        value = getattr(charge, which)
        if any_unlimited(value):
            endless = value == UNLIMITED
            setattr(charge, which, choose(endless, left, value))
            left = choose(endless, 0, left)
    return above(finite, limit)


def _reads(wall: Wall, *names: str) -> tuple[tuple[str, Setting], ...]:
    return tuple((f"{wall.name}.{name}", wall.known[name]) for name in names)
