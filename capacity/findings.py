"""Findings, and the rules that make them: a code, a page, evidence with lines, bytes, a fix that can be typed.

A rule of one program stands in that program's folder, a rule of the whole host in `capacity/rules/`. Its docstring is
its page: the fault in the first line, then `Why:`, `Fix:`, `Source:`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

from capacity.record import record
from capacity.settings import File

Severity = Literal["error", "warning", "note"]
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "note")


@record
class Edit:
    """A fix that can be typed: in `file` (a path in the host) the line `remove` becomes `insert`."""

    file: str
    line: int
    remove: str
    insert: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.insert}" if self.line else f"{self.file}: {self.insert}"


@record
class Mark:
    """A place in a file that a finding shows, with the words that stand under it; `loser` where another value won."""

    at: File
    words: str
    loser: bool = False


@record
class Finding:
    """A rule's result. `bytes` is the consequence (None where it has no size), `fix` an edit or a command to type.

    `change` is the same fix as an address and a value, for the bill after it; `after` is that bill in words.
    """

    code: str
    rule: str
    severity: Severity
    message: str
    marks: tuple[Mark, ...] = ()
    notes: tuple[str, ...] = ()
    bytes: int | None = None
    fix: Edit | str | None = None
    change: tuple[str, str | int] | None = None
    after: str = ""


@record
class Rule:
    """A rule: `find(subject, host)` yields Findings; `subject` is the kind of service that it looks at, or Host."""

    code: str
    name: str
    subject: str
    page: str
    find: Callable[[Any, Any], Iterator[Finding]]


RULES: Final[dict[str, Rule]] = {}

Find = Callable[[Any, Any], Iterator[Finding]]


def rule(code: str, subject: str) -> Callable[[Find], Find]:
    """Registers a rule under `code`; `subject` is the name of a service class, or `Host`. Raises KeyError if taken."""

    def register(find: Find) -> Find:
        if code in RULES:
            raise KeyError(f"{code} is {RULES[code].name} already")
        RULES[code] = Rule(code, find.__name__, subject, find.__doc__ or "", find)
        return find

    return register
