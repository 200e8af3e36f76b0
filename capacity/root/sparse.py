"""Files with holes in a tar archive: GNU's old header and three pax forms (GNU tar manual, Storing Sparse Files)."""

from __future__ import annotations

from dataclasses import dataclass

from capacity.errors import NotReadable
from capacity.root.base import MAX_FILE
from capacity.root.stream import Stream

MAX_PIECES = 65536  # pieces of one file


@dataclass(slots=True)
class Holes:
    """`size` bytes in all; `pieces` are (offset, length) in bytes, None where the body itself begins with them."""

    size: int
    pieces: list[tuple[int, int]] | None


def holes_of_header(stream: Stream, header: bytes) -> Holes:
    """The map of an old GNU header and the blocks that continue it. Raises NotReadable."""
    size = _number(stream.name, header[483:495])
    pieces = _structs(stream.name, header[386:482])
    more = header[482]
    while more:
        block = stream.read(512)
        if len(block) < 512:
            raise stream.cut_short()
        pieces += _structs(stream.name, block[:504])
        more = block[504]
        stream.spend(21)
        if len(pieces) > MAX_PIECES:
            raise _bad(stream.name)
    return Holes(size, pieces)


def holes_of_records(stream: Stream, pairs: list[tuple[str, bytes]]) -> Holes | None:
    """The map in a pax header (0.0: a record for each number, 0.1: one list, 1.0: in the body); None without one."""
    name = stream.name
    last = dict(pairs)
    size = last.get("GNU.sparse.realsize", last.get("GNU.sparse.size"))
    if size is None:
        return None
    if last.get("GNU.sparse.major") == b"1":
        return Holes(_whole(name, size), None)
    if "GNU.sparse.map" in last:
        numbers = [_whole(name, text) for text in last["GNU.sparse.map"].split(b",") if text]
        stream.spend(len(numbers))
    else:
        numbers = [_whole(name, text) for key, text in pairs if key in ("GNU.sparse.offset", "GNU.sparse.numbytes")]
    return Holes(_whole(name, size), list(zip(numbers[::2], numbers[1::2])))


def filled(stream: Stream, data: bytes, holes: Holes) -> bytes:
    """The file's bytes, zeros in its holes. `holes.size` is within MAX_FILE. Raises NotReadable."""
    name, pieces, at = stream.name, holes.pieces, 0
    if pieces is None:
        pieces, at = _map_in_body(name, data)
        stream.spend(len(pieces))
    stream.grown(holes.size)
    whole = bytearray(min(holes.size, MAX_FILE))
    for offset, length in pieces:
        if offset + length > len(whole) or at + length > len(data):
            raise _bad(name)
        whole[offset : offset + length] = data[at : at + length]
        at += length
    return bytes(whole)


def _map_in_body(name: str, data: bytes) -> tuple[list[tuple[int, int]], int]:
    """The map that stands before the data, one number a line, and where the data begin (a multiple of 512 bytes)."""
    numbers: list[int] = []
    at, wanted = 0, 1
    while len(numbers) < wanted:
        end = data.find(b"\n", at)
        numbers.append(_whole(name, data[at:end] if end >= 0 else b""))
        wanted = 1 + 2 * numbers[0]
        if wanted > 2 * MAX_PIECES:
            raise _bad(name)
        at = end + 1
    return list(zip(numbers[1::2], numbers[2::2])), -(-at // 512) * 512


def _structs(name: str, table: bytes) -> list[tuple[int, int]]:
    """Pairs of twelve-byte numbers, up to the first empty one."""
    pieces = []
    for at in range(0, len(table), 24):
        if not table[at]:
            break
        pieces.append((_number(name, table[at : at + 12]), _number(name, table[at + 12 : at + 24])))
    return pieces


def _number(name: str, field: bytes) -> int:
    """Octal digits, or a binary number with its first bit set."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.split(b"\0", 1)[0].strip(b" ")
    if digits.strip(b"01234567"):
        raise _bad(name)
    return int(digits or b"0", 8)


def _whole(name: str, text: bytes) -> int:
    """Decimal digits. Raises NotReadable."""
    if not text.isdigit() or len(text) > 20:
        raise _bad(name)
    return int(text)


def _bad(name: str) -> NotReadable:
    return NotReadable(name, "the archive is damaged (the map of a sparse file)")
