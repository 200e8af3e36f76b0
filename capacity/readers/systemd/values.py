"""Values of unit files: what systemd 252 takes, refuses or resets, each as its own source parses it.

Sizes: basic/parse-util.c (parse_size), percent-util.c, limits-util.c; core/load-fragment.c says which key takes which.
Spans of time: basic/time-util.c. Limits: basic/rlimit-util.c. A refused value is ignored by systemd and the earlier one
stays in force, so a parser here returns None for "refused" and RESET for "back to the built-in". Which key takes which
stands in `keys`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from capacity.arithmetic import UNKNOWN, UNLIMITED, Unknown
from capacity.readers.systemd.names import UnitName
from capacity.readers.systemd.words import Malformed, next_word
from capacity.units import PAGE


class Reset:
    """What an empty value does to most keys: systemd's built-in holds again."""

    def __repr__(self) -> str:
        return "RESET"


RESET: Final = Reset()
U64: Final = 2**64 - 1
_I32: Final = 2**31 - 1
_BLANK: Final = " \t\n\r"
_C_SPACE: Final = " \t\n\r\v\f"
_SHIFTS: Final = {
    "E": 60,
    "P": 50,
    "T": 40,
    "G": 30,
    "M": 20,
    "K": 10,
    "B": 0,
    "": -1,
}  # in the order in which a sum may name them
_TERM = re.compile(rf"[{_C_SPACE}]*\+?([0-9]+)(?:\.([0-9]*))?[{_BLANK}]*([EPTGMKB]?)")


class Rlimit(NamedTuple):
    """A resource limit: `soft` is in force at first, a program may raise itself to `hard`; UNLIMITED is infinity."""

    soft: float
    hard: float


def systemd_size(text: str, ram: int | None, *, zero: bool = False) -> float | Unknown | None:
    """Bytes of a memory limit; UNLIMITED for `infinity` or an empty text, None where systemd refuses.

    `ram` is MemTotal in bytes, for percentages; without it they are UNKNOWN. `zero` says whether the key takes 0
    (MemorySwapMax, MemoryLow and MemoryMin do).
    """
    if text in ("", "infinity"):
        return UNLIMITED
    share = permyriad(text)
    if share is None:
        size = plain_size(text)
    elif share == 0:
        size = 0
    elif ram is None:
        return UNKNOWN
    else:
        size = ram if share == 10000 else ram // PAGE * share // 10000 * PAGE
    if size is None or size >= U64 or (size == 0 and not zero):
        return None
    return size


def plain_size(text: str) -> int | None:
    """Bytes of `1.5G`, `1G 512M`, `4096`, `1 G`: suffixes upper case, largest first, base 1024; None where refused."""
    total, at, smallest = 0, 0, 70
    while True:
        match = _TERM.match(text, at)
        if match is None or match.end() - at > 400:
            return None
        whole, digits, suffix = int(match[1]), match[2] or "", match[3]
        if whole > U64 or int(digits or 0) > U64:
            return None
        fraction = float(int(digits or 0))
        for _ in digits:
            fraction /= 10  # as systemd does it, so that its rounding is met
        at = match.end()
        rank = _SHIFTS[suffix]
        shift = max(rank, 0)
        if rank >= smallest or (not suffix and at < len(text)) or whole + (fraction > 0) > U64 >> shift:
            return None
        smallest = rank
        total += (whole << shift) + int(fraction * (1 << shift))
        if total > U64:
            return None
        if at == len(text):
            return total


def permyriad(text: str) -> int | None:
    """Ten-thousandths of `50%`, `12.5%`, `0.25%`, `5‰`, `7‱`, up to the whole; None for anything else."""
    places = {"‱": 0, "‰": 1, "%": 2}.get(text[-1:])
    if places is None:
        return None
    whole, dot, fraction = text[:-1].partition(".")
    if dot and not (places and 1 <= len(fraction) <= places and fraction.isascii() and fraction.isdigit()):
        return None
    count = integer(whole)
    if count is None or count < 0:
        return None
    value = count * 10**places + int(fraction.ljust(places, "0") or 0)
    return value if value <= 10000 else None


_INTEGER = re.compile(r"([+-]?)(?:0[xX]([0-9A-Fa-f]+)|0[bB]([01]+)|0[oO]([0-7]+)|0([0-7]*)|([1-9][0-9]*))")


def integer(text: str, low: int = -_I32 - 1, high: int = _I32) -> int | None:
    """A whole number as safe_atoi takes it: decimal, 0x, 0b, 0o or a leading 0 for octal; None where refused."""
    match = _INTEGER.fullmatch(text.lstrip(_C_SPACE))
    if match is None or len(text) > 100:
        return None
    for group, base in ((2, 16), (3, 2), (4, 8), (5, 8), (6, 10)):
        if match[group] is not None:
            value = int(match[group] or "0", base)
            break
    value = -value if match[1] == "-" else value
    return value if low <= value <= high else None


