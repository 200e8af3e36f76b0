"""Generated texts, sizes and configurations, each read by php-fpm and by us; the seeds are fixed."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from capacity.readers.php_ini import ini_items
from capacity.readers.php_ini_text import ERROR, SECTION, Item, Variables, people
from capacity.readers.php_sizes import php_limit, php_quantity
from tests.real.fpm import FpmServer, fpm_directory
from tests.real.php_asking import reading_of, server_of
from tests.real.php_cases import Case, pool
from tests.real.test_php_readers import check_pools

pytestmark = pytest.mark.real


@pytest.fixture
def directory() -> Iterator[Path]:
    with fpm_directory() as found:
        yield found


def answers(directory: Path, script: str, lines: list[str]) -> list[object]:
    """What a script answers, one JSON text a line, about the lines of a file that it finds beside itself."""
    server = FpmServer(directory, pool(children="1", extra="env[PLACE] = /root\n"), ini="memory_limit = -1\n")
    server.args += ["-d", "display_errors=0"]
    (directory / "lines").write_text("\n".join(lines) + "\n")
    with server:
        body = server.ask(server.script("lines.php", script), directory / "www.s")
    return [json.loads(line) for line in body.decode().rstrip("\n").split("\n")]


# ------------------------------------------------------------------------------------------ grammar

PIECES = [
    *"ab==  \t#\"\"''${}()|&^~![]:,.08\\{;",
    *[
        "\n",
        "\n",
        "\r",
        "\r\n",
        "memory_limit",
        "${PLACE}",
        "${NO}",
        "on",
        "off",
        "yes",
        "none",
        "null",
        "true",
        "false",
    ],
    *["E_ALL", "E_NOTICE", "-5", "1.5", "64M", '\\"', "\\n", "\xe9", "x y", " = ", "[x]", "[a=", "php_value[", "] = "],
]
READ = """<?php
foreach (file(__DIR__ . '/lines', FILE_IGNORE_NEW_LINES) as $line) {
  $found = @parse_ini_string(base64_decode($line), false, INI_SCANNER_NORMAL);
  if ($found === false) { echo "false\\n"; continue; }
  $rows = [];
  foreach ($found as $name => $value)
    if (!is_array($value)) $rows[] = [base64_encode((string) $name), base64_encode((string) $value)];
  echo json_encode($rows), "\\n";
}
"""


def generated_text(chance: random.Random) -> bytes:
    def some(most: int) -> str:
        return "".join(chance.choice(PIECES) for _ in range(chance.randint(0, most)))

    kind = chance.random()
    if kind < 0.4:
        text = some(12)
    elif kind < 0.8:
        names = ["a", "b", "c.d", " e", "f "]
        text = "".join(f"{chance.choice(names)} = {some(4)}\n" for _ in range(chance.randint(1, 4)))
    else:
        forms = ["[{}]\n", "k[{}] = 5\n", 'x = "{}"\n', "y = '{}'\n", "z = {} ; c\n"]
        text = "".join(chance.choice(forms).replace("{}", some(4)) for _ in range(chance.randint(1, 3)))
    data = text.encode("utf-8" if chance.random() < 0.5 else "latin-1")
    return (data + b"\n" if chance.random() < 0.7 else data) or b"\n"


def values(items: list[Item]) -> dict[str, str]:
    """Names and values of what is no array, as parse_ini_string hands them on: the last one of a name."""
    found: dict[str, str | None] = {}
    for item in items:
        if item.kind != SECTION and item.value is not None:
            found[item.name] = item.value if item.kind == "entry" else None
    return {name: value for name, value in found.items() if value is not None}


def test_generated_texts_are_read_as_php_reads_them(directory: Path) -> None:
    chance = random.Random(20261124)
    texts = [generated_text(chance) for _ in range(4000)]
    wanted = answers(directory, READ, [base64.b64encode(text).decode() for text in texts])
    assert len(wanted) == len(texts)
    read = 0
    for text, rows in zip(texts, wanted, strict=True):
        items = list(ini_items(text, "/php.ini", Variables({"PLACE": "/root"})))
        failed = bool(items) and items[-1].kind == ERROR
        assert failed == (rows is False), text
        if isinstance(rows, list):
            read += 1
            pairs = [[people(base64.b64decode(part).decode("latin-1")) for part in row] for row in rows]
            assert values(items) == dict(pairs), text
    assert read > 500


# ------------------------------------------------------------------------------------------ sizes

QUANTITY = """<?php
$set = 'ini_set'; $warned = '';
set_error_handler(function ($number, $text) use (&$warned) { $warned .= $text; });
foreach (file(__DIR__ . '/lines', FILE_IGNORE_NEW_LINES) as $line) {
  $text = json_decode($line);
  $warned = ''; $bytes = ini_parse_quantity($text); $first = $warned !== '';
  $warned = ''; $taken = $set('memory_limit', $text) !== false; $second = str_contains($warned, 'nvalid');
  $set('memory_limit', '-1');
  echo json_encode([(string) $bytes, $first, $taken, $second]), "\\n";
}
"""


def generated_size(chance: random.Random) -> str:
    if chance.random() < 0.6:
        return "".join(chance.choice("0123456789kKmMgGxobXOB+- .eT\t") for _ in range(chance.randint(1, 8)))
    number = chance.choice([chance.getrandbits(chance.randint(1, 70)), 2**63, 2**63 - 1, 2**64 - 1, 2**64, 2**33])
    return chance.choice(["", "", "-", "+"]) + str(number) + chance.choice(["", "K", "M", "G", "kb", " g", "M "])


def test_generated_sizes_are_read_as_php_reads_them(directory: Path) -> None:
    """Value, warning, and whether memory_limit takes it; what leaves no room for the asking script is left out."""
    chance = random.Random(20261125)
    texts = [
        "-1",
        "-2",
        "0x10M",
        "017M",
        "09",
        "0o17M",
        "0b11M",
        "1.5G",
        "",
        "00x5",
        "0x0x5",
        "- 5",
        "+-5",
        "0M",
        "0xG",
    ]
    texts += [generated_size(chance) for _ in range(6000)]
    texts = [text for text in texts if not 2**21 <= php_quantity(text).value < 2**23]
    rows = answers(directory, QUANTITY, [json.dumps(text) for text in texts])
    for text, row in zip(texts, rows, strict=True):
        size, limit = php_quantity(text, signed=True), php_limit(text)
        ours = [str(size.signed), bool(size.warning), limit.value is not None, bool(limit.warning)]
        assert ours == row, text


# ------------------------------------------------------------------------------------------ configurations

ORDINARY = """pm.max_children=5|pm.max_children = 3 ; c|pm.max_children="4"|PM.MAX_CHILDREN=7|pm=ondemand|pm=static
pm.min_spare_servers=1|pm.max_spare_servers=2|pm.start_servers=1|pm.max_requests=500|php_admin_value[memory_limit]=64M
php_value[memory_limit] = 65M|php_admin_value[x] = "a b"|php_flag[y]=on|php_admin_flag[y] = off|php_admin_flag[z] = "no"
env[A]=b|env[C] = $HOSTNAME|; comment||   |\t; c|include={dir}/i.conf|include={dir}/p/*.conf|include = "{dir}/p/1.conf"
rlimit_files=1024|request_terminate_timeout=5s|slowlog={dir}/slow|pm.status_path=/st|ping.path=/p|clear_env=no|chdir=/
listen.mode=0660|listen.backlog=-1|security.limit_extensions=.php|access.log={dir}/log|access.format="%R %m"
pm = STATIC|listen = {dir}/$pool.s|user=www-data|group=www-data|catch_workers_output=yes|[www]|[WWW]""".replace(
    "\n", "|"
).split("|")
UGLY = """foo=1|# x|pm=auto|pm.max_children=0|pm.max_children=8M|pm.max_children=${X}|pm.max_children=${N}|x|[www
pm.max_children = 5 6|php_value[]=1|php_value=1|env[Q]=|a=b=c|pm.max_children=1|pm.max_children = (3)|pm.max_children=!0
php_value[q]=it's|php_value[q]='it'|php_value[q]="a${N}b"|php_value[E_ALL]=1|php_value[ q ]=3|php_value['q']=3|[www] x
include={dir}/none.conf|include={dir}/none/*.conf|log_level=x|php_admin_value[memory_limit]=64MB| [www]|\t[www]
pm.max_children=\t5\t|pm .max_children=5|\u00e9pm=static|pm.max_children=99999999999|pm.max_children=4294967296|listen=
[www] ; x|request_terminate_timeout=5x|pm=
php_value[a]|\0foo|pm.max_children=5\0foo|pm.max_children=4\rpm.max_requests=3
; c\rpm.max_requests=9|include={dir}/i.conf\rpm.max_requests=4|pm.status_listen={dir}/st.s|events.mechanism=poll
process.priority=5|${N}=5|php_value[${N}]=5|pm.max_children=E_NOTICE|pm.max_children="5|include="{dir}/p"/*.conf|[b]
[global]""".replace("\n", "|").split("|")


def generated_lines(chance: random.Random, most: int, ugly: float) -> str:
    lines = [chance.choice(UGLY if chance.random() < ugly else ORDINARY) for _ in range(chance.randint(0, most))]
    return "\n".join([*lines, ""])


@pytest.mark.parametrize("seed", range(120))
def test_generated_configurations_are_read_as_php_fpm_reads_them(seed: int, directory: Path) -> None:
    """Refused or not by `php-fpm -tt`, and the pools of its dump."""
    chance = random.Random(seed)
    ugly = chance.choice([0, 0, 0.05, 0.1])
    main = generated_lines(chance, 3, ugly) if chance.random() < 0.3 else ""
    main += pool() + generated_lines(chance, 10, ugly)
    if chance.random() < 0.2:
        main = main.replace("\n", "\r\n")
    files: dict[str, str | bytes] = {
        "i.conf": generated_lines(chance, 4, ugly),
        "p/1.conf": generated_lines(chance, 4, ugly),
        "p/9.conf": generated_lines(chance, 2, ugly),
    }
    server = server_of(Case("", main=main, files=files, env={"N": "4"}), directory)
    status, dump = server.test()
    _, read = reading_of(server)
    assert bool(read.refusals) == (status != 0), (main, files, read.refusals, dump[-400:])
    if status == 0:
        check_pools(read, dump)
