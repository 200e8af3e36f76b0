"""Where MariaDB keeps its files: which server starts, whose it is, what its user may read, who may connect."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

import capacity
from capacity.host import Host
from capacity.services.mariadb import MariaDb
from capacity.settings import File
from capacity.units import KiB, MiB
from tests.trees import MEMINFO, SMALL, UNIT, WANTS, dpkg, enabled, pool, process, write

MACHINE = {
    "/proc/meminfo": MEMINFO, "/proc/cpuinfo": "processor\t: 0\n", "/etc/os-release": "ID=debian\n",
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\nmysql:x:27:27::/var/lib/mysql:/bin/false\n",
    "/etc/group": "root:x:0:\nmysql:x:27:\n",
}  # fmt: skip
START = "Type=notify\nUser=mysql\nExecStart=/usr/sbin/mariadbd $MYSQLD_OPTS\n"
VERSION = dpkg(mariadb_server="1:10.11.19-0+deb12u1")
LOCAL = {"/etc/mysql/my.cnf": "[mysqld]\nbind-address = 127.0.0.1\nmax_connections = 40\n"}
SERVER = {**MACHINE, **VERSION, **LOCAL, **enabled("mariadb.service", START)}
Tree = Mapping[str, str]


def read(folder: Path, *trees: Tree) -> Host:
    files: dict[str, str] = {}
    for tree in trees:
        files.update(tree)
    return capacity.read_host(write(folder, files))


def servers(host: Host) -> list[MariaDb]:
    return [service for service in host.services if isinstance(service, MariaDb)]


def programs(host: Host) -> list[tuple[str, str, str, bool | None, bool]]:
    return [(one.program, one.instance, one.version, one.enabled, one.priced) for one in host.programs]


# ---------------------------------------------------------------------------------------------- distributions


def test_debian(tmp_path: Path) -> None:
    host = read(tmp_path, SERVER)
    (server,) = servers(host)
    assert (server.name, server.instance, server.max_connections) == ("mariadbd", "mariadb", 40)
    assert server.cgroup == "/system.slice/mariadb.service"
    assert programs(host) == [("mariadbd", "mariadb", "10.11.19-0+deb12u1", True, True)]


def test_red_hat(tmp_path: Path) -> None:
    tree = {
        **MACHINE, "/etc/os-release": 'ID="rhel"\nVERSION_ID="9.4"\n', "/var/lib/rpm/rpmdb.sqlite": "SQLite format 3",
        "/etc/my.cnf": "[client-server]\n!includedir /etc/my.cnf.d\n",
        "/etc/my.cnf.d/mariadb-server.cnf": "[mysqld]\nmax_connections=40\n[mariadb]\nkey_buffer_size=16M\n",
        "/etc/my.cnf.d/client.cnf": "[client]\nmax_allowed_packet=64M\n",
        **enabled("mariadb.service", "User=mysql\nExecStart=/usr/libexec/mariadbd --basedir=/usr $MYSQLD_OPTS\n"),
    }  # fmt: skip
    host = read(tmp_path, tree)
    (server,) = servers(host)
    assert (server.max_connections, server.key_buffer_size, server.max_allowed_packet) == (40, 16 * MiB, 16 * MiB)
    assert server.known["key_buffer_size"].origin == File("/etc/my.cnf.d/mariadb-server.cnf", 4, (17, 20))
    assert programs(host) == [("mariadbd", "mariadb", "", True, True)]
    assert [finding.code for finding in host.findings()].count("CAP305") == 1  # rpm's database is not read


@pytest.mark.parametrize(
    ("database", "version"),
    [
        ({"/lib/apk/db/installed": "P:mariadb\nV:10.11.10-r0\nA:x86_64\nt:1727000000\n\n"}, "10.11.10-r0"),
        ({"/var/lib/pacman/local/mariadb-11.5.2-1/desc": "%NAME%\nmariadb\n\n%VERSION%\n11.5.2-1\n\n"}, "11.5.2-1"),
        (dpkg(mariadb_server_10__5="1:10.5.29-0+deb11u1"), "10.5.29-0+deb11u1"),
    ],
    ids=["Alpine", "Arch", "Debian 11"],
)
def test_without_a_unit_the_package_tells_that_there_is_a_server(database: Tree, version: str, tmp_path: Path) -> None:
    tree = {**MACHINE, **database, "/etc/my.cnf": "!includedir /etc/my.cnf.d\n"}
    host = read(tmp_path, tree, {"/etc/my.cnf.d/mariadb-server.cnf": "[mysqld]\nskip-networking\n"})
    assert programs(host) == [("mariadbd", "mariadbd", version, None, True)]
    assert not servers(host)[0].listens_beyond_loopback


def test_two_instances_of_a_template_are_two_servers(tmp_path: Path) -> None:
    start = (
        "User=mysql\nEnvironment=MYSQLD_MULTI_INSTANCE=--defaults-group-suffix=.%I\n"
        "ExecStart=/usr/sbin/mariadbd $MYSQLD_MULTI_INSTANCE $MYSQLD_OPTS"
    )
    tree = {
        **SERVER, "/usr/lib/systemd/system/mariadb@.service": UNIT.format(service=start),
        f"{WANTS}/mariadb@two.service": "-> /usr/lib/systemd/system/mariadb@.service",
        "/etc/mysql/my.cnf": LOCAL["/etc/mysql/my.cnf"] + "[mariadb.two]\nmax_connections = 30\n",
    }  # fmt: skip
    host = read(tmp_path, tree)
    found = [(one.name, one.instance, one.max_connections, one.cgroup.rsplit("/", 1)[-1]) for one in servers(host)]
    assert found == [
        ("mariadb", "mariadb", 40, "mariadb.service"), ("mariadb@two", "mariadb@two", 30, "mariadb@two.service"),
    ]  # fmt: skip
    rows = {(row.instance, row.setting.value) for row in host.settings if row.setting.name == "max_connections"}
    assert rows == {("mariadb", 40), ("mariadb@two", 30)}
    changed = host.but({"mariadb@two.max_connections": 20})
    assert [one.max_connections for one in servers(changed)] == [40, 20]


# ---------------------------------------------------------------------------------------------- what does not count


def test_a_server_that_nothing_enables_is_listed(tmp_path: Path) -> None:
    host = read(tmp_path, {path: text for path, text in SERVER.items() if not path.startswith(WANTS)})
    assert programs(host) == [("mariadbd", "mariadb", "10.11.19-0+deb12u1", False, False)]
    assert host.bill().total == 0


def test_a_client_is_no_server(tmp_path: Path) -> None:
    files = {
        "/etc/mysql/my.cnf": "[client-server]\n!includedir /etc/mysql/conf.d/\n",
        "/etc/mysql/conf.d/client.cnf": "[client]\npassword = hunter2\n[mysqldump]\nmax_allowed_packet = 16M\n",
    }
    host = read(tmp_path, MACHINE, dpkg(mariadb_client="1:10.11.19-0+deb12u1"), files)
    assert (host.programs, host.services, host.findings()) == ((), (), ())


MYSQL = {
    **MACHINE, **enabled("mysql.service", "User=mysql\nExecStart=/usr/sbin/mysqld\n"),
    "/etc/mysql/my.cnf": "!includedir /etc/mysql/conf.d/\n!includedir /etc/mysql/mysql.conf.d/\n",
    "/etc/mysql/conf.d/mysql.cnf": "[mysql]\n",
    "/etc/mysql/mysql.conf.d/mysqld.cnf": "[mysqld]\nmysqlx-bind-address = ::1\n",
}  # fmt: skip


@pytest.mark.parametrize(
    ("packages", "flavour"),
    [
        (dpkg(mysql_server="8.0.36-1", mysql_server_8__0="8.0.36-1"), "mysql"), ({}, "mysql"),
        (dpkg(percona_server_server="8.0.36-28-1.bookworm"), "percona"),
    ],
    ids=["package", "folder alone", "Percona"],
)  # fmt: skip
def test_mysql_is_seen_and_never_priced_with_defaults_of_mariadb(packages: Tree, flavour: str, tmp_path: Path) -> None:
    host = read(tmp_path, MYSQL, packages)
    assert [(one.program, one.enabled, one.priced) for one in host.programs] == [("mysqld", True, False)]
    assert host.programs[0].why.startswith(f"{flavour}, whose memory is not modelled here (")
    assert servers(host) == []
    assert host.refusals == ()  # an option that MariaDB does not know is none of its faults
    assert {host.bill(scenario).verdict for scenario in ("reachable", "promised")} == {"unknown"}
    assert [(finding.code, finding.severity) for finding in host.findings()] == [("CAP304", "warning")]


def test_mysql_that_runs_counts_at_its_measured_figure(tmp_path: Path) -> None:
    running = process(70, "mysqld", "/usr/sbin/mysqld", cgroup="/system.slice/mysql.service", private=400_000, swap=50)
    host = read(tmp_path, MYSQL, running)
    assert [(one.name, one.private) for one in host.services] == [("mysqld", 400_050 * KiB)]
    assert host.bill().verdict == "unknown"


def test_a_server_that_refuses_its_options_counts_at_its_measured_figure(tmp_path: Path) -> None:
    running = process(70, "mariadbd", "/usr/sbin/mariadbd", cgroup="/system.slice/mariadb.service", private=400_000)
    host = read(tmp_path, SERVER, running, {"/etc/mysql/my.cnf": "[mysqld]\nno_such_option = 1\n"})
    assert programs(host)[0][3:] == (True, False)
    assert [(refusal.program, refusal.at.line) for refusal in host.refusals] == [("mariadbd", 2)]
    assert [(one.name, one.private) for one in host.services] == [("mariadbd", 400_000 * KiB)]
    assert servers(host) == []
    assert host.bill().verdict == "unknown"


# ---------------------------------------------------------------------------------------------- limits of the unit


@pytest.mark.parametrize(
    ("limit", "asked", "granted"),
    [(4096, 5000, 866), (1024, 600, 594), (32768, 600, 600), (1024, 5000, 5000)],
    ids=str,
)
def test_open_files_lower_the_connections_as_measured_on_10_11_19(
    limit: int, asked: int, granted: int, tmp_path: Path
) -> None:
    # the last: the server counts in 32 bits, and what is below zero wraps round; measured too
    tree = {
        **SERVER, "/etc/mysql/my.cnf": f"[mysqld]\nmax_connections = {asked}\nbind-address = ::1\n",
        **enabled("mariadb.service", f"{START}LimitNOFILE={limit}\n"),
    }  # fmt: skip
    host = read(tmp_path, {path: text for path, text in tree.items() if path != "/proc/cpuinfo"})
    setting = servers(host)[0].known["max_connections"]
    assert setting.value == granted
    if granted != asked:
        assert setting.origin.kind == "derived"
        assert setting.overrode[0].value == asked
        assert setting.overrode[0].origin == File("/etc/mysql/my.cnf", 2, (19, 19 + len(str(asked))))


# ---------------------------------------------------------------------------------------------- who may read


def archive(tree: Tree, modes: Mapping[str, int]) -> io.BytesIO:
    """The tree as an archive whose files belong to root; modes of single files as given, 0644 else."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for path, text in tree.items():
            member = tarfile.TarInfo(path.lstrip("/"))
            if text.startswith("-> "):
                member.type, member.linkname, content = tarfile.SYMTYPE, text[3:], b""
            else:
                content = text.encode()
            member.size, member.mode = len(content), modes.get(path, 0o644)
            tar.addfile(member, io.BytesIO(content))
    raw.seek(0)
    return raw


