"""Which memory_limit holds for a request: the layers of the master, the pool, and what a request brings with it.

Weakest first: built-in, php.ini, scan directory, `-d`, pool php_value, the web server's PHP_VALUE, .user.ini; then what
pins: pool php_admin_value (over which PHP_VALUE still goes), the web server's PHP_ADMIN_VALUE, `[HOST=]`, `[PATH=]`. A
value that PHP refuses leaves what is in force; only a refused value of the master's layers falls to the built-in one,
because a master keeps a single text a name.

Source: main/php_ini.c, sapi/fpm/fpm/fpm_php.c, fpm_main.c (init_request_info, sapi_cgi_activate) of PHP 8.2, held
against php-fpm 8.2 in tests/real/test_php_readers.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from capacity.arithmetic import UNKNOWN
from capacity.readers.php_ini import ini_line_items
from capacity.readers.php_ini_text import ENTRY, Variables
from capacity.readers.php_layers import PhpAssignment, PhpLayers
from capacity.readers.php_sizes import Limit, php_limit, php_quantity
from capacity.record import record
from capacity.settings import Default, File, NotKnown, Origin, Remark, Setting
from capacity.units import MiB

if TYPE_CHECKING:
    from capacity.readers.php_fpm import PoolText

MEMORY_LIMIT: Final = "memory_limit"
BUILT_IN_LIMIT: Final = 128 * MiB  # main/main.c
HARD_PERCENT: Final = "memory_hard_limit_percent"
BUILT_IN_PERCENT: Final = 200  # measured on 8.2.36: unset behaves as 200

Read = Callable[[str], Limit]


@record
class InForce:
    """A PHP setting in effect for some requests of a pool.

    `raisable`: a script (ini_set) may change it, since no administrator's value pins it. `refused` are the texts that
    PHP does not take, each with the reason.
    """

    setting: Setting
    raisable: bool
    refused: tuple[Remark, ...] = ()


@record
class FastCgi:
    """What a web server's location sends: `where` names it for people; assignments in the order in which they win."""

    where: str
    php_value: tuple[PhpAssignment, ...] = ()
    php_admin_value: tuple[PhpAssignment, ...] = ()


def fastcgi_assignments(text: str, at: File, *, admin: bool = False) -> tuple[PhpAssignment, ...]:
    """The assignments in a PHP_VALUE (or PHP_ADMIN_VALUE) parameter: a text of INI lines, the last one wins.

    Source: fastcgi_ini_parser in sapi/fpm/fpm/fpm_main.c. Reading ends at a syntax error.
    """
    layer = "PHP_ADMIN_VALUE" if admin else "PHP_VALUE"
    items = ini_line_items(text.encode("utf-8", "surrogateescape"), at.path, at.line, Variables({}), at)
    return tuple(
        PhpAssignment(item.name, item.value, at, "", layer, item.asked, item.unknown)
        for item in items
        if item.kind == ENTRY and item.value is not None
    )


def hard_percent(text: str) -> Limit:
    """memory_hard_limit_percent as PHP 8.2.36 takes it (measured): below 100 refused, -1 the same as unset."""
    number = php_quantity(text, signed=True).signed
    if number == -1:
        return Limit(BUILT_IN_PERCENT)
    return Limit(number) if number >= 100 else Limit(None, f"PHP reads it as {number}, below 100")


@dataclass
class _Chain:
    """Assignments applied one after the other, the weakest first."""

    name: str
    read: Read
    setting: Setting
    refused: list[Remark] = field(default_factory=list)
    pinned: bool = False

    def apply(self, line: PhpAssignment) -> bool:
        """Put `line` in force if PHP takes it; whether it does."""
        text = line.value or ""
        value: Any
        if line.unknown:
            value, origin = UNKNOWN, _why_unknown(line)
        else:
            taken = self.read(text)
            if taken.value is None:
                self.refused.append(Remark(line.at, f"{self.name} = {text!r} is refused: {taken.refused}"))
                return False
            value, origin = taken.value, line.at
        self.setting = Setting(self.name, value, origin, text, _over(self.setting))
        return True

    def apply_all(self, lines: Iterable[PhpAssignment], *, pins: bool = False) -> None:
        for line in lines:
            if line.name == self.name and self.apply(line) and pins:
                self.pinned = True

    def result(self) -> InForce:
        return InForce(self.setting, not self.pinned, tuple(self.refused))


def _over(loser: Setting) -> tuple[Setting, ...]:
    """The losers of a setting that comes over `loser`, the nearest first and flat."""
    return (Setting(loser.name, loser.value, loser.origin, loser.text), *loser.overrode)


def _why_unknown(line: PhpAssignment) -> Origin:
    if line.asked:
        return NotKnown(f"{', '.join(line.asked)} of the master's environment is not known", line.at)
    return NotKnown("a constant of PHP's build", line.at)


