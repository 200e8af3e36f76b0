"""Which server a host's MySQL-like configuration is for: MariaDB, MySQL or Percona Server.

Asked before an option is called unknown: an option that MariaDB lacks may be MySQL's, and its server runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from capacity.errors import NotReadable
from capacity.readers.option_lines import lines, text_of
from capacity.record import record
from capacity.root import Root

UNKNOWN_FLAVOUR: Final = "unknown"

_PACKAGES: Final = (
    ("percona", re.compile(r"percona-(?:server|xtradb-cluster)")),
    ("mariadb", re.compile(r"(?:mariadb|galera-\d+|MariaDB)(?:-server|-galera-server|$)|mariadb-server")),
    ("mysql", re.compile(r"mysql-(?:community-)?server|mysql-server")),
)
_FOLDERS: Final = (
    ("percona", "/etc/mysql/percona-server.conf.d"),
    ("mariadb", "/etc/mysql/mariadb.conf.d"),
    ("mysql", "/etc/mysql/mysql.conf.d"),
)
_FILES: Final = ("/etc/my.cnf", "/etc/mysql/my.cnf", "/etc/my.cnf.d/server.cnf", "/etc/my.cnf.d/mariadb-server.cnf")
_PROGRAMS: Final = ("/usr/sbin/mariadbd", "/usr/bin/mariadbd", "/usr/libexec/mariadbd", "/usr/local/bin/mariadbd")


@record
class Flavour:
    """`name` is mariadb, mysql, percona or unknown; `evidence` says why, one line for each thing seen."""

    name: str
    evidence: tuple[str, ...] = ()


def flavour_of(
    root: Root,
    packages: Mapping[str, str] | None = None,
    units: Iterable[str] = (),
    programs: Sequence[str] = (),
    version: str = "",
) -> Flavour:
    """The flavour, by the strongest evidence: version text, package, program, unit; then groups, then folders.

    `packages` are installed packages with their versions, `units` names of the service's units (`mariadb.service`),
    `programs` the paths or command names of servers that units start or that run, `version` what such a server says.
    """
    strong = [_of_version(version), *_of_packages(packages or {}), *_of_programs(root, programs), *_of_units(units)]
    for found in (strong, list(_of_groups(root)), list(_of_folders(root))):
        seen = [each for each in found if each is not None]
        names = {name for name, _ in seen}
        if "percona" in names:
            names.discard("mysql")  # Percona Server's unit and program are named mysql
        if len(names) == 1:
            return Flavour(names.pop(), tuple(why for _, why in seen))
        if names:
            return Flavour(UNKNOWN_FLAVOUR, tuple(why for _, why in seen))
    return Flavour(UNKNOWN_FLAVOUR)


def _of_version(version: str) -> tuple[str, str] | None:
    for name in ("mariadb", "percona"):
        if name in version.lower():
            return name, f"its version is {version}"
    return None


def _of_packages(packages: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for package in packages:
        for name, pattern in _PACKAGES:
            if pattern.match(package):
                maker = "mariadb" if name == "mysql" and "mariadb" in packages[package].lower() else name
                yield maker, f"package {package} {packages[package]} is installed"
                break


def _of_programs(root: Root, programs: Sequence[str]) -> Iterable[tuple[str, str]]:
    for program in programs:
        if program.rsplit("/", 1)[-1].startswith("mariadb"):
            yield "mariadb", f"{program} is started"
    for path in _PROGRAMS:
        if root.kind(path) == "file":
            yield "mariadb", f"{path} is there"
            return


def _of_units(units: Iterable[str]) -> Iterable[tuple[str, str]]:
    for unit in units:
        if unit.startswith("mariadb"):
            yield "mariadb", f"unit {unit}"


def _of_groups(root: Root) -> Iterable[tuple[str, str]]:
    """Groups that MariaDB alone reads, in files that every flavour looks for."""
    for path in _FILES:
        group = _own_group(root, path)
        if group:
            yield "mariadb", f"{path} has a group [{group}]"


def _of_folders(root: Root) -> Iterable[tuple[str, str]]:
    """Folders that one flavour's packages make."""
    for name, folder in _FOLDERS:
        if root.kind(folder) == "dir":
            yield name, f"{folder} is there"


def _own_group(root: Root, path: str) -> str:
    """The first group of a file that MariaDB alone reads; empty if there is none or the file cannot be read."""
    try:
        data = root.read(path)
    except NotReadable:
        return ""
    for line in lines(data, path):
        name = text_of(line.name).lower()
        if line.kind == "group" and (name.startswith(("mariadb", "mariadbd")) or name in ("galera", "client-server")):
            return name
    return ""
