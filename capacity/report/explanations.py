"""Explanations on a terminal: every byte with its formula, every setting with its place, every assumption."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from capacity.arithmetic import UNLIMITED
from capacity.bill import Bill
from capacity.errors import UnknownName
from capacity.formula import Explanation
from capacity.host import Host
from capacity.report.document import Assumption
from capacity.report.lines import Styled
from capacity.report.words import sanitize, size
from capacity.settings import Setting


def explain(bill: Bill, name: str | None = None) -> Iterator[Styled]:
    """Every line of a bill with its formula, the numbers in it, its terms and its settings with their places.

    `name` chooses a service, a part or a claim. Raises UnknownName.
    """
    lines = bill.explain()
    names = {part for line in lines for part in (line.service, line.name, *line.service.split("/"), "budget")}
    if name is not None and name not in names:
        raise UnknownName(name, known=tuple(sorted(names)))
    unknown = {(claim.service, claim.name): claim.unknown for claim in bill.unknown}
    for line in lines:
        if name is not None and name not in {line.service, line.name, *line.service.split("/")}:
            continue
        missing = unknown.get((line.service, line.name))
        if missing is not None:
            yield Styled(f"{sanitize(line.service)} {line.name}: not known, outside the sum", "bold")
            yield Styled(f"    {sanitize(missing.name)}: {sanitize(str(missing.origin))}")
            yield Styled("")
            continue
        yield Styled(f"{sanitize(line.service)} {line.name}: {size(line.bytes)}  ({line.bound})", "bold")
        if line.sentence:
            yield Styled(f"    {line.sentence}")
        yield Styled(f"    {_counted(line)} of: {line.formula}")
        if line.numbers != line.formula:
            yield Styled(f"      = {sanitize(line.numbers)} = {size(line.each)}")
        for term, value, formula, sentence in line.terms:
            yield Styled(f"    {term} = {size(value)}: {formula}")
            yield Styled(f"      {sentence}")
        for address, setting in line.settings:
            yield from _reads(address, setting)
        yield Styled("")
    if name in {None, "budget"}:
        yield from _budget(bill)
    least = "at least " if bill.at_least else ""
    total = f"{least}{size(bill.total)} ({_exact(bill.total)})"
    yield Styled(f"{bill.scenario}: {len(lines)} lines add up to {total}", "bold")


def _budget(bill: Bill) -> Iterator[Styled]:
    budget = bill.budget
    if budget.unknown is not None:
        yield Styled(f"budget for programs: {sanitize(str(budget.unknown.origin))}", "bold")
        yield Styled("")
        return
    yield Styled(f"budget for programs: {size(budget.total)}", "bold")
    for line in budget.lines:
        yield Styled(f"    {line.name:<18}{size(line.bytes):>14}  {line.doc}")
        for _, setting in line.reads:
            yield Styled(f"      {setting.name}: {sanitize(str(setting.origin))}", "dim")
    yield Styled("")


def _exact(total: object) -> str:
    return f"{total:,} bytes" if isinstance(total, int) else "no limit"


def assumed(rows: Iterable[Assumption]) -> Iterator[Styled]:
    """What no setting says: name, value, origin, reason."""
    for row in rows:
        value = row.value if isinstance(row.value, str) else "no limit" if row.value == UNLIMITED else f"{row.value:,}"
        kind = row.setting.origin.kind
        yield Styled(f"{sanitize(row.name)} = {sanitize(value)}  ({kind}; {sanitize(row.address)})", "bold")
        yield Styled(f"    {row.why}")
        if kind != "assumed":
            yield Styled(f"    {sanitize(str(row.setting.origin))}", "dim")


def settings(host: Host) -> Iterator[Styled]:
    """Every setting in effect, a line each, with where it stands and what it overrode."""
    for row in host.settings:
        head = f"{row.program} {row.instance} {row.scope}"
        setting, place = row.setting, sanitize(str(row.setting.origin))
        yield Styled(f"{sanitize(head)}  {sanitize(setting.name)} = {_value(setting)}  {place}")
        for lost in row.setting.overrode:
            yield Styled(f"    overrode {_value(lost)}  {sanitize(str(lost.origin))}", "dim")


def _counted(line: Explanation) -> str:
    count = f"{line.count:,}" if isinstance(line.count, int) else size(line.count)
    return f"{count} x {size(line.each)}"


def _reads(address: str, setting: Setting) -> Iterator[Styled]:
    yield Styled(f"    {sanitize(address)} = {_value(setting)}  {sanitize(str(setting.origin))}")
    for lost in setting.overrode:
        yield Styled(f"      overrode {_value(lost)}  {sanitize(str(lost.origin))}", "dim")


def _value(setting: Setting) -> str:
    """A value as its file spells it, and what the program makes of it where that is another text."""
    value = "no limit" if setting.value == UNLIMITED else str(setting.value)
    return sanitize(f"{setting.text} ({value})" if setting.text and setting.text != value else value)
