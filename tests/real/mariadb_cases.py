"""Configurations of MariaDB that are laid before the reader and the real server alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

DEBIAN = "[client-server]\n!includedir /etc/mysql/conf.d/\n!includedir /etc/mysql/mariadb.conf.d/\n"
LONG = "#" + "x" * 4093

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


@dataclass(frozen=True)
class Case:
    """Files by path in the host (all below /etc), and how the server is started on them.

    `head` are the arguments before all others, `options` those at the end of the list. `modes` and `links` are by path;
    every file belongs to root, the server runs as mysql. `loops` marks a configuration whose files are read repeatedly.
    """

    name: str
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    options: Sequence[str] = ()
    head: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    nofile: int | tuple[int, int] | None = None
    modes: Mapping[str, int] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    folders: Sequence[str] = ()


def mysqld(*lines: str) -> dict[str, str]:
    """One standard file with a [mysqld] group."""
    return {"/etc/my.cnf": "\n".join(("[mysqld]", *lines, ""))}


WHICH_FILES = [
    Case(
        "standard_files_in_order",
        {
            "/etc/my.cnf": "[mysqld]\nmax_connections=101\nsort_buffer_size=3M\n",
            "/etc/mysql/my.cnf": "[mysqld]\nmax_connections=102\n",
        },
    ),
    Case(
        "mysql_home_comes_after",
        {
            "/etc/mysql/my.cnf": "[mysqld]\nmax_connections=102\n",
            "/etc/own/my.cnf": "[mysqld]\nmax_connections=103\n",
        },
        env={"MYSQL_HOME": "/etc/own"},
    ),
    Case(
        "mariadb_home_hides_mysql_home",
        {
            "/etc/own/my.cnf": "[mysqld]\nmax_connections=103\n",
            "/etc/other/my.cnf": "[mysqld]\nmax_connections=104\n",
        },
        env={"MYSQL_HOME": "/etc/own", "MARIADB_HOME": "/etc/other"},
    ),
    Case(
        "a_home_of_etc_moves_its_file_to_the_end",
        {"/etc/my.cnf": "[mysqld]\nmax_connections=101\n", "/etc/mysql/my.cnf": "[mysqld]\nmax_connections=102\n"},
        env={"MYSQL_HOME": "/etc"},
    ),
    Case(
        "home_of_the_user_comes_last",
        {"/etc/my.cnf": "[mysqld]\nmax_connections=101\n", "/etc/home/.my.cnf": "[mysqld]\nmax_connections=105\n"},
        head=["--defaults-extra-file=/etc/extra"],
        env={"HOME": "/etc/home"},
        links={"/etc/extra": "my.cnf"},
    ),
    Case(
        "extra_file_between_standard_and_home",
        {"/etc/my.cnf": "[mysqld]\nmax_connections=101\n", "/etc/extra": "[mysqld]\nmax_connections=106\n"},
        head=["--defaults-extra-file=/etc/extra"],
    ),
    Case("missing_extra_file_refuses", mysqld("max_connections=101"), head=["--defaults-extra-file=/etc/nowhere"]),
    Case(
        "defaults_file_replaces_all",
        {"/etc/my.cnf": "[mysqld]\nmax_connections=101\n", "/etc/only": "[mysqld]\nsort_buffer_size=5M\n"},
        head=["--defaults-file=/etc/only"],
    ),
    Case("missing_defaults_file_refuses", mysqld("max_connections=101"), head=["--defaults-file=/etc/nowhere"]),
    Case("no_defaults", mysqld("max_connections=101"), head=["--no-defaults"]),
    Case(
        "group_suffix_argument",
        {"/etc/my.cnf": "[mysqld1]\nmax_connections=111\n[mysqld]\nsort_buffer_size=5M\n[mysqld2]\nport=1\n"},
        head=["--defaults-group-suffix=1"],
    ),
    Case(
        "group_suffix_of_the_environment",
        {"/etc/my.cnf": "[server_x]\nmax_connections=111\n[mysqld-10.11_x]\nsort_buffer_size=5M\n"},
        env={"MARIADB_GROUP_SUFFIX": "_x"},
    ),
    Case("defaults_file_twice_refuses", mysqld(), head=["--defaults-file=/etc/my.cnf", "--defaults-file=/etc/my.cnf"]),
    Case("defaults_file_late_refuses", mysqld(), options=["--defaults-file=/etc/my.cnf"]),
    Case(
        "link_through_alternatives",
        {"/etc/mysql/mariadb.cnf": DEBIAN, "/etc/mysql/mariadb.conf.d/50-server.cnf": "[mysqld]\nmax_connections=99\n"},
        links={"/etc/mysql/my.cnf": "/etc/alternatives/my.cnf", "/etc/alternatives/my.cnf": "/etc/mysql/mariadb.cnf"},
        folders=["/etc/mysql/conf.d"],
    ),
    Case(
        "link_to_nothing_is_passed_over",
        {"/etc/mysql/mariadb.cnf": "[mysqld]\nmax_connections=99\n"},
        links={"/etc/mysql/my.cnf": "/etc/alternatives/my.cnf"},
    ),
    Case(
        "stray_directory_is_never_read",
        {
            "/etc/mysql/my.cnf": DEBIAN,
            "/etc/mysql/mariadb.conf.d/99-performance.cnf": "[mysqld]\ninnodb_buffer_pool_size = 200M\n",
            "/etc/mysql/mysql.conf.d/performance.cnf": "[mysqld]\ninnodb_buffer_pool_size = 300M\n",
        },
        folders=["/etc/mysql/conf.d"],
    ),
]

INCLUDES = [
    Case(
        "include_takes_any_suffix_and_nothing_else",
        {
            "/etc/my.cnf": '[mysqld]\n!include   /etc/a.txt  \n!include "/etc/b.cnf"\n!include /etc/b.cnf # why\n'
            "!include /etc/*.cnf\n!INCLUDE /etc/b.cnf\n!nothing of this\nmax_connections=120\n",
            "/etc/a.txt": "[mysqld]\nsort_buffer_size=4M\n",
            "/etc/b.cnf": "[mysqld]\nsort_buffer_size=6M\n",
        },
    ),
    Case(
        "includedir_in_byte_order",
        {
            "/etc/my.cnf": "[mysqld]\nmax_connections=1000\n!includedir /etc/d\n",
            "/etc/d/10.cnf": "[mysqld]\nmax_connections=110\n",
            "/etc/d/9.cnf": "[mysqld]\nmax_connections=109\n",
            "/etc/d/B.cnf": "[mysqld]\nmax_connections=11\nsort_buffer_size=3M\n",
            "/etc/d/a.cnf": "[mysqld]\nmax_connections=97\n",
            "/etc/d/.cnf": "[mysqld]\nread_buffer_size=1M\n",
            "/etc/d/.hidden.cnf": "[mysqld]\nread_rnd_buffer_size=1M\n",
            "/etc/d/z.ini": "[mysqld]\nmax_connections=12\n",
            "/etc/d/z.CNF": "[mysqld]\nmax_connections=13\n",
            "/etc/d/z.cnf.bak": "[mysqld]\nmax_connections=14\n",
            "/etc/d/z.cnf~": "[mysqld]\nmax_connections=15\n",
            "/etc/d/z.cnf.disabled": "[mysqld]\nmax_connections=16\n",
            "/etc/d/sub/z.cnf": "[mysqld]\nmax_connections=17\n",
        },
    ),
    Case("includedir_missing_refuses", mysqld("max_connections=120", "!includedir /etc/nowhere")),
    Case(
        "includedir_missing_below_ends_that_file",
        {
            "/etc/my.cnf": "[mysqld]\n!include /etc/a\nmax_connections=120\n",
            "/etc/a": "[mysqld]\nsort_buffer_size=4M\n!includedir /etc/nowhere\nsort_buffer_size=6M\n",
        },
    ),
    Case("includedir_of_a_file_refuses", {**mysqld("!includedir /etc/a"), "/etc/a": ""}),
    Case(
        "world_writable_is_ignored",
        {
            "/etc/my.cnf": "[mysqld]\nmax_connections=120\n!include /etc/a\n",
            "/etc/a": "[mysqld]\nmax_connections=121\n",
        },
        modes={"/etc/a": 0o646},
    ),
    Case(
        "world_writable_required_file_is_empty",
        {"/etc/only": "[mysqld]\nmax_connections=121\n"},
        head=["--defaults-file=/etc/only"],
        modes={"/etc/only": 0o666},
    ),
    Case(
        "what_mysql_cannot_read_is_passed_over",
        {
            "/etc/my.cnf": "[mysqld]\nmax_connections=120\n!includedir /etc/d\n",
            "/etc/d/a.cnf": "[mysqld]\nmax_connections=121\n",
            "/etc/d/b.cnf": "[mysqld]\nsort_buffer_size=4M\n",
        },
        modes={"/etc/d/a.cnf": 0o600},
    ),
    Case(
        "folder_that_mysql_cannot_list_refuses",
        {"/etc/my.cnf": "[mysqld]\n!includedir /etc/d\n", "/etc/d/a.cnf": "[mysqld]\nmax_connections=121\n"},
        modes={"/etc/d": 0o700},
    ),
    Case(
        "links_to_nothing_and_folders_in_includedir",
        {
            "/etc/my.cnf": "[mysqld]\n!includedir /etc/d\nmax_connections=120\n",
            "/etc/d/e.cnf/x": "",
            "/etc/d/z.cnf": "[mysqld]\nsort_buffer_size=4M\n",
        },
        links={"/etc/d/a.cnf": "/etc/nowhere", "/etc/d/b.cnf": "b.cnf", "/etc/d/c.cnf": "../real"},
    ),
    Case("loop_repeats_eleven_times", mysqld("port=3307", "!include /etc/my.cnf", "max_connections=120")),
    Case(
        "depth_of_ten",
        {
            "/etc/my.cnf": "!include /etc/i1\n",
            **{f"/etc/i{n}": f"[mysqld]\nmax_connections={100 + n}\n!include /etc/i{n + 1}\n" for n in range(1, 13)},
        },
    ),
    Case(
        "included_file_begins_without_a_group",
        {
            "/etc/my.cnf": "[mysqld]\n!include /etc/a\nmax_connections=120\n",
            "/etc/a": "sort_buffer_size=4M\n[mysqld]\nsort_buffer_size=5M\n",
        },
    ),
    Case("option_before_any_group_refuses", {"/etc/my.cnf": "max_connections=120\n[mysqld]\n"}),
    Case(
        "relative_include_from_the_working_directory",
        {
            "/etc/my.cnf": "[mysqld]\n!include rel/a\n!include ./rel/../rel/b\n",
            "/etc/rel/a": "[mysqld]\nmax_connections=120\n",
            "/etc/rel/b": "[mysqld]\nsort_buffer_size=4M\n",
        },
    ),
    Case(
        "include_on_a_last_line_without_newline_loses_a_letter",
        {
            "/etc/my.cnf": "[mysqld]\nport=3307\n!include /etc/full",
            "/etc/full": "[mysqld]\nmax_connections=120\n",
            "/etc/ful": "[mysqld]\nmax_connections=121\n",
        },
    ),
    Case(
        "includedir_on_a_last_line_without_newline_refuses",
        {"/etc/my.cnf": "[mysqld]\n!includedir /etc/conf.d", "/etc/conf.d/a.cnf": "[mysqld]\nmax_connections=120\n"},
    ),
    Case(
        "includedir_with_a_slash_without_newline",
        {"/etc/my.cnf": "[mysqld]\n!includedir /etc/conf.d/", "/etc/conf.d/a.cnf": "[mysqld]\nmax_connections=120\n"},
    ),
    Case("include_without_a_path_refuses", mysqld("!include", "max_connections=120")),
    Case(
        "include_below_the_home",
        {"/etc/my.cnf": "[mysqld]\n!include ~/a\n", "/etc/home/a": "[mysqld]\nmax_connections=120\n"},
        env={"HOME": "/etc/home"},
    ),
]

LINES = [
    Case(
        "groups",
        {
            "/etc/my.cnf": "[MYSQLD] read as well\nmax_connections=110\n[mysqld-10.11]\nsort_buffer_size=3M\n"
            "[mariadb-10.11]\nread_buffer_size=1M\n[galera]\nread_rnd_buffer_size=1M\n[client-server]\nport=3310\n"
            "[mariadbd-10.11 ]\njoin_buffer_size=1M\n[ mysqld ]\nmax_connections=111\n[mysqld-10.6]\n"
            "max_connections=112\n[mysqld-8.0]\nmax_connections=113\n[server-10.11]\nmax_connections=114\n"
            "[mysqld_safe]\nmax_connections=115\n[client]\nmax_connections=116\n[embedded]\nmax_connections=117\n"
            "[]\nmax_connections=118\n[mariadbd]\nnet_buffer_length=8K\n[server]\nkey_buffer_size=8M\n"
        },
    ),
    Case(
        "last_line_wins_whatever_its_group",
        {"/etc/my.cnf": "[mariadb-10.11]\nport=1\n[server]\nport=2\n[mysqld]\nport=3\n[galera]\nport=4\n"},
    ),
    Case("group_without_bracket_refuses", {"/etc/my.cnf": "[mysqld\nmax_connections=120\n"}),
    Case(
        "comments",
        mysqld(
            "# port=1",
            "  ; port=2",
            "max_connections=120#no",
            "sort_buffer_size = 3M # yes",
            "read_buffer_size=2M ; x",
            "init_connect=\"SET @a='#1'\" # out",
            "init_connect='a # b",
            "join_buffer_size=1M",
        ),
    ),
    Case(
        "quotes_and_escapes",
        mysqld(
            'sort_buffer_size="3M"',
            "read_buffer_size='2M'",
            "max_connections=120",
            "init_connect='a\\tb\\\\\\s\\x\\\"'",
        ),
    ),
    Case(
        "escapes",
        mysqld('init_connect="SELECT \\"a\\tb\\\\c\\sd\\xe\\r\\b\\\'"', "init_slave=SELECT\\s1\\", "port=3310"),
    ),
    Case("byte_order_mark_refuses", {"/etc/my.cnf": b"\xef\xbb\xbf[mysqld]\nmax_connections=120\n"}),
    Case(
        "crlf",
        {
            "/etc/my.cnf": "[mysqld]\r\nmax_connections=120\r\n!includedir /etc/d\r\n!include /etc/a\r\nport=3310\r\n",
            "/etc/d/a.cnf": "[mysqld]\r\nsort_buffer_size=3M\r\n",
            "/etc/a": "[mysqld]\r\nread_buffer_size=2M\r\n",
        },
    ),
    Case("lone_cr_is_one_line", {"/etc/my.cnf": "[mysqld]\rmax_connections=120\rport=3310\r"}),
    Case("nul_ends_a_line", {"/etc/my.cnf": b"[mysqld]\nmax_connections=120\0garbage\nport=33\0ten\n\0x\n"}),
    Case(
        "latin_1",
        {"/etc/my.cnf": b"# gro\xdfe Datenbank\n[mysqld]\nmax_connections=120\xa0\ninit_connect=SELECT '\xe4\xa0\n"},
    ),
    Case(
        "utf_8_letter_that_ends_in_a_blank",
        {"/etc/my.cnf": "[mysqld]\ninit_connect=SELECT 'voilà\nmax_connections=120\n"},
    ),
    Case("long_comment_sets_an_option", mysqld(LONG + "max_connections=120", LONG[:-1] + "!port=3311", "[client]")),
    Case("long_line_is_cut", mysqld("init_connect=SELECT " + "1" * 4074 + "sort_buffer_size=3M", "port=3310")),
    Case("no_equals_sign_refuses", mysqld("max_connections 120")),
    Case("line_of_an_equals_sign_refuses", mysqld("port=3310", "=5")),
    Case("no_final_newline", {"/etc/my.cnf": "[mysqld]\nport=3310\nmax_connections=120"}),
    Case("blanks_and_tabs", mysqld("\tmax_connections\t=\t120\t", " \v port = 3310", "sort_buffer_size\f=3M")),
]


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

CASES = [*WHICH_FILES, *INCLUDES, *LINES, *NAMES, *VALUES, *OPEN_FILES]
