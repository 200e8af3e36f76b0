"""Which option a word of mariadbd's argument list stands for: prefixes, abbreviations, `-` and `_`, key caches.

As mysys/my_getopt.c resolves names (handle_options, findopt, check_struct_option), held against started servers.
"""

from __future__ import annotations

from typing import Final

from capacity.readers.mariadb_table import Option, Pass, normal
from capacity.record import record

SPECIAL: Final = ("skip", "disable", "enable", "maximum", "loose", "autoset")

LONGEST: Final = 200
"""Characters that no option's name has."""


@record
class Match:
    """What a name stands for in one pass.

    `options` are the candidates: one if it is found, several if it is ambiguous, none if this pass does not know it.
    `value` is the value after what a prefix made of it. `abbreviated` is whether the name was not written in full.
    `cache` is the part before a dot: the name of a key cache, elsewhere without meaning. `turned` is whether `skip-`,
    `disable-` or `enable-` made the value.
    """

    options: tuple[Option, ...] = ()
    names: tuple[str, ...] = ()
    value: str | None = None
    loose: bool = False
    maximum: bool = False
    autoset: bool = False
    turned: bool = False
    abbreviated: bool = False
    cache: str = ""


@record
class Name:
    """A name as written, taken apart once for all passes.

    `cache` is the part before a dot. `stems` are what it may stand for, with what was taken off: first the whole, then
    the rest after each of SPECIAL in turn, as far as an option can be so long.
    """

    cache: str
    stems: tuple[tuple[str, tuple[str, ...]], ...]
    specials: tuple[str, ...]


def name_of(written: str) -> Name:
    """Takes a name apart (without `--`, without the value)."""
    cache, rest = _cache(written)
    rest = normal(rest)
    stems: list[tuple[str, tuple[str, ...]]] = []
    specials: list[str] = []
    while True:
        if len(rest) <= LONGEST:
            stems.append((rest, tuple(specials)))
        special = next((each for each in SPECIAL if rest.startswith(each + "_")), None)
        if special is None:
            return Name(cache, tuple(stems), tuple(specials))
        specials.append(special)
        rest = rest[len(special) + 1 :]


def match(name: Name, value: str | None, options: Pass) -> Match:
    """Looks a name up in one pass. `value` is None where no `=` stands."""
    for stem, specials in name.stems:
        found = options.find(stem)
        if found:
            last = specials[-1] if specials else ""
            return Match(
                tuple(options.option(each) for each in found),
                tuple(found),
                _turned(last, value),
                "loose" in specials,
                last == "maximum",
                "autoset" in specials,
                last in ("skip", "disable", "enable"),
                found != [stem],
                name.cache,
            )
    return Match(value=value, loose="loose" in name.specials, cache=name.cache)


def _turned(special: str, value: str | None) -> str | None:
    """The value under `skip-`, `disable-` or `enable-`; `skip-x=0` is x on again."""
    if special in ("skip", "disable"):
        return "1" if value == "0" else "0"
    if special == "enable":
        return "0" if value == "0" else "1"
    return value


def _cache(written: str) -> tuple[str, str]:
    """`cache.key_buffer_size` as (`cache`, `key_buffer_size`); a dot at either end is part of the name."""
    dot = written.find(".", 1)
    if 0 < dot < len(written) - 1:
        return written[:dot], written[dot + 1 :]
    return "", written
