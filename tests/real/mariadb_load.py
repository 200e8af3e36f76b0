"""Many sessions of a real server, all at their peak at once, and what the server's process then takes.

    with MariaDbServer(directory, options) as server, Crowd(server, 20) as crowd:
        with Peak(server.pid) as peak:
            crowd.hold("SELECT a, GET_LOCK('gate', 600) FROM t")    # returns once all 20 wait at the gate
            crowd.release()                                         # they go on; their results are read and dropped
        peak.bytes                                                  # anonymous + shared memory + page tables

The sessions speak the client protocol themselves: a packet of 40 MiB is sent 20 times from one buffer, nothing of the
client stands in the way of a barrier, and a result that is not read holds its statement where it is.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import shutil
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from .mariadb import MariaDbServer

LARGEST_PART = 0xFFFFFF  # a packet of the protocol has 16 MiB less one byte at most; longer ones come in parts
CAPABILITIES = (
    0x00000001 | 0x00000200 | 0x00008000 | 0x00080000
)  # long password, protocol 4.1, secure auth, plugin auth
COM_QUERY = 3
MiB = 1024**2


class Refused(Exception):
    """The server answered a statement with an error."""


class RawSession:
    """One connection over the unix socket, as root without a password. `start` sends, `finish` reads the result."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(600)
        self.socket.connect(str(path))
        self._buffer, self._at = b"", 0
        hello, number = self._packet()
        self.id = struct.unpack_from("<I", hello, hello.index(0, 1) + 1)[0]
        login = struct.pack("<IIB23x", CAPABILITIES, 1 << 30, 8) + b"root\0" + b"\0" + b"mysql_native_password\0"
        self._send(login, number + 1)
        self._check(self._packet()[0])

    def start(self, *pieces: bytes) -> None:
        """Send one statement, given in pieces (so that a large one need not be joined); blocks until it is sent."""
        self._send_pieces([bytes([COM_QUERY]), *pieces])

    def finish(self) -> list[bytes]:
        """Read the answer to the end; the rows' raw bytes of the first ten rows. Raises Refused."""
        first, _ = self._packet()
        self._check(first)
        if first[:1] == b"\0":
            return []
        rows: list[bytes] = []
        ends = 0
        while ends < 2:
            packet, _ = self._packet()
            self._check(packet)
            if packet[:1] == b"\xfe" and len(packet) < 9:
                ends += 1
            elif ends and len(rows) < 10:
                rows.append(packet)
        return rows

    def query(self, *pieces: bytes) -> list[bytes]:
        """`start` and `finish` in one."""
        self.start(*pieces)
        return self.finish()

    def close(self) -> None:
        """End the connection."""
        self.socket.close()

    def _send_pieces(self, pieces: Sequence[bytes]) -> None:
        left, number, todo = sum(map(len, pieces)), 0, [memoryview(piece) for piece in pieces]
        while True:
            now = min(left, LARGEST_PART)
            self.socket.sendall(struct.pack("<I", now | number << 24))
            left -= now
            room = now
            while room:
                part, todo[0] = todo[0][:room], todo[0][room:]
                self.socket.sendall(part)
                room -= len(part)
                if not todo[0]:
                    todo.pop(0)
            number = (number + 1) % 256
            if now < LARGEST_PART:
                return

    def _send(self, body: bytes, number: int) -> None:
        self.socket.sendall(struct.pack("<I", len(body) | number << 24) + body)

    def _packet(self) -> tuple[bytes, int]:
        body = b""
        while True:
            head = self._exactly(4)
            length, number = struct.unpack("<I", head)[0] & LARGEST_PART, head[3]
            body += self._exactly(length)
            if length < LARGEST_PART:
                return body, number

    def _exactly(self, length: int) -> bytes:
        while len(self._buffer) - self._at < length:
            piece = self.socket.recv(MiB)
            if not piece:
                raise Refused("the server closed the connection")
            self._buffer = self._buffer[self._at :] + piece
            self._at = 0
        self._at += length
        return self._buffer[self._at - length : self._at]

    @staticmethod
    def _check(packet: bytes) -> None:
        if packet[:1] == b"\xff":
            raise Refused(packet[3:].decode("latin-1"))
        if packet[:1] == b"\xfe" and len(packet) > 9:
            raise Refused("the server asks for another way to log in")


