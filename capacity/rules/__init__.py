"""Every rule, loaded when somebody asks for findings: those of the programs and those of the whole host."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Final

from capacity.errors import UnknownName
from capacity.findings import RULES, SEVERITIES, Edit, Finding, Mark, Rule
from capacity.readers.masking import masked

if TYPE_CHECKING:
    from capacity.host import Host

MODULES: Final = (
    "capacity.services.php_fpm.rules",
    "capacity.services.mariadb.rules",
    "capacity.rules.verdict",
    "capacity.rules.unread",
    "capacity.rules.limits",
)


def all_rules() -> dict[str, Rule]:
    """Every rule by its code."""
    for module in MODULES:
        import_module(module)
    return dict(sorted(RULES.items()))


def found(host: Host) -> tuple[Finding, ...]:
    """What every rule found on `host`: errors first, within a severity the most bytes first, then in order of codes."""
    findings = [finding for rule in all_rules().values() for finding in _apply(rule, host)]
    findings.sort(key=lambda f: (SEVERITIES.index(f.severity), -(f.bytes or 0), f.code))
    return tuple(_with_bill_after(_without_secrets(finding), host) for finding in findings)


def _apply(rule: Rule, host: Host) -> Iterator[Finding]:
    if rule.subject == "Host":
        yield from rule.find(host, host)
        return
    for service in host.services:
        for one in (service, *service.parts):
            if type(one).__name__ == rule.subject:
                yield from rule.find(one, host)


def _without_secrets(finding: Finding) -> Finding:
    """The finding without lines of which a word (a comment, another option) could be a secret."""
    fix = finding.fix
    if isinstance(fix, Edit) and not _open(fix.remove):
        value = finding.change[1] if finding.change is not None else "another value"
        fix = f"{value} at {fix.file}:{fix.line}"
    if all(_open(mark.at.text) for mark in finding.marks) and fix is finding.fix:
        return finding
    marks = tuple(mark if _open(mark.at.text) else _textless(mark) for mark in finding.marks)
    return replace(finding, marks=marks, fix=fix)


def _open(line: str) -> bool:
    words = line.split()
    return masked(words) == tuple(words)


def _textless(mark: Mark) -> Mark:
    return replace(mark, at=replace(mark.at, text=""))


def _with_bill_after(finding: Finding, host: Host) -> Finding:
    """The finding with the bill after its fix in words, where the fix is a change of the model."""
    if finding.change is None:
        return finding
    from capacity.report.words import amount, percent

    bill = host.but(dict((finding.change,))).bill()
    share = ""
    if bill.budget.unknown is None and isinstance(bill.used, (int, float)):
        share = f", with what the kernel keeps {percent(bill.used, host.memory.mem_total)} of RAM"
    return replace(finding, after=f"{amount(bill)}{share}, verdict {bill.verdict}")


def page(code: str | None) -> Iterator[str]:
    """The lines of a rule's page; a line a rule without a code. Raises UnknownName."""
    rules = all_rules()
    if code is None:
        for rule in rules.values():
            yield f"{rule.code}  {rule.name.replace('_', ' ')}"
        return
    one = rules.get(code.upper())
    if one is None:
        raise UnknownName(code, known=tuple(rules))
    head, _, rest = one.page.strip().partition("\n")
    yield f"{one.code} {one.name.replace('_', ' ')}"
    yield head
    yield from textwrap.dedent(rest).rstrip().split("\n")
