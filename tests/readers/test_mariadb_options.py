"""MariaDB's options: names, values, limits, and what the server makes of them at start (the real tests compare)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.arithmetic import UNKNOWN
from capacity.errors import BadValue
from capacity.readers.mariadb_arguments import ALIASES
from capacity.readers.mariadb_options import Effective, effective
from capacity.readers.mariadb_table import known_anywhere, normal, table_of
from capacity.readers.mariadb_values import signed, unsigned
from capacity.settings import Assignment, File

VERSION = "10.11.19"
K, M, G, T, E = 1 << 10, 1 << 20, 1 << 30, 1 << 40, 1 << 60


def assigned(*lines: str) -> list[Assignment]:
    found = []
    for number, line in enumerate(lines, 2):
        name, equals, value = line.partition("=")
        found.append(Assignment(name, value if equals else None, File("/etc/my.cnf", number, (1, 2), line), "mysqld"))
    return found


def read(*lines: str, version: str = VERSION, **more: object) -> Effective:
    return effective(assigned(*lines), version=version, **more)  # type: ignore[arg-type]


def value(name: str, *lines: str, version: str = VERSION, **more: object) -> object:
    """The value in effect of a configuration that starts."""
    found = read(*lines, version=version, **more)
    assert found.refusals == ()
    return found.settings[name].value


def reasons(*lines: str, version: str = VERSION, **more: object) -> list[tuple[int, str]]:
    return [(refusal.at.line, refusal.reason) for refusal in read(*lines, version=version, **more).refusals]


# ------------------------------------------------------------------------------------------ numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5), ("5k", 5 * K), ("5MB", 5 * M), ("512MiB", 512 * M), ("1G2", G), ("2t", 2 * T), ("1e3", E),
        ("", 0), ("k", 0), ("e1", 0), ("+7", 7), (" 7", 7), (" -1", 2**64 - 1), ("16E", 0), ("17e", E), ("0x10", None),
        ("1.5G", None), ("512 M", None), ("-1", None), ("abc", None), ("50%", None), ("1_000", None), ("+", None),
        (str(2**64 - 1), 2**64 - 1), (str(2**64), None), ("9" * 5000, None), ("١", None), ("1Ｋ", None),
    ],
)  # fmt: skip
def test_unsigned_numbers(text: str, number: int | None) -> None:
    if number is None:
        with pytest.raises(BadValue):
            unsigned("x", text)
    else:
        assert unsigned("x", text) == number


@pytest.mark.parametrize(
    ("text", "number"), [("-5", -5), ("-1K", -K), ("8E", -(2**63)), ("9E", E - 2**63), (str(2**63), None), ("x", None)]
)
def test_signed_numbers(text: str, number: int | None) -> None:
    if number is None:
        with pytest.raises(BadValue):
            signed("x", text)
    else:
        assert signed("x", text) == number


@given(st.integers(0, 2**64 - 1), st.sampled_from("kmgtpe"))
@settings(deadline=None)
def test_suffixes_are_powers_of_1024_modulo_2_to_the_64(digits: int, suffix: str) -> None:
    power = 1024 ** ("kmgtpe".index(suffix) + 1)
    assert unsigned("x", f"{digits}{suffix}") == unsigned("x", f"{digits}{suffix.upper()}iB") == digits * power % 2**64


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("sort_buffer_size=1", 1024),
        ("join_buffer_size=10000001", 10_000_000 // 128 * 128),
        ("read_buffer_size=1T", 2_147_479_552),
        ("tmp_table_size=3K", 0),
        ("max_heap_table_size=16400", 16_384),
        ("max_allowed_packet=2G", G),
        ("thread_stack=300000", 300_000 // K * K),
        ("key_buffer_size=4097", 4096),
        ("max_connections=3", 10),
        ("max_connections=1000000", 100_000),
        ("innodb_log_buffer_size=1", 2 * M),
        ("innodb_buffer_pool_size=7000K", 6 * M),
        ("innodb_buffer_pool_size=134217727", 127 * M),
        ("net_buffer_length=1500", K),
        ("bulk_insert_buffer_size=16E", 0),
    ],
)  # fmt: skip
def test_limits_and_blocks(line: str, number: int) -> None:
    name = line.partition("=")[0].replace("tmp_table_size", "tmp_memory_table_size")
    assert value(name, line) == number


def test_a_changed_value_is_remarked_with_both_numbers() -> None:
    found = read("port=1", "sort_buffer_size=1", "max_connections=1000000")
    assert sorted((remark.at.line, remark.message) for remark in found.remarks) == [
        (3, "sort_buffer_size = 1: 1 is taken as 1024: the smallest allowed"),
        (4, "max_connections = 1000000: 1000000 is taken as 100000: the largest allowed"),
    ]


@given(st.sampled_from(sorted(table_of(VERSION).options)), st.one_of(st.none(), st.text(max_size=30)))
@settings(max_examples=600, deadline=None)
def test_any_text_of_any_option_gives_a_result(name: str, text: str | None) -> None:
    found = effective([Assignment(name, text, File("/etc/my.cnf", 2), "mysqld")], version=VERSION, nofile_limit=4096)
    option = table_of(VERSION).options[name]
    setting = found.settings.get(ALIASES.get(name, name))
    if option.kind in ("u64", "u32") and setting is not None and setting.origin.kind == "file":
        assert setting.value is UNKNOWN or option.minimum <= setting.value <= (option.maximum or 2**64)


SOME = st.text(max_size=12)


@given(st.lists(st.tuples(SOME, st.one_of(st.none(), SOME)), max_size=8), st.lists(SOME, max_size=4))
@settings(max_examples=200, deadline=None)
def test_any_names_and_arguments_give_a_result(pairs: list[tuple[str, str | None]], arguments: list[str]) -> None:
    given_ = [Assignment(name, text, File("/etc/my.cnf", 2), "mysqld") for name, text in pairs]
    found = effective(given_, arguments, VERSION)
    assert found.settings["max_connections"].value >= 10


@given(st.lists(st.integers(10, 100_000), min_size=1, max_size=6))
@settings(deadline=None)
def test_the_last_one_wins_and_remembers_the_others(numbers: list[int]) -> None:
    setting = read(*(f"max_connections={number}" for number in numbers)).settings["max_connections"]
    assert setting.value == numbers[-1]
    assert str(setting.origin) == f"/etc/my.cnf:{len(numbers) + 1}:1"
    assert [loser.value for loser in setting.overrode] == [*reversed(numbers[:-1]), 151]
    assert setting.overrode[-1].origin.kind == "default"


# ------------------------------------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("line", "name", "result"),
    [
        ("Max-Connections=120", "max_connections", 120),
        ("max_conn=120", "max_connections", 120),
        ("sort_buf=3M", "sort_buffer_size", 3 * M),
        ("key_buffer=8M", "key_buffer_size", 8 * M),
        ("table_cache=300", "table_open_cache", 300),
        ("loose-max_connections=120", "max_connections", 120),
        ("session.sort_buffer_size=3M", "sort_buffer_size", 3 * M),
        ("plugin-innodb-log-buffer-size=8M", "innodb_log_buffer_size", 8 * M),
        ("maximum-innodb_log_buffer_size=8M", "innodb_log_buffer_size", 8 * M),
        ("maximum-table_cache=300", "table_open_cache", 300),
        ("maximum-sort_buffer_size=1M", "sort_buffer_size", 2 * M),
        ("skip-sort_buffer_size", "sort_buffer_size", 1024),
        ("skip-performance_schema=0", "performance_schema", 1),
        ("enable-performance_schema", "performance_schema", 1),
        ("performance_schema", "performance_schema", 1),
        ("performance_schema=YES", "performance_schema", 0),
        ("innodb_adaptive_hash_index=on", "innodb_adaptive_hash_index", 1),
        ("log-bin", "log_bin", "ON"),
        ("log_bin=0", "log_bin", "ON"),
        ("skip-log-bin", "log_bin", "OFF"),
        ("loose-log_bin=0", "log_bin", "ON"),
        ("binlog_format=row", "binlog_format", "ROW"),
        ("binlog_format=1", "binlog_format", "STATEMENT"),
        ("thread_handling=pool", "thread_handling", "pool-of-threads"),
        ("event_scheduler=1", "event_scheduler", "ON"),
        ("query_cache_type=", "query_cache_type", "OFF"),
        ("optimizer_switch=optimize_join_buffer_size=off", "optimize_join_buffer_size", 0),
        ("optimizer_switch=mrr=on", "optimize_join_buffer_size", 1),
        ("bind-address=::", "bind_address", "::"),
    ],
)
def test_names_and_words(line: str, name: str, result: object) -> None:
    assert value(name, line) == result


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("no_such_option=1", "unknown option '--no_such_option'"),
        ("innodb_buffer_pool_siz=1G", "not unique"),
        ("max_connections", "requires an argument"),
        ("max_connections 120", "unknown option '--max_connections'"),
        ("set-variable=max_connections=100", "unknown option"),
        ("maximum-max_connections=9", "cannot be set"),
        ("skip-host-cache=1", "cannot take an argument"),
        ("sort_buffer_size=1.5G", "sort_buffer_size cannot be '1.5G'"),
        ("innodb_buffer_pool_size=1.5G", "innodb_buffer_pool_size cannot be '1.5G'"),
        ("innodb_buffer_pool_size=5M", "requires innodb_buffer_pool_size >= 6 MiB current 5 MiB"),
        ("binlog_format=lines", "expected one of MIXED, STATEMENT, ROW"),
        ("optimizer_switch=none=on", "flag=on|off|default"),
        ("default_storage_engine=nope", "storage engine"),
        ("skip-innodb", "storage engine: InnoDB"),
        ("max_session_mem_used=8192", "crashes"),
        ("=5", "not unique"),
        ("aria_log_purge_type=x", "aria_log_purge_type"),
    ],
)
def test_what_refuses(line: str, reason: str) -> None:
    found = reasons("port=1", line)
    assert [number for number, _ in found] == [3]
    assert reason in found[0][1]


@pytest.mark.parametrize(
    "line", ["loose-no_such=1", "skip-loose-no-such", "rocksdb_block_size=1", "innodb_file_format=x", "feedback_url=1",
             "innodb_trx=nonsense", "symbolic-links=maybe"]
)  # fmt: skip
def test_what_does_not_refuse(line: str) -> None:
    assert reasons(line) == []


def test_an_option_of_a_plugin_is_a_remark_until_the_plugin_is_loaded() -> None:
    assert "needs the plugin server_audit" in read("server_audit_logging=ON").remarks[0].message
    assert read("plugin_load_add=server_audit", "server_audit_logging=ON").remarks == ()


def test_an_engine_that_fails_is_left_out_where_another_is_the_default() -> None:
    found = read("default_storage_engine=Aria", "innodb_log_buffer_size=-1")
    assert found.refusals == ()
    assert found.settings["innodb"].value == "OFF"
    assert value("innodb", "default_storage_engine=Aria", "skip-innodb") == "OFF"
    assert value("innodb_buffer_pool_size", "default_storage_engine=Aria", "skip-innodb") == 0
    assert read("skip-innodb").settings["innodb_buffer_pool_size"].value == 128 * M


def test_key_caches_and_what_sessions_may_set() -> None:
    found = read("hot.key_buffer_size=4M", "default.key_buffer_size=9M", "maximum-sort_buffer_size=1M")
    assert {name: setting.value for name, setting in found.key_caches.items()} == {"hot": 4 * M}
    assert found.settings["key_buffer_size"].value == 9 * M
    assert {name: setting.value for name, setting in found.session_maxima.items()} == {"sort_buffer_size": M}


def test_two_names_are_one_variable() -> None:
    setting = read("tmp_table_size=4M", "tmp_memory_table_size=5M", "tmp_table_size=6M").settings[
        "tmp_memory_table_size"
    ]
    assert [setting.value, *(loser.value for loser in setting.overrode)] == [6 * M, 5 * M, 4 * M, 16 * M]


def test_flags_of_the_optimizer_add_up_and_default_takes_them_back() -> None:
    off = "optimizer_switch=optimize_join_buffer_size=off"
    assert value("optimize_join_buffer_size", off, "optimizer_switch=mrr=on") == 0
    assert value("optimize_join_buffer_size", off, "optimizer_switch=default") == 1
    setting = read("port=1", off, "optimizer_switch=mrr=on").settings["optimize_join_buffer_size"]
    assert str(setting.origin) == "/etc/my.cnf:3:1"


def test_arguments_win_over_files() -> None:
    found = effective(
        assigned("max_connections=120", "port=1"),
        ["--max-connections", "130", "-P", "3311", "--sort_buffer_size=5M"],
        VERSION,
        arguments_at=File("/lib/systemd/system/mariadb.service", 7),
    )
    assert found.refusals == ()
    assert [found.settings[name].value for name in ("max_connections", "port", "sort_buffer_size")] == [
        130,
        3311,
        5 * M,
    ]
    assert str(found.settings["port"].origin.path) == "/lib/systemd/system/mariadb.service"  # type: ignore[attr-defined]
    assert [loser.value for loser in found.settings["max_connections"].overrode] == [120, 151]


@pytest.mark.parametrize("arguments", [["word"], ["--max-connections"], ["--", "--port=1"], ["-Z"]])
def test_arguments_that_refuse(arguments: list[str]) -> None:
    assert effective([], arguments, VERSION).refusals != ()


def test_a_placeholder_is_not_known() -> None:
    found = read("innodb_buffer_pool_size={{ pool }}", "max_connections=${MAX}", "sort_buffer_size=2M")
    assert found.refusals == ()
    assert found.settings["innodb_buffer_pool_size"].value is UNKNOWN
    assert found.settings["max_connections"].origin.kind == "unknown"
    assert found.settings["max_connections"].overrode[-1].value == 151


def test_secrets_stand_in_no_message_and_no_setting() -> None:
    found = effective(
        assigned("wsrep_sst_auth=user:hunter2", "ssl_key=hunter2", "my_password hunter2", "auth_x=hunter2"),
        ["--wsrep-sst-auth=user:hunter2"],
        VERSION,
    )
    said = str(found.refusals) + str(found.remarks)
    assert "hunter2" not in "".join(refusal.reason for refusal in found.refusals)
    assert "hunter2" not in "".join(remark.message for remark in found.remarks)
    assert said
    assert "wsrep_sst_auth" not in found.settings
    assert "ssl_key" not in found.settings


# ------------------------------------------------------------------------------------------ the start


@pytest.mark.parametrize(
    ("files", "asked", "connections"),
    [
        (2048, 5000, 5000), (4096, 5000, 866), (4096, 4000, 3666), (6000, 5000, 5000), (1024, 800, 594),
        (20000, 10**7, 16770),
    ],
)  # fmt: skip
def test_open_files_lower_the_connections_and_wrap(files: int, asked: int, connections: int) -> None:
    setting = read(f"max_connections={asked}", nofile_limit=files).settings["max_connections"]
    assert setting.value == connections
    if connections < min(asked, 100_000):
        assert setting.origin.kind == "derived"
        assert setting.overrode[0].value == min(asked, 100_000)


def test_a_hard_limit_above_the_soft_one_is_used() -> None:
    assert value("max_connections", "max_connections=5000", nofile_limit=(1024, 524_288)) == 5000
    assert value("open_files_limit", nofile_limit=(1024, 524_288)) == 30 + 151 + 1 + 2000 * 2 * 8
    assert value("max_connections", "max_connections=5000") == 5000


def test_ports() -> None:
    assert value("port", "port=0") == 3306
    assert value("port", "skip-networking") == 0
    assert value("extra_port", "extra_port=3307", "skip-networking") == 0


def test_an_explicit_query_cache_size_turns_it_on() -> None:
    assert value("query_cache_type", "query_cache_type=0", "query_cache_size=2M") == "ON"
    assert value("query_cache_type", "query_cache_size=0") == "OFF"
    assert value("query_cache_type", "query_cache_size=2M", "query_cache_type=2") == "DEMAND"
    assert value("query_cache_type") == "OFF"


@pytest.mark.parametrize(
    ("version", "lines", "pool"),
    [
        ("10.3.39", ["innodb_buffer_pool_size=1G"], G),
        ("10.3.39", ["innodb_buffer_pool_size=1100M"], 2 * G),  # 8 instances of 128 MiB each
        ("10.3.39", ["innodb_buffer_pool_size=1100M", "innodb_buffer_pool_instances=2"], 1280 * M),
        ("10.3.39", ["innodb_buffer_pool_size=200M"], 256 * M),
        ("10.3.39", ["innodb_buffer_pool_size=100M"], 100 * M),
        ("10.6.18", ["innodb_buffer_pool_size=1100M"], 1152 * M),
        ("10.6.18", ["innodb_buffer_pool_size=1100M", "innodb_buffer_pool_chunk_size=1G"], 2 * G),
        ("10.11.6", ["innodb_buffer_pool_size=1100M"], 1100 * M),
        ("10.11.6", ["innodb_buffer_pool_size=1100M", "innodb_buffer_pool_chunk_size=128M"], 1152 * M),
        ("10.11.19", ["innodb_buffer_pool_size=1100M", "innodb_buffer_pool_chunk_size=128M"], 1100 * M),
        ("11.4.7", ["innodb_buffer_pool_size=1100M"], 1100 * M),
    ],
)
def test_the_pool_by_version(version: str, lines: list[str], pool: int) -> None:
    assert value("innodb_buffer_pool_size", *lines, version=version) == pool


def test_the_smallest_pool_by_version() -> None:
    assert reasons("innodb_buffer_pool_size=5M", version="10.6.18") == []
    assert reasons("innodb_buffer_pool_size=5M", version="10.11.19") != []


@pytest.mark.parametrize(
    ("version", "name", "default"),
    [
        ("10.3.39", "optimize_join_buffer_size", 0),
        ("10.5.23", "optimize_join_buffer_size", 1),
        ("10.3.39", "innodb_adaptive_hash_index", 1),
        ("10.5.23", "innodb_adaptive_hash_index", 0),
        ("", "innodb_adaptive_hash_index", 1),
        ("10.6.18", "innodb_buffer_pool_chunk_size", 128 * M),
        ("10.11.19", "innodb_buffer_pool_chunk_size", 0),
        ("11.8.6", "mhnsw_max_cache_size", 16 * M),
    ],
)
def test_defaults_by_version(version: str, name: str, default: int) -> None:
    assert read(version=version).settings[name].value == default


def test_limits_by_version() -> None:
    assert value("group_concat_max_len", "group_concat_max_len=4G") == G
    assert value("group_concat_max_len", "group_concat_max_len=4G", version="11.8.6") == 4 * G - 1
    assert value("innodb_log_buffer_size", "innodb_log_buffer_size=1", version="10.6.18") == 256 * K
    assert value("group_concat_max_len", "group_concat_max_len=4G", version="") == 4 * G


# ------------------------------------------------------------------------------------------ which program


@pytest.mark.parametrize(
    ("version", "flavour"), [("10.11.19", "mysql"), ("10.11.19", "unknown"), ("", "mariadb"), ("12.9.1", "mariadb")]
)
def test_an_unknown_option_is_a_remark_unless_it_is_certain(version: str, flavour: str) -> None:
    found = effective(assigned("log_error_verbosity=3"), version=version, flavour=flavour)
    assert found.refusals == ()
    assert any("log_error_verbosity" in remark.message for remark in found.remarks)


def test_options_by_branch() -> None:
    assert reasons("innodb_buffer_pool_size_max=1G", version="10.6.7") != []
    assert reasons("innodb_buffer_pool_size_max=1G", version="10.11.11") != []
    assert reasons("innodb_buffer_pool_siz=64M", version="10.11.11") == []
    assert reasons("innodb_buffer_pool_instances=8", version="10.3.22") == []
    assert reasons("optimizer_disk_read_cost=1", version="10.11.19") != []
    assert reasons("optimizer_disk_read_cost=1", version="11.8.6") == []
    assert known_anywhere("optimizer_disk_read_cost")
    assert not known_anywhere("log_error_verbosity")


def test_names_are_compared_in_ascii_alone() -> None:
    assert normal("Max-CONNECTIONS") == "max_connections"
    assert normal("\u212aey") == "\u212aey"  # the sign of Kelvin is no K
