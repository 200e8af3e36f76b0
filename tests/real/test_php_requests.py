"""The memory_limit of single requests: what a web server sends, .user.ini, `[PATH=]` and `[HOST=]`, against php-fpm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from capacity.readers.php_layers import read_user_ini
from capacity.readers.php_limits import (
    FastCgi,
    fastcgi_assignments,
    memory_limit_of,
    setting_in_force,
    special_lines,
)
from capacity.readers.php_sizes import php_limit
from capacity.settings import File
from capacity.units import MiB
from tests.real.fpm import fpm_directory
from tests.real.php_asking import ASK, LIVE, check_request, reading_of, server_of, started
from tests.real.php_cases import OPCACHE, Case, pool

pytestmark = pytest.mark.real


@pytest.fixture
def directory() -> Iterator[Path]:
    with fpm_directory() as found:
        yield found


ADMIN = "php_admin_value[memory_limit] = 96M\n"
SENT = {
    "nothing": {},
    "value": {"PHP_VALUE": "memory_limit=201M"},
    "admin": {"PHP_ADMIN_VALUE": "memory_limit=202M"},
    "both": {"PHP_VALUE": "memory_limit=201M", "PHP_ADMIN_VALUE": "memory_limit=202M"},
    "refused_value": {"PHP_VALUE": "memory_limit=201MB"},
    "refused_admin": {"PHP_ADMIN_VALUE": "memory_limit=202MB"},
    "two_lines": {"PHP_VALUE": "memory_limit=201M\nmemory_limit=203M"},
    "error_between": {"PHP_VALUE": "memory_limit=201M\nx=(\nmemory_limit=203M"},
    "array_between": {"PHP_VALUE": "memory_limit=201M\nx[1]=5\nmemory_limit=204M"},
    "other_setting": {"PHP_VALUE": "upload_max_filesize=64M"},
}
SPECIALS = {
    "none": "",
    "path": "[PATH={dir}]\nmemory_limit = 71M\n",
    "path_with_slash": "[path={dir}/]\nmemory_limit = 71M\n",
    "path_above": "[PATH=/tmp]\nmemory_limit = 71M\n",
    "path_deeper_first": "[PATH={dir}]\nmemory_limit = 71M\n[PATH=/tmp]\nmemory_limit = 72M\n",
    "part_of_a_name": "[PATH=/tm]\nmemory_limit = 71M\n",
    "refused": "[PATH={dir}]\nmemory_limit = 71MB\n",
    "refused_over_a_good_one": "[PATH={dir}]\nmemory_limit = 71MB\n[PATH=/tmp]\nmemory_limit = 72M\n",
    "two_lines": "[PATH={dir}]\nmemory_limit = 71M\nmemory_limit = 73M\n",
    "two_lines_the_last_refused": "[PATH={dir}]\nmemory_limit = 71M\nmemory_limit = 73MB\n",
    "host": "[HOST=Example.COM]\nmemory_limit = 71M\n",
    "host_and_path": "[HOST=example.com]\nmemory_limit = 71M\n[PATH={dir}]\nmemory_limit = 72M\n",
    "other_host": "[HOST=example.org]\nmemory_limit = 71M\n",
}
USER_INIS = {"absent": "", "sets": "memory_limit = 120M\n", "refused": "memory_limit = 110M\nmemory_limit = 1MB\n"}


@pytest.mark.parametrize("user_ini", USER_INIS)
@pytest.mark.parametrize("extra", ["", "php_value[memory_limit] = 97M\n", ADMIN], ids=["bare", "value", "admin"])
@pytest.mark.parametrize("sent", SENT)
def test_web_servers_values_and_user_ini(sent: str, extra: str, user_ini: str, directory: Path) -> None:
    """What a web server sends is in force for the request, below a .user.ini that nothing pins down."""
    params = SENT[sent]
    text = USER_INIS[user_ini]
    files: dict[str, str | bytes] = {".user.ini": text} if text else {}
    server = server_of(Case("", pool(extra=extra), ini="memory_limit = 64M\n", files=files), directory)
    layers, read = reading_of(server)
    at = File("/etc/nginx/nginx.conf", 1)
    lines, _ = read_user_ini(LIVE, str(directory), layers.variables)
    ours = setting_in_force(
        "memory_limit",
        php_limit,
        128 * MiB,
        read.pools[0],
        layers,
        user_ini=lines.get("memory_limit", []),
        fastcgi=FastCgi(
            "via nginx",
            fastcgi_assignments(params.get("PHP_VALUE", ""), at),
            fastcgi_assignments(params.get("PHP_ADMIN_VALUE", ""), at, admin=True),
        ),
    )
    with server:
        check_request(server, ours, params)


@pytest.mark.parametrize("extra", ["", ADMIN], ids=["bare", "admin"])
@pytest.mark.parametrize("special", SPECIALS)
def test_path_and_host_sections(special: str, extra: str, directory: Path) -> None:
    """`[HOST=]` and `[PATH=]` hold over everything else, for the requests that they fit."""
    ini = "memory_limit = 64M\n" + SPECIALS[special]
    files: dict[str, str | bytes] = {".user.ini": "memory_limit = 120M\n"}
    server = server_of(Case("", pool(extra=extra), ini=ini, files=files), directory)
    layers, read = reading_of(server)
    lines, _ = read_user_ini(LIVE, str(directory), layers.variables)
    ours = setting_in_force(
        "memory_limit",
        php_limit,
        128 * MiB,
        read.pools[0],
        layers,
        user_ini=lines["memory_limit"],
        special=(
            *special_lines(layers, "HOST", "example.com"),
            *special_lines(layers, "PATH", str(directory)),
        ),
    )
    with server:
        check_request(server, ours, {"SERVER_NAME": "EXAMPLE.com"})


def test_what_a_web_server_sends_stays_in_the_child(directory: Path) -> None:
    """The next request of the same child, which sends nothing, still runs under it: the reason to price it for all."""
    server = server_of(Case("", pool(children="1"), ini="memory_limit = 64M\n"), directory)
    with server:
        script, socket = server.script("ask.php", ASK), f"{directory}/www.s"
        server.ask(script, socket, {"PHP_VALUE": "memory_limit=201M"})
        assert json.loads(server.ask(script, socket))["memory_limit"] == "201M"


@pytest.mark.parametrize(
    ("name", "file"),
    [("", ".user.ini"), ("user_ini.filename = mine.ini\n", "mine.ini"), ("user_ini.filename =\n", "")],
    ids=["default", "renamed", "off"],
)
def test_name_of_user_ini(name: str, file: str, directory: Path) -> None:
    files: dict[str, str | bytes] = {".user.ini": "memory_limit=99M\n", "mine.ini": "memory_limit=98M\n"}
    server = server_of(Case("", pool(), ini=name + "memory_limit = 64M\n", files=files), directory)
    layers, read = reading_of(server)
    lines, _ = read_user_ini(LIVE, str(directory), layers.variables, file)
    ours = memory_limit_of(read.pools[0], layers, user_ini=lines.get("memory_limit", []))
    with server:
        check_request(server, ours, {})


@pytest.mark.parametrize(
    ("segment", "strings", "starts"), [(8, 7, True), (8, 8, False), (16, 15, True), (16, 16, False)]
)
def test_interned_strings_lie_inside_the_segment(segment: int, strings: int, starts: bool, directory: Path) -> None:
    """From a buffer as large as the segment on the master dies before it reads its own configuration."""
    ini = f"opcache.memory_consumption={segment}\nopcache.interned_strings_buffer={strings}\n"
    server = server_of(Case("", pool(), ini=ini, scan=OPCACHE), directory)
    refused = started(server)
    try:
        assert (refused is None) == starts
        if refused is None:
            assert segment * MiB in server.shared_mappings()
        else:
            assert "interned strings buffer" in refused.output
    finally:
        server.stop()
