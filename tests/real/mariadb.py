"""A real MariaDB server for tests: own data, a unix socket only, started and stopped by pid.

    with MariaDbServer(directory, ["--max-connections=50"]) as server:
        server.sql("SELECT @@max_connections")           # [["50"]]
        with server.session() as one, server.session() as two:
            one.send("SELECT SLEEP(1)")                  # returns at once
            two.send("SELECT 2")
            two.result(), one.result()

The data directory is made once per test process (mariadb-install-db) and copied for each server.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import queue
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

SERVER = "/usr/sbin/mariadbd"
CLIENT = "/usr/bin/mariadb"
INSTALLER = "/usr/bin/mariadb-install-db"
CLIENT_PACKET = 1 << 30
"""max_allowed_packet of the sessions' client: the largest there is, so that the server's own limit decides."""
LOST = (b"ERROR 2006 ", b"ERROR 2013 ")
"""The connection is gone (a packet too large, KILL, the server's end): no result follows."""

_ESCAPES = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\"}
_running: set[subprocess.Popen[bytes]] = set()


class DidNotStart(Exception):
    """The server ended before it answered: exit `code` (None: it was still there when time was up) and its `log`."""

    def __init__(self, code: int | None, log: str) -> None:
        self.code, self.log = code, log
        super().__init__(f"mariadbd ended with {code}:\n{log[-3000:]}")


class SqlError(Exception):
    """A statement that the server refused: the client's `ERROR 1290 (HY000) ...` line."""


@functools.cache
def template_data() -> Path:
    """A fresh data directory, 22 MiB, made once per process and removed at exit. Never started on, only copied."""
    home = Path(tempfile.mkdtemp(prefix="capacity-mariadb-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    home.chmod(0o755)
    subprocess.run(
        [
            INSTALLER,
            "--no-defaults",
            "--user=root",
            f"--datadir={home / 'data'}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
            "--innodb-log-file-size=4M",
        ],
        check=True,
        capture_output=True,
    )
    return home / "data"


class MariaDbServer:
    """One server process on its own data, ready for `with`; see the module's docstring.

    `directory` holds data, socket, pid file and log (a short path: a socket's name has 107 bytes at most).
    `options` are arguments for mariadbd and come after those of this class, so that they win.
    `defaults` is the text of an option file for `--defaults-file`; None reads no option file (`--no-defaults`).
    `head` replaces that first argument altogether (`[]`: the server's standard files, of a private root in `prefix`).
    `env` is the whole environment (None: PATH only). `nofile` is LimitNOFILE: soft and hard alike, or a pair.
    `account` is the user that the process runs as from its first instruction, as under systemd.
    `prefix` is a command that ends in exec of its arguments (`unshare -m ...`).
    """

    def __init__(
        self,
        directory: Path,
        options: Sequence[str] = (),
        *,
        defaults: str | bytes | None = None,
        head: Sequence[str] | None = None,
        env: dict[str, str] | None = None,
        nofile: int | tuple[int, int] | None = None,
        account: str = "root",
        prefix: Sequence[str] = (),
    ) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.socket = directory / "s"
        self.log_file = directory / "log"
        self.options = list(options)
        self.env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"} if env is None else env
        self.nofile = nofile
        self.account = account
        self.prefix = list(prefix)
        self.process: subprocess.Popen[bytes] | None = None
        self._sessions: list[Session] = []
        if head is not None:
            self.head = list(head)
        elif defaults is None:
            self.head = ["--no-defaults"]
        else:
            self.head = [f"--defaults-file={directory / 'my.cnf'}"]
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "my.cnf").write_bytes(defaults if isinstance(defaults, bytes) else defaults.encode())

    def command(self) -> list[str]:
        """The whole command line, wrappers first; each wrapper ends in exec, so the pid is mariadbd's."""
        command = list(self.prefix)
        if self.nofile is not None:
            soft, hard = self.nofile if isinstance(self.nofile, tuple) else (self.nofile, self.nofile)
            command += ["prlimit", f"--nofile={soft}:{hard}", "--"]
        if self.account != "root":
            command += ["setpriv", f"--reuid={self.account}", f"--regid={self.account}", "--clear-groups", "--"]
        own = [
            f"--datadir={self.data}",
            f"--socket={self.socket}",
            f"--pid-file={self.directory / 'pid'}",
            f"--user={self.account}",
            "--skip-networking",
            "--innodb-log-file-size=4M",
        ]
        return [*command, SERVER, *self.head, *own, *self.options]

    @property
    def pid(self) -> int:
        """The process id of mariadbd."""
        assert self.process is not None, "not started"
        return self.process.pid

    @property
    def log(self) -> str:
        """What the server has written so far (standard output and error; there is no other log)."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def start(self, timeout_s: float = 60) -> Self:
        """Start and wait until the socket answers. Raises DidNotStart."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self.data.exists():
            subprocess.run(["cp", "-a", str(template_data()), str(self.data)], check=True)
        if self.account != "root":
            subprocess.run(["chown", "-R", self.account, str(self.directory)], check=True)
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env, cwd=self.directory
            )
        _running.add(self.process)
        deadline = time.monotonic() + timeout_s
        while not self._answers():
            code = self.process.poll()
            if code is not None or time.monotonic() > deadline:
                self._end()
                raise DidNotStart(code, self.log)
            time.sleep(0.02)
        return self

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(5)
            try:
                probe.connect(str(self.socket))
                return bool(probe.recv(1))
            except OSError:
                return False

    def sql(self, text: str) -> list[list[str]]:
        """Rows of one or more statements, on a connection of its own; NULL is the text "NULL". Raises SqlError."""
        with self.session() as session:
            return session.sql(text)

    def variables(self) -> dict[str, str]:
        """SHOW GLOBAL VARIABLES."""
        return {row[0]: row[1] for row in self.sql("SHOW GLOBAL VARIABLES")}

    def session(self) -> Session:
        """A further connection; closed by its own `with`, by `close()`, or with the server."""
        session = Session(self.socket)
        self._sessions.append(session)
        return session

    def stop(self, timeout_s: float = 60) -> None:
        """Close the sessions, end the server (SIGTERM, after `timeout_s` SIGKILL), keep its files."""
        for session in self._sessions:
            session.close()
        self._sessions.clear()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self._end()

    def _end(self) -> None:
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            _running.discard(self.process)
            self.process = None

    def __enter__(self) -> Self:
        return self if self.process is not None else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Session:
    """One connection, held open by a `mariadb` client in batch mode.

    `send` returns at once (as soon as the client has read the text), `result` waits; results come in the order of the
    sends. A statement that fails does not end the session; a lost connection does.
    """

    def __init__(self, path: Path) -> None:
        self._client = subprocess.Popen(
            [
                CLIENT,
                "--no-defaults",
                f"--socket={path}",
                "--user=root",
                "--batch",
                "--force",
                "--unbuffered",
                "--no-beep",
                "--skip-reconnect",
                "--skip-column-names",
                "--default-character-set=latin1",
                f"--max-allowed-packet={CLIENT_PACKET}",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        _running.add(self._client)
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._marks = itertools.count(1)
        self._pending: list[bytes] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.connection_id = int(self.sql("SELECT CONNECTION_ID()")[0][0])

    def _read(self) -> None:
        assert self._client.stdout is not None
        for line in self._client.stdout:
            self._lines.put(line.rstrip(b"\n"))
        self._lines.put(None)

    def send(self, text: str | bytes) -> None:
        """Hand one or more statements (joined by `;`) to the client. Raises BrokenPipeError once the client is gone."""
        assert self._client.stdin is not None
        mark = b"-- end of result %d --" % next(self._marks)
        self._pending.append(mark)
        body = text if isinstance(text, bytes) else text.encode("latin-1")
        self._client.stdin.write(body.rstrip().rstrip(b";") + b";\nSELECT '" + mark + b"';\n")
        self._client.stdin.flush()

    def result(self, timeout_s: float = 600) -> list[list[str]]:
        """Rows of the oldest send that was not asked for yet. Raises SqlError, queue.Empty after `timeout_s`."""
        mark = self._pending.pop(0)
        rows: list[list[str]] = []
        errors: list[str] = []
        while (line := self._lines.get(timeout=timeout_s)) != mark:
            if line is None:
                raise SqlError("; ".join(errors) or "the client has ended")
            if line.startswith(b"ERROR "):
                errors.append(line.decode("latin-1"))
                if line.startswith(LOST):
                    raise SqlError("; ".join(errors))
            else:
                rows.append([_unescaped(cell) for cell in line.decode("latin-1").split("\t")])
        if errors:
            raise SqlError("; ".join(errors))
        return rows

    def sql(self, text: str | bytes, timeout_s: float = 600) -> list[list[str]]:
        """`send` and `result` in one."""
        self.send(text)
        return self.result(timeout_s)

    def close(self) -> None:
        """End the client and with it the connection (a running statement is not waited for)."""
        if self._client.poll() is None:
            self._client.kill()
        self._client.wait()
        self._reader.join()
        _running.discard(self._client)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _unescaped(cell: str) -> str:
    if "\\" not in cell:
        return cell
    pieces = iter(cell)
    return "".join(_ESCAPES.get(following := next(pieces, ""), following) if c == "\\" else c for c in pieces)


@atexit.register
def _leave_nothing_running() -> None:
    for process in list(_running):
        if process.poll() is None:
            process.kill()
            process.wait()
