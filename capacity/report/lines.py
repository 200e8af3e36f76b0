"""Lines for a terminal: a text with its style, and a finding in the shape of a compiler's message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from capacity.findings import Edit, Finding, Mark
from capacity.report.words import sanitize

STYLES: Final = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}
LONGEST: Final = 200  # characters of a source line that are shown


class Styled(NamedTuple):
    """A line and how it is shown (a style of rich, or nothing)."""

    text: str
    style: str = ""


def cut(text: str, width: int) -> str:
    """`text` in at most `width` characters."""
    return text if len(text) <= width else text[: width - 1] + "…"


def cut_inside(text: str, width: int) -> str:
    """`text` in at most `width` characters, its end (where names differ) kept longer than its beginning."""
    head = (width - 1) * 2 // 5
    return text if len(text) <= width else f"{text[:head]}…{text[len(text) - width + 1 + head :]}"


def shown(findings: Iterable[Finding]) -> Iterator[Styled]:
    """Findings one after another in the shape of a compiler's messages."""
    for finding in findings:
        yield Styled("")
        yield from finding_lines(finding)


def finding_lines(finding: Finding) -> Iterator[Styled]:
    """One finding: what, where (with the line and a caret), what lost, the consequence, the fix, the bill after it."""
    yield Styled(f"{finding.severity}[{finding.code}]: {sanitize(finding.message)}", STYLES[finding.severity])
    width = max((len(str(mark.at.line)) for mark in finding.marks), default=1) + 1
    seen = ""
    for mark in finding.marks:
        if mark.at.path != seen:
            yield Styled(f"{' ' * (width - 1)}{':::' if seen else '-->'} {sanitize(str(mark.at))}")
            seen = mark.at.path
        yield from _source(mark, width)
    for note in finding.notes:
        yield Styled(f"{' ' * width} = {sanitize(note)}")
    if isinstance(finding.fix, Edit):
        yield from _edit(finding.fix, width)
    elif finding.fix:
        yield Styled(f"{' ' * width} = help: {sanitize(finding.fix)}", "green")
    if finding.after:
        yield Styled(f"{' ' * width} = after it: {sanitize(finding.after)}")


def _source(mark: Mark, width: int) -> Iterator[Styled]:
    if not mark.at.line or not mark.at.text:
        if mark.words:
            yield Styled(f"{' ' * width} = {sanitize(mark.words)}")
        return
    text, (start, end) = mark.at.text, mark.at.span
    lead, value = _tabless(text[: start - 1]), _tabless(text[start - 1 : end - 1])
    line = (lead + value + _tabless(text[end - 1 :])).rstrip()
    yield Styled(f"{mark.at.line:>{width}} | {cut(line, LONGEST)}")
    sign = "-" if mark.loser else "^"
    yield Styled(f"{' ' * width} | {' ' * len(lead)}{sign * max(1, len(value))} {sanitize(mark.words)}".rstrip())


def _tabless(text: str) -> str:
    return sanitize(text.replace("\t", "    "))


def _edit(fix: Edit, width: int) -> Iterator[Styled]:
    yield Styled(f"{' ' * width} = help: in {sanitize(fix.file)}", "green")
    number = str(fix.line) if fix.line else ""
    if fix.remove:
        yield Styled(f"{number:>{width}} - {sanitize(fix.remove)}", "red")
    yield Styled(f"{number:>{width}} + {sanitize(fix.insert)}", "green")
