"""Carets stand under the value, whatever blanks, tabs, quotes and letters stand round it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

import capacity
from capacity.host import Host
from capacity.report.lines import finding_lines
from capacity.settings import File, Setting
from tests.trees import PHP, SMALL, UNIT, write

BLANKS = st.text(" \t", max_size=4)
COMMENT = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=12)
QUOTE = st.sampled_from(["", '"', "'"])
ENCODING = st.sampled_from(["utf-8", "latin-1"])
END = st.sampled_from(["\n", "\r\n"])


@st.composite
def lines(draw: st.DrawFn, name: str, value: str, *, comment: str, quotes: bool = True) -> str:
    """A comment, and a line that assigns, spelled in one of many ways."""
    quote = draw(QUOTE) if quotes else ""
    before, around, behind = draw(BLANKS), (draw(BLANKS), draw(BLANKS)), draw(BLANKS)
    return f"{comment}{draw(COMMENT)}\n{before}{name}{around[0]}={around[1]}{quote}{value}{quote}{behind}\n"


def host_of(files: dict[str, bytes]) -> Host:
    with tempfile.TemporaryDirectory() as folder:
        return capacity.read_host(write(Path(folder), {**SMALL, **files}))


def under(setting: Setting) -> str:
    assert isinstance(setting.origin, File)
    return setting.origin.text[setting.origin.span[0] - 1 : setting.origin.span[1] - 1]


@given(
    lines("pm.max_children", "7", comment=";"),
    lines("php_admin_value[memory_limit]", "77M", comment="; "),
    ENCODING,
    END,
)
@settings(max_examples=60)
def test_in_a_pool(children: str, limit: str, encoding: str, end: str) -> None:
    text = f"[www]\nlisten = /run/a\nuser = www-data\npm = static\n{children}{limit}"
    data = text.replace("\n", end).encode(encoding, "replace")
    host = host_of({f"{PHP}/pool.d/www.conf": data})
    www = host.service("www")
    assert (www.known["max_children"].value, under(www.known["max_children"])) == (7, "7")
    assert (www.known["memory_limit"].text, under(www.known["memory_limit"])) == ("77M", "77M")


@given(lines("memory_limit", "77M", comment=";"), ENCODING, END)
@settings(max_examples=40)
def test_in_php_ini(limit: str, encoding: str, end: str) -> None:
    pool = SMALL[f"{PHP}/pool.d/www.conf"].replace("php_admin_value[memory_limit] = 64M\n", "")
    host = host_of(
        {
            f"{PHP}/php.ini": limit.replace("\n", end).encode(encoding, "replace"),
            f"{PHP}/pool.d/www.conf": pool.encode(),
        }
    )
    found = host.service("www").known["memory_limit"]
    assert (found.text, under(found)) == ("77M", "77M")


@given(
    lines("innodb-buffer-pool-size", "77M", comment="#"), lines("max_connections", "77", comment="# "), ENCODING, END
)
@settings(max_examples=60)
def test_in_an_option_file(pool: str, connections: str, encoding: str, end: str) -> None:
    data = f"[mysqld]\n{pool}{connections}".replace("\n", end).encode(encoding, "replace")
    known = (
        host_of({"/etc/mysql/mariadb.conf.d/50-server.cnf": data, "/etc/mysql/extra.cnf": b""})
        .service("mariadbd")
        .known
    )
    for name, text in (("innodb_buffer_pool_size", "77M"), ("max_connections", "77")):
        assert (known[name].text.strip("\"'"), under(known[name]).strip("\"'")) == (text, text)


@given(lines("MemoryMax", "77M", comment="#", quotes=False), ENCODING)
@settings(max_examples=40)
def test_in_a_unit(limit: str, encoding: str) -> None:
    start = f"ExecStart=/usr/sbin/php-fpm8.2 --fpm-config {PHP}/php-fpm.conf\n"
    data = UNIT.format(service=start + limit).encode(encoding, "replace")
    (wall,) = host_of({"/usr/lib/systemd/system/php8.2-fpm.service": data}).walls
    assert (wall.known["memory_max"].text, under(wall.known["memory_max"])) == ("77M", "77M")


@given(lines("php_admin_value[memory_limit]", "9000M", comment="; "), END)
@settings(max_examples=40)
def test_on_the_terminal(limit: str, end: str) -> None:
    text = f"[www]\nlisten = /run/a\nuser = www-data\npm = static\npm.max_children = 9\n{limit}"
    host = host_of({f"{PHP}/pool.d/www.conf": text.replace("\n", end).encode()})
    (finding,) = (one for one in host.findings() if one.code == "CAP101")
    shown = [line.text for line in finding_lines(finding)]
    at = next(number for number, line in enumerate(shown) if "9000M" in line and "|" in line)
    assert shown[at].index("9000M") == shown[at + 1].index("^")
    assert shown[at + 1].count("^") == len("9000M")
