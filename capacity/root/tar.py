"""A tar archive, header by header: ustar, GNU and pax, as tar(5) and GNU tar's manual describe them.

Own code, since `tarfile` reads an extended header of any announced size into memory, loops on hostile sizes (in Pythons
that are still in use) and takes more than twice as long for a header; held against archives of both in the tests.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from capacity.errors import NotReadable, TooLarge
from capacity.root.base import MAX_FILE
from capacity.root.sparse import Holes, filled, holes_of_header, holes_of_records
from capacity.root.stream import Stream

BLOCK = 512
MAX_EXTRA = 1 << 20  # bytes of one extended header; real ones hold a few hundred
MAX_NAME = 4096  # bytes of a name or a link's text (PATH_MAX)

_KINDS = {b"2": "link", b"3": "other", b"4": "other", b"5": "dir", b"6": "other", b"D": "dir"}
_RECORD = re.compile(rb"(\d{1,9}) ([^=]+)=")
_USED = frozenset(b"path linkpath size uid gid".split()) | frozenset(
    b"GNU.sparse." + each for each in b"name size realsize major map offset numbytes".split()
)
_WITHOUT_BODY = frozenset((b"1", b"2", b"3", b"4", b"5", b"6"))  # whatever size stands there


@dataclass(slots=True)
class Member:
    """One member as it is stored. `hard` is the name that a hard link repeats, `data` a file's bytes, None if not kept;
    then `why` says why.
    """

    name: str
    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    target: str | None = None
    hard: str | None = None
    data: bytes | None = None
    why: str = ""


def members(stream: Stream) -> Iterator[Member]:
    """Every member in the order of the archive. Raises NotReadable (no tar, damaged, cut short) and TooLarge."""
    everywhere: dict[str, bytes] = {}
    extra: dict[str, bytes] = {}
    pairs: list[tuple[str, bytes]] = []
    while True:
        header = stream.read(BLOCK)
        if not header.strip(b"\0") and len(header) == BLOCK:
            stream.drain()
            return
        if len(header) < BLOCK:
            raise _no_end(stream, header)
        _hold_checksum(stream, header)
        kind = header[156:157]
        size = _number(stream, header[124:136])
        if kind in (b"L", b"K", b"x", b"X", b"g"):
            stream.spend(4)
            body = _extended(stream, size)
            if kind in (b"L", b"K"):
                extra["path" if kind == b"L" else "linkpath"] = body.split(b"\0", 1)[0]
            else:
                records = _records(stream, body)
                (everywhere if kind == b"g" else extra).update(records)
                pairs = pairs if kind == b"g" else records
            continue
        known = {**everywhere, **extra} if everywhere else extra
        if kind not in (b"V", b"N"):  # a volume's label, GNU's old long names
            yield _member(stream, header, kind, size, known, pairs)
        else:
            stream.spend(4)
            stream.skip(_padded(size))
        extra, pairs = {}, []


def _member(
    stream: Stream, header: bytes, kind: bytes, size: int, known: dict[str, bytes], pairs: list[tuple[str, bytes]]
) -> Member:
    """One member with its body read, or passed over where it is too large to keep."""
    holes: Holes | None = None
    if kind == b"S":
        holes = holes_of_header(stream, header)
    elif pairs:
        holes = holes_of_records(stream, pairs)
    if "size" in known:
        size = _decimal(stream, known["size"])
    name = known.get("GNU.sparse.name", known.get("path", _name(header)))
    if len(name) > MAX_NAME:
        raise TooLarge(stream.name, f"a name of more than {MAX_NAME} bytes")
    what = _KINDS.get(kind, "file")
    if what == "file" and name.endswith(b"/") and kind != b"1":
        what = "dir"
    found = Member(
        os.fsdecode(name.split(b"\0", 1)[0]),
        what,
        _number(stream, header[100:108]) & 0o7777,
        _decimal(stream, known["uid"]) if "uid" in known else _number(stream, header[108:116]),
        _decimal(stream, known["gid"]) if "gid" in known else _number(stream, header[116:124]),
        (holes.size if holes else size) if what == "file" else 0,
    )
    if kind in (b"1", b"2"):
        link = known.get("linkpath", header[157:257]).split(b"\0", 1)[0]
        if len(link) >= MAX_NAME:
            raise TooLarge(stream.name, f"a link to a name of more than {MAX_NAME} bytes")
        if kind == b"1":
            found.hard = os.fsdecode(link)
        else:
            found.target = os.fsdecode(link)
    if kind not in _WITHOUT_BODY:
        _body(stream, found, size, holes, kind)
    return found


def _body(stream: Stream, found: Member, size: int, holes: Holes | None, kind: bytes) -> None:
    """Reads what follows the header into `found.data`, or passes over it."""
    if found.kind != "file" or kind == b"M" or found.size > MAX_FILE or size > MAX_FILE:
        found.why = "continued from another volume" if kind == b"M" else f"more than {MAX_FILE} bytes"
        stream.skip(_padded(size))
        return
    data = stream.read(size)
    if len(data) < size:
        raise stream.cut_short()
    stream.skip(_padded(size) - size)
    found.data = filled(stream, data, holes) if holes else data


def _name(header: bytes) -> bytes:
    """The name in the header itself; only POSIX headers have a prefix where GNU's have dates."""
    name = header[:100].split(b"\0", 1)[0]
    prefix = header[345:500].split(b"\0", 1)[0] if header[257:263] == b"ustar\0" else b""
    return prefix + b"/" + name if prefix else name


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _number(stream: Stream, field: bytes) -> int:
    """Octal digits, or GNU's binary numbers (first bit set). Raises NotReadable."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.split(b"\0", 1)[0].strip(b" ")
    if not digits:
        return 0
    if digits.strip(b"01234567"):
        raise _damaged(stream)
    return int(digits, 8)


def _decimal(stream: Stream, text: bytes) -> int:
    """A number of an extended header. Raises NotReadable."""
    whole = text.split(b".", 1)[0]
    if not whole.isdigit() or len(whole) > 20:
        raise _damaged(stream)
    return int(whole)


def _extended(stream: Stream, size: int) -> bytes:
    """The body of an extended header. Raises TooLarge, NotReadable."""
    if size > MAX_EXTRA:
        raise TooLarge(stream.name, f"an extended header of {size} bytes, more than {MAX_EXTRA}")
    body = stream.read(_padded(size))
    if len(body) < _padded(size):
        raise stream.cut_short()
    return body[:size]


def _records(stream: Stream, body: bytes) -> list[tuple[str, bytes]]:
    """The `length name=value` records of a pax header, in their order. Raises NotReadable."""
    pairs: list[tuple[str, bytes]] = []
    at = steps = 0
    while at < len(body) and body[at]:
        record = _RECORD.match(body, at)
        end = at + int(record[1]) if record else 0
        if record is None or end > len(body) or body[end - 1] != 10 or end <= record.end():
            raise _damaged(stream)
        if record[2] in _USED and end - 1 > record.end():  # an empty value leaves what the header itself says
            pairs.append((record[2].decode("ascii"), body[record.end() : end - 1]))
        steps += 1
        at = end
    stream.spend(steps)
    return pairs


def _hold_checksum(stream: Stream, header: bytes) -> None:
    """Raises NotReadable unless the header's sum is right; old tars added signed bytes."""
    text = header[148:156].split(b"\0", 1)[0].strip(b" ")
    stored = int(text, 8) if text and not text.strip(b"01234567") else -1
    rest = header[:148] + b"        " + header[156:]
    if stored != sum(rest) and stored != sum(rest) - 256 * sum(byte > 127 for byte in rest):
        raise _damaged(stream)


def _damaged(stream: Stream) -> NotReadable:
    """The error for a header that is none: no archive at all if it is the first."""
    if stream.position <= BLOCK:
        return NotReadable(
            stream.name, "not a tar archive; expected a folder or a tar archive: plain, gzip, bzip2 or xz"
        )
    return NotReadable(stream.name, f"the archive is damaged before byte {stream.position}")


def _no_end(stream: Stream, header: bytes) -> NotReadable:
    """The error for an archive without its end mark (a block of zeros): all that is missing could follow."""
    return _damaged(stream) if stream.position <= len(header) else stream.cut_short()
