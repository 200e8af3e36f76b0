"""Couplings: what one service of a host cannot do because another one holds it back.

A coupling turns a demand from unlimited into a number derived from the other services' settings. Scenario `reachable`
is the host after all couplings; `promised` is the host as it stands. What the caller or a measurement gave is never
touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from capacity.arithmetic import UNKNOWN, UNLIMITED, Number, smaller, times
from capacity.service import Service
from capacity.services.mariadb import MariaDb
from capacity.services.php_fpm import PhpFpm
from capacity.services.process import Process
from capacity.settings import Derived, Setting

Services = tuple[Service, ...]
CONNECTIONS: Final = "sessions"


def reachable(services: Services) -> Services:
    """The services after every coupling."""
    for coupling in COUPLINGS:
        services = coupling(services)
    return services


def database_sessions(services: Services) -> Services:
    """MariaDB cannot have more sessions than the clients of its host can open, while nobody else can reach it."""
    return tuple(_with_sessions(one, services) if isinstance(one, MariaDb) else one for one in services)


def _with_sessions(database: MariaDb, services: Services) -> MariaDb:
    if database.known[CONNECTIONS].origin.kind in {"given", "measured"} or database.listens_beyond_loopback:
        return database
    children, workers = fpm_children(services), php_workers(services)
    each, others = database.connections_per_client, database.other_sessions
    how = (
        f"{_plain(children)} PHP-FPM children and {_plain(workers)} PHP workers x {_plain(each)} connections, "
        f"and {_plain(others)} others"
    )
    opened = times(children + workers, each) + others
    return database.but(sessions=Setting(CONNECTIONS, opened, Derived(how)))


def fpm_children(services: Iterable[Service]) -> Number:
    """Children that all PHP-FPM masters together can run at once, each master's process.max heeded.

    UNLIMITED where a master's counts are not known.
    """
    total: Number = 0
    for master in services:
        if isinstance(master, PhpFpm):
            if any(one.value is UNKNOWN for one in _counts_of(master)):
                return UNLIMITED
            children: Number = 0
            for pool in master.pools:
                children = children + pool.children
            total = total + smaller(children, master.process_max)
    return total


def _counts_of(master: PhpFpm) -> list[Setting]:
    """The settings that say how many children a master runs."""
    counts = [pool.known[name] for pool in master.pools for name in ("max_children", "busy")]
    return [master.known["process_max"], *counts]


def php_workers(services: Iterable[Service]) -> Number:
    """PHP command-line processes that were seen running or declared."""
    total: Number = 0
    for one in services:
        if isinstance(one, Process) and one.is_php_worker:
            total = total + (one.processes if len(one.pids) < 2 else len(one.pids))
    return total


def _plain(value: Number) -> str:
    return str(value) if isinstance(value, (int, float)) else "an array of"


COUPLINGS: Final[tuple[Callable[[Services], Services], ...]] = (database_sessions,)
