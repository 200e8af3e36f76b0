"""MariaDB as a datasheet: the areas that the server shares, and what its sessions take while they work.

Formulas are held against mariadbd 10.11.19 (docs/services/mariadb.md, tests/real/test_mariadb_memory.py): every session
at its peak at once, each buffer filled by the server's own counters. Sources are those of MariaDB 10.11.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from capacity.arithmetic import Number, choose, larger, part, round_up, smaller, times
from capacity.service import Exposure, claim, term
from capacity.services.mariadb.settings import MariaDbSettings
from capacity.units import KiB, MiB

SERVER: Final = "mariadbd"
MEASURED: Final = "docs/services/mariadb.md"  # the page of the figures below that name no source file
BASE_SERVER: Final = 24 * MiB  # anonymous memory of an idle server whose areas below are full, less those areas
PURGE: Final = {"heap": 18 * MiB, "mmap": 5 * MiB}  # undo records of one batch (storage/innobase/trx/trx0purge.cc)
PERFORMANCE_SCHEMA: Final = 65 * MiB  # up to 302 connections (storage/perfschema/pfs_autosize.cc)
PERFORMANCE_SCHEMA_LARGE: Final = 106 * MiB  # above
SMALL_PERFORMANCE_SCHEMA: Final = 302
INSTRUMENTED_THREADS: Final = 41 * MiB  # each page of 256 threads: their events, statements and histories
THREADS_A_PAGE: Final = 256  # storage/perfschema/pfs_buffer_container.h, PFS_thread_container
BACKGROUND_THREADS: Final = 32  # idle 11 to 18, under load up to 39, not all of them instrumented
TABLE_DEFINITION: Final = 42 * KiB  # share, handler and InnoDB's dictionary of a table of 21 columns and 4 keys
OPEN_TABLE: Final = 24 * KiB  # TABLE, handler and InnoDB's row_prebuilt_t of the same
CONNECTION: Final = 192 * KiB  # THD, net buffer, touched stack, memory roots of a running statement
MULTI_PART: Final = 16 * MiB  # sql/net_serv.cc, MAX_PACKET_LENGTH: a longer packet comes in parts
SPILL_FILES: Final = 768 * KiB  # storage/maria/ma_check.c, ha_maria.cc: write cache, two read caches, first keys
SORT_FILES: Final = 256 * KiB  # sql/filesort.cc: two temporary files and their pointers

ROW_OVERHEAD: Final = 32  # storage/heap: HASH_INFO (24), alignment to 8

PACKET_COPIES: Final = {  # how often the largest packet is in memory, by what is done with it
    "heap": {"select": 4, "execute": 6, "blob": 6, "blob-row-binlog": 8},
    "mmap": {"select": 4, "execute": 5, "blob": 6, "blob-row-binlog": 7},
}
PACKET_KEPT: Final = {"select": 1, "execute": 2, "blob": 1, "blob-row-binlog": 1}  # net buffer; the user variable too


@dataclass(frozen=True, eq=False, kw_only=True)
class MariaDb(MariaDbSettings):
    """One mariadbd."""

    @property
    def connections(self) -> Number:
        """Sessions at once: max_connections, one more with the right CONNECTION ADMIN, extra_port's (sql/mysqld.cc)."""
        return smaller(
            self.sessions, self.max_connections + 1 + choose(self.extra_port, self.extra_max_connections + 1, 0)
        )

    @property
    def open_tables(self) -> Number:
        """Open instances of tables: what the caches keep, or what runs at once where that is more (table_cache.cc)."""
        kept = times(self.table_open_cache, self.table_open_cache_instances)
        return smaller(
            times(self.connections, self.tables), larger(kept, times(self.connections, self.joined_tables + 1))
        )

    @property
    def table_definitions(self) -> Number:
        """Definitions held: those of all tables, or what the definition cache and open tables keep (table_cache.cc)."""
        return smaller(self.tables, self.table_definition_cache + self.open_tables)

    @property
    def largest_packet(self) -> Number:
        """Bytes of the largest packet: what the application sends, at most max_allowed_packet (sql/net_serv.cc)."""
        return smaller(self.packet, self.max_allowed_packet)

    @property
    def temporary_table(self) -> Number:
        """Bytes at which an internal temporary table leaves memory.

        max_heap_table_size bounds rows and index together (storage/heap/hp_write.c); tmp_memory_table_size only the
        number of rows, by their bare length (sql/sql_select.cc, Create_tmp_table::finalize): a row takes up to 32 bytes
        more for alignment and index. Either may be passed by a last block, at most an eighth (hp_create.c, init_block).
        """
        return smaller(
            part(self.max_heap_table_size, 9, 8),
            part(self.tmp_memory_table_size, 9, 8)
            + part(self.tmp_memory_table_size, ROW_OVERHEAD, larger(1, self.temporary_row)),
        )

    # ------------------------------------------------------------------------------------------ shared areas

    @term
    def pool_as_allocated(self) -> Number:
        """The pool as the server rounds it (storage/innobase/buf/buf0buf.cc): up to chunks x instances before 10.8."""
        chunks = times(self.innodb_buffer_pool_chunk_size, self.innodb_buffer_pool_instances)
        return choose(chunks, round_up(self.innodb_buffer_pool_size, larger(chunks, 1)), self.innodb_buffer_pool_size)

    @claim(process=SERVER, kind="private")
    def buffer_pool(self) -> Number:
        """InnoDB's pages, their hash and lock hashes (buf0buf.cc, lock0lock.cc), the adaptive hash (btr0sea.cc)."""
        return part(self.pool_as_allocated, 1011, 1000) + choose(
            self.innodb_adaptive_hash_index, part(self.pool_as_allocated, 1, 64), 0
        )

    @claim(process=SERVER, kind="private")
    def log_buffers(self) -> Number:
        """Redo log: one buffer that fills and one that is written (storage/innobase/log/log0log.cc)."""
        return times(2, self.innodb_log_buffer_size)

    @claim(process=SERVER, kind="private")
    def key_buffer(self) -> Number:
        """Index blocks of MyISAM, descriptors included (mysys/mf_keycache.c)."""
        return self.key_buffer_size

    @claim(process=SERVER, kind="private")
    def other_key_buffers(self) -> Number:
        """Key caches with names of their own, each like the default one (mysys/mf_keycache.c)."""
        return self.named_key_caches

    @claim(process=SERVER, kind="private")
    def aria_page_cache(self) -> Number:
        """Pages of Aria, descriptors included (storage/maria/ma_pagecache.c)."""
        return self.aria_pagecache_buffer_size

    @claim(process=SERVER, kind="private")
    def query_cache(self) -> Number:
        """Results of earlier queries, in one block (sql/sql_cache.cc)."""
        return self.query_cache_size

    @term
    def instrumented_threads(self) -> Number:
        """Pages of the performance schema for threads, 256 in each (storage/perfschema/pfs_buffer_container.cc)."""
        return times(part(self.connections + BACKGROUND_THREADS, 1, THREADS_A_PAGE), INSTRUMENTED_THREADS)

    @claim(process=SERVER, kind="private")
    def instrumentation(self) -> Number:
        """Performance schema: tables sized by max_connections at start, threads as they come (pfs_autosize.cc)."""
        return choose(
            self.performance_schema,
            choose(self.max_connections > SMALL_PERFORMANCE_SCHEMA, PERFORMANCE_SCHEMA_LARGE, PERFORMANCE_SCHEMA)
            + self.instrumented_threads,
            0,
        )

    @claim(process=SERVER, kind="private", count="table_definitions")
    def table_definition(self) -> Number:
        """What the server and InnoDB remember of one table (sql/table_cache.cc, dict0dict.cc)."""
        return TABLE_DEFINITION

    @claim(process=SERVER, kind="private", count="open_tables")
    def open_table(self) -> Number:
        """One opened instance of a table (sql/table_cache.cc)."""
        return OPEN_TABLE

    @claim(process=SERVER, kind="private", count="bulk_changes")
    def purge(self) -> Number:
        """Undo records of one batch of the purge, kept by the arena of each thread that ran one (trx0purge.cc)."""
        return PURGE[self.allocator]

    @claim(process=SERVER, kind="private")
    def base_server(self) -> Number:
        """The idle server without any of the areas above: heap, threads, system tables."""
        return BASE_SERVER

    # ------------------------------------------------------------------------------------------ sessions

    @term
    def packets(self) -> Number:
        """Copies of the largest packet: net buffer, query, lexer, literal, and what is done with it (net_serv.cc)."""
        return times(PACKET_COPIES[self.allocator][self.packet_use], self.largest_packet)

    @term
    def packet_surplus(self) -> Number:
        """The buffer that a packet of several parts has outgrown, kept by the heap (net_serv.cc, net_realloc)."""
        return 0 if self.allocator == "mmap" else choose(self.largest_packet > MULTI_PART, MULTI_PART, 0)

    @term
    def join_buffers(self) -> Number:
        """Join buffers of one statement: the limit looks at two neighbours only (sql_join_cache.cc, alloc_buffer)."""
        every, limit = times(self.joined_tables, self.join_buffer_size), self.join_buffer_space_limit
        limited = limit + choose(
            self.joined_tables > 3, choose(self.join_buffer_size < limit, self.join_buffer_size, 0), 0
        )
        return choose(
            self.optimize_join_buffer_size,
            choose(times(2, self.join_buffer_size) <= limit, every, smaller(every, limited)),
            every,
        )

    @term
    def temporary_in_memory(self) -> Number:
        """Internal temporary tables that stay in memory (storage/heap/hp_write.c)."""
        return times(self.temporary_tables, self.temporary_table)

    @term
    def spilled_keys(self) -> Number:
        """Keys of a temporary table that moves to disk, sorted in memory (storage/maria/ma_sort.c)."""
        return smaller(self.temporary_table, self.aria_sort_buffer_size)

    @term
    def temporary_spilling(self) -> Number:
        """Internal temporary tables while one moves to disk; the heap keeps two blocks for its keys (measured)."""
        return times(self.spilling_tables, self.temporary_table + SPILL_FILES) + choose(
            self.spilling_tables, times(1 if self.allocator == "mmap" else 2, self.spilled_keys), 0
        )

    @term
    def sort_buffers(self) -> Number:
        """Sorts of one statement alive together (sql/filesort.cc)."""
        return times(self.sorts, self.sort_buffer_size + SORT_FILES)

    @term
    def read_buffers(self) -> Number:
        """Scans of MyISAM tables (mysys/mf_iocache.c)."""
        return times(self.myisam_scans, self.read_buffer_size)

    @term
    def bulk_loads(self) -> Number:
        """Keys of empty MyISAM tables built while they are filled (storage/myisam/sort.c)."""
        return times(self.bulk_myisam, self.myisam_sort_buffer_size)

    @term
    def single_blocks(self) -> Any:
        """Buffers that are one block each; a tenth more in the heap, for holes that the next one does not fit."""
        return part(
            self.join_buffers + self.sort_buffers + self.read_buffers + self.bulk_loads,
            10 if self.allocator == "mmap" else 11,
            10,
        )

    @term
    def query_work(self) -> Any:
        """All buffers of one statement, as if alive together."""
        return self.single_blocks + self.temporary_in_memory + self.temporary_spilling

    @term
    def statements(self) -> Any:
        """A query and a large packet: both, as the heap keeps what was freed; without a heap the larger."""
        return (
            larger(self.packets, times(PACKET_KEPT[self.packet_use], self.largest_packet) + self.query_work)
            if self.allocator == "mmap"
            else self.packets + self.packet_surplus + self.query_work
        )

    @claim(process=SERVER, kind="private", count="connections")
    def session_memory(self) -> Any:
        """Connection, packets and buffers of a session (docs/services/mariadb.md, measured)."""
        return CONNECTION + self.statements

    # ------------------------------------------------------------------------------------------ kernel

    @claim(process=SERVER, kind="kernel")
    def page_tables(self) -> Number:
        """Page tables of the shared areas: one page of 512 entries maps 2 MiB; 512 KiB for scattered mappings."""
        return 512 * KiB + part(
            self.pool_as_allocated
            + times(2, self.innodb_log_buffer_size)
            + self.key_buffer_size
            + self.aria_pagecache_buffer_size
            + self.query_cache_size
            + PERFORMANCE_SCHEMA_LARGE,
            1,
            512,
        )

    @claim(process=SERVER, kind="kernel", count="connections")
    def session_page_tables(self) -> Number:
        """Page tables of one session: its stack, and what its buffers map."""
        return 8 * KiB + part(self.statements, 1, 512)

    # ------------------------------------------------------------------------------------------ what stays open

    def exposures(self) -> Iterator[Exposure]:
        """What no variable of the server bounds (docs/services/mariadb.md; each was seen to grow)."""
        for what, why in UNBOUNDED:
            yield Exposure(self.address, what, why, CONTAINED)
        if self.allocator == "heap":
            for what, why in KEPT_BY_ARENAS:
                yield Exposure(self.address, what, why, MAPPED)


