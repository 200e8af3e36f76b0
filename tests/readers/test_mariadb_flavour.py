"""Which server a tree is for: MariaDB, MySQL or Percona Server, and what says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from capacity.readers.mariadb_flavour import flavour_of
from tests.readers.trees import tree


@pytest.mark.parametrize(
    ("files", "packages", "units", "programs", "flavour"),
    [
        ({}, {"mariadb-server": "1:10.11.19-0+deb12u1"}, [], [], "mariadb"),
        ({}, {"mysql-server-8.0": "8.0.36-0ubuntu0.22.04.1"}, ["mysql.service"], [], "mysql"),
        ({}, {"percona-server-server": "8.0.36-28-1"}, [], [], "percona"),
        ({}, {"mysql-common": "5.8+1.1.0", "mariadb-client": "1:10.11"}, [], [], "unknown"),
        ({}, {}, ["mariadb.service"], ["/usr/sbin/mariadbd"], "mariadb"),
        ({"/usr/sbin/mariadbd": ""}, {}, [], [], "mariadb"),
        ({"/etc/mysql/my.cnf": "[client-server]\n", "/etc/mysql/mysql.conf.d/a.cnf": ""}, {}, [], [], "mariadb"),
        ({"/etc/mysql/mysql.conf.d/mysqld.cnf": "[mysqld]\n"}, {}, [], [], "mysql"),
        ({"/etc/mysql/mysql.conf.d/a": "", "/etc/mysql/mariadb.conf.d/a": ""}, {}, [], [], "unknown"),
        ({"/etc/mysql/percona-server.conf.d/a": "", "/etc/mysql/mysql.conf.d/a": ""}, {}, [], [], "percona"),
        ({"/etc/my.cnf": "[mysqld]\n"}, {}, [], [], "unknown"),
    ],
)  # fmt: skip
def test_flavours(
    files: dict[str, str | bytes], packages: dict[str, str], units: list[str], programs: list[str], flavour: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    found = flavour_of(tree(tmp_path, files), packages, units, programs)
    assert found.name == flavour
    assert (found.evidence != ()) or flavour == "unknown"


def test_a_version_says_it(tmp_path: Path) -> None:
    found = flavour_of(tree(tmp_path, {"/etc/x": ""}), version="10.11.19-MariaDB-0+deb12u1")
    assert (found.name, found.evidence) == ("mariadb", ("its version is 10.11.19-MariaDB-0+deb12u1",))


def test_contradictions_are_not_decided(tmp_path: Path) -> None:
    found = flavour_of(tree(tmp_path, {"/usr/sbin/mariadbd": ""}), {"mysql-server-8.0": "8.0.36"})
    assert found.name == "unknown"
    assert len(found.evidence) == 2
