"""How mariadbd reads numbers, flags and words, and how one of its variables is declared as a field of the datasheet."""

from __future__ import annotations

from typing import Any, Final

from capacity.errors import BadValue
from capacity.settings import setting

MANUAL: Final = "MariaDB manual, Server System Variables"
INNODB: Final = "MariaDB manual, InnoDB System Variables"
LARGEST: Final = 2**64 - 1
INT_MAX: Final = 2**31 - 1

_SUFFIXES: Final = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40, "p": 50, "e": 60}
_FLAGS: Final = {"on": 1, "true": 1, "1": 1, "off": 0, "false": 0, "0": 0}


def server_number(text: str) -> int:
    """Bytes or a count as mariadbd reads it: digits, then one of kmgtpe (powers of 1024); what follows is ignored.

    Raises BadValue where the server would not start (mysys/my_getopt.c, eval_num_suffix).
    """
    digits = text.strip()
    end = len(digits) - len(digits.lstrip("0123456789"))
    suffix = digits[end : end + 1].lower()
    if not end or suffix not in _SUFFIXES:
        raise BadValue("value", text, accepts="digits, with one of K, M, G, T, P, E after them")
    return min(int(digits[: min(end, 30)]) << _SUFFIXES[suffix], LARGEST)


def server_flag(text: str) -> int:
    """1 or 0 for ON, TRUE, 1, OFF, FALSE, 0 in any case. Raises BadValue."""
    if text.strip().lower() not in _FLAGS:
        raise BadValue("value", text, accepts="ON or OFF")
    return _FLAGS[text.strip().lower()]


def server_word(text: str) -> str:
    """A word in capitals, as SHOW VARIABLES writes it."""
    return text.strip().upper()


def size(
    name: str, default: Any, doc: str, low: int, high: int = LARGEST, step: int = 1,
    *, source: str = MANUAL, monotone: bool = True,
) -> Any:  # fmt: skip
    """A variable in bytes; minimum, maximum and step are the server's own."""
    return setting(
        name, default=default, doc=doc, source=source, parse=server_number,
        minimum=low, maximum=high, step=step, monotone=monotone,
    )  # fmt: skip


def count(name: str, default: Any, doc: str, low: int, high: int, *, source: str = MANUAL) -> Any:
    """A variable that counts something."""
    return setting(
        name, default=default, doc=doc, source=source, parse=server_number, minimum=low, maximum=high, size=False
    )


def flag(name: str, default: Any, doc: str, *, source: str = MANUAL, monotone: bool = True) -> Any:
    """A variable that is ON or OFF, as 1 or 0."""
    return setting(
        name, default=default, doc=doc, source=source, parse=server_flag,
        minimum=0, maximum=1, monotone=monotone, size=False,
    )  # fmt: skip


def word(name: str, default: Any, doc: str, *, source: str = MANUAL) -> Any:
    """A variable that is a word; never an array."""
    return setting(name, default=default, doc=doc, source=source, parse=server_word, monotone=False, size=False)
