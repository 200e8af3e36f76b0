"""The command line: exit codes in a table, flags, commands; what is printed where, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from capacity.rules import all_rules
from capacity.units import GiB, MiB
from tests.commands import SWAP, Run, started
from tests.trees import PHP, SMALL, WANTS, write


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(capsys)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write(tmp_path_factory.mktemp("small"), SMALL))


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tree of which the RAM is not known."""
    return str(write(tmp_path_factory.mktemp("bare"), SMALL, without="/proc/meminfo"))


@pytest.fixture(scope="module")
def swapping(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write(tmp_path_factory.mktemp("swapping"), {**SMALL, "/proc/meminfo": SWAP}))


# ---------------------------------------------------------------------------------------------- exit codes

LIMITLESS = "--but www.memory_limit=-1"
LONG = "9" * 5000


@pytest.mark.parametrize(
    ("tree", "words", "verdict", "code"),
    [
        ("small", "", "fits", 0),
        ("small", "--fail-on over", "fits", 0),
        ("small", "-v", "fits", 0),
        ("small", "--alert 5", "tight", 1),
        ("small", "--alert 5 --fail-on tight", "tight", 1),
        ("small", "--alert 5 --fail-on swaps", "tight", 0),
        ("small", "--alert 5 --fail-on over", "tight", 0),
        ("swapping", "--memory 2G", "swaps", 1),
        ("swapping", "--memory 2G --fail-on swaps", "swaps", 1),
        ("swapping", "--memory 2G --fail-on unlimited", "swaps", 0),
        ("swapping", "--memory 2G --fail-on over", "swaps", 0),
        ("small", LIMITLESS, "unlimited", 1),
        ("small", f"{LIMITLESS} --fail-on unlimited", "unlimited", 1),
        ("small", f"{LIMITLESS} --fail-on over", "unlimited", 0),
        ("small", "--memory 1G", "over", 1),
        ("small", "--memory 1G --fail-on over", "over", 1),
        ("bare", "", "unknown", 2),
        ("bare", "--fail-on over", "unknown", 2),
        ("bare", "--memory 16G", "fits", 0),
        ("small", "--memory 4500M", "fits", 0),
        ("small", "--memory 4500M --scenario reachable", "fits", 0),
        ("small", "--memory 4500M --scenario promised", "tight", 1),
    ],
)
def test_the_exit_code_follows_the_verdict(
    tree: str, words: str, verdict: str, code: int, run: Run, request: pytest.FixtureRequest
) -> None:
    root, given = request.getfixturevalue(tree), words.split()
    got, out, err = run("check", root, *given)
    assert (got, err) == (code, "")
    assert f"verdict {verdict}\n" in out or tree == "bare"
    got, document, err = run("check", root, *given, "--json")
    data = json.loads(document)
    scenario = given[given.index("--scenario") + 1] if "--scenario" in given else "reachable"
    assert (got, data["exit_code"], data["scenarios"][scenario]["verdict"]) == (code, code, verdict)


@pytest.mark.parametrize(
    "words",
    [
        "bogus",
        "check --bogus",
        "check /no/such/root",
        "check --example no-such",
        "check SMALL --example incident-before",
        "check SMALL other",
        "check SMALL --alert 0",
        "check SMALL --alert 101",
        "check SMALL --alert 8.5",
        f"check SMALL --alert {LONG}",
        "check SMALL --memory lots",
        "check SMALL --memory 0",
        f"check SMALL --memory {LONG}",
        "check SMALL --cpus none",
        "check SMALL --cpus 0",
        f"check SMALL --cpus {LONG}",
        "check SMALL --scenario observed",
        "check SMALL --fail-on fits",
        "check SMALL --but x",
        "check SMALL --but www.nothing=1",
        "check SMALL --but www.pm.max_children=0",
        "check SMALL --but user.slice.MemoryMax=lots",
        "check SMALL --but www.memory_limit=1K",
        "check SMALL --but mariadbd.packet_use=maybe",
        "check SMALL --assume mariadbd.packet",
        "check SMALL --assume mariadbd.nothing=1",
        "check SMALL --assume php-fpm.heap=maybe",
        "check SMALL --assume mariadbd.packet_use=maybe",
        "check SMALL --assume mariadbd.packet=lots",
        "check SMALL --process x",
        "check SMALL --processes /no/such/file",
        "explain SMALL no-such-name",
        "rule CAP999",
        "schema nothing",
        "report SMALL",
        "report SMALL -o /no/such/folder/out",
        "settings /no/such/root",
    ],
    ids=lambda words: words[:60],
)
def test_what_cannot_be_answered_is_one_line_and_2(words: str, small: str, run: Run) -> None:
    code, out, err = run(*(small if word == "SMALL" else word for word in words.split()))
    assert (code, out) == (2, "")
    assert err.startswith("capacity: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00broken", b"PK\x03\x04zip"], ids=repr)
