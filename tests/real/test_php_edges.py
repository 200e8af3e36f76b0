"""What the datasheet of PHP-FPM says of single settings, held against the real program one by one."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from capacity.services.php_fpm import PhpFpm, PhpFpmPool
from capacity.units import KiB, MiB
from tests.real.fpm import POOL_USER, FpmServer, fpm_directory
from tests.real.php_loads.rig import LOADS, SHIPPED, VERSION, kib_of

pytestmark = pytest.mark.real

GLOBAL = "[global]\nerror_log = {dir}/log\nlog_level = error\n"
NEEDS = {"mysqli": ("mysqlnd",), "pdo_mysql": ("mysqlnd", "pdo"), "xsl": ("dom",), "xmlreader": ("dom",)}


@pytest.fixture
def directory() -> Iterator[Path]:
    with fpm_directory() as made:
        yield made


def pool(children: int = 1, extra: str = "", pm: str = "static", name: str = "w") -> str:
    return f"[{name}]\nlisten = {{dir}}/{name}.sock\n{POOL_USER}pm = {pm}\npm.max_children = {children}\n{extra}"


def peak(server: FpmServer, directory: Path, load: str, stop: int) -> int | None:
    """The heap's peak of one request in bytes; None where the process was gone before it could answer."""
    query = {"QUERY_STRING": f"load={load}&stop={stop}"}
    out, _ = server.request(LOADS / "heap.php", directory / "w.sock", query).communicate()
    found = re.search(rb"peak=(\d+)", out)
    return int(found[1]) if found else None


def model(limit: int, **settings: object) -> PhpFpm:
    one = PhpFpmPool(name="w", max_children=1, memory_limit=limit * MiB, **settings)
    return PhpFpm(name="php-fpm", version=VERSION, pools=(one,))


def each(service: PhpFpm, name: str) -> int:
    return next(int(claim.each) for claim in service.claims() if claim.name == name)


# ---------------------------------------------------------------------------------------------- where a heap ends


def test_an_array_that_doubles_passes_the_soft_limit_and_never_the_hard_one(directory: Path) -> None:
    with FpmServer(directory, GLOBAL + pool(extra="php_admin_value[memory_limit] = 104M\n")) as server:
        reached = peak(server, directory, "doubling", 0)
    assert reached is not None
    assert each(model(104, heap="soft"), "zend_heap") < reached <= each(model(104), "zend_heap")


@pytest.mark.parametrize(
    ("text", "percent"), [("", 200), ("-1", 200), ("99", 200), ("abc", 200), ("150%", 150), ("120", 120), ("250", 250)]
)
def test_the_hard_limit_stands_where_its_percentage_says(directory: Path, text: str, percent: int) -> None:
    extra = "php_admin_value[memory_limit] = 32M\n"
    if text:
        extra += f"php_admin_value[memory_hard_limit_percent] = {text}\n"
    hard = each(model(32, memory_hard_limit_percent=percent), "zend_heap")
    with FpmServer(directory, GLOBAL + pool(extra=extra), scan={"t.ini": "extension=tokenizer.so\n"}) as server:
        below = peak(server, directory, "scanner", round(hard * 0.94))
        above = peak(server, directory, "scanner", round(hard * 1.1))
    assert below is not None
    assert 0.85 * hard < below <= hard
    assert above is None or above <= hard


@pytest.mark.parametrize("kind", ["php_value", "php_admin_value"])
def test_realpath_cache_size_counts_in_a_pool(directory: Path, kind: str) -> None:
    script = "<?php for ($i = 0; $i < 3000; $i++) { realpath(__DIR__ . '/many/' . $i); } echo realpath_cache_size();"
    (directory / "many").mkdir()
    for i in range(3000):
        (directory / "many" / str(i)).touch()
    extra = f"{kind}[realpath_cache_size] = 64K\n"
    with FpmServer(directory, GLOBAL + pool(extra=extra)) as server:
        used = int(server.ask(server.script("a.php", script), directory / "w.sock"))
    assert 60 * KiB < used <= 64 * KiB


# ---------------------------------------------------------------------------------------------- the status listener


def test_children_of_a_status_listener_run_scripts_under_php_inis_limit(directory: Path) -> None:
    extra = "pm.status_listen = {dir}/s.sock\nphp_admin_value[memory_limit] = 32M\n"
    with FpmServer(directory, GLOBAL + pool(extra=extra), ini="memory_limit = 77M\n") as server:
        script = server.script("a.php", "<?php echo call_user_func('ini_get', 'memory_limit');")
        said = [server.ask(script, directory / f"{name}.sock") for name in ("w", "s")]
        assert said == [b"32M", b"77M"]
        assert server.pools() == {"w", "w_status"}


