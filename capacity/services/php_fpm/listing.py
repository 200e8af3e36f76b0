"""Which rows of the settings table a master and its pools give: only what this build has, and segments as mapped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from capacity.services.php_fpm.versions import SOFT_LIMIT
from capacity.settings import Setting, reaches

if TYPE_CHECKING:
    from capacity.services.php_fpm.claims import PhpFpm, PhpFpmPool

GLOBAL: Final = frozenset({"process_max"})
SEGMENTS: Final = {
    "opcache_memory_consumption": "opcache_segment", "opcache_jit_buffer_size": "jit_buffer",
    "apc_shm_size": "apcu_segment",
}  # fmt: skip
INSIDE: Final = frozenset({"extension_files", "opcache", "apcu", "memory_limit_elsewhere"})  # no setting of that name
UNSET: Final = frozenset(
    {"start_servers", "min_spare_servers", "max_spare_servers", "status_listen"}
)  # no built-in value


def master_rows(master: PhpFpm) -> Iterator[tuple[str, Setting]]:
    """(scope, setting) of a master: `global` for its own section, `master` for what all its pools share.

    Sizes of opcache, JIT and APCu are the segments really mapped: 0 where the module is not loaded or not enabled.
    """
    for field, setting in master.known.items():
        if field in INSIDE or type(master).specs()[field].kind != "setting":
            continue
        if field == "max_memory_limit" and reaches(master.version, ("8.5.0",)) is False:
            continue
        if field in SEGMENTS:
            setting = replace(setting, value=getattr(master, SEGMENTS[field]))
        yield "global" if field in GLOBAL else "master", setting


def pool_rows(pool: PhpFpmPool) -> Iterator[tuple[str, Setting]]:
    """(scope, setting) of a pool; memory_limit is what an ordinary served script has."""
    for field, setting in pool.known.items():
        if field in INSIDE or type(pool).specs()[field].kind != "setting":
            continue
        if field in UNSET and setting.origin.kind == "default":
            continue
        if field == "memory_hard_limit_percent" and reaches(pool.version, SOFT_LIMIT) is False:
            continue
        yield f"pool:{pool.name}", setting
