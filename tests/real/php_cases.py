"""Configurations of php.ini and its layers that are started with the real php-fpm: what a file may look like."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tests.real.fpm import POOL_USER


@dataclass(frozen=True)
class Case:
    """One configuration; `{dir}` in any text is its directory. `pools` alone: the main file is made around it."""

    name: str
    pools: str | bytes = ""
    main: str | bytes | None = None
    ini: str | bytes = ""
    scan: dict[str, str | bytes] = field(default_factory=dict)
    files: dict[str, str | bytes] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    args: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    bare: bool = False
    quiet: bool = False  # the dump goes to a log, not to us
    ask: bool = True  # a script of ours can be reached


def pool(name: str = "www", extra: str = "", children: str = "2", manager: str = "static") -> str:
    """A pool that php-fpm takes as it stands."""
    return f"[{name}]\n{POOL_USER}listen = {{dir}}/{name}.s\npm = {manager}\npm.max_children = {children}\n{extra}"


OPCACHE: dict[str, str | bytes] = {"10-opcache.ini": "zend_extension=opcache.so\n"}
BARE_POOL = f"[www]\n{POOL_USER}listen = {{dir}}/www.s\n"

GRAMMAR = [
    Case("plain", pool(extra="php_admin_value[memory_limit] = 99M\n")),
    Case("comment_behind_a_value", pool(extra="php_admin_value[memory_limit] = 64M ; 128M\n")),
    Case("hash_behind_a_value_that_ends_in_m", pool(extra="php_admin_value[memory_limit] = 64M # was 128M\n")),
    Case("hash_behind_a_value_that_ends_in_h", pool(extra="php_admin_value[memory_limit] = 64M # not enough\n")),
    Case("hash_line_in_a_pool", pool(extra="# php_admin_value[memory_limit] = 64M\n")),
    Case("hash_line_in_php_ini", pool(), ini="# memory limits\nmemory_limit = 77M\n"),
    Case("hash_line_that_breaks_php_ini", pool(), ini="memory_limit = 77M\n# (old)\nmemory_limit = 88M\n"),
    Case("quotes", pool(extra="php_admin_value[memory_limit] = \"64M\"\nphp_value[foo] = 'x'\n")),
    Case("adjacent_quotes", pool(extra='php_admin_value[memory_limit] = "6"4"M"\n')),
    Case("apostrophe_in_php_ini", pool(), ini="memory_limit = 64M\nfoo = don't\nmemory_limit = 96M\n"),
    Case("apostrophe_in_a_pool", pool(extra="php_value[foo] = don't\nphp_admin_value[memory_limit] = 64M\n")),
    Case("empty_single_quotes_in_a_pool", pool(extra="chdir = ''\n")),
    Case("equals_in_a_value_of_php_ini", pool(), ini="memory_limit = 64M\nfoo = a=b\nmemory_limit = 96M\n"),
    Case("equals_in_a_value_of_a_pool", pool(extra="php_value[foo] = a=b\n")),
    Case("operators", pool(children="8|3"), ini="error_reporting = E_ALL & ~E_NOTICE\nmemory_limit = 64M\n"),
    Case("constant_in_a_pool", pool(extra="pm.max_requests = E_ALL\n")),
    Case("parenthesis_behind_a_size", pool(), ini="memory_limit = 96M(old)\nmemory_limit = 80M\n"),
    Case("word_behind_a_switch", pool(), ini="foo = on x\nmemory_limit = 80M\n"),
    Case("environment_in_php_ini", pool(), ini="memory_limit = ${LIMIT}\n", env={"LIMIT": "70M"}),
    Case("environment_unset_in_php_ini", pool(), ini="memory_limit = ${LIMIT}\n"),
    Case("environment_with_default_text", pool(), ini="memory_limit = ${LIMIT:-64M}\n"),
    Case("environment_in_double_quotes", pool(), ini='memory_limit = "${LIMIT}"\n', env={"LIMIT": "70M"}),
    Case("environment_in_single_quotes", pool(), ini="memory_limit = '${LIMIT}'\n", env={"LIMIT": "70M"}),
    Case("php_ini_before_environment", pool(), ini="LIMIT = 72M\nmemory_limit = ${LIMIT}\n", env={"LIMIT": "70M"}),
    Case("php_ini_name_in_a_pool", pool(extra="php_admin_value[memory_limit] = ${mine}\n"), ini="mine = 71M\n"),
    Case("environment_in_a_pool", pool(children="${CHILDREN}"), env={"CHILDREN": "3"}),
    Case("environment_unset_in_a_pool", pool(children="${CHILDREN}")),
    Case("byte_order_mark_in_php_ini", pool(), ini=b"\xef\xbb\xbfmemory_limit = 64M\n"),
    Case("byte_order_mark_in_a_pool", pool(), main=b"\xef\xbb\xbf" + b"[global]\ninclude = {dir}/pool.conf\n"),
    Case("crlf", main=("[global]\r\n" + pool(extra="php_admin_value[memory_limit] = 64M\n").replace("\n", "\r\n"))),
    Case(
        "lone_cr_in_a_pool",
        main=("[global]\n" + pool(extra="php_admin_value[memory_limit] = 64M\n")).replace("\n", "\r"),
    ),
    Case("lone_cr_in_php_ini", pool(), ini="; x\rmemory_limit = 64M\rfoo = 1\r"),
    Case("utf16_php_ini", pool(), ini="memory_limit = 64M\n".encode("utf-16")),
    Case("nul_behind_a_value", pool(), ini=b"memory_limit = 64M\0G\nfoo = 1\n"),
    Case("nul_then_another_setting", pool(), ini=b"foo = 1\0memory_limit = 64M\n"),
    Case("nul_in_a_pool", main=(pool() + "php_admin_value[memory_limit] = 64M\0G\n").encode()),
    Case("latin_1_comment", pool(), ini="; h\xf6her\nmemory_limit = 64M ; gr\xf6\xdfer\n".encode("latin-1")),
    Case("long_line", pool(), ini="; " + "x" * 2**20 + "\nmemory_limit = 64M\n"),
    Case("no_final_newline", pool(), ini="memory_limit = 64M"),
    Case("comment_without_final_newline", pool(), ini="memory_limit = 64M ; 128M"),
    Case("indented_section_breaks_php_ini", pool(), ini="memory_limit = 64M\n [PHP]\nmemory_limit = 96M\n"),
    Case("unclosed_quote_in_php_ini", pool(), ini='memory_limit = 64M\nfoo = "x\nmemory_limit = 96M\n'),
    Case("name_in_other_case_in_php_ini", pool(), ini="Memory_Limit = 64M\n"),
    Case("name_in_other_case_in_a_pool", pool(extra="php_admin_value[Memory_Limit] = 64M\n")),
    Case("blank_behind_the_name", pool(extra="php_admin_value[memory_limit ] = 64M\n")),
    Case("blank_before_the_name", pool(extra="php_admin_value[ memory_limit] = 64M\n")),
    Case("directive_in_other_case", pool().replace("pm.max_children", "PM.Max_Children")),
    Case("include_in_other_case", main="[global]\nINCLUDE = {dir}/pool.conf\n", pools=pool()),
    Case("text_behind_a_header", pool().replace("[www]", "[www] x")),
    Case("comment_behind_a_header", pool().replace("[www]", "[www] ; x")),
    Case("blanks_in_a_header", pool().replace("[www]", "[ www ]")),
    Case("quoted_header", pool().replace("[www]", '["www"]')),
    Case("tab_in_a_name", pool(extra="pm\t.max_children = 5\n")),
    Case("value_over_two_lines", pool(extra='php_value[foo] = "a\nb"\n')),
]


def _sized(text: str, where: str) -> Case:
    line = f"memory_limit = {text}\n"
    name = f"{where}_{text}"
    if where == "ini":
        return Case(name, pool(), ini="memory_limit = 60M\n", scan={"5.ini": line})
    return Case(name, pool(extra=f"{where}[memory_limit] = {text}\n"), ini="memory_limit = 60M\n")


SIZES = [
    _sized(text, where)
    for where, texts in {
        "php_admin_value": (
            "8192M 1.5G 256MB 0x10M 017M 1T '64 M' 64M64M -1 -2 -4M 0 abc 2097151 2097152 99999999999G 17179869184G "
            "18446744073709551616 on 1_000M"
        ),
        "ini": "1.5G 256MB -1 0 2097151 99999999999G",
        "php_value": "256MB -1 1G",
    }.items()
    for text in re.findall(r"'[^']*'|\S+", texts)
] + [
    Case("empty_size", pool(extra="php_admin_value[memory_limit] =\n"), ini="memory_limit = 60M\n"),
    Case("flag_as_a_size", pool(extra="php_admin_flag[memory_limit] = on\n"), ini="memory_limit = 60M\n"),
    Case("flag_with_a_size", pool(extra="php_flag[memory_limit] = 64M\n")),
    Case("hard_percent", pool(extra="php_admin_value[memory_hard_limit_percent] = 150%\n")),
    Case("hard_percent_refused", pool(extra="php_admin_value[memory_hard_limit_percent] = 99\n")),
    Case("hard_percent_in_php_ini", pool(), ini="memory_hard_limit_percent = 100\n"),
]

LAYERS = [
    Case("scan_directory_wins", pool(), ini="memory_limit = 60M\n", scan={"a.ini": "memory_limit = 61M\n"}),
    Case(
        "scan_order_is_by_bytes",
        pool(),
        scan={
            "B.ini": "memory_limit = 61M\n",
            "a.ini": "memory_limit = 62M\n",
            "9.ini": "memory_limit = 63M\n",
            "10.ini": "memory_limit = 64M\n",
            ".z.ini": "memory_limit = 65M\n",
            "z.INI": "memory_limit = 66M\n",
            "z.ini.bak": "memory_limit = 67M\n",
        },
    ),
    Case("define_wins", pool(), ini="memory_limit = 60M\n", args=["-d", "memory_limit=62M"]),
    Case("define_without_a_limit", pool(), ini="memory_limit = 60M\n", args=["-d", "memory_limit=-1"]),
    Case("define_refused", pool(), ini="memory_limit = 60M\n", args=["-d", "memory_limit=62MB"]),
    Case("define_without_a_value", pool(), ini="memory_limit = 60M\n", args=["-d", "memory_limit"]),
    Case("define_with_an_error", pool(), args=["-d", "foo=a(b", "-d", "memory_limit=62M"]),
    Case("pool_value_over_define", pool(extra="php_value[memory_limit] = 64M\n"), args=["-d", "memory_limit=62M"]),
    Case("admin_over_value_before", pool(extra="php_admin_value[memory_limit]=96M\nphp_value[memory_limit]=64M\n")),
    Case("admin_over_value_behind", pool(extra="php_value[memory_limit]=64M\nphp_admin_value[memory_limit]=96M\n")),
    Case("first_admin_wins", pool(extra="php_admin_value[memory_limit]=96M\nphp_admin_value[memory_limit]=64M\n")),
    Case("first_value_wins", pool(extra="php_value[memory_limit]=96M\nphp_value[memory_limit]=64M\n")),
    Case("refused_first_admin", pool(extra="php_admin_value[memory_limit]=96MB\nphp_admin_value[memory_limit]=64M\n")),
    Case("refused_admin_does_not_pin", pool(extra="php_value[memory_limit]=64M\nphp_admin_value[memory_limit]=9MB\n")),
    Case("refused_value_of_a_pool", pool(extra="php_value[memory_limit] = 96MB\n"), ini="memory_limit = 60M\n"),
    Case("refused_in_scan_directory", pool(), ini="memory_limit = 60M\n", scan={"a.ini": "memory_limit = 61MB\n"}),
    Case("no_php_ini_at_all", pool(), args=["-n"], bare=True),
    Case(
        "no_php_ini_but_one_named", pool(), ini="memory_limit = 60M\n", args=["-n"], scan={"a.ini": "memory_limit=61M"}
    ),
    Case("file_named", pool(), args=["-c", "{dir}/mine.ini"], bare=True, files={"mine.ini": "memory_limit = 60M\n"}),
    Case("file_named_is_missing", pool(), args=["-c", "{dir}/none.ini"], bare=True),
    Case(
        "sapi_file_before_php_ini",
        pool(),
        ini="memory_limit = 60M\n",
        files={"ini/php-fpm-fcgi.ini": "memory_limit = 61M\n"},
    ),
    Case("phprc_directory", pool(), env={"PHPRC": "{dir}/rc"}, bare=True, files={"rc/php.ini": "memory_limit = 60M\n"}),
    Case("phprc_file", pool(), env={"PHPRC": "{dir}/rc.ini"}, bare=True, files={"rc.ini": "memory_limit = 60M\n"}),
    Case(
        "phprc_list",
        pool(),
        env={"PHPRC": "{dir}/none:{dir}/rc"},
        bare=True,
        files={"rc/php.ini": "memory_limit = 60M\n"},
    ),
    Case("compiled_directories", pool(), bare=True),
    Case(
        "named_beats_phprc",
        pool(),
        ini="memory_limit = 60M\n",
        env={"PHPRC": "{dir}/rc"},
        files={"rc/php.ini": "memory_limit = 61M\n"},
    ),
    Case(
        "two_scan_directories",
        pool(),
        env={"PHP_INI_SCAN_DIR": "{dir}/b:{dir}/a"},
        files={"a/1.ini": "memory_limit = 61M\n", "b/2.ini": "memory_limit = 62M\n"},
    ),
    Case(
        "empty_part_is_the_compiled_one",
        pool(),
        env={"PHP_INI_SCAN_DIR": ":{dir}/b"},
        files={"b/2.ini": "memory_limit = 62M\n"},
    ),
    Case("empty_scan_directory", pool(), env={"PHP_INI_SCAN_DIR": ""}, ini="memory_limit = 60M\n"),
    Case(
        "error_in_one_scanned_file",
        pool(),
        scan={"1.ini": "memory_limit = 61M\nx = (\nmemory_limit = 62M\n", "2.ini": "capacity_marker = 5\n"},
    ),
    Case(
        "dangling_link_in_scan_directory", pool(), scan={"1.ini": "memory_limit = 61M\n"}, links={"scan/2.ini": "none"}
    ),
    Case(
        "looping_link_in_scan_directory", pool(), scan={"1.ini": "memory_limit = 61M\n"}, links={"scan/2.ini": "2.ini"}
    ),
    Case("section_names_mean_nothing", pool(), ini="[opcache]\nmemory_limit = 60M\n[x]\nmemory_limit = 61M\n"),
    Case(
        "path_section_swallows_the_rest",
        pool(),
        ini="memory_limit = 60M\n[PATH=/nowhere]\nx=1\n[PHP]\nmemory_limit=61M\n",
    ),
    Case("section_that_begins_like_path", pool(), ini="memory_limit = 60M\n[Pathology]\nmemory_limit = 61M\n"),
    Case("path_section_without_a_path", pool(), ini="memory_limit = 60M\n[PATH]\nmemory_limit = 61M\n"),
    Case(
        "path_section_of_one_file",
        pool(),
        ini="memory_limit=60M\n[HOST=x]\nmemory_limit=61M",
        scan={"a.ini": "memory_limit=62M\n"},
    ),
]
