"""Any damage to the files of a host gives a document or a CapacityError, and never another exception."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

import capacity
from capacity.report.document import assumptions, document, settings_document
from capacity.report.explanations import assumed, explain
from capacity.report.explanations import settings as shown_settings
from capacity.report.terminal import check
from tests.trees import PHP, SMALL, UNIT, WANTS, process, write

GROUP = "/system.slice/php8.2-fpm.service"
# SMALL, and everything else that a host may have: a web server, processes, groups, slices, a swap, a stray file.
RICH: Mapping[str, str] = {
    **SMALL,
    "/etc/nginx/nginx.conf": (
        "events {}\nhttp { include /etc/nginx/sites-enabled/*;\n server { root /srv/www; location ~ [.]php$ {\n"
        '  fastcgi_pass unix:/run/php/www.sock; fastcgi_param PHP_VALUE "memory_limit=96M"; } } }\n'
    ),
    "/etc/nginx/sites-enabled/a": "server { listen 80; }\n",
    "/srv/www/.user.ini": "memory_limit = 80M\n",
    f"{PHP}/conf.d/20-apcu.ini": "extension=apcu\napc.shm_size=8M\n[PATH=/srv]\nmemory_limit=90M\n",
    f"{PHP}/pool.d/old.conf.bak": "[old]\npm.max_children = 9\n",
    "/etc/mysql/mysql.conf.d/stray.cnf": "[mysqld]\ninnodb_buffer_pool_size = 2G\n",
    "/etc/systemd/system/php8.2-fpm.service.d/limit.conf": (
        "[Service]\nMemoryMax=2G\nMemoryHigh=50%\nSlice=web.slice\n"
        "Environment=PHPRC=/etc/php/8.2/fpm USE_ZEND_ALLOC=1\nEnvironmentFile=-/etc/default/php\nLimitAS=4G\n"
    ),
    "/etc/default/php": "PHP_INI_SCAN_DIR=:/etc/more\n",
    "/etc/systemd/system/web.slice": "[Slice]\nMemoryMax=3G\nMemorySwapMax=0\n",
    "/etc/systemd/system/worker@.service": UNIT.format(service="ExecStart=/usr/bin/php artisan %i\nMemoryMax=100M"),
    f"{WANTS}/worker@a.service": "-> /etc/systemd/system/worker@.service",
    "/etc/systemd/system.conf": "[Manager]\nDefaultLimitNOFILE=1024:4096\n",
    "/proc/zoneinfo": (
        "Node 0, zone   Normal\n  pages free     100\n        min      50\n        low      60\n        high     70\n"
        "        managed  4000000\n        protection: (0, 0)\n"
    ),
    "/proc/sys/vm/min_free_kbytes": "67584\n",
    "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages": "2\n",
    "/sys/block/zram0/disksize": "1073741824\n", "/sys/block/zram0/mem_limit": "0\n",
    "/sys/fs/cgroup/cgroup.controllers": "cpu memory\n", "/sys/fs/cgroup/user.slice/memory.max": "1073741824\n",
    "/sys/fs/cgroup/user.slice/memory.stat": "anon 1\nshmem 0\n", "/sys/fs/cgroup/memory.max": "max\n",
    **process(100, "php-fpm8.2", f"php-fpm: master process ({PHP}/php-fpm.conf)", cgroup=GROUP),
    **process(101, "php-fpm8.2", "php-fpm: pool www", cgroup=GROUP, parent=100, private=9000),
    **process(200, "node", "node", "--token", "x", cgroup="/user.slice/a.scope", private=90000),
    **process(201, "node", "node", cgroup="/user.slice/b.scope", rollup=False),
    **process(202, "php", "php", "artisan", cgroup="/user.slice/b.scope"),
}  # fmt: skip
PATHS = sorted(RICH)
WORDS = (
    b"-1", b"0", b"99999999999999999999999", b"1e9", b"infinity", b"max", b"%", b"${X}", b"${X:-1}", b"$pool",
    b"unlimited", b"9223372036854775807", b"9223372036854771712", b"2147483648", b"18446744073709551616", b"1.5G",
    b"512m", b"''", b'"', b"(", b"[", b"]", b"[www]", b"[mysqld]", b"[PATH=/]", b"#", b";", b"\\", b"\x00",
    b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n\n", b"!include /etc/mysql/my.cnf\n", b"!includedir /\n",
    b"include=/etc/php/8.2/fpm/*\n", b"include=/etc/php/8.2/fpm/php-fpm.conf\n", b"pm.max_children = ${N}\n",
    b"memory_limit = -1\n", b"process.max = 2\n", b"MemoryMax=\n", b"MemoryMax=10%\n", b"ExecStart=\n",
    b"ExecStart=/bin/sh -c 'exec /usr/sbin/mariadbd\n", b"performance_schema\n", b"extra_port=1\n",
    b"join_buffer_size=18446744073709551615\n", b"opcache.memory_consumption=99999999\n", b"listen = \n",
)  # fmt: skip


@st.composite
def damages(draw: st.DrawFn) -> dict[str, bytes | None]:
    """Up to three files with other content, None for a file that is gone."""
    found: dict[str, bytes | None] = {}
    for path in draw(st.lists(st.sampled_from(PATHS), min_size=1, max_size=3, unique=True)):
        found[path] = draw(st.sampled_from(WAYS))(draw, RICH[path].encode())
    return found


def _insert(draw: st.DrawFn, data: bytes) -> bytes:
    at = draw(st.integers(0, len(data)))
    return data[:at] + draw(st.one_of(st.sampled_from(WORDS), st.binary(max_size=8))) + data[at:]


def _overwrite(draw: st.DrawFn, data: bytes) -> bytes:
    at, length = draw(st.integers(0, len(data))), draw(st.integers(1, 6))
    return data[:at] + draw(st.sampled_from(WORDS)) + data[at + length :]


def _value(draw: st.DrawFn, data: bytes) -> bytes:
    """Another value in place of what stands behind a `=` or `:`."""
    lines = data.split(b"\n")
    at = draw(st.integers(0, len(lines) - 1))
    for sign in (b"=", b":"):
        name, equals, _ = lines[at].partition(sign)
        if equals:
            lines[at] = name + sign + draw(st.sampled_from(WORDS))
            break
    return b"\n".join(lines)


def _cut(draw: st.DrawFn, data: bytes) -> bytes:
    return data[: draw(st.integers(0, len(data)))]


def _again(draw: st.DrawFn, data: bytes) -> bytes:
    lines = data.split(b"\n")
    at = draw(st.integers(0, len(lines) - 1))
    return b"\n".join([*lines[: at + 1], *lines[at:]])


def _without(draw: st.DrawFn, data: bytes) -> bytes:
    lines = data.split(b"\n")
    del lines[draw(st.integers(0, len(lines) - 1))]
    return b"\n".join(lines)


def _another(draw: st.DrawFn, _: bytes) -> bytes:
    return RICH[draw(st.sampled_from(PATHS))].encode()


def _link(draw: st.DrawFn, _: bytes) -> bytes:
    return (
        b"-> " + draw(st.sampled_from(("/", "..", "/etc/mysql/my.cnf", "/nowhere", "/dev/null", "/proc", "."))).encode()
    )


def _gone(_: st.DrawFn, __: bytes) -> None:
    return None


WAYS: tuple[Callable[[st.DrawFn, bytes], bytes | None], ...] = (
    _insert, _overwrite, _value, _value, _cut, _again, _without, _another, _link, _gone,
)  # fmt: skip


def damaged(folder: Path, damage: Mapping[str, bytes | None]) -> Path:
    tree: dict[str, str | bytes] = dict(RICH)
    for path, content in damage.items():
        if content is None:
            del tree[path]
        else:
            target = content[3:].replace(b"\0", b"") if content.startswith(b"-> ") else b""
            tree[path] = f"-> {os.fsdecode(target)}" if target else content
    return write(folder, tree)


def answered(root: Path) -> None:
    """Every answer that the commands give of a host, or a CapacityError; documents are JSON and add up."""
    try:
        host = capacity.read_host(root)
    except capacity.CapacityError:
        return
    for scenario in ("reachable", "promised"):
        data = json.loads(json.dumps(document(host, scenario), allow_nan=False))
        bill = data["scenarios"][scenario]
        if bill["bounded"]:
            taken = sum(line["relief_bytes"] for line in (*bill["caps"], *bill["walls"]))
            assert sum(claim["total_bytes"] for claim in bill["claims"]) - taken == bill["total_bytes"]
        assert list(explain(host.bill(scenario)))
        other = host.bill("promised" if scenario == "reachable" else "reachable")
        assert list(check(host, host.bill(scenario), other, host.findings(), verbose=True))
    json.dumps(settings_document(host), allow_nan=False)
    assert list(shown_settings(host))
    assert list(assumed(assumptions(host)))
    for service in host.services:
        for name, setting in service.known.items():
            assert setting.value is not None, name


@given(damages())
@settings(max_examples=int(os.environ.get("CAPACITY_FUZZ", "60")), deadline=None)
def test_any_damage_gives_an_answer_or_one_error(damage: dict[str, bytes | None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        answered(damaged(Path(folder), damage))
