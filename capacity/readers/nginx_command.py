"""The command line of nginx, as a unit's ExecStart gives it (src/core/nginx.c, ngx_get_options)."""

from __future__ import annotations

from collections.abc import Sequence

from capacity.record import record


@record
class NginxOptions:
    """What the words tell: `main` (-c), `prefix` (-p), `directives` (-g), each None where it is not given; `tests` for
    -t and -T, `signal` of -s (no master starts with these), `refused` says why nginx would not take the words.
    """

    main: str | None = None
    prefix: str | None = None
    directives: str | None = None
    tests: bool = False
    signal: str | None = None
    refused: str = ""


def nginx_options(words: Sequence[str]) -> NginxOptions:
    """The options in `words`, the program's own name left out. Letters may stand together (`-tq`), a value may be glued
    (`-c/etc/x.conf`), the last of each option counts; the words behind a refused one are not looked at.
    """
    found: dict[str, str] = {}
    tests, refused = False, ""
    rest = list(reversed(words))
    while rest and not refused:
        word = rest.pop()
        if not word.startswith("-"):
            refused = f'invalid option: "{word}"'
        for index, letter in enumerate(word[1:] if not refused else "", 2):
            if letter in "pecgs":
                if index >= len(word) and not rest:
                    refused = f'option "-{letter}" requires a value'
                else:
                    found[letter] = word[index:] or rest.pop()
                break
            if letter not in "?hvVtTq":
                refused = f'invalid option: "{letter}"'
                break
            tests = tests or letter not in "q"
    return NginxOptions(found.get("c"), found.get("p"), found.get("g"), tests, found.get("s"), refused)