def test_a_child_that_answers_the_status_page_is_as_small_as_said(directory: Path) -> None:
    extra = "pm.status_path = /status\npm.status_listen = {dir}/s.sock\n"
    with FpmServer(directory, GLOBAL + pool(2, extra)) as server:
        page = {"SCRIPT_NAME": "/status", "REQUEST_URI": "/status", "QUERY_STRING": "full&json"}
        answer = server.ask("/status", directory / "s.sock", page)
        assert b'"pool":"w"' in answer
        (child,) = server.children("w_status")
        sizes = kib_of(Path(f"/proc/{child}/smaps_rollup")) | kib_of(Path(f"/proc/{child}/status"))
    one = PhpFpm(
        name="php-fpm", version=VERSION, pools=(PhpFpmPool(name="w", max_children=2, status_listen="s"),)
    )  # fmt: skip
    assert sizes["Private_Dirty"] * KiB <= each(one, "status_child_private")
    assert sizes["VmPTE"] * KiB <= each(one, "status_child_kernel")


# ---------------------------------------------------------------------------------------------- the master


@pytest.mark.parametrize("children", [1, 3, 4, 100, 2000])
def test_the_scoreboard_is_mapped_as_large_as_said(directory: Path, children: int) -> None:
    with FpmServer(directory, GLOBAL + pool(children, pm="ondemand")) as server:
        mapped = server.shared_mappings()
    one = PhpFpm(name="php-fpm", version=VERSION, pools=(PhpFpmPool(name="w", max_children=children),))
    assert mapped == [each(one, "scoreboard")]


@pytest.mark.parametrize("word", ["", "0", "off", "tracing", "function", "1255", "nonsense", "disable", "DISABLE"])
def test_every_word_but_disable_maps_the_jits_buffer(directory: Path, word: str) -> None:
    ini = f"zend_extension=opcache.so\nopcache.memory_consumption=16\nopcache.jit={word}\nopcache.jit_buffer_size=8M\n"
    with FpmServer(directory, GLOBAL + pool(), scan={"o.ini": ini}) as server:
        mapped = server.shared_mappings()
    one = PhpFpm(name="php-fpm", version=VERSION, pools=(PhpFpmPool(name="w", max_children=1),), opcache=1).but(
        opcache_memory_consumption="16", opcache_jit=word, opcache_jit_buffer_size="8M"
    )
    claimed = (each(one, name) for name in ("opcache_shared", "jit_shared", "scoreboard"))
    assert mapped == [size for size in claimed if size]


def test_every_extension_alone_leaves_the_master_and_its_tables_within_what_is_said(directory: Path) -> None:
    names = {link.name.partition("-")[2].removesuffix(".ini"): link.name for link in sorted(SHIPPED.iterdir())}
    over = {}
    for name in names:
        loaded = (*(need for need in NEEDS.get(name, ()) if need in names), name)
        scan: dict[str, str | bytes] = {
            names[one]: f"{'zend_' if one == 'opcache' else ''}extension={one}.so\n" for one in loaded
        }
        with FpmServer(directory, GLOBAL + pool(), scan=scan) as server:
            time.sleep(0.05)
            sizes = [
                kib_of(Path(f"/proc/{pid}/smaps_rollup")) | kib_of(Path(f"/proc/{pid}/status"))
                for pid in (server.master_pid, *server.children())
            ]
        for file in server.scan_directory.iterdir():
            file.unlink()
        one = PhpFpm(
            name="php-fpm", version=VERSION, pools=(PhpFpmPool(name="w", max_children=1),),
            extensions=loaded, extension_files=len(loaded),
        )  # fmt: skip
        private = sizes[0]["Anonymous"] * KiB - each(one, "master_private")
        tables = max(size["VmPTE"] for size in sizes) * KiB - each(one, "master_page_tables")
        if private > 0 or tables > 0:
            over[name] = (private, tables)
    assert over == {}


def test_huge_code_pages_are_memory_of_the_master(directory: Path) -> None:
    scan: dict[str, str | bytes] = {"o.ini": "zend_extension=opcache.so\nopcache.huge_code_pages=1\n"}
    held = []
    for _ in range(10):  # whether the code holds a whole huge page is a matter of where it was loaded
        with FpmServer(directory, GLOBAL + pool(), scan=scan) as server:
            held.append(kib_of(Path(f"/proc/{server.master_pid}/smaps_rollup"))["Anonymous"] * KiB)
    pools = (PhpFpmPool(name="w", max_children=1),)
    one = PhpFpm(name="php-fpm", version=VERSION, pools=pools, opcache=1, extension_files=1)
    assert each(one, "master_private") < max(held) <= each(one.but(opcache_huge_code_pages=1), "master_private")
