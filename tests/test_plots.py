"""Pictures of a bill: what they draw adds up to the bill, and they leave everything else as it was."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from hypothesis import given, settings
from matplotlib.figure import Figure

import capacity
from capacity import plots
from capacity.bill import Bill
from capacity.errors import BadValue
from capacity.host import Host
from capacity.memory import Memory
from capacity.services.process import Process
from capacity.settings import NotKnown, Setting
from capacity.shares import REST, of_bills, shares, steps
from capacity.units import GiB, MiB
from capacity.walls import Wall
from tests.laws.hosts import hosts

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def before() -> Bill:
    return capacity.read_host(capacity.example("incident-before")).bill()


@pytest.fixture(scope="module")
def after() -> Bill:
    return capacity.read_host(capacity.example("incident-after-first-fix")).bill()


def host(*services: Process, ram: int = 16 * GiB, swap: int = 0, walls: tuple[Wall, ...] = ()) -> Host:
    memory = Memory(name="kernel", mem_total=ram, swap_total=swap)
    return Host(name="made", memory=memory, services=services, walls=walls)


def process(name: str, size: int, count: int = 1, cgroup: str = "") -> Process:
    return Process(name=name, private=size, processes=count, cgroup=cgroup)


def widths(ax: Any, row: float = 0) -> list[int]:
    """Bytes of every bar of a row, in its order."""
    bars = [bar for container in ax.containers for bar in container]
    return [int(bar.get_width() * GiB) for bar in bars if abs(bar.get_y() + bar.get_height() / 2 - row) < 0.01]


def texts(ax: Any) -> str:
    drawn = [ax.get_title(loc="left"), ax.get_xlabel(), *(text.get_text() for text in ax.texts)]
    if ax.get_legend() is not None:
        drawn += [text.get_text() for text in ax.get_legend().get_texts()]
    for inner in ax.child_axes:
        drawn.append(texts(inner))
    return "\n".join(drawn)


# ---------------------------------------------------------------------------------------------- the numbers


@given(hosts())
@settings(max_examples=75, deadline=None)
def test_shares_add_up_to_the_bounded_total(any_host: Host) -> None:
    for scenario in ("promised", "reachable"):
        bill = any_host.bill(scenario)
        assert sum(share.bytes for share in shares(bill)) == bill.bounded_total


@given(hosts(walled=False))
@settings(max_examples=50, deadline=None)
def test_without_walls_a_share_is_what_its_service_claims(any_host: Host) -> None:
    bill = any_host.bill()
    for share in shares(bill):
        claimed = sum(claim.bounded for claim in bill.claims if claim.service in share.services)
        assert share.bytes == claimed - sum(cap.relief for cap in bill.caps if cap.service in share.services) >= 0


@given(hosts())
@settings(max_examples=50, deadline=None)
def test_steps_go_from_the_ram_to_the_headroom(any_host: Host) -> None:
    bill = any_host.bill()
    down = steps(bill)
    assert down[0].end == bill.budget.mem_total
    assert down[-1].end == bill.headroom
    assert sum(step.bytes for step in down if step.kind == "share") == -bill.bounded_total


def test_what_stands_in_one_wall_is_one_share_under_its_name() -> None:
    walls = (Wall(name="user.slice", cgroup="/user.slice", memory_max=2 * GiB),)
    inside = [process("node", 3 * GiB, cgroup="/user.slice/a"), process("tool", GiB, cgroup="/user.slice/b")]
    bill = host(*inside, process("java", GiB, cgroup="/system.slice/java.service"), walls=walls).bill()
    assert [(share.name, share.bytes, share.services) for share in shares(bill)] == [
        ("user.slice", 2 * GiB, ("node", "tool")),
        ("java", GiB, ("java",)),
    ]


def test_a_wall_round_one_service_leaves_it_its_name() -> None:
    walls = (Wall(name="java.service", cgroup="/system.slice/java.service", memory_max=GiB),)
    bill = host(process("java", 3 * GiB, cgroup="/system.slice/java.service"), walls=walls).bill()
    assert [(share.name, share.bytes) for share in shares(bill)] == [("java", GiB)]


def test_many_services_become_seven_and_the_rest_smallest_first() -> None:
    bill = host(*(process(f"p{number:02}", number * MiB) for number in range(1, 13))).bill()
    parts = of_bills([bill])[0]
    assert [share.name for share in parts] == [REST, "p06", "p07", "p08", "p09", "p10", "p11", "p12"]
    assert parts[0].bytes == sum(range(1, 6)) * MiB


# ---------------------------------------------------------------------------------------------- the pictures


@pytest.mark.parametrize("name", ["before", "after"])
def test_the_widths_of_a_stacked_bar_add_up_to_the_bill(name: str, request: pytest.FixtureRequest) -> None:
    bill = request.getfixturevalue(name)
    assert sum(widths(plots.stacked(bill))) == bill.bounded_total == bill.total


def test_the_bar_starts_where_the_budget_ends_and_is_held_against_ram_and_alert(after: Bill) -> None:
    ax = plots.stacked(after)
    first = ax.containers[0][0]
    assert int(first.get_x() * GiB) == after.budget.kept_back
    drawn = {round(line.get_xdata()[0] * GiB) for line in ax.lines}
    assert {after.budget.mem_total, after.budget.mem_total * 85 // 100} <= drawn


def test_a_bill_of_many_times_the_ram_is_drawn_to_scale_and_once_more_enlarged(before: Bill) -> None:
    ax = plots.stacked(before)
    (inner,) = ax.child_axes
    assert sum(widths(inner)) == sum(widths(ax)) == before.bounded_total
    assert ax.get_xlim()[1] * GiB > before.bounded_total
    assert before.budget.mem_total < inner.get_xlim()[1] * GiB < 2 * before.budget.mem_total
    assert "enlarged" in texts(ax)
    assert "11 times the RAM" in texts(ax)


def test_a_bill_within_twice_the_ram_needs_no_second_view(after: Bill) -> None:
    assert plots.stacked(after).child_axes == []


def test_compared_bills_stand_under_each_other_each_with_its_total(before: Bill, after: Bill) -> None:
    ax = plots.compared({"before": before, "after": after})
    assert sum(widths(ax, 0)) == before.bounded_total
    assert sum(widths(ax, -1)) == after.bounded_total
    assert "the axis is cut: before runs on to 1" in ax.get_xlabel()
    assert ax.get_xlim()[1] * GiB < 2 * before.budget.mem_total


def test_a_service_has_one_colour_in_every_compared_bar(before: Bill, after: Bill) -> None:
    ax = plots.compared({"before": before, "after": after})
    colours: dict[str, set[Any]] = {}
    for container in ax.containers:
        colours.setdefault(container.get_label(), set()).add(container[0].get_facecolor())
    assert len(colours) >= 6
    assert all(len(found) == 1 for found in colours.values())


def test_colours_are_eight_different_ones_and_no_two_neighbours_share_a_hatch() -> None:
    assert len(set(plots.OKABE_ITO)) == 8 == len(plots.HATCHES)
    assert all(one != other for one, other in zip(plots.HATCHES, plots.HATCHES[1:]))


def test_a_waterfall_has_every_step_and_ends_in_the_headroom(before: Bill) -> None:
    ax = plots.waterfall(before)
    ends = [round((bar.get_x() + bar.get_width()) * GiB) for container in ax.containers for bar in container]
    assert ends == [step.end for step in steps(before)]
    assert ends[-1] == before.headroom < 0
    assert matplotlib.colors.to_hex(ax.containers[-1][0].get_facecolor()) == plots.BELOW_ZERO.lower()
    assert [label.get_text() for label in ax.get_yticklabels()] == [step.name for step in steps(before)]
    assert "too much" in texts(ax)


def test_what_has_no_limit_is_said_and_its_bounded_part_drawn() -> None:
    bill = host(process("cache", capacity.UNLIMITED), process("java", GiB)).bill()
    ax = plots.stacked(bill)
    assert sum(widths(ax)) == bill.bounded_total == GiB
    assert "no limit: cache" in texts(ax)
    assert "no limit for cache" in ax.get_title(loc="left")
    assert "no limit: cache" in texts(plots.compared({"one": bill}))
    assert "no limit" in texts(plots.waterfall(bill))


def test_without_ram_the_bill_is_drawn_alone_and_there_is_no_waterfall() -> None:
    ram = Setting("MemTotal", capacity.UNKNOWN, NotKnown("no meminfo in this tree"))
    memory = Memory(name="kernel", known={"mem_total": ram})
    bill = Host(name="made", memory=memory, services=(process("java", GiB),)).bill()
    assert bill.budget.unknown is not None
    ax = plots.stacked(bill)
    assert sum(widths(ax)) == GiB
    assert "the RAM is not known" in texts(ax)
    assert sum(widths(plots.compared({"one": bill}))) == GiB
    with pytest.raises(BadValue, match="RAM is known"):
        plots.waterfall(bill)


def test_a_bill_of_arrays_and_no_bill_are_errors() -> None:
    bill = host(process("java", [GiB, 2 * GiB])).bill()  # type: ignore[arg-type]
    for draw in (plots.stacked, plots.waterfall, lambda b: plots.compared({"a": b})):
        with pytest.raises(BadValue, match="one host"):
            draw(bill)
    with pytest.raises(BadValue, match="at least one bill"):
        plots.compared({})


HOSTILE = "$x_{1$ \x1b[31m_<b>\u202e"


def test_hostile_names_are_drawn_as_text_and_harmless() -> None:
    bill = host(process("_" + HOSTILE, 3 * GiB), process("$\\frac{", GiB), process("two$", MiB)).bill()
    for ax in (plots.stacked(bill), plots.waterfall(bill), plots.compared({"$\x00": bill})):
        assert "\x1b" not in texts(ax)
        assert "\u202e" not in texts(ax)
        ax.figure.savefig(io.BytesIO(), format="svg")  # where matplotlib would read mathematics
    labels = [text.get_text() for text in plots.stacked(bill).get_legend().get_texts()]
    assert any("_\\$x_{1\\$ \\x1b[31m_<b>\\u202e" in label for label in labels)


def test_no_words_of_a_picture_lie_over_others_or_outside(before: Bill, after: Bill) -> None:
    small = host(process("java", 3 * GiB), swap=64 * GiB).bill()
    full = host(process("java", 14 * GiB)).bill()
    for bill in (before, after, small, full):
        for draw in (plots.stacked, plots.waterfall, lambda b: plots.compared({"one": b, "two": b})):
            ax = draw(bill)
            figure = ax.figure
            figure.draw_without_rendering()
            boxes = [text.get_window_extent() for text in _words(ax) if text.get_text().strip()]
            assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 for box in boxes)
            pairs = [(a, b) for at, a in enumerate(boxes) for b in boxes[at + 1 :]]
            assert not [pair for pair in pairs if pair[0].padded(-1).overlaps(pair[1].padded(-1))]


def _words(ax: Any) -> list[Any]:
    found = [*ax.texts, ax._left_title, ax.xaxis.label, *ax.get_xticklabels(), *ax.get_yticklabels()]
    low, high = ax.get_xlim()
    ticks = ax.get_xticks()
    found = [t for t in found if t not in ax.get_xticklabels() or low <= ticks[ax.get_xticklabels().index(t)] <= high]
    if ax.get_legend() is not None:
        found += ax.get_legend().get_texts()
    return [word for inner in (found, *(_words(child) for child in ax.child_axes)) for word in inner]


# ---------------------------------------------------------------------------------------------- nothing else changes


def test_a_given_ax_is_drawn_on_and_returned(after: Bill) -> None:
    for draw in (plots.stacked, plots.waterfall):
        ax = Figure().add_subplot()
        assert draw(after, ax=ax) is ax
    ax = Figure().add_subplot()
    assert plots.compared({"one": after}, ax=ax) is ax
    ax = Figure().add_subplot()
    assert after.plot(ax=ax) is ax


def test_the_settings_of_matplotlib_stay_as_they_were(before: Bill) -> None:
    held = dict(matplotlib.rcParams)
    plots.stacked(before).figure.savefig(io.BytesIO())
    plots.compared({"one": before})
    plots.waterfall(before)
    assert dict(matplotlib.rcParams) == held


def test_pyplot_is_never_loaded_and_matplotlib_only_when_a_picture_is_asked_for() -> None:
    code = """
import sys, io, capacity
import capacity.plots, capacity.report.cards
host = capacity.read_host(capacity.example("incident-before"))
bill = host.bill()
assert not {"numpy", "pandas", "matplotlib", "jinja2"} & set(sys.modules), "too early"
bill.plot().figure.savefig(io.BytesIO(), format="svg")
capacity.plots.waterfall(bill), capacity.plots.compared({"one": bill})
assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