class Crowd:
    """`count` sessions that do the same at the same time, and one more that watches them."""

    def __init__(self, server: MariaDbServer, count: int, database: str = "test") -> None:
        self.watch = RawSession(server.socket)
        self.watch.query(b"CREATE DATABASE IF NOT EXISTS " + database.encode())
        self.watch.query(b"USE " + database.encode())
        self.sessions = [RawSession(server.socket) for _ in range(count)]
        for session in self.sessions:
            session.query(b"USE " + database.encode())

    def each(self, *pieces: bytes) -> None:
        """All sessions run the statement, side by side; their results are dropped."""
        self.start(*pieces)
        self.finish()

    def start(self, *pieces: bytes) -> None:
        """Send the statement to all sessions."""
        for session in self.sessions:
            session.start(*pieces)

    def finish(self) -> None:
        """Read the answers of all sessions, side by side."""
        threads = [threading.Thread(target=self._finish_one, args=(session,)) for session in self.sessions]
        self.failed: list[Exception] = []
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failed:
            raise self.failed[0]

    def _finish_one(self, session: RawSession) -> None:
        try:
            session.finish()
        except Refused as error:
            self.failed.append(error)

    def close_gate(self) -> None:
        """Take the lock that statements with GET_LOCK('gate', 600) wait for."""
        self.watch.query(b"SELECT GET_LOCK('gate', 600)")

    def open_gate(self) -> None:
        """Let them go on."""
        self.watch.query(b"SELECT RELEASE_LOCK('gate')")

    def wait_for(self, state: bytes, timeout_s: float = 120) -> None:
        """Wait until every session is in this state of PROCESSLIST (`User lock`: at the gate; `Writing to net`: held
        by a result that nobody reads), twice in a row. Raises TimeoutError.
        """
        deadline, seen = time.monotonic() + timeout_s, 0
        while seen < 2:
            rows = self.watch.query(
                b"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID IN ("
                + b",".join(str(session.id).encode() for session in self.sessions)
                + b") AND STATE = '"
                + state
                + b"'"
            )
            seen = seen + 1 if int(rows[0][1:]) == len(self.sessions) else 0
            if time.monotonic() > deadline:
                raise TimeoutError(self.watch.query(b"SELECT ID, COMMAND, STATE FROM information_schema.PROCESSLIST"))
            time.sleep(0.02)

    def memory(self, what: bytes = b"MEMORY_USED") -> list[int]:
        """MEMORY_USED or MAX_MEMORY_USED of each session."""
        rows = [
            self.watch.query(b"SELECT %s FROM information_schema.PROCESSLIST WHERE ID = %d" % (what, session.id))
            for session in self.sessions
        ]
        return [int(row[0][1:]) for row in rows]

    def close(self) -> None:
        """End all connections."""
        for session in [*self.sessions, self.watch]:
            session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def held(pid: int) -> int:
    """Bytes of anonymous and shared memory (proportional) and page tables that a process has now."""
    rollup = _fields(f"/proc/{pid}/smaps_rollup")
    return rollup["Pss_Anon"] + rollup["Pss_Shmem"] + _fields(f"/proc/{pid}/status")["VmPTE"]


def _fields(path: str) -> dict[str, int]:
    found = {}
    for line in Path(path).read_text().splitlines():
        name, _, value = line.partition(":")
        if value.endswith(" kB"):
            found[name] = int(value[:-3]) * 1024
    return found


class Peak:
    """The largest `held` of a process while the block runs: sampled, and never under what the kernel's own high-water
    mark says (VmHWM, reset at the start, less the file pages at the end).
    """

    def __init__(self, pid: int) -> None:
        self.pid, self.bytes = pid, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._stop.wait(0.003):
            self.look()

    def look(self) -> None:
        """One sample."""
        now = _fields(f"/proc/{self.pid}/status")
        self.bytes = max(self.bytes, now["RssAnon"] + now["RssShmem"] + now["VmPTE"])

    def __enter__(self) -> Self:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        end = _fields(f"/proc/{self.pid}/status")
        self.bytes = max(self.bytes, held(self.pid), end["VmHWM"] - end["RssFile"] + end["VmPTE"])


# ---------------------------------------------------------------------------------------------- data

