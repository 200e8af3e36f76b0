"""What PHP makes of a size, a count or a flag: its own dialect, shared with no other program.

The last character decides (`k`, `m`, `g` in either case), the leading digits count, what stands between is ignored:
`256MB` is 256 bytes, `1.5G` is 1 GiB. Source: zend_ini_parse_quantity in Zend/zend_ini.c of PHP 8.2, where it was also
measured; PHP before 8.2 has the same last-character rule without warnings and without the prefixes `0o` and `0b`.
"""

from __future__ import annotations

import re
from typing import Final

from capacity.arithmetic import UNLIMITED, Number
from capacity.errors import BadValue
from capacity.readers.php_ini_text import TRUE_WORDS, to_int
from capacity.record import record
from capacity.units import KiB, MiB

BLANK: Final = " \t\n\r\v\f"
WORD: Final = 1 << 64
LEAST_LIMIT: Final = 2 * MiB  # heap in use when a request starts; a lower memory_limit is refused (main/main.c)
NO_LIMIT_FROM: Final = 1 << 50  # 1 PiB: no machine has it, so it limits nothing
LEAST_OPCACHE_MB: Final = 8  # ext/opcache/zend_accelerator_module.c, OnUpdateMemoryConsumption

_DIGITS = {2: re.compile(r"[01]*+"), 8: re.compile(r"[0-7]*+"), 10: re.compile(r"[0-9]*+")}
_HEX = re.compile(r"[0-9a-fA-F]*+")
_FACTORS: Final = {"k": KiB, "m": KiB**2, "g": KiB**3}
_PREFIXES: Final = {"x": 16, "o": 8, "b": 2}


@record
class Quantity:
    """A size as PHP reads it: `value` is the unsigned 64-bit number it computes with, `warning` what PHP would say."""

    value: int
    warning: str = ""

    @property
    def signed(self) -> int:
        """The same bits as the signed number that most settings keep."""
        return self.value - WORD if self.value >= WORD >> 1 else self.value


def php_quantity(text: str, *, signed: bool = False) -> Quantity:
    """A size in bytes, by zend_ini_parse_uquantity (`signed`: zend_ini_parse_quantity; only the warning differs).

    Never fails: what PHP cannot read is 0 with a warning.
    """
    body = text.strip(BLANK)
    if not body:
        return Quantity(0)
    negative = body[0] == "-"
    digits = body[1:] if body[0] in "+-" else body
    if not ("0" <= digits[:1] <= "9"):
        return Quantity(0, "no valid leading digits")
    number, end, fault = _leading_number(digits)
    if fault:
        return Quantity(0, fault)
    overflow = number >= WORD
    number = min(number, WORD - 1)
    rest = digits[end:].lstrip(BLANK)
    if negative and signed and not overflow and number <= WORD >> 1:
        number = -number % WORD
    elif negative and not signed and number == 1 and not rest:
        number = WORD - 1  # -1, the usual word for "no limit"
    elif negative or (signed and number >= WORD >> 1):
        overflow = True
    if not rest:
        return Quantity(number, "out of range" if overflow else "")
    factor = _FACTORS.get(rest[-1].lower()) if rest[-1].isascii() else None
    if factor is None:
        return Quantity(number, f"unknown multiplier {rest[-1]!r}, read as a number of bytes")
    value = number * factor % WORD
    if len(rest) > 1:
        return Quantity(value, f"invalid quantity, read as {digits[:end]}{rest[-1]}")
    amount = abs(Quantity(number).signed) if signed else number
    most = ((WORD >> 1) - (0 if negative else 1) if signed else WORD - 1) // factor
    return Quantity(value, "out of range" if overflow or amount > most else "")


def _leading_number(digits: str) -> tuple[int, int, str]:
    """(number, offset behind it, fault) of a text that starts with a digit: base by prefix, else octal after a 0."""
    second = digits[1:2].lower()
    if digits[0] == "0" and not ("0" <= second <= "9"):
        if second in ("", "k", "m", "g"):
            return 0, 1, ""
        base = _PREFIXES.get(second, 0)
        if base == 0:
            return 0, 0, f"invalid prefix 0{digits[1]}"
        body = digits[2:]
        if not body or body[0] in "+-" + BLANK or (body[0] == "0" and body[1:2].lower() in tuple("xob")):
            return 0, 0, "no digits after the prefix"
        found = (_HEX if base == 16 else _DIGITS[base]).match(body)
        length = found.end() if found else 0
        return (_number(body[:length], base), 2 + length, "") if length else (0, 0, "no valid leading digits")
    base = 8 if digits[0] == "0" else 10
    found = _DIGITS[base].match(digits)
    length = found.end() if found else 0
    return _number(digits[:length], base), length, ""


def _number(digits: str, base: int) -> int:
    """A whole number; from 65 digits on no less than 2^64, whatever they are (int() of a megabyte takes minutes)."""
    digits = digits.lstrip("0")
    return int(digits or "0", base) if len(digits) <= 64 else WORD


@record
class Limit:
    """A memory_limit as PHP takes it: `value` in bytes or UNLIMITED; None where PHP refuses it and keeps what it had.

    `refused` says why it is refused, `warning` what PHP warns of although it takes the value.
    """

    value: Number | None
    refused: str = ""
    warning: str = ""


def php_limit(text: str) -> Limit:
    """A memory_limit: refused below the 2 MiB in use when a request starts (main/main.c, OnChangeMemoryLimit)."""
    size = php_quantity(text)
    if size.value < LEAST_LIMIT:
        read = f"PHP reads it as {size.value} bytes"
        why = f"{read} ({size.warning})" if size.warning else read
        return Limit(None, f"{why}, below the 2 MiB in use at the start of a request", size.warning)
    if size.value >= NO_LIMIT_FROM:
        return Limit(UNLIMITED, "", size.warning)
    return Limit(size.value, "", size.warning)


def php_size(text: str | int) -> Number:
    """A memory_limit in bytes (UNLIMITED for -1). Raises BadValue where PHP would refuse it."""
    limit = php_limit(str(text))
    if limit.value is None:
        raise BadValue("memory_limit", text, accepts="a size such as 256M, 1G or -1, of at least 2M")
    return limit.value


def php_bytes(text: str | int) -> int:
    """An ordinary size (`opcache.jit_buffer_size`, `post_max_size`): bytes as PHP keeps them, signed; never refused."""
    return php_quantity(str(text), signed=True).signed


def opcache_memory(text: str | int) -> int | None:
    """`opcache.memory_consumption` in bytes: atoi, in MiB, so that `64M` is 64 MiB too. None: refused (128 stays)."""
    megabytes = to_int(str(text))
    return megabytes * MiB if megabytes >= LEAST_OPCACHE_MB else None


def apc_memory(text: str | int) -> int | None:
    """`apc.shm_size` in bytes: an ordinary size, but below 1 MiB it is a number of MiB (`64` is 64 MiB).

    None: zero or less is refused, and the built-in 32M stays (measured, APCu 5.1.22).
    """
    size = php_quantity(str(text), signed=True).signed
    if size <= 0:
        return None
    return size * MiB if size < MiB else size


def php_flag(text: str | int) -> bool:
    """A flag of php.ini: true, yes, on (any case), else whether atoi is not zero (zend_ini_parse_bool)."""
    word = str(text)
    return word.lower() in TRUE_WORDS or to_int(word) != 0


def php_count(text: str | int) -> int:
    """A whole number in 64 bits (`memory_hard_limit_percent`, `opcache.max_accelerated_files`): a size, read signed."""
    return php_quantity(str(text), signed=True).signed
