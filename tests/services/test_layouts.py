"""Where PHP-FPM keeps its files: every layout by its own tree, what counts and what does not, and what it is called."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

import capacity
from capacity.host import Host
from capacity.report.document import document
from capacity.services.php_fpm import PhpFpm
from capacity.settings import File
from capacity.units import GiB, KiB, MiB
from tests.trees import MEMINFO, PHP, SMALL, UNIT, WANTS, dpkg, enabled, pool, process, write

ACCOUNTS = {
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\n"
    + "".join(
        f"{name}:x:{uid}:{uid}::/:/bin/false\n" for name, uid in (("www-data", 33), ("apache", 48), ("nobody", 99))
    ),
    "/etc/group": "root:x:0:\nwww-data:x:33:\napache:x:48:\nnobody:x:99:\n",
}
MACHINE = {**ACCOUNTS, "/proc/meminfo": MEMINFO, "/proc/cpuinfo": "processor\t: 0\n"}
Tree = Mapping[str, str]


def debian(version: str, **pools: str) -> dict[str, str]:
    """The files of Debian's package for one version, its unit included, not enabled."""
    home = f"/etc/php/{version}/fpm"
    start = f"ExecStart=/usr/sbin/php-fpm{version} --nodaemonize --fpm-config {home}/php-fpm.conf"
    return {
        f"{home}/php-fpm.conf": f"[global]\ninclude={home}/pool.d/*.conf\n",
        f"{home}/php.ini": "memory_limit = 128M\n",
        f"{home}/conf.d/10-opcache.ini": "zend_extension=opcache.so\n",
        f"/usr/lib/systemd/system/php{version}-fpm.service": UNIT.format(service=start),
        **{f"{home}/pool.d/{name}.conf": text for name, text in pools.items()},
    }


def wanted(unit: str) -> dict[str, str]:
    return {f"{WANTS}/{unit}": f"-> /usr/lib/systemd/system/{unit}"}


def read(folder: Path, *trees: Tree, **options: str) -> Host:
    files: dict[str, str] = {}
    for tree in trees:
        files.update(tree)
    return capacity.read_host(write(folder, files), **options)