CONTAINED: Final = "MemoryMax= in the unit of the server: no server variable bounds it"
MAPPED: Final = "Environment=MALLOC_MMAP_THRESHOLD_=131072 in the unit of the server"
KEPT_BY_ARENAS: Final = (
    (
        "sessions that come and go",
        "each arena of malloc, 8 for a CPU, keeps what sessions freed that are gone: 7 sessions took 15 to 43 % more "
        "after 40 generations",
    ),
    (
        "purge after bulk changes",
        "each background thread that ran one keeps its records: 18 MiB a thread, 77 MiB seen after ten changes of "
        "200,000 rows; the bill counts one thread",
    ),
)
UNBOUNDED: Final = (
    (
        "string results inside a statement",
        "every function has a buffer of up to max_allowed_packet, as many as the text names; 20 of them took 2289 MiB "
        "in one session, uncounted by max_session_mem_used",
    ),
    (
        "variables that a session may raise itself",
        "any account may set sort_buffer_size, join_buffer_size, tmp_memory_table_size, max_heap_table_size, "
        "read_buffer_size and max_session_mem_used for its own session",
    ),
    ("user variables, MEMORY tables and prepared statements", "no limit on their number in a session or a server"),
    (
        "the shape of statements",
        "joined tables, temporary tables and sorts are set by the SQL text; the counts of this bill are assumptions",
    ),
    (
        "GROUP_CONCAT with ORDER BY, JSON_ARRAYAGG",
        "the first holds up to 1024 x group_concat_max_len, the second is not counted at all",
    ),
    (
        "FULLTEXT",
        "innodb_ft_cache_size starts a flush and bounds nothing; a query may hold innodb_ft_result_cache_limit",
    ),
    ("stored routines", "recursion touches the stack of its thread, up to thread_stack for each session"),
    (
        "ALTER TABLE and repairs",
        "innodb_sort_buffer_size for each index, aria_sort_buffer_size, myisam_sort_buffer_size",
    ),
)
