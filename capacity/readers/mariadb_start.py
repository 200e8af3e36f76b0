"""What mariadbd makes of its values while it starts: what one value does to another, and what stops the start.

Read in sql/mysqld.cc (init_common_variables, get_options), storage/innobase/handler/ha_innodb.cc (innodb_init_params,
innodb_buffer_pool_size_init) of 10.3.22, 10.5.23, 10.6.7, 10.11.7, 10.11.18 and 11.8.6; 10.11.19 measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from capacity.readers.mariadb_table import POOL_LIMITS
from capacity.settings import Derived, File, Origin, Refusal, Remark, Setting, reaches
from capacity.units import GiB, KiB, MiB

EXTENT: Final = 8 * MiB
"""Step of innodb_buffer_pool_size_max (buf0buf.h, innodb_buffer_pool_extent_size)."""

ADDRESSES: Final = 1 << 47
"""Bytes that a process can map at all (x86-64 with four levels of page tables)."""

INNODB_MEMORY: Final = (
    "innodb_buffer_pool_size", "innodb_buffer_pool_size_max", "innodb_log_buffer_size", "innodb_sort_buffer_size",
    "innodb_adaptive_hash_index", "innodb_ft_cache_size", "innodb_ft_total_cache_size", "innodb_ft_result_cache_limit",
    "innodb_online_alter_log_max_size",
)  # fmt: skip
"""Variables that a server without InnoDB does not have, and no memory for."""

PORT: Final = 3306
RESERVED_FILES: Final = 30
LEAST_CONNECTIONS: Final = 10
LEAST_TABLES: Final = 200
"""mysqld.cc: extra_files, min_connections and TABLE_OPEN_CACHE_MIN."""

CRASHES_BELOW: Final = 35_200
"""A smaller max_session_mem_used crashes 10.11.19 at start (SIGSEGV at 35175 bytes, none at 35234: measured)."""

CRASHES_FROM: Final = 1 << 63
"""So does one that is negative as a signed number (measured)."""

_SMALLEST_POOL: Final = {4: 2, 8: 3, 16: 6, 32: 11, 64: 21}
"""MiB by KiB of innodb_page_size: 320 pages and their descriptors in extents of 8 MiB (buf_pool_t::blocks_in_bytes)."""

_U32: Final = 1 << 32
_U64: Final = 1 << 64


@dataclass(slots=True, repr=False, eq=False)
class Start:
    """The settings of one server while it starts; `settings` is changed in place."""

    settings: dict[str, Setting]
    version: str
    program: str = "mariadbd"
    refusals: list[Refusal] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    def number(self, name: str) -> int | None:
        """A setting's number; None where it is not known."""
        value = self.settings[name].value if name in self.settings else None
        return value if isinstance(value, int) else None

    def given(self, name: str) -> bool:
        """Whether a file or an argument sets it."""
        return name in self.settings and self.settings[name].origin.kind not in ("default", "derived")

    def at(self, name: str) -> File:
        """Where a setting stands; the program itself where nothing sets it."""
        setting = self.settings.get(name)
        while setting is not None:
            if isinstance(setting.origin, File):
                return setting.origin
            setting = setting.overrode[0] if setting.overrode else None
        return File(self.program)

    def becomes(self, name: str, value: Any, how: str, *, quiet: bool = False) -> None:
        """Gives a setting the value that the server makes of it; what it was stays under what it overrode."""
        old = self.settings[name]
        if old.value == value:
            return
        bare = Setting(old.name, old.value, old.origin, old.text)
        origin: Origin = Derived(how)
        self.settings[name] = Setting(name, value, origin, "", (bare, *old.overrode))
        if not quiet:
            self.remarks.append(Remark(self.at(name), f"{name} becomes {value}: {how}"))

    def refuse(self, name: str, reason: str) -> None:
        """Notes that the server does not start because of this setting."""
        self.refusals.append(Refusal(self.program, self.at(name), reason))

    def innodb_fails(self, refusals: Sequence[Refusal]) -> None:
        """InnoDB does not come up: the server refuses, or runs without it if another engine is the default."""
        engine = str(self.settings["default_storage_engine"].value).lower()
        if engine in ("innodb", "innobase"):
            self.refusals.extend(refusals)
        else:
            self.remarks.extend(Remark(each.at, f"{each.reason}: InnoDB is left out") for each in refusals)
        self.becomes("innodb", "OFF", "InnoDB does not start with this configuration", quiet=True)

    def innodb_refuses(self, name: str, reason: str) -> None:
        """As `innodb_fails`, because of one setting."""
        self.innodb_fails([Refusal(self.program, self.at(name), reason)])