def masters(host: Host) -> dict[str, list[tuple[str, int, int]]]:
    """(name, children, limit in MiB) of the pools of each priced master."""
    return {
        service.name: [(one.name, one.max_children, one.memory_limit // MiB) for one in service.pools]
        for service in host.services
        if isinstance(service, PhpFpm)
    }


def programs(host: Host) -> list[tuple[str, str, bool | None, bool]]:
    return [(one.instance, one.version, one.enabled, one.priced) for one in host.programs if one.program == "php-fpm"]


def only(host: Host) -> PhpFpm:
    (found,) = (service for service in host.services if isinstance(service, PhpFpm))
    return found


# ---------------------------------------------------------------------------------------------- Debian

BOTH = {
    **MACHINE,
    **debian("8.1", www=pool(limit="32M").replace("www.sock", "81.sock")),
    **debian("8.2", www=pool(limit="64M")),
    **dpkg(php8__1_fpm="8.1.34-1+deb12u1", php8__2_fpm="8.2.31-1~deb12u1"),
}


def test_of_two_versions_side_by_side_the_enabled_one_counts(tmp_path: Path) -> None:
    host = read(tmp_path, BOTH, wanted("php8.2-fpm.service"))
    assert masters(host) == {"php8.2-fpm": [("www", 4, 64)]}
    assert programs(host) == [
        ("php8.1-fpm", "8.1.34-1+deb12u1", False, False),
        ("php8.2-fpm", "8.2.31-1~deb12u1", True, True),
    ]
    assert only(host).cgroup == "/system.slice/php8.2-fpm.service"
    assert [finding.message for finding in host.findings()] == [
        "php-fpm php8.1-fpm is not in the bill: installed, and nothing starts it at boot"
    ]


def test_two_enabled_masters_with_a_pool_www_are_two(tmp_path: Path) -> None:
    host = read(tmp_path, BOTH, wanted("php8.2-fpm.service"), wanted("php8.1-fpm.service"))
    assert masters(host) == {"php8.1-fpm": [("www", 4, 32)], "php8.2-fpm": [("www", 4, 64)]}
    rows = [(row.instance, row.scope, row.setting.value) for row in host.settings if row.setting.name == "memory_limit"]
    assert rows == [("php8.1-fpm", "pool:www", 32 * MiB), ("php8.2-fpm", "pool:www", 64 * MiB)]
    segments = [claim.total for claim in host.bill().claims if claim.name == "opcache_shared"]
    assert segments == [128 * MiB, 128 * MiB]


def test_units_that_nothing_enables_are_listed_and_not_priced(tmp_path: Path) -> None:
    host = read(tmp_path, BOTH)
    assert masters(host) == {}
    assert [(name, on, priced) for name, _, on, priced in programs(host)] == [
        ("php8.1-fpm", False, False), ("php8.2-fpm", False, False),
    ]  # fmt: skip
    assert host.bill().total == 0
    assert host.bill().verdict == "fits"


def test_a_master_that_runs_counts_though_nothing_enables_it(tmp_path: Path) -> None:
    group = "/system.slice/php8.1-fpm.service"
    running = {
        **process(100, "php-fpm8.1", "php-fpm: master process (/etc/php/8.1/fpm/php-fpm.conf)", cgroup=group),
        **process(101, "php-fpm8.1", "php-fpm: pool www", cgroup=group, parent=100, private=9000, swap=500),
    }
    host = read(tmp_path, BOTH, running)
    assert masters(host) == {"php8.1-fpm": [("www", 4, 32)]}
    assert only(host).pools[0].measured == 9500 * KiB
    assert [c.service for c in host.bill().claims if c.process == "seen running"] == []  # priced once
    assert next(one.why for one in host.programs) == "its processes are running"


def test_where_no_unit_is_in_the_tree_everything_found_counts(tmp_path: Path) -> None:
    bare = {path: text for path, text in BOTH.items() if "systemd" not in path}
    host = read(tmp_path, bare)
    assert masters(host) == {"php8.1-fpm": [("www", 4, 32)], "php8.2-fpm": [("www", 4, 64)]}
    assert {(one.enabled, one.why) for one in host.programs} == {(None, "no unit of it in this tree: assumed to run")}


def test_a_tree_of_etc_alone_needs_the_ram_and_says_what_it_assumes(tmp_path: Path) -> None:
    etc = {path: text for path, text in BOTH.items() if path.startswith("/etc/")}
    host = read(tmp_path / "without", etc)
    assert {host.bill(scenario).verdict for scenario in ("reachable", "promised")} == {"unknown"}
    assert document(host)["scenarios"]["reachable"]["budget_bytes"] is None
    assert any("give --memory" in line for line in document(host)["not_known"])
    given = read(tmp_path / "with", etc, memory="8G")
    assert given.bill().verdict == "fits"
    assert given.bill().budget.mem_total == 8 * GiB
    # versions are not in /etc: the larger reading of memory_limit counts, and it is said
    assert [finding.code for finding in given.findings()].count("CAP305") == 2
    told = document(given)["not_known"]
    assert "no process was seen: 300.0 MiB are assumed (kernel.base_system)" in told
    assert "/proc/meminfo does not tell what the kernel holds: 160.0 MiB are assumed (kernel.kernel_now)" in told
    lines = {line.name: line.bytes for line in given.bill().budget.lines}
    assert lines["base_system"] == -300 * MiB
    assert lines["kernel_now"] == -160 * MiB
    assert given.bill().budget.kept_back >= 8 * GiB * 5 // 100


def test_a_wanted_unit_that_was_not_copied_is_priced_as_at_least(tmp_path: Path) -> None:
    host = read(tmp_path, {p: t for p, t in BOTH.items() if "systemd" not in p}, wanted("php8.2-fpm.service"))
    assert masters(host) == {"php8.2-fpm": [("www", 4, 64)]}
    assert programs(host)[1][2:] == (False, False)
    assert host.bill().at_least
    assert host.bill().verdict == "unknown"


# ---------------------------------------------------------------------------------------------- units that decide


def test_a_unit_that_names_its_main_file_decides(tmp_path: Path) -> None:
    tree = {
        **MACHINE, **debian("8.2", www=pool(children=90, limit="8192M")), **dpkg(php8__2_fpm="8.2.31-1~deb12u1"),
        "/etc/php/8.2/fpm.ini": "[global]\nerror_log = /var/log/fpm.log\n" + pool("site", 3, "48M"),
        **enabled("php8.2-fpm.service", "ExecStart=/usr/sbin/php-fpm8.2 -F -y /etc/php/8.2/fpm.ini"),
    }  # fmt: skip
    host = read(tmp_path, tree)
    assert masters(host) == {"php8.2-fpm": [("site", 3, 48)]}
    assert programs(host) == [("php8.2-fpm", "8.2.31-1~deb12u1", True, True)]
    why = "php8.2-fpm.service names /etc/php/8.2/fpm.ini"
    assert [(one.path, one.why) for one in host.never_read] == [
        (f"{PHP}/php-fpm.conf", why), (f"{PHP}/pool.d/www.conf", why),
    ]  # fmt: skip
    assert [finding.code for finding in host.findings()] == ["CAP307", "CAP307"]


def test_each_instance_of_a_template_is_a_master_behind_its_own_wall(tmp_path: Path) -> None:
    start = (
        "ExecStart=/usr/sbin/php-fpm8.2 --nodaemonize --fpm-config /etc/php/8.2/fpm/instances/%i.conf\nMemoryMax=35%"
    )
    tree = {
        **MACHINE, f"{PHP}/php.ini": "", f"{PHP}/conf.d/a.ini": "", **dpkg(php8__2_fpm="8.2.31-1~deb12u1"),
        "/etc/systemd/system/php8.2-fpm@.service": UNIT.format(service=start),
    }  # fmt: skip
    for name, children in (("a", 2), ("b", 3)):
        tree[f"{PHP}/instances/{name}.conf"] = "[global]\n" + pool("www", children).replace("www.sock", f"{name}.sock")
        tree[f"{WANTS}/php8.2-fpm@{name}.service"] = "-> /etc/systemd/system/php8.2-fpm@.service"
    host = read(tmp_path, tree)
    assert masters(host) == {"php8.2-fpm@a": [("www", 2, 64)], "php8.2-fpm@b": [("www", 3, 64)]}
    groups = [f"/system.slice/system-php8.2\\x2dfpm.slice/php8.2-fpm@{name}.service" for name in "ab"]
    assert [service.cgroup for service in host.services] == groups
    assert [(wall.cgroup, wall.memory_max) for wall in host.walls] == [
        (group, 16384000 * KiB * 35 // 100) for group in groups
    ]


def test_what_lies_beside_the_files_of_a_master_is_never_read(tmp_path: Path) -> None:
    tree = {
        **SMALL, f"{PHP}/pool.d/old.conf.bak": pool("old"), f"{PHP}/conf.d/20-big.ini.off": "memory_limit = 2G\n",
        f"{PHP}/pool.d/README": "one pool a file\n",
    }  # fmt: skip
    host = read(tmp_path, tree)
    assert [(one.path, one.why) for one in host.never_read] == [
        (f"{PHP}/pool.d/old.conf.bak", "no include of PHP-FPM fits its name"),
        (f"{PHP}/conf.d/20-big.ini.off", "its name does not end in .ini"),
    ]


# ---------------------------------------------------------------------------------------------- other distributions


def red_hat(start: str = "/usr/sbin/php-fpm --nodaemonize") -> dict[str, str]:
    return {
        **MACHINE, "/etc/os-release": 'ID="almalinux"\nVERSION_ID="9.4"\n',
        "/var/lib/rpm/rpmdb.sqlite": "SQLite format 3",
        "/etc/php-fpm.conf": "include=/etc/php-fpm.d/*.conf\n[global]\npid = /run/php-fpm/php-fpm.pid\n",
        "/etc/php-fpm.d/www.conf": pool(limit="96M", user="apache"),
        "/etc/php.ini": "memory_limit = 128M\n",
        "/etc/php.d/10-opcache.ini": "zend_extension=opcache.so\nopcache.memory_consumption=64\n",
        **enabled("php-fpm.service", f"ExecStart={start}"),
    }  # fmt: skip


def alpine() -> dict[str, str]:
    return {
        **MACHINE, "/etc/os-release": "ID=alpine\nVERSION_ID=3.20.1\n",
        "/etc/php83/php-fpm.conf": "[global]\ninclude=/etc/php83/php-fpm.d/*.conf\n",
        "/etc/php83/php-fpm.d/www.conf": pool(limit="96M", user="nobody"),
        "/etc/php83/php.ini": "", "/etc/php83/conf.d/00_opcache.ini": "zend_extension=opcache\n",
        "/lib/apk/db/installed": "P:php83-fpm\nV:8.3.12-r0\nA:x86_64\nt:1727000000\n\n",
    }  # fmt: skip


def arch() -> dict[str, str]:
    return {
        **MACHINE, "/etc/os-release": "ID=arch\n",
        "/etc/php/php-fpm.conf": "[global]\ninclude=/etc/php/php-fpm.d/*.conf\n",
        "/etc/php/php-fpm.d/www.conf": pool(limit="96M", user="nobody"),
        "/etc/php/php.ini": "zend_extension=opcache\nopcache.memory_consumption=96\n", "/etc/php/conf.d/a.ini": "",
        "/var/lib/pacman/local/php-fpm-8.3.12-1/desc": "%NAME%\nphp-fpm\n\n%VERSION%\n8.3.12-1\n\n",
        **enabled("php-fpm.service", "ExecStart=/usr/bin/php-fpm --nodaemonize --fpm-config /etc/php/php-fpm.conf"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tree", "name", "version", "on", "segment"),
    [
        (red_hat(), "php-fpm", "", True, 64), (alpine(), "php-fpm83", "8.3.12-r0", None, 128),
        (arch(), "php-fpm", "8.3.12-1", True, 96),
    ],
    ids=["Red Hat", "Alpine", "Arch"],
)  # fmt: skip
def test_other_distributions(
    tree: Tree, name: str, version: str, on: bool | None, segment: int, tmp_path: Path
) -> None:
    host = read(tmp_path, tree)
    assert masters(host) == {name: [("www", 4, 96)]}
    assert programs(host) == [(name, version, on, True)]
    assert only(host).opcache_segment == segment * MiB
    assert not host.refusals


def test_collections_of_remi_stand_side_by_side(tmp_path: Path) -> None:
    tree: dict[str, str] = {**MACHINE, "/etc/os-release": 'ID="rocky"\nVERSION_ID="9.4"\n'}
    for digits in ("74", "82"):
        home = f"/etc/opt/remi/php{digits}"
        tree |= {
            f"{home}/php-fpm.conf": f"include={home}/php-fpm.d/*.conf\n[global]\n",
            f"{home}/php-fpm.d/www.conf": pool(limit=f"{digits}M", user="apache").replace("www.sock", f"{digits}.sock"),
            f"{home}/php.ini": "", f"{home}/php.d/10-opcache.ini": "zend_extension=opcache.so\n",
            f"/usr/lib/systemd/system/php{digits}-php-fpm.service": UNIT.format(
                service=f"ExecStart=/opt/remi/php{digits}/root/usr/sbin/php-fpm --nodaemonize"
            ),
        }  # fmt: skip
    host = read(tmp_path, tree, wanted("php82-php-fpm.service"))
    assert masters(host) == {"php82-php-fpm": [("www", 4, 82)]}
    assert programs(host) == [("php74-php-fpm", "7.4", False, False), ("php82-php-fpm", "8.2", True, True)]


# ---------------------------------------------------------------------------------------------- the official image

IMAGE = {
    **ACCOUNTS, "/etc/os-release": 'ID=debian\nVERSION_ID="12"\n',
    "/usr/local/etc/php-fpm.conf": ";;; Global\n[global]\ninclude=etc/php-fpm.d/*.conf\n",
    "/usr/local/etc/php-fpm.d/docker.conf": (
        "[global]\nerror_log = /proc/self/fd/2\nlog_limit = 8192\n\n[www]\naccess.log = /proc/self/fd/2\n"
        "clear_env = no\ncatch_workers_output = yes\ndecorate_workers_output = no\n"
    ),
    "/usr/local/etc/php-fpm.d/www.conf": (
        "[www]\nuser = www-data\ngroup = www-data\nlisten = 127.0.0.1:9000\npm = dynamic\npm.max_children = 5\n"
        "pm.start_servers = 2\npm.min_spare_servers = 1\npm.max_spare_servers = 3\n"
    ),
    "/usr/local/etc/php-fpm.d/zz-docker.conf": "[global]\ndaemonize = no\n\n[www]\nlisten = 9000\n",
    "/usr/local/etc/php/conf.d/docker-php-ext-sodium.ini": "extension=sodium\n",
    "/usr/local/include/php/main/php_version.h": '#define PHP_MAJOR_VERSION 8\n#define PHP_VERSION "8.3.12"\n',
}  # fmt: skip
LIMIT = {"/sys/fs/cgroup/cgroup.controllers": "cpu memory\n", "/sys/fs/cgroup/memory.max": "536870912\n"}


def test_the_official_image_is_read_with_its_prefix_and_its_group_is_its_ram(tmp_path: Path) -> None:
    host = read(tmp_path, IMAGE, LIMIT, {"/proc/meminfo": MEMINFO, "/sys/fs/cgroup/memory.swap.max": "0\n"})
    assert masters(host) == {"php-fpm": [("www", 5, 128)]}
    assert programs(host) == [("php-fpm", "8.3.12", None, True)]
    assert host.memory.mem_total == 512 * MiB
    assert host.memory.known["mem_total"].origin == File("/sys/fs/cgroup/memory.max", 1, (1, 10))
    # /proc/meminfo is the machine's: nothing of it is taken off; the file pages of one daemon stay
    lines = {line.name: line.bytes for line in host.bill().budget.lines}
    assert lines == {"mem_total": 512 * MiB, "file_working_set": -10 * MiB}
    assert host.memory.swap_total == 0
    assert sum(claim.total for claim in host.bill().claims if claim.name == "zend_heap") == 5 * 128 * MiB
    assert host.bill().verdict == "over"
    assert host.but({"www.memory_limit": "64M"}).bill().verdict == "fits"
    assert not host.walls  # its own group is its machine


@pytest.mark.parametrize(
    ("files", "swap"),
    [
        ({}, 1024), ({"/sys/fs/cgroup/memory.swap.max": "max\n"}, 1024),
        ({"/sys/fs/cgroup/memory.swap.max": "268435456\n"}, 256), ({"/sys/fs/cgroup/memory.swap.max": "0\n"}, 0),
    ],
    ids=["no file", "max", "less", "none"],
)  # fmt: skip
def test_swap_in_a_container_is_what_its_group_may_take(files: Tree, swap: int, tmp_path: Path) -> None:
    meminfo = MEMINFO.replace("SwapTotal:             0", "SwapTotal:       1048576")
    host = read(tmp_path, IMAGE, LIMIT, {"/proc/meminfo": meminfo}, files)
    assert host.memory.swap_total == swap * MiB


def test_version_1_counts_ram_and_swap_together(tmp_path: Path) -> None:
    group = "/sys/fs/cgroup/memory/memory"
    limits = {f"{group}.limit_in_bytes": "536870912\n", f"{group}.memsw.limit_in_bytes": "805306368\n"}
    meminfo = MEMINFO.replace("SwapTotal:             0", "SwapTotal:       1048576")
    host = read(tmp_path, IMAGE, limits, {"/proc/meminfo": meminfo})
    assert (host.memory.mem_total, host.memory.swap_total) == (512 * MiB, 256 * MiB)


def test_a_container_without_a_limit_needs_one(tmp_path: Path) -> None:
    assert read(tmp_path / "none", IMAGE).bill().verdict == "unknown"
    given = read(tmp_path / "given", IMAGE, {"/.dockerenv": ""}, memory="512M")
    assert given.bill().budget.total == (512 - 10) * MiB
    assert given.bill().verdict == "over"


# ---------------------------------------------------------------------------------------------- builds of their own

PANEL = {
    **MACHINE,
    "/www/server/php/82/etc/php-fpm.conf": "[global]\ndaemonize = yes\n" + pool("www", 6, "48M"),
    "/www/server/php/82/etc/php.ini": "memory_limit = 128M\nzend_extension=opcache\nopcache.memory_consumption=32\n",
    "/www/server/php/82/include/php/main/php_version.h": '#define PHP_VERSION "8.2.20"\n',
}


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("/www/server/php/82/sbin/php-fpm --fpm-config /www/server/php/82/etc/php-fpm.conf", True),
        (
            "/www/server/php/82/sbin/php-fpm -y www/server/php/82/etc/php-fpm.conf -c /www/server/php/82/etc/php.ini",
            False,
        ),
        ("/www/server/php/82/sbin/php-fpm", True),
        ("/opt/bin/php-fpm -p /www/server/php/82 -c /www/server/php/82/etc", False),
    ],
)
def test_a_build_that_no_layout_knows_is_read_where_its_unit_says(start: str, said: bool, tmp_path: Path) -> None:
    host = read(tmp_path, PANEL, enabled("php-fpm-82.service", f"ExecStart={start}"))
    assert masters(host) == {"php-fpm-82": [("www", 6, 48)]}
    assert only(host).opcache_segment == 32 * MiB
    assert any("looks for php.ini is not known" in finding.message for finding in host.findings()) == said
    assert host.bill().verdict == ("unknown" if said else "fits")
    assert programs(host)[0][1] == ("8.2.20" if "/82/sbin" in start else "")


def test_a_master_that_only_its_processes_tell_of_is_read(tmp_path: Path) -> None:
    main = "/www/server/php/82/etc/php-fpm.conf"
    running = {
        **process(100, "php-fpm", f"php-fpm: master process ({main})", cgroup="/user.slice"),
        **process(101, "php-fpm", "php-fpm: pool www", cgroup="/user.slice", parent=100, private=9000),
    }
    host = read(tmp_path / "host", PANEL, running)
    assert masters(host) == {"php-fpm@www-server-php-82": [("www", 6, 48)]}
    assert programs(host) == [("php-fpm@www-server-php-82", "8.2.20", None, True)]
    assert only(host).pools[0].measured == 9000 * KiB
    assert len(host.services) == 1
    # the same title from inside a container speaks of another file
    inside = {path: text.replace("/user.slice", "/system.slice/docker-0a1b.scope") for path, text in running.items()}
    held = read(tmp_path / "container", PANEL, inside)
    assert [(one.program, one.name) for one in held.services] == [("process", "php-fpm")]
