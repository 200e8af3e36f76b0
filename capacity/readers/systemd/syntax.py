"""Lines of a unit file or drop-in, as systemd 252 reads them (src/shared/conf-parser.c, read_line of basic/fileio.c).

A line ends at LF, CR or NUL, or a run of different ones. A backslash at its end goes on in the next line; comment
lines in between are passed over. Section and key are case-sensitive. What is fatal ends the file there: a fragment
then fails to load, of a drop-in the lines before it count (measured).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from capacity.readers.masking import is_secret, shown
from capacity.record import record
from capacity.settings import Assignment, File

MAX_LINE: Final = 1024 * 1024  # LONG_LINE_MAX: a line of this many bytes is refused
_BLANK: Final = b" \t\n\r"
_LINE = re.compile(rb"([^\n\r\0]*)((?:\n\r?|\r\n?)\0?|\0|\Z)")
_BOM: Final = b"\xef\xbb\xbf"
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\"'\\]")


@record
class Fault:
    """What systemd says of a line: `fatal` ends the file there, else only the line is ignored."""

    at: File
    reason: str
    fatal: bool = False


def parse(data: bytes, path: str, sections: frozenset[str] | None) -> Iterator[Assignment | Fault]:
    """The assignments of a file in their order, and the faults on the way; nothing follows a fatal one.

    `sections` are those that the unit's type has (None: any); others are ignored with a Fault, `X-` ones in silence.
    The value is the text after `=` with continuation lines joined by a blank and blanks around it dropped.
    """
    section: str | None = None
    ignored = False
    for number, line, first in _logical_lines(data):
        if line is None:
            yield Fault(File(path, number), "line of 1 MiB or more", fatal=True)
            return
        where = File(path, number, (1, 1))
        try:
            text = line.strip(_BLANK).decode()
        except UnicodeDecodeError:
            yield Fault(where, "not UTF-8", fatal=True)
            return
        if not text:
            continue
        if text.startswith("["):
            name = text[1:-1]
            if not text.endswith("]") or _UNSAFE.search(name):
                yield Fault(where, "not a section header", fatal=True)
                return
            section = name if sections is None or name in sections else None
            ignored = section is None
            if ignored and not name.startswith("X-"):
                yield Fault(where, f"no section [{name}] in a unit of this type: what follows is ignored")
            continue
        if section is None:
            if not ignored:
                yield Fault(where, "an assignment outside of any section is ignored")
            continue
        key, equals, value = text.partition("=")
        key, value = key.strip(" \t\n\r"), value.strip(" \t\n\r")
        if not equals or not key:
            yield Fault(where, "no `=`: the line is ignored" if not equals else "no name before `=`: ignored")
            continue
        yield Assignment(key, value, _place(path, number, first, key, value), section)


def _logical_lines(data: bytes) -> Iterator[tuple[int, bytes | None, bytes]]:
    """(number of its first line, the joined line or None where it is too long, its first line as it stands)."""
    pending: bytearray | None = None
    begun, first = 0, b""
    bom_seen = False
    for number, match in enumerate(_LINE.finditer(data), 1):
        raw = match[1]
        if match.end() == match.start():
            break
        if len(raw) >= MAX_LINE:
            yield number, None, b""
            return
        if raw.lstrip(_BLANK)[:1] in (b"#", b";"):
            continue
        if not bom_seen and raw.startswith(_BOM):
            raw, bom_seen = raw[len(_BOM) :], True
        if pending is None:
            begun, first = number, raw
        elif len(pending) + len(raw) > MAX_LINE:
            yield number, None, b""
            return
        # in a joined line the backslashes before were already turned into blanks
        if _ends_escaped(raw):
            pending = bytearray() if pending is None else pending
            pending += raw[:-1] + b" "
            continue
        yield begun, raw if pending is None else bytes(pending) + raw, first
        pending = None
    if pending is not None:
        yield begun, bytes(pending), first


def _ends_escaped(line: bytes) -> bool:
    return (len(line) - len(line.rstrip(b"\\"))) % 2 == 1


def _place(path: str, number: int, first: bytes, key: str, value: str) -> File:
    """The value's place in the first of its lines; the text is left out where the line could hold a secret."""
    line = first.decode("utf-8", "replace")
    before, equals, after = line.partition("=")
    start = len(before) + len(equals) + len(after) - len(after.lstrip()) + 1
    end = len(line.rstrip()) + 1
    hidden = key == "SetCredential" or (key in ("Environment", "PassEnvironment") and is_secret(value))
    return File(
        path, number, (start, max(start, end)), "" if hidden else shown("" if key in _OPEN else key, line, value)
    )


_OPEN: Final = frozenset(("PassEnvironment", "LoadCredential"))  # their names sound secret, their values are names
