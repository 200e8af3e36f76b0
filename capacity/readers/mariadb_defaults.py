"""The variables of mariadbd that its memory depends on, with their built-in values by version.

Source: MariaDB manual, Server System Variables; equal in the test results of 10.3.22, 10.5.23, 10.6.7 and 11.8.6
(mysql-test/suite/sys_vars/r, mysql-test/main/mysqld--help.result) and in a running 10.11.19 except where `since()`
says so. Flags are 1 or 0, words as SHOW VARIABLES writes them, everything else is bytes or a count.
"""

from __future__ import annotations

from typing import Any, Final

from capacity.readers.mariadb_table import POOL_LIMITS
from capacity.settings import Since, since
from capacity.units import GiB, KiB, MiB, TiB

NO_LIMIT: Final = 2**64 - 1

DEFAULTS: Final[dict[str, Any]] = {
    # the pool and what InnoDB keeps beside it
    "innodb": "ON",
    "innodb_buffer_pool_size": 128 * MiB,
    "innodb_buffer_pool_size_max": since(*POOL_LIMITS, then=8 * TiB, before=0),
    "innodb_buffer_pool_size_auto_min": since(*POOL_LIMITS, then=8 * TiB, before=0),
    "innodb_buffer_pool_chunk_size": since("10.8.1", then=0, before=128 * MiB),
    "innodb_buffer_pool_instances": since("10.5.1", then=1, before=0),
    "innodb_page_size": 16 * KiB,
    "innodb_log_buffer_size": 16 * MiB,
    "innodb_adaptive_hash_index": since("10.5.0", then=0, before=1),
    "innodb_adaptive_hash_index_parts": 8,
    "innodb_sort_buffer_size": 1 * MiB,
    "innodb_ft_cache_size": 8_000_000,
    "innodb_ft_total_cache_size": 640_000_000,
    "innodb_ft_result_cache_limit": 2_000_000_000,
    "innodb_online_alter_log_max_size": 128 * MiB,
    # caches of the other engines and of the server
    "key_buffer_size": 128 * MiB,
    "aria_pagecache_buffer_size": 128 * MiB,
    "aria_sort_buffer_size": 268_434_432,
    "myisam_sort_buffer_size": 134_216_704,
    "query_cache_size": 1 * MiB,
    "query_cache_type": "OFF",
    "performance_schema": 0,
    "table_open_cache": 2000,
    "table_open_cache_instances": 8,
    "table_definition_cache": 400,
    "host_cache_size": 279,
    "stored_program_cache": 256,
    # sessions
    "max_connections": 151,
    "extra_port": 0,
    "extra_max_connections": 1,
    "thread_stack": 299_008,
    "thread_cache_size": 256,
    "thread_handling": "one-thread-per-connection",
    "slave_parallel_threads": 0,
    "event_scheduler": "OFF",
    "open_files_limit": 0,
    "max_session_mem_used": 2**63 - 1,
    "max_prepared_stmt_count": 16382,
    # what each session may take
    "sort_buffer_size": 2 * MiB,
    "join_buffer_size": 256 * KiB,
    "join_buffer_space_limit": 2 * MiB,
    "join_cache_level": 2,
    "optimizer_switch": "",
    "read_buffer_size": 128 * KiB,
    "read_rnd_buffer_size": 256 * KiB,
    "mrr_buffer_size": 256 * KiB,
    "tmp_memory_table_size": 16 * MiB,
    "max_heap_table_size": 16 * MiB,
    "bulk_insert_buffer_size": 8 * MiB,
    "max_allowed_packet": 16 * MiB,
    "slave_max_allowed_packet": 1 * GiB,
    "net_buffer_length": 16 * KiB,
    "group_concat_max_len": 1 * MiB,
    "preload_buffer_size": 32 * KiB,
    "query_prealloc_size": since("10.11.0", then=32 * KiB, before=24 * KiB),
    "query_alloc_block_size": since("10.11.0", then=32 * KiB, before=16 * KiB),
    "transaction_prealloc_size": 4 * KiB,
    "transaction_alloc_block_size": 8 * KiB,
    "range_alloc_block_size": 4 * KiB,
    "rowid_merge_buff_size": 8 * MiB,
    "max_rowid_filter_size": since("10.4.3", then=128 * KiB, before=0),
    "mhnsw_max_cache_size": since("11.7.1", then=16 * MiB, before=0),
    # binary log and cluster
    "log_bin": "OFF",
    "binlog_format": "MIXED",
    "binlog_cache_size": 32 * KiB,
    "binlog_stmt_cache_size": 32 * KiB,
    "wsrep_on": 0,
    # where it listens and where it lives
    "bind_address": "",
    "skip_networking": 0,
    "port": 3306,
    "datadir": "/var/lib/mysql/",
    "default_storage_engine": "InnoDB",
    "large_pages": 0,
    "memlock": 0,
}

JOIN_BUFFERS_SHARED: Final = since("10.4.3", then=1, before=0)
"""optimize_join_buffer_size, a flag of optimizer_switch (MariaDB manual, optimizer_switch)."""


def default_of(name: str, version: str) -> Any:
    """The built-in value of a variable in `version`; None for one that is not listed here."""
    value = DEFAULTS.get(name)
    return value.of(version) if isinstance(value, Since) else value
