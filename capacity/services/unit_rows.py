"""systemd's part of the settings table: what the units of this host set about memory, limits, restarts and commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from capacity.readers.masking import masked
from capacity.settings import Setting

if TYPE_CHECKING:
    from capacity.readers.systemd import Unit
    from capacity.services.site import Site

KEYS: Final = (
    "MemoryMax", "MemoryHigh", "MemorySwapMax", "MemoryMin", "MemoryLow", "LimitNOFILE", "LimitAS", "OOMScoreAdjust",
    "OOMPolicy", "Restart", "RestartSec", "Slice", "User", "TasksMax",
)  # fmt: skip
UNIT_KEYS: Final = ("StartLimitBurst", "StartLimitIntervalSec")
# variables that change what a program takes; every other one may be a secret and is nobody's business here
ENVIRONMENT: Final = (
    "PHPRC", "PHP_INI_SCAN_DIR", "USE_ZEND_ALLOC", "USE_ZEND_ALLOC_HUGE_PAGES", "MYSQL_HOME", "MARIADB_HOME",
    "MALLOC_MMAP_THRESHOLD_", "MALLOC_ARENA_MAX", "LD_PRELOAD",
)  # fmt: skip


def unit_settings(site: Site) -> Iterator[tuple[str, Setting]]:
    """(unit, setting) of every unit that counts: those of priced programs, those enabled at boot, and slices."""
    names = dict.fromkeys(seen.unit for seen in site.seen if seen.unit in site.units)
    names.update(dict.fromkeys(site.units.enabled()))
    names.update(dict.fromkeys(site.units.of_type("slice")))
    for name in sorted(names):
        for setting in _of(site.units[name]):
            yield name, setting


def _of(unit: Unit) -> Iterator[Setting]:
    section = unit.parts.type.capitalize()
    for key in KEYS:
        setting = unit.get(section, key)
        if setting is not None:
            yield _plain(setting)
    for key in UNIT_KEYS:
        setting = unit.get("Unit", key)
        if setting is not None:
            yield _plain(setting)
    for command in unit.commands() if unit.parts.type == "service" else ():
        yield Setting("ExecStart", " ".join((command.path, *masked(command.words)[1:])), command.at)
    environment = unit.environment() if unit.parts.type == "service" else None
    for name in ENVIRONMENT if environment is not None else ():
        value = environment.get(name) if environment is not None else None
        if value is not None and environment is not None and name in environment.at:
            yield Setting(f"Environment {name}", value, environment.at[name], value)


def _plain(setting: Setting) -> Setting:
    """The setting with a value of one number or word: the soft limit of a pair, the seconds of a span."""
    lost = tuple(_plain(one) for one in setting.overrode)
    return Setting(setting.name, _value(setting.value), setting.origin, setting.text, lost)


def _value(value: Any) -> Any:
    soft = getattr(value, "soft", value)
    if isinstance(soft, bool):
        return "yes" if soft else "no"
    if isinstance(soft, float) and soft == soft and soft not in (float("inf"), float("-inf")):
        return int(soft) if soft == int(soft) else str(soft)
    return soft
