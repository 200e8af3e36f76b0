"""Missing or unreadable input never passes: every input file of a host that fits is taken away, one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest

import capacity
from capacity.host import Host
from tests.trees import PHP, SMALL, WANTS, write

# Files that only a glob, a folder or nothing leads to: without them the answer is that of a host without them.
BY_GLOB = {f"{PHP}/pool.d/www.conf": "www", f"{PHP}/pool.d/shop.conf": "shop"}
NAMED = (
    f"{PHP}/php-fpm.conf", f"{PHP}/php.ini", f"{PHP}/conf.d/10-opcache.ini", "/etc/php/8.2/mods-available/opcache.ini",
    "/etc/mysql/my.cnf", "/etc/alternatives/my.cnf", "/etc/mysql/mariadb.cnf", "/etc/mysql/extra.cnf",
    "/etc/mysql/mariadb.conf.d/50-server.cnf", "/usr/lib/systemd/system/php8.2-fpm.service",
    "/usr/lib/systemd/system/mariadb.service", f"{WANTS}/php8.2-fpm.service", f"{WANTS}/mariadb.service",
    "/var/lib/dpkg/status", "/proc/meminfo", "/etc/passwd",
)  # fmt: skip
# What says nothing about memory on this host: a name, groups that no file is readable by alone, CPUs, a distribution
# that the package's own revision tells.
SILENT = ("/etc/hostname", "/etc/group", "/proc/cpuinfo", "/etc/os-release")


def host_of(folder: Path, **changes: str) -> Host:
    return capacity.read_host(write(folder, {**SMALL, **changes}))


def told(host: Host) -> set[tuple[str, str]]:
    return {(finding.code, finding.message) for finding in host.findings()}


def test_the_whole_host_fits(tmp_path) -> None:
    host = host_of(tmp_path)
    assert [host.bill(scenario).verdict for scenario in ("reachable", "promised")] == ["fits", "fits"]
    assert {finding.severity for finding in host.findings()} == {"note"}


def test_every_input_file_is_in_one_of_the_lists() -> None:
    assert sorted(SMALL) == sorted([*BY_GLOB, *NAMED, *SILENT])


@pytest.mark.parametrize("path", NAMED)
def test_a_named_file_that_is_gone_is_found_out(path: str, tmp_path) -> None:
    whole = host_of(tmp_path / "whole")
    host = capacity.read_host(write(tmp_path / "less", SMALL, without=path))
    assert told(host) - told(whole), path


@pytest.mark.parametrize("path", BY_GLOB)
def test_a_file_that_only_a_glob_reaches_gives_the_host_without_it(path: str, tmp_path) -> None:
    whole = host_of(tmp_path / "whole")
    host = capacity.read_host(write(tmp_path / "less", SMALL, without=path))
    (master,) = [service for service in whole.services if service.program == "php-fpm"]
    (less,) = [service for service in host.services if service.program == "php-fpm"]
    assert [pool.name for pool in less.parts] == [pool.name for pool in master.parts if pool.name != BY_GLOB[path]]
    lost = sum(claim.total for part in master.parts if part.name == BY_GLOB[path] for claim in part.claims())
    promised = [one.bill("promised").total for one in (whole, host)]
    assert promised[0] - promised[1] == lost


@pytest.mark.parametrize("path", SILENT)
def test_files_that_say_nothing_of_memory_change_nothing(path: str, tmp_path) -> None:
    whole = host_of(tmp_path / "whole")
    host = capacity.read_host(write(tmp_path / "less", SMALL, without=path))
    assert host.bill("promised").total == whole.bill("promised").total


@pytest.mark.parametrize("path", ["/etc/mysql/extra.cnf", "/etc/mysql/mariadb.conf.d/50-server.cnf"])
def test_a_file_that_its_program_could_not_read_is_a_finding(path: str, tmp_path) -> None:
    whole = host_of(tmp_path / "whole")
    write(tmp_path / "closed", SMALL)
    (tmp_path / "closed" / path.lstrip("/")).chmod(0o600)
    host = capacity.read_host(tmp_path / "closed")
    new = told(host) - told(whole)
    assert any(path in message or "not readable" in message for _, message in new) or not _owned_by_root(tmp_path)
    assert host.bill("promised").total >= whole.bill("promised").total


def _owned_by_root(folder: Path) -> bool:
    return folder.stat().st_uid == 0


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (f"{PHP}/pool.d/www.conf", b"\x00\xff\xfe[www"),
        (f"{PHP}/pool.d/www.conf", b"[www]\npm = static\npm.max_children = many\nlisten = /x\n"),
        (f"{PHP}/php.ini", b"memory_limit = (1\n"),
        (f"{PHP}/php-fpm.conf", f"[global]\ninclude={PHP}/php-fpm.conf\n".encode()),
        ("/etc/mysql/mariadb.cnf", b"\xef\xbb\xbf[mysqld]\n"),
        ("/etc/mysql/mariadb.cnf", b"[mysqld]\ninnodb_buffer_pool_size = lots\n"),
        ("/etc/mysql/mariadb.cnf", b"[mysqld]\r\nkey_buffer_size=1G\r\n!include /etc/mysql/mariadb.cnf\r\n"),
        ("/etc/mysql/mariadb.cnf", b"!includedir /nowhere\n"),
        ("/proc/meminfo", b"MemTotal: a lot\n"),
        ("/var/lib/dpkg/status", b"Package: php8.2-fpm\nVersion:\n\n\xff\n"),
        ("/usr/lib/systemd/system/php8.2-fpm.service", b"#" * (2**20 + 1) + b"\n"),
        ("/usr/lib/systemd/system/mariadb.service", b"[Service]\nExecStart=\nMemoryMax=lots\n"),
    ],
)
def test_bad_input_is_found_out_and_never_a_traceback(path: str, content: bytes, tmp_path) -> None:
    whole = host_of(tmp_path / "whole")
    folder = write(tmp_path / "bad", SMALL, without=path)
    place = folder / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    host = capacity.read_host(folder)
    assert told(host) - told(whole), path
    for scenario in ("reachable", "promised"):
        assert host.bill(scenario).explain()


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        (f"{PHP}/php.ini", "[PHP]", "; " + "x" * 2**20),
        (f"{PHP}/pool.d/www.conf", "[www]", "; caf\xe9\r\n[www]"),
        (f"{PHP}/pool.d/www.conf", "\n", "\r\n"),
        ("/etc/mysql/extra.cnf", "\n", "\r\n"),
        ("/etc/mysql/mariadb.conf.d/50-server.cnf", "[mysqld]", "# caf\xe9\n[mysqld]"),
        ("/usr/lib/systemd/system/mariadb.service", "\n", "\r\n"),
    ],
)
def test_what_a_program_takes_in_its_stride_changes_nothing(path: str, before: str, after: str, tmp_path) -> None:
    whole = host_of(tmp_path / "whole")
    folder = write(tmp_path / "odd", SMALL)
    (folder / path.lstrip("/")).write_bytes(SMALL[path].replace(before, after).encode("latin-1"))
    host = capacity.read_host(folder)
    assert [host.bill(s).total for s in ("reachable", "promised")] == [
        whole.bill(s).total for s in ("reachable", "promised")
    ]
    assert told(host) == told(whole)


def test_a_loop_of_links_is_found_out(tmp_path) -> None:
    whole = host_of(tmp_path / "whole")
    host = host_of(tmp_path / "loop", **{"/etc/alternatives/my.cnf": "-> /etc/mysql/my.cnf"})
    assert told(host) - told(whole)
