r"""Words of ExecStart= and Environment=, specifiers (`%i`) and variables (`$VAR`), as systemd 252 takes them apart.

Splitting: src/basic/extract-word.c, escape.c; commands: config_parse_exec of core/load-fragment.c; specifiers:
core/unit-printf.c, shared/specifier.c; variables: replace_env_argv of basic/env-util.c.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from capacity.readers.masking import masked
from capacity.readers.systemd.names import UnitName, unescaped
from capacity.record import record
from capacity.settings import File

_BLANK: Final = b" \t\n\r"
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\"'\\]")
_SIMPLE: Final = {b"abfnrtvs\\\"'"[i]: b"\a\b\f\n\r\t\v \\\"'"[i] for i in range(11)}
_BLANKS = re.compile(rb"[ \t\n\r]+")
_QUOTES: Final = b"\"'"
_PLAIN: Final = {  # what stands for itself outside of quotes and inside either kind
    0: re.compile(rb"[^ \t\n\r\\\"']+"),
    0x22: re.compile(rb"[^\\\"]+"),
    0x27: re.compile(rb"[^\\']+"),
}
_HEX = re.compile(rb"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([0-7]{3})")


class Malformed(Exception):
    """Quotes that do not close, or an escape that does not exist; caught by the caller in this package."""


@record
class Command:
    """One command of an Exec line. `path` is what is run, `words` its arguments with the name it is given first.

    `flags` are the prefixes that stood before the path (`-@:+!`). `unset` are variables that were substituted and that
    no Environment= or EnvironmentFile= of the tree sets; `unknown` are specifiers that a tree cannot tell (`%H`).
    Words may hold passwords: `shown` is the command line for people.
    """

    path: str
    words: tuple[str, ...]
    flags: str
    at: File
    unset: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The command line for people, words joined by blanks, secrets masked."""
        return " ".join(masked(self.words))


def next_word(
    data: bytes, at: int, *, escapes: bool = True, keep: bool = False, relax: bool = False
) -> tuple[bytes | None, int]:
    r"""(the next word or None at the end, where the one after it begins). Quotes are taken off.

    `escapes` turns `\n` and `\x41` into what they mean (else a backslash only protects one character), `keep` leaves
    unknown escapes as they stand, `relax` closes open quotes at the end. Raises Malformed.
    """
    at = _past_blanks(data, at)
    if at >= len(data):
        return None, at
    word = bytearray()
    quote = 0
    while at < len(data):
        plain = _PLAIN[quote].match(data, at)
        if plain is not None:
            word += plain[0]
            at = plain.end()
            continue
        char = data[at]
        at += 1
        if char == 0x5C:
            if at >= len(data):
                if not relax and (quote or not keep):
                    raise Malformed("a backslash at the end")
                return bytes(word) + (b"\\" if keep else b""), at
            value, at = _escape(data, at, keep) if escapes else (data[at : at + 1], at + 1)
            word += value
        elif char == quote:
            quote = 0
        elif char in _QUOTES:
            quote = char
        else:
            return bytes(word), _past_blanks(data, at)
    if quote and not relax:
        raise Malformed("unbalanced quotes")
    return bytes(word), at


def _past_blanks(data: bytes, at: int) -> int:
    match = _BLANKS.match(data, at)
    return at if match is None else match.end()


def _escape(data: bytes, at: int, keep: bool) -> tuple[bytes, int]:
    """What an escape after its backslash stands for, and where it ends."""
    simple = _SIMPLE.get(data[at])
    if simple is not None:
        return bytes((simple,)), at + 1
    match = _HEX.match(data, at)
    if match is not None:
        point = int(match[1] or match[2] or match[3] or b"0", 16) if match[4] is None else int(match[4], 8)
        eight_bit = match[1] is not None or match[4] is not None
        if 0 < point <= (0xFF if eight_bit else 0x10FFFF) and not 0xD800 <= point <= 0xDFFF:
            return bytes((point,)) if eight_bit else chr(point).encode(), match.end()
    if keep:
        return b"\\" + data[at : at + 1], at + 1
    raise Malformed("an escape that does not exist")


def tolerant_word(data: bytes, at: int) -> tuple[bytes | None, int]:
    """As systemd reads Exec lines: an unknown escape is kept as it stands, with a warning. Raises Malformed."""
    try:
        return next_word(data, at)
    except Malformed:
        return next_word(data, at, keep=True)


def text_of(data: bytes) -> str:
    """Bytes as text, undecodable ones as surrogates."""
    return data.decode("utf-8", "surrogateescape")


@dataclass(slots=True)
class Specifiers:
    """Specifiers of one unit; `unknown` collects those that only the running machine could tell."""

    name: UnitName
    fragment: str | None = None
    unknown: list[str] = field(default_factory=list)

    def expand(self, text: str) -> str:
        """The text with each specifier replaced; raises Malformed for one that does not exist."""
        return _SPECIFIER.sub(self._one, text) if "%" in text else text

    def _one(self, match: re.Match[str]) -> str:
        letter = match[1]
        if letter == "%":
            return "%"
        if not (letter.isascii() and letter.isalnum()):
            return match[0]
        if letter in _FIXED:
            return _FIXED[letter]
        if letter in _MACHINE:
            self.unknown.append(match[0])
            return match[0]
        found = _OF_UNIT[letter](self) if letter in _OF_UNIT else None
        if found is None:
            raise Malformed(f"%{letter} does not exist or cannot be told")
        return found


