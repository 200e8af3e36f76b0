"""A host while it is read: its root, units, processes and packages, and what the readers of its programs report.

Each service's `read(site)` yields its services and leaves here what became of the rest: refusals, files never read,
programs that are installed and do not count, processes that are already priced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from capacity.readers.accounts import Account, account
from capacity.readers.cgroups import CGroup, groups
from capacity.readers.packages import Installed, Package, installed
from capacity.readers.processes import Process, processes
from capacity.readers.systemd import Units, units
from capacity.record import record
from capacity.root import Root
from capacity.settings import File, NeverRead, Refusal, Remark, Setting

if TYPE_CHECKING:
    from capacity.arithmetic import Number


PACKAGES = (
    "php*-fpm", "php-fpm", "php", "php*-php-fpm", "php[0-9]*",
    "mariadb-server", "mariadb-server-*", "mariadb", "MariaDB-server", "mysql-server", "mysql-server-*",
    "mysql-community-server", "percona-server-server", "percona-server-server-*",
)  # fmt: skip


@record
class Seen:
    """A program that was found, priced or not: `enabled` None where nothing says whether it starts.

    `why` says in words why it counts or not; `unit` is the unit that starts it, if one is known; `at` is the file that
    speaks of it: the unit's, else its main file.
    """

    program: str
    instance: str
    version: str
    enabled: bool | None
    priced: bool
    why: str
    unit: str = ""
    at: File | None = None


@record
class Declared:
    """A process that the caller declared: `--process NAME=BYTES[xCOUNT]`."""

    name: str
    each: int
    count: int = 1


@dataclass
class Site:
    """What readers of services work with. `ram` is MemTotal in bytes where it is known; `settings` and `later` are rows
    of the settings table, ready and still to be made; `doubts` are reasons why no verdict can be better than unknown.
    """

    root: Root
    ram: Number | None = None
    declared: tuple[Declared, ...] = ()
    refusals: list[Refusal] = field(default_factory=list)
    never_read: list[NeverRead] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    settings: list[tuple[str, str, str, str, Setting]] = field(default_factory=list)
    later: list[Callable[[], Iterable[tuple[str, str, str, str, Setting]]]] = field(default_factory=list)
    priced: set[int] = field(default_factory=set)

    @cached_property
    def units(self) -> Units:
        """The systemd units of the host, parsed when asked for."""
        return units(self.root, self.ram if isinstance(self.ram, int) else None)

    @cached_property
    def processes(self) -> tuple[Process, ...]:
        """The processes seen in /proc, kernel threads and this tool's own left out, in the group that limits them."""
        return tuple(_placed(process) for process in processes(self.root) if not process.own)

    @cached_property
    def cgroups(self) -> Mapping[str, CGroup]:
        """The control groups of the tree by path."""
        return groups(self.root)

    @cached_property
    def installed(self) -> Installed:
        """The packages of the host that services ask for (`PACKAGES`)."""
        return installed(self.root, PACKAGES)

    def package(self, *names: str) -> Package | None:
        """The first of these packages that is installed, or None; they must be among `PACKAGES`."""
        return next((self.installed.packages[name] for name in names if name in self.installed.packages), None)

    def file_of(self, unit: str, main: str) -> File | None:
        """The file that speaks of a program: its unit's, else its main file; None where there is neither."""
        fragment = self.units[unit].fragment if unit and unit in self.units else None
        return File(fragment or main) if fragment or main else None

    def account(self, user: str) -> Account | None:
        """uid and groups of a user of the host, or None."""
        return account(self.root, user)

    def of_unit(self, unit: str) -> tuple[Process, ...]:
        """The processes whose control group is this unit's, or lies below it."""
        marks = (f"/{unit}", f"/{unit}/")
        return tuple(p for p in self.processes if (p.cgroup or "").endswith(marks[0]) or marks[1] in (p.cgroup or ""))

    def price(self, members: Iterable[Process]) -> None:
        """Marks processes as belonging to a priced service: nobody counts their bytes again."""
        self.priced.update(process.pid for process in members)


def _placed(process: Process) -> Process:
    """The process with the path of version 1's memory hierarchy as its group, where that is another place."""
    own, memory = process.cgroup, process.cgroup_v1
    if memory is None or (own is not None and f"{own}/".startswith(f"{memory.rstrip('/')}/")):
        return process
    return replace(process, cgroup=memory)
