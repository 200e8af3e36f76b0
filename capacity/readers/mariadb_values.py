"""What mariadbd makes of the text of a value: numbers, flags, words, sets; limits and rounding.

As mysys/my_getopt.c (eval_num_suffix_ull, getopt_ull_limit_value, setval, get_bool_argument) and mysys/typelib.c do it
on a 64-bit machine, held against started servers.
"""

from __future__ import annotations

import math
import re
from typing import Final

from capacity.errors import BadValue
from capacity.readers.mariadb_table import Option
from capacity.record import record

_WRAP: Final = 1 << 64
_SIGN: Final = 1 << 63
_NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?)([0-9]*)")
_SUFFIXES: Final = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40, "p": 50, "e": 60}
_DIGITS: Final = 25
"""More digits than 2^64 has: such a number is out of range whatever they are."""

_PLACEHOLDER = re.compile(r"\{\{|\{%|<%|\$\{?[A-Za-z_]|%%?[A-Za-z_][A-Za-z0-9_]*%|__[A-Z][A-Z0-9_]*__|@[A-Z_]+@")


@record
class Value:
    """A value in effect: `value` is a number, 0 or 1, a word, or a text. `asked` is the number before limits."""

    value: int | float | str
    asked: int | float | str
    note: str = ""


def is_placeholder(text: str) -> bool:
    """Whether a text is a template's, to be filled before the server reads it."""
    return _PLACEHOLDER.search(text) is not None


def value_of(option: Option, text: str | None, current: str = "") -> Value:
    """What the server takes for `text` (None: no value was given; the caller has seen to required ones).

    `current` is the value before, for the flags that a text leaves alone. Raises BadValue where the server refuses.
    """
    given = "1" if text is None else text
    if option.kind in ("u64", "u32"):
        asked = unsigned(option.name, given)
        return _limited(option, asked, 2**32 - 1 if option.kind == "u32" else _WRAP - 1)
    if option.kind in ("i64", "i32"):
        asked = signed(option.name, given)
        return _limited(option, asked, 2**31 - 1 if option.kind == "i32" else _SIGN - 1)
    if option.kind == "double":
        return _double(option, given)
    if option.kind == "bool":
        return _flag(option, given)
    if option.kind == "enum":
        word = option.values[word_index(option, given)] if option.values else given
        return Value(word, word)
    if option.kind == "set":
        chosen = set_of(option, given) if option.values else given
        return Value(chosen, chosen)
    if option.kind == "flags":
        chosen = flags_of(option, given, current)
        return Value(chosen, chosen)
    return Value(text or "", text or "")


def unsigned(name: str, text: str) -> int:
    """Digits and one of K M G T P E; what follows the letter is ignored, 2^64 wraps to 0. Raises BadValue.

    A minus sign refuses where it comes first, and counts modulo 2^64 after a blank, as strtoull(3) does it.
    """
    match = _NUMBER.match(text)
    assert match is not None
    sign, digits = match[1], match[2]
    if text.startswith("-"):
        raise BadValue(name, text, accepts="a number that is not negative")
    if len(digits.lstrip("0")) > _DIGITS or int(digits or "0") >= _WRAP:
        raise BadValue(name, text, accepts="a number below 2^64")
    number = -int(digits or "0") if sign == "-" else int(digits or "0")
    return (number << _suffix(name, text, match, digits)) % _WRAP


def signed(name: str, text: str) -> int:
    """As `unsigned`, for variables that may be negative; wraps at 2^63. Raises BadValue."""
    match = _NUMBER.match(text)
    assert match is not None
    sign, digits = match[1], match[2]
    if len(digits.lstrip("0")) > _DIGITS:
        raise BadValue(name, text, accepts="a number of 63 bits")
    number = -int(digits or "0") if sign == "-" else int(digits or "0")
    if not -_SIGN <= number < _SIGN:
        raise BadValue(name, text, accepts="a number of 63 bits")
    wrapped = (number << _suffix(name, text, match, digits)) % _WRAP
    return wrapped - _WRAP if wrapped >= _SIGN else wrapped


def _suffix(name: str, text: str, match: re.Match[str], digits: str) -> int:
    """Powers of two of the letter after the digits; without digits the whole text is looked at, as strtoull does."""
    letter = text[match.end() : match.end() + 1] if digits else text[:1]
    shift = _SUFFIXES.get(letter.lower()) if letter.isascii() else None
    if shift is None:
        raise BadValue(name, text, accepts="a whole number, with one of K, M, G, T, P, E after it")
    return shift


def _limited(option: Option, asked: int, largest: int) -> Value:
    """Clamps to the option's range and rounds down to its block (getopt_ull_limit_value, getopt_ll_limit_value)."""
    number = asked
    if option.maximum and number > option.maximum:
        number = int(option.maximum)
    number = min(number, largest)
    if option.block > 1:
        number = number // option.block * option.block if number >= 0 else -(-number // option.block) * option.block
    number = max(number, int(option.minimum))
    if number == asked:
        return Value(number, asked)
    if asked > number:
        how = "the largest allowed" if number + option.block > (option.maximum or largest) else ""
        note = f"{asked} is taken as {number}: {how or f'whole blocks of {option.block}'}"
    else:
        note = f"{asked} is taken as {number}: the smallest allowed"
    return Value(number, asked, note)


