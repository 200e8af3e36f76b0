"""The document of a host as plain data: what `--json` prints, and what the HTML report is made from.

Bytes are integers, no limit is null with `bounded: false`, never NaN or Infinity; files are absolute paths in the host.
The schema is `capacity/report/schema.json`; every output validates against it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, Final

from capacity.arithmetic import UNKNOWN, Number
from capacity.bill import Bill, Verdict
from capacity.findings import Edit, Finding
from capacity.formula import formula_of
from capacity.host import SCENARIOS, Host, Scenario
from capacity.record import record
from capacity.report.words import exit_code
from capacity.service import Claim, Service
from capacity.settings import File, NotKnown, Origin, Setting
from capacity.units import human
from capacity.walls import Relief

SCHEMA: Final = "https://capacity-planner.readthedocs.io/schema/check-1.json"
SETTINGS_SCHEMA: Final = "https://capacity-planner.readthedocs.io/schema/settings-1.json"


def document(host: Host, scenario: Scenario = "reachable", *, fail_on: Verdict = "tight") -> dict[str, Any]:
    """Everything about a host, as `capacity check --json` prints it."""
    bills = {name: host.bill(name) for name in SCENARIOS}
    return {
        "schema": SCHEMA,
        "host": _host(host),
        "scenarios": {name: _scenario(bill) for name, bill in bills.items()},
        "findings": [_finding(finding) for finding in host.findings()],
        "exposures": [
            {
                "service": e.service,
                "what": e.what,
                "why": e.why,
                "fix": e.fix,
                "evidence": [_place(f) for f in e.evidence],
            }
            for e in host.exposures()
        ],
        "assumptions": [
            {
                "name": one.name,
                "address": one.address,
                "value": "infinity" if _endless(one.value) else plain(one.value),
                "origin": origin(one.setting.origin),
                "why": one.why,
            }
            for one in assumptions(host)
        ],
        "refuses": _refuses(host),
        "never_read": [{"file": one.path, "why": one.why} for one in host.never_read],
        "not_known": not_known(host, bills.values()),
        "exit_code": exit_code(bills[scenario].verdict, fail_on),
    }


def settings_document(host: Host) -> dict[str, Any]:
    """Every setting in effect, as `capacity settings --json` prints it."""
    return {
        "schema": SETTINGS_SCHEMA,
        "settings": [
            {
                "program": r.program,
                "version": r.version,
                "instance": r.instance,
                "scope": r.scope,
                **_setting(r.setting),
            }
            for r in host.settings
        ],
        "refuses": _refuses(host),
        "never_read": [{"file": one.path, "why": one.why} for one in host.never_read],
    }


@record
class Assumption:
    """What no setting says: `name` is PROGRAM.FIELD as `--assume` takes it, `address` the one service or part."""

    name: str
    address: str
    value: Any
    setting: Setting
    why: str


def assumptions(host: Host) -> Iterator[Assumption]:
    """What no setting says and a bill may need, of every service and part, and of the budget where it was assumed.

    A field that stands for another one's value until it is given is shown with that value.
    """
    for one in services_of(host):
        for field, spec in type(one).specs().items():
            if spec.kind != "setting" and one.program != "process":
                setting = one.known[field]
                value = setting.value
                if _endless(value) and field in one.stands_for:
                    value = getattr(one, one.stands_for[field])
                yield Assumption(f"{one.program}.{field}", f"{one.address}.{field}", value, setting, spec.doc)
    for field, spec in type(host.memory).specs().items():
        setting = host.memory.known[field]
        if spec.kind == "assumption" and setting.origin.kind == "assumed":
            yield Assumption(f"kernel.{field}", f"kernel.{field}", setting.value, setting, spec.doc)


def not_known(host: Host, bills: Iterable[Bill]) -> list[str]:
    """What could not be known, in words: unknown settings, refusing programs, what was not read."""
    found: list[str] = []
    for bill in bills:
        found += bill.doubts
        if bill.budget.unknown is not None:
            found.append(f"{bill.budget.unknown.name}: {bill.budget.unknown.origin}")
    for service in (*host.services, *host.walls):
        for one in (service, *service.parts):
            found += [
                f"{one.address}.{s.name}: {s.origin}" for s in one.known.values() if isinstance(s.origin, NotKnown)
            ]
    found += [f"{remark.at}: {remark.message}" for remark in host.remarks]
    found += _assumed_of_memory(host)
    if host.cpus is None:
        found.append("the number of CPUs is not in this tree; give --cpus")
    return list(dict.fromkeys(found))


def _assumed_of_memory(host: Host) -> Iterator[str]:
    """What a tree without processes or /proc/meminfo leaves to an assumption of the budget."""
    words = {"base_system": "no process was seen", "kernel_now": "/proc/meminfo does not tell what the kernel holds"}
    for field, why in words.items():
        setting = host.memory.known[field]
        if setting.origin.kind == "assumed" and setting.value:
            yield f"{why}: {human(setting.value)} are assumed (kernel.{field})"


def _host(host: Host) -> dict[str, Any]:
    memory = host.memory
    return {
        "name": host.name,
        "mem_total_bytes": plain(memory.mem_total),
        "swap_total_bytes": plain(memory.swap_total),
        "swap_used_bytes": plain(memory.swap_used),
        "cpus": None if host.cpus is None else plain(host.cpus.value),
        "programs": [
            {
                "program": seen.program, "instance": seen.instance, "version": seen.version or None,
                "enabled": seen.enabled, "priced": seen.priced, "why": seen.why,
            }
            for seen in host.programs
        ],
    }  # fmt: skip


def _scenario(bill: Bill) -> dict[str, Any]:
    known = bill.budget.unknown is None
    return {
        "total_bytes": plain(bill.total),
        "bounded": not math.isinf(_scalar(bill.total)),
        "bounded_total_bytes": plain(bill.bounded_total),
        "at_least": bill.at_least,
        "budget_bytes": plain(bill.budget.total) if known else None,
        "headroom_bytes": plain(bill.headroom) if bill.headroom is not None else None,
        "alert_percent": bill.alert,
        "verdict": bill.verdict,
        "claims": [_claim(claim) for claim in bill.claims],
        "caps": [_relief(line) for line in bill.caps],
        "walls": [_relief(line) for line in bill.walls],
        "budget": [
            {
                "name": line.name, "bytes": plain(line.bytes), "what": line.doc,
                "source": "; ".join(dict.fromkeys(str(setting.origin) for _, setting in line.reads)) or "arithmetic",
            }
            for line in bill.budget.lines
        ],
    }  # fmt: skip


def _claim(claim: Claim) -> dict[str, Any]:
    return {
        "service": claim.service,
        "process": claim.process,
        "name": claim.name,
        "kind": claim.kind,
        "bound": claim.bound,
        "count": plain(claim.count),
        "each_bytes": plain(claim.each),
        "total_bytes": plain(claim.total),
        "bounded_bytes": plain(claim.bounded),
        "known": claim.unknown is None,
        "formula": formula_of(claim.method),
        "what": claim.doc,
        "settings": [{"address": address, **_setting(setting)} for address, setting in claim.reads],
    }


def _relief(line: Relief) -> dict[str, Any]:
    return {
        "service": line.service,
        "name": line.name,
        "limit": plain(line.limit),
        "limit_bytes": plain(line.leaves),
        "relief_bytes": plain(line.relief),
        "settings": [{"address": address, **_setting(setting)} for address, setting in line.reads],
    }


def _setting(setting: Setting) -> dict[str, Any]:
    return {
        "name": setting.name,
        "value": "infinity" if _endless(setting.value) else plain(setting.value),
        "text": setting.text,
        "origin": origin(setting.origin),
        "overrode": [
            {
                "value": "infinity" if _endless(lost.value) else plain(lost.value), "text": lost.text,
                "origin": origin(lost.origin),
            }
            for lost in setting.overrode
        ],
    }  # fmt: skip


def origin(of: Origin) -> dict[str, Any]:
    """An origin as data: `kind`, and for a file its path, line and columns; `words` say it for people."""
    place = of if isinstance(of, File) else of.at if isinstance(of, NotKnown) else None
    found: dict[str, Any] = {"kind": of.kind, "words": str(of)}
    if place is not None:
        found |= {"file": place.path, "line": place.line, "column": place.span[0], "end_column": place.span[1]}
    return found


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "rule": finding.rule,
        "severity": finding.severity,
        "message": finding.message,
        "evidence": [{**_place(mark.at), "words": mark.words, "lost": mark.loser} for mark in finding.marks],
        "notes": list(finding.notes),
        "bytes": finding.bytes,
        "fix": _fix(finding.fix),
        "after": finding.after,
    }


def _fix(fix: Edit | str | None) -> dict[str, Any] | None:
    if fix is None:
        return None
    if isinstance(fix, Edit):
        return {"file": fix.file, "line": fix.line, "remove": fix.remove, "insert": fix.insert, "words": str(fix)}
    return {"words": fix}


def _place(at: File) -> dict[str, Any]:
    return {"file": at.path, "line": at.line, "column": at.span[0], "end_column": at.span[1]}


def _refuses(host: Host) -> list[dict[str, Any]]:
    return [
        {"program": r.program, "file": r.at.path, "line": r.at.line, "reason": r.reason, "lost": r.lost}
        for r in host.refusals
    ]


def plain(value: Any) -> Any:
    """A number or word as JSON has it: integers, null for no limit and for what is not known."""
    if value is UNKNOWN or _endless(value):
        return None
    if isinstance(value, float) and value == int(value):
        return int(value)
    return value if isinstance(value, (int, float, str)) or value is None else str(value)


def _endless(value: Any) -> bool:
    return isinstance(value, float) and math.isinf(value)


def _scalar(value: Number) -> float:
    if not isinstance(value, (int, float)):
        raise TypeError("a document is about one host; this bill holds arrays")
    return value


def services_of(host: Host) -> list[Service]:
    """The services and parts in the order of the report."""
    return [one for service in host.services for one in (service, *service.parts)]
