"""The bill of a host: every claim, less what caps and walls take off, against the budget; and the verdict.

The parts add up to the total exactly, negative lines included. A claim that read something unknown stands outside the
sum, and the total then says "at least".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from capacity.arithmetic import UNLIMITED, Number, any_unlimited, choose
from capacity.memory import Budget
from capacity.record import record
from capacity.service import Bound, Claim, Service
from capacity.walls import Charge, Relief, Wall, around, of_cap, per_process

if TYPE_CHECKING:
    from capacity.formula import Explanation

Verdict = Literal["over", "unlimited", "unknown", "swaps", "tight", "fits"]
VERDICTS: tuple[Verdict, ...] = ("over", "unlimited", "unknown", "swaps", "tight", "fits")


@record
class Bill:
    """What a host's programs may take in a scenario. Bytes, whole; arrays where a setting is an array.

    `claims` are the positive lines, `caps` and `walls` the negative ones. `doubts` are the reasons why the answer can
    never be better than "unknown": refusing programs, values that could not be known. `alert` is in percent of
    MemTotal.
    """

    scenario: str
    claims: tuple[Claim, ...]
    caps: tuple[Relief, ...]
    walls: tuple[Relief, ...]
    budget: Budget
    alert: int
    doubts: tuple[str, ...]
    bounded_both: Number

    @property
    def total(self) -> Number:
        """Bytes of every line together; UNLIMITED where a claim has no limit and no wall holds it."""
        total: Number = 0
        for claim in self.claims:
            total = total + claim.total
        return total - self.relief

    @property
    def bounded_total(self) -> Number:
        """The total with each unlimited claim at its measured figure (0 where nothing was measured). Bytes."""
        total: Number = 0
        for claim in self.claims:
            total = total + claim.bounded
        return total - self.relief

    @property
    def relief(self) -> Number:
        """What caps and walls take off. Bytes."""
        relief: Number = 0
        for line in (*self.caps, *self.walls):
            relief = relief + line.relief
        return relief

    @property
    def unknown(self) -> tuple[Claim, ...]:
        """Claims that stand outside the sum because they read a value that is not known."""
        return tuple(claim for claim in self.claims if claim.unknown is not None)

    @property
    def at_least(self) -> bool:
        """Whether the total is only a lower bound of the worst case: something was not known or not read."""
        return bool(self.doubts)

    @property
    def headroom(self) -> Number | None:
        """Budget less the bounded total, bytes; negative where it does not fit. None where the RAM is not known."""
        return None if self.budget.unknown is not None else self.budget.total - self.bounded_total

    @property
    def used(self) -> Number:
        """Bill and what the budget keeps back, in bytes of MemTotal: what the alert line is drawn against."""
        return self.bounded_total + self.budget.kept_back

    @property
    def verdict(self) -> Verdict:
        """The first that holds of over, unlimited, unknown, swaps, tight, fits; for one host, not for arrays."""
        budget, bounded = self.budget, self.bounded_total
        known = budget.unknown is None
        if known and self.bounded_both > budget.total + budget.swap:
            return "over"
        if any_unlimited(self.total):
            return "unlimited"
        if self.doubts or not known:
            return "unknown"
        if bounded > budget.total:
            return "swaps"
        return "tight" if 100 * self.used > self.alert * budget.mem_total else "fits"

    def explain(self) -> tuple[Explanation, ...]:
        """Every line with its formula, numbers, settings and their places; the parts add up to `total`."""
        from capacity.formula import explained

        return explained(self)

    def to_frame(self) -> Any:
        """Every line as a row (pandas): service, process, name, kind, bound as categories, count, each and bytes as
        int64 or float64 (infinity for no limit). Negative lines are caps and walls. Raises BadValue for arrays.
        """
        from capacity.frames import bill_frame

        return bill_frame(self)

    def plot(self, ax: Any = None) -> Any:
        """One stacked bar against RAM, swap and the alert line, in GiB; returns the matplotlib Axes."""
        from capacity.plots import stacked

        return stacked(self, ax=ax)

    def __repr__(self) -> str:
        from capacity.units import human

        total = self.total
        what = human(total) if isinstance(total, (int, float)) else "an array"
        return f"<Bill {self.scenario}: {what} of {human_or_unknown(self.budget)}>"

    def _repr_html_(self) -> str:
        from capacity.report.cards import bill_card

        return bill_card(self)


def human_or_unknown(budget: Budget) -> str:
    """The RAM of a budget as people read it, or words where it is not known."""
    from capacity.units import human

    if budget.unknown is not None:
        return "RAM not known"
    return human(budget.mem_total) if isinstance(budget.mem_total, (int, float)) else "an array of hosts"


def make_bill(
    scenario: str,
    services: Iterable[Service],
    walls: Iterable[Wall],
    budget: Budget,
    alert: int,
    doubts: tuple[str, ...],
) -> Bill:
    """Adds up the claims: processes' own limits first, then caps, then control groups, innermost first."""
    outer = sorted(walls, key=lambda wall: -wall.cgroup.count("/") if wall.cgroup != "/" else 1)
    claims: list[Claim] = []
    caps: list[Relief] = []
    lines: list[Relief] = []
    for service in services:
        own = tuple(service.claims())
        limited = own
        for wall in outer:
            if wall.limit_as is not UNLIMITED:
                limited, less = per_process(wall, own, limited)
                lines += less
        caps += [of_cap(cap) for cap in service.caps(limited)]
        claims += _finite(own, limited)
    charges = [Charge(claim, claim.total, claim.total) for claim in claims]
    for wall in outer:
        if wall.memory_max is not UNLIMITED:
            line = around(wall, charges, [*caps, *lines], budget.swap)
            lines += [line] if line else []
    written = tuple(_written(charge) for charge in charges)
    both = _bounded_both(charges, [*caps, *lines])
    doubts = (*doubts, *(_doubt(claim) for claim in written if claim.unknown is not None))
    caps = [line for line in caps if not (isinstance(line.relief, (int, float)) and line.relief == 0)]
    return Bill(scenario, written, tuple(caps), tuple(lines), budget, alert, tuple(dict.fromkeys(doubts)), both)


def _finite(own: tuple[Claim, ...], limited: tuple[Claim, ...]) -> Iterator[Claim]:
    """Each claim as it stands, or as a process's own limit leaves it where it would be unlimited."""
    for claim, left in zip(own, limited, strict=True):
        yield left if any_unlimited(claim.total) else claim


def _written(charge: Charge) -> Claim:
    if not any_unlimited(charge.claim.total):
        return charge.claim
    bound: Bound = "unlimited" if any_unlimited(charge.ram) else "enforced"
    return replace(charge.claim, total=charge.ram, bound=bound)


def _bounded_both(charges: list[Charge], lines: list[Relief]) -> Number:
    """The bounded part in RAM + swap."""
    total: Number = 0
    for charge in charges:
        total = total + choose(charge.both == UNLIMITED, charge.claim.measured, charge.both)
    for line in lines:
        total = total - line.both
    return total


def _doubt(claim: Claim) -> str:
    setting = claim.unknown
    return f"{claim.service}: {setting.name if setting else claim.name} is not known"