ROW = 400
TEMPORARY_ROW = 420  # a BIGINT and a VARCHAR(400) in a temporary table: 411 bytes, aligned to 8, and some room
TABLES = 9


@functools.cache
def loaded_data() -> Path:
    """A data directory with the tables of the loads, made once per process and removed at exit: `wide` (30 MiB of rows
    of 400 bytes), `numbers`, `first` and `next1` to `next8` for joins without an index, `scanned` in MyISAM. It was
    stopped slowly, so that a server on a copy of it has nothing left to purge.
    """
    home = Path(tempfile.mkdtemp(prefix="capacity-mariadb-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    home.chmod(0o755)
    (home / "tmp").mkdir()
    options = ["--innodb-fast-shutdown=0", f"--tmpdir={home / 'tmp'}", "--innodb-flush-log-at-trx-commit=0"]
    with MariaDbServer(home / "server", options) as server, Crowd(server, 0) as crowd:
        for statement in _tables():
            crowd.watch.query(statement.encode())
    return home / "server" / "data"


def _tables() -> Iterator[str]:
    yield f"CREATE TABLE wide (id INT PRIMARY KEY, pad VARCHAR({ROW}) CHARACTER SET latin1) ENGINE=InnoDB"
    text = f"CONCAT(LPAD(MOD(seq * 7919, 1000003), 10, '0'), REPEAT('x', {ROW - 20}))"
    yield f"INSERT INTO wide SELECT seq, {text} FROM seq_1_to_70000"
    yield "CREATE TABLE numbers (id INT PRIMARY KEY) ENGINE=InnoDB"
    yield "INSERT INTO numbers SELECT seq FROM seq_1_to_250000"
    for i in range(TABLES):
        name, rows = ("first", 9000) if i == 0 else (f"next{i}", 12)
        yield f"CREATE TABLE {name} (id INT, same INT, pad VARCHAR(1000) CHARACTER SET latin1) ENGINE=InnoDB"
        yield f"INSERT INTO {name} SELECT seq, 1, REPEAT('x', 1000) FROM seq_1_to_{rows}"
    yield "CREATE TABLE blobs (id BIGINT PRIMARY KEY AUTO_INCREMENT, v LONGBLOB) ENGINE=InnoDB"
    yield "CREATE TABLE scanned (id INT, pad CHAR(200)) ENGINE=MyISAM"
    yield "INSERT INTO scanned SELECT seq, 'x' FROM seq_1_to_100000"
    yield f"ANALYZE TABLE wide, numbers, first, {', '.join(f'next{i}' for i in range(1, TABLES))}"


# ---------------------------------------------------------------------------------------------- statements

FILL = b"SELECT SUM(LENGTH(pad)) FROM wide"
SORT = b"SELECT pad, id FROM wide ORDER BY pad, id"
DISTINCT = b"SELECT DISTINCT id + 1, pad FROM wide"
DISTINCT_TWICE = b"SELECT DISTINCT a + 1, pad FROM (SELECT DISTINCT id + 1 AS a, pad FROM wide) d"
UNION = (  # each half fills a table of its own; the table of the UNION is in memory, nearly full from the first half
    b"SELECT id + 1 AS k, MAX(pad) FROM wide WHERE id <= %d GROUP BY k UNION "
    b"SELECT id + 2 AS k, MAX(pad) FROM wide WHERE id <= 60000 GROUP BY k"
)
NARROW = b"SELECT DISTINCT id + 1, id + 2, id + 3 FROM numbers"


def distinct(rows: int, *, twice: bool = False) -> bytes:
    """DISTINCT over so many rows of `wide`; `twice` over a derived table that is DISTINCT itself."""
    inner = b"SELECT DISTINCT id + 1 AS a, pad FROM wide WHERE id <= %d" % rows
    return b"SELECT DISTINCT a + 1, pad FROM (" + inner + b") d" if twice else inner


def joined(tables: int) -> bytes:
    """`first` joined with so many tables without an index; every row of `first` is kept in the first buffer."""
    names = ["first", *(f"next{i}" for i in range(1, tables + 1))]
    pads = ", ".join(f"{name}.pad" for name in names)
    on = " AND ".join(f"{one}.same = {two}.same" for one, two in itertools.pairwise(names))
    return f"SELECT {pads} FROM {' STRAIGHT_JOIN '.join(names)} WHERE {on} LIMIT 3000".encode()