def test_an_archive_that_cannot_be_read(content: bytes, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "host.tar.gz"
    file.write_bytes(content)
    code, out, err = run("check", str(file))
    assert (code, out, err.count("\n")) == (2, "", 1)
    piped = started("check", "-", given=content)
    assert (piped.returncode, piped.stdout) == (2, b"")
    assert piped.stderr.startswith(b"capacity: ")


def test_an_interrupt_is_130(small: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("capacity.reading.read_host", interrupted)
    assert run("check", small) == (130, "", "")


@pytest.mark.parametrize("words", [("check", "--json"), ("explain",), ("settings",)])
def test_a_reader_that_has_had_enough_sees_no_traceback(words: tuple[str, ...], small: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "capacity", words[0], small, *words[1:]],
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_said(small: str) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "capacity", "check", small], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (2, b"capacity: standard output: No space left on device\n")


def test_without_a_command_there_is_help(run: Run) -> None:
    code, out, err = run()
    assert (code, err) == (0, "")
    assert out.startswith("usage: capacity ")


# ---------------------------------------------------------------------------------------------- flags


def bill(run: Run, *words: str, scenario: str = "reachable") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("check", *words, "--json")[1])["scenarios"][scenario]
    return found


def claim(of: dict[str, Any], service: str, name: str) -> dict[str, Any]:
    (found,) = (one for one in of["claims"] if (one["service"], one["name"]) == (service, name))
    return found


def test_memory_cpus_and_alert(small: str, bare: str, run: Run) -> None:
    data = json.loads(run("check", bare, "--memory", "1.5G", "--cpus", "8", "--alert", "70", "--json")[1])
    assert (data["host"]["mem_total_bytes"], data["host"]["cpus"]) == (1536 * MiB, 8)
    assert data["scenarios"]["promised"]["alert_percent"] == 70
    assert not any("CPUs" in line for line in data["not_known"])
    assert "above the alert line of 5 %" in run("check", small, "--alert", "5")[1]


def test_the_scenario_is_the_one_that_is_shown_and_judged(small: str, run: Run) -> None:
    reachable, promised = run("check", small, "-v"), run("check", small, "-v", "--scenario", "promised")
    assert reachable[1].split("\n")[1] == promised[1].split("\n")[1]  # both always stand side by side
    assert "  reachable: " in reachable[1]
    assert "  promised: " in promised[1]


def test_heap_of_php_by_assumption(small: str, run: Run) -> None:
    changes = ("--but", "www.memory_hard_limit_percent=200")
    hard = claim(bill(run, small, *changes), "php8.2-fpm/www", "zend_heap")
    soft = claim(bill(run, small, *changes, "--assume", "php-fpm.heap=soft"), "php8.2-fpm/www", "zend_heap")
    assert (hard["each_bytes"], soft["each_bytes"]) == (128 * MiB, 66 * MiB)
    assert (hard["bound"], soft["bound"]) == ("enforced", "assumed")


