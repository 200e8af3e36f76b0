"""One component of a glob(3) pattern, in the C locale: it is matched byte by byte (glob(7); held against glibc)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import lru_cache

NAME_MAX = 255  # bytes; no longer name exists on Linux

_CLASSES = {
    b"alnum": b"0-9A-Za-z", b"alpha": b"A-Za-z", b"blank": b" \\t", b"cntrl": b"\\x00-\\x1f\\x7f", b"digit": b"0-9",
    b"graph": b"!-~", b"lower": b"a-z", b"print": b" -~", b"punct": b"!-/:-@\\[-`{-~", b"space": b" \\t\\n\\v\\f\\r",
    b"upper": b"A-Z", b"xdigit": b"0-9A-Fa-f",
}  # fmt: skip
_NAMED = re.compile(rb"\[([:.=])(.*?)\1\]", re.S)


def literal(part: str) -> str | None:
    """The name that a component without wildcards stands for, backslashes taken out; None if it has wildcards."""
    plain, at, bracket = [], 0, False
    while at < len(part):
        char = part[at]
        if char == "\\" and at + 1 < len(part):
            at += 1
            char = part[at]
        elif char in "*?" or (char == "]" and bracket):
            return None
        elif char == "[":
            bracket = True
        plain.append(char)
        at += 1
    return "".join(plain)


@lru_cache(maxsize=256)
def matcher(part: str) -> Callable[[str], bool]:
    """Whether a name fits the component. Time grows with name times pattern, never faster, whatever the pattern."""
    pieces = _pieces(os.fsencode(part))
    if pieces is None or sum(len(run) for run in pieces) > NAME_MAX:
        return lambda _name: False
    first, *rest = (b"".join(run) for run in pieces)
    # runs have a fixed length: the leftmost place of each is as good as any, so no way back is needed (atomic groups)
    middle = b"".join(b"(?>.*?" + run + b")" for run in rest[:-1])
    end = b".*" + rest[-1] if rest else b""
    expression = re.compile(b"(?s:" + first + middle + end + b")\\Z")
    hidden = part.startswith((".", "\\."))

    def fits(name: str) -> bool:
        return (hidden or not name.startswith(".")) and expression.match(os.fsencode(name)) is not None

    return fits


def _pieces(part: bytes) -> list[list[bytes]] | None:
    """Runs of single-byte expressions between the stars; None if the pattern fits nothing at all."""
    runs: list[list[bytes]] = [[]]
    at = 0
    while at < len(part):
        char = part[at : at + 1]
        at += 1
        if char == b"*":
            if len(runs) == 1 or runs[-1]:
                runs.append([])
        elif char == b"?":
            runs[-1].append(b".")
        elif char == b"[":
            one, at = _bracket(part, at)
            if one is None:
                return None
            runs[-1].append(one)
        elif char == b"\\":
            if at == len(part):
                return None
            runs[-1].append(re.escape(part[at : at + 1]))
            at += 1
        else:
            runs[-1].append(re.escape(char))
    return runs


def _bracket(part: bytes, start: int) -> tuple[bytes | None, int]:
    """The expression of a bracket that opened before `start`, and where it ends; a lone `[` is itself.

    None if nothing fits: a range or a name in it (`[:alpha:]`, `[.x.]`, `[=x=]`) that is not finished or not known.
    """
    members: list[bytes] = []
    negated = part[start : start + 1] in (b"!", b"^")
    at = first = start + negated
    while at < len(part) and (part[at : at + 1] != b"]" or at == first):
        named = _NAMED.match(part, at)
        if named and named[1] == b":":
            if named[2] not in _CLASSES:
                return None, at
            members.append(_CLASSES[named[2]])
            at = named.end()
            continue
        if named and len(named[2]) == 1:
            low, at = named[2][0], named.end()
        elif part.startswith(b"[.", at):
            return None, at
        else:
            low, at = _one(part, at)
        high = low
        if part[at : at + 1] == b"-" and part[at + 1 : at + 2] != b"]":
            if at + 1 == len(part):
                return None, at
            high, at = _one(part, at + 1)
        if low <= high:
            members.append(b"\\x%02x-\\x%02x" % (low, high))
    if at >= len(part):
        return b"\\[", start
    inside = b"".join(members)
    if not inside:
        return (b"." if negated else b"(?!)."), at + 1
    return b"[" + (b"^" if negated else b"") + inside + b"]", at + 1


def _one(part: bytes, at: int) -> tuple[int, int]:
    """One member of a bracket, a backslash taken out, and where the next begins."""
    if part[at : at + 1] == b"\\" and at + 1 < len(part):
        at += 1
    return part[at], at + 1
