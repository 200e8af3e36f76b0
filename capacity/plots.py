"""Pictures of a bill: against the RAM of its host, several under each other, and from the RAM down to the headroom.

Every function takes `ax` or makes a Figure of its own, draws in GiB and returns the Axes. The object API of matplotlib
alone: no pyplot, no global state, `rcParams` as they were; matplotlib is loaded when a picture is asked for. The
numbers of a picture can be had without it (`capacity.shares`). Colours are those of Okabe and Ito (Color Universal
Design, 2008), with hatches beside them for print.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from capacity.bill import Bill
from capacity.errors import BadValue
from capacity.report.words import amount, percent, sanitize
from capacity.shares import REST, Share, Step, of_bills, shares, steps, whole
from capacity.units import GiB, human

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OKABE_ITO: Final = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#000000")
# of lines only: dots and circles are a quarter of a megabyte each in an SVG file
HATCHES: Final = ("", "///", "|||", "\\\\\\", "xxx", "---", "+++", "")
INK: Final = "#333333"  # text, axes and marks, on a light ground
EDGE: Final = 0.5  # how much of the ink is in edges and hatches
KEPT: Final = "#A6A6A6"
BELOW_ZERO: Final = OKABE_ITO[5]
TIMES_RAM: Final = 2  # a bill above so many times the RAM is shown a second time, enlarged, so that the RAM can be read
RAM_LINE: Final[dict[str, Any]] = {"linewidth": 2.2, "zorder": 3}
ALERT_LINE: Final[dict[str, Any]] = {"linewidth": 1.4, "linestyle": (0, (4, 2)), "zorder": 3}
SWAP: Final[dict[str, Any]] = {"facecolor": "none", "hatch": "\\\\", "edgecolor": "#8A8A8A", "linewidth": 0.8}
Looks = Mapping[str, tuple[str, str]]


def finding(bill: Bill) -> str:
    """What a picture of the bill shows, in one sentence with its numbers. Raises BadValue for a bill of arrays."""
    bounded, budget = whole(bill.bounded_total), bill.budget
    endless = [share.name for share in shares(bill) if share.unlimited]
    what = f"{amount(bill)} may be taken"
    if endless:
        named = ", ".join(endless[:2]) + (" and others" if endless[2:] else "")
        what = f"no limit for {named}; beside it {human(bounded)}"
    if budget.unknown is not None:
        return f"{what}; the RAM is not known"
    ram, headroom = whole(budget.mem_total), whole(budget.total) - bounded
    if 20 * bounded >= 39 * ram:
        return f"{what}: {bounded / ram:.0f} times the RAM of {human(ram)}"
    if headroom < 0:
        return f"{what}: {human(-headroom)} more than the {human(whole(budget.total))} that the host can give"
    if endless:
        return f"{what} of {human(ram)} RAM"
    used = whole(bill.used)
    side = "above" if 100 * used > bill.alert * ram else "under"
    doubt = "; not everything is known" if bill.doubts else ""
    return f"{what}: with what the kernel keeps {percent(used, ram)} of the RAM, {side} the {bill.alert} % line{doubt}"


def stacked(bill: Bill, ax: Axes | None = None, *, ink: str = INK) -> Axes:
    """A bill by service in one bar, behind what the budget keeps back, against RAM, alert line and RAM + swap. GiB.

    The widths of `ax.containers` add up to the bounded total; what has no limit is an arrow with those words. A bill
    above twice the RAM is drawn to scale, with its part up to RAM and swap enlarged below (an axes inside `ax`).
    `ink` colours text and axes. Raises BadValue for a bill of arrays.
    """
    parts = of_bills([bill])[0]
    looks = looks_of([bill], [parts])
    large = bill.budget.unknown is None and _end(bill) > TIMES_RAM * whole(bill.budget.mem_total)
    ax = _axes(ax, 9.0, 4.8 if large else 3.4, ink)
    ax.set_title(_text(finding(bill)), loc="left", color=ink, size="medium")
    if large:
        _to_scale(ax, bill, parts, looks, ink)
    else:
        _one(ax, bill, parts, looks, ink, 1.06 * _most(bill))
    _legend(ax, [bill], [parts], looks, ink)
    return ax


def compared(bills: Mapping[str, Bill], ax: Axes | None = None, *, ink: str = INK) -> Axes:
    """Bills of several hosts, or of several states of one, as bars under each other. GiB.

    Each row has its own RAM, alert line and swap. The containers hold every width whole; where one bill is above twice
    the largest RAM, the axis is cut and says so. Raises BadValue for no bill and for bills of arrays.
    """
    if not bills:
        raise BadValue("bills", "none", accepts="at least one bill")
    every = list(bills.values())
    parts = of_bills(every)
    looks = looks_of(every, parts)
    ax = _axes(ax, 9.0, 1.9 + 1.05 * len(every), ink)
    known = [bill for bill in every if bill.budget.unknown is None]
    line = TIMES_RAM * max((whole(bill.budget.mem_total) for bill in known), default=0)
    cut = [name for name, bill in bills.items() if line and _end(bill) > line]
    end = 1.06 * max([_most(bill) for name, bill in bills.items() if name not in cut] + [line * 3 // 4])
    for row, (name, bill) in enumerate(bills.items()):
        _bar(ax, -row, bill, parts[row], looks, ink, 0.42)
        _lines(ax, -row - 0.36, -row + 0.3, bill, ink)
        _note(ax, 0, -row + 0.36, f"{name}: {finding(bill)}", ink, "left", size="medium")
        if name in cut:
            _break(ax, -row, end, ink)
        _endless(ax, -row, bill, end, parts[row], ink)
    _room(ax, end, (-len(every) + 0.5, 0.62))
    runs = ", ".join(f"{name} runs on to {_end(bills[name]) / GiB:.1f}" for name in cut)
    words = f"GiB; the axis is cut: {runs}" if cut else "GiB"
    ax.set_xlabel(_text(words), color=ink)
    _legend(ax, every, parts, looks, ink)
    return ax


def waterfall(bill: Bill, ax: Axes | None = None, *, ink: str = INK) -> Axes:
    """RAM, less each line of the budget, less each service, ends in the headroom (below zero: too much). GiB.

    One bar a row (`ax.patches`), as `capacity.shares.steps` has them. Raises BadValue where the RAM is not known, and
    for a bill of arrays.
    """
    down = steps(bill)
    looks = looks_of([bill], [of_bills([bill])[0]])
    ax = _axes(ax, 9.0, 1.2 + 0.3 * len(down), ink)
    lack = down[-1].end < 0
    endless = "; something has no limit and is drawn without it" if any(step.unlimited for step in down) else ""
    words = f"{human(abs(down[-1].end))} {'too much' if lack else 'to spare'} of {human(down[0].end)} RAM{endless}"
    ax.set_title(_text(words), loc="left", color=ink, size="medium")
    low, high = min(step.end for step in down), down[0].end
    for row, step in enumerate(down):
        colour, hatch = _look(step, looks)
        ax.barh(
            -row, step.bytes / GiB, left=step.start / GiB, height=0.7, color=colour, hatch=hatch, edgecolor=(ink, EDGE),
            linewidth=0.6,
        )  # fmt: skip
        # beyond the line at zero, words to the right of a bar would cross it
        left = max(step.start, step.end) < 0
        at = min(step.start, step.end) if left else max(step.start, step.end)
        _note(ax, at / GiB, -row, _signed(step), ink, "right" if left else "left", across="center")
    ax.axvline(0, color=ink, linewidth=1)
    ax.set_xlim(
        (low - (0.3 if endless else 0.16) * (high - low)) / GiB if lack else 0, (high + 0.16 * (high - low)) / GiB
    )
    ax.set_ylim(-len(down) + 0.4, 0.6)
    ax.set_yticks([-row for row in range(len(down))], [_text(step.name, 30) for step in down], color=ink)
    ax.tick_params(axis="y", length=0)
    return ax


def _signed(step: Step) -> str:
    return ("no limit, " if step.unlimited else "") + human(step.bytes)


def _look(step: Step, looks: Looks) -> tuple[str, str]:
    if step.kind == "share":
        return looks[step.name]
    if step.kind == "headroom":
        return (BELOW_ZERO, "///") if step.end < 0 else (OKABE_ITO[2], "")
    return KEPT, "" if step.kind != "kept" else "///"


def looks_of(bills: Sequence[Bill], parts: Sequence[Sequence[Share]]) -> Looks:
    """Colour and hatch of every share that is shown, in the order of the bills; the rest is always the last."""
    shown = {share.name for row in parts for share in row} - {REST}
    names = [name for name in dict.fromkeys(s.name for bill in bills for s in shares(bill)) if name in shown]
    looks = dict(zip(names, zip(OKABE_ITO, HATCHES)))
    return {**looks, REST: (OKABE_ITO[-1], HATCHES[-1])}


# ---------------------------------------------------------------------------------------------- parts of a picture


def _axes(ax: Axes | None, width: float, height: float, ink: str) -> Axes:
    """`ax`, or one on a Figure of its own, with quiet spines and an axis in GiB."""
    if ax is None:
        from matplotlib.figure import Figure

        ax = Figure(figsize=(width, height), layout="constrained").add_subplot()
    _quiet(ax, ink)
    return ax


def _quiet(ax: Any, ink: str) -> None:
    for side in ("top", "left", "right"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(ink)
    ax.tick_params(axis="x", colors=ink)
    ax.set_xlabel("GiB", color=ink)
    ax.set_yticks([])


def _kept(bill: Bill) -> int:
    return 0 if bill.budget.unknown is not None else whole(bill.budget.kept_back)


def _end(bill: Bill) -> int:
    """Where the bar of a bill ends: the bill behind what the budget keeps back. Bytes."""
    return _kept(bill) + whole(bill.bounded_total)


def _most(bill: Bill) -> int:
    """The largest number that a picture of the bill must show. Bytes."""
    ram = 0 if bill.budget.unknown is not None else whole(bill.budget.mem_total) + whole(bill.budget.swap)
    return max(_end(bill), ram, GiB // 64)


def _bar(ax: Any, y: float, bill: Bill, parts: Sequence[Share], looks: Looks, ink: str, height: float = 0.6) -> None:
    """One bar: what is kept back as a patch, then each share as a container of its own."""
    from matplotlib.patches import Rectangle

    at = _kept(bill)
    if at:
        ax.add_patch(
            Rectangle(
                (0, y - height / 2), at / GiB, height, facecolor=KEPT, hatch="///", edgecolor=(ink, EDGE), linewidth=0.6
            )
        )
    for share in parts:
        colour, hatch = looks[share.name]
        ax.barh(
            y, share.bytes / GiB, left=at / GiB, height=height, color=colour, hatch=hatch, edgecolor=(ink, EDGE),
            linewidth=0.6, label=_text(share.name), zorder=2,
        )  # fmt: skip
        at += share.bytes


def _lines(ax: Any, low: float, high: float, bill: Bill, ink: str, tops: tuple[float, float] | None = None) -> None:
    """RAM, alert line and swap of one row from `low` to `high`; `tops` are where RAM and alert line end instead."""
    from matplotlib.patches import Rectangle

    budget = bill.budget
    if budget.unknown is not None:
        return
    ram, swap = whole(budget.mem_total) / GiB, whole(budget.swap) / GiB
    if swap:
        ax.add_patch(Rectangle((ram, low), swap, high - low, zorder=1, **SWAP))
    top, alert = tops or (high, high)
    at = bill.alert * ram / 100
    ax.plot([ram, ram], [low, top], color=ink, **RAM_LINE)
    ax.plot([at, at], [low, alert], color=ink, **ALERT_LINE)


def _one(ax: Any, bill: Bill, parts: Sequence[Share], looks: Looks, ink: str, end: float) -> None:
    """A bar with everything that it is held against, each mark with its words, up to `end` bytes."""
    _bar(ax, 0, bill, parts, looks, ink)
    end *= 1.15 if any(share.unlimited for share in parts) else 1
    _room(ax, end, (-1.1, 1.0))
    _endless(ax, 0, bill, end, parts, ink)
    budget = bill.budget
    if budget.unknown is not None:
        return
    ram, both = whole(budget.mem_total), whole(budget.mem_total) + whole(budget.swap)
    right = ram > 0.7 * end
    _lines(ax, -0.4, 0.4, bill, ink, (0.9, 0.62) if right else (0.62, 0.9))
    words = f"{bill.alert} % line {human(bill.alert * ram // 100)}"
    _note(ax, bill.alert * ram / 100 / GiB, 0.5 if right else 0.78, words, ink, "right")
    _note(ax, ram / GiB, 0.78 if right else 0.5, f"RAM {human(ram)}", ink, "right" if right else "left")
    kept = _kept(bill) / GiB
    ax.annotate("", (kept, -0.48), (ram / GiB, -0.48), arrowprops={"arrowstyle": "<->", "color": ink, "shrinkA": 0,
                "shrinkB": 0})  # fmt: skip
    _note(ax, (kept + ram / GiB) / 2, -0.68, f"for programs: {human(whole(budget.total))}", ink, "center")
    if budget.swap:
        _note(ax, both / GiB, -0.95, f"RAM + swap {human(both)}", ink, "right" if both > 0.5 * end else "left")


def _to_scale(ax: Any, bill: Bill, parts: Sequence[Share], looks: Looks, ink: str) -> None:
    """The whole bill above, and below it, in an axes of its own, the part up to RAM and swap."""
    ram, both = whole(bill.budget.mem_total), whole(bill.budget.mem_total) + whole(bill.budget.swap)
    end = 1.03 * _end(bill) * (1.15 if any(share.unlimited for share in parts) else 1)
    _bar(ax, 0, bill, parts, looks, ink, 0.5)
    _lines(ax, -0.4, 0.4, bill, ink)
    _endless(ax, 0, bill, end, parts, ink)
    _room(ax, end, (-4.2, 0.6))
    ax.xaxis.set_ticks_position("top")
    ax.spines["bottom"].set_visible(False)
    ax.set_xlabel("")
    words = f"to scale, GiB; below: the first {human(1.25 * both)} enlarged"
    _note(ax, end / GiB, -0.75, words, ink, "right")
    inner = ax.inset_axes((0, 0, 1, 0.62))
    inner.patch.set_alpha(0)
    _quiet(inner, ink)
    _one(inner, bill, parts, looks, ink, 1.25 * max(both, ram))
    top, edge = 0.62 * 4.8 - 4.2, 1.25 * both / GiB
    for start, stop in ((0, 0), (edge, end / GiB)):
        ax.plot([start, stop], [-0.4, top], color=ink, linewidth=0.7, linestyle=":", zorder=0)


def _room(ax: Any, end: float, heights: tuple[float, float]) -> None:
    ax.set_xlim(0, end / GiB)
    ax.set_ylim(*heights)


def _endless(ax: Any, y: float, bill: Bill, end: float, parts: Sequence[Share], ink: str) -> None:
    """An arrow from the end of a bar on, with the words, where something of it has no limit."""
    names = [share.name for share in parts if share.unlimited]
    if not names:
        return
    arrow = {"arrowstyle": "-|>", "color": ink, "linewidth": 2.5, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 16}
    ax.annotate("", (end / GiB, y), (min(_end(bill), 0.8 * end) / GiB, y), arrowprops=arrow, zorder=5)
    ax.text(
        0.96 * end / GiB, y, _text(f"no limit: {', '.join(names)}", 40), color=INK, size="small", ha="right",
        va="center", bbox={"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": ink}, zorder=6,
    )  # fmt: skip


def _break(ax: Any, y: float, end: float, ink: str) -> None:
    """The mark of a bar that goes on beyond the cut axis."""
    at = end / GiB
    xs = [0.955 * at, 0.965 * at, 0.98 * at, 0.97 * at]
    ax.fill(xs, [y - 0.32, y + 0.32, y + 0.32, y - 0.32], facecolor="white", edgecolor=ink, linewidth=0.8, zorder=4)


def _note(
    ax: Any, x: float, y: float, words: str, ink: str, side: str, *, across: str = "baseline", size: str = "small"
) -> None:
    """Words beside a place: 4 points from it, on the side away from their alignment."""
    gap = {"left": 4, "right": -4, "center": 0}[side]
    ax.annotate(
        _text(words, 120), (x, y), (gap, 0), textcoords="offset points", color=ink, size=size, ha=side, va=across,
        zorder=6, annotation_clip=False,
    )  # fmt: skip


def _legend(ax: Any, bills: Sequence[Bill], rows: Sequence[Sequence[Share]], looks: Looks, ink: str) -> None:
    """Every share that is shown, in the order of the bar: in a single bar with its bytes, in several with the lines."""
    from matplotlib.patches import Patch
    from matplotlib.transforms import ScaledTranslation

    handles: list[Any] = []
    known = [bill for bill in bills if bill.budget.unknown is None]
    if known:
        size = f"{human(_kept(known[0]))} · " if len(bills) == 1 else ""
        handles.append(
            Patch(facecolor=KEPT, hatch="///", edgecolor=(ink, EDGE), label=f"{size}kept by kernel and file pages")
        )
    for share in {share.name: share for row in rows for share in row}.values():
        less = " and no limit" if share.unlimited else ""
        words = f"{human(share.bytes)}{less} · {_name(share)}" if len(bills) == 1 else _name(share)
        colour, hatch = looks[share.name]
        handles.append(Patch(facecolor=colour, hatch=hatch, edgecolor=(ink, EDGE), label=_text(words, 40)))
    handles += _of_lines(known, ink) if len(bills) > 1 else []
    below = ScaledTranslation(0, -44 / 72, ax.figure.dpi_scale_trans)
    ax.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=ax.transAxes + below, ncols=3,
        frameon=False, fontsize="small", labelcolor=ink, handlelength=2.2, handleheight=1.2, borderaxespad=0,
    )  # fmt: skip


def _of_lines(known: Sequence[Bill], ink: str) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if not known:
        return []
    alerts = ", ".join(dict.fromkeys(f"{bill.alert} %" for bill in known))
    rams = ", ".join(dict.fromkeys(human(whole(bill.budget.mem_total)) for bill in known))
    lines: list[Any] = [
        Line2D([], [], color=ink, label=f"{alerts} of the RAM", **ALERT_LINE),
        Line2D([], [], color=ink, label=f"RAM {_text(rams, 40)}", **RAM_LINE),
    ]
    return [*lines, Patch(label="swap", **SWAP)] if any(bill.budget.swap for bill in known) else lines


def _name(share: Share) -> str:
    """A share by name; a wall with what it holds."""
    if share.name in share.services or share.name == REST:
        return share.name
    return f"{share.name} ({len(share.services)} inside)"


def _text(words: str, width: int = 160) -> str:
    """`words` as matplotlib shows them: harmless, no mathematics between dollars, cut at `width` characters."""
    shown = sanitize(words)
    shown = shown if len(shown) <= width else shown[: width - 1] + "…"
    return shown.replace("$", r"\$")
