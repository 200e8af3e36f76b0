"""Laws of the whole bill: additive without walls, promised over reachable, parts that add up, walls that hold."""

from __future__ import annotations

import math

from hypothesis import given, settings

from capacity.host import Host
from capacity.walls import inside
from tests.laws.datasheets import total
from tests.laws.hosts import hosts


@given(hosts(walled=False))
@settings(max_examples=75, deadline=None)
def test_without_walls_and_couplings_a_bill_is_the_sum_over_services(host: Host) -> None:
    assert host.bill("promised").total == sum((total(service) for service in host.services), 0)


@given(hosts())
@settings(max_examples=75, deadline=None)
def test_promised_is_never_under_reachable(host: Host) -> None:
    promised, reachable = host.bill("promised"), host.bill("reachable")
    assert promised.total >= reachable.total
    assert promised.bounded_total >= reachable.bounded_total


@given(hosts())
@settings(max_examples=75, deadline=None)
def test_the_parts_of_an_explanation_add_up_to_the_total(host: Host) -> None:
    for scenario in ("promised", "reachable"):
        bill = host.bill(scenario)
        parts = [line.bytes for line in bill.explain()]
        assert sum(parts) == bill.total or (math.isinf(bill.total) and math.inf in parts)
        measured = sum(claim.measured for claim in bill.claims if math.isinf(claim.total))
        assert sum(part for part in parts if not math.isinf(part)) + measured == bill.bounded_total


@given(hosts())
@settings(max_examples=100, deadline=None)
def test_no_line_is_infinite_inside_a_wall_and_nothing_inside_passes_it(host: Host) -> None:
    bill = host.bill("promised")
    lines = [*bill.caps, *bill.walls]
    for wall in host.walls:
        if math.isinf(wall.memory_max):
            continue
        held = [claim.total for claim in bill.claims if inside(wall, claim.cgroup)]
        taken = [line.relief for line in lines if inside(wall, line.cgroup)]
        assert math.inf not in held
        assert sum(held) - sum(taken) <= wall.memory_max


@given(hosts())
@settings(max_examples=50, deadline=None)
def test_a_wall_never_raises_a_bill(host: Host) -> None:
    bare = Host(name=host.name, memory=host.memory, services=host.services)
    assert host.bill("promised").total <= bare.bill("promised").total


@given(hosts())
@settings(max_examples=50, deadline=None)
def test_more_ram_never_makes_a_verdict_worse(host: Host) -> None:
    order = ["fits", "tight", "swaps", "unlimited", "over"]
    more = host.but({"kernel.MemTotal": host.memory.mem_total * 2})
    worse, better = host.bill("promised").verdict, more.bill("promised").verdict
    assert order.index(better) <= order.index(worse)


@given(hosts())
@settings(max_examples=75, deadline=None)
def test_no_bill_is_negative_and_no_wall_takes_more_than_there_is(host: Host) -> None:
    for scenario in ("promised", "reachable"):
        bill = host.bill(scenario)
        assert bill.bounded_total >= 0
        assert bill.bounded_both >= bill.bounded_total