_SPECIFIER = re.compile(r"%(.)", re.DOTALL)
_FIXED: Final = {  # of the system manager, run as root
    "t": "/run",
    "S": "/var/lib",
    "C": "/var/cache",
    "L": "/var/log",
    "E": "/etc",
    "T": "/tmp",
    "V": "/var/tmp",
    "h": "/root",
    "u": "root",
    "U": "0",
    "g": "root",
    "G": "0",
}
_MACHINE: Final = frozenset("abmHlqvoMwWABscrR")
_OF_UNIT: Final[Mapping[str, Callable[[Specifiers], str | None]]] = {
    "n": lambda s: s.name.full,
    "N": lambda s: s.name.stem,
    "p": lambda s: s.name.prefix,
    "P": lambda s: unescaped(s.name.prefix),
    "i": lambda s: s.name.instance or "",
    "I": lambda s: unescaped(s.name.instance or ""),
    "j": lambda s: s.name.prefix.rpartition("-")[2],
    "J": lambda s: unescaped(s.name.prefix.rpartition("-")[2]),
    "f": lambda s: _as_path(unescaped(s.name.instance or s.name.prefix)),
    "d": lambda s: f"/run/credentials/{s.name.full}",
    "y": lambda s: s.fragment,
    "Y": lambda s: None if s.fragment is None else s.fragment.rpartition("/")[0],
}


def _as_path(text: str | None) -> str | None:
    """`a/b` as `/a/b`, `/` as itself; None for what is no normal path then (unit_name_path_unescape)."""
    if text is None or text == "/":
        return text
    return None if set(text.split("/")) & {"", ".", ".."} else f"/{text}"


def commands(value: str, at: File, specifiers: Specifiers) -> Iterator[Command]:
    """The commands of one Exec line, variables not yet substituted.

    A line whose first word is malformed gives nothing. Raises Malformed where systemd gives the unit up (a later word,
    an unknown specifier, no executable), unless the path has the prefix `-`: then the line ends there.
    """
    data = value.encode("utf-8", "surrogateescape")
    place = 0
    while place < len(data):
        try:
            first, place = tolerant_word(data, place)
        except Malformed:
            return
        if first is None:
            return
        if first == b";":
            continue
        flags, head = _flags(text_of(first))
        try:
            words, place, more = _arguments(data, place, specifiers)
            path = specifiers.expand(head)
            _check_path(path)
            name = [] if "@" in flags else [path]
            if not name and not words:
                raise Malformed("no name after @")
        except Malformed:
            if "-" in flags:
                return
            raise
        yield Command(re.sub(r"/(?:\.?/)+", "/", path), (*name, *words), flags, at, (), tuple(specifiers.unknown))
        if not more:
            return


def _flags(word: str) -> tuple[str, str]:
    flags = ""
    for char in word:
        if char not in "-@:+!" or ("+" in flags and char in "+!") or ("!" in flags and char == "+"):
            break
        if flags.count(char) >= (2 if char == "!" else 1):
            break
        flags += char
    return flags, word[len(flags) :]


def _check_path(path: str) -> None:
    if not path or _UNSAFE.search(path) or path.endswith("/"):
        raise Malformed("no path of an executable")
    if not path.startswith("/") and ("/" in path or path in (".", "..")):
        raise Malformed("neither an absolute path nor the name of an executable")


def _arguments(data: bytes, at: int, specifiers: Specifiers) -> tuple[list[str], int, bool]:
    """(words up to a lone `;` or the end, where the next command begins, whether one follows)."""
    words: list[str] = []
    while at < len(data):
        if data[at : at + 1] == b";" and (at + 1 == len(data) or data[at + 1] in _BLANK):
            return words, _past_blanks(data, at + 1), True
        if data[at : at + 2] == b"\\;" and (at + 2 == len(data) or data[at + 2] in _BLANK):
            words.append(";")
            at = _past_blanks(data, at + 2)
            continue
        word, at = tolerant_word(data, at)
        if word is None:
            break
        words.append(specifiers.expand(text_of(word)))
    return words, at, False


_BRACED = re.compile(r"\$(?:\{([^}:]*)\}|\$)")


def substituted(command: Command, environment: Mapping[str, str]) -> Command:
    """The command with its variables: `${VAR}` inside a word, `$VAR` as a whole word split at blanks; unset is empty.

    The path is never substituted; the prefix `:` keeps everything as it stands.
    """
    if ":" in command.flags:
        return command
    unset: list[str] = []

    def value(name: str) -> str:
        if name not in environment:
            unset.append(name)
        return environment.get(name, "")

    words: list[str] = []
    for word in command.words:
        if word.startswith("$") and word[1:2] not in ("{", "$"):
            if word != "$":
                words += _split(value(word[1:]))
            continue
        words.append(_BRACED.sub(lambda match: "$" if match[1] is None else value(match[1]), word))
    return Command(command.path, tuple(words), command.flags, command.at, tuple(unset), command.unknown)


def _split(text: str) -> list[str]:
    """A variable's words: quotes count, backslashes protect one character, nothing is an error."""
    data = text.encode("utf-8", "surrogateescape")
    words: list[str] = []
    at = 0
    while at < len(data):
        word, at = next_word(data, at, escapes=False, relax=True)
        if word is None:
            break
        words.append(text_of(word))
    return words
