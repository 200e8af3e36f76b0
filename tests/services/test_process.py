"""Processes that no datasheet prices: at what they hold, each once; declared ones; and what is not known of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import capacity
from capacity.arithmetic import UNKNOWN
from capacity.host import Host
from capacity.reading import processes_of_file
from capacity.services.process import Process
from capacity.units import KiB, MiB
from tests.trees import MEMINFO, PHP, SMALL, pool, process, write

Tree = Mapping[str, str]
MACHINE = {"/proc/meminfo": MEMINFO}
GROUP = "/system.slice/php8.2-fpm.service"


def read(folder: Path, *trees: Tree, **options: Any) -> Host:
    files = dict(MACHINE)
    for tree in trees:
        files.update(tree)
    return capacity.read_host(write(folder, files), **options)


def seen(host: Host) -> dict[str, tuple[Any, ...]]:
    """(count, private, shared, page tables) in KiB of each process service by its name."""
    return {
        one.name: (one.processes, one.private // KiB, one.shared // KiB, one.tables // KiB)
        for one in host.services
        if isinstance(one, Process)
    }


def added(host: Host) -> int:
    """KiB of every claim of a process."""
    names = {one.name for one in host.services if isinstance(one, Process)}
    return sum(claim.total for claim in host.bill().claims if claim.service in names) // KiB


# ---------------------------------------------------------------------------------------------- measured figures


def test_a_process_counts_at_what_it_alone_holds_in_ram_and_swap(tmp_path: Path) -> None:
    host = read(tmp_path, process(10, "java", "java", "-jar", private=5000, swap=100, shared=300, tables=50))
    assert seen(host) == {"java": (1, 5100, 300, 50)}
    assert added(host) == 5100 + 300 + 50
    assert {claim.bound for claim in host.bill().claims} == {"assumed"}
    assert [one.what for one in host.exposures()] == ["growth of java"]


def test_processes_that_hold_the_same_are_one_line_with_a_count(tmp_path: Path) -> None:
    same = (process(pid, "node", "node", private=5000, shared=300) for pid in (10, 11, 12))
    assert seen(read(tmp_path, *same)) == {"node": (3, 5000, 900, 120)}


def test_processes_that_differ_are_one_sum(tmp_path: Path) -> None:
    host = read(tmp_path, process(10, "node", "node", private=5000), process(11, "node", "node", private=7000, swap=1))
    assert seen(host) == {"node": (1, 12001, 0, 80)}
    assert added(host) == 12001 + 80


def test_one_name_in_several_groups_is_several_services(tmp_path: Path) -> None:
    trees = (
        process(10, "node", "node", cgroup="/user.slice/a.scope", private=1),
        process(11, "node", "node", cgroup="/user.slice/b.scope", private=2),
        process(12, "node", "node", cgroup="/system.slice/b.scope", private=3),
        process(13, "java", "java", cgroup="/system.slice/b.scope", private=4),
    )
    assert {name: figures[1] for name, figures in seen(read(tmp_path, *trees)).items()} == {
        "java": 4, "node@/system.slice/b.scope": 3, "node@a.scope": 1, "node@/user.slice/b.scope": 2,
    }  # fmt: skip


def test_without_the_right_to_look_closer_the_status_serves(tmp_path: Path) -> None:
    host = read(
        tmp_path, process(10, "java", "java", private=5000, swap=100, shared=300, rollup=False),
        process(11, "java", "java", private=6000, shared=500, rollup=False),
    )  # fmt: skip
    # nobody says which shared pages are the same: those of one name share them, once
    assert seen(host) == {"java": (1, 11100, 500, 80)}
    (java,) = host.services
    assert str(java.known["private"].origin) == "measured: RssAnon + VmSwap of /proc/10, /proc/11"
    assert host.bill().verdict == "fits"


def test_kernel_threads_and_the_dead_are_not_there(tmp_path: Path) -> None:
    kernel = {
        "/proc/2/status": "Name:\tkthreadd\nState:\tS\nPid:\t2\nPPid:\t0\nThreads:\t1\n", "/proc/2/cmdline": "",
        "/proc/30/status": "Name:\tkworker/0:1\nState:\tI\nPid:\t30\nPPid:\t2\nThreads:\t1\n", "/proc/30/cmdline": "",
    }  # fmt: skip
    dead = {path: text.replace("S (sleeping)", "Z (zombie)") for path, text in process(40, "gone", "x").items()}
    assert seen(read(tmp_path, kernel, dead, process(50, "cron", "cron", private=9))) == {"cron": (1, 9, 0, 40)}


@pytest.mark.parametrize(
    ("path", "before", "after", "lost"),
    [
        ("status", "RssAnon:\t1000 kB\n", "", {"private"}), ("status", "VmSwap:\t0 kB\n", "", {"private"}),
        ("status", "RssShmem:\t0 kB\n", "", {"shared"}), ("status", "VmPTE:\t40 kB\n", "", {"tables"}),
        ("status", "RssAnon:\t1000 kB", "RssAnon:\tmany kB", {"private"}),
    ],
    ids=str,
)  # fmt: skip
def test_a_figure_that_is_not_there_is_not_known_and_never_zero(
    path: str, before: str, after: str, lost: set[str], tmp_path: Path
) -> None:
    tree = process(10, "java", "java", rollup=False)
    assert before in tree[f"/proc/10/{path}"]
    tree[f"/proc/10/{path}"] = tree[f"/proc/10/{path}"].replace(before, after)
    host = read(tmp_path, tree)
    (java,) = host.services
    assert {name for name, setting in java.known.items() if setting.value is UNKNOWN} == lost
    assert host.bill().verdict == "unknown"
    assert [finding.code for finding in host.findings()].count("CAP303") == len(lost)


def test_a_damaged_rollup_is_said_and_the_status_serves(tmp_path: Path) -> None:
    host = read(tmp_path, {**process(10, "java", "java", private=77), "/proc/10/smaps_rollup": "Private_Dirty: x kB\n"})
    assert seen(host)["java"][1] == 77
    assert host.bill().verdict == "unknown"
    assert any("/proc/10/smaps_rollup" in doubt for doubt in host.doubts)


# ---------------------------------------------------------------------------------------------- with datasheets

FPM = {
    **process(100, "php-fpm8.2", f"php-fpm: master process ({PHP}/php-fpm.conf)", cgroup=GROUP, private=4000),
    **process(101, "php-fpm8.2", "php-fpm: pool www", cgroup=GROUP, parent=100, private=30_000),
    **process(102, "php-fpm8.2", "php-fpm: pool www", cgroup=GROUP, parent=100, private=20_000, swap=70),
}


def test_what_a_datasheet_prices_is_not_counted_again(tmp_path: Path) -> None:
    host = read(tmp_path, SMALL, FPM, process(90, "mariadbd", "mariadbd", cgroup="/system.slice/mariadb.service"))
    assert seen(host) == {}
    assert host.service("www").known["measured"].value == (30_000 + 20_070) * KiB
    assert "2 children of pool www" in str(host.service("www").known["measured"].origin)


@pytest.mark.parametrize(
    "broken",
    [
        {f"{PHP}/pool.d/www.conf": pool(children="many")}, {f"{PHP}/php-fpm.conf": "[global]\nno_such = 1\n"},
        {"/etc/php/8.2/mods-available/opcache.ini": "zend_extension=opcache\nopcache.memory_consumption=8\n"
         "opcache.interned_strings_buffer=9\n"},
    ],
    ids=["a pool", "the main file", "opcache"],
)  # fmt: skip
def test_a_master_that_would_refuse_to_start_counts_at_what_it_holds(broken: Tree, tmp_path: Path) -> None:
    host = read(tmp_path, SMALL, FPM, broken)
    assert seen(host) == {"php-fpm8.2": (1, 4000 + 30_000 + 20_070, 0, 120)}
    assert [one.program for one in host.services] == ["mariadbd", "process"]
    assert [(one.program, one.priced) for one in host.programs] == [("php-fpm", False), ("mariadbd", True)]
    assert host.bill().verdict == "unknown"
    # a copy that merely lost a file is priced from what was read; the difference is known by its refusal
    assert {refusal.lost for refusal in host.refusals} == {False}


def test_an_unlimited_pool_keeps_its_measured_figure_in_the_bounded_part(tmp_path: Path) -> None:
    limited = read(tmp_path / "limited", SMALL, FPM)
    endless = read(tmp_path / "endless", SMALL, FPM, {f"{PHP}/pool.d/www.conf": pool(limit="-1")})
    (heap,) = (c for c in endless.bill().claims if c.name == "zend_heap" and c.service.endswith("/www"))
    assert (heap.bound, heap.bounded) == ("unlimited", (30_000 + 20_070) * KiB)
    assert endless.bill().verdict == "unlimited"
    tables = {
        host: next(c.total for c in host.bill().claims if c.name == "page_tables" and c.service.endswith("/www"))
        for host in (limited, endless)
    }
    heaps = 4 * 64 * MiB - heap.bounded
    assert limited.bill().bounded_total - endless.bill().bounded_total == heaps + tables[limited]


# ---------------------------------------------------------------------------------------------- declared ones


@pytest.mark.parametrize(
    ("text", "count", "each"),
    [
        ("backup=300M", 1, 300 * MiB), ("backup=300Mx2", 2, 300 * MiB), ("backup = 1.5G", 1, 1536 * MiB),
        ("redis=64", 1, 64), ("x=1Kx0", 0, KiB),
    ],
)  # fmt: skip
def test_a_process_can_be_declared(text: str, count: int, each: int, tmp_path: Path) -> None:
    (one,) = read(tmp_path, processes=[text]).services
    assert (one.name, one.processes, one.private) == (text.split("=")[0].strip(), count, each)
    assert str(one.known["private"].origin) == "given by --process"
    assert list(one.exposures()) == []


@pytest.mark.parametrize(
    "text",
    [
        "backup",
        "backup=",
        "=300M",
        "backup=300Mx",
        "backup=300Mxx2",
        "backup=-3M",
        "a=1Mx-2",
        "a=lots",
        "a=1Mx1.5",
        "a=1" + "0" * 5000,
        "a=1Mx" + "9" * 5000,
    ],
    ids=lambda text: text[:20],
)
def test_what_declares_no_process_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(capacity.CapacityError, match="--process"):
        read(tmp_path, processes=[text])


def test_a_declared_process_has_a_name_of_its_own(tmp_path: Path) -> None:
    host = read(tmp_path, process(10, "java", "java", private=5), processes=["java=1M"])
    assert [(one.name, one.private) for one in host.services] == [("java", 5 * KiB), ("java@declared", MiB)]


def test_a_file_declares_processes(tmp_path: Path) -> None:
    file = tmp_path / "beside.toml"
    file.write_text('[process.redis]\nbytes = "512M"\n[process."node app"]\nbytes = 1048576\ncount = 3\n')
    assert processes_of_file(str(file)) == ["redis=512Mx1", "node app=1048576x3"]
    host = read(tmp_path / "host", processes=processes_of_file(str(file)))
    assert seen(host) == {"redis": (1, 512 * 1024, 0, 0), "node app": (3, 1024, 0, 0)}


@pytest.mark.parametrize(
    "text", ["", "process = 3\n", "[process.a]\ncount = 3\n", "[process\n", "[[process]]\nbytes=1\n", "\xff"], ids=repr
)
def test_a_file_that_declares_none_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "beside.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(capacity.CapacityError, match="--processes"):
        processes_of_file(str(file))
    with pytest.raises(capacity.CapacityError, match="no-such"):
        processes_of_file(str(tmp_path / "no-such"))


@pytest.mark.parametrize("comm", ["php", "php8.3", "php83", "php-cgi", "python3"])
def test_php_workers_are_clients_of_the_database(comm: str, tmp_path: Path) -> None:
    workers = (process(pid, comm, comm, "artisan", private=pid) for pid in (10, 11, 12))
    host = read(tmp_path, SMALL, *workers)
    (sessions,) = (claim for claim in host.bill().claims if claim.name == "session_memory")
    assert sessions.count == 4 + 2 + 5 + (3 if comm in {"php", "php8.3", "php83"} else 0)


def test_declared_workers_are_clients_too(tmp_path: Path) -> None:
    host = read(tmp_path, SMALL, processes=["php=10Mx4"])
    (sessions,) = (claim for claim in host.bill().claims if claim.name == "session_memory")
    assert sessions.count == 4 + 2 + 5 + 4
