"""The server variables that MariaDB's memory depends on, what no variable says.

Defaults, minima, maxima and steps: sql/sys_vars.cc, storage/innobase/handler/ha_innodb.cc and storage/maria/ha_maria.cc
of 10.11; where a release changed one, `since()` says so (MariaDB manual, Server System Variables). A minimum here is
what the server takes; it raises a smaller value with a warning, which is the reader's business.
"""

# ruff: noqa: RUF009  (size, count, flag and word make dataclass fields)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from capacity.arithmetic import UNLIMITED, Number
from capacity.service import Service
from capacity.services.mariadb.dialect import INNODB, INT_MAX, count, flag, size, word
from capacity.settings import Assumed, assumption, demand, one_of, setting, since
from capacity.settings import Setting as InEffect
from capacity.units import GiB, KiB, MiB


@dataclass(frozen=True, eq=False, kw_only=True)
class MariaDbSettings(Service):
    """Fields of the datasheet; the formulas stand in `claims`."""

    program: ClassVar[str] = "mariadbd"
    stands_for: ClassVar[Mapping[str, str]] = {"packet": "largest_packet"}

    # What the whole server shares
    innodb_buffer_pool_size: Number = size(
        "innodb_buffer_pool_size", 128 * MiB, "Pages of InnoDB tables and indexes kept in memory.",
        5 * MiB, step=MiB, source=INNODB,
    )  # fmt: skip
    innodb_buffer_pool_chunk_size: Number = size(
        "innodb_buffer_pool_chunk_size", since("10.8.1", then=0, before=128 * MiB),
        "Before 10.8 the pool is rounded up to a multiple of it; 0 is chosen by the server (ignored since 10.11.12).",
        0, step=MiB, source=INNODB,
    )  # fmt: skip
    innodb_buffer_pool_instances: Number = count(
        "innodb_buffer_pool_instances", since("10.5.1", then=1, before=8),
        "Before 10.5 the pool is rounded up to chunks for each instance (1 in effect since).", 1, 64, source=INNODB,
    )  # fmt: skip
    innodb_adaptive_hash_index: Number = flag(
        "innodb_adaptive_hash_index", since("10.5.0", then=0, before=1), "A hash index over the pool.", source=INNODB
    )
    innodb_log_buffer_size: Number = size(
        "innodb_log_buffer_size", 16 * MiB, "Redo log not yet written.", 256 * KiB, INT_MAX, 4096, source=INNODB
    )
    key_buffer_size: Number = size("key_buffer_size", 128 * MiB, "Index blocks of MyISAM tables.", 0, step=4096)
    named_key_caches: Number = size(
        "key caches", 0, "Key caches with names of their own, together, beside the default one.", 0
    )
    aria_pagecache_buffer_size: Number = size(
        "aria_pagecache_buffer_size", 128 * MiB, "Pages of Aria tables, internal temporary ones on disk included.",
        128 * KiB, source="MariaDB manual, Aria System Variables",
    )  # fmt: skip
    query_cache_size: Number = size("query_cache_size", 1 * MiB, "Results of earlier queries.", 0, step=1024)
    performance_schema: Number = flag(
        "performance_schema", 0, "Instrumentation with tables of its own, allocated at start."
    )
    table_open_cache: Number = count(
        "table_open_cache", 2000, "Open tables kept, in each instance of the cache.", 10, 1024 * KiB
    )
    table_open_cache_instances: Number = count(
        "table_open_cache_instances", 8, "Instances of that cache; more become active under contention.", 1, 64
    )
    table_definition_cache: Number = count(
        "table_definition_cache", 400, "Definitions of tables kept.", 400, 2048 * KiB
    )

    # How many sessions
    max_connections: Number = count("max_connections", 151, "Client connections at once.", 10, 100_000)
    extra_port: Number = count("extra_port", 0, "A second port with its own limit of connections; 0 is none.", 0, 65535)
    extra_max_connections: Number = count("extra_max_connections", 1, "Connections at once on extra_port.", 1, 100_000)
    thread_stack: Number = size("thread_stack", 299_008, "Stack of a session's thread.", 128 * KiB, step=1024)

    # What each session may take
    max_allowed_packet: Number = size(
        "max_allowed_packet", 16 * MiB, "Largest statement, row or parameter.", 1024, 1 * GiB, 1024
    )
    net_buffer_length: Number = size("net_buffer_length", 16 * KiB, "Where a packet starts.", 1024, 1 * MiB, 1024)
    sort_buffer_size: Number = size("sort_buffer_size", 2 * MiB, "Memory of one sort.", 1024)
    join_buffer_size: Number = size(
        "join_buffer_size", 256 * KiB, "Rows kept for one table that is joined without an index.", 128, step=128,
        monotone=False,
    )  # fmt: skip
    join_buffer_space_limit: Number = size(
        "join_buffer_space_limit", 2 * MiB, "Meant as the limit of all join buffers of one query.", 2048, step=2048
    )
    optimize_join_buffer_size: Number = flag(
        "optimize_join_buffer_size", since("10.4.3", then=1, before=0),
        "Flag of optimizer_switch: whether join_buffer_space_limit is looked at.", monotone=False,
    )  # fmt: skip
    tmp_memory_table_size: Number = size(
        "tmp_memory_table_size", 16 * MiB, "An internal temporary table in memory (also named tmp_table_size).",
        0, step=16384,
    )  # fmt: skip
    max_heap_table_size: Number = size(
        "max_heap_table_size", 16 * MiB, "A table in memory; bounds the internal temporary ones too.", 16384, step=1024
    )
    read_buffer_size: Number = size(
        "read_buffer_size", 128 * KiB, "Each scan of a MyISAM table.", 8192, 2_147_479_552, 4096
    )
    read_rnd_buffer_size: Number = size("read_rnd_buffer_size", 256 * KiB, "Reading sorted rows.", 1, INT_MAX)
    myisam_sort_buffer_size: Number = size(
        "myisam_sort_buffer_size", 134_216_704, "Building the keys of a MyISAM table.", 4096
    )
    aria_sort_buffer_size: Number = size(
        "aria_sort_buffer_size", 268_434_432, "Building the keys of an Aria table, also a temporary one.", 16352,
        source="MariaDB manual, Aria System Variables",
    )  # fmt: skip
    binlog_cache_size: Number = size("binlog_cache_size", 32 * KiB, "Changes of a transaction.", 4096, step=4096)
    binlog_stmt_cache_size: Number = size(
        "binlog_stmt_cache_size", 32 * KiB, "Changes of a statement without transaction.", 4096, step=4096
    )
    log_bin: str = word("log_bin", "OFF", "Whether the binary log is written: ON or OFF.")
    binlog_format: str = word("binlog_format", "MIXED", "ROW, MIXED or STATEMENT.")
    bind_address: str = word("bind_address", "*", "Addresses that the server listens on; * is every one.")
    skip_networking: Number = flag("skip_networking", 0, "1: no TCP at all, the socket only.")
    allocator: str = setting(
        "MALLOC_MMAP_THRESHOLD_", default="heap", size=False, monotone=False, parse=one_of("heap", "mmap"),
        doc="Word: `mmap` where the unit's environment sets the threshold of malloc (128 KiB or less), so that every "
        "large block goes back to the kernel when it is freed; else `heap`.",
        source="mallopt(3); docs/services/mariadb.md, measured",
    )  # fmt: skip

    # What the rest of the host may hold back, and what no setting says
    sessions: Number = demand("Sessions that the programs of this host can open.")
    connections_per_client: Number = assumption(1, "Connections that one PHP worker opens: one is the usual case.")
    other_sessions: Number = assumption(5, "Sessions of people, monitoring and backups beside the applications.")
    packet: Number = assumption(
        UNLIMITED, "Largest packet that a session sends or receives: as large as max_allowed_packet lets it.", size=True
    )
    packet_use: str = assumption(
        "select", "What is done with the largest packet: a literal in a SELECT (select), a parameter of EXECUTE "
        "(execute), a value written (blob, blob-row-binlog).", monotone=False,
        parse=one_of("select", "execute", "blob", "blob-row-binlog"),
    )  # fmt: skip
    joined_tables: Number = assumption(3, "Tables of one statement joined without an index, beside the first.")
    temporary_tables: Number = assumption(
        0, "Internal temporary tables of one statement that stay in memory, beside those that spill."
    )
    spilling_tables: Number = assumption(
        2, "Internal temporary tables of one statement that outgrow memory: one for DISTINCT or GROUP BY, one for a "
        "derived table under it.",
    )  # fmt: skip
    temporary_row: Number = assumption(
        128, "Bytes of a row of such a table, as declared: narrower ones take more index beside tmp_memory_table_size.",
        size=True, monotone=False,
    )  # fmt: skip
    sorts: Number = assumption(1, "Sorts of one statement alive together.")
    myisam_scans: Number = assumption(0, "MyISAM tables scanned at once by one statement: InnoDB is the usual engine.")
    bulk_myisam: Number = assumption(
        0, "Keyed, empty MyISAM tables that a session fills in one statement: InnoDB is the usual engine."
    )
    tables: Number = assumption(
        10, "Tables that the applications use, each opened by every session at some time: those of a common page."
    )
    bulk_changes: Number = assumption(
        1, "Background threads that have purged what a bulk change left (100,000 rows in one transaction): one import."
    )

    @property
    def listens_beyond_loopback(self) -> bool:
        """Whether programs of other hosts can open sessions: then this host's programs are no upper bound of them."""
        addresses = {one.strip() for one in self.bind_address.split(",")}
        return not self.skip_networking and any(
            not (one.startswith("127.") or one in {"localhost", "::1", "::ffff:127.0.0.1"}) for one in addresses
        )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._follow_binlog()

    def _with(self, **attributes: Any) -> MariaDbSettings:
        new = super()._with(**attributes)
        new._follow_binlog()
        return new

    def _follow_binlog(self) -> None:
        """Keeps the assumed `packet_use` in step with the binary log, until a caller gives one."""
        now = self.known["packet_use"]
        rows = self.log_bin == "ON" and self.binlog_format == "ROW"
        use = "blob-row-binlog" if rows else "select"
        if now.origin.kind == "assumed" and now.value != use:
            why = "row-based binary logging copies what is written" if rows else type(self).specs()["packet_use"].doc
            followed = InEffect(now.name, use, Assumed(why), "", now.overrode)
            object.__setattr__(self, "known", {**self.known, "packet_use": followed})
            object.__setattr__(self, "packet_use", use)
