"""The real nginx for tests marked `real`: what it says of a configuration, and what it sends to FastCGI.

`nginx -t` starts nothing. A server is started in the foreground on sockets in its own directory, as one process, and
stopped by its pid. Installed from Debian if it is missing, without being started by the package.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("nginx-light", "libnginx-mod-http-lua", "libnginx-mod-stream")
MODULES = "/usr/lib/nginx/modules"
LUA = f"load_module {MODULES}/ndk_http_module.so; load_module {MODULES}/ngx_http_lua_module.so;\n"
STREAM = f"load_module {MODULES}/ngx_stream_module.so;\n"
_SAID = re.compile(
    r"\[(?:emerg|error)\] (?:\d+#\d+: )?(?P<reason>.*?)(?: in (?P<path>/[^\n]*?):(?P<line>\d+))?\n", re.DOTALL
)
_DUMPED = re.compile(r"^# configuration file (.*):$", re.MULTILINE)


def nginx_binary() -> str:
    """The path of nginx with the modules that the tests load, installed first where it is missing."""
    if shutil.which("nginx") is None or not Path(MODULES, "ngx_http_lua_module.so").exists():
        with _nothing_starts():
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            subprocess.run(["apt-get", "update", "-q"], check=True, env=environment, capture_output=True)
            command = ["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES]
            subprocess.run(command, check=True, env=environment, capture_output=True)
    found = shutil.which("nginx") or "/usr/sbin/nginx"
    assert Path(found).exists(), "nginx could not be installed"
    return found


@contextlib.contextmanager
def _nothing_starts() -> Iterator[None]:
    """While this holds, invoke-rc.d starts no service that a package brings."""
    policy = Path("/usr/sbin/policy-rc.d")
    mine = not policy.exists()
    if mine:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        yield
    finally:
        if mine:
            policy.unlink()


@dataclass(frozen=True)
class Verdict:
    """What `nginx -T` says: accepted or not, its first complaint with file and line, the files in order of reading."""

    accepted: bool
    reason: str
    path: str
    line: int
    files: tuple[str, ...]


def verdict(main: Path, prefix: Path | None = None, directives: str = "") -> Verdict:
    """Let nginx judge a main file; what it dumps is only there if it accepts."""
    command = [nginx_binary(), "-T", "-e", "/dev/null", "-c", str(main)]
    command += ["-p", f"{prefix}/"] if prefix is not None else []
    command += ["-g", directives] if directives else []
    done = subprocess.run(command, check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    said = _SAID.search(done.stderr.decode("latin-1"))
    dumped = _DUMPED.findall(done.stdout.decode("utf-8", "surrogateescape"))
    if said is None:
        return Verdict(done.returncode == 0, "", "", 0, tuple(dumped))
    return Verdict(done.returncode == 0, said["reason"], said["path"] or "", int(said["line"] or 0), tuple(dumped))


class FastCgi:
    """A FastCGI program on a socket that answers every request with nothing and keeps the parameters of the last."""

    def __init__(self, path: Path) -> None:
        self.params: list[tuple[str, str]] = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        path.chmod(0o777)
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more requests."""
        self._socket.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection = self._socket.accept()[0]
                with connection, connection.makefile("rb") as stream:
                    self._request(connection, stream.read)

    def _request(self, connection: socket.socket, read: Callable[[int], bytes]) -> None:
        """One request: FCGI_PARAMS (4) up to the empty FCGI_STDIN (5); FCGI_STDOUT (6), FCGI_END_REQUEST (3) answer."""
        text = b""
        while True:
            _, kind, _, length, padding, _ = struct.unpack(">BBHHBB", read(8))
            content = read(length)
            read(padding)
            text += content if kind == 4 else b""
            if kind == 5 and not length:
                break
        self.params = list(_pairs(text))
        body = b"Content-Type: text/plain\r\n\r\n"
        for kind, content in ((6, body), (6, b""), (3, bytes(8))):
            connection.sendall(struct.pack(">BBHHBB", 1, kind, 1, len(content), 0, 0) + content)


def _pairs(text: bytes) -> Iterator[tuple[str, str]]:
    while text:
        lengths = []
        for _ in range(2):
            if text[0] >> 7:
                lengths.append(int.from_bytes(text[:4], "big") & 0x7FFFFFFF)
                text = text[4:]
            else:
                lengths.append(text[0])
                text = text[1:]
        name, value, text = text[: lengths[0]], text[lengths[0] : sum(lengths)], text[sum(lengths) :]
        yield name.decode("latin-1"), value.decode("utf-8")


@contextlib.contextmanager
def serving(main: Path, listening: Path) -> Iterator[None]:
    """nginx with a main file, as one process in the foreground, until the block ends."""
    command = [nginx_binary(), "-e", str(main.parent / "error.log"), "-c", str(main), "-p", f"{main.parent}/"]
    process = subprocess.Popen([*command, "-g", "daemon off; master_process off;"])
    try:
        for _ in range(200):
            if listening.exists() or process.poll() is not None:
                break
            time.sleep(0.05)
        assert process.poll() is None, (main.parent / "error.log").read_text()
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def request(listening: Path, path: str) -> bytes:
    """The answer to a GET of `path`, head and body."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(listening))
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: a.test\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))
