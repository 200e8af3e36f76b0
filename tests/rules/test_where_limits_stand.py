"""A limit may stand in php.ini, in the unit or in nginx: the finding points there, and what it proposes works there."""

from __future__ import annotations

from pathlib import Path

import pytest

import capacity
from capacity.findings import Edit, Finding
from capacity.host import Host
from tests.trees import PHP, SMALL, UNIT, write

POOL = f"{PHP}/pool.d/www.conf"
SHOP = f"{PHP}/pool.d/shop.conf"
SERVICE = "/usr/lib/systemd/system/php8.2-fpm.service"
START = f"/usr/sbin/php-fpm8.2 --nodaemonize --fpm-config {PHP}/php-fpm.conf"
BARE = {path: SMALL[path].replace("php_admin_value[memory_limit] = 64M\n", "") for path in (POOL, SHOP)}
NGINX = """events {}
http { server { root /srv; location ~ [.]php$ {
  fastcgi_pass unix:/run/php/www.sock;
  fastcgi_param PHP_ADMIN_VALUE "memory_limit=%s";
} } }
"""


def started(words: str, *more: str) -> dict[str, str]:
    return {SERVICE: UNIT.format(service="\n".join((f"ExecStart={START}{words}", *more)))}


CASES: dict[str, tuple[dict[str, str], str, str, str]] = {
    # changes, code, what stands under the caret of the limit, the fix as it is typed
    "php.ini of one pool": (
        {POOL: BARE[POOL], f"{PHP}/php.ini": "memory_limit = 8192M\n"}, "CAP101",
        f"{PHP}/php.ini: 8192M", f"{PHP}/php.ini:1: memory_limit = {{}}",
    ),
    "php.ini of two pools": (
        {**BARE, f"{PHP}/php.ini": "memory_limit = 2000M\n", POOL: BARE[POOL].replace("= 4", "= 9")}, "CAP101",
        f"{PHP}/php.ini: 2000M", "php_admin_value[memory_limit] = {} in pool `www`",
    ),
    "the command line": (
        {POOL: BARE[POOL], **started(" -d memory_limit=8192M")}, "CAP101",
        f"{SERVICE}: 8192M", f"{SERVICE}:4: ExecStart={START} -d memory_limit={{}}",
    ),
    "a variable of the command line": (
        {POOL: BARE[POOL], **started(" $OPTIONS", "Environment='OPTIONS=-d memory_limit=8192M'")}, "CAP101",
        f"{SERVICE}: {START} $OPTIONS", "php_admin_value[memory_limit] = {} in pool `www`",
    ),
    "nginx": (
        {"/etc/nginx/nginx.conf": NGINX % "8192M"}, "CAP101",
        "/etc/nginx/nginx.conf: memory_limit=8192M", "memory_limit = {} at /etc/nginx/nginx.conf:4:34",
    ),
    "nginx, without a limit": (
        {"/etc/nginx/nginx.conf": NGINX % "-1"}, "CAP102",
        "/etc/nginx/nginx.conf: memory_limit=-1", "memory_limit = 256M at /etc/nginx/nginx.conf:4:34",
    ),
    "a quoted value": (
        {POOL: BARE[POOL] + 'php_value[memory_limit] = "-1"\n'}, "CAP102",
        f"{POOL}: -1", f'{POOL}:6: php_value[memory_limit] = "256M"',
    ),
    "the environment": (started("", "Environment=USE_ZEND_ALLOC=0"), "CAP102", "", "USE_ZEND_ALLOC=0 taken out of "
        "the master's environment"),
}  # fmt: skip


def found(host: Host, code: str, words: str = "`www`") -> list[Finding]:
    return [one for one in host.findings() if one.code == code and words in one.message]


@pytest.mark.parametrize("case", CASES)
def test_the_finding_points_at_the_limit_in_force_and_its_fix_works(case: str, tmp_path: Path) -> None:
    changes, code, place, fix = CASES[case]
    write(tmp_path, {**SMALL, **changes})
    host = capacity.read_host(tmp_path)
    (finding,) = found(host, code)
    shown = [
        f"{mark.at.path}: {mark.at.text[mark.at.span[0] - 1 : mark.at.span[1] - 1]}"
        for mark in finding.marks
        if not mark.loser and "at once" not in mark.words
    ]
    assert shown == ([place] if place else [])
    assert finding.change is not None
    assert str(finding.fix) == fix.format(finding.change[1])
    assert found(host.but(dict([finding.change])), code) == []
    if isinstance(finding.fix, Edit):
        typed = tmp_path / finding.fix.file.lstrip("/")
        typed.write_text(typed.read_text().replace(finding.fix.remove, finding.fix.insert))
        promised = host.but(dict([finding.change])).bill().total
        assert capacity.read_host(tmp_path).bill().total == promised


@pytest.mark.parametrize("limit", ["${LIMIT}", "64M"])
def test_a_pool_of_which_something_is_not_known_is_no_traceback(limit: str, tmp_path: Path) -> None:
    text = SMALL[POOL].replace("64M", limit).replace("children = 4", "children = 900000")
    files = {path: content for path, content in SMALL.items() if "php8.2-fpm.service" not in path}
    host = capacity.read_host(write(tmp_path, {**files, POOL: text}))
    (finding,) = found(host, "CAP101")  # what 900000 children take beside their heaps is above any RAM
    assert (finding.change is None) == (limit != "64M")
    assert host.bill().verdict == "over"


def test_a_limit_that_is_none_is_not_said_to_be_raisable(tmp_path: Path) -> None:
    text = BARE[POOL] + "php_value[memory_limit] = -1\n"
    host = capacity.read_host(write(tmp_path, {**SMALL, POOL: text}))
    assert found(host, "CAP102")
    assert found(host, "CAP103") == []


def test_sessions_are_not_cut_for_clients_that_refuse_to_start(tmp_path: Path) -> None:
    many = {"/etc/mysql/extra.cnf": "[mysqld]\nmax_connections = 300\n"}
    whole = capacity.read_host(write(tmp_path / "whole", {**SMALL, **many}))
    assert [finding.change for finding in whole.findings() if finding.code == "CAP204"] == [
        ("mariadbd.max_connections", str(4 + 2 + 5 + 5))
    ]
    broken = {POOL: SMALL[POOL] + "no_such_directive = 1\n"}
    host = capacity.read_host(write(tmp_path / "broken", {**SMALL, **many, **broken}))
    assert [finding.code for finding in host.findings() if finding.code in {"CAP204", "CAP301"}] == ["CAP301"]