def test_a_file_that_the_servers_user_may_not_read_is_passed_over_and_said() -> None:
    big = "/etc/mysql/mariadb.conf.d/60-big.cnf"
    tree = {
        **SERVER, "/etc/mysql/my.cnf": LOCAL["/etc/mysql/my.cnf"] + "!includedir /etc/mysql/mariadb.conf.d/\n",
        big: "[mysqld]\ninnodb_buffer_pool_size = 2G\n",
    }  # fmt: skip
    whole = capacity.read_host("-", stdin=archive(tree, {}))
    assert servers(whole)[0].innodb_buffer_pool_size == 2048 * MiB
    host = capacity.read_host("-", stdin=archive(tree, {big: 0o600}))
    assert servers(host)[0].innodb_buffer_pool_size == 128 * MiB
    assert [one.path for one in host.never_read] == [big]
    assert any(one.code == "CAP302" and f"{big}: not readable by" in one.message for one in host.findings())
    assert capacity.read_host("-", stdin=archive(tree, {big: 0o640})).never_read  # the group is root's


# ---------------------------------------------------------------------------------------------- who may connect


@pytest.mark.parametrize(
    ("lines", "beyond"),
    [
        ("", True), ("bind-address = 127.0.0.1", False), ("bind-address = localhost", False),
        ("bind-address = ::1", False), ("bind-address = 0.0.0.0", True), ("bind-address = *", True),
        ("bind-address = 127.0.0.1,192.0.2.7", True), ("skip-networking", False), ("skip-bind-address", True),
    ],
)  # fmt: skip
def test_sessions_are_coupled_to_clients_unless_others_can_connect(lines: str, beyond: bool, tmp_path: Path) -> None:
    host = read(tmp_path, SMALL, {"/etc/mysql/mariadb.conf.d/50-server.cnf": f"[mysqld]\n{lines}\n"})
    (sessions,) = [claim for claim in host.bill().claims if claim.name == "session_memory"]
    # 4 children of www, 2 of shop, 5 others; else max_connections and one with the right CONNECTION ADMIN
    assert sessions.count == (31 if beyond else 4 + 2 + 5)
    assert [one.count for one in host.bill("promised").claims if one.name == "session_memory"] == [31]
    told = [finding.message for finding in host.findings() if finding.code == "CAP203"]
    assert told == (["mariadbd listens beyond loopback: 30 sessions count in every scenario"] if beyond else [])


def test_clients_of_every_master_count_each_cap_heeded(tmp_path: Path) -> None:
    capped = {"/etc/php/8.2/fpm/php-fpm.conf": "[global]\nprocess.max = 5\ninclude=/etc/php/8.2/fpm/pool.d/*.conf\n"}
    other = {
        "/etc/php/8.1/fpm/php-fpm.conf": "[global]\ninclude=/etc/php/8.1/fpm/pool.d/*.conf\n",
        "/etc/php/8.1/fpm/php.ini": "", "/etc/php/8.1/fpm/conf.d/a.ini": "",
        "/etc/php/8.1/fpm/pool.d/old.conf": pool("old", 7),
        **enabled("php8.1-fpm.service", "ExecStart=/usr/sbin/php-fpm8.1 -y /etc/php/8.1/fpm/php-fpm.conf"),
    }  # fmt: skip
    host = read(tmp_path, SMALL, capped, other)
    (sessions,) = [claim for claim in host.bill().claims if claim.name == "session_memory"]
    assert sessions.count == 5 + 7 + 5
