"""Text of a configuration is shown and never obeyed; what could be a secret is never shown."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import capacity
from capacity.cli import main
from tests.trees import PHP, SMALL, UNIT, WANTS, dpkg, pool, process, write

PLANTED = (
    "\x1b[31mred\x1b[0m", "\x1b]8;;http://x.example\x07link\x1b]8;;\x07", "\x1b]0;title\x07", "\x9b2J", "a\rb",
    "a\bb", "\x07", "\u202egnp.exe", "\u2066hidden\u2069", "zero\u200bwidth", "\ufeffmark", "line\u2028end",
    "next\x85line", "tab\there", "<script>alert(1)</script>", "<img src=x onerror=y>", "](http://x.example)",
    "[bold red]", "[/]", ":boom:", "`code`", "| cell |", "# heading", "::error::", "%s %n", "{0}", "${HOME}",
    "'; drop", '"quoted"', "\\x1b", "\x7f", "e\u0301\u0323", "\U0001f469\u200d\U0001f4bb", "\u0600",
    "\U000e0041", "\ud7ff", "\uffff",
)  # fmt: skip
ALPHABET = st.characters(exclude_categories=["Cs"], exclude_characters="/\0")
HOSTILE = st.one_of(st.sampled_from(PLANTED), st.text(ALPHABET, min_size=1, max_size=12))
BIDI = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u200c\u200d\u2060\ufeff"
)
COMMANDS = (
    ("check", "-v"), ("check", "--json"), ("explain",), ("explain", "--assumptions"), ("settings",),
    ("settings", "--json"),
)  # fmt: skip


def answers(root: Path, *more: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """(command, everything that it printed) for each command."""
    for name, *options in (*COMMANDS, *([more] if more else ())):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([name, str(root), *options])
        assert code in {0, 1, 2}
        yield (name, *options), out.getvalue() + err.getvalue()


def obeyed(text: str) -> set[str]:
    """Characters of `text` that a terminal or an editor would obey, but for the ends of lines."""
    return {c for c in text if c != "\n" and (unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} or c in BIDI)}


def planted(name: str, value: str) -> dict[str, str]:
    """A host with hostile text wherever a person or a program may put it."""
    file = name.replace("/", "").replace("\0", "")[:40] or "x"
    return {
        **SMALL, **dpkg(php8__2_fpm=f"8.2.31-{value}", mariadb_server=f"1:10.11.19-{value}"),
        "/etc/hostname": f"{value}\n",
        "/etc/os-release": f"ID={value}\nPRETTY_NAME={value}\n",
        f"{PHP}/pool.d/{file}.conf": pool(name).replace("64M", f"64M ; {value}"),
        f"{PHP}/pool.d/zz.conf": f"[zz]\n{value} = 1\nlisten = {value}\nuser = {value}\npm = {value}\n",
        f"{PHP}/pool.d/{file}.bak": f"[{name}]\npm.max_children = {value}\n",
        f"{PHP}/conf.d/{file}.ini": f"extension={value}\nmemory_limit={value}\n[PATH={value}]\nmemory_limit=1G\n",
        "/etc/mysql/extra.cnf": (
            f"[mysqld]\nmax_connections = {value}\nbind-address = {value}\nloose-{value} = {value}\n"
        ),
        f"/etc/mysql/mysql.conf.d/{file}.cnf": f"[mysqld]\ninnodb_buffer_pool_size = {value}\n",
        "/etc/nginx/nginx.conf": f'http {{ server {{ location /{value} {{ fastcgi_pass unix:/run/php/www.sock; '
        f'fastcgi_param PHP_VALUE "memory_limit={value}"; }} }} }}\n',
        "/etc/systemd/system/php8.2-fpm.service.d/x.conf": (
            f"[Service]\nMemoryMax={value}\nEnvironment=X={value}\n{value}=1\n"
        ),
        "/usr/lib/systemd/system/other.service": UNIT.format(service=f"ExecStart=/bin/{value} {value}\nMemoryMax=1G"),
        f"{WANTS}/other.service": "-> /usr/lib/systemd/system/other.service",
        **process(300, value, value, cgroup=f"/{value}/{name}"),
        **process(301, value, value, cgroup=f"/other/{value}"),
    }  # fmt: skip


def harmless(root: Path) -> None:
    """Nothing that is shown of the host can be obeyed; JSON is ASCII, and is JSON."""
    for command, text in answers(root):
        if "--json" in command and text.startswith("{"):
            assert text.isascii(), command
            json.loads(text)
        assert obeyed(text) == set(), command


@pytest.mark.parametrize("text", PLANTED, ids=ascii)
def test_planted_text_is_shown_and_not_obeyed(text: str, tmp_path: Path) -> None:
    harmless(write(tmp_path, planted(text, text)))


@given(HOSTILE, HOSTILE)
@settings(max_examples=40, deadline=None)
def test_any_text_is_shown_and_not_obeyed(name: str, value: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        harmless(write(Path(folder), planted(name, value)))


def test_names_that_are_no_text_are_shown_byte_by_byte(tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    odd = os.path.join(os.fsencode(tmp_path), os.fsencode(PHP.lstrip("/")), b"pool.d", b"\xff\x1b[1m.conf")
    with open(odd, "w") as file:
        file.write(pool("odd", limit="${X}"))
    harmless(tmp_path)
    shown = dict(answers(tmp_path))[("settings",)]
    assert r"pool.d/\xff\x1b[1m.conf:5:19" in shown


def test_markup_and_brackets_survive_as_they_are(tmp_path: Path) -> None:
    text = SMALL[f"{PHP}/pool.d/www.conf"].replace("64M", "64M ; [bold red]x[/] :boom: <b>")
    root = write(tmp_path, {**SMALL, f"{PHP}/pool.d/www.conf": text, "/etc/hostname": "[bold]:boom:<b>\n"})
    shown = dict(answers(root))[("check", "-v")]
    assert shown.startswith("[bold]:boom:<b> cannot run out of memory")


# ---------------------------------------------------------------------------------------------- secrets

SECRET = "hunter2"
SECRETS: Mapping[str, str] = {
    f"{PHP}/pool.d/www.conf": SMALL[f"{PHP}/pool.d/www.conf"] + (
        f"env[DB_PASSWORD] = {SECRET}\nenv[DATABASE_URL] = mysql://app:{SECRET}@db/app\n"
        f"env[APP_KEY] = base64:{SECRET}\n"
        f'php_admin_value[mysqli.default_pw] = {SECRET}\nphp_value[session.save_path] = "tcp://c:6379?auth={SECRET}"\n'
    ),
    f"{PHP}/pool.d/shop.conf": pool("shop", 400, "3G").replace("3G", f"3G ; password={SECRET}"),
    f"{PHP}/pool.d/x.conf.bak": f"[x]\nenv[DB_PASSWORD] = {SECRET}\n",
    f"{PHP}/php.ini": (
        f'memory_limit = 128M\nmysqli.default_pw = {SECRET}\nsession.save_path = "tcp://u:{SECRET}@h:6379"\n'
        f"[PATH=/srv]\nmysqli.default_pw = {SECRET}\n"
    ),
    f"{PHP}/conf.d/20-bad.ini": f"redis.auth = {SECRET}\nsecret_key = ({SECRET}\n",
    "/etc/mysql/extra.cnf": (
        f"[client]\npassword = {SECRET}\n[mysqld]\nmax_connections = 30\nwsrep_sst_auth = root:{SECRET}\n"
        f"init_connect = \"SET @password='{SECRET}'\"\nloose-my_secret = {SECRET}\n"
    ),
    "/etc/mysql/mysql.conf.d/stray.cnf": f"[mysqld]\nwsrep_sst_auth = root:{SECRET}\ninnodb_buffer_pool_size = 2G\n",
    "/etc/nginx/nginx.conf": (
        "events {}\nhttp { server { root /srv; location ~ [.]php$ { fastcgi_pass unix:/run/php/www.sock;\n"
        f'fastcgi_param DB_PASSWORD {SECRET}; proxy_set_header Authorization "Bearer {SECRET}";\n'
        f'fastcgi_param PHP_VALUE "mysqli.default_pw={SECRET}\nmemory_limit=900G"; }}\n'
        f"location /api {{ proxy_pass http://u:{SECRET}@h/; }} }} }}\n"
    ),
    "/usr/lib/systemd/system/php8.2-fpm.service": UNIT.format(
        service=f"ExecStart=/usr/sbin/php-fpm8.2 -y {PHP}/php-fpm.conf -d mysqli.default_pw={SECRET} "
        f"-d memory_limit=800G\nEnvironment=REDIS_PASSWORD={SECRET} REDIS_URL=redis://user:{SECRET}@h/0\nEnvironmentFile=/etc/default/php"
    ),
    "/etc/default/php": f"API_TOKEN={SECRET}\nnot a line {SECRET}\n",
    "/usr/lib/systemd/system/mariadb.service": UNIT.format(
        service=f"User=mysql\nExecStart=/usr/sbin/mariadbd --wsrep-sst-auth=root:{SECRET} $MYSQLD_OPTS\n"
        f"Environment=MYSQLD_OPTS=--loose-password={SECRET}"
    ),
    "/usr/lib/systemd/system/worker.service": UNIT.format(
        service=f"ExecStart=/usr/bin/node app.js --password={SECRET} --token {SECRET} redis://user:{SECRET}@host/0\n"
        f"Environment=REDIS_PASSWORD={SECRET}\nMemoryMax=100M"
    ),
    f"{WANTS}/worker.service": "-> /usr/lib/systemd/system/worker.service",
    **process(300, "node", "node", f"--password={SECRET}", f"redis://user:{SECRET}@host", "--token", SECRET),
    **process(301, "mysql", "mysql", f"-p{SECRET}", "-uroot"),
}  # fmt: skip

BROKEN: Mapping[str, tuple[str, str]] = {
    "nothing": ("/etc/hostname", "small\n"),
    "a pool without =": (f"{PHP}/pool.d/www.conf", f"[www]\npm = static\nenv[DB_PASSWORD] {SECRET}\n"),
    "an unknown directive": (f"{PHP}/pool.d/www.conf", f"[www]\npm = static\npassword = {SECRET}\n"),
    "an array of a core setting": (f"{PHP}/php.ini", f"memory_limit[] = 1\nsecret[] = {SECRET}\n"),
    "php.ini": (f"{PHP}/php.ini", f"mysqli.default_pw = ({SECRET}\n"),
    "an unknown option": ("/etc/mysql/extra.cnf", f"[mysqld]\nmy_password = {SECRET}\n"),
    "the password of a server": ("/etc/mysql/extra.cnf", f"[mysqld]\npassword = {SECRET}\n"),
    "an option without =": ("/etc/mysql/extra.cnf", f"[mysqld]\npassword {SECRET}\n"),
    "an option without group": ("/etc/mysql/extra.cnf", f"password={SECRET}\n[mysqld]\n"),
    "a unit": (
        "/usr/lib/systemd/system/worker.service",
        f"[Service]\nExecStart=/bin/x --password='{SECRET}\nEnvironment=REDIS_PASSWORD='{SECRET}\nPASSWORD={SECRET}\n",
    ),
    "nginx": ("/etc/nginx/nginx.conf", f"http {{ server {{ auth_token {SECRET}; password {SECRET} }}\n"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_secret_is_in_no_output(broken: str, tmp_path: Path) -> None:
    path, text = BROKEN[broken]
    root = write(tmp_path, {**SMALL, **SECRETS, path: text})
    for command, shown in answers(root, "report", "-o", "-"):
        assert SECRET not in shown, command
        assert len(shown) > 100
    host = capacity.read_host(root)
    found = (
        host.findings(),
        host.refusals,
        host.remarks,
        host.exposures(),
        host.bill(),
        host.settings.to_frame().to_csv(),
    )
    assert SECRET not in repr(found)


def test_limits_beside_secrets_are_found_all_the_same(tmp_path: Path) -> None:
    host = capacity.read_host(write(tmp_path, {**SMALL, **SECRETS}))
    codes = [(finding.code, finding.message) for finding in host.findings()]
    assert ("CAP101", "pool `www` may take 231 times the RAM") in codes
    assert any(code == "CAP101" and "`shop`" in message for code, message in codes)
    assert host.service("shop").known["memory_limit"].text == "3G"
