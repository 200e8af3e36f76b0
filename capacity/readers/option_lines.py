"""One MariaDB option file, line by line, as the server reads it (mysys/my_default.c, search_default_file_with_ext).

The server reads with fgets into a buffer of its own, so a physical line of more than 4094 bytes is several lines to it,
the tail of a comment included, and a NUL ends a line's text. Here a line keeps the number of the physical line, so that
an editor finds it. Knows no other file, no option and no value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from capacity.readers.masking import is_secret, shown
from capacity.record import record
from capacity.settings import File

LINE: Final = 4094
"""Bytes that the server takes at once: fgets is given one byte less than a buffer of 4096 and keeps one for the NUL."""

SHOWN: Final = 16_384
LOOKED_INTO: Final = 1_000
"""Characters of a physical line up to which it is kept for showing: any, and one that may have a secret in it."""

SPACES: Final = b"\t\n\v\f\r \xa0"
"""What is blank to the server: the table of Latin-1, so the last byte of some UTF-8 letters too (ctype-latin1.c)."""

_ESCAPES: Final = {
    b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"s": b" ", b'"': b'"', b"'": b"'", b"\\": b"\\",
}  # fmt: skip
_MAY_BE_SECRET = re.compile(
    r"pass|pwd|pw\b|secret|token|credential|auth|key|salt|dsn|cookie|://|^\s*(?:mysql|mariadb|redis|sshpass|curl)",
    re.IGNORECASE,
)
"""A quick look for what `masking` hides; where nothing fits, nothing is hidden."""

_LATER_BYTES: Final = bytes(range(0x80, 0xC0))


@record
class Line:
    """What one line of an option file means.

    `kind` is group (`name` as written between the brackets), option (`name`, and `value` with its quotes dropped and
    its escapes undone, None where no `=` stands), include or includedir (`name` is the path as the server takes it),
    or error (`name` is what the server says). `at` is the place of the value; without one, of the name or the path.
    `lenient` marks an include written with `?`.
    """

    kind: str
    name: bytes
    at: File
    value: bytes | None = None
    lenient: bool = False


def lines(data: bytes, path: str, *, lenient: bool = False) -> Iterator[Line]:
    """Groups, options, includes and errors of a file in order; blanks, comments and unknown `!words` are left out.

    `lenient` is whether the server knows `?includedir`, which passes a folder over that it may not list (11.8).
    """
    pieces = data.split(b"\n")
    for number, physical in enumerate(pieces, 1):
        place = _Place(path, number, physical)
        whole = physical + b"\n" if number < len(pieces) else physical
        for start in range(0, len(whole), LINE):
            text = whole[start : start + LINE].partition(b"\0")[0]
            body = text.lstrip(SPACES)
            if body and body[:1] not in (b"#", b";"):
                line = _meaning(body, start + len(text) - len(body), place, lenient)
                if line is not None:
                    yield line


def text_of(data: bytes) -> str:
    """Bytes of a file as people read them: UTF-8, else Latin-1."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


class _Place:
    """A physical line, from which spans in characters are made."""

    def __init__(self, path: str, number: int, raw: bytes) -> None:
        self.path, self.number, self.raw = path, number, raw
        self._counted = (0, 0)
        self._shown: str | None = None
        try:
            self.text = raw.decode()
            self._wide = len(self.text) != len(raw)
        except UnicodeDecodeError:
            self.text, self._wide = raw.decode("latin-1"), False

    def at(self, start: int, end: int, name: bytes = b"") -> File:
        """The place of the bytes [start, end) of this line; its text is left out if `name` may be a secret's."""
        if self._shown is None:
            self._shown = self._showable()
        text = "" if is_secret(text_of(name)) else self._shown
        return File(self.path, self.number, (self._column(start), self._column(end)), text)

    def _showable(self) -> str:
        """The line for showing; empty where it is too long for that, or where a word in it may be a secret."""
        if _MAY_BE_SECRET.search(self.text) is None:
            return self.text if len(self.text) <= SHOWN else ""
        return shown("", self.text) if len(self.text) <= LOOKED_INTO else ""

    def _column(self, offset: int) -> int:
        if not self._wide:
            return min(offset, len(self.raw)) + 1
        before, count = self._counted if offset >= self._counted[0] else (0, 0)
        count += len(self.raw[before:offset].translate(None, _LATER_BYTES))
        self._counted = (offset, count)
        return count + 1


