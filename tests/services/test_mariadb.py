"""The datasheet of MariaDB: arithmetic by hand, no limits, arrays, terms, versions."""

from __future__ import annotations

import numpy as np
import pytest

from capacity.arithmetic import UNLIMITED
from capacity.errors import BadValue
from capacity.service import Claim
from capacity.services.mariadb import MariaDb
from capacity.services.mariadb import claims as sheet
from capacity.services.mariadb.dialect import server_flag, server_number
from capacity.units import GiB, KiB, MiB

NOTHING = {"packet": 0, "joined_tables": 0, "spilling_tables": 0, "temporary_tables": 0, "sorts": 0}


def server(**fields: object) -> MariaDb:
    return MariaDb(name="mariadbd", version=str(fields.pop("version", "10.11.19")), **fields)


def claim(database: MariaDb, name: str) -> Claim:
    (found,) = [one for one in database.claims() if one.name == name]
    return found


def term(database: MariaDb, name: str) -> object:
    return dict(claim(database, "session_memory").terms)[name]


# ---------------------------------------------------------------------------------------------- shared areas


def test_shared_areas_of_a_stock_server() -> None:
    stock = server()
    assert claim(stock, "buffer_pool").total == -(-128 * MiB * 1011 // 1000)
    assert claim(stock, "log_buffers").total == 2 * 16 * MiB
    assert claim(stock, "key_buffer").total == 128 * MiB
    assert claim(stock, "aria_page_cache").total == 128 * MiB
    assert claim(stock, "query_cache").total == 1 * MiB
    assert claim(stock, "instrumentation").total == 0


def test_a_stock_server_promises_about_20_gib() -> None:
    assert 19 * GiB < sum(one.total for one in server().claims()) < 23 * GiB


def test_adaptive_hash_index_adds_a_64th_of_the_pool() -> None:
    without = claim(server(innodb_buffer_pool_size=1 * GiB, innodb_adaptive_hash_index=0), "buffer_pool").total
    with_it = claim(server(innodb_buffer_pool_size=1 * GiB, innodb_adaptive_hash_index=1), "buffer_pool").total
    assert with_it - without == 16 * MiB


@pytest.mark.parametrize(
    ("version", "asked", "got"),
    [
        ("10.3.39", 1500 * MiB, 2048 * MiB),  # 8 instances of 128 MiB chunks
        ("10.5.3", 200 * MiB, 256 * MiB),  # one instance
        ("10.11.19", 200 * MiB, 200 * MiB),
    ],
)
def test_old_pools_are_rounded_up_to_chunks(version: str, asked: int, got: int) -> None:
    pool = claim(server(version=version, innodb_buffer_pool_size=asked, innodb_adaptive_hash_index=0), "buffer_pool")
    assert pool.total == -(-got * 1011 // 1000)


@pytest.mark.parametrize(
    ("max_connections", "sessions", "pages", "rest"),
    [(302, 20, 1, 65), (303, 20, 1, 106), (302, 224, 1, 65), (302, 225, 2, 65), (2000, 1200, 5, 106)],
)
def test_performance_schema_by_max_connections_and_pages_of_256_threads(
    max_connections: int, sessions: int, pages: int, rest: int
) -> None:
    database = server(performance_schema=1, max_connections=max_connections, sessions=sessions)
    assert claim(database, "instrumentation").total == (rest + 41 * pages) * MiB


def test_open_tables_are_bounded_by_the_caches() -> None:
    few = server(sessions=30, tables=7)
    assert (few.open_tables, few.table_definitions) == (30 * 7, 7)
    many = server(sessions=100, tables=5000, table_open_cache=400, table_open_cache_instances=2)
    assert (many.open_tables, many.table_definitions) == (400 * 2, 400 + 800)
    tiny = server(sessions=100, tables=5000, table_open_cache=10, table_open_cache_instances=1, joined_tables=3)
    assert tiny.open_tables == 100 * 4  # what runs at once is open, whatever the cache says


# ---------------------------------------------------------------------------------------------- sessions


def test_one_session_more_than_max_connections_and_those_of_the_extra_port() -> None:
    assert server().connections == 152
    assert server(extra_port=3307, extra_max_connections=4).connections == 152 + 5
    assert server(sessions=17).connections == 17


@pytest.mark.parametrize(
    ("use", "heap", "mmap"), [("select", 4, 4), ("execute", 6, 5), ("blob", 6, 6), ("blob-row-binlog", 8, 7)]
)
def test_a_packet_is_in_memory_several_times(use: str, heap: int, mmap: int) -> None:
    for allocator, copies in (("heap", heap), ("mmap", mmap)):
        database = server(**{**NOTHING, "packet": 3 * MiB}, packet_use=use, allocator=allocator)
        assert claim(database, "session_memory").each == sheet.CONNECTION + copies * 3 * MiB


def test_a_packet_is_never_larger_than_the_server_allows() -> None:
    assert server(packet=64 * MiB).largest_packet == 16 * MiB
    assert server(packet=1 * MiB).largest_packet == 1 * MiB
    assert server().largest_packet == 16 * MiB


def test_a_packet_of_several_parts_leaves_a_buffer_in_the_heap() -> None:
    for packet, surplus in ((16 * MiB, 0), (16 * MiB + 1024, 16 * MiB), (300 * MiB, 16 * MiB)):
        assert term(server(max_allowed_packet=1 * GiB, packet=packet), "packet_surplus") == surplus
    assert term(server(max_allowed_packet=1 * GiB, packet=40 * MiB, allocator="mmap"), "packets") == 160 * MiB
    assert "packet_surplus" not in dict(claim(server(allocator="mmap"), "session_memory").terms)


@pytest.mark.parametrize(
    ("size", "limit", "tables", "total"),
    [
        (256 * KiB, 2 * MiB, 3, 768 * KiB),
        (1 * MiB, 2 * MiB, 8, 8 * MiB),  # two neighbours keep the limit, so it never acts
        (8 * MiB, 2 * MiB, 8, 2 * MiB),
        (3 * MiB, 4 * MiB, 4, 7 * MiB),  # between: the limit and one buffer more
        (3 * MiB, 4 * MiB, 3, 4 * MiB),  # three of them are still shrunk to the limit
        (3 * MiB, 4 * MiB, 1, 3 * MiB),
        (64 * MiB, 2 * MiB, 1, 2 * MiB),
    ],
)
def test_join_buffers(size: int, limit: int, tables: int, total: int) -> None:
    database = server(join_buffer_size=size, join_buffer_space_limit=limit, joined_tables=tables)
    assert term(database, "join_buffers") == total
    assert term(database.but(optimize_join_buffer_size=0), "join_buffers") == tables * size


def test_join_buffers_are_never_under_what_the_server_shrinks_them_to() -> None:
    """The shrinking of sql/sql_join_cache.cc, alloc_buffer, played through for up to ten tables."""
    for size in range(1, 40, 2):
        for limit in range(1, 40):
            kept: list[float] | None = []
            for tables in range(1, 11):
                kept = allotted(kept, size, limit)
                if kept is None:
                    break
                database = server(
                    join_buffer_size=size * MiB, join_buffer_space_limit=limit * MiB, joined_tables=tables
                )  # fmt: skip
                assert sum(kept) * MiB <= term(database, "join_buffers") + 1, (size, limit, tables)


def allotted(kept: list[float], size: float, limit: float) -> list[float] | None:
    """The buffers after one more: only it and its neighbour are added up, but all are shrunk by what they exceed. None
    where nothing is left for the new one, which then gets no buffer.
    """
    space, needed = (kept[-1] if kept else 0) + size, limit
    if space <= limit:
        return [*kept, size]
    shrunk = []
    for one in kept:
        one = one / space * needed if space >= needed else one
        shrunk.append(one)
        space, needed = space - one, needed - one
    return [*shrunk, needed] if needed >= 0 else None


def test_temporary_tables_pass_their_limit_by_a_block() -> None:
    assert server().temporary_table == 18 * MiB
    assert server(max_heap_table_size=8 * MiB).temporary_table == 9 * MiB
    rows = server(tmp_memory_table_size=8 * MiB, temporary_row=64)  # 32 bytes of index and alignment for each row of 64
    assert rows.temporary_table == 9 * MiB + 4 * MiB


def test_spilling_tables_hold_rows_and_sorted_keys() -> None:
    one = server(spilling_tables=1, max_heap_table_size=8 * MiB, tmp_memory_table_size=8 * MiB)
    assert term(one, "temporary_spilling") == 9 * MiB + sheet.SPILL_FILES + 2 * 9 * MiB
    assert term(one.but(allocator="mmap"), "temporary_spilling") == 9 * MiB + sheet.SPILL_FILES + 9 * MiB
    assert term(one.but(spilling_tables=3), "temporary_spilling") == 3 * (9 * MiB + sheet.SPILL_FILES) + 2 * 9 * MiB
    assert term(one.but(spilling_tables=0), "temporary_spilling") == 0
    assert term(one.but(aria_sort_buffer_size=1 * MiB), "temporary_spilling") == 9 * MiB + sheet.SPILL_FILES + 2 * MiB


def test_a_query_and_a_packet_add_up_in_the_heap_and_not_without_it() -> None:
    given = {**NOTHING, "packet": 5 * MiB, "sorts": 1, "sort_buffer_size": 10 * MiB}
    sort = 10 * MiB + sheet.SORT_FILES
    assert term(server(**given), "statements") == 20 * MiB + -(-sort * 11 // 10)
    assert term(server(**given, allocator="mmap"), "statements") == 20 * MiB
    assert term(server(**{**given, "sorts": 3}, allocator="mmap"), "statements") == 5 * MiB + 3 * sort


# ---------------------------------------------------------------------------------------------- laws


def test_without_sessions_nothing_is_paid_for_them_even_where_a_buffer_has_no_limit() -> None:
    empty = server(sessions=0, sort_buffer_size=UNLIMITED)
    assert claim(empty, "session_memory").total == 0
    assert claim(empty, "session_page_tables").total == 0
    assert claim(empty, "open_table").total == 0


def test_no_limit_flows_into_the_total() -> None:
    for field in ("sort_buffer_size", "innodb_buffer_pool_size"):
        assert sum(one.total for one in server(**{field: UNLIMITED}).claims()) == UNLIMITED
    both = server(max_heap_table_size=UNLIMITED, tmp_memory_table_size=UNLIMITED)
    assert claim(both, "session_memory").bound == "unlimited"
    assert claim(server(join_buffer_size=UNLIMITED), "session_memory").total < UNLIMITED  # held to the limit of space


def test_arrays_are_many_scalars() -> None:
    sizes, counts = [64 * KiB, 1 * MiB, 3 * MiB, 40 * MiB], [0, 1, 3, 4, 9]
    swept = server(join_buffer_size=np.array(sizes)[:, None], joined_tables=np.array(counts))
    for one in swept.claims():
        cells = np.broadcast_to(one.total, (4, 5))
        for i, size in enumerate(sizes):
            for j, tables in enumerate(counts):
                assert cells[i, j] == claim(server(join_buffer_size=size, joined_tables=tables), one.name).total


def test_the_bill_rises_with_every_size_but_the_join_buffer() -> None:
    falls = {name for name, spec in MariaDb.specs().items() if not spec.monotone and spec.size}
    assert falls == {"join_buffer_size", "temporary_row"}
    assert term(server(join_buffer_size=1 * MiB, joined_tables=8), "join_buffers") > term(
        server(join_buffer_size=8 * MiB, joined_tables=8), "join_buffers"
    )


# ---------------------------------------------------------------------------------------------- versions, words


def test_row_based_binary_logging_decides_how_packets_are_assumed_to_be_used() -> None:
    rows = server(log_bin="ON", binlog_format="ROW")
    assert (rows.packet_use, rows.known["packet_use"].origin.kind) == ("blob-row-binlog", "assumed")
    assert server(log_bin="ON").packet_use == "select"
    assert rows.but(log_bin="OFF").packet_use == "select"
    assert server().but(log_bin="on", binlog_format="row").packet_use == "blob-row-binlog"
    assert server(packet_use="select", log_bin="ON", binlog_format="ROW").packet_use == "select"  # given stays


def test_defaults_by_version() -> None:
    assert [server(version=v).optimize_join_buffer_size for v in ("10.3.39", "10.4.2", "10.4.3", "11.8.6")] == [
        0,
        0,
        1,
        1,
    ]
    assert [server(version=v).innodb_adaptive_hash_index for v in ("10.4.34", "10.5.3", "11.4.6")] == [1, 0, 0]
    assert server(version="").innodb_adaptive_hash_index == 1  # not known: the larger


@pytest.mark.parametrize(
    ("text", "value"), [("512M", 512 * MiB), ("5MiB", 5 * MiB), ("1e6", 2**60), ("16777216", 16 * MiB), ("2g", 2 * GiB)]
)
def test_numbers_as_the_server_reads_them(text: str, value: int) -> None:
    assert server_number(text) == value
    assert server().but(sort_buffer_size=text).sort_buffer_size == value


@pytest.mark.parametrize("text", ["", "M", "-1", "1.5G", "5 M", "0x100000", "ten"])
def test_numbers_that_the_server_refuses(text: str) -> None:
    with pytest.raises(BadValue):
        server_number(text)


def test_flags() -> None:
    assert [server_flag(text) for text in ("ON", "off", "1", "False")] == [1, 0, 1, 0]
    with pytest.raises(BadValue):
        server_flag("maybe")


def test_what_nothing_bounds_is_named_with_its_remedy() -> None:
    exposures = list(server(allocator="mmap").exposures())
    assert len(exposures) >= 8
    assert all("MemoryMax" in one.fix for one in exposures)
    assert any("2289 MiB" in one.why for one in exposures)
    in_the_heap = [one for one in server().exposures() if "MALLOC_MMAP_THRESHOLD_" in one.fix]
    assert len(in_the_heap) == 2
