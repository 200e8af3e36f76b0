"""Cards for a notebook: a bill and a host as small pieces of HTML that need no style sheet and no script.

Every text of a configuration is sanitized and escaped; colours come from the notebook's own theme.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Final

from capacity.arithmetic import is_array
from capacity.plots import KEPT, finding, looks_of
from capacity.report.words import amount, headline, sanitize, size
from capacity.shares import Share, of_bills, whole

if TYPE_CHECKING:
    from capacity.bill import Bill
    from capacity.host import Host

SIGNS: Final = {"over": "✗", "unlimited": "✗", "swaps": "✗", "unknown": "?", "tight": "!", "fits": "✓"}
_BOX: Final = "border:1px solid currentColor;border-radius:6px;padding:.6em .9em;max-width:46em;line-height:1.45"
_CELL: Final = "text-align:left;padding:.1em .8em .1em 0;border:0;background:none"
_NUMBER: Final = "text-align:right;padding:.1em .8em .1em 0;border:0;background:none;white-space:nowrap"


def bill_card(bill: Bill) -> str:
    """A bill as HTML: its finding, a bar against the RAM, the largest shares. One line for a bill of arrays."""
    if _has_arrays(bill):
        return f"<code>{_text(repr(bill))}</code>"
    head = f"<strong>{SIGNS[bill.verdict]} {bill.verdict}</strong> ({_text(bill.scenario)}): {_text(finding(bill))}"
    return f'<div style="{_BOX}"><div>{head}</div>{_bar(bill)}{_table(bill)}</div>'


def host_card(host: Host) -> str:
    """A host as HTML: the verdict in words, what is reachable and promised, the largest shares."""
    bills = {scenario: host.bill(scenario) for scenario in ("reachable", "promised")}
    if any(_has_arrays(bill) for bill in bills.values()):
        return f"<code>{_text(repr(host))}</code>"
    rows = "".join(_scenario(name, bill) for name, bill in bills.items())
    table = f'<table style="border:0;margin:.4em 0"><tbody>{rows}</tbody></table>'
    bill = bills["reachable"]
    head = f"<strong>{SIGNS[bill.verdict]} {_text(headline(host, bill))}</strong>"
    return f'<div style="{_BOX}"><div>{head}</div>{table}{_bar(bill)}{_table(bill)}</div>'


def _scenario(name: str, bill: Bill) -> str:
    headroom = bill.headroom
    room = "RAM not known" if headroom is None else f"headroom {size(headroom)}"
    return (
        f'<tr><td style="{_CELL}">{name}</td><td style="{_NUMBER}">{_text(amount(bill))}</td>'
        f'<td style="{_NUMBER}">{room}</td><td style="{_CELL}">{bill.verdict}</td></tr>'
    )


def _has_arrays(bill: Bill) -> bool:
    budget = bill.budget
    return is_array(bill.total, budget.total, budget.mem_total, budget.swap) or any(
        is_array(claim.total, claim.measured) for claim in bill.claims
    )


def _bar(bill: Bill) -> str:
    """What is kept back and each share as a bar; the RAM is a bar of its own under it, to the same scale."""
    known = bill.budget.unknown is None
    ram, kept = (whole(bill.budget.mem_total), whole(bill.budget.kept_back)) if known else (0, 0)
    most = max(ram, kept + whole(bill.bounded_total), 1)
    pieces = [(KEPT, kept, "kept by kernel and file pages")] if kept else []
    pieces += [(colour, share.bytes, share.name) for colour, share in _coloured(bill)]
    row = "".join(_piece(colour, 100 * bytes / most, f"{name}: {size(bytes)}") for colour, bytes, name in pieces)
    under = _line(_piece("#777777", 100 * ram / most, f"RAM: {size(ram)}"), "5px") if known else ""
    return f'<div style="margin:.4em 0" aria-hidden="true">{_line(row, "14px")}{under}</div>'


def _line(pieces: str, height: str) -> str:
    return f'<div style="display:flex;height:{height};margin-top:2px">{pieces}</div>'


def _piece(colour: str, share: float, words: str) -> str:
    return f'<span title="{_text(words)}" style="background:{colour};width:{max(share, 0):.3f}%"></span>'


def _coloured(bill: Bill) -> Iterator[tuple[str, Share]]:
    """The shares of the bar, smallest first, each with the colour that it has in every picture of the bill."""
    parts = of_bills([bill])[0]
    looks = looks_of([bill], [parts])
    yield from ((looks[share.name][0], share) for share in parts)


def _table(bill: Bill) -> str:
    rows = "".join(
        f'<tr><td style="{_CELL}"><span style="color:{colour}" aria-hidden="true">■</span> {_text(share.name)}</td>'
        f'<td style="{_NUMBER}">{"no limit" if share.unlimited else size(share.bytes)}</td></tr>'
        for colour, share in reversed(list(_coloured(bill)))
    )
    less = sum(whole(line.relief) for line in (*bill.caps, *bill.walls))
    note = f"<div>caps and walls have taken off {size(less)}</div>" if less else ""
    unknown = ", ".join(f"{claim.service} {claim.name}" for claim in bill.unknown[:3])
    note += f"<div>not in the sum, because not known: {_text(unknown)}</div>" if unknown else ""
    return f'<table style="border:0;margin:.2em 0"><tbody>{rows}</tbody></table>{note}'


def _text(words: str) -> str:
    return escape(sanitize(words), quote=True)
