"""Rules about walls: limits of the kernel that are none, and limits that move the kill inside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from capacity.arithmetic import UNLIMITED
from capacity.evidence import marks
from capacity.findings import Finding, rule
from capacity.units import human

if TYPE_CHECKING:
    from capacity.host import Host


@rule("CAP401", "Host")
def memory_high_is_no_wall(host: Host, _: Host) -> Iterator[Finding]:
    """MemoryHigh= is set without MemoryMax=: it slows a group down and never stops it.

    Why: above memory.high the kernel throttles and reclaims; the group may go on growing. Nothing of it can be
    taken off a worst case.
    Fix: MemoryMax= beside it.
    Source: Documentation/admin-guide/cgroup-v2.rst; systemd.resource-control(5).
    """
    for wall in host.walls:
        if wall.memory_high != UNLIMITED and wall.memory_max == UNLIMITED:
            high = wall.known["memory_high"]
            yield Finding(
                "CAP401", "memory_high_is_no_wall", "warning", f"MemoryHigh of {wall.name} slows, and does not stop",
                tuple(marks(high, "no wall")), (), None, f"MemoryMax={high.text or high.value} in {wall.name}",
                (f"{wall.name}.MemoryMax", high.value) if isinstance(high.value, int) else None,
            )  # fmt: skip


@rule("CAP402", "Host")
def wall_is_smaller_than_what_is_inside(host: Host, _: Host) -> Iterator[Finding]:
    """A wall is smaller than what the programs inside may take: they will be killed there, with RAM to spare.

    Why: a wall protects the host and not what stands inside it. When the group reaches its limit the kernel kills
    inside the group.
    Fix: lower what is inside until it fits, or raise the wall.
    Source: Documentation/admin-guide/cgroup-v2.rst, memory.max.
    """
    for line in host.bill("promised").walls:
        walls = [wall for wall in host.walls if wall.name == line.service]
        if line.name == "MemoryMax" and walls and isinstance(line.relief, int) and line.relief > 0:
            yield Finding(
                "CAP402", "wall_is_smaller_than_what_is_inside", "warning",
                f"what runs in {line.service} may want {human(line.relief)} more than its MemoryMax",
                tuple(marks(walls[0].known["memory_max"], "killed inside at this")), (), int(line.relief),
                "lower the limits of the programs inside, or raise MemoryMax",
            )  # fmt: skip
