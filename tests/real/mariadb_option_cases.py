"""Options of MariaDB that are laid before the reader and the real server alike: names, values, open files."""

from __future__ import annotations

from tests.real.mariadb_cases import Case, mysqld

LOW = (
    "sort_buffer_size join_buffer_size join_buffer_space_limit read_buffer_size read_rnd_buffer_size mrr_buffer_size "
    "bulk_insert_buffer_size rowid_merge_buff_size binlog_cache_size binlog_stmt_cache_size tmp_table_size "
    "max_heap_table_size group_concat_max_len net_buffer_length max_allowed_packet query_prealloc_size "
    "query_alloc_block_size transaction_prealloc_size transaction_alloc_block_size range_alloc_block_size "
    "preload_buffer_size thread_stack table_open_cache thread_cache_size host_cache_size key_buffer_size "
    "query_cache_size aria_pagecache_buffer_size innodb_log_buffer_size innodb_sort_buffer_size innodb_ft_cache_size "
    "innodb_ft_total_cache_size innodb_online_alter_log_max_size max_prepared_stmt_count stored_program_cache "
    "max_rowid_filter_size slave_max_allowed_packet innodb_ft_result_cache_limit innodb_buffer_pool_size_max"
).split()
"""Variables whose smallest value is looked at."""

HIGH = (
    "sort_buffer_size join_buffer_size join_buffer_space_limit read_buffer_size read_rnd_buffer_size mrr_buffer_size "
    "bulk_insert_buffer_size rowid_merge_buff_size binlog_cache_size binlog_stmt_cache_size tmp_table_size "
    "max_heap_table_size group_concat_max_len net_buffer_length max_allowed_packet query_prealloc_size "
    "query_alloc_block_size transaction_prealloc_size transaction_alloc_block_size range_alloc_block_size "
    "preload_buffer_size table_definition_cache thread_cache_size host_cache_size max_connections "
    "innodb_sort_buffer_size innodb_ft_cache_size innodb_ft_total_cache_size innodb_online_alter_log_max_size "
    "max_prepared_stmt_count stored_program_cache max_rowid_filter_size slave_max_allowed_packet extra_max_connections"
).split()
"""Variables whose largest value is looked at: none that the server takes memory for at once."""

BLOCKS = (
    "sort_buffer_size join_buffer_size join_buffer_space_limit read_buffer_size read_rnd_buffer_size mrr_buffer_size "
    "binlog_cache_size tmp_table_size max_heap_table_size group_concat_max_len max_allowed_packet query_prealloc_size "
    "transaction_prealloc_size range_alloc_block_size thread_stack key_buffer_size query_cache_size "
    "aria_pagecache_buffer_size innodb_buffer_pool_size innodb_buffer_pool_size_max innodb_log_buffer_size"
).split()
"""Variables whose rounding is looked at."""