def setting_in_force(
    name: str,
    read: Read,
    built_in: Any,
    pool: PoolText | None,
    layers: PhpLayers,
    *,
    version: str = "",
    user_ini: Sequence[PhpAssignment] = (),
    fastcgi: FastCgi | None = None,
    special: Sequence[PhpAssignment] = (),
) -> InForce:
    """The value of a PHP_INI_ALL setting for a request: `read` judges a text, `built_in` is PHP's own value.

    `user_ini` are lines of the .user.ini files on the way to the script, `fastcgi` what the web server sends, `special`
    the lines of `[HOST=]` and then `[PATH=]` sections that apply; each in the order in which they win.
    """
    chain = _Chain(name, read, Setting(name, built_in, Default("php", version)))
    _apply_master(chain, layers.history(name))
    if pool is not None:
        chain.apply_all(pool.php_values)
    sectioned = any(line.name == name for line in special)
    sent = fastcgi is not None and any(line.name == name for line in fastcgi.php_value)
    # PHP keeps one text a name of all .user.ini files; a section pins the setting before they are read, even with a
    # text that PHP refuses (zend_alter_ini_entry_ex)
    own = [] if sectioned else [line for line in user_ini if line.name == name][-1:]
    if not sent:  # else the web server's value stands below the .user.ini
        chain.apply_all(own)
    if pool is not None:
        chain.apply_all(pool.php_admin_values, pins=True)
    if fastcgi is not None:
        chain.apply_all(fastcgi.php_value)
        chain.apply_all(fastcgi.php_admin_value, pins=True)
    chain.apply_all(special)
    chain.pinned = chain.pinned or sectioned
    if sent and not chain.pinned:
        chain.apply_all(own)
    return chain.result()


def _apply_master(chain: _Chain, history: Sequence[PhpAssignment]) -> None:
    """The master's layers: only the last line is tried, and a refusal leaves the built-in value."""
    if not history:
        return
    built_in = chain.setting
    losers: list[Setting] = [built_in]
    for line in history[:-1]:
        value = UNKNOWN if line.unknown else chain.read(line.value or "").value
        if value is None:
            continue  # it would have been refused as well
        losers.insert(0, Setting(chain.name, value, line.at, line.value or ""))
    if chain.apply(history[-1]):
        won = chain.setting
        chain.setting = Setting(won.name, won.value, won.origin, won.text, tuple(losers))
    else:
        chain.setting = Setting(built_in.name, built_in.value, built_in.origin, "", tuple(losers[:-1]))


def memory_limit_of(
    pool: PoolText | None,
    layers: PhpLayers,
    *,
    version: str = "",
    user_ini: Sequence[PhpAssignment] = (),
) -> InForce:
    """The memory_limit of an ordinary request to `pool` (None: of the master alone), in bytes or UNLIMITED, with every
    value it overrode; UNKNOWN where it hangs on an environment that is not known.
    """
    return setting_in_force(MEMORY_LIMIT, php_limit, BUILT_IN_LIMIT, pool, layers, version=version, user_ini=user_ini)


def memory_limit_variants(
    pool: PoolText | None,
    layers: PhpLayers,
    *,
    version: str = "",
    user_inis: Mapping[str, Sequence[PhpAssignment]] | None = None,
    fastcgi: Sequence[FastCgi] = (),
) -> list[tuple[str, InForce]]:
    """The memory_limit of those requests that have another one than `memory_limit_of` says, each with where.

    `path PATH` for a `[PATH=]` section or the .user.ini of a directory (`user_inis`), `host HOST` for a `[HOST=]`
    section, and `FastCgi.where` for what a web server sends. A section without the setting gives no row.
    """

    def of(**given: Any) -> InForce:
        return setting_in_force(MEMORY_LIMIT, php_limit, BUILT_IN_LIMIT, pool, layers, version=version, **given)

    rows: list[tuple[str, InForce]] = []
    for directory, lines in (user_inis or {}).items():
        if any(line.name == MEMORY_LIMIT for line in lines):
            rows.append((f"path {directory}", of(user_ini=lines)))
    for sent in fastcgi:
        if any(line.name == MEMORY_LIMIT for line in (*sent.php_value, *sent.php_admin_value)):
            rows.append((sent.where, of(fastcgi=sent)))
    for kind, word in (("HOST", "host"), ("PATH", "path")):
        for special in layers.specials.values():
            if special.kind == kind and special.history(MEMORY_LIMIT):
                rows.append((f"{word} {special.key}", of(special=special_lines(layers, kind, special.key))))
    return rows


def special_lines(layers: PhpLayers, kind: str, key: str, name: str = MEMORY_LIMIT) -> tuple[PhpAssignment, ...]:
    """The lines of `name` that apply to a host, or to a script in the directory `key`: root first, deepest last.

    PHP looks up every whole part of the path (php_ini_activate_per_dir_config); a section has one value a name.
    """
    if kind == "HOST":
        keys = [key]
    else:
        parts = key.split("/")
        keys = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    found = (layers.specials.get((kind, one)) for one in keys)
    return tuple(line for special in found if special is not None for line in special.history(name)[-1:])
