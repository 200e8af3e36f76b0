"""From what the files of a master say to its datasheet: every field a Setting with its place and what it overrode."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from capacity.arithmetic import UNKNOWN, UNLIMITED
from capacity.readers.php_ini_text import to_int
from capacity.readers.php_limits import (
    HARD_PERCENT,
    InForce,
    hard_percent,
    memory_limit_of,
    memory_limit_variants,
    setting_in_force,
)
from capacity.readers.php_sizes import Limit, apc_memory, opcache_memory, php_bytes, php_flag
from capacity.record import record
from capacity.services.php_fpm import web
from capacity.services.php_fpm.claims import PhpFpm, PhpFpmPool
from capacity.services.php_fpm.versions import hard_limit_percent
from capacity.settings import Default, Derived, File, Measured, NotKnown, Refusal, Setting, reaches
from capacity.units import MiB

if TYPE_CHECKING:
    from capacity.readers.nginx_php import PhpLocation
    from capacity.readers.php_fpm import FpmConfiguration, PoolText
    from capacity.readers.php_layers import PhpAssignment, PhpLayers
    from capacity.readers.processes import Process
    from capacity.services.site import Site

PROGRAM: Final = "php-fpm"


@record
class Sources:
    """Everything that was read for one master; `locations` are those of web servers that may speak to its pools."""

    site: Site
    name: str
    version: str
    layers: PhpLayers
    configuration: FpmConfiguration
    cgroup: str
    environment: Mapping[str, str] | None
    unit: str = ""
    locations: tuple[PhpLocation, ...] = ()


def master_of(sources: Sources, running: tuple[Process, ...]) -> PhpFpm | None:
    """The datasheet of a master; marks its running processes as priced. None where it would die at its start."""
    known = dict(_master_settings(sources))
    sources.site.later.append(lambda: _other_rows(sources))
    refusal = _small_segment(sources, known)
    if refusal is not None:
        sources.site.refusals.append(refusal)
        return None
    sources.site.price(running)
    pools = tuple(_pool(sources, pool, running) for pool in sources.configuration.pools)
    extensions = (*BUILT_IN, *sources.layers.extension_names())
    return PhpFpm(
        name=sources.name, version=sources.version, unit=sources.unit, cgroup=sources.cgroup, pools=pools,
        extensions=extensions, known=known,
    )  # fmt: skip


def _other_rows(sources: Sources) -> Iterator[tuple[str, str, str, str, Setting]]:
    from capacity.services.php_fpm.others import other_rows

    for scope, setting in other_rows(sources.configuration, sources.layers):
        yield PROGRAM, sources.version, sources.name, scope, setting


BUILT_IN: Final = ("pcre",)  # in every build; whether a library is built in or loaded only its files tell


# ---------------------------------------------------------------------------------------------- the master


def _plain(read: Callable[[str], Any]) -> Callable[[str], Limit]:
    """A reader of values that PHP never refuses."""
    return lambda text: Limit(read(text))


MOST_INTERNED_MB: Final = 32767  # zend_accelerator_module.c, MAX_INTERNED_STRINGS_BUFFER_SIZE


def interned_strings(text: str) -> int | None:
    """`opcache.interned_strings_buffer` in bytes: an ordinary number, of MiB; None where it is refused (8 stays)."""
    megabytes = php_bytes(text)
    return megabytes * MiB if 0 <= megabytes <= MOST_INTERNED_MB else None


MASTER: Final[Mapping[str, tuple[str, Callable[[str], Limit]]]] = {
    "opcache_enable": ("opcache.enable", _plain(lambda text: int(php_flag(text)))),
    "opcache_memory_consumption": ("opcache.memory_consumption", _plain(opcache_memory)),
    "opcache_interned_strings_buffer": (
        "opcache.interned_strings_buffer", _plain(interned_strings),
    ),
    "opcache_jit": ("opcache.jit", _plain(lambda text: text.lower())),
    "opcache_huge_code_pages": ("opcache.huge_code_pages", _plain(lambda text: int(php_flag(text)))),
    "opcache_jit_buffer_size": ("opcache.jit_buffer_size", _plain(lambda text: max(0, php_bytes(text)))),
    "apc_enabled": ("apc.enabled", _plain(lambda text: int(php_flag(text)))),
    "apc_shm_size": ("apc.shm_size", _plain(apc_memory)),
}  # fmt: skip


def _master_settings(sources: Sources) -> Iterator[tuple[str, Setting]]:
    site, layers, version = sources.site, sources.layers, sources.version
    for field, (name, read) in MASTER.items():
        built_in = PhpFpm.specs()[field].default_of(version)
        found = setting_in_force(name, read, built_in, None, layers, version=version)
        site.remarks += found.refused
        yield field, found.setting
    if reaches(version, ("8.5.0",)):
        found = setting_in_force("max_memory_limit", _limit_or_none, UNLIMITED, None, layers, version=version)
        yield "max_memory_limit", found.setting
    files = layers.extension_names()
    last = layers.extensions[-1].at if layers.extensions else None
    yield "extension_files", Setting("extension", len(files), last or Default(PROGRAM, version), f"{len(files)} files")
    for field, name in (("opcache", "opcache"), ("apcu", "apcu")):
        lines = [line for line in layers.extensions if _module(line) == name]
        if lines:
            yield field, Setting(PhpFpm.specs()[field].name, 1, lines[-1].at, lines[-1].value or "")
    yield from _environment(sources)
    caps = sources.configuration.history("process.max")
    if caps:
        yield "process_max", _counted("process.max", caps, lambda number: number if number > 0 else UNLIMITED)


def _module(line: PhpAssignment) -> str:
    return (line.value or "").rsplit("/", 1)[-1].removesuffix(".so").removeprefix("php_")


def _limit_or_none(text: str) -> Limit:
    number = php_bytes(text)
    return Limit(UNLIMITED if number < 0 else number)


def _environment(sources: Sources) -> Iterator[tuple[str, Setting]]:
    environment = sources.environment or {}
    for field, name in (
        ("use_zend_alloc", "USE_ZEND_ALLOC"),
        ("use_zend_alloc_huge_pages", "USE_ZEND_ALLOC_HUGE_PAGES"),
    ):
        if name in environment:
            value = 1 if to_int(environment[name]) else 0
            origin = Measured("Environment= of the unit")
            yield field, Setting(name, value, origin, environment[name])


def _small_segment(sources: Sources, known: Mapping[str, Setting]) -> Refusal | None:
    """php-fpm dies at start where the interned strings do not fit into the segment, though `-t` passes."""
    loaded = "opcache" in known or reaches(sources.version, ("8.5.0",))  # built in from there on
    strings, segment = known["opcache_interned_strings_buffer"], known["opcache_memory_consumption"]
    if not loaded or known["opcache_enable"].value is UNKNOWN or not known["opcache_enable"].value:
        return None
    if not isinstance(strings.value, int) or not isinstance(segment.value, int) or strings.value < segment.value:
        return None
    place = strings.origin if isinstance(strings.origin, File) else File(sources.configuration.main)
    return Refusal(PROGRAM, place, "insufficient shared memory for the interned strings buffer of opcache")


# ---------------------------------------------------------------------------------------------- a pool


def _pool(sources: Sources, pool: PoolText, running: Iterable[Process]) -> PhpFpmPool:
    site, layers, version = sources.site, sources.layers, sources.version
    limit = memory_limit_of(pool, layers, version=version)
    cached = _plain(lambda text: max(0, php_bytes(text)))
    paths = setting_in_force(PATHS, cached, 4 * MiB, pool, layers, version=version)
    site.remarks += limit.refused
    known = dict(_counts(pool))
    known |= _start_servers(pool)
    known["memory_limit"] = limit.setting
    known["realpath_cache_size"] = paths.setting
    known |= _elsewhere(sources, pool)
    known |= _percent(sources, pool)
    for field, name in (("pm", "pm"), ("status_listen", "pm.status_listen")):
        line = pool.winning(name)
        if line is not None:
            known[field] = _setting(
                name, pool.history(name), (line.value or "").lower() if field == "pm" else line.value
            )
    title = f"php-fpm: pool {pool.name}"
    children = [process for process in running if process.words and process.words[0].rstrip() == title]
    if children:
        held = sum(process.private or 0 for process in children)
        how = f"{len(children)} children of pool {pool.name}, Private_Dirty + Swap"
        known["measured"] = Setting("measured", held, Measured(how))
    return PhpFpmPool(name=pool.name, version=version, raisable=limit.raisable, known=known)


PATHS: Final = "realpath_cache_size"

COUNTS: Final = {
    "max_children": "pm.max_children", "start_servers": "pm.start_servers",
    "min_spare_servers": "pm.min_spare_servers", "max_spare_servers": "pm.max_spare_servers",
}  # fmt: skip


def _counts(pool: PoolText) -> Iterator[tuple[str, Setting]]:
    for field, name in COUNTS.items():
        history = pool.history(name)
        if history:
            yield field, _counted(name, history, lambda number: max(0, number))
        elif field == "max_children":
            yield field, Setting(name, UNKNOWN, NotKnown("it is not set in what was read", pool.at))


def _start_servers(pool: PoolText) -> dict[str, Setting]:
    """Where a dynamic pool does not set it, php-fpm takes the middle of the spare servers (fpm_conf.c)."""
    low, high = pool.number("pm.min_spare_servers"), pool.number("pm.max_spare_servers")
    if (pool.text("pm") or "").lower() != "dynamic" or pool.winning("pm.start_servers") or low is None or high is None:
        return {}
    middle = low + (high - low) // 2
    how = f"pm.min_spare_servers {low} + ({high} - {low}) / 2"
    return {"start_servers": Setting("pm.start_servers", max(0, middle), Derived(how))}


def _percent(sources: Sources, pool: PoolText) -> dict[str, Setting]:
    """memory_hard_limit_percent, where this build has it."""
    built_in, why = hard_limit_percent(sources.version, _distribution(sources))
    if built_in == 100:
        return {"memory_hard_limit_percent": Setting(HARD_PERCENT, 100, Default(PROGRAM, f"{sources.version} ({why})"))}
    found = setting_in_force(HARD_PERCENT, hard_percent, built_in, pool, sources.layers, version=sources.version)
    sources.site.remarks += found.refused
    return {"memory_hard_limit_percent": found.setting}


def _distribution(sources: Sources) -> str:
    """The ID of os-release; without it what the revision tells, else one that back-ports: the larger value counts."""
    found = sources.site.installed.distribution
    if found is not None:
        return found.id
    return "debian" if "deb" in sources.version and "ubuntu" not in sources.version else "ubuntu"


def _elsewhere(sources: Sources, pool: PoolText) -> dict[str, Setting]:
    """The largest limit that some requests have, and a row of the settings table for each of them."""
    callers = web.of_pool(sources.site, sources.locations, pool)
    variants: list[tuple[str, InForce]] = memory_limit_variants(
        pool, sources.layers, version=sources.version, fastcgi=tuple(web.sent(callers)),
        user_inis=web.user_inis(sources.site, callers, sources.layers),
    )  # fmt: skip
    largest: Setting | None = None
    for where, found in variants:
        sources.site.remarks += found.refused
        row = (PROGRAM, sources.version, sources.name, f"pool:{pool.name} {where}", found.setting)
        sources.site.settings.append(row)
        value = found.setting.value
        if value is UNKNOWN or largest is None or (largest.value is not UNKNOWN and value > largest.value):
            largest = found.setting
    if largest is None:
        return {}
    one = Setting("memory_limit elsewhere", largest.value, largest.origin, largest.text, largest.overrode)
    return {"memory_limit_elsewhere": one}


# ---------------------------------------------------------------------------------------------- settings of lines


def _counted(name: str, history: tuple[PhpAssignment, ...], value: Callable[[int], Any]) -> Setting:
    """The whole number in force of a directive's lines, the last one winning."""
    return _setting(name, history, value(to_int(history[-1].value or "")), value)


def _setting(
    name: str, history: tuple[PhpAssignment, ...], value: Any, read: Callable[[int], Any] | None = None
) -> Setting:
    line = history[-1]
    lost = tuple(
        Setting(name, read(to_int(one.value or "")) if read else one.value, one.at, one.value or "")
        for one in reversed(history[:-1])
    )
    if line.unknown:
        why = f"{', '.join(line.asked)} of the master's environment is not known"
        return Setting(name, UNKNOWN, NotKnown(why, line.at), line.value or "", lost)
    return Setting(name, value, line.at, line.value or "", lost)
