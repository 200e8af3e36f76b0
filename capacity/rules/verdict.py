"""Rules about the bill as a whole: what takes the most, and what its swap is for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from capacity.evidence import marks
from capacity.findings import Finding, Mark, rule
from capacity.settings import File
from capacity.units import human

if TYPE_CHECKING:
    from capacity.bill import Bill
    from capacity.host import Host
    from capacity.service import Claim


@rule("CAP001", "Host")
def bill_does_not_fit(host: Host, _: Host) -> Iterator[Finding]:
    """What the programs may take together is more than the host can give.

    Why: every line of the bill is a limit that a program may reach; together they pass what the RAM (and the swap)
    of the host can hold, or the alert line. Then the kernel kills, or the host thrashes before it does.
    Fix: lower the largest lines; the other findings name settings and values.
    Source: docs/model.md.
    """
    bill = host.bill()
    if bill.verdict not in {"over", "swaps", "tight"}:
        return
    lack = bill.used - bill.alert * bill.budget.mem_total // 100
    words = {"over": "RAM and swap", "swaps": "the RAM", "tight": f"{bill.alert} % of the RAM"}[bill.verdict]
    yield Finding(
        "CAP001", "bill_does_not_fit", "warning" if bill.verdict == "tight" else "error",
        f"what runs here may take {human(bill.bounded_total)} at once: more than {words} can hold",
        tuple(_dearest(bill)), tuple(_largest(bill)), int(lack), None,
    )  # fmt: skip


def _dearest(bill: Bill) -> Iterator[Mark]:
    """The lines behind claims of a tenth of the bill or more, one a service, three at most, as far as files say."""
    largest: dict[str, Claim] = {}
    for claim in sorted(bill.claims, key=lambda claim: -claim.bounded):
        if 10 * claim.bounded >= bill.bounded_total:
            largest.setdefault(claim.service, claim)
    for claim in list(largest.values())[:3]:
        places = [read.origin for _, read in claim.reads if isinstance(read.origin, File) and read.origin.line]
        for place in sorted(places[:3], key=lambda place: (place.path, place.line)):
            yield Mark(place, f"{claim.service} {claim.name}: {human(claim.bounded)}")


def _largest(bill: Bill) -> Iterator[str]:
    sums: Counter[str] = Counter()
    for claim in bill.claims:
        sums[claim.service] += int(claim.bounded)
    for name, total in sums.most_common(4):
        yield f"{name}: {human(total)}"
    yield f"for programs: {human(bill.budget.total)} of {human(bill.budget.mem_total)} RAM"


@rule("CAP002", "Host")
def swap_level(host: Host, _: Host) -> Iterator[Finding]:
    """Much of the swap is in use: a level, which is not a rate.

    Why: at some time since the swap was switched on, memory did not suffice. A snapshot cannot say whether the host is
    swapping now; swap stays used after a peak. What it does say: less of it is left for the next one.
    Fix: look at pswpin and pswpout of /proc/vmstat twice, some seconds apart: that is the rate.
    Source: mm/swapfile.c; Documentation/filesystems/proc.rst.
    """
    total, used = host.memory.swap_total, host.memory.swap_used
    if not isinstance(total, int) or not isinstance(used, int) or not total or 2 * used < total:
        return
    place = host.memory.known["swap_total"].origin
    yield Finding(
        "CAP002", "swap_level", "warning", f"swap is {100 * used / total:.0f} % used: a level, not a rate",
        (Mark(place, "the whole"),) if isinstance(place, File) else (),
        (
            f"memory has been short by {human(used)} or more at some time; a level cannot tell whether it is now",
            f"{human(total - used)} of swap is left before the OOM killer",
        ), used, "vmstat 5, columns si and so: the rate",
    )  # fmt: skip


@rule("CAP003", "Host")
def swap_is_needed(host: Host, _: Host) -> Iterator[Finding]:
    """At the worst case the host needs its swap.

    Why: swap is a delay, not memory: pages that are in use come back at the speed of a disk.
    Fix: lower the largest lines until the bill fits into the budget.
    Source: docs/model.md.
    """
    bill = host.bill()
    if bill.verdict == "swaps" and bill.headroom is not None:
        yield Finding(
            "CAP003", "swap_is_needed", "warning", f"{human(-bill.headroom)} of the worst case must go to swap",
            tuple(marks(host.memory.known["swap_total"], "not memory")),
            ("swap is a delay, not memory",), int(-bill.headroom), None,
        )  # fmt: skip
