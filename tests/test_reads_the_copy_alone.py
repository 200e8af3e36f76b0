"""Reading a copied tree opens nothing outside of it and of the Python installation, wherever its links lead.

An audit hook cannot be taken off again: each command runs in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_fuzz import RICH
from tests.trees import PHP, write

HOUSE = str(Path(__file__).parents[1])
WATCH = """
import os, sys
seen = []
def hook(event, arguments):
    if event in ("open", "os.listdir", "os.scandir", "os.chdir", "os.truncate", "os.remove", "os.mkdir", "os.rename"):
        seen.append((event, arguments[0]))
    elif event.startswith(("socket.connect", "subprocess", "os.exec", "os.posix_spawn", "os.system", "os.fork")):
        seen.append((event, "/a program or a peer"))
sys.addaudithook(hook)
from capacity.cli import main
main(sys.argv[2:])
inside = tuple(os.path.realpath(path) + "/" for path in (sys.argv[1], sys.prefix, sys.base_prefix, os.environ["HOUSE"]))
for event, path in list(seen):
    if not isinstance(path, int):
        place = os.path.realpath(os.path.join(os.getcwd(), os.fsdecode(path or ".")))
        if not (place + "/").startswith(inside):
            print(event, path, file=sys.stderr)
"""

UP = "../../../../../../../../.."
LEADING_OUT = {
    "/etc/mysql/my.cnf": "-> /etc/passwd",
    "/etc/mysql/mariadb.conf.d/60-out.cnf": f"-> {UP}/etc/shadow",
    "/etc/mysql/extra.cnf": f"!include {UP}/etc/mysql/my.cnf\n!includedir /root\n[mysqld]\nmax_connections=30\n",
    f"{PHP}/pool.d/out.conf": "-> /proc/self/environ",
    f"{PHP}/conf.d/out.ini": f"-> {UP}/etc/hosts",
    f"{PHP}/php-fpm.conf": f"[global]\ninclude={PHP}/pool.d/*.conf\ninclude=/{UP}/etc/*\n",
    "/etc/nginx/nginx.conf": f"include /{UP}/etc/nginx/*;\ninclude {UP}/etc/passwd;\n",
    "/etc/default/php": "-> /etc/shadow",
    "/proc/self": "-> /proc/1",
    "/sys/fs/cgroup/out": "-> /sys/fs/cgroup",
    "/var/lib/pacman/local": "-> /var/lib/dpkg",
    "/srv": "-> /root",
}


def watched(code: str, root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, str(root), *words], capture_output=True, text=True, check=False, cwd=HOUSE,
        env={**os.environ, "HOUSE": HOUSE, "PYTHONPATH": HOUSE},
    )  # fmt: skip


@pytest.mark.parametrize("command", ["check", "check --json", "explain", "explain --assumptions", "settings --json"])
def test_a_copy_is_read_from_its_own_folder_alone(command: str, tmp_path: Path) -> None:
    files = {path: text for path, text in RICH.items() if not path.startswith("/srv/")}
    root = write(tmp_path / "host", {**files, **LEADING_OUT})
    name, *options = command.split()
    done = watched(WATCH, root, name, str(root), *options)
    assert done.stderr == ""
    assert len(done.stdout) > 100


@pytest.mark.parametrize(
    ("act", "seen"),
    [
        ("open('/etc/passwd').close()", "open /etc/passwd"),
        ("os.listdir('/root/..')", "os.listdir /root/.."),
        ("open(sys.argv[1] + '/out').close()", "open "),
        ("__import__('subprocess').run(['true'])", "subprocess.Popen /a program or a peer"),
    ],
)
def test_the_watch_sees_what_leads_out(act: str, seen: str, tmp_path: Path) -> None:
    root = write(tmp_path / "host", {"/out": "-> /etc/passwd"})
    done = watched(WATCH.replace("main(sys.argv[2:])", act), root)
    assert done.stderr.startswith(seen)