@pytest.mark.parametrize("scenario", ["reachable", "promised"])
def test_a_packet_of_mariadb_by_assumption_holds_in_every_scenario(scenario: str, small: str, run: Run) -> None:
    words = ("--but", "mariadbd.max_allowed_packet=64M")
    whole = claim(bill(run, small, *words, scenario=scenario), "mariadbd", "session_memory")
    less = claim(
        bill(run, small, *words, "--assume", "mariadbd.packet=1M", scenario=scenario), "mariadbd", "session_memory"
    )
    # four copies of a packet, and where it comes in several parts the buffer that it has outgrown
    assert whole["each_bytes"] - less["each_bytes"] == 4 * 63 * MiB + 16 * MiB
    given = {
        one["name"]: one
        for one in json.loads(run("check", small, *words, "--assume", "mariadbd.packet=1M", "--json")[1])["assumptions"]
    }
    assert (given["mariadbd.packet"]["value"], given["mariadbd.packet"]["origin"]["kind"]) == (MiB, "given")


def test_every_assumption_that_is_listed_can_be_given(run: Run) -> None:
    listed = json.loads(run("check", "--example", "incident-after-first-fix", "--json")[1])["assumptions"]
    assert {one["name"].split(".")[0] for one in listed} >= {"php-fpm", "mariadbd", "kernel"}
    for one in listed:
        value = one["value"] if one["value"] != "infinity" else "unlimited"
        code, _, err = run("check", "--example", "incident-after-first-fix", "--assume", f"{one['name']}={value}")
        assert (code, err) == (1, ""), one["name"]


def test_declared_processes(small: str, tmp_path: Path, run: Run) -> None:
    file = tmp_path / "beside.toml"
    file.write_text('[process.redis]\nbytes = "512M"\n')
    with_both = bill(run, small, "--process", "backup=300Mx2", "--processes", str(file))
    assert claim(with_both, "backup", "held")["total_bytes"] == 600 * MiB
    assert with_both["total_bytes"] - bill(run, small)["total_bytes"] == (600 + 512) * MiB