NAMES = [
    Case("dashes_and_letters", mysqld("Max-Connections=120", "SORT_buffer-SIZE=3M")),
    Case("unique_prefix", mysqld("sort_buf=3M", "key_buffer=8M", "innodb_log_buffer=8M")),
    Case("early_options_compete_with_each_other_alone", mysqld("max_conn=120")),
    Case("ambiguous_prefix_refuses", mysqld("query_cache=1M")),
    Case("ambiguous_innodb_prefix_refuses", mysqld("innodb_buffer_pool_siz=64M")),
    Case("unknown_option_refuses", mysqld("no_such_option=1")),
    Case("unknown_innodb_option_refuses", mysqld("innodb_no_such_option=1")),
    Case("loose_unknown_option", mysqld("loose-no-such-option=1", "loose_max_connections=120", "skip-loose-no-such")),
    Case("loose_wrong_value", mysqld("loose-sort_buffer_size=abc", "loose-max_connections=5x")),
    Case(
        "skip_disable_enable", mysqld("skip-innodb_adaptive_hash_index", "disable-log-bin", "enable-performance_schema")
    ),
    Case("skip_of_a_number", mysqld("skip-sort_buffer_size", "skip-innodb-log-buffer-size")),
    Case("skip_x_0_is_x", mysqld("skip-performance_schema=0", "skip-loose-event_scheduler", "loose-skip-log-bin")),
    Case("words_for_on_and_off", mysqld("performance_schema=YES", "innodb_adaptive_hash_index=TRUE", "wsrep_on=off")),
    Case("flag_without_a_value", mysqld("performance_schema", "innodb_file_per_table", "log-bin")),
    Case("innodb_flag_that_needs_a_value_refuses", mysqld("innodb_buffer_pool_dump_at_shutdown")),
    Case("number_without_a_value_refuses", mysqld("max_connections")),
    Case("maximum_of_a_session_variable", mysqld("maximum-sort_buffer_size=1M", "maximum-tmp_table_size=1M")),
    Case("maximum_of_a_global_variable_refuses", mysqld("maximum-max_connections=100")),
    Case("maximum_of_an_innodb_variable_sets_it", mysqld("maximum-innodb_log_buffer_size=8M")),
    Case("maximum_of_an_option_without_variable_sets_it", mysqld("maximum-table_cache=333")),
    Case("set_variable_refuses", mysqld("set-variable=max_connections=100")),
    Case("session_and_global", mysqld("session.sort_buffer_size=3M", "global.read_buffer_size=1M")),
    Case(
        "another_key_cache", mysqld("hot.key_buffer_size=4M", "default.key_buffer_size=9M", "global.key_buffer_size=3M")
    ),
    Case("aliases", mysqld("table_cache=333", "tmp_table_size=4M", "tmp_memory_table_size=5M", "tmp_table_size=6M")),
    Case("table_cache_has_its_own_limit", mysqld("table_cache=1000000")),
    Case(
        "removed_options",
        mysqld("innodb_file_format=Barracuda", "innodb_buffer_pool_instances=8", "innodb_large_prefix"),
    ),
    Case("plugin_prefix", mysqld("plugin-innodb_log_buffer_size=8M", "plugin-innodb_trx=ON")),
    Case("mysql_option_refuses", mysqld("mysqlx-bind-address=127.0.0.1")),
    Case("option_of_a_plugin_that_is_not_loaded_refuses", mysqld("rocksdb_block_cache_size=1M")),
    Case("flag_that_takes_no_argument_refuses", mysqld("skip-host-cache=1")),
    Case("flag_of_the_old_kind_ignores_other_words", mysqld("symbolic-links=maybe", "external-locking=2")),
    Case(
        "command_line_wins",
        mysqld("max_connections=120", "sort_buffer_size=3M"),
        options=["--max-connections=130", "--read-buffer-size", "1M", "--sort_buffer_size=5M"],
    ),
    Case("plain_word_refuses", mysqld("max_connections=120"), options=["no-dashes"]),
    Case("short_options", mysqld("port=3310"), options=["-P", "3311", "-W2"]),
    Case("value_is_missing_on_the_command_line_refuses", options=["--max-connections"]),
]

