"""Which option a word of mariadbd's argument list stands for: prefixes, abbreviations, `-` and `_`, key caches.

As mysys/my_getopt.c resolves names (handle_options, findopt, check_struct_option), held against started servers.
"""

from __future__ import annotations

from typing import Final

from capacity.readers.mariadb_table import Option, Pass, normal
from capacity.record import record

SPECIAL: Final = ("skip", "disable", "enable", "maximum", "loose", "autoset")


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


def match(written: str, value: str | None, options: Pass) -> Match:
    """Looks `written` (without `--`, without the value) up in one pass. `value` is None where no `=` stands."""
    cache, name = _cache(written)
    name = normal(name)
    found = options.find(name)
    if found:
        return _match(found, options, name, value, cache)
    loose = autoset = False
    restart = True
    while restart:
        restart = False
        for special in SPECIAL:
            if not name.startswith(special + "_"):
                continue
            name = name[len(special) + 1 :]
            loose, autoset = loose or special == "loose", autoset or special == "autoset"
            found = options.find(name)
            if found:
                turned = special in ("skip", "disable", "enable")
                value = _turned(special, value)
                return _match(found, options, name, value, cache, loose, special == "maximum", autoset, turned)
            restart = True
            break
    return Match(value=value, loose=loose, cache=cache)


def _match(
    found: list[str], options: Pass, name: str, value: str | None, cache: str,
    loose: bool = False, maximum: bool = False, autoset: bool = False, turned: bool = False,
) -> Match:  # fmt: skip
    return Match(
        tuple(options.option(each) for each in found), tuple(found), value,
        loose, maximum, autoset, turned, found != [name], cache,
    )  # fmt: skip


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
