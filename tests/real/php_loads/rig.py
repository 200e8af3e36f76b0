"""One PHP-FPM master with all of its children at their peak at once: what it holds, and what the datasheet says.

Phases have barriers made of files: every child touches what is shared, waits, fills its heap by the load of its pool
(`*.php` beside this file) and stays there until it was measured. Fixed seed; the largest of the rounds counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from capacity.services.php_fpm import PhpFpm, PhpFpmPool
from capacity.units import KiB, MiB
from tests.real.fpm import POOL_USER, FpmServer, fpm_directory

LOADS = Path(__file__).parent
SHIPPED = Path("/etc/php/8.2/fpm/conf.d")  # Debian's links, NN-NAME.ini, in the order in which they must be loaded
INTERNED = 4  # opcache.interned_strings_buffer, MiB
VERSION = "8.2.36"
PATHS = 40_000  # more than realpath_cache_size = 4M keeps, at 80 characters


@dataclass(frozen=True)
class Pool:
    """A pool of a configuration: `limit` in MiB, `percent` None where memory_hard_limit_percent is left alone."""

    name: str
    children: int
    limit: int
    load: str = "objects"
    pm: str = "static"
    percent: int | None = None
    running: int | None = None  # how many process.max lets run

    @property
    def clients(self) -> int:
        """Requests at once: as many as children can run."""
        return self.children if self.running is None else self.running

    def lines(self) -> str:
        text = f"[{self.name}]\nlisten = {{dir}}/{self.name}.sock\n{POOL_USER}pm = {self.pm}\n"
        text += f"pm.max_children = {self.children}\nphp_admin_value[memory_limit] = {self.limit}M\n"
        if self.pm == "dynamic":
            text += f"pm.start_servers = 1\npm.min_spare_servers = 1\npm.max_spare_servers = {self.children}\n"
        if self.pm == "ondemand":
            text += "pm.process_idle_timeout = 60s\n"
        if self.percent is not None:
            text += f"php_admin_value[memory_hard_limit_percent] = {self.percent}\n"
        return text


@dataclass(frozen=True)
class Configuration:
    """One configuration of the real program. Sizes in MiB; `why` is the reason where the ratio is above 1.10.

    `files` is what fills opcache: `texts`, `functions` that are as small as they can be, or `code` for the JIT.
    """

    name: str
    pools: tuple[Pool, ...]
    extensions: tuple[str, ...] = ("opcache", "apcu", "tokenizer")
    opcache: int = 0
    files: str = "texts"
    apcu: int = 0
    jit: int = 0
    process_max: int | None = None
    huge_pages: bool = False
    why: str = ""

    def main(self) -> str:
        """php-fpm.conf."""
        cap = "" if self.process_max is None else f"process.max = {self.process_max}\n"
        head = f"[global]\nerror_log = {{dir}}/log\nlog_level = error\n{cap}"
        return head + "".join(pool.lines() for pool in self.pools)

    def scan(self) -> dict[str, str | bytes]:
        """The scan directory: one file an extension, as Debian ships them, and one of settings."""
        wanted = {name for name in self.extensions if self.uses(name)}
        found: dict[str, str | bytes] = {}
        for link in sorted(SHIPPED.iterdir()):
            name = link.name.partition("-")[2].removesuffix(".ini")
            if name in wanted:
                found[link.name] = f"{'zend_' if name == 'opcache' else ''}extension={name}.so\n"
        missing = wanted - {name.partition("-")[2].removesuffix(".ini") for name in found}
        assert not missing, f"not installed: {missing}"
        found["99-test.ini"] = (
            f"opcache.memory_consumption={self.opcache}\nopcache.interned_strings_buffer={INTERNED}\n"
            "opcache.file_update_protection=0\nopcache.max_accelerated_files=2000\nopcache.validate_timestamps=0\n"
            f"opcache.jit={'function' if self.jit else 'disable'}\nopcache.jit_buffer_size={self.jit}M\n"
            f"apc.shm_size={self.apcu}M\ndisplay_errors=0\nlog_errors=0\nmax_execution_time=0\n"
        )
        return found

    def uses(self, extension: str) -> bool:
        """Whether an extension is loaded: opcache and APCu only where they have a size."""
        return bool({"opcache": self.opcache, "apcu": self.apcu}.get(extension, 1))

    def model(self, heaps: dict[str, str] | None = None) -> PhpFpm:
        """The datasheet of this configuration; `heaps` says for a load which assumption it needs."""
        known = heaps or HEAPS
        loaded = tuple(name for name in self.extensions if self.uses(name))
        pools = tuple(
            PhpFpmPool(
                name=pool.name, max_children=pool.children, memory_limit=pool.limit * MiB, heap=known[pool.load],
                **({} if pool.percent is None else {"memory_hard_limit_percent": pool.percent}),
            )
            for pool in self.pools
        )  # fmt: skip
        limits = {} if self.process_max is None else {"process_max": self.process_max}
        return PhpFpm(
            name="php-fpm", version=VERSION, pools=pools, use_zend_alloc_huge_pages=int(self.huge_pages),
            **limits, extensions=loaded, extension_files=len(loaded),
            opcache=int("opcache" in loaded), opcache_memory_consumption=max(8, self.opcache) * MiB,
            opcache_jit="function" if self.jit else "disable", opcache_jit_buffer_size=self.jit * MiB,
            apcu=int("apcu" in loaded), apc_shm_size=self.apcu * MiB,
        )  # fmt: skip


CODE = "function c%x_%x(array $a, int $n) { for ($i = 0; $i < $n; $i++) { $a[$i] = ($a[$i] ?? 0) + $n; } return $a; }\n"

# Ordinary growth stops at the limit and a chunk; the scanner and arrays that double go on to the hard limit.
HEAPS = {"objects": "soft", "texts": "soft", "blocks": "soft", "scanner": "hard", "doubling": "hard"}


@dataclass
class Held:
    """Bytes that a master and all its children held at once, and what the program's own counters said."""

    anonymous: int = 0
    shared: int = 0
    tables: int = 0
    charge: int | None = None
    counters: dict[str, list[float]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Pss_Anon + Pss_Shmem + VmPTE."""
        return self.anonymous + self.shared + self.tables


# ---------------------------------------------------------------------------------------------- one configuration


def measure(configuration: Configuration, paths: Path, rounds: int = 3, cgroup: Path | None = None) -> Held:
    """The largest of `rounds`: every child of every pool at its peak at once. `paths` is a folder of many files."""
    with fpm_directory() as directory:
        directory.chmod(0o777)  # children write their marks there
        env = {"USE_ZEND_ALLOC_HUGE_PAGES": "1"} if configuration.huge_pages else {}
        server = FpmServer(directory, configuration.main(), scan=configuration.scan(), env=env)
        files = _write_files(directory, configuration)
        with _inside(cgroup):
            server.start()
        try:
            stored = _store(server, directory, configuration, files)
            done = [_round(server, directory, configuration, stored, paths, n, cgroup) for n in range(rounds)]
        finally:
            server.stop()
        largest = max(done, key=lambda held: held.total)
        largest.counters["stored"] = [_filled(configuration, stored)]
        return largest


def _write_files(directory: Path, configuration: Configuration) -> int:
    """Files for opcache, more than it can hold: texts of 128 KiB, or a thousand functions each."""
    if not configuration.opcache:
        return 0
    (directory / "x").mkdir()
    draw = random.Random(20261021)
    number = configuration.opcache * (8 if configuration.files == "texts" else 4) + 8
    for i in range(number):
        if configuration.files == "texts":
            body = f"return '{draw.randbytes(64 * KiB).hex()}';"
        elif configuration.files == "functions":
            body = "".join(f"function f{i:x}_{j:x}(){{}}\n" for j in range(1000))
        else:
            body = "".join(CODE % (i, j) for j in range(300))
        path = directory / "x" / f"{i}.php"
        path.write_text(f"<?php\n{body}\n")
        path.chmod(0o644)
    return number


def _store(server: FpmServer, directory: Path, configuration: Configuration, files: int) -> dict[str, int]:
    first = configuration.pools[0]
    largest = (140 if configuration.files == "texts" else 600) * KiB
    done = 0
    while True:
        query = f"dir={directory}&from={done}&files={files}&largest={largest}&apcu={configuration.apcu * MiB}"
        answer = server.ask(LOADS / "store.php", directory / f"{first.name}.sock", {"QUERY_STRING": query})
        stored: dict[str, int] = json.loads(answer)
        if stored["texts"] < done + 10:
            return stored
        done = stored["texts"]


def _filled(configuration: Configuration, stored: dict[str, int]) -> float:
    """The least filled of the shared segments, by the program's own counters: 1.0 is full."""
    parts = [1.0]
    if configuration.opcache:
        parts.append((stored["opcache_used"] - INTERNED * MiB + stored["strings_used"]) / (configuration.opcache * MiB))
    if configuration.apcu:
        parts.append(1 - stored["apcu_free"] / (configuration.apcu * MiB))
    if configuration.jit:
        parts.append(1 - stored["jit_free"] / stored["jit_size"])
    return min(parts)


def _round(
    server: FpmServer, directory: Path, configuration: Configuration, stored: dict[str, int], paths: Path, number: int,
    cgroup: Path | None,
) -> Held:  # fmt: skip
    texts = stored["texts"] if configuration.files == "texts" else 0
    clients = []
    for pool in configuration.pools:
        query = (
            f"dir={directory}&round={number}&load={pool.load}&texts={texts}&values={stored['values']}"
            f"&paths={PATHS}&paths_dir={paths}"
        )
        script = LOADS / "child.php"
        for _ in range(pool.clients):
            clients.append(server.request(script, directory / f"{pool.name}.sock", {"QUERY_STRING": query}, 120))
            if pool.pm == "ondemand":
                time.sleep(0.1)  # a burst of connections starts fewer children than it has
    everybody = sum(pool.clients for pool in configuration.pools)
    try:
        _wait_for(directory, f"ready.{number}.*", everybody, clients)
        (directory / f"go.{number}").touch()
        _wait_for(directory, f"full.{number}.*", everybody, clients)
        return _look(server, directory, number, cgroup)
    finally:
        (directory / f"leave.{number}").touch()
        for client in clients:
            client.communicate()


def _wait_for(directory: Path, marks: str, everybody: int, clients: list[subprocess.Popen[bytes]]) -> None:
    end = time.monotonic() + 100
    while len(list(directory.glob(marks))) < everybody:
        gone = [client for client in clients if client.poll() is not None]
        if gone or time.monotonic() > end:
            said = [client.communicate() for client in gone]
            raise AssertionError(f"not all children reached {marks}: {said} {(directory / 'log').read_text()}")
        time.sleep(0.005)


def _look(server: FpmServer, directory: Path, number: int, cgroup: Path | None) -> Held:
    held = Held()
    for pid in (server.master_pid, *server.children()):
        sizes = kib_of(Path(f"/proc/{pid}/smaps_rollup")) | kib_of(Path(f"/proc/{pid}/status"))
        held.anonymous += sizes["Pss_Anon"] * KiB
        held.shared += sizes["Pss_Shmem"] * KiB
        held.tables += sizes["VmPTE"] * KiB
    for line in (directory / f".full.{number}").read_text().replace("}{", "}\n{").split("\n"):
        for name, value in json.loads(line).items():
            held.counters.setdefault(name, []).append(value)
    if cgroup is not None:
        stat = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        usage = int((cgroup / "memory.usage_in_bytes").read_text())
        held.charge = usage - int(stat["total_cache"]) + int(stat["total_shmem"])
    return held


def kib_of(path: Path) -> dict[str, int]:
    """The lines `Name: number kB` of a file of /proc."""
    pairs = (line.split(":", 1) for line in path.read_text().splitlines() if line.endswith("kB"))
    return {name: int(value.split()[0]) for name, value in pairs}


# ---------------------------------------------------------------------------------------------- a memory cgroup

MEMORY_V1 = Path("/sys/fs/cgroup/memory")


@contextlib.contextmanager
def memory_cgroup() -> Iterator[Path | None]:
    """A fresh memory cgroup (version 1, which counts kernel memory apart), or None where none can be made."""
    group = MEMORY_V1 / f"capacity-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        yield None
        return
    try:
        yield group
    finally:
        end = time.monotonic() + 5
        while True:
            try:
                group.rmdir()
                break
            except OSError:  # the last process is still leaving
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)


@contextlib.contextmanager
def _inside(group: Path | None) -> Iterator[None]:
    """What is started here belongs to `group` from its first page on."""
    if group is None:
        yield
        return
    (home,) = (
        line.split(":", 2)[2] for line in Path("/proc/self/cgroup").read_text().splitlines() if ":memory:" in line
    )
    (group / "cgroup.procs").write_text(str(os.getpid()))
    try:
        yield
    finally:
        (MEMORY_V1 / home.lstrip("/") / "cgroup.procs").write_text(str(os.getpid()))


def many_paths(directory: Path) -> Path:
    """A folder of PATHS empty files whose full paths have about 80 characters, open to all."""
    folder = directory / ("p" * (74 - len(str(directory))))
    folder.mkdir()
    folder.chmod(0o755)
    for i in range(PATHS):
        (folder / str(i)).touch()
    return folder