def unsigned(text: str, high: int = 2**32 - 1) -> int | None:
    """A whole number that is not negative (safe_atou)."""
    return integer(text, 0, high)


def boolean(text: str) -> bool | None:
    """yes, y, true, t, on, 1 and their opposites, in any case."""
    word = text.lower()
    if word in ("1", "yes", "y", "true", "t", "on"):
        return True
    return False if word in ("0", "no", "n", "false", "f", "off") else None


_UNITS: Final = {
    **dict.fromkeys(("seconds", "second", "sec", "s", ""), 10**6),
    **dict.fromkeys(("minutes", "minute", "min", "m"), 60 * 10**6),
    **dict.fromkeys(("months", "month", "M"), 2_629_800 * 10**6),
    **dict.fromkeys(("msec", "ms"), 1000),
    **dict.fromkeys(("hours", "hour", "hr", "h"), 3600 * 10**6),
    **dict.fromkeys(("days", "day", "d"), 86_400 * 10**6),
    **dict.fromkeys(("weeks", "week", "w"), 604_800 * 10**6),
    **dict.fromkeys(("years", "year", "y"), 31_557_600 * 10**6),
    **dict.fromkeys(("usec", "us", "μs", "µs"), 1),
}
_WORDS: Final = "|".join(sorted(filter(None, _UNITS), key=len, reverse=True))
_SPAN = re.compile(rf"(?:\+?([0-9]+)(?:\.([0-9]+))?|\.([0-9]+))([{_BLANK}]*)({_WORDS})?[{_BLANK}]*")


def seconds(text: str) -> float | None:
    """Seconds of a span of time: `5`, `1min 30s`, `500ms`, `1.5h`; UNLIMITED for `infinity`; None where refused."""
    text = text.strip(_BLANK)
    if text == "infinity":
        return UNLIMITED
    total, at = 0, 0
    while at < len(text):
        match = _SPAN.match(text, at)
        if match is None or match.end() - at > 100:
            return None
        whole, fraction, bare, gap, unit = match.groups()
        at = match.end()
        if not unit and not gap and at < len(text):
            return None
        factor = _UNITS[unit or ""]
        total += int(whole or 0) * factor
        step = factor // 10
        for digit in fraction or bare or "":
            total += int(digit) * step
            step //= 10
    if not text or total >= U64:
        return None
    return total // 10**6 if total % 10**6 == 0 else total / 10**6


def rlimit(one: Callable[[str], float | None], text: str) -> Rlimit | None:
    """`soft:hard`, or one value for both; None where refused (also where soft is above hard)."""
    parts = text.split(":")
    if len(parts) == 3 and not parts[2]:
        parts.pop()  # `a:b:` is taken
    values = [UNLIMITED if part == "infinity" else one(part) for part in parts]
    if not text or len(values) > 2 or None in values:
        return None
    soft, hard = values[0], values[-1]
    if soft is None or hard is None or soft > hard:
        return None
    return Rlimit(soft, hard)


def limit_count(text: str) -> int | None:
    """A count of LimitNOFILE or LimitNPROC; None where refused."""
    return unsigned(text, U64 - 1)


def limit_size(text: str) -> int | None:
    """Bytes of LimitAS and its kin; None where refused."""
    size = plain_size(text)
    return None if size is None or size >= U64 else size


def tasks(text: str) -> float | Unknown | Reset | None:
    """A count or UNLIMITED; a share of the system's tasks is UNKNOWN, no unit file tells how many those are."""
    if not text:
        return RESET
    if text == "infinity":
        return UNLIMITED
    return UNKNOWN if permyriad(text) is not None else unsigned(text, U64 - 1) or None


def delegate(text: str) -> bool | None:
    """A flag; a list of controllers, or nothing at all, turns it on; None where refused."""
    value = boolean(text)
    if value is not None:
        return value
    data, at = text.encode("utf-8", "surrogateescape"), 0
    try:
        while at < len(data):
            at = next_word(data, at, escapes=False)[1]
    except Malformed:
        return None
    return True


def adjustment(text: str) -> int | Reset | None:
    """OOMScoreAdjust: -1000 to 1000; None where refused."""
    return RESET if not text else integer(text, -1000, 1000)


def slice_name(text: str) -> str | Reset | None:
    """The name of a slice; None where it is the name of something else, or no unit's name."""
    name = UnitName.of(text)
    return text if name is not None and name.type == "slice" and name.instance is None else None