def start(begun: Start, nofile: tuple[int, int] | None, cpus: int | None) -> None:
    """Does to `begun` what the server does. `nofile` is the soft and the hard limit of open files, None: not known."""
    if begun.number("skip_networking"):
        begun.becomes("port", 0, "skip_networking", quiet=True)
        begun.becomes("extra_port", 0, "skip_networking", quiet=True)
    elif begun.number("port") == 0:
        begun.becomes("port", PORT, "a port of 0 is the built-in one", quiet=True)
    _binary_log(begun)
    _query_cache(begun)
    _session_memory(begun)
    _thread_cache(begun)
    _open_files(begun, nofile, cpus)
    _host_cache(begun)
    if begun.settings["innodb"].value != "OFF":
        _pool(begun)
    if begun.settings["innodb"].value == "OFF" and not begun.refusals:
        for name in INNODB_MEMORY:
            begun.becomes(name, 0, "InnoDB is left out", quiet=True)


def _binary_log(begun: Start) -> None:
    """flashback forces a row-based log; Galera refuses any other format."""
    if begun.number("flashback"):
        begun.becomes("log_bin", "ON", "flashback")
        begun.becomes("binlog_format", "ROW", "flashback")
    provider = str(begun.settings["wsrep_provider"].value) if "wsrep_provider" in begun.settings else "none"
    if begun.number("wsrep_on") and provider not in ("", "none") and begun.settings["binlog_format"].value != "ROW":
        begun.refuse("wsrep_on", "Only binlog_format = 'ROW' is currently supported")


def _query_cache(begun: Start) -> None:
    """An explicit size that is not zero turns the cache on, whatever query_cache_type says."""
    if begun.given("query_cache_size") and begun.number("query_cache_size"):
        if begun.settings["query_cache_type"].value == "OFF":
            begun.becomes("query_cache_type", "ON", "an explicit query_cache_size turns the query cache on")


def _session_memory(begun: Start) -> None:
    limit, packet, buffer = map(begun.number, ("max_session_mem_used", "max_allowed_packet", "net_buffer_length"))
    if limit is not None and not CRASHES_BELOW <= limit < CRASHES_FROM:
        begun.refuse("max_session_mem_used", f"the server crashes at start with {limit}")
    if packet is not None and buffer is not None and buffer > packet:
        begun.remarks.append(
            Remark(begun.at("net_buffer_length"), "net_buffer_length is larger than max_allowed_packet")
        )


def _thread_cache(begun: Start) -> None:
    cached, connections = begun.number("thread_cache_size"), begun.number("max_connections")
    if cached is not None and connections is not None and cached > connections:
        begun.becomes("thread_cache_size", connections, "never above max_connections", quiet=True)


def _open_files(begun: Start, nofile: tuple[int, int] | None, cpus: int | None) -> None:
    """Lowers table_open_cache_instances, max_connections and table_open_cache to the open files that can be had.

    The server counts in unsigned numbers of 32 bits that wrap, and so is it done here (mysqld.cc,
    init_common_variables; instances since 10.4).
    """
    names = ("max_connections", "extra_max_connections", "table_open_cache", "table_open_cache_instances")
    numbers = [begun.number(name) for name in (*names, "open_files_limit")]
    if 0 in numbers[2:4]:
        begun.refuse("table_open_cache", "the server crashes at start: it divides by a table cache of nothing")
        return
    if nofile is None or any(number is None for number in numbers):
        if nofile is not None:
            begun.remarks.append(Remark(begun.at("max_connections"), "the limit of open files could not be applied"))
        return
    connections, extra, tables, instances, asked = (number for number in numbers if number is not None)
    shared = reaches(begun.version, ("10.4.2",)) is False
    counted = 1 if shared else instances
    threads = 0 if begun.settings["thread_handling"].value == "pool-of-threads" else cpus or 0
    wanted = (RESERVED_FILES + connections + extra + tables * 2 * counted + threads) % _U32
    wanted = max(wanted, (connections + extra) * 5 % _U32, asked)
    files = _files_granted(wanted, *nofile)
    begun.becomes("open_files_limit", files, f"{wanted} wanted, {nofile[0]} (hard {nofile[1]}) allowed", quiet=True)
    least = min(tables, LEAST_TABLES)
    how = f"{files} open files"
    if not shared:
        spare = ((files - RESERVED_FILES) % _U32 - connections) % _U64 // 2 // tables
        instances = counted = min(max(spare, 1), instances)
        begun.becomes("table_open_cache_instances", instances, how, quiet=True)
    left = (files - RESERVED_FILES - least * 2 * counted) % _U32
    connections = max(min(left, connections), LEAST_CONNECTIONS)
    begun.becomes("max_connections", connections, how)
    spare = ((files - RESERVED_FILES) % _U32 - connections) % _U64 // 2 // counted
    begun.becomes("table_open_cache", min(max(spare, least), tables), how)