def _double(option: Option, text: str) -> Value:
    """A decimal number between the option's limits, nothing is 0; anything else refuses (getopt_double)."""
    asked = float(text or 0) if not text or _DECIMAL.fullmatch(text) else math.inf
    if math.isinf(asked):
        raise BadValue(option.name, text, accepts="a decimal number")
    number = min(asked, option.maximum) if option.maximum else asked
    number = max(number, option.minimum)
    return Value(number, asked, "" if number == asked else f"{asked} is taken as {number}")


_DECIMAL = re.compile(r"[ \t]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def _flag(option: Option, text: str) -> Value:
    """1 or 0. What is no word for either is OFF, or ignored where the option takes no argument, each with a warning."""
    word = text.lower() if text.isascii() else text
    if option.argument == "none":
        if word.startswith("1") or word in ("true", "on"):
            return Value(1, 1)
        if word.startswith("0") or word in ("false", "off"):
            return Value(0, 0)
        raise Ignored(option.name, text)
    if word in ("true", "on", "1"):
        return Value(1, 1)
    if word in ("false", "off", "0"):
        return Value(0, 0)
    return Value(0, 0, f"{text!r} is no word for on or off: taken as OFF")


class Ignored(BadValue):
    """A value that the server passes over with a warning: the earlier one stays in force."""

    def __init__(self, name: str, value: str) -> None:
        super().__init__(name, value, accepts="ON or OFF; the server ignores it")


def word_index(option: Option, text: str) -> int:
    """The place of a word in the option's list: by its name, a prefix that fits one alone, or its number; empty is 0.

    Raises BadValue (mysys/typelib.c, find_type; mysys/my_getopt.c, GET_ENUM).
    """
    near = _near(text, option.values, prefixes=True)
    if len(near) == 1:
        return near[0]
    number = re.fullmatch(r"[ \t\n\v\f\r]*([+-]?)([0-9]{1,18})", text)
    index = 0 if not text else int(number[2]) if number and (number[1] != "-" or not int(number[2])) else -1
    if not near and 0 <= index < len(option.values):
        return index
    raise BadValue(option.name, text, accepts=f"one of {', '.join(option.values[:12])}")


def _near(word: str, names: tuple[str, ...], *, prefixes: bool) -> list[int]:
    """Places of the names that a word may stand for: the name itself, blanks after it aside, else what begins so."""
    asked, whole = _folded(word), _folded(word.rstrip(" "))
    folded = [_folded(name) for name in names]
    if whole in folded:
        return [folded.index(whole)]
    return [index for index, name in enumerate(folded) if prefixes and word and name.startswith(asked)]


def set_of(option: Option, text: str) -> str:
    """The words of a set in the option's order, joined by commas; `all` and a number are taken too. Raises BadValue.

    Only the last word may be shortened.
    """
    chosen = 0
    words = text.split(",") if text else []
    for place, word in enumerate(words, 1):
        near = _near(word, option.values, prefixes=place == len(words))
        if len(near) != 1:
            chosen = _set_number(option, text)
            break
        chosen |= 1 << near[0]
    return ",".join(name for index, name in enumerate(option.values) if chosen >> index & 1)


def _set_number(option: Option, text: str) -> int:
    if _folded(text) == "all":
        return (1 << len(option.values)) - 1
    if re.fullmatch(r"[ \t]*\+?[0-9]{1,18}", text) and int(text) < 1 << len(option.values):
        return int(text)
    raise BadValue(option.name, text, accepts=f"words out of {', '.join(option.values[:12])}")


def flags_of(option: Option, text: str, current: str) -> str:
    """`a=on,b=off` after `text` over `current`, in the option's order (mysys/typelib.c, find_set_from_flags).

    A flag that neither names keeps no entry. Raises BadValue.
    """
    now = dict(each.split("=", 1) for each in current.split(",") if "=" in each)
    names = {_folded(each): each for each in option.values}
    seen: set[str] = set()
    for part in text.split(",") if text else []:
        name, equals, state = part.partition("=")
        flag, word = names.get(_folded(name.rstrip(" "))), _folded(state.rstrip(" "))
        if flag is None or flag in seen or (flag == "default") == bool(equals):
            raise BadValue(option.name, text, accepts="flag=on|off|default, joined by commas")
        if equals and word not in ("on", "off", "default"):
            raise BadValue(option.name, text, accepts="flag=on|off|default, joined by commas")
        seen.add(flag)
        if flag == "default":
            now = {key: value for key, value in now.items() if key in seen}
        elif word == "default":
            now.pop(flag, None)
        else:
            now[flag] = word
    return ",".join(f"{name}={now[name]}" for name in option.values if name in now)


def _folded(text: str) -> str:
    """A word as it is compared: ASCII letters small."""
    return text.lower() if text.isascii() else text
