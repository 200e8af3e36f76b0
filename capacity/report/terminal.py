"""The terminal's face: verdict and bill on one screen of 80 columns, then the findings, each with its source line.

Text is made as plain lines with a style beside each; colour is the writer's business (`capacity.cli`), and rich is
loaded only where there is a terminal to colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from capacity.bill import Bill
from capacity.findings import Finding
from capacity.host import Host
from capacity.report.lines import Styled, cut, shown
from capacity.report.words import amount, headline, ram, sanitize, size
from capacity.service import Claim
from capacity.settings import File

WIDTH: Final = 80
SCREEN: Final = 24
ROWS: Final = 13  # of the bill's table, so that verdict and bill stay within one screen


def check(
    host: Host, bill: Bill, other: Bill, findings: tuple[Finding, ...], *, verbose: bool = False
) -> Iterator[Styled]:
    """What `capacity check` shows: verdict, bill, findings, a last line. `other` is the other scenario's bill.

    A host that fits, with nothing but notes, gets five lines unless `verbose`.
    """
    yield from verdict(host, bill, other)
    if not verbose and bill.verdict == "fits" and not any(finding.severity != "note" for finding in findings):
        if findings:
            yield Styled(f"  {_count(findings)} (capacity check -v)")
        return
    yield Styled("")
    yield from table(bill)
    yield from shown(findings)
    yield Styled("")
    yield Styled(f"{_count(findings)}.  {sanitize(headline(host, bill))}: {amount(bill)}")


def verdict(host: Host, bill: Bill, other: Bill) -> Iterator[Styled]:
    """The verdict in words, both scenarios, and the RAM: at most four lines."""
    bills = {one.scenario: one for one in (bill, other)}
    bad = bill.verdict in {"over", "unlimited", "swaps"}
    style = "bold red" if bad else "bold green" if bill.verdict == "fits" else "bold yellow"
    yield Styled(f"{sanitize(headline(host, bill))}.", style)
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


def table(bill: Bill) -> Iterator[Styled]:
    """The bill, the largest line first; what is under 1 % of it in one line; caps and walls as they take off."""
    yield Styled(f"  {'what may be taken':<34}{'count':>7}{'each':>11}{'total':>11}  set by", "bold")
    lines = sorted((c for c in bill.claims if _weight(c)), key=lambda claim: -_weight(claim))
    whole = sum(_weight(claim) for claim in lines if claim.bound != "unlimited") or 1
    large = [claim for claim in lines if claim.bound == "unlimited" or 100 * _weight(claim) >= whole]
    for claim in large[:ROWS]:
        yield Styled(_row(claim))
    rest = lines[len(large[:ROWS]) :]
    if rest:
        label = f"{len(rest)} smaller lines" if len(large) > ROWS else f"{len(rest)} lines under 1 % each"
        yield Styled(f"  {label:<34}{'':>7}{'':>11}{size(sum(_weight(claim) for claim in rest)):>11}")
    for line in (*bill.caps, *bill.walls)[:3]:
        name = cut(sanitize(f"less {line.name} of {line.service}"), 33)
        yield Styled(f"  {name:<34}{'':>7}{'':>11}{size(-line.relief):>11}")
    for claim in bill.unknown[:2]:
        why = claim.unknown.name if claim.unknown else ""
        yield Styled(
            f"  {cut(sanitize(f'{claim.service} {claim.name}'), 33):<34}{'?':>7}{'?':>11}{'?':>11}  {why} not known"
        )


def _weight(claim: Claim) -> float:
    total = claim.total
    return float(total) if isinstance(total, (int, float)) else 0.0


def _row(claim: Claim) -> str:
    name = cut(sanitize(f"{claim.service} {claim.name}"), 33)
    return (
        f"  {name:<34}{size_of_count(claim):>7}{size(claim.each):>11}{size(claim.total):>11}  {_set_by(claim)}".rstrip()
    )


def size_of_count(claim: Claim) -> str:
    """A count for people: digits, or a word."""
    count = claim.count
    return f"{count:,}" if isinstance(count, int) else "no limit" if isinstance(count, float) else "array"


def _set_by(claim: Claim) -> str:
    """Where the settings of a claim stand, as far as 13 columns carry it."""
    places = [setting.origin for _, setting in claim.reads if isinstance(setting.origin, File)]
    if places:
        first = places[0]
        lines = sorted({place.line for place in places if place.path == first.path})
        text = f"{first.path.rsplit('/', 1)[-1]}:{','.join(map(str, lines[:2]))}"
        return cut(sanitize(text), WIDTH - 67)
    kinds = dict.fromkeys(setting.origin.kind for _, setting in claim.reads)
    return cut(next(iter(kinds), "source"), WIDTH - 67)


def _count(findings: Iterable[Finding]) -> str:
    kinds = [finding.severity for finding in findings]
    words = [
        f"{kinds.count(k)} {k}{'s' if kinds.count(k) != 1 else ''}" for k in ("error", "warning", "note") if k in kinds
    ]
    return ", ".join(words) or "no findings"