def _files_granted(wanted: int, soft: int, hard: int) -> int:
    """What setrlimit gives a server that is not root (mysys/my_file.c, set_max_open_files)."""
    wanted = min(wanted, _U32 - 1)
    return wanted if wanted <= max(soft, hard) else soft


def _host_cache(begun: Start) -> None:
    connections = begun.number("max_connections")
    if connections is not None and not begun.given("host_cache_size"):
        size = 128 + min(connections, 500) + max(connections - 500, 0) // 20
        begun.becomes("host_cache_size", size, "128 and one for each connection up to 500", quiet=True)


def _pool(begun: Start) -> None:
    """The pool's size in effect, by version; refuses one that is too small for 320 pages."""
    size, page = begun.number("innodb_buffer_pool_size"), begun.number("innodb_page_size")
    if size is None or page is None:
        return
    if page not in (4 * KiB, 8 * KiB, 16 * KiB, 32 * KiB, 64 * KiB):
        begun.innodb_refuses("innodb_page_size", f"InnoDB: Invalid page size={page}")
        return
    if begun.number("innodb_log_buffer_size") == 0:
        begun.innodb_refuses("innodb_log_buffer_size", "InnoDB: Cannot allocate memory for no log buffer")
        return
    modern = reaches(begun.version, POOL_LIMITS)
    least = _SMALLEST_POOL[page // KiB] * MiB if modern is not False else -(-320 * page // MiB) * MiB
    if size < least and (modern is not None or size < 320 * page):
        reason = f"InnoDB: innodb_page_size={page} requires innodb_buffer_pool_size >= {least // MiB} MiB"
        begun.innodb_refuses("innodb_buffer_pool_size", f"{reason} current {size // MiB} MiB")
        return
    if modern:
        _pool_limits(begun, size)
        return
    chunk = begun.number("innodb_buffer_pool_chunk_size")
    if chunk is not None:
        _pool_in_chunks(begun, size, chunk)


def _pool_limits(begun: Start, size: int) -> None:
    """innodb_buffer_pool_size_max grows with the pool; it is the size itself under large pages."""
    largest = begun.number("innodb_buffer_pool_size_max")
    if largest is None:
        return
    if max(size, largest) >= ADDRESSES:
        begun.innodb_refuses("innodb_buffer_pool_size_max", "InnoDB: Cannot map innodb_buffer_pool_size_max")
    if size > largest or begun.number("large_pages"):
        largest = -(-size // EXTENT) * EXTENT
        begun.becomes("innodb_buffer_pool_size_max", largest, "as large as the pool", quiet=True)
    least = begun.number("innodb_buffer_pool_size_auto_min")
    if least is not None and not 0 < least <= largest:
        begun.becomes("innodb_buffer_pool_size_auto_min", largest, "innodb_buffer_pool_size_max", quiet=True)


def _pool_in_chunks(begun: Start, size: int, chunk: int) -> None:
    """Older releases round the pool up to whole chunks, before 10.5 in each of its instances."""
    instances = 1
    if reaches(begun.version, ("10.5.1",)) is False:
        asked = begun.number("innodb_buffer_pool_instances") or 0
        instances = (asked or 8) if size >= GiB else 1
        begun.becomes("innodb_buffer_pool_instances", instances, "8 from 1 GiB on, 1 below", quiet=True)
    if chunk == 0:
        chunk = size // 64
    elif chunk * instances > size:
        chunk = -(-size // instances)
    chunk = max(chunk, MiB)
    step = chunk * instances
    rounded = -(-size // step) * step
    begun.becomes("innodb_buffer_pool_chunk_size", chunk, "as the pool needs it", quiet=True)
    begun.becomes("innodb_buffer_pool_size", rounded, f"rounded up to chunks of {chunk} bytes in {instances} instances")
