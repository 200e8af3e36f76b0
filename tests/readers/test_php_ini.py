"""PHP's INI grammar and sizes without PHP: places, secrets, unknowns, hostile bytes. What PHP itself makes of texts is
held in tests/real."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.arithmetic import UNLIMITED
from capacity.errors import BadValue
from capacity.readers.php_ini import ini_items, ini_line_items
from capacity.readers.php_ini_text import ARRAY, ENTRY, ERROR, SECTION, Item, Variables, to_int
from capacity.readers.php_sizes import (
    apc_memory,
    opcache_memory,
    php_bytes,
    php_flag,
    php_limit,
    php_quantity,
    php_size,
)
from capacity.settings import File
from capacity.units import GiB, MiB

PATH = "/etc/php/8.3/fpm/php.ini"


def read(text: str | bytes, variables: Variables | None = None) -> list[Item]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(ini_items(data, PATH, variables or Variables({})))


def values(text: str | bytes) -> dict[str, str | None]:
    return {item.name: item.value for item in read(text) if item.kind == ENTRY}


def under_the_caret(item: Item) -> str:
    start, end = item.at.span
    return item.at.text[start - 1 : end - 1]


# ------------------------------------------------------------------------------------------ values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x = 128M\n", "128M"),
        ("x=128M", "128M"),
        ('x = "128M"\n', "128M"),
        ("x = '128M'\n", "128M"),
        ('x = a"b"c\n', "abc"),
        ("x = 64M # was 128M\n", "64M # was 128M"),
        ("x = 64M ; was 128M\n", "64M"),
        ("x = 8|3\n", "11"),
        ("x = E_ALL & ~E_NOTICE\n", "32759"),
        ("x = (8|1)^1\n", "8"),
        ("x = !0\n", "1"),
        ("x = On\n", "1"),
        ("x = none\n", ""),
        ('x = "On"\n', "On"),
        ("x =\n", ""),
        ("x = ''\n", ""),
        ('x = "a\\"b\\\\c\\n"\n', 'a"b\\c\\n'),
        ('x = "C:\\dir\\"\n', "C:\\dir\\"),
        ("x = 64M\0G\n", "64M"),
        ("x = $a\n", "$a"),
    ],
)
def test_value_of_a_line(text: str, value: str) -> None:
    assert values(text)["x"] == value


def test_last_one_of_a_name_stands_behind_the_first() -> None:
    assert [item.value for item in read("x = 1\nX = 2\nx = 3\n")] == ["1", "2", "3"]


def test_statements_before_a_syntax_error_count_and_none_behind_it() -> None:
    items = read("x = 1\ny = 2(3)\nz = 4\n")
    assert [(item.kind, item.name, item.value) for item in items[:2]] == [(ENTRY, "x", "1"), (ENTRY, "y", "2")]
    assert items[2].kind == ERROR
    assert items[2].at == File(PATH, 2, (6, 7))
    assert len(items) == 3


def test_unfinished_statement_does_not_count() -> None:
    items = read("x = 1\ny = (2\nz = 4\n")
    assert [item.kind for item in items] == [ENTRY, ERROR]


def test_apostrophe_opens_a_string_that_runs_over_lines() -> None:
    assert values("x = don't\ny = 1\nz = it's\nw = 2\n") == {"x": "dont\ny = 1\nz = its", "w": "2"}


def test_array_and_section() -> None:
    items = read("[www]\nphp_admin_value[memory_limit] = 64M\nenv[] = x\n")
    assert [(item.kind, item.name, item.key, item.value) for item in items] == [
        (SECTION, "www", "", ""),
        (ARRAY, "php_admin_value", "memory_limit", "64M"),
        (ARRAY, "env", "", "x"),
    ]


def test_utf16_says_nothing() -> None:
    assert "memory_limit" not in values("memory_limit = 64M\n".encode("utf-16"))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(end: str) -> None:
    items = read(end.join(["; c", "x = 1", "", "[s]", "y = 2", ""]))
    assert [item.at.line for item in items] == [2, 4, 5]
    assert [item.at.text for item in items] == ["x = 1", "[s]", "y = 2"]


def test_lone_line_keeps_its_number() -> None:
    items = list(ini_line_items(b"x = 1\ry = 2\r", PATH, 7))
    assert [(item.name, item.at.line, under_the_caret(item)) for item in items] == [("x", 7, "1"), ("y", 7, "2")]


def test_lone_line_is_cut_at_nul() -> None:
    assert [item.name for item in ini_line_items(b"x = 1\0\ry = 2", PATH, 1)] == ["x"]


# ------------------------------------------------------------------------------------------ places


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("memory_limit = 128M", "128M"),
        ('memory_limit="128M" ; c', "128M"),
        ("memory_limit =   '128M'   ", "128M"),
        ("x = 1 | 2 ; c", "1 | 2"),
        ("x = ${A}M", "${A}M"),
        ("äöü = größer", "größer"),
        ("[ www ]", " www "),
        ("php_value[memory_limit] = 64M", "64M"),
        ("x = on", "on"),
        ('x = a "b" c', 'a "b" c'),
    ],
)
def test_caret_points_at_the_value(line: str, shown: str) -> None:
    [item] = read(f"; first\n{line}\n")
    assert under_the_caret(item) == shown
    assert item.at.text == line
    assert item.at.line == 2


def test_columns_count_characters_of_latin_1_too() -> None:
    [item] = read("gr\xf6\xdfe = \xe4\xf6\n".encode("latin-1"))
    assert item.at.text == "größe = äö"
    assert under_the_caret(item) == "äö"
    assert item.value == "äö"


@pytest.mark.parametrize(
    "line",
    [
        "mysqli.default_pw = hunter2",
        "env[DB_PASSWORD] = hunter2",
        "env[API_TOKEN] = hunter2",
        'session.save_path = "tcp://redis:6379?auth=hunter2"',
        'x = "mysql://root:hunter2@db/app"',
        "mysqli.default_pw = hunter2 (",
    ],
)
def test_line_that_may_hold_a_secret_is_not_shown(line: str) -> None:
    items = read(line + "\n")
    assert items
    assert all("hunter2" not in item.at.text for item in items)


# ------------------------------------------------------------------------------------------ variables


def test_php_ini_is_asked_before_the_environment() -> None:
    variables = Variables({"LIMIT": "70M"})
    variables.settings["LIMIT"] = "72M"
    assert [item.value for item in read("x = ${LIMIT}\n", variables)] == ["72M"]


def test_settings_of_the_same_text_are_seen() -> None:
    variables = Variables({})
    found = []
    for item in ini_items(b"a = 7\nb = ${a}M\n", PATH, variables):
        variables.settings[item.name] = item.raw
        found.append(item.value)
    assert found == ["7", "7M"]


def test_unset_variable_is_empty_and_named() -> None:
    [item] = read("x = ${LIMIT}\n", Variables({}))
    assert (item.value, item.asked, item.unknown) == ("", ("LIMIT",), False)


def test_unknown_environment_is_not_an_empty_one() -> None:
    [item] = read('x = "${LIMIT}M"\n', Variables(None))
    assert (item.asked, item.unknown) == (("LIMIT",), True)


def test_constant_of_the_build_is_not_known() -> None:
    assert [item.unknown for item in read("x = PHP_VERSION\ny = PHP_FOO\n")] == [True, False]


def test_fallback_text_comes_with_php_8_3() -> None:
    assert [item.value for item in read("x = ${A:-64M}\n", Variables({}, fallback=True))] == ["64M"]
    assert [item.value for item in read("x = ${A:-64M}\n", Variables({"A": "1G"}, fallback=True))] == ["1G"]
    assert [item.value for item in read("x = ${A:-64M}\n", Variables({"A": "1G"}))] == [""]


# ------------------------------------------------------------------------------------------ hostile bytes


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_read(data: bytes) -> None:
    for items in (read(data), list(ini_line_items(data, PATH, 1, Variables(None)))):
        assert all(item.at.path == PATH for item in items)
        assert all(item.kind != ERROR for item in items[:-1])


INI_BYTES = st.lists(
    st.sampled_from(
        [b"a", b"=", b" ", b"\t", b"\n", b"\r", b";", b'"', b"'", b"$", b"${", b"}", b"(", b")", b"|", b"!"]
    )
    | st.sampled_from([b"[", b"]", b"on", b"64M", b"\\", b"\0", b"\xe4", b"\xc3\xa4", b"E_ALL", b"~", b"x = 1\n"]),
    max_size=40,
).map(b"".join)


@settings(deadline=None)
@given(INI_BYTES)
def test_places_lie_inside_their_lines(data: bytes) -> None:
    lines = max(1, len(data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")))
    before = 0
    for item in read(data):
        start, end = item.at.span
        assert before <= item.at.line <= lines
        before = item.at.line
        assert 1 <= start <= end
        assert item.kind == ERROR or not item.at.text or end <= len(item.at.text) + 1


@settings(deadline=None)
@given(INI_BYTES)
def test_same_text_with_lf_as_with_crlf(data: bytes) -> None:
    """A CR before a LF changes nothing but the texts that run over a line end."""
    plain = data.replace(b"\r", b"")
    if b"'" in plain or b'"' in plain or b"$" in plain or b"\\" in plain:
        return
    first = [(item.kind, item.name, item.value, item.at.line) for item in read(plain)]
    second = [(item.kind, item.name, item.value, item.at.line) for item in read(plain.replace(b"\n", b"\r\n"))]
    assert first == second


NAMES = st.from_regex(r"[a-z][a-z0-9_.]{1,12}", fullmatch=True).filter(
    lambda name: name not in {"on", "off", "yes", "no", "true", "false", "none", "null"}
)
# an escaped quote before the end of a line closes the value all the same (zend_ini_scanner.l; PHP 8.2 says so too)
QUOTABLE = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20).filter(
    lambda value: '"\r' not in value and '"\n' not in value
)


@settings(deadline=None)
@given(st.lists(st.tuples(NAMES, QUOTABLE), max_size=6))
def test_quoted_values_come_back(pairs: list[tuple[str, str]]) -> None:
    """Written in double quotes with its escapes, every text is read as it was."""

    def quoted(value: str) -> str:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
        return f'"{escaped}"'

    text = "".join(f"{name} = {quoted(value)}\n" for name, value in pairs)
    assert [(item.name, item.value) for item in read(text)] == pairs


@pytest.mark.parametrize(
    "data",
    [
        b";" + b"x" * 2**20,
        b"x = " + b"y " * 2**17,
        b"x = " + b"(" * 2**20,
        b"x = " + b"~" * 2**20,
        b"a\r" * 2**16,
        b'x = "' + b'\\"' * 2**18,
        b"\xc3\xa4=1\r" * 2**14,
        b"[" * 2**20,
        b"x=" + b"${A}" * 2**16,
        b"x=" + b"1|" * 2**16 + b"1",
        b"'" * 2**20,
        b"x = " + b"9" * 2**20 + b"|1",
    ],
    ids=range(12),
)
def test_long_lines_come_to_an_end(data: bytes) -> None:
    assert len(read(data)) <= 2**16
    assert len(list(ini_line_items(data, PATH, 1))) <= 2**16


# ------------------------------------------------------------------------------------------ sizes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("128M", 128 * MiB),
        ("128m", 128 * MiB),
        ("128 M", 128 * MiB),
        (" +128M ", 128 * MiB),
        ("0x10M", 16 * MiB),
        ("0b11M", 3 * MiB),
        ("017M", 15 * MiB),
        ("0o17M", 15 * MiB),
        ("1.5G", GiB),
        ("64M64M", 64 * MiB),
        ("12G8M", 12 * MiB),
        ("8192M", 8 * GiB),
        ("-1", UNLIMITED),
        ("9223372036854775808", UNLIMITED),
        ("99999999999G", UNLIMITED),
        ("2M", 2 * MiB),
    ],
)
def test_size_that_php_takes(text: str, value: float) -> None:
    assert php_limit(text).value == value
    assert php_size(text) == value


@pytest.mark.parametrize(
    "text",
    ["256MB", "1T", "1M5", "256 MB", "", "0", "abc", "off", "2097151", "-2", "-1M", "17179869184G", "1_000M", "on"],
)
def test_size_that_php_refuses(text: str) -> None:
    limit = php_limit(text)
    assert limit.value is None
    assert "below the 2 MiB" in limit.refused
    with pytest.raises(BadValue, match="memory_limit"):
        php_size(text)


def test_refusal_says_what_php_read() -> None:
    assert "256 bytes" in php_limit("256MB").refused
    assert "unknown multiplier 'B'" in php_limit("256MB").refused


def test_opcache_counts_in_mebibytes_whatever_is_behind() -> None:
    assert [opcache_memory(text) for text in ("64", "64M", " 64 MB", "8", "7", "-1", "lots", "")] == [
        64 * MiB, 64 * MiB, 64 * MiB, 8 * MiB, None, None, None, None,
    ]  # fmt: skip


def test_apcu_takes_small_numbers_for_mebibytes() -> None:
    sizes = [apc_memory(text) for text in ("64", "64M", "33554432", "1048576", "100MB", "0", "-5", "lots")]
    assert sizes == [64 * MiB, 64 * MiB, 32 * MiB, MiB, 100 * MiB, None, None, None]


def test_ordinary_sizes_are_signed() -> None:
    assert [php_bytes(text) for text in ("64M", "-1", "0", "8MB", "lots")] == [64 * MiB, -1, 0, 8, 0]


def test_flags() -> None:
    assert [php_flag(text) for text in ("1", "On", "yes", "TRUE", "2", "0", "", "off", "no", "x")] == [True] * 5 + [
        False
    ] * 5


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_a_quantity(text: str) -> None:
    assert 0 <= php_quantity(text).value < 2**64
    assert -(2**63) <= php_quantity(text, signed=True).signed < 2**63
    limit = php_limit(text)
    assert limit.value is None or limit.value >= 2 * MiB


@settings(deadline=None)
@given(st.integers(0, 2**62), st.sampled_from(["", "k", "K", "m", "M", "g", "G"]))
def test_number_and_suffix(number: int, suffix: str) -> None:
    factor = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}[suffix.lower()]
    assert php_quantity(f"{number}{suffix}").value == number * factor % 2**64


@settings(deadline=None)
@given(st.integers(-(2**70), 2**70))
def test_atoi_wraps_to_32_bits(number: int) -> None:
    clamped = max(-(2**63), min(2**63 - 1, number))
    assert to_int(f" {number}x") == (clamped + 2**31) % 2**32 - 2**31


def test_99999999999_children_are_1215752191() -> None:
    assert to_int("99999999999") == 1215752191
