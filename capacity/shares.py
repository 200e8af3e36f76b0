"""The numbers behind a picture of a bill: what each service, or everything inside one wall, puts on it.

Whole bytes that add up to the bounded total exactly. A wall takes off what several services together have beyond it,
and nothing says which of them gives way: what stands inside is therefore one share, under the wall's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from capacity.arithmetic import Number, any_unlimited
from capacity.bill import Bill
from capacity.errors import BadValue
from capacity.record import record
from capacity.walls import Relief, Wall, inside

SHOWN: Final = 8  # parts of a bar that a reader can tell apart
REST: Final = "everything else"


@record
class Share:
    """Bytes of one service (its parts with it) or of one wall, caps and walls taken off. `services` are what it holds.

    `unlimited`: something of it has no limit, and `bytes` is its bounded part alone.
    """

    name: str
    bytes: int
    services: tuple[str, ...]
    unlimited: bool = False


@record
class Step:
    """One bar of a waterfall, from `start` to `end` in bytes; `kind` is ram, kept, budget, share or headroom."""

    name: str
    kind: Literal["ram", "kept", "budget", "share", "headroom"]
    start: int
    end: int
    unlimited: bool = False

    @property
    def bytes(self) -> int:
        """What the step adds; negative where it takes off."""
        return self.end - self.start


def shares(bill: Bill) -> tuple[Share, ...]:
    """What each service puts on the bill, in the order of the bill; they add up to `bounded_total`.

    Raises BadValue for a bill of arrays.
    """
    groups = _groups(bill)
    sizes = dict.fromkeys(groups.values(), 0)
    endless: set[str] = set()
    for claim in bill.claims:
        sizes[groups[claim.service]] += whole(claim.bounded)
        if any_unlimited(claim.total):
            endless.add(groups[claim.service])
    for cap in bill.caps:
        sizes[groups[cap.service]] -= whole(cap.relief)
    for line in bill.walls:
        if whole(line.relief):
            inner = next(claim.service for claim in bill.claims if _holds(line, claim.cgroup))
            sizes[groups[inner]] -= whole(line.relief)
    members = {name: tuple(service for service in groups if groups[service] == name) for name in sizes}
    return tuple(
        Share(name, size, members[name], name in endless) for name, size in sizes.items() if size or name in endless
    )


def _groups(bill: Bill) -> dict[str, str]:
    """The share that each service of a bill belongs to: itself, its master, or the outermost wall that holds it."""
    cgroups = {claim.service: claim.cgroup for claim in bill.claims}
    masters = {name: head if (head := name.split("/", 1)[0]) in cgroups else name for name in cgroups}
    outermost = sorted((line for line in bill.walls if whole(line.relief)), key=lambda line: len(line.cgroup))
    held = {name: next((line for line in outermost if _holds(line, cgroups[name])), None) for name in cgroups}
    groups: dict[str, str] = {}
    for name, line in held.items():
        inner = {masters[other] for other in cgroups if line is not None and held[other] is line}
        groups[name] = line.service if line is not None and len(inner) > 1 else masters[name]
    return groups


def _holds(line: Relief, cgroup: str) -> bool:
    return inside(Wall(name=line.service, cgroup=line.cgroup), cgroup)


def whole(value: Number) -> int:
    """A number of bytes of one host. Raises BadValue for an array: a picture shows one bill, not a cube."""
    if not isinstance(value, (int, float)):
        raise BadValue("bill", "a bill of arrays", accepts="a bill of one host")
    return int(value)


def of_bills(bills: Sequence[Bill], most: int = SHOWN) -> tuple[tuple[Share, ...], ...]:
    """The shares of each bill under names that mean the same in all: the largest `most`, and `everything else`.

    In each bill the smallest stands first, in the same order everywhere. Raises BadValue for bills of arrays.
    """
    every = [{share.name: share for share in shares(bill)} for bill in bills]
    weights: dict[str, tuple[bool, int]] = {}
    for one in every:
        for name, share in one.items():
            weights[name] = max(weights.get(name, (False, 0)), (share.unlimited, share.bytes))
    names = sorted(weights, key=lambda name: weights[name])
    if len(names) > most:
        names = names[1 - most :]
    names.sort(key=lambda name: weights[name][1])
    return tuple(tuple(_in_order(one, names)) for one in every)


def _in_order(one: dict[str, Share], names: Sequence[str]) -> Iterator[Share]:
    rest = [share for name, share in one.items() if name not in names]
    if rest:
        services = tuple(service for share in rest for service in share.services)
        yield Share(REST, sum(share.bytes for share in rest), services, any(share.unlimited for share in rest))
    yield from (one[name] for name in names if name in one)


def steps(bill: Bill) -> tuple[Step, ...]:
    """From the RAM, less each line of the budget, less each share, down to the headroom. Bytes.

    Raises BadValue where the RAM is not known, and for a bill of arrays.
    """
    budget = bill.budget
    if budget.unknown is not None:
        raise BadValue("MemTotal", "not known", accepts="a host whose RAM is known: read_host(..., memory='16G')")
    return tuple(_down(bill, whole(budget.mem_total), whole(budget.total)))


def _down(bill: Bill, ram: int, budget: int) -> Iterator[Step]:
    yield Step("RAM", "ram", 0, ram)
    at = ram
    for line in bill.budget.lines[1:]:
        yield Step(line.name.replace("_", " "), "kept", at, at := at + whole(line.bytes))
    yield Step("budget for programs", "budget", 0, budget)
    at = budget
    for share in reversed(of_bills([bill])[0]):
        yield Step(share.name, "share", at, at := at - share.bytes, share.unlimited)
    yield Step("headroom", "headroom", 0, at)
