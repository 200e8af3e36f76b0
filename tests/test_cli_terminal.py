"""What a terminal shows: one screen of 80 columns, five lines for a host that fits, colour only where it is wanted."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from capacity.report.terminal import SCREEN, WIDTH
from tests.commands import SWAP, TREES, Run, name_of, started
from tests.trees import PHP, SMALL, UNIT, pool, process, write


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(capsys)


# ---------------------------------------------------------------------------------------------- the terminal


def crowded() -> Iterator[tuple[str, str]]:
    """Pools with long names behind walls and a cap, one of them without a limit, one with an unknown one."""
    yield from SMALL.items()
    yield "/etc/hostname", "a-very-long-name-of-a-host.in-some-department.of-some-company.example"
    yield f"{PHP}/php-fpm.conf", f"[global]\nprocess.max = 90\ninclude={PHP}/pool.d/*.conf\n"
    for number in range(25):
        name = f"a-pool-with-a-rather-long-name-{number}"
        limit = "-1" if number == 3 else f"{1000 + number}M"
        yield f"{PHP}/pool.d/{name}.conf", pool(name, 1000 + number, limit).replace("= static", "=static")
    start = f"ExecStart=/usr/sbin/php-fpm8.2 -F -y {PHP}/php-fpm.conf\nSlice=a-b-c.slice\nMemoryMax=9T\n"
    yield "/usr/lib/systemd/system/php8.2-fpm.service", UNIT.format(service=start)
    for name, limit in (("a-b-c", "8T"), ("a-b", "7T"), ("a", "6T")):
        yield f"/etc/systemd/system/{name}.slice", f"[Slice]\nMemoryMax={limit}\n"
    for pid in range(100, 110):
        yield from process(pid, f"process-{pid}", "x", private=5 * 10**8, rollup=pid % 2 == 0).items()
        yield f"/proc/{pid}/status", f"Name:\tprocess-{pid}\nState:\tS\nPid:\t{pid}\nPPid:\t1\nThreads:\t1\n"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("full"), dict(crowded()))


def screen(text: str) -> list[str]:
    """Verdict and bill: everything before the first finding."""
    lines = text.split("\n")
    return lines[
        : next((at for at, line in enumerate(lines) if line.startswith(("error[", "warning[", "note["))), len(lines))
    ]


@pytest.mark.parametrize("tree", [*TREES, Path("full")], ids=name_of)
def test_verdict_and_bill_are_one_screen_of_80_columns(tree: Path, full: Path, run: Run) -> None:
    place = str(full if tree.name == "full" else tree)
    for scenario in ("reachable", "promised"):
        code, out, err = run("check", place, "-v", "--scenario", scenario)
        assert err == ""
        shown = screen(out)
        assert len(shown) <= SCREEN, scenario
        assert max(map(len, shown)) <= WIDTH, scenario
        assert code in {0, 1, 2}
        sizes = [word for line in shown for word in line.split() if word.endswith("iB") and len(word) > 3]
        assert sizes == []  # a number and its unit are two words, and never three numbers in one


def test_a_host_that_fits_is_five_lines_at_most(tmp_path: Path, run: Run) -> None:
    small = str(write(tmp_path / "small", SMALL))
    swapping = str(write(tmp_path / "swapping", {**SMALL, "/proc/meminfo": SWAP}))
    never_read = {**SMALL, "/etc/mysql/mysql.conf.d/big.cnf": "[mysqld]\ninnodb_buffer_pool_size = 2G\n"}
    warned = str(write(tmp_path / "warned", never_read))
    assert "1 warning, 1 note (capacity check -v)" in run("check", warned)[1]
    for words in ((small,), (swapping,), (warned,), (small, "--scenario", "promised")):
        code, out, _ = run("check", *words)
        assert code == 0
        assert len(out.rstrip("\n").split("\n")) <= 5
        assert max(map(len, out.split("\n"))) <= WIDTH
    assert len(run("check", small, "-v")[1].split("\n")) > 15


def test_a_pipe_gets_no_escape_and_a_terminal_only_if_it_wants_colour() -> None:
    words = ("check", "--example", "incident-before")
    plain = started(*words).stdout
    assert b"\x1b" not in plain
    assert b"php_admin_value[memory_limit] = 8192M" in plain
    coloured = on_a_terminal(words, {"TERM": "xterm-256color"})
    assert b"\x1b[" in coloured
    for environment in ({"TERM": "xterm-256color", "NO_COLOR": "1"}, {"TERM": "dumb"}):
        shown = on_a_terminal(words, environment)
        assert b"\x1b" not in shown
        assert shown.replace(b"\r\n", b"\n") == plain
    assert b"php_admin_value[memory_limit] = 8192M" in coloured


def on_a_terminal(words: tuple[str, ...], environment: dict[str, str]) -> bytes:
    """What the command writes to a terminal."""
    upper, lower = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "TERM", "FORCE_COLOR"}}
    child = subprocess.Popen(
        [sys.executable, "-m", "capacity", *words],
        stdout=lower,
        stderr=lower,
        stdin=lower,
        env={**clean, **environment},
    )
    os.close(lower)
    shown = io.BytesIO()
    while True:
        try:
            piece = os.read(upper, 65536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        shown.write(piece)
    os.close(upper)
    assert child.wait() == 1
    return shown.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_encoding_of_standard_output_will_do(encoding: str) -> None:
    for words in (
        ("check", "--example", "incident-before"),
        ("rule", "CAP101"),
        ("explain", "--example", "incident-before"),
    ):
        done = started(*words, environment={"PYTHONIOENCODING": encoding})
        assert (done.returncode, done.stderr) == (1 if words[0] == "check" else 0, b"")
        done.stdout.decode(encoding)
