"""Option files of MariaDB: lines, groups, includes, what is read and what is not (the real tests compare)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.errors import TooLarge
from capacity.readers.option_files import (
    MOST_ASSIGNMENTS,
    defaults_arguments,
    groups_of,
    read_option_files,
)
from capacity.readers.option_lines import LINE, SPACES, lines, text_of
from capacity.root import Root
from capacity.settings import Assignment
from tests.readers.trees import tree

VERSION = "10.11.19"


def values(root: Root, *arguments: str, version: str = VERSION, **more: object) -> list[tuple[str, str | None]]:
    read = read_option_files(root, arguments, version=version, **more)  # type: ignore[arg-type]
    return [(each.name, each.value) for each in read.assignments]


def one(place: Path, text: str | bytes) -> list[Assignment]:
    return list(read_option_files(tree(place, {"/etc/my.cnf": text}), version=VERSION).assignments)


# ------------------------------------------------------------------------------------------ lines


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("port=1", "port", "1"),
        (" port\t=\f1 \r", "port", "1"),
        ("port", "port", None),
        ("port=", "port", ""),
        ("port = 2 ; x", "port", "2 ; x"),
        ("port=2#x", "port", "2"),
        ("port='2#x' # y", "port", "2#x"),
        ("port=it's # in", "port", "it's # in"),
        ('port="2"', "port", "2"),
        ("port=\"2'", "port", "\"2'"),
        ('port="', "port", '"'),
        ("port=''", "port", ""),
        (r"x=a\tb\\c\sd\xe\"", "x", 'a\tb\\c d\\xe"'),
        ("x=a\\", "x", "a\\"),
        ("name value", "name value", None),
        ("a=b=c", "a", "b=c"),
        ("=5", "", "5"),
    ],
)
def test_what_a_line_says(line: str, name: str, value: str | None, tmp_path: Path) -> None:
    found = one(tmp_path, f"[mysqld]\n{line}\n")
    assert [(each.name, each.value) for each in found] == [(name, value)]


@pytest.mark.parametrize(
    "line", ["# port=1", " \t; port=1", "", "!word /x", "!include", "[client]\nport=1", "\0port=1"]
)
def test_lines_that_assign_nothing(line: str, tmp_path: Path) -> None:
    assert one(tmp_path, f"[mysqld]\n{line}\n") == []


def test_spans_are_the_value_without_its_quotes(tmp_path: Path) -> None:
    text = '[mysqld]\n  init_connect = "SÉT ñ" # é\nport\nread_only=\n'
    found = one(tmp_path, text)
    cut = [each.at.text[each.at.span[0] - 1 : each.at.span[1] - 1] for each in found]
    assert cut == ["SÉT ñ", "port", ""]
    assert [each.at.line for each in found] == [2, 3, 4]
    assert str(found[0].at) == "/etc/my.cnf:2:19"


def test_a_line_is_cut_and_its_rest_is_a_line_of_its_own(tmp_path: Path) -> None:
    comment = "#" + "é" * ((LINE - 1) // 2)  # LINE bytes at most
    fill = "x" * (LINE - len(comment.encode()))
    found = one(tmp_path, f"[mysqld]\n{comment}{fill}max_connections=5000\n")
    assert [(each.name, each.value) for each in found] == [("max_connections", "5000")]
    at = found[0].at
    assert at.line == 2
    assert at.text[at.span[0] - 1 : at.span[1] - 1] == "5000"


def test_a_line_of_one_byte_less_is_one_line(tmp_path: Path) -> None:
    assert one(tmp_path, "[mysqld]\n" + ("#" + "x" * LINE)[: LINE - 1] + "\nport=1\n")[0].value == "1"


def test_a_secret_is_read_and_not_shown(tmp_path: Path) -> None:
    found = one(tmp_path, "[mysqld]\nwsrep_sst_auth=user:hunter2\nport=1\n")
    assert [each.at.text for each in found] == ["", "port=1"]


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_lines_with_places_inside_the_file(data: bytes) -> None:
    physical = data.split(b"\n")
    for line in lines(data, "/f", lenient=True):
        assert line.kind in {"group", "option", "include", "includedir", "error"}
        assert 1 <= line.at.line <= len(physical)
        text = text_of(physical[line.at.line - 1])
        assert 1 <= line.at.span[0] <= line.at.span[1] <= len(text) + 1


LETTERS = st.characters(codec="utf-8", exclude_characters="=#;![]\\'\"?", exclude_categories=["Cc", "Zs"])
PLAIN = st.text(LETTERS, min_size=1, max_size=40)


@given(st.lists(st.tuples(PLAIN, PLAIN), min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_spans_point_at_the_value(pairs: list[tuple[str, str]]) -> None:
    body = "[mysqld]\n" + "".join(f"{name} = {value}\n" for name, value in pairs)
    found = [line for line in lines(body.encode(), "/f") if line.kind == "option"]
    for line, (_, value) in zip(found, pairs):
        assert body.split("\n")[line.at.line - 1][line.at.span[0] - 1 : line.at.span[1] - 1] == value
        assert value.encode().strip(SPACES) == line.value  # the last byte of a letter may count as a blank


# ------------------------------------------------------------------------------------------ groups


def test_groups_by_version() -> None:
    assert set(groups_of("10.11.19-0+deb12u1")) == {
        "mysqld", "server", "mysqld-10.11", "mariadb", "mariadb-10.11", "mariadbd", "mariadbd-10.11",
        "client-server", "galera",
    }  # fmt: skip
    assert "mariadbd" not in groups_of("10.3.39")
    assert set(groups_of("8.0.36", "mysql")) == {"mysqld", "server", "mysqld-8.0"}
    assert not any("-1" in group for group in groups_of(""))


def test_the_group_of_a_version_is_a_remark_where_the_version_is_not_known(tmp_path: Path) -> None:
    root = tree(tmp_path, {"/etc/my.cnf": "[mysqld-10.11]\nport=1\n[mysqld]\nport=2\n"})
    read = read_option_files(root)
    assert [each.value for each in read.assignments] == ["2"]
    assert [(remark.at.line, "version" in remark.message) for remark in read.remarks] == [(1, True)]


def test_groups_ignore_case_and_what_follows_the_bracket(tmp_path: Path) -> None:
    assert one(tmp_path, "[MySQLd] old\nport=1\n[ mysqld]\nport=2\n[mysqld ]\nport=3\n")[-1].value == "3"


@given(st.lists(st.sampled_from(["mysqld", "server", "mariadb-10.11", "galera"]), min_size=1, max_size=6))
@settings(deadline=None)
def test_the_last_line_wins_whatever_its_group(groups: list[str]) -> None:
    text = "".join(f"[{group}]\nport={number}\n" for number, group in enumerate(groups))
    found = [line.value for line in lines(text.encode(), "/f") if line.kind == "option"]
    assert found[-1] == str(len(groups) - 1).encode()


# ------------------------------------------------------------------------------------------ which files


def test_standard_files_in_order_and_the_home_last(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "/etc/my.cnf": "[mysqld]\nport=1\n",
            "/etc/mysql/my.cnf": "[mysqld]\nport=2\n",
            "/opt/own/my.cnf": "[mysqld]\nport=3\n",
            "/srv/extra": "[mysqld]\nport=4\n",
            "/var/lib/mysql/.my.cnf": "[mysqld]\nport=5\n",
        },
    )
    environment = {"MYSQL_HOME": "/opt/own"}
    read = read_option_files(
        root, ["--defaults-extra-file=/srv/extra", "--port=6"], version=VERSION, environment=environment,
        home="/var/lib/mysql",
    )  # fmt: skip
    assert [each.value for each in read.assignments] == ["1", "2", "3", "4", "5"]
    assert read.files_read == (
        "/etc/my.cnf", "/etc/mysql/my.cnf", "/opt/own/my.cnf", "/srv/extra", "/var/lib/mysql/.my.cnf",
    )  # fmt: skip
    assert read.arguments == ("--port=6",)


def test_arguments_at_the_head_are_taken_once() -> None:
    head = defaults_arguments(["--defaults-file=/a", "--defaults-group-suffix=1", "--defaults-file=/b", "--x"])
    assert (head.file, head.suffix, head.rest) == ("/a", "1", ("--defaults-file=/b", "--x"))
    assert defaults_arguments(["--no-defaults", "--defaults-file=/a"]).rest == ("--defaults-file=/a",)
    assert defaults_arguments(["--x", "--defaults-file=/a"]).file is None


def test_a_named_file_that_is_missing_refuses_and_a_standard_one_does_not(tmp_path: Path) -> None:
    root = tree(tmp_path, {"/etc/x": ""})
    read = read_option_files(root, ["--defaults-file=/etc/mine"], version=VERSION)
    assert [(refusal.at.path, refusal.lost) for refusal in read.refusals] == [("/etc/mine", True)]
    assert read_option_files(root, version=VERSION).refusals == ()


def test_a_link_to_nothing_is_passed_over_and_said(tmp_path: Path) -> None:
    root = tree(tmp_path, {"/etc/mysql/my.cnf": "-> /etc/alternatives/my.cnf"})
    read = read_option_files(root, version=VERSION)
    assert read.files_read == ()
    assert [remark.at.path for remark in read.remarks] == ["/etc/mysql/my.cnf"]
    assert read.remarks[0].lost


# ------------------------------------------------------------------------------------------ includes


def test_included_directories_in_byte_order(tmp_path: Path) -> None:
    names = ["10.cnf", "9.cnf", "B.cnf", "a.cnf", ".cnf", ".z.cnf", "a.ini", "a.CNF", "a.cnf.bak"]
    files = {f"/etc/d/{name}": f"[mysqld]\n{name.strip('.')}=1\n" for name in names}
    root = tree(tmp_path, {"/etc/my.cnf": "!includedir /etc/d\n", **files})
    read = read_option_files(root, version=VERSION)
    assert [os.path.basename(path) for path in read.files_read[1:]] == [
        ".cnf", ".z.cnf", "10.cnf", "9.cnf", "B.cnf", "a.cnf",
    ]  # fmt: skip


def test_an_include_begins_without_a_group_and_ends_at_its_error(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "/etc/my.cnf": "[mysqld]\n!include /etc/a\nport=9\n",
            "/etc/a": "[mysqld]\nport=1\n[broken\nport=2\n",
        },
    )
    read = read_option_files(root, version=VERSION)
    assert [each.value for each in read.assignments] == ["1", "9"]
    assert read.refusals == ()
    assert [(remark.at.path, remark.at.line) for remark in read.remarks] == [("/etc/a", 3)]


@pytest.mark.parametrize("text", ["port=1\n", "\ufeff[mysqld]\n", "[mysqld\n", "!include\n", "!includedir  \n"])
def test_errors_of_a_main_file_refuse(text: str, tmp_path: Path) -> None:
    read = read_option_files(tree(tmp_path, {"/etc/my.cnf": text}), version=VERSION)
    assert [refusal.at.line for refusal in read.refusals] == [1]
    assert not read.refusals[0].lost


def test_a_missing_directory_refuses_and_is_probably_lost_in_a_copy(tmp_path: Path) -> None:
    root = tree(tmp_path, {"/etc/my.cnf": "[mysqld]\n!includedir /etc/nowhere\nport=1\n"})
    read = read_option_files(root, version=VERSION)
    assert [(refusal.at.line, refusal.lost) for refusal in read.refusals] == [(2, True)]
    assert [each.value for each in read.assignments] == ["1"]
    root.live = True
    assert not read_option_files(root, version=VERSION).refusals[0].lost


def test_what_the_user_cannot_read_is_passed_over(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {"/etc/my.cnf": "[mysqld]\nport=1\n!includedir /etc/d\n", "/etc/d/a.cnf": "[mysqld]\nport=2\n"},
    )
    read = read_option_files(root, version=VERSION, readable=lambda path: not path.endswith("a.cnf"))
    assert [each.value for each in read.assignments] == ["1"]
    assert read.refusals == ()
    refused = read_option_files(root, version=VERSION, readable=lambda path: path != "/etc/d")
    assert "not readable" in refused.refusals[0].reason


def test_a_world_writable_file_is_ignored(tmp_path: Path) -> None:
    root = tree(tmp_path, {"/etc/my.cnf": "[mysqld]\nport=1\n"})
    (tmp_path / "etc/my.cnf").chmod(0o666)
    read = read_option_files(root, version=VERSION)
    assert read.assignments == ()
    assert "world-writable" in read.remarks[0].message


def test_a_loop_ends_after_ten_includes(tmp_path: Path) -> None:
    root = tree(tmp_path, {"/etc/my.cnf": "[mysqld]\nport=1\n!include /etc/my.cnf\nport=2\n"})
    read = read_option_files(root, version=VERSION)
    assert len(read.files_read) == 11
    assert [each.value for each in read.assignments] == ["1"] * 11 + ["2"] * 11
    assert [remark.at.line for remark in read.remarks] == [3]


def test_includes_without_end_are_refused_by_the_reader(tmp_path: Path) -> None:
    root = tree(tmp_path, {"/etc/my.cnf": "[mysqld]\n" + "!include /etc/my.cnf\n" * 9})
    with pytest.raises(TooLarge, match="option files"):
        read_option_files(root, version=VERSION)
    many = tree(tmp_path / "many", {"/etc/my.cnf": "[mysqld]\n" + "a\n" * (MOST_ASSIGNMENTS + 1)})
    with pytest.raises(TooLarge, match="options"):
        read_option_files(many, version=VERSION)


@pytest.mark.parametrize(("line", "read"), [("!include /etc/ab", "/etc/a"), ("!include /etc/ab ", "/etc/ab")])
def test_a_last_line_without_newline_loses_its_last_letter(line: str, read: str, tmp_path: Path) -> None:
    root = tree(tmp_path, {"/etc/my.cnf": line, "/etc/ab": "", "/etc/a": ""})
    assert read_option_files(root, version=VERSION).files_read == ("/etc/my.cnf", read)


def test_relative_includes_and_the_home(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "/etc/my.cnf": "!include x/../y\n!include ~/z\n",
            "/srv/y": "[mysqld]\nport=1\n",
            "/home/db/z": "[mysqld]\nport=2\n",
        },
    )
    assert values(root, working_directory="/srv", home="/home/db") == [("port", "1"), ("port", "2")]


def test_question_marks_are_known_to_late_releases_alone(tmp_path: Path) -> None:
    root = tree(tmp_path, {"/etc/my.cnf": "?includedir /etc/d\n", "/etc/d/a.cnf": "[mysqld]\nport=1\n"})
    assert values(root, version="11.8.6") == [("port", "1")]
    assert read_option_files(root, version=VERSION).refusals != ()


@given(st.binary(max_size=300), st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes_in_any_file_are_read(tmp_path_factory: pytest.TempPathFactory, main: bytes, below: bytes) -> None:
    files: dict[str, str | bytes] = {
        "/etc/my.cnf": main + b"\n!includedir /etc/d\n[mysqld]\nport=7\n",
        "/etc/d/a.cnf": below,
    }
    read = read_option_files(tree(tmp_path_factory.mktemp("host"), files), version=VERSION)
    assert read.assignments[-1].value == "7"


# ------------------------------------------------------------------------------------------ never read


def test_files_that_nothing_leads_to(tmp_path: Path) -> None:
    group = "[mysqld]\ninnodb_buffer_pool_size = 2G\n"
    root = tree(
        tmp_path,
        {
            "/etc/mysql/my.cnf": "!includedir /etc/mysql/mariadb.conf.d\n",
            "/etc/mysql/mariadb.conf.d/50.cnf": group,
            "/etc/mysql/mariadb.conf.d/99.cnf.disabled": group,
            "/etc/mysql/mariadb.conf.d/98.cnf.dpkg-old": group,
            "/etc/mysql/mysql.conf.d/performance.cnf": group,
            "/etc/mysql/mysql.conf.d/client.cnf": "[client]\nport=1\n",
            "/etc/my.cnf.d/server.cnf": group,
            "/etc/mysql/README": group,
        },
    )
    strays = {stray.path: stray for stray in read_option_files(root, version=VERSION).never_read}
    assert {path: stray.why for path, stray in strays.items()} == {
        "/etc/mysql/mariadb.conf.d/98.cnf.dpkg-old": "its name does not end in .cnf",
        "/etc/mysql/mariadb.conf.d/99.cnf.disabled": "its name does not end in .cnf",
        "/etc/mysql/mysql.conf.d/performance.cnf": "no !includedir names /etc/mysql/mysql.conf.d",
        "/etc/my.cnf.d/server.cnf": "no !includedir names /etc/my.cnf.d",
    }
    stray = strays["/etc/mysql/mysql.conf.d/performance.cnf"]
    assert [(each.name, each.value, str(each.at)) for each in stray.assignments] == [
        ("innodb_buffer_pool_size", "2G", "/etc/mysql/mysql.conf.d/performance.cnf:2:27")
    ]


def test_standard_files_that_an_argument_replaces(tmp_path: Path) -> None:
    files = {"/etc/my.cnf": "[mysqld]\nport=1\n", "/srv/db.cnf": "[mysqld]\nport=2\n"}
    read = read_option_files(tree(tmp_path, files), ["--defaults-file=/srv/db.cnf"], version=VERSION)
    assert [(stray.path, "replaces" in stray.why) for stray in read.never_read] == [("/etc/my.cnf", True)]


def test_files_that_are_opened_and_ignored_say_why(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {"/etc/mysql/my.cnf": "!includedir /etc/mysql/d\n", "/etc/mysql/d/a.cnf": "[mysqld]\nport=2\n"},
    )
    (tmp_path / "etc/mysql/d/a.cnf").chmod(0o666)
    assert "world-writable" in read_option_files(root, version=VERSION).never_read[0].why


def test_the_same_file_under_two_names_is_read_once_and_no_stray(tmp_path: Path) -> None:
    root = tree(tmp_path, {"/etc/mysql/my.cnf": "-> mariadb.cnf", "/etc/mysql/mariadb.cnf": "[mysqld]\nport=2\n"})
    read = read_option_files(root, version=VERSION)
    assert read.files_read == ("/etc/mysql/my.cnf",)
    assert read.never_read == ()
