"""A private PHP-FPM for tests marked `real`: its own main file, php.ini and sockets in a temporary directory.

Nothing of the machine's own configuration is read: `-y`, `-c` and PHP_INI_SCAN_DIR all point into the directory. The
server is stopped by the pid that was started, never by name. Started as root, so pools need `user` and `group`
(`POOL_USER` holds the two lines) and every directory on the way must be open to www-data: `fpm_directory()` sees to it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

BINARY = shutil.which("php-fpm8.2") or "/usr/sbin/php-fpm8.2"
CGI_FCGI = shutil.which("cgi-fcgi") or "/usr/bin/cgi-fcgi"
POOL_USER = "user = www-data\ngroup = www-data\n"


class NotStarted(RuntimeError):
    """The program refused its configuration or did not come up; `status` is its exit code, `output` what it said."""

    def __init__(self, status: int | None, output: str) -> None:
        self.status, self.output = status, output
        super().__init__(f"php-fpm did not start (exit {status}):\n{output}")


@contextlib.contextmanager
def fpm_directory() -> Iterator[Path]:
    """A fresh directory under /tmp that www-data can enter and read, removed afterwards; keep socket names short."""
    directory = Path(tempfile.mkdtemp(prefix="fpm.", dir="/tmp"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class FpmServer:
    """One php-fpm master with its children; a context manager that starts and stops it.

    `main` is the text of php-fpm.conf (`{dir}` in a str stands for the directory; bytes are written as they are),
    `ini` that of php.ini, `scan` the files of the scan directory by name. `env` is added to an otherwise small
    environment, `args` to the command line. `files` are further files, by path relative to the directory.

    Files: DIR/php-fpm.conf, DIR/ini/php.ini, DIR/scan/*. No extension is loaded unless a file says so
    (`zend_extension=opcache.so`). With `bare=True` neither `-c` nor PHP_INI_SCAN_DIR is given: the caller's `args` and
    `env` alone decide which php.ini is read.
    """

    def __init__(
        self,
        directory: Path,
        main: str | bytes,
        ini: str | bytes = "",
        scan: dict[str, str | bytes] | None = None,
        env: dict[str, str] | None = None,
        args: list[str] | None = None,
        files: dict[str, str | bytes] | None = None,
        bare: bool = False,
    ) -> None:
        self.directory = directory
        self.main_file = directory / "php-fpm.conf"
        self.ini_directory = directory / "ini"
        self.scan_directory = directory / "scan"
        self.output = directory / "output"
        self._process: subprocess.Popen[bytes] | None = None
        write(self.main_file, main, directory)
        write(self.ini_directory / "php.ini", ini, directory)
        self.scan_directory.mkdir(exist_ok=True)
        for name, text in (scan or {}).items():
            write(self.scan_directory / name, text, directory)
        for name, text in (files or {}).items():
            write(directory / name, text, directory)
        self.args = ["-y", str(self.main_file), "-F", "-O"]
        self.env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        if not bare:
            self.args += ["-c", str(self.ini_directory)]
            self.env["PHP_INI_SCAN_DIR"] = str(self.scan_directory)
        self.args += [arg.replace("{dir}", str(directory)) for arg in args or []]
        self.env |= {name: value.replace("{dir}", str(directory)) for name, value in (env or {}).items()}

    def __enter__(self) -> FpmServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # ------------------------------------------------------------------------------------------ life

    def start(self, timeout_s: float = 20.0) -> FpmServer:
        """Start the master in the foreground and wait until it is ready for connections.

        Raises NotStarted with exit code and output when it refuses (78 for its configuration, 255 later on).
        """
        with self.output.open("wb") as sink:
            self._process = subprocess.Popen(
                [BINARY, *self.args],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=self.env,
                cwd=self.directory,
                start_new_session=True,
            )
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            status = self._process.poll()
            if status is not None:
                self._process = None
                raise NotStarted(status, self.said())
            if self._ready():
                return self
            time.sleep(0.01)
        self.stop()
        raise NotStarted(None, self.said())

    def _ready(self) -> bool:
        """Whether the master says so or, where its log is quiet or goes elsewhere, sleeps in its event loop."""
        if b"ready to handle connections" in self.output.read_bytes():
            return True
        with contextlib.suppress(OSError):
            number = Path(f"/proc/{self.master_pid}/syscall").read_text().split(None, 1)[0]
            return number in ("232", "281", "22")  # epoll_wait, epoll_pwait of x86-64; epoll_pwait of arm64
        return False

    def test(self) -> tuple[int, str]:
        """Exit code and output of `php-fpm -tt` with the same files and environment; starts nothing."""
        args = [arg for arg in self.args if arg not in ("-F", "-O")]
        done = subprocess.run(
            [BINARY, *args, "-tt"], capture_output=True, env=self.env, cwd=self.directory, timeout=30, check=False
        )
        return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")

    def stop(self) -> None:
        """End the master (SIGTERM, then SIGKILL) and whatever of its own children outlives it."""
        process, self._process = self._process, None
        if process is None:
            return
        children = _children(process.pid)
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pid in children:
            with contextlib.suppress(OSError):
                if b"php-fpm" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGKILL)

    def said(self) -> str:
        """What the program wrote to its standard output and error so far."""
        return self.output.read_bytes().decode("utf-8", "replace")

    # ------------------------------------------------------------------------------------------ processes

    @property
    def master_pid(self) -> int:
        """Pid of the running master."""
        if self._process is None:
            raise RuntimeError("php-fpm is not running")
        return self._process.pid

    def children(self, pool: str | None = None) -> list[int]:
        """Pids of the running children, of `pool` alone if it is named, in ascending order."""
        found = []
        for pid in _children(self.master_pid):
            with contextlib.suppress(OSError):
                title = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0 ").decode("utf-8", "replace")
                if title.startswith("php-fpm: pool ") and pool in (None, title[len("php-fpm: pool ") :]):
                    found.append(pid)
        return sorted(found)

    def wait_for_children(self, count: int, pool: str | None = None, timeout_s: float = 10.0) -> list[int]:
        """The children once there are `count` of them; whatever there is after `timeout_s` seconds."""
        end = time.monotonic() + timeout_s
        while len(found := self.children(pool)) != count and time.monotonic() < end:
            time.sleep(0.01)
        return found

    def pools(self) -> set[str]:
        """Names of the pools that have a running child."""
        names = set()
        for pid in self.children():
            with contextlib.suppress(OSError):
                title = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0 ").decode("utf-8", "replace")
                names.add(title[len("php-fpm: pool ") :])
        return names

    def shared_mappings(self) -> list[int]:
        """Bytes of every anonymous shared mapping of the master (`/dev/zero (deleted)` in maps), largest first."""
        sizes = []
        for line in Path(f"/proc/{self.master_pid}/maps").read_text().splitlines():
            if "/dev/zero" in line:
                low, high = line.split(None, 1)[0].split("-")
                sizes.append(int(high, 16) - int(low, 16))
        return sorted(sizes, reverse=True)

    # ------------------------------------------------------------------------------------------ requests

    def request(
        self, script: Path | str, socket: Path | str, params: dict[str, str] | None = None, timeout_s: float = 30.0
    ) -> subprocess.Popen[bytes]:
        """A running cgi-fcgi client (for loads that must overlap); `communicate()` gives headers and body."""
        env = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_FILENAME": str(script),
            "SCRIPT_NAME": "/" + Path(script).name,
            "DOCUMENT_ROOT": str(Path(script).parent),
            "QUERY_STRING": "",
        } | (params or {})
        return subprocess.Popen(
            ["timeout", str(timeout_s), CGI_FCGI, "-bind", "-connect", str(socket)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
        )

    def ask(self, script: Path | str, socket: Path | str, params: dict[str, str] | None = None) -> bytes:
        """The body that `script` answers over `socket`; `params` are added to (or replace) the FastCGI parameters."""
        out, err = self.request(script, socket, params).communicate()
        head, found, body = out.partition(b"\r\n\r\n")
        if not found:
            raise RuntimeError(f"no answer from {socket}: {head!r} {err!r}\n{self.said()}")
        return body

    def script(self, name: str, text: str) -> Path:
        """Write a script into the directory (readable by the pools) and return its path."""
        return write(self.directory / name, text, self.directory)


def write(path: Path, text: str | bytes, directory: Path) -> Path:
    """Write a file that everybody can read; `{dir}` in a str becomes `directory`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.replace("{dir}", str(directory)).encode())
    path.chmod(0o644)
    return path


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
