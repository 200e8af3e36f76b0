"""Which program a unit starts, also behind a shell or a wrapper: `sh -c "exec /usr/sbin/mariadbd $OPTS"`, `numactl`.

A word that names a wanted program is the program, what follows up to the end of the shell command its arguments;
variables that the unit's environment does not set are empty there (sh(1)), as in Debian's mariadb.service.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from capacity.record import record
from capacity.settings import File

if TYPE_CHECKING:
    from capacity.readers.systemd import Command, Unit

SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "busybox"})
SEPARATORS: Final = frozenset({";", "&&", "||", "|", "&", "(", ")", "{", "}"})


@record
class Started:
    """A program that a unit starts: its path, its arguments without its own name, and where that stands."""

    path: str
    arguments: tuple[str, ...]
    at: File


def started(unit: Unit, wanted: Callable[[str], bool]) -> Started | None:
    """The first program of a unit's ExecStart= whose base name is `wanted`; None where it starts none of them."""
    for command in unit.commands():
        words = (command.path, *command.words[1:])
        for index, word in enumerate(_flat(command, words)):
            if wanted(word.rsplit("/", 1)[-1]):
                rest = list(_flat(command, words))[index + 1 :]
                return Started(word, tuple(_arguments(rest)), command.at)
    return None


def _flat(command: Command, words: tuple[str, ...]) -> Iterator[str]:
    """The words of a command; those of the script where a shell runs one."""
    if command.path.rsplit("/", 1)[-1] in SHELLS and "-c" in words[:-1]:
        script = words[words.index("-c") + 1]
        lexer = shlex.shlex(script, posix=True, punctuation_chars=";&|(){}")
        lexer.whitespace_split = True
        try:
            yield from lexer
        except ValueError:  # a quote that never closes: the shell would not run it either
            return
    else:
        yield from words


def _arguments(words: list[str]) -> Iterator[str]:
    for word in words:
        if word in SEPARATORS:
            return
        if word and not word.startswith(("$", "`")):
            yield word
