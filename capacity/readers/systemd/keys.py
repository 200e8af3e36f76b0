"""Which section takes which key, and how its value is read (core/load-fragment-gperf.gperf.in of systemd 252).

Only keys that bear on memory, on what is started and as whom; any other key is kept as text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from capacity.readers.systemd.values import (
    RESET,
    adjustment,
    boolean,
    delegate,
    limit_count,
    limit_size,
    rlimit,
    seconds,
    slice_name,
    systemd_size,
    tasks,
    unsigned,
)

_CGROUP: Final = frozenset(("Service", "Slice", "Socket", "Mount", "Swap", "Scope"))
_EXEC: Final = frozenset(("Service", "Socket", "Mount", "Swap"))
_SERVICE: Final = frozenset(("Service",))
_UNIT: Final = frozenset(("Unit",))


class Key(NamedTuple):
    """`sections` that take the key; `parse` gives its value, RESET, or None where systemd refuses the text.

    `expand` says whether specifiers (`%i`) are replaced first.
    """

    sections: frozenset[str]
    parse: Callable[[str], Any]
    expand: bool = False


def _word(text: str) -> Any:
    return text or RESET


def _one_of(words: str) -> Callable[[str], str | None]:
    allowed = frozenset(words.split())
    return lambda text: text if text in allowed else None


def _managed(text: str) -> Any:
    return RESET if not text else text if text in ("auto", "kill") else None


def _counts(text: str) -> Any:
    return rlimit(limit_count, text)


def _sizes(text: str) -> Any:
    return rlimit(limit_size, text)


MEMORY: Final = {  # key: whether it takes 0, which is also what an empty text means for the protections
    "MemoryMax": False,
    "MemoryHigh": False,
    "MemoryLimit": False,
    "MemorySwapMax": True,
    "MemoryMin": True,
    "MemoryLow": True,
    "DefaultMemoryMin": True,
    "DefaultMemoryLow": True,
}

KEYS: Final[Mapping[str, Key]] = {
    "TasksMax": Key(_CGROUP, tasks),
    "Delegate": Key(_CGROUP, delegate),
    "MemoryAccounting": Key(_CGROUP, boolean),
    "ManagedOOMSwap": Key(_CGROUP, _managed),
    "ManagedOOMMemoryPressure": Key(_CGROUP, _managed),
    "ManagedOOMPreference": Key(_CGROUP, _one_of("none avoid omit")),
    "Slice": Key(_CGROUP, slice_name, expand=True),
    **{f"Limit{name}": Key(_EXEC, _sizes) for name in ("AS", "DATA", "STACK", "RSS", "MEMLOCK", "CORE", "FSIZE")},
    **{f"Limit{name}": Key(_EXEC, _counts) for name in ("NOFILE", "NPROC")},
    "OOMScoreAdjust": Key(_EXEC, adjustment),
    **{
        key: Key(_EXEC, _word, expand=True)
        for key in ("User", "Group", "WorkingDirectory", "RootDirectory", "RootImage")
    },
    "DynamicUser": Key(_EXEC, boolean),
    "OOMPolicy": Key(frozenset(("Service", "Scope")), _one_of("continue stop kill")),
    "Restart": Key(_SERVICE, _one_of("no on-success on-failure on-abnormal on-watchdog on-abort always")),
    "RestartSec": Key(_SERVICE, seconds),
    "Type": Key(_SERVICE, _one_of("simple forking oneshot dbus notify idle exec")),
    "RemainAfterExit": Key(_SERVICE, boolean),
    "KillMode": Key(_EXEC | {"Scope"}, _one_of("control-group process mixed none")),
    "StartLimitIntervalSec": Key(_UNIT, seconds),
    "StartLimitInterval": Key(_UNIT | _SERVICE, seconds),
    "StartLimitBurst": Key(_UNIT | _SERVICE, unsigned),
    "Accept": Key(frozenset(("Socket",)), boolean),
    "Service": Key(frozenset(("Socket",)), _word, expand=True),
    "Unit": Key(frozenset(("Timer", "Path")), _word, expand=True),
}

LISTS: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys("ExecStart ExecCondition ExecReload ExecStop".split(), _SERVICE),
    **dict.fromkeys("ExecStartPre ExecStartPost ExecStopPost".split(), _SERVICE | {"Socket"}),
    **dict.fromkeys("Environment EnvironmentFile PassEnvironment UnsetEnvironment SupplementaryGroups".split(), _EXEC),
}

SAME: Final[Mapping[tuple[str, str], tuple[str, str]]] = {  # two spellings of one property
    ("Unit", "StartLimitInterval"): ("Unit", "StartLimitIntervalSec"),
    ("Service", "StartLimitInterval"): ("Unit", "StartLimitIntervalSec"),
    ("Service", "StartLimitBurst"): ("Unit", "StartLimitBurst"),
}

_SECTIONS: Final = {
    **dict.fromkeys(MEMORY, _CGROUP),
    **{name: key.sections for name, key in KEYS.items()},
    **LISTS,
}
_LOWER: Final = {name.lower(): name for name in _SECTIONS}


def value_of(key: str, text: str, ram: int | None) -> Any:
    """The value of a key's text: bytes for sizes (`ram` is MemTotal, for per cent), RESET, None where systemd refuses.

    The text of a key that is not listed here is its value, an empty one is RESET.
    """
    if key in MEMORY:
        protects = key.endswith(("Min", "Low"))
        return 0 if protects and not text else systemd_size(text, ram, zero=MEMORY[key])
    return KEYS[key].parse(text) if key in KEYS else _word(text)


def expands(key: str) -> bool:
    """Whether systemd replaces specifiers in the value of a key that is no list."""
    return key in KEYS and KEYS[key].expand


def misplaced(section: str, key: str) -> str:
    """Why a line that looks like one of the keys here is ignored: other case, other section; "" where it is not."""
    known = _LOWER.get(key.lower())
    if known is None:
        return ""
    if key != known:
        return f"{key} is not {known}: keys are case-sensitive, the line is ignored"
    return "" if section in _SECTIONS[key] else f"{key} is no key of [{section}]: the line is ignored"
