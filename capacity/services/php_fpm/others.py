"""Rows of the settings table for what is in force and that no claim reads: every other directive and php.ini name.

What could be a secret gives no row; `env[...]` of a pool gives none either, for that is where passwords are put.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from capacity.arithmetic import UNKNOWN
from capacity.readers.masking import is_secret
from capacity.readers.php_limits import setting_in_force
from capacity.readers.php_sizes import Limit, php_bytes
from capacity.settings import NotKnown, Setting

if TYPE_CHECKING:
    from capacity.readers.php_fpm import FpmConfiguration
    from capacity.readers.php_layers import PhpAssignment, PhpLayers

SIZES: Final = frozenset({"post_max_size", "upload_max_filesize"})  # main/main.c: in bytes, like memory_limit
CLAIMED: Final = frozenset(
    "pm pm.max_children pm.start_servers pm.min_spare_servers pm.max_spare_servers pm.status_listen process.max "
    "memory_limit memory_hard_limit_percent max_memory_limit realpath_cache_size opcache.enable opcache.jit "
    "opcache.memory_consumption opcache.interned_strings_buffer opcache.jit_buffer_size opcache.huge_code_pages "
    "apc.enabled apc.shm_size".split()
)


def other_rows(configuration: FpmConfiguration, layers: PhpLayers) -> Iterator[tuple[str, Setting]]:
    """(scope, setting) of a master: `global`, `master` for php.ini's names, `pool:NAME` for a pool's own."""
    yield from (("global", one) for one in _directives(configuration.settings))
    for name in layers.values:
        if _shown(name):
            yield "master", setting_in_force(name, _reader(name), "", None, layers).setting
    for pool in configuration.pools:
        scope = f"pool:{pool.name}"
        yield from ((scope, one) for one in _directives(pool.settings))
        names = dict.fromkeys(line.name for line in (*pool.php_values, *pool.php_admin_values))
        for name in names:
            if _shown(name):
                yield scope, setting_in_force(name, _reader(name), "", pool, layers).setting


def _shown(name: str) -> bool:
    return name not in CLAIMED and not is_secret(name)


def _reader(name: str) -> Callable[[str], Limit]:
    """How a value of this name is read: a size in bytes, or the text as it stands."""
    if name in SIZES:
        return lambda text: Limit(max(0, php_bytes(text)))
    return lambda text: Limit(cast("Any", text))


def _directives(settings: Mapping[str, Sequence[PhpAssignment]]) -> Iterator[Setting]:
    """The directive in force of each name, over those of earlier lines."""
    for name, history in settings.items():
        if not _shown(name) or not history:
            continue
        line, lost = history[-1], history[:-1]
        losers = tuple(Setting(name, one.value, one.at, one.value or "") for one in reversed(lost))
        if line.unknown:
            why = f"{', '.join(line.asked)} of the master's environment is not known"
            yield Setting(name, UNKNOWN, NotKnown(why, line.at), line.value or "", losers)
        else:
            yield Setting(name, _plain(line.value or ""), line.at, line.value or "", losers)


def _plain(text: str) -> int | str:
    """A plain number as one, any other text as it stands."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else text