def test_changes_of_settings_and_walls(small: str, run: Run) -> None:
    changed = bill(run, small, "--but", "www.memory_limit=128M", "--but", "mariadbd.innodb_buffer_pool_size=1G")
    assert claim(changed, "php8.2-fpm/www", "zend_heap")["each_bytes"] == 128 * MiB
    assert claim(changed, "mariadbd", "buffer_pool")["total_bytes"] == -(-GiB * 1011 // 1000)
    (wall,) = bill(run, small, "--but", "system.slice.MemoryMax=1G")["walls"]
    assert (wall["service"], wall["name"], wall["limit_bytes"]) == ("system.slice", "MemoryMax", GiB)


# ---------------------------------------------------------------------------------------------- other commands


def test_explain_names_formulas_numbers_and_places(small: str, run: Run) -> None:
    code, out, err = run("explain", small)
    assert (code, err) == (0, "")
    for words in (
        "php8.2-fpm/www zend_heap: 256.0 MiB  (enforced)", "round_up(heap_ceiling, PAGE)",
        f"php8.2-fpm/www.memory_limit = 64M (67108864)  {PHP}/pool.d/www.conf:6:33",
        f"overrode 128M (134217728)  {PHP}/php.ini:2:16", "budget for programs: ",
    ):  # fmt: skip
        assert words in out
    total = json.loads(run("check", small, "--json")[1])["scenarios"]["reachable"]["total_bytes"]
    assert out.rstrip().endswith(f"({total:,} bytes)")


@pytest.mark.parametrize(
    ("name", "heads"),
    [
        ("www", {"php8.2-fpm/www"}), ("php8.2-fpm", {"php8.2-fpm", "php8.2-fpm/www", "php8.2-fpm/shop"}),
        ("php8.2-fpm/shop", {"php8.2-fpm/shop"}), ("zend_heap", {"php8.2-fpm/www", "php8.2-fpm/shop"}),
        ("mariadbd", {"mariadbd"}), ("budget", set()),
    ],
)  # fmt: skip
def test_explain_of_one_name(name: str, heads: set[str], small: str, run: Run) -> None:
    out = run("explain", small, name)[1]
    assert {line.split(" ")[0] for line in out.split("\n") if line.endswith(("(enforced)", "(assumed)"))} == heads
    assert ("budget for programs" in out) == (name == "budget")


def test_explain_says_what_is_not_known_and_never_zero(bare: str, tmp_path: Path, run: Run) -> None:
    out = run("explain", bare, "budget")[1]
    assert out.startswith("budget for programs: not known: /proc/meminfo is not in this tree; give --memory\n")
    tree = {path: text for path, text in SMALL.items() if "php8.2-fpm.service" not in path}
    tree[f"{PHP}/pool.d/www.conf"] = tree[f"{PHP}/pool.d/www.conf"].replace("64M", "${LIMIT}")
    out = run("explain", str(write(tmp_path, tree)), "zend_heap")[1]
    assert (
        "php8.2-fpm/www zend_heap: not known, outside the sum\n    memory_limit: not known: LIMIT of the master's"
        in out
    )
    assert "php8.2-fpm/shop zend_heap: 128.0 MiB" in out
    assert "lines add up to at least " in out


def test_explain_lists_what_is_assumed(small: str, run: Run) -> None:
    out = run("explain", small, "--assumptions")[1]
    for words in (
        "php-fpm.heap = hard  (assumed; php8.2-fpm/www.heap)", "mariadbd.joined_tables = 3  (assumed",
        "mariadbd.packet = 1,048,576  (assumed", "mariadbd.other_sessions = 5  (assumed", "kernel.base_system = ",
    ):  # fmt: skip
        assert words in out
    out = run("explain", small, "--assumptions", "--assume", "mariadbd.joined_tables=7")[1]
    assert "mariadbd.joined_tables = 7  (given" in out


def test_settings_say_where_they_stand(small: str, run: Run) -> None:
    code, out, _ = run("settings", small)
    assert code == 0
    assert f"php-fpm php8.2-fpm pool:www  memory_limit = 64M (67108864)  {PHP}/pool.d/www.conf:6:33" in out
    rows = json.loads(run("settings", small, "--json")[1])["settings"]
    found = {(row["program"], row["scope"], row["name"]): row for row in rows}
    limit = found["php-fpm", "pool:www", "memory_limit"]
    assert (limit["value"], limit["text"], limit["origin"]["file"]) == (64 * MiB, "64M", f"{PHP}/pool.d/www.conf")
    assert (limit["origin"]["line"], limit["origin"]["column"], limit["origin"]["end_column"]) == (6, 33, 36)
    assert [lost["text"] for lost in limit["overrode"]] == ["128M", ""]
    assert found["php-fpm", "master", "opcache.memory_consumption"]["value"] == 64 * MiB
    assert found["systemd", "unit:mariadb.service", "LimitNOFILE"]["value"] == 32768
    assert found["kernel", "host", "MemTotal"]["value"] == 16384000 * 1024


def test_rules_have_pages(run: Run) -> None:
    listed = run("rule")[1].split("\n")
    assert [line.split(" ")[0] for line in listed if line] == list(all_rules())
    assert run("rule", "cap101")[1].startswith("CAP101 pool promises more than the ram\n")


def test_schemas_are_printed(run: Run) -> None:
    assert json.loads(run("schema")[1])["title"] == "capacity check --json"
    assert json.loads(run("schema", "settings")[1]) != json.loads(run("schema", "check")[1])


def test_a_report_goes_where_it_is_told(small: str, tmp_path: Path, run: Run) -> None:
    file = tmp_path / "sizing.html"
    assert run("report", small, "-o", str(file)) == (0, "", f"wrote {file}\n")
    assert run("report", small, "-o", "-")[1] == file.read_text()


def test_nothing_of_this_machine_leaks_into_a_tree(run: Run, tmp_path: Path) -> None:
    tree = {
        path: text for path, text in SMALL.items() if path.startswith(("/etc/php", "/etc/passwd", "/etc/group", WANTS))
    }
    data = json.loads(run("check", str(write(tmp_path, tree)), "--json")[1])
    assert data["host"]["cpus"] is None
    assert data["host"]["mem_total_bytes"] is None
    assert data["host"]["name"] == "this host"
    assert not any(claim["process"] == "seen running" for claim in data["scenarios"]["promised"]["claims"])
