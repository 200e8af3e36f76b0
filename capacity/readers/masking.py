"""What must not be shown: which names hold secrets, and how a command line is shown without them.

A reader keeps a value that it needs for reading on; what it shows (`File.text`, a message, a process's words) passes
through here. Too much hidden is a nuisance, one password shown is a fault: the list is broad on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

HIDDEN = "***"

_NAME = re.compile(
    r"passw(?:or)?d|passphrase|(?<!by)pass_(?!through)|pwd|secret|token|credential|auth(?!or\b)|(?:^|[._-])pw$"
    r"|(?<!by)(?<!(?:proxy|uwsgi)_)(?<!fastcgi_)(?<!(?:scgi|grpc)_)(?<!memcached_)pass$"  # nginx's own hold addresses
    r"|(?:api|access|private|signing|encryption|app|master|license)[._-]?key|(?:^|[._-])key$|(?:^|[._-])salt$|dsn$|cookie",
    re.IGNORECASE,
)
_LOGIN = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,30}://)(?P<user>[^/@:\s]{0,200}):(?P<secret>[^/@\s]{1,500})@")
_INSIDE = re.compile(  # name and value inside a longer word: JSON, DSN, -o PASSWORD=X
    r"""(?P<name>[\w.-]{0,40}(?:pass(?:wd|word|phrase)|pwd|secret|token|credential|(?:api|access|private)[._-]?key)[\w.-]{0,40}"""
    r"""["']?\s{0,3}[:=]\s{0,3}["']?)(?P<value>[^"'\s,;&}]{1,2000})""",
    re.IGNORECASE,
)
_SHORT = {  # programs whose short option takes a password, glued (-pX) or as the next word (-a X)
    "mysql": "-p",
    "mysqldump": "-p",
    "mysqladmin": "-p",
    "mariadb": "-p",
    "mariadb-dump": "-p",
    "mariadb-admin": "-p",
    "mariadb-backup": "-p",
    "redis-cli": "-a",
    "sshpass": "-p",
    "curl": "-u",
}


def is_secret(name: str) -> bool:
    """Whether a setting or variable of this name may hold a password, key or token."""
    return _NAME.search(name) is not None


def shown(name: str, line: str, value: str = "") -> str:
    """`line` for showing; empty where its `name` or the words of its `value` (a command, an address) may be secret."""
    words = value.split() if value else line.split()
    return "" if is_secret(name) or masked(words) != tuple(words) else line


def masked(words: Sequence[str]) -> tuple[str, ...]:
    """The words of a command line with `***` in place of what could be a secret.

    Hidden are: values of `--password=X`, `PASSWORD=X` and the word after `--password`; the password of an address
    (`redis://user:X@host`); what mysql's -p, redis-cli's -a and curl's -u take.
    """
    program = words[0].rsplit("/", 1)[-1] if words else ""
    short = _SHORT.get(program)
    result: list[str] = []
    hide_next = False
    for word in words:
        if hide_next and not word.startswith("-"):
            result.append(HIDDEN)
            hide_next = False
            continue
        hide_next = False
        name, equals, value = word.partition("=")
        if equals and value and is_secret(name.split()[-1] if name.split() else name):
            word = f"{name}={HIDDEN}"
        elif short is not None and word.startswith(short) and not word.startswith("--"):
            asks = short == "-p" and program != "sshpass"  # a lone -p asks at the terminal, the next word is a database
            hide_next = word == short and not asks
            word = word if word == short else short + HIDDEN
        elif word.startswith("-") and not equals and is_secret(word.lstrip("-")):
            hide_next = True
        word = _INSIDE.sub(rf"\g<name>{HIDDEN}", word)
        result.append(_LOGIN.sub(rf"\g<scheme>\g<user>:{HIDDEN}@", word))
    return tuple(result)
