"""What surrounds PHP's INI grammar: its statements as items, its constants and variables, places in a text, secrets.

The grammar itself is `php_ini`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from capacity.readers import masking
from capacity.record import record
from capacity.settings import File

SECTION: Final = "section"
ENTRY: Final = "entry"
ARRAY: Final = "array"
ERROR: Final = "error"

TRUE_WORDS: Final = frozenset(("true", "on", "yes"))
FALSE_WORDS: Final = frozenset(("false", "off", "no", "none", "null"))

# Zend/zend_errors.h and main/main.c: what is a constant when php.ini is read. Those that differ from build to build
# (PHP_VERSION and its kin) are named in UNKNOWN_CONSTANTS.
CONSTANTS: Final[Mapping[str, str]] = {
    "E_ERROR": "1",
    "E_WARNING": "2",
    "E_PARSE": "4",
    "E_NOTICE": "8",
    "E_CORE_ERROR": "16",
    "E_CORE_WARNING": "32",
    "E_COMPILE_ERROR": "64",
    "E_COMPILE_WARNING": "128",
    "E_USER_ERROR": "256",
    "E_USER_WARNING": "512",
    "E_USER_NOTICE": "1024",
    "E_STRICT": "2048",
    "E_RECOVERABLE_ERROR": "4096",
    "E_DEPRECATED": "8192",
    "E_USER_DEPRECATED": "16384",
    "E_ALL": "32767",
    "PHP_INT_MAX": "9223372036854775807",
    "PHP_INT_MIN": "-9223372036854775808",
    "PHP_INT_SIZE": "8",
    "PHP_OS": "Linux",
    "PHP_OS_FAMILY": "Linux",
    "PHP_SAPI": "fpm-fcgi",
    "PHP_SHLIB_SUFFIX": "so",
    "PHP_MAXPATHLEN": "4096",
    "PHP_DEBUG": "0",
    "PHP_ZTS": "0",
}
_OF_THE_BUILD = (
    "PHP_VERSION PHP_VERSION_ID PHP_MAJOR_VERSION PHP_MINOR_VERSION PHP_RELEASE_VERSION PHP_EXTRA_VERSION PHP_PREFIX "
    "PHP_BINDIR PHP_LIBDIR PHP_DATADIR PHP_SYSCONFDIR PHP_LOCALSTATEDIR PHP_EXTENSION_DIR PHP_CONFIG_FILE_PATH "
    "PHP_CONFIG_FILE_SCAN_DIR PHP_BINARY PHP_MANDIR PEAR_INSTALL_DIR PEAR_EXTENSION_DIR DEFAULT_INCLUDE_PATH"
)
UNKNOWN_CONSTANTS: Final = frozenset(_OF_THE_BUILD.split(" "))

SHOWN: Final = 4096  # characters of a line that are kept for showing

_OPEN_NAMES: Final[set[str]] = set()  # names already found to hold no secret: the pattern is the dearest part of a line
_OPEN_NAMES_KEPT: Final = 2000
_SESSION_SECRET = re.compile(r"auth\s*[=\[]", re.I)  # session.save_path = "tcp://host:6379?auth=..."


@record
class Item:
    """One statement. `kind` is section, entry (`name = value`), array (`name[key] = value`) or error (then `value` says
    what the parser met, and nothing of this text is read after it).

    `value` is the resolved text (None: a name without `=`), decoded for people; `raw` is the same with one character a
    byte, from which a path is made (`path_of`). `asked` are the environment variables the text needed, `unknown` is
    true where the text could not be known: an environment that was not given, a constant of the build.
    """

    kind: str
    name: str
    key: str
    value: str | None
    raw: str
    at: File
    asked: tuple[str, ...] = ()
    unknown: bool = False


class Variables:
    """What `${NAME}` stands for: a setting of the php.ini layers read so far, else the environment of the master.

    `environment` is None where it is not known. `fallback` is True from PHP 8.3 on, which reads `${NAME:-text}`.
    """

    __slots__ = ("environment", "fallback", "settings")

    def __init__(self, environment: Mapping[str, str] | None = None, *, fallback: bool = False) -> None:
        self.environment = environment
        self.settings: dict[str, str] = {}
        self.fallback = fallback

    def of(self, name: str) -> tuple[str, str, bool]:
        """(raw text, the environment variable that was asked or "", whether the text is unknown) for a raw name."""
        name, default = people(name), ""
        if name in self.settings:
            return self.settings[name], "", False
        if self.fallback and ":-" in name:
            name, _, default = name.partition(":-")
            if name in self.settings:
                return self.settings[name], "", False
        if self.environment is None:
            return default, name, True
        found = self.environment.get(name)
        if found is None:
            return default, name, False
        return found.encode("utf-8", "surrogateescape").decode("latin-1"), name, False


NO_VARIABLES: Final = Variables({})


def people(raw: str) -> str:
    """A raw text (one character a byte) as people read it: UTF-8, else Latin-1."""
    if raw.isascii():
        return raw
    try:
        return raw.encode("latin-1").decode()
    except UnicodeDecodeError:
        return raw


def path_of(raw: str) -> str:
    """A raw text as a path of the host (surrogateescape for what is not UTF-8)."""
    return raw if raw.isascii() else raw.encode("latin-1").decode("utf-8", "surrogateescape")


def is_secret(name: str, value: str) -> bool:
    """Whether a line with this name or value could hold a password, key or token, and must not be shown."""
    if "://" in value and (_SESSION_SECRET.search(value) is not None or not masking.shown("", value)):
        return True
    if name not in _OPEN_NAMES and masking.is_secret(name):
        return True
    if len(_OPEN_NAMES) < _OPEN_NAMES_KEPT:
        _OPEN_NAMES.add(name)
    return False


_NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?\d+)", re.ASCII)


def to_int(text: str) -> int:
    """C's atoi on 64-bit Linux: leading blanks, sign, digits; clamped to 64 bits, then cut to 32 (may change sign)."""
    found = _NUMBER.match(text)
    if found is None:
        return 0
    # more digits than any 64-bit number has: the clamp alone decides, and int() of a megabyte would take minutes
    digits = found[1].lstrip("+-").lstrip("0")
    wide = int(digits or "0") if len(digits) < 20 else 1 << 64
    clamped = max(-(1 << 63), -wide) if found[1].startswith("-") else min((1 << 63) - 1, wide)
    return (clamped + (1 << 31)) % (1 << 32) - (1 << 31)


