"""Which program a unit starts, behind shells and wrappers as distributions write them."""

from __future__ import annotations

from pathlib import Path

import pytest

import capacity
from capacity.readers.systemd import units
from capacity.root import open_root
from capacity.services.programs import started
from tests.trees import SMALL, UNIT, write

SERVER = "/usr/lib/systemd/system/mariadb.service"
# as in Debian 12's mariadb-server 10.11.19
STOCK = (
    'User=mysql\nExecStart=/bin/sh -c "set -f; [ ! -e /usr/bin/galera_recovery ] && VAR= || \\\n'
    " VAR=`/usr/bin/galera_recovery`; [ $? -eq 0 ] || exit 1; \\\n"
    ' exec /usr/sbin/mariadbd $MYSQLD_OPTS $_WSREP_NEW_CLUSTER $VAR"\nLimitNOFILE=32768'
)


def program(folder: Path, service: str):
    write(folder, {SERVER: UNIT.format(service=service)})
    return started(units(open_root(folder))["mariadb.service"], "mariadbd".__eq__)


@pytest.mark.parametrize(
    ("service", "path", "arguments"),
    [
        ("ExecStart=/usr/sbin/mariadbd --a=1 $MYSQLD_OPTS", "/usr/sbin/mariadbd", ("--a=1",)),
        (STOCK, "/usr/sbin/mariadbd", ()),
        ("ExecStart=/bin/sh -c 'exec mariadbd --a=1 --b; echo done'", "mariadbd", ("--a=1", "--b")),
        ("ExecStart=/usr/bin/numactl --interleave=all /usr/sbin/mariadbd --c", "/usr/sbin/mariadbd", ("--c",)),
        ("ExecStart=-/usr/bin/env A=1 /usr/sbin/mariadbd", "/usr/sbin/mariadbd", ()),
    ],
)
def test_the_program_is_found_with_its_arguments(service, path, arguments, tmp_path) -> None:
    found = program(tmp_path, service)
    assert (found.path, found.arguments) == (path, arguments)


@pytest.mark.parametrize("service", ["ExecStart=/bin/sh -c 'echo \"mariadbd'", "ExecStart=/bin/true", "User=mysql"])
def test_no_program_where_none_is_started(service, tmp_path) -> None:
    assert program(tmp_path, service) is None


def test_the_stock_unit_of_debian_is_priced_like_a_plain_one(tmp_path) -> None:
    plain = capacity.read_host(write(tmp_path / "plain", SMALL))
    stock = capacity.read_host(write(tmp_path / "stock", {**SMALL, SERVER: UNIT.format(service=STOCK)}))
    assert stock.bill("promised").total == plain.bill("promised").total
    assert "mariadbd" in {service.name for service in stock.services}
