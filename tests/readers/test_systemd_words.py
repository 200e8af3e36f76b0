"""ExecStart= into words, specifiers, variables, environment files; expected as systemd 252 does it (its source)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.readers.systemd import Unit, units
from capacity.readers.systemd.environment import env_file, variables
from capacity.readers.systemd.names import UnitName, dropin_names, parent_slice, unescaped
from capacity.readers.systemd.words import Command, Malformed, Specifiers, commands, next_word, substituted
from capacity.settings import File
from tests.readers.trees import tree

ETC = "/etc/systemd/system"
HERE = File("/x", 1)


def split(text: str, name: str = "x.service") -> list[Command]:
    unit = UnitName.of(name)
    assert unit is not None
    return list(commands(text, HERE, Specifiers(unit)))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/bin/a b  c", ("/bin/a", "b", "c")),
        ("/bin/a 'b c' \"d e\"", ("/bin/a", "b c", "d e")),
        ("/bin/a b'c d'e", ("/bin/a", "bc de")),
        ("/bin/a \\x41\\n\\s", ("/bin/a", "A\n ")),
        ("/bin/a \\q", ("/bin/a", "\\q")),
        ("/bin/a ''", ("/bin/a", "")),
        ("/bin/a '\\''", ("/bin/a", "'")),
        ("/bin/a \\;", ("/bin/a", ";")),
        ("@/bin/a b c", ("b", "c")),
        ("/bin/a %%", ("/bin/a", "%")),
    ],
)
def test_words(line: str, words: tuple[str, ...]) -> None:
    assert [command.words for command in split(line)] == [words]


def test_the_path_is_made_simple_but_the_name_given_to_the_program_is_not() -> None:
    (command,) = split("-:/usr//bin/./a x")
    assert (command.path, command.words, command.flags) == ("/usr/bin/a", ("/usr//bin/./a", "x"), "-:")


def test_a_lone_semicolon_begins_another_command() -> None:
    assert [command.words for command in split("/bin/a b ; -/bin/c d")] == [("/bin/a", "b"), ("/bin/c", "d")]
    assert [command.words for command in split("/bin/a b;c")] == [("/bin/a", "b;c")]


@pytest.mark.parametrize("line", ["/bin/a 'b", "/bin/a %z", "a/b", "/bin/", "@/bin/a", '/bin/a"b"" c'])
def test_what_makes_systemd_give_the_unit_up(line: str) -> None:
    if line == '/bin/a"b"" c':  # already the first word is malformed: only the line is ignored
        assert split(line) == []
        return
    with pytest.raises(Malformed):
        split(line)
    assert split(f"-{line}") == []


def test_specifiers_of_an_instance() -> None:
    (command,) = split("/bin/a %n %N %p %i %I %j %P", "a-b@c\\x2dd-e.service")
    assert command.words[1:] == ("a-b@c\\x2dd-e.service", "a-b@c\\x2dd-e", "a-b", "c\\x2dd-e", "c-d/e", "b", "a/b")


def test_specifiers_that_only_the_machine_knows_are_named() -> None:
    (command,) = split("/bin/a %H %t")
    assert (command.words[1:], command.unknown) == (("%H", "/run"), ("%H",))


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("$A", ("1", "2 3")),
        ("${A}", ("1 '2 3'",)),
        ("x${A}y", ("x1 '2 3'y",)),
        ("$$A", ("$A",)),
        ("$UNSET", ()),
        ("${UNSET}", ("",)),
        ("a$A", ("a$A",)),
        ("$A/b", ()),
        ("${A:-x}", ("${A:-x}",)),
        ("$", ()),
    ],
)
def test_variables(word: str, words: tuple[str, ...]) -> None:
    command = Command("/bin/a", ("/bin/a", word), "", HERE)
    assert substituted(command, {"A": "1 '2 3'"}).words[1:] == words
    assert substituted(Command("/bin/a", ("/bin/a", word), ":", HERE), {"A": "1"}).words[1:] == (word,)


def test_variables_that_nothing_sets_are_named() -> None:
    command = Command("/bin/a", ("/bin/a", "$A", "${B}c"), "", HERE)
    assert substituted(command, {"A": "x"}).unset == ("B",)


def loaded(place: Path, text: str, files: dict[str, str] | None = None) -> Unit:
    return units(tree(place, {f"{ETC}/x@.service": f"[Service]\n{text}", **(files or {})}))["x@8.2.service"]


def test_commands_of_a_unit_with_its_environment(tmp_path: Path) -> None:
    unit = loaded(
        tmp_path,
        'Environment=A=1 "B=two words" C=%i\nEnvironmentFile=-/etc/default/x\n'
        "ExecStart=/usr/sbin/php-fpm%i --fpm-config /etc/php/%i/fpm.conf $OPTS ${B} $C\n",
        {"/etc/default/x": "# options\nOPTS=\"-c '/etc/my php.ini'\" \nA=2\n"},
    )
    (command,) = unit.commands()
    assert command.path == "/usr/sbin/php-fpm8.2"
    assert command.words[1:] == (
        *("--fpm-config", "/etc/php/8.2/fpm.conf", "-c", "/etc/my php.ini"),
        *("two words", "8.2"),
    )
    environment = unit.environment()
    assert (environment.get("A"), environment.at["A"]) == ("2", File("/etc/default/x", 3))
    assert environment.at["C"].path == f"{ETC}/x@.service"


def test_an_empty_assignment_begins_the_list_anew(tmp_path: Path) -> None:
    text = "ExecStart=/bin/a\nEnvironment=A=1\nEnvironment=\nEnvironment=B=2\nExecStart=\nExecStart=/bin/b\n"
    unit = loaded(tmp_path, text)
    assert [command.path for command in unit.commands()] == ["/bin/b"]
    assert unit.environment().values == {"B": "2"}
    setting = unit.get("Service", "Environment")
    assert setting is not None
    assert setting.value == ("B=2",)


def test_unset_environment_comes_last(tmp_path: Path) -> None:
    unit = loaded(tmp_path, "ExecStart=/bin/a\nEnvironment=A=1 B=2 C=3\nUnsetEnvironment=A B=5 C=3\n")
    assert unit.environment().values == {"B": "2"}


def test_an_environment_file_may_be_missing_only_with_a_dash(tmp_path: Path) -> None:
    unit = loaded(tmp_path, "ExecStart=/bin/a\nEnvironmentFile=-/etc/gone\nEnvironmentFile=/etc/lost\n")
    missing = unit.environment().missing
    assert [(refusal.at.line, refusal.lost) for refusal in missing] == [(4, True)]


def test_an_environment_file_that_cannot_be_read_leaves_its_variables_unknown(tmp_path: Path) -> None:
    (tmp_path / "etc/default/x").mkdir(parents=True)
    unit = loaded(tmp_path, "ExecStart=/bin/a $OPTS\nEnvironmentFile=-/etc/default/x\n")
    assert len(unit.environment().unread) == 1
    assert unit.commands()[0].unset == ("OPTS",)


def test_only_valid_assignments_of_environment_count() -> None:
    unit = UnitName.of("x.service")
    assert unit is not None
    text = "A=1 B =2 2C=3 D E=%z F=%n 'G=a b' H=\\x41 I='"
    assert dict(variables(text, Specifiers(unit))) == {"A": "1", "F": "x.service", "G": "a b", "H": "A"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=b\n", "b"),
        (" A = b c \n", "b c"),
        ("A='b c' d\n", "b cd"),
        ('A="b\\$c\\d"\n', "b$c\\d"),
        ("A=b\\ c\n", "b c"),
        ("A=b\\\nc\n", "bc"),
        ("A='b\nc'\n", "b\nc"),
        ("A=b'c'\n", "b'c'"),
        ("A=b # c\n", "b # c"),
        ("A=1\nA=2", "2"),
        ("A=", ""),
        ("# x\\\nA=1\nA=2\n", "2"),
        ("export A=1\nA=2\n", "2"),
        ("A=b\r\n", "b"),
    ],
)
def test_environment_files(text: str, value: str) -> None:
    assert {name: found for name, found, _ in env_file(text.encode())}["A"] == value


def test_lines_of_an_environment_file_are_told() -> None:
    text = b"# one\\\n still one\nA=1\nB='2\n2'\nC=3\\\n3\n\nD=4\n"
    assert [(name, line) for name, _, line in env_file(text)] == [("A", 3), ("B", 4), ("C", 6), ("D", 9)]


def test_names_in_their_parts() -> None:
    name = UnitName.of("a-b@c.d.service")
    assert name is not None
    assert (name.prefix, name.instance, name.type, name.template) == ("a-b", "c.d", "service", "a-b@.service")
    for bad in ("", "a", ".service", "@i.service", "a b.service", "a.unit", "a/b.service", "x" * 250 + ".service"):
        assert UnitName.of(bad) is None


def test_folders_of_drop_ins_from_specific_to_general() -> None:
    def names(text: str) -> list[str]:
        name = UnitName.of(text)
        assert name is not None
        return dropin_names(name)

    assert names("a-b-c.service") == ["a-b-c.service", "a-b-.service", "a-.service"]
    assert names("d--e.service") == ["d--e.service", "d--.service", "d-.service"]
    assert names("a-b@i.service") == [
        *("a-b@i.service", "a-b@.service", "a-.service", "a-@i.service", "a-@.service"),
    ]


def test_slices_are_named_after_their_parents() -> None:
    chain = ["a-b-c.slice"]
    while (above := parent_slice(chain[-1])) is not None:
        chain.append(above)
    assert chain == ["a-b-c.slice", "a-b.slice", "a.slice", "-.slice"]


def test_escaped_parts_of_names() -> None:
    assert unescaped("a-b\\x2dc") == "a/b-c"
    assert unescaped("\\xc3\\xa9") == "é"
    assert unescaped("a\\b") is None


@settings(deadline=None)
@given(st.binary(max_size=60), st.booleans(), st.booleans(), st.booleans())
def test_any_bytes_fall_into_words_or_are_malformed(data: bytes, escapes: bool, keep: bool, relax: bool) -> None:
    at = 0
    try:
        while at < len(data):
            word, end = next_word(data, at, escapes=escapes, keep=keep, relax=relax)
            assert end > at
            at = end
            if word is None:
                break
    except Malformed:
        assert not relax or escapes


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_any_environment_file_gives_valid_names(data: bytes) -> None:
    lines = data.count(b"\n") + 1
    for name, value, line in env_file(data):
        assert name.isidentifier()
        assert "\0" not in value
        assert 1 <= line <= lines


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_line_gives_commands_or_is_malformed(text: str) -> None:
    try:
        found = split(text.replace("\0", ""))
    except Malformed:
        return
    assert all(command.path for command in found)