# ------------------------------------------------------------------------------------------------ places


class Lines:
    """Turns offsets of a text into File places; offsets must not fall, so that the work is linear."""

    __slots__ = ("_ascii", "_breaks", "_end", "_line", "_start", "path", "text")

    def __init__(self, text: str, path: str) -> None:
        self.text, self.path = text, path
        self._line, self._start, self._end = 1, 0, -1
        self._breaks = re.compile(r"\r\n?|\n") if "\r" in text else None
        self._ascii = text.isascii()

    def _go(self, offset: int) -> None:
        """Make the line that holds `offset` the current one."""
        if self._end >= 0 and offset <= self._end:
            return
        if self._breaks is None:
            self._line += self.text.count("\n", self._start, offset)
            self._start = max(self._start, self.text.rfind("\n", self._start, offset) + 1)
            end = self.text.find("\n", offset)
            self._end = len(self.text) if end < 0 else end
            return
        for found in self._breaks.finditer(self.text, self._start):
            if found.start() >= offset:
                self._end = found.start()
                return
            self._line, self._start = self._line + 1, found.end()
        self._end = len(self.text)

    def file(self, start: int, end: int, hide: bool | None) -> File:
        """The place from `start` to `end` (clipped to the first line); `hide` None: the line itself decides."""
        if start < self._start:
            start = self._start
        self._go(start)
        begin, stop = self._start, min(max(start, end), max(self._end, start))
        line = self.text[begin : min(self._end, begin + SHOWN)]
        if hide is None:
            hide = is_secret(line.split("=", 1)[0].strip(" \t]"), line)
        if self._ascii:
            return File(self.path, self._line, (start - begin + 1, stop - begin + 1), "" if hide else line)
        shown = people(line)
        width = _width_utf8 if shown is not line and not line.isascii() else len
        span = (width(self.text[begin:start]) + 1, width(self.text[begin:stop]) + 1)
        return File(self.path, self._line, span, "" if hide else shown)


class Line(Lines):
    """The same for a line that stands alone: one number, or one given place, for every offset."""

    __slots__ = ("at",)

    def __init__(self, text: str, path: str, number: int, at: File | None) -> None:
        super().__init__(text, path)
        self._line, self._end, self.at = number, len(text.rstrip("\r\n")), at

    def _go(self, offset: int) -> None:
        self._end = max(self._end, offset)

    def file(self, start: int, end: int, hide: bool | None) -> File:
        return self.at if self.at is not None else super().file(start, end, hide)


def _width_utf8(raw: str) -> int:
    """Characters of a UTF-8 text given with one character a byte."""
    return len(raw.encode("latin-1").decode("utf-8", "ignore"))
