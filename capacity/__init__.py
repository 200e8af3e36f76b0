"""Can this Linux host run out of memory, by how much, and which line of which file is to blame?

    >>> import capacity
    >>> host = capacity.read_host(capacity.example("incident-before"))
    >>> host.bill().verdict
    'over'

A **Host** is one machine: its memory, its **Services**, the walls round them. `read_host` reads one from its own files
(`/`, a copied tree, a tar archive), through a file layer that never leaves that root. A **Setting** is a named value in
effect that knows its **Origin** (file, line and column; default of a version; measured; assumed; given; derived) and
what it overrode. A service is a datasheet: its **Claims** say what it may take, "up to count x each bytes, because of
these settings". `host.bill()` adds them up into a **Bill** against the budget of the host, with a verdict; every byte
of it can be explained (`bill.explain()`), tabled (`bill.to_frame()`) and drawn (`bill.plot()`). A **Finding** is what a
rule found: evidence with lines, consequence in bytes, a fix that can be typed. `host.but({...})` is the same host with
some settings changed; a number in it may be a numpy array, and the bill is then a cube.

Names are loaded when they are first asked for: importing this package imports no numpy, pandas or matplotlib.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from capacity.arithmetic import UNKNOWN, UNLIMITED
    from capacity.bill import Bill
    from capacity.errors import BadValue, CapacityError, LinkLoop, Missing, NotReadable, TooLarge, UnknownName
    from capacity.examples import example
    from capacity.findings import Finding
    from capacity.host import Host
    from capacity.memory import Budget, Memory
    from capacity.reading import read_host
    from capacity.service import Claim, Exposure, Service
    from capacity.settings import Setting
    from capacity.walls import Wall

_HOMES = {
    "read_host": "reading", "example": "examples", "Host": "host", "Memory": "memory", "Budget": "memory",
    "Service": "service", "Claim": "service", "Exposure": "service", "Finding": "findings", "Setting": "settings",
    "Bill": "bill", "Wall": "walls", "UNLIMITED": "arithmetic", "UNKNOWN": "arithmetic", "CapacityError": "errors",
    "NotReadable": "errors", "Missing": "errors", "LinkLoop": "errors", "TooLarge": "errors", "BadValue": "errors",
    "UnknownName": "errors",
}  # fmt: skip

__all__ = [
    "UNKNOWN", "UNLIMITED", "BadValue", "Bill", "Budget", "CapacityError", "Claim", "Exposure", "Finding", "Host",
    "LinkLoop", "Memory", "Missing", "NotReadable", "Service", "Setting", "TooLarge", "UnknownName", "Wall", "example",
    "read_host",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
