"""The terminal's face: verdict and bill on one screen of 80 columns, then the findings, each with its source line.

Text is made as plain lines with a style beside each; colour is the writer's business (`capacity.cli`), and rich is
loaded only where there is a terminal to colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from capacity.bill import Bill
from capacity.findings import Finding
from capacity.host import Host
from capacity.report.lines import Styled, cut, cut_inside, shown
from capacity.report.words import amount, headline, ram, sanitize, size
from capacity.service import Claim
from capacity.settings import File
from capacity.walls import Relief

WIDTH: Final = 80
SCREEN: Final = 24
NAME, COUNT, EACH, TOTAL = 29, 9, 12, 13  # widths of the bill's columns
PLACE: Final = 2 + NAME + COUNT + EACH + TOTAL + 2  # where its last column begins
LONGEST: Final = 28  # characters of a host's name, so that the verdict stays on its line


def check(
    host: Host, bill: Bill, other: Bill, findings: tuple[Finding, ...], *, verbose: bool = False
) -> Iterator[Styled]:
    """What `capacity check` shows: verdict, bill, findings, a last line. `other` is the other scenario's bill.

    A host that fits, with nothing but warnings and notes, gets five lines unless `verbose`.
    """
    head = tuple(verdict(host, bill, other))
    yield from head
    if not verbose and bill.verdict == "fits" and all(finding.severity != "error" for finding in findings):
        if findings:
            yield Styled(f"  {_count(findings)} (capacity check -v)")
        return
    yield Styled("")
    yield from table(bill, SCREEN - 2 - len(head))  # a blank line before it and one behind it
    yield from shown(findings)
    yield Styled("")
    yield Styled(f"{_count(findings)}.  {headline(host, bill)}: {amount(bill)}")


def verdict(host: Host, bill: Bill, other: Bill) -> Iterator[Styled]:
    """The verdict in words, both scenarios, and the RAM: four lines, or a little more where numbers are long."""
    bills = {one.scenario: one for one in (bill, other)}
    bad = bill.verdict in {"over", "unlimited", "swaps"}
    style = "bold red" if bad else "bold green" if bill.verdict == "fits" else "bold yellow"
    yield Styled(f"{headline(host, bill, LONGEST)}.", style)
    words = " · ".join(f"{name} {amount(bills[name])}" for name in ("reachable", "promised"))
    yield from _folded(f"worst case: {words}")
    yield from _folded(ram(host, bill))
    headroom = bill.headroom
    if headroom is not None:
        lack = headroom < 0
        text = f"{size(abs(headroom))} {'too much' if lack else 'to spare'}"
        yield Styled(f"  {bill.scenario}: {text}, verdict {bill.verdict}")


def _folded(text: str) -> Iterator[Styled]:
    line = "  "
    for word in text.split(" "):
        if len(line) + len(word) > WIDTH and line.strip():
            yield Styled(line.rstrip())
            line = "    "
        line += word + " "
    yield Styled(line.rstrip())


def table(bill: Bill, most: int = SCREEN - 6) -> Iterator[Styled]:
    """The bill in at most `most` lines, the largest first; what is under 1 % of it in one line; what is taken off."""
    yield Styled(f"  {'what may be taken':<{NAME}}{'count':>{COUNT}}{'each':>{EACH}}{'total':>{TOTAL}}  set by", "bold")
    tail = [*_taken_off((*bill.caps, *bill.walls)), *_not_known(bill.unknown)]
    room = most - 2 - len(tail)
    lines = sorted((c for c in bill.claims if _weight(c)), key=lambda claim: -_weight(claim))
    whole = sum(_weight(claim) for claim in lines if claim.bound != "unlimited") or 1
    large = [claim for claim in lines if claim.bound == "unlimited" or 100 * _weight(claim) >= whole]
    for claim in large[:room]:
        yield Styled(_row(claim))
    rest = lines[len(large[:room]) :]
    if rest:
        label = f"{len(rest)} smaller lines" if len(large) > room else f"{len(rest)} lines under 1 % each"
        yield Styled(_cells(label, "", "", size(sum(_weight(claim) for claim in rest))))
    yield from (Styled(line) for line in tail)


def _taken_off(lines: Sequence[Relief]) -> Iterator[str]:
    """What caps and walls take off, the most first; from the third on in one line."""
    ordered = sorted(lines, key=lambda line: -line.relief)
    for line in ordered[:3] if len(ordered) == 3 else ordered[:2]:
        yield _cells(f"less {line.name}, {line.service}", "", "", size(-line.relief))
    if len(ordered) > 3:
        rest = ordered[2:]
        yield _cells(f"less {len(rest)} other limits", "", "", size(-sum(line.relief for line in rest)))


def _not_known(claims: Sequence[Claim]) -> Iterator[str]:
    for claim in claims[:2]:
        why = claim.unknown.name if claim.unknown else ""
        yield cut(_cells(f"{claim.service} {claim.name}", "?", "?", "?") + sanitize(f"  {why} not known"), WIDTH)
    if len(claims) > 2:
        yield _cells(f"{len(claims) - 2} other lines not known", "?", "?", "?")


def _cells(name: str, count: str, each: str, total: str) -> str:
    """A row of the table without its last column; nothing runs into its neighbour."""
    numbers = zip((count, each, total), (COUNT, EACH, TOTAL), strict=True)
    return f"  {cut_inside(sanitize(name), NAME - 1):<{NAME}}" + "".join(
        f"{cut(text, width - 1):>{width}}" for text, width in numbers
    )


def _weight(claim: Claim) -> float:
    total = claim.total
    return float(total) if isinstance(total, (int, float)) else 0.0


def _row(claim: Claim) -> str:
    row = _cells(f"{claim.service} {claim.name}", size_of_count(claim), size(claim.each), size(claim.total))
    return f"{row}  {_set_by(claim)}".rstrip()


def size_of_count(claim: Claim) -> str:
    """A count for people: digits, or a word."""
    count = claim.count
    return f"{count:,}" if isinstance(count, int) else "no limit" if isinstance(count, float) else "array"


def _set_by(claim: Claim) -> str:
    """Where the settings of a claim stand, as far as the last column carries it."""
    places = [setting.origin for _, setting in claim.reads if isinstance(setting.origin, File)]
    if places:
        first = places[0]
        lines = sorted({place.line for place in places if place.path == first.path})
        text = f"{first.path.rsplit('/', 1)[-1]}:{','.join(map(str, lines[:2]))}"
        return cut(sanitize(text), WIDTH - PLACE)
    kinds = dict.fromkeys(setting.origin.kind for _, setting in claim.reads)
    return cut(next(iter(kinds), "source"), WIDTH - PLACE)


def _count(findings: Iterable[Finding]) -> str:
    kinds = [finding.severity for finding in findings]
    words = [
        f"{kinds.count(k)} {k}{'s' if kinds.count(k) != 1 else ''}" for k in ("error", "warning", "note") if k in kinds
    ]
    return ", ".join(words) or "no findings"
