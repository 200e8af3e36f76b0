"""Our reading of php.ini layers, php-fpm.conf and pools against a started php-fpm, one configuration a test.

Each case is started with its own files; a script is then asked over every pool's socket what is in force, and the
dump of `php-fpm -tt` says which pools there are. Where php-fpm does not start, we must have a Refusal, and only there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from capacity.readers.php_fpm import FpmConfiguration
from capacity.readers.php_fpm_rules import full_path
from capacity.readers.php_layers import PhpLayers
from capacity.readers.php_limits import InForce, hard_percent, memory_limit_of, setting_in_force
from capacity.readers.php_sizes import apc_memory, opcache_memory, php_bytes, php_flag
from capacity.units import MiB
from tests.real.fpm import FpmServer, fpm_directory
from tests.real.php_asking import ASK, EXCEED, limit_in_force, reading_of, server_of, started
from tests.real.php_cases import GRAMMAR, LAYERS, SIZES, Case
from tests.real.php_fpm_cases import OPCACHES, RULES, STREAM

pytestmark = pytest.mark.real


HARD = "memory_hard_limit_percent"
CASES = [*GRAMMAR, *SIZES, *LAYERS, *STREAM, *RULES, *OPCACHES]


@pytest.fixture
def directory() -> Iterator[Path]:
    with fpm_directory() as found:
        yield found


def dumped(text: str) -> dict[str, list[tuple[str, str]]]:
    """Pools and their lines, in order, from the dump of `php-fpm -tt`."""
    found: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] = []
    for line in text.split("\n"):
        body = line.partition("NOTICE: ")[2]
        if body.startswith("[") and body.endswith("]") and not body.startswith("[pool "):
            current = found.setdefault(body[1:-1], [])
        elif body.startswith("\t") and " = " in body:
            name, _, value = body.strip("\t").partition(" = ")
            current.append((name, value))
    found.pop("global", None)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_reading_is_what_php_fpm_does(case: Case, directory: Path) -> None:
    server = server_of(case, directory)
    layers, read = reading_of(server)
    status, dump = server.test()
    refused = started(server)
    ours = [*read.refusals, *layers.refusals()]
    try:
        assert bool(ours) == (refused is not None), (ours, refused)
        if refused is not None:
            assert refused.status is not None
            return
        assert status == 0
        if not case.quiet:
            check_pools(read, dump)
        for one in read.pools:
            if case.ask:
                socket = full_path(one.text("listen") or "", one.text("prefix"))
                check_answer(server, socket, memory_limit_of(one, layers), layers)
                check_percent(server, socket, setting_in_force(HARD, hard_percent, 200, one, layers))
            else:
                count = one.number("pm.max_children") or 0
                assert len(server.wait_for_children(count, one.name)) == count
        check_segment(layers, server)
    finally:
        server.stop()


def check_pools(read: FpmConfiguration, dump: str) -> None:
    """The pools in their order, their counts, and their lists, which the dump prints newest first."""
    said = dumped(dump)
    assert [one.name for one in read.pools] == [name.encode("utf-8", "replace").decode() for name in said]
    for one in read.pools:
        lines = said[one.name]
        known = dict(lines)
        for name in ("pm.max_children", "pm.min_spare_servers", "pm.max_spare_servers", "pm.max_requests"):
            if one.text("pm") != "ondemand" or "spare" not in name:
                assert one.number(name) == int(known[name]), name
        assert (one.text("pm") or "").lower() == known["pm"]
        listed = {"env": one.env, "php_value": one.php_values, "php_admin_value": one.php_admin_values}
        for word, ours in listed.items():
            theirs = [(name, value) for name, value in lines if name.startswith(f"{word}[")]
            assert [(f"{word}[{line.name}]", line.value) for line in ours] == theirs


def check_answer(server: FpmServer, socket: str, ours: InForce, layers: PhpLayers) -> None:
    answer = json.loads(server.ask(server.script("ask.php", ASK), socket))
    assert ours.setting.value == limit_in_force(server, server.script("exceed.php", EXCEED), socket), (ours, answer)
    assert (ours.setting.text or "128M") == answer["memory_limit"]
    assert ours.raisable == answer["raised"]
    assert (layers.loaded or False) == answer["loaded"]
    listed = [path.strip() for path in (answer["scanned"] or "").split(",") if path.strip()]
    assert list(layers.scanned) == listed
    marker = layers.winning("capacity_marker")
    assert (marker.value if marker else False) == answer["marker"]


def check_percent(server: FpmServer, socket: str, ours: InForce) -> None:
    answer = json.loads(server.ask(server.script("ask.php", ASK), socket))
    assert (answer["percent"] or "") == ours.setting.text


def check_segment(layers: PhpLayers, server: FpmServer) -> None:
    """The shared segments are as large as php.ini's layers say, whatever a pool says."""

    def own(name: str, read: Callable[[str], int | None], built_in: int) -> int:
        line = layers.winning(name)
        size = read(line.value or "") if line is not None else None
        return size if size is not None else built_in

    wanted = []
    if "opcache" in layers.extension_names("zend_extension") and own("opcache.enable", php_flag, 1):
        wanted += [own("opcache.memory_consumption", opcache_memory, 128 * MiB)]
        wanted += [max(0, own("opcache.jit_buffer_size", php_bytes, 0))]
    if "apcu" in layers.extension_names("extension") and own("apc.enabled", php_flag, 1):
        wanted += [own("apc.shm_size", apc_memory, 32 * MiB)]
    mapped = [size for size in server.shared_mappings() if size >= MiB]  # scoreboards are smaller
    assert mapped == sorted((size for size in wanted if size), reverse=True)
