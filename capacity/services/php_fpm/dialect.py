"""How a setting of PHP, FPM or an extension is declared as a field of the datasheets, and read from text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from capacity.arithmetic import UNLIMITED, Number
from capacity.errors import BadValue
from capacity.readers.php_limits import hard_percent
from capacity.readers.php_sizes import apc_memory, opcache_memory, php_bytes, php_count, php_flag, php_size
from capacity.settings import setting
from capacity.units import MiB

FPM: Final = "php.net, FPM configuration"
INI: Final = "main/main.c"
OPCACHE: Final = "ext/opcache/zend_accelerator_module.c"
APCU: Final = "APCu, php_apc.c"

Parse = Callable[[str], Any]


def ordinary(text: str) -> Number:
    """Bytes of a size that PHP never refuses. Raises BadValue below zero, where no bill can be made."""
    value = php_bytes(text)
    if value < 0:
        raise BadValue("size", text, accepts="a size such as 64M, 4096K or 0")
    return value


def limit_or_none(text: str) -> Number:
    """max_memory_limit in bytes; UNLIMITED for -1."""
    value = php_bytes(text)
    return UNLIMITED if value < 0 else value


def segment(text: str) -> int:
    """opcache.memory_consumption in bytes. Raises BadValue where opcache would keep its default (below 8 MiB)."""
    value = opcache_memory(text)
    if value is None:
        raise BadValue("opcache.memory_consumption", text, accepts="whole MiB, 8 or more")
    return value


def strings(text: str) -> Number:
    """opcache.interned_strings_buffer in bytes; the text is a number of MiB."""
    return ordinary(text) * MiB


def percent(text: str) -> Number:
    """memory_hard_limit_percent. Raises BadValue where PHP refuses it (below 100; -1 is 200)."""
    taken = hard_percent(text).value
    if taken is None:
        raise BadValue("memory_hard_limit_percent", text, accepts="100 or more")
    return taken


def cap(text: str) -> Number:
    """process.max: a count, UNLIMITED for 0."""
    value = php_count(text)
    return UNLIMITED if value == 0 else value


def switch(text: str) -> int:
    """1 or 0, as PHP reads a flag."""
    return int(php_flag(text))


def lower(text: str) -> str:
    """A word in small letters."""
    return text.strip().lower()


def size(
    name: str, default: Any, doc: str, source: str, minimum: int = 0, step: int = 1, parse: Parse = ordinary
) -> Any:  # fmt: skip
    """A setting in bytes."""
    return setting(name, default=default, doc=doc, source=source, parse=parse, minimum=minimum, step=step)


def count(name: str, default: Any, doc: str, source: str, minimum: int = 0, parse: Parse = php_count) -> Any:
    """A setting that counts something."""
    return setting(name, default=default, doc=doc, source=source, parse=parse, minimum=minimum, size=False)


def flag(name: str, default: Any, doc: str, source: str, *, monotone: bool = True) -> Any:
    """A setting that is 1 or 0."""
    return setting(
        name, default=default, doc=doc, source=source, parse=switch, minimum=0, maximum=1, size=False, monotone=monotone
    )


def word(name: str, default: Any, doc: str, source: str, parse: Parse = str) -> Any:
    """A setting that chooses by a word, or names something."""
    return setting(name, default=default, doc=doc, source=source, parse=parse, size=False)


__all__ = [
    "APCU", "FPM", "INI", "OPCACHE", "apc_memory", "cap", "count", "flag", "limit_or_none", "lower", "percent",
    "php_size", "segment", "size", "strings", "word",
]  # fmt: skip
