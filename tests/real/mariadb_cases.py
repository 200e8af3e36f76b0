"""Option files of MariaDB that are laid before the reader and the real server alike: which are read, what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

DEBIAN = "[client-server]\n!includedir /etc/mysql/conf.d/\n!includedir /etc/mysql/mariadb.conf.d/\n"
LONG = "#" + "x" * 4093


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


CASES = [*WHICH_FILES, *INCLUDES, *LINES]
