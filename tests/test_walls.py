"""Walls round programs: units, slices, drop-ins, control groups of both versions, one process; added up by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

import capacity
from capacity.arithmetic import UNLIMITED
from capacity.bill import Bill
from capacity.host import Host
from capacity.memory import Memory
from capacity.services.php_fpm import PhpFpm, PhpFpmPool
from capacity.units import GiB, KiB, MiB
from capacity.walls import Wall
from tests.trees import MEMINFO, PHP, SMALL, UNIT, pool, process, write

RAM = 16384000 * KiB
SERVICE = "/usr/lib/systemd/system/php8.2-fpm.service"
START = f"ExecStart=/usr/sbin/php-fpm8.2 --nodaemonize --fpm-config {PHP}/php-fpm.conf\n"
DATABASE = "/usr/lib/systemd/system/mariadb.service"
SESSION = "/user.slice/user-1000.slice/session-3.scope"
SWAP = MEMINFO.replace("SwapTotal:             0", "SwapTotal:       2097152").replace(
    "SwapFree:              0", "SwapFree:        2097152"
)
Tree = Mapping[str, str]


def php(lines: str) -> dict[str, str]:
    return {SERVICE: UNIT.format(service=START + lines)}


def read(folder: Path, *trees: Tree) -> Host:
    files = dict(SMALL)
    for tree in trees:
        files.update(tree)
    return capacity.read_host(write(folder, files))


def claimed(bill: Bill, *services: str) -> int:
    """Bytes of the claims of these services, their parts with them, as if nothing held them back."""
    return sum(claim.total for claim in bill.claims if claim.service.split("/")[0] in services)


def lines(bill: Bill) -> list[tuple[str, str, int]]:
    return [(line.service, line.name, line.relief) for line in (*bill.caps, *bill.walls)]


def heaps(host: Host) -> list[PhpFpmPool]:
    return [one for service in host.services if isinstance(service, PhpFpm) for one in service.pools]


# ---------------------------------------------------------------------------------------------- units and slices


def test_a_unit_takes_what_its_limit_leaves(tmp_path: Path) -> None:
    bill = read(tmp_path, php("MemoryMax=256M")).bill("promised")
    inside = claimed(bill, "php8.2-fpm")
    assert inside > 6 * 64 * MiB
    assert lines(bill) == [("php8.2-fpm.service", "MemoryMax", inside - 256 * MiB)]
    assert bill.total == 256 * MiB + claimed(bill, "mariadbd")


def test_a_limit_above_what_is_inside_takes_nothing_off(tmp_path: Path) -> None:
    bill = read(tmp_path, php("MemoryMax=1G")).bill("promised")
    assert lines(bill) == []
    assert bill.total == claimed(bill, "php8.2-fpm", "mariadbd")


@pytest.mark.parametrize(
    ("drop_in", "left"),
    [
        ("MemoryMax=300M", 300 * MiB), ("MemoryMax=", UNLIMITED), ("MemoryMax=infinity", UNLIMITED),
        ("MemoryMax=lots", 256 * MiB), ("MemoryMax=0", 256 * MiB),
    ],
)  # fmt: skip
def test_a_drop_in_comes_over_the_unit(drop_in: str, left: float, tmp_path: Path) -> None:
    path = "/etc/systemd/system/php8.2-fpm.service.d/limit.conf"
    host = read(tmp_path, php("MemoryMax=256M"), {path: f"[Service]\n{drop_in}\n"})
    assert [wall.memory_max for wall in host.walls] == ([left] if left != UNLIMITED else [])
    bill = host.bill("promised")
    assert bill.total == claimed(bill, "mariadbd") + min(left, claimed(bill, "php8.2-fpm"))


def test_a_slice_holds_every_service_in_it(tmp_path: Path) -> None:
    both = {
        **php("Slice=web.slice\n"),
        DATABASE: UNIT.format(service="User=mysql\nSlice=web.slice\nExecStart=/usr/sbin/mariadbd"),
        "/etc/systemd/system/web.slice": "[Slice]\nMemoryMax=1G\n",
    }  # fmt: skip
    bill = read(tmp_path, both).bill("promised")
    assert lines(bill) == [("web.slice", "MemoryMax", claimed(bill, "php8.2-fpm", "mariadbd") - GiB)]
    assert bill.total == GiB


def test_of_nested_walls_each_takes_off_what_the_inner_ones_left(tmp_path: Path) -> None:
    nested = {
        **php("Slice=web-php.slice\nMemoryMax=400M\n"),
        DATABASE: UNIT.format(service="User=mysql\nSlice=web.slice\nExecStart=/usr/sbin/mariadbd"),
        "/etc/systemd/system/web-php.slice": "[Slice]\nMemoryMax=200M\n",
        "/etc/systemd/system/web.slice": "[Slice]\nMemoryMax=1G\n",
    }
    bill = read(tmp_path, nested).bill("promised")
    assert lines(bill) == [
        ("php8.2-fpm.service", "MemoryMax", claimed(bill, "php8.2-fpm") - 400 * MiB),
        ("web-php.slice", "MemoryMax", 200 * MiB),
        ("web.slice", "MemoryMax", claimed(bill, "mariadbd") + 200 * MiB - GiB),
    ]
    assert bill.total == GiB


def test_a_share_of_the_ram_is_whole_pages_of_it(tmp_path: Path) -> None:
    (wall,) = read(tmp_path / "known", php("MemoryMax=1.5%")).walls
    assert wall.memory_max == RAM // 4096 * 150 // 10000 * 4096
    files = {path: text for path, text in {**SMALL, **php("MemoryMax=1%")}.items() if path != "/proc/meminfo"}
    host = capacity.read_host(write(tmp_path / "unknown", files))
    assert host.walls == ()
    assert host.bill().verdict == "unknown"
    assert any("MemoryMax is not known: a share of RAM" in doubt for doubt in host.doubts)
    given = capacity.read_host(tmp_path / "unknown", memory="8G")
    assert [wall.memory_max for wall in given.walls] == [8 * GiB // 4096 * 100 // 10000 * 4096]


def test_memory_high_is_no_wall(tmp_path: Path) -> None:
    plain, high = read(tmp_path / "a"), read(tmp_path / "b", php("MemoryHigh=100M"))
    assert high.bill("promised").total == plain.bill("promised").total
    assert [finding.message for finding in high.findings() if finding.code == "CAP401"] == [
        "MemoryHigh of php8.2-fpm.service slows, and does not stop"
    ]


# ---------------------------------------------------------------------------------------------- swap


@pytest.mark.parametrize(
    ("swap_max", "beside"),
    [("", 2 * GiB), ("MemorySwapMax=0\n", 0), ("MemorySwapMax=50M\n", 50 * MiB), ("MemorySwapMax=9G\n", 2 * GiB)],
)
def test_a_wall_holds_ram_and_with_a_limit_of_swap_ram_and_swap(swap_max: str, beside: int, tmp_path: Path) -> None:
    bill = read(tmp_path, php(f"MemoryMax=256M\n{swap_max}"), {"/proc/meminfo": SWAP}).bill("promised")
    inside, other = claimed(bill, "php8.2-fpm"), claimed(bill, "mariadbd")
    assert bill.bounded_total == 256 * MiB + other
    assert bill.bounded_both == min(inside, 256 * MiB + beside) + other


@pytest.mark.parametrize(("swap_max", "verdict"), [("", "over"), ("MemorySwapMax=0\n", "fits")])
def test_the_verdict_looks_at_ram_and_swap(swap_max: str, verdict: str, tmp_path: Path) -> None:
    # 72 GiB and 9 GiB behind 2 GiB each: the RAM holds both; 2 + 6 GiB and 2 + 6 GiB are more than RAM and swap
    tree = {
        **php(f"MemoryMax=2G\n{swap_max}"), f"{PHP}/pool.d/www.conf": pool(children=9, limit="8192M"),
        "/etc/systemd/system/user.slice": f"[Slice]\nMemoryMax=2G\n{swap_max}",
        "/proc/meminfo": SWAP.replace("16384000", " 8192000").replace("2097152", "6291456"),
        **process(600, "java", "java", cgroup=SESSION, private=9 * 1024 * 1024),
    }  # fmt: skip
    bill = read(tmp_path, tree).bill()
    assert bill.bounded_total == 4 * GiB + claimed(bill, "mariadbd") < bill.budget.total
    beside = 0 if swap_max else 2 * 6 * GiB
    assert bill.bounded_both == 4 * GiB + beside + claimed(bill, "mariadbd")
    assert bill.verdict == verdict


# ---------------------------------------------------------------------------------------------- control groups

NODE = process(500, "node", "node", "server.js", cgroup=SESSION, private=2_000_000, tables=4000)
HELD = 2_004_000 * KiB


@pytest.mark.parametrize(
    ("limits", "group"),
    [
        ({"user.slice": "1073741824", "user.slice/user-1000.slice": "max"}, "user.slice"),
        ({"user.slice": "max", "user.slice/user-1000.slice": "1073741824"}, "user-1000.slice"),
        ({"user.slice": "1073741824", "user.slice/user-1000.slice": "5000000000"}, "user.slice"),
        ({SESSION[1:]: "1073741824"}, "session-3.scope"),
    ],
)
def test_a_limit_of_version_2_is_a_wall_wherever_it_stands(limits: Tree, group: str, tmp_path: Path) -> None:
    files = {f"/sys/fs/cgroup/{path}/memory.max": f"{text}\n" for path, text in limits.items()}
    bill = read(tmp_path, NODE, files, {"/sys/fs/cgroup/cgroup.controllers": "cpu memory\n"}).bill()
    assert claimed(bill, "node") == HELD
    assert lines(bill) == [(group, "MemoryMax", HELD - GiB)]


@pytest.mark.parametrize(
    "groups",
    [
        "4:memory:/user.slice/user-1000.slice\n1:name=systemd:/user.slice/user-1000.slice/session-3.scope\n",
        f"4:memory:/user.slice/user-1000.slice\n0::{SESSION}\n",
        f"4:memory:{SESSION}\n0::{SESSION}\n",
    ],
    ids=["version 1 alone", "hybrid", "hybrid, same place"],
)
def test_a_limit_of_version_1_is_a_wall(groups: str, tmp_path: Path) -> None:
    files = {
        "/proc/500/cgroup": groups, "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "/sys/fs/cgroup/memory/user.slice/user-1000.slice/memory.limit_in_bytes": "1073741824\n",
    }  # fmt: skip
    bill = read(tmp_path, NODE, files).bill()
    assert lines(bill) == [("user-1000.slice", "MemoryMax", HELD - GiB)]


def test_a_limit_that_cannot_be_read_takes_nothing_off_and_is_said(tmp_path: Path) -> None:
    files = {"/sys/fs/cgroup/cgroup.controllers": "memory\n", "/sys/fs/cgroup/user.slice/memory.max": "lots\n"}
    bill = read(tmp_path, NODE, files).bill()
    assert lines(bill) == []
    assert bill.verdict == "unknown"


def test_the_unit_speaks_before_the_kernel(tmp_path: Path) -> None:
    files = {
        "/sys/fs/cgroup/cgroup.controllers": "memory\n",
        "/sys/fs/cgroup/system.slice/php8.2-fpm.service/memory.max": "134217728\n",
    }
    assert [wall.memory_max for wall in read(tmp_path / "unit", files, php("MemoryMax=256M")).walls] == [256 * MiB]
    assert [wall.memory_max for wall in read(tmp_path / "kernel", files).walls] == [128 * MiB]


# ---------------------------------------------------------------------------------------------- walls that are given


def test_a_wall_can_be_given_where_there_is_none(tmp_path: Path) -> None:
    host = read(tmp_path, process(500, "node", "node", cgroup=SESSION, private=3_000_000))
    walled = host.but({"user.slice.MemoryMax": "2G"})
    held = claimed(walled.bill(), "node")
    assert lines(walled.bill()) == [("user.slice", "MemoryMax", held - 2 * GiB)]
    assert host.bill().total - walled.bill().total == held - 2 * GiB
    assert walled.walls[0].known["memory_max"].origin.kind == "given"
    wider = walled.but({"user.slice.MemoryMax": "infinity"})
    assert wider.bill().total == host.bill().total


@pytest.mark.parametrize("value", ["lots", "-1", "2GB", "0"])
def test_a_wall_that_systemd_refuses_is_refused(value: str, tmp_path: Path) -> None:
    with pytest.raises(capacity.CapacityError, match="a size as systemd reads it"):
        read(tmp_path).but({"user.slice.MemoryMax": value})


# ---------------------------------------------------------------------------------------------- inside a wall


def test_an_unlimited_pool_inside_a_wall_is_what_the_wall_leaves_to_it(tmp_path: Path) -> None:
    endless = {f"{PHP}/pool.d/www.conf": pool(limit="-1")}
    open_, walled = read(tmp_path / "open", endless), read(tmp_path / "wall", endless, php("MemoryMax=512M"))
    assert open_.bill().total == UNLIMITED
    assert open_.bill().verdict == "unlimited"
    bill = walled.bill("promised")
    (heap,) = (c for c in bill.claims if c.name == "zend_heap" and c.service.endswith("/www"))
    others = claimed(bill, "php8.2-fpm") - heap.total
    assert heap.total == 512 * MiB - others
    assert heap.bound == "enforced"
    assert lines(bill) == []
    assert bill.total == 512 * MiB + claimed(bill, "mariadbd")
    assert walled.bill().verdict == "fits"


def test_a_cap_takes_off_first_and_the_wall_the_rest(tmp_path: Path) -> None:
    capped = {f"{PHP}/php-fpm.conf": f"[global]\nprocess.max = 3\ninclude={PHP}/pool.d/*.conf\n"}
    bill = read(tmp_path, capped, php("MemoryMax=256M")).bill("promised")
    each = [c for c in bill.claims if c.service == "php8.2-fpm/www" and c.count == 4]
    child = sum(claim.each for claim in each)
    inside = claimed(bill, "php8.2-fpm")  # children of both pools cost the same: 6 of them, 3 may run
    assert lines(bill) == [
        ("php8.2-fpm", "process.max", 3 * child),
        ("php8.2-fpm.service", "MemoryMax", inside - 3 * child - 256 * MiB),
    ]
    assert bill.total == 256 * MiB + claimed(bill, "mariadbd")


def test_the_dearest_children_run_under_a_cap(tmp_path: Path) -> None:
    tree = {
        f"{PHP}/php-fpm.conf": f"[global]\nprocess.max = 3\ninclude={PHP}/pool.d/*.conf\n",
        f"{PHP}/pool.d/www.conf": pool("www", 4, "256M"), f"{PHP}/pool.d/shop.conf": pool("shop", 2, "64M"),
    }  # fmt: skip
    bill = read(tmp_path, tree).bill("promised")
    each = {
        name: sum(c.each for c in bill.claims if c.service == f"php8.2-fpm/{name}" and c.method.count == "children")
        for name in ("www", "shop")
    }
    assert lines(bill) == [("php8.2-fpm", "process.max", each["www"] + 2 * each["shop"])]


def test_address_space_holds_each_process(tmp_path: Path) -> None:
    host = read(tmp_path, php("LimitAS=48M"))
    bill = host.bill("promised")
    private = {
        name: sum(c.each for c in bill.claims if c.service == name and c.kind == "private" and c.count > 1)
        for name in ("php8.2-fpm/www", "php8.2-fpm/shop")
    }
    over = 4 * (private["php8.2-fpm/www"] - 48 * MiB) + 2 * (private["php8.2-fpm/shop"] - 48 * MiB)
    assert lines(bill) == [("php8.2-fpm.service", "LimitAS", over)]
    assert [one.memory_limit for one in heaps(host)] == [64 * MiB, 64 * MiB]


def test_address_space_bounds_what_has_no_limit(tmp_path: Path) -> None:
    tree = {**php("LimitAS=256M"), f"{PHP}/pool.d/www.conf": pool(limit="-1")}
    bill = read(tmp_path, tree).bill("promised")
    (heap,) = (c for c in bill.claims if c.name == "zend_heap" and c.service.endswith("/www"))
    assert (heap.each, heap.total) == (256 * MiB, 4 * 256 * MiB)
    (tables,) = (c for c in bill.claims if c.name == "page_tables" and c.service.endswith("/www"))
    assert tables.each == MiB  # 8 bytes a page are half of that
    assert bill.total < UNLIMITED


def test_limits_of_processes_in_nested_groups_take_each_byte_off_once() -> None:
    pool = PhpFpmPool(name="www", max_children=1)
    master = PhpFpm(name="php-fpm", cgroup="/user.slice/user-1.slice", use_zend_alloc=0, pools=(pool,))
    walls = (
        Wall(name="user-1.slice", cgroup="/user.slice/user-1.slice", limit_as=35 * MiB),
        Wall(name="user.slice", cgroup="/user.slice", limit_as=16 * MiB),
    )
    memory = Memory(name="kernel", mem_total=GiB)
    bill = Host(name="any", memory=memory, services=(master,), walls=walls).bill()
    private = [c for c in bill.claims if c.kind == "private" and c.method.count == "children"]
    assert sum(c.total for c in private) - sum(line.relief for line in bill.walls) == 16 * MiB