VALUES = [
    Case(
        "suffixes",
        mysqld(
            "sort_buffer_size=1GiB",
            "join_buffer_size=512kB",
            "read_buffer_size=1mx",
            "read_rnd_buffer_size=1M2",
            "mrr_buffer_size=1e3",
            "max_heap_table_size=2T",
            "tmp_table_size=1p",
            "bulk_insert_buffer_size=3k",
        ),
    ),
    Case("wraps_at_16e", mysqld("sort_buffer_size=16E", "bulk_insert_buffer_size=17E", "max_session_mem_used=7E")),
    Case("empty_and_signs", mysqld("sort_buffer_size=", "read_rnd_buffer_size=+5M", 'mrr_buffer_size=" 1M"')),
    Case("minus_after_a_blank_wraps", mysqld('bulk_insert_buffer_size=" -5"', 'sort_buffer_size=" -1K"')),
    *(
        Case(f"no_number_{index}_refuses", mysqld(f"sort_buffer_size={text}"))
        for index, text in enumerate(("1.5G", "512 M", "0x100000", "50%", "1_000", "abc", "-1", "99999999999999999999"))
    ),
    Case("innodb_value_refuses", mysqld("innodb_buffer_pool_size=1.5G")),
    Case(
        "innodb_value_with_another_default_engine", mysqld("innodb_log_buffer_size=-1", "default_storage_engine=Aria")
    ),
    Case("too_low", mysqld(*(f"{name}=1" for name in LOW))),
    Case("too_high", mysqld(*(f"{name}=16383P" for name in HIGH))),
    Case("blocks", mysqld(*(f"{name}=10000001" for name in BLOCKS))),
    Case(
        "odd_numbers",
        mysqld("tmp_table_size=3K", "key_buffer_size=4097", "query_cache_size=1500", "thread_stack=300000"),
    ),
    Case("connections_clamped", mysqld("max_connections=3", "extra_max_connections=0", "table_definition_cache=1")),
    Case("pool_of_5_mib_refuses", mysqld("innodb_buffer_pool_size=5M")),
    Case("pool_rounds_down", mysqld("innodb_buffer_pool_size=7000K")),
    Case("pool_just_below_a_mib", mysqld("innodb_buffer_pool_size=134217727", "innodb_buffer_pool_chunk_size=16M")),
    Case("pool_above_its_maximum", mysqld("innodb_buffer_pool_size=96M", "innodb_buffer_pool_size_max=64M")),
    Case("pool_minimum", mysqld("innodb_buffer_pool_size=96M", "innodb_buffer_pool_size_auto_min=48M")),
    Case("pool_maximum_beyond_all_addresses_refuses", mysqld("innodb_buffer_pool_size_max=1P")),
    Case("page_size_that_is_none_refuses", mysqld("innodb_page_size=5000")),
    *(
        Case(
            f"page_of_{page}_wants_a_larger_pool_refuses",
            mysqld(f"innodb_page_size={page}", f"innodb_buffer_pool_size={pool}"),
        )
        for page, pool in (("32K", "10M"), ("64K", "20M"), ("8K", "2M"))
    ),
    Case("query_cache_size_turns_it_on", mysqld("query_cache_size=2M", "query_cache_type=0")),
    Case("query_cache_of_no_size_stays_off", mysqld("query_cache_size=0")),
    Case("query_cache_on_demand", mysqld("query_cache_size=2M", "query_cache_type=DEMAND")),
    Case("words", mysqld("binlog_format=row", "event_scheduler=dis", "thread_handling=pool", "query_cache_type=")),
    Case("word_by_number", mysqld("binlog_format=1", "thread_handling=0", "event_scheduler=1")),
    Case("word_that_is_none_refuses", mysqld("binlog_format=lines")),
    Case("ambiguous_word_refuses", mysqld("event_scheduler=O")),
    Case("optimizer_switch", mysqld("optimizer_switch=optimize_join_buffer_size=off,mrr=on", "join_cache_level=8")),
    Case(
        "optimizer_switch_adds_up", mysqld("optimizer_switch=optimize_join_buffer_size=off", "optimizer_switch=mrr=on")
    ),
    Case("optimizer_switch_of_nothing_refuses", mysqld("optimizer_switch=no_such=on")),
    Case("optimizer_switch_by_prefix_refuses", mysqld("optimizer_switch=optimize_join=off")),
    Case("sets", mysqld("log_output=FILE,tab", "sql_mode=")),
    Case("skip_innodb_refuses", mysqld("skip-innodb")),
    Case("skip_innodb_with_another_default_engine", mysqld("skip-innodb", "default_storage_engine=Aria")),
    Case("engine_that_is_none_refuses", mysqld("default_storage_engine=nope")),
    Case("session_memory_too_small_refuses", mysqld("max_session_mem_used=8192")),
    Case("session_memory_beyond_signed_numbers_refuses", mysqld("max_session_mem_used=8E")),
    Case("session_memory_small", mysqld("max_session_mem_used=40M")),
    Case(
        "pool_too_small_with_another_default_engine",
        mysqld("innodb_buffer_pool_size=3M", "default_storage_engine=Aria"),
    ),
    Case("net_buffer_above_packet", mysqld("max_allowed_packet=1K", "net_buffer_length=1M")),
    Case("flashback", mysqld("flashback", "binlog_format=STATEMENT", "server_id=7")),
    Case("thread_cache_never_above_connections", mysqld("max_connections=20", "thread_cache_size=100")),
    Case("aria_block", mysqld("aria_pagecache_buffer_size=1M", "aria_sort_buffer_size=1", "myisam_sort_buffer_size=1")),
    Case("bad_value_of_another_plugin_leaves_it_out", mysqld("feedback_send_timeout=abc", "innodb_trx=nonsense")),
    Case("bad_value_of_a_mandatory_plugin_refuses", mysqld("aria_log_purge_type=nonsense")),
    Case(
        "secret_values",
        mysqld("init_connect=SET @secret=1", "max_connections=120"),
        options=["--wsrep-sst-auth=u:pw"],
    ),
]

OPEN_FILES = [
    Case(f"files_{files}_connections_{asked}", mysqld(f"max_connections={asked}", *more), nofile=files)
    for files, asked, *more in (
        (2048, 5000),
        (4096, 5000),
        (4096, 4000),
        (6000, 5000),
        (1024, 800),
        (256, 151),
        (20000, 10000001),
        (3000, 500, "table_open_cache=100"),
        (3000, 500, "table_open_cache_instances=1", "table_open_cache=50000"),
        (16000, 200, "open_files_limit=9000"),
        (2000, 300, "open_files_limit=9000"),
        (1500, 300, "thread_handling=pool-of-threads", "extra_max_connections=700", "extra_port=3399"),
    )
]

OPEN_FILES += [
    Case(f"files_{soft}_to_{hard}", mysqld(f"max_connections={asked}", *more), nofile=(soft, hard))
    for soft, hard, asked, *more in (
        (1024, 20000, 500, "table_open_cache=500"),
        (1024, 20000, 5000),
        (1024, 2048, 151, "table_open_cache=2000"),
        (1024, 20000, 100, "table_open_cache=400", "open_files_limit=15000"),
    )
]

CASES = [*NAMES, *VALUES, *OPEN_FILES]