def _meaning(body: bytes, start: int, place: _Place, lenient: bool) -> Line | None:
    """The meaning of a line without its leading blanks; `start` is where it begins in the physical line."""
    if body[:1] == b"!" or (lenient and body[:1] == b"?"):
        return _directive(body, start, place)
    if body[:1] == b"[":
        name, bracket, _ = body[1:].partition(b"]")
        if not bracket:
            return Line("error", b"Wrong group definition: no ]", place.at(start, start + len(body.rstrip(SPACES))))
        return Line("group", name.rstrip(SPACES), place.at(start + 1, start + 1 + len(name)))
    return _option(body, start, place)


def _directive(body: bytes, start: int, place: _Place) -> Line | None:
    """`!include PATH` or `!includedir PATH`; None for any other word, which the server passes over.

    The server cuts off the last byte of the line as if it were the newline: a file that ends without one loses the
    last letter of the path.
    """
    word = body[1:].lstrip(SPACES)
    for kind in ("includedir", "include"):
        key = kind.encode()
        if word.startswith(key) and word[len(key) : len(key) + 1] and word[len(key)] in SPACES:
            rest = word[len(key) :].lstrip(SPACES)
            begin = start + len(body) - len(rest)
            name = rest[:-1].rstrip(SPACES)
            if not name:
                at = place.at(start, start + len(body.rstrip(SPACES)))
                return Line("error", b"Wrong '!" + key + b"' directive: no path", at)
            return Line(kind, name, place.at(begin, begin + len(name)), lenient=body[:1] == b"?")
    return None


def _option(body: bytes, start: int, place: _Place) -> Line:
    """`name` or `name=value`. The value keeps what stands between one pair of quotes round the whole of it."""
    body = body[: _comment_at(body)]
    key, equals, right = body.partition(b"=")
    name = key.rstrip(SPACES)
    if not equals:
        return Line("option", name, place.at(start, start + len(name), name))
    value = right.strip(SPACES)
    begin = start + len(key) + 1 + len(right) - len(right.lstrip(SPACES)) if value else start + len(key) + 1
    if len(value) >= 2 and value[:1] in (b'"', b"'") and value[:1] == value[-1:]:
        value, begin = value[1:-1], begin + 1
    return Line("option", name, place.at(begin, begin + len(value), name), _unescaped(value))


def _comment_at(body: bytes) -> int:
    """Where a `#` outside quotes stands, else the length (mysys/my_default.c, remove_end_comment)."""
    if b"#" not in body:
        return len(body)
    quote, escaped = b"", False
    for index in range(len(body)):
        byte = body[index : index + 1]
        if byte in (b"'", b'"') and not escaped:
            if not quote:
                quote = byte
            elif quote == byte:
                quote = b""
        if not quote and byte == b"#":
            return index
        escaped = bool(quote) and byte == b"\\" and not escaped
    return len(body)


def _unescaped(value: bytes) -> bytes:
    """A value with its backslash pairs undone; an unknown pair and a last backslash stay."""
    if b"\\" not in value:
        return value
    done, index = bytearray(), 0
    while index < len(value):
        byte = value[index : index + 1]
        if byte == b"\\" and index < len(value) - 1:
            index += 1
            following = value[index : index + 1]
            byte = _ESCAPES.get(following, b"\\" + following)
        done += byte
        index += 1
    return bytes(done)


def hidden(name: bytes) -> bool:
    """Whether an option of this name may hold a secret, so that no message may show its value."""
    return is_secret(text_of(name))
