"""The host of the outage, in two states: always explained right, and every service added up by hand from its files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import capacity
from capacity.cli import main
from capacity.host import Host
from capacity.services.mariadb import claims as mariadb
from capacity.units import GiB, KiB, MiB
from tests.hosts.make_examples import MEMBERS, archive

TREES = Path(__file__).parent / "hosts" / "incident"
RAM = 16384000 * KiB


@pytest.fixture(scope="module")
def before() -> Host:
    return capacity.read_host(capacity.example("incident-before"))


@pytest.fixture(scope="module")
def after() -> Host:
    return capacity.read_host(capacity.example("incident-after-first-fix"))


def total(host: Host, service: str, scenario: str = "promised") -> int:
    return sum(c.total for c in host.bill(scenario).claims if c.service.split("/")[0] == service)


def finding(host: Host, code: str, words: str = ""):
    (found,) = [one for one in host.findings() if one.code == code and words in one.message]
    return found


# ---------------------------------------------------------------------------------------------- the archives


@pytest.mark.parametrize("name", sorted(MEMBERS))
def test_the_shipped_example_is_the_tree(name: str) -> None:
    assert Path(capacity.example(name)).read_bytes() == archive(MEMBERS[name])


# ---------------------------------------------------------------------------------------------- before


def test_php_fpm_alone_promises_ten_times_the_ram_and_not_the_double(before: Host) -> None:
    promised = total(before, "php8.3-fpm")
    assert 160 * GiB <= promised < 170 * GiB
    assert promised > 10 * RAM
    assert finding(before, "CAP101").message == "pool `www` may take 10 times the RAM"


def test_both_buffer_pool_files_are_named_with_what_wins(before: Host) -> None:
    (pool,) = before.settings.of("innodb_buffer_pool_size")
    assert (pool.value, pool.text) == (512 * MiB, "512M")
    assert str(pool.origin) == "/etc/mysql/mariadb.conf.d/99-performance.cnf:2:27"
    stray = finding(before, "CAP202")
    assert stray.message == "innodb_buffer_pool_size = 2G is never read"
    assert [str(mark.at) for mark in stray.marks] == [
        "/etc/mysql/mysql.conf.d/performance.cnf:2:27", "/etc/mysql/mariadb.conf.d/99-performance.cnf:2:27",
    ]  # fmt: skip
    assert any("its own default, 128.0 MiB, not 2G" in note for note in stray.notes)


def test_one_command_one_screen_exit_1(capsys) -> None:
    assert main(["check", "--example", "incident-before"]) == 1
    lines = capsys.readouterr().out.split("\n")
    assert lines[0] == "api-gateway can run out of memory: 11 times its RAM."
    assert re.search(r"reachable 17\d\.\d GiB · promised 19\d\.\d GiB", lines[1])
    screen = lines[: next(i for i, line in enumerate(lines) if line.startswith("error["))]
    assert len(screen) <= 24
    assert max(map(len, screen)) <= 80


def test_with_512_megabytes_the_bill_still_passes_the_alert_line(before: Host) -> None:
    bill = before.but({"www.memory_limit": "512M"}).bill()
    assert bill.verdict == "over"
    assert 100 * bill.used > 85 * RAM
    children = sum(c.total for c in bill.claims if c.service == "php8.3-fpm/www")
    assert 10 * GiB < children < 11 * GiB


# ---------------------------------------------------------------------------------------------- after the first fix


def test_the_built_in_128_megabytes_are_in_force_and_it_says_why(after: Host) -> None:
    (pool,) = after.settings.of("innodb_buffer_pool_size")
    assert (pool.value, pool.origin.kind) == (128 * MiB, "default")
    two = finding(after, "CAP202", "= 2G")
    assert "no !includedir names /etc/mysql/mysql.conf.d" in two.notes
    assert "in effect: innodb_buffer_pool_size = 128.0 MiB, the default of mariadbd 10.11.11" in two.notes
    assert "its name does not end in .cnf" in finding(after, "CAP202", "= 512M").notes


def test_swap_is_reported_as_a_level_and_not_as_a_rate(after: Host) -> None:
    used = (4194304 - 754975 - 12288) * KiB
    found = finding(after, "CAP002")
    assert (found.message, found.bytes) == ("swap is 82 % used: a level, not a rate", used)


def test_it_is_over_in_both_scenarios(after: Host) -> None:
    bills = {name: after.bill(name) for name in ("reachable", "promised")}
    assert {bill.verdict for bill in bills.values()} == {"over"}
    assert 24 * GiB < bills["reachable"].total < 29 * GiB
    assert 38 * GiB < bills["promised"].total < 45 * GiB


def test_each_service_adds_up_by_hand(after: Host) -> None:
    heap = 20 * 512 * MiB
    pool = [claim for claim in after.bill().claims if claim.service == "php8.3-fpm/www"]
    assert sum(c.total for c in pool if c.name == "zend_heap") == heap
    assert heap < total(after, "php8.3-fpm") - 128 * MiB < heap + 20 * 16 * MiB

    # 20 children and 10 queue workers with one connection each, and 5 others; the server listens on 127.0.0.1 alone
    packets, joins, sorts = 4 * 16 * MiB, 3 * 256 * KiB, 2 * MiB + mariadb.SORT_FILES
    table = 16 * MiB * 9 // 8  # with the block that passed the limit; the heap keeps two blocks for a table's keys
    spills = 2 * (table + mariadb.SPILL_FILES) + 2 * table
    session = mariadb.CONNECTION + packets + -(-(joins + sorts) * 11 // 10) + spills
    (sessions,) = [claim for claim in after.bill().claims if claim.name == "session_memory"]
    assert (sessions.count, sessions.each) == (20 + 10 + 5, session)
    (promised,) = [claim for claim in after.bill("promised").claims if claim.name == "session_memory"]
    assert (promised.count, promised.each) == (151 + 1, session)
    globals_ = -(-128 * MiB * 1011 // 1000) + 2 * 16 * MiB + 128 * MiB + 128 * MiB + 1 * MiB + mariadb.BASE_SERVER
    named = ("buffer_pool", "log_buffers", "key_buffer", "aria_page_cache", "query_cache", "base_server")
    assert sum(c.total for c in after.bill().claims if c.name in named) == globals_


def figures(tree: Path) -> dict[str, list[tuple[str, int, int, int]]]:
    """(cgroup, Private_Dirty + Swap, Pss_Shmem, VmPTE) of every process of a tree; read without the library."""
    found: dict[str, list[tuple[str, int, int, int]]] = {}
    for folder in sorted((tree / "proc").iterdir()):
        if folder.name.isdigit():
            text = (folder / "smaps_rollup").read_text() + (folder / "status").read_text()
            size = {name: int(kib) * KiB for name, kib in re.findall(r"^(\w+):\s*(\d+) kB$", text, re.MULTILINE)}
            group = (folder / "cgroup").read_text().strip().removeprefix("0::")
            row = (group, size["Private_Dirty"] + size["Swap"], size["Pss_Shmem"], size["VmPTE"])
            found.setdefault((folder / "comm").read_text().strip(), []).append(row)
    return found


@pytest.mark.parametrize("state", ["before", "after-first-fix"])
def test_every_other_process_is_in_the_bill_once_at_its_measured_figure(state: str) -> None:
    host = capacity.read_host(TREES / state)
    seen = figures(TREES / state)
    for name, rows in seen.items():
        claims = [c for c in host.bill().claims if c.service.split("@")[0] == name and c.process == "seen running"]
        if name in {"php-fpm8.3", "mariadbd"}:
            assert claims == []  # priced by their own datasheets
            continue
        assert sum(c.total for c in claims if c.kind == "private") == sum(row[1] for row in rows), name
        assert sum(c.total for c in claims if c.kind == "shared") == sum(row[2] for row in rows), name
        assert sum(c.total for c in claims if c.kind == "kernel") == sum(row[3] for row in rows), name


# ---------------------------------------------------------------------------------------------- faces


def test_the_tree_and_its_archive_give_the_same_document(capsys) -> None:
    main(["check", "--example", "incident-before", "--json"])
    archived = capsys.readouterr().out
    main(["check", str(TREES / "before"), "--json"])
    assert capsys.readouterr().out == archived


def test_a_wall_can_be_added_like_a_setting(after: Host) -> None:
    walled = after.but({"user.slice.MemoryMax": "2G"})
    inside = sum(c.total for c in walled.bill().claims if c.cgroup.startswith("/user.slice"))
    (line,) = walled.bill().walls
    assert (line.name, line.service, line.relief) == ("MemoryMax", "user.slice", inside - 2 * GiB)
    assert after.bill().total - walled.bill().total == line.relief


def test_the_document_names_what_is_in_force_and_what_is_not_read(capsys) -> None:
    assert main(["check", "--example", "incident-before", "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["exit_code"] == 1
    assert [one["file"] for one in data["never_read"]] == ["/etc/mysql/mysql.conf.d/performance.cnf"]
    assert {(p["program"], p["instance"], p["enabled"]) for p in data["host"]["programs"]} == {
        ("php-fpm", "php8.3-fpm", True), ("mariadbd", "mariadb", True),
    }  # fmt: skip
    assert data["host"]["mem_total_bytes"] == RAM
