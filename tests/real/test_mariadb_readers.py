"""The readers of option files and options against my_print_defaults, mariadbd --print-defaults and started servers."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from capacity.arithmetic import UNKNOWN
from capacity.readers.mariadb_options import Effective, effective
from capacity.readers.mariadb_table import table_of
from capacity.readers.option_files import OptionFiles, defaults_arguments, read_option_files
from capacity.readers.option_lines import text_of
from capacity.root import Root, open_root
from tests.real import mariadb_cases, mariadb_option_cases
from tests.real.mariadb import SERVER, DidNotStart, MariaDbServer
from tests.real.mariadb_cases import Case

pytestmark = pytest.mark.real

CASES = [*mariadb_cases.CASES, *mariadb_option_cases.CASES]
VERSION = "10.11.19"
ACCOUNT = "mysql"
SYSTEM_FILES = ("passwd", "group", "nsswitch.conf", "ld.so.cache", "localtime")
"""What a server needs in /etc beside its option files."""

AS_SHOWN = {"datadir", "bind_address", "socket", "pid_file", "basedir", "tmpdir", "init_connect", "init_slave"}
"""Texts that SHOW VARIABLES writes in its own way (a path made whole, NULL for nothing)."""


class Host:
    """A root with the files of one case; its /etc is the server's /etc in a mount namespace of its own."""

    def __init__(self, top: Path, case: Case) -> None:
        self.case, self.top = case, top
        etc = top / "etc"
        etc.mkdir(parents=True)
        for name in SYSTEM_FILES:
            if Path("/etc", name).exists():
                shutil.copy(f"/etc/{name}", etc / name)
        for folder in case.folders:
            self.real(folder).mkdir(parents=True)
        for path, text in case.files.items():
            self.real(path).parent.mkdir(parents=True, exist_ok=True)
            self.real(path).write_bytes(text if isinstance(text, bytes) else text.encode())
        for path, target in case.links.items():
            self.real(path).parent.mkdir(parents=True, exist_ok=True)
            self.real(path).symlink_to(target)
        for path, mode in case.modes.items():
            self.real(path).chmod(mode)
        self.prefix = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc && cd /etc && exec "$@"', str(etc)]
        self.env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent", **case.env}

    def real(self, path: str) -> Path:
        return self.top / path.lstrip("/")

    def run(self, *command: str) -> subprocess.CompletedProcess[bytes]:
        """A command as the service's user, in this /etc."""
        account = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups", "--"]
        return subprocess.run([*self.prefix, *account, *command], env=self.env, capture_output=True, check=False)

    def root(self) -> Root:
        root = open_root(self.top)
        root.live = True  # the tree is the host itself: what is missing is missing
        return root

    def server(self) -> MariaDbServer:
        return MariaDbServer(
            self.top / "run",
            self.case.options,
            head=self.case.head,
            env=self.env,
            nofile=self.case.nofile,
            account=ACCOUNT,
            prefix=self.prefix,
        )

    def read(self, arguments: list[str]) -> tuple[OptionFiles, Effective]:
        root = self.root()
        entry = pwd.getpwnam(ACCOUNT)
        files = read_option_files(
            root,
            arguments,
            version=VERSION,
            environment=self.env,
            working_directory="/etc",
            readable=lambda path: root.readable_by(path, entry.pw_uid, frozenset({entry.pw_gid})),
        )
        limits = os.sysconf("SC_OPEN_MAX") if self.case.nofile is None else self.case.nofile
        cpus = len(os.sched_getaffinity(0))
        return files, effective(files.assignments, files.arguments, VERSION, limits, cpus=cpus)


@pytest.fixture(params=CASES, ids=[case.name for case in CASES])
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    with tempfile.TemporaryDirectory(prefix="capacity-") as name:
        Path(name).chmod(0o755)
        yield Host(Path(name), request.param)


def printed(files: OptionFiles) -> list[tuple[str, str | None]]:
    return [(each.name, each.value) for each in files.assignments]


def options_in(output: bytes) -> list[tuple[str, str | None]]:
    """What my_print_defaults writes, one option a line; no case has a value with a line's end before two dashes."""
    options: list[tuple[str, str | None]] = []
    for line in output.removesuffix(b"\n").removeprefix(b"--").split(b"\n--") if output else []:
        name, equals, value = line.partition(b"=")
        options.append((text_of(name), text_of(value) if equals else None))
    return options


def test_the_reader_and_the_server_agree(host: Host) -> None:
    server = host.server()
    command = server.command()
    arguments = command[command.index(SERVER) + 1 :]
    files, values = host.read(arguments)

    own = host.run("my_print_defaults", *host.case.head, "--mysqld")
    dump = host.run(SERVER, *host.case.head, "--print-defaults")
    line_of_nothing = any(not name for name, _ in printed(files))
    if files.refusals:
        assert own.returncode != 0
        assert dump.returncode != 0
    elif defaults_arguments(host.case.head).rest == () and not line_of_nothing:
        assert options_in(own.stdout) == printed(files)
        words = [f"--{name}" + ("" if value is None else f"={value}") for name, value in printed(files)]
        assert text_of(dump.stdout.partition(b"\n")[2]).split() == " ".join(words).split()

    refusals = [*files.refusals, *values.refusals]
    if refusals or needs_a_plugin(values):
        with pytest.raises(DidNotStart):
            server.start()
        assert "refuses" in host.case.name
    else:
        with server:
            assert differences(values, server.variables()) == {}
        assert "refuses" not in host.case.name


def needs_a_plugin(values: Effective) -> bool:
    """Whether an option stands that only a plugin knows: whether that is installed, no file says."""
    return any("needs the plugin" in remark.message for remark in values.remarks)


def differences(values: Effective, shown: dict[str, str]) -> dict[str, tuple[object, str]]:
    """Settings that the server shows otherwise than we read them."""
    found: dict[str, tuple[object, str]] = {}
    for name, setting in values.settings.items():
        real = shown.get(name)
        if real is None or name in AS_SHOWN or setting.value is UNKNOWN or name == "optimizer_switch":
            continue
        if name.startswith("innodb") and values.settings["innodb"].value == "OFF":
            continue
        kind = table_of(VERSION).options[name].kind if name in table_of(VERSION).options else ""
        ours = str(setting.value)
        if kind == "bool":
            ours = "ON" if setting.value else "OFF"
        if kind == "double":
            ours, real = f"{float(setting.value):.6f}", f"{float(real):.6f}"
        if ours != real:
            found[name] = (setting.value, real)
    flags = dict(part.split("=") for part in shown["optimizer_switch"].split(","))
    shared = values.settings["optimize_join_buffer_size"].value
    if (flags["optimize_join_buffer_size"] == "on") != bool(shared):
        found["optimize_join_buffer_size"] = (shared, flags["optimize_join_buffer_size"])
    return found
