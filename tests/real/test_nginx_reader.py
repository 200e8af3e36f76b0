"""The reader of nginx's configuration against nginx itself, and against crossplane."""

from __future__ import annotations

import os
from pathlib import Path

import crossplane  # of the `test` extra: without it these tests fail
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from capacity.readers import nginx_rules
from capacity.readers.nginx import NginxConfiguration, read_nginx
from capacity.readers.nginx_php import PhpLocation, php_locations
from capacity.readers.nginx_sizes import nginx_size
from capacity.root import open_root
from tests.real.nginx import FastCgi, nginx_binary, request, serving, verdict
from tests.real.nginx_cases import ACCEPTED, EVENTS, NOT_JUDGED, REFUSED, http, server

pytestmark = pytest.mark.real


def lay_out(directory: Path, files: dict[str, str | bytes]) -> Path:
    """Write the files of a case; the path of its main file."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str) and content.startswith("-> "):
            path.symlink_to(content[3:])
            continue
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(data.replace(b"{dir}", os.fsencode(directory)))
    return directory / "nginx.conf"


def read(main: Path, directives: str = "") -> NginxConfiguration:
    return read_nginx(open_root("/"), str(main), str(main.parent), directives=directives)


# ---------------------------------------------------------------------------------------------- accepted or refused


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_nginx_accepts(name: str, tmp_path: Path) -> None:
    main = lay_out(tmp_path, ACCEPTED[name])
    theirs, ours = verdict(main, tmp_path), read(main)
    assert theirs.accepted, theirs.reason
    assert ours.refusals == ()
    assert ours.files_read == theirs.files


@pytest.mark.parametrize("name", REFUSED)
def test_what_nginx_refuses(name: str, tmp_path: Path) -> None:
    main = lay_out(tmp_path, REFUSED[name])
    theirs, ours = verdict(main, tmp_path), read(main)
    assert not theirs.accepted
    _same_refusal(theirs.reason, theirs.path, theirs.line, ours)


OWN_WORDS = {  # what nginx says by its system call, and what the reader says of the same thing
    'open() "': ("open() ", "includes itself"),
    'pread() "': ("was not read",),
    "read() ": ("was not read",),
    "a duplicate listen": ("a duplicate listen",),
    'duplicate "log_format"': ("a duplicate log_format",),
    'unknown directive "': ("unknown directive",),
    "too long parameter": ("too long parameter",),
    "Lua code block missing": ("Lua code block missing",),
}


def _same_refusal(reason: str, path: str, line: int, ours: NginxConfiguration) -> None:
    """The first refusal is about the same, at the same place: nginx names the line in which a directive ends."""
    refusal = ours.refusals[0]
    accepted = next((own for theirs, own in OWN_WORDS.items() if reason.startswith(theirs)), (reason.split("; ")[0],))
    assert any(words in refusal.reason for words in accepted), (reason, refusal.reason)
    if path and not reason.startswith(("open()", "pread()", "read()")):
        assert refusal.at.path == path
        assert refusal.at.line <= line
        if reason.startswith("unexpected"):
            assert refusal.at.line == line or reason.startswith('unexpected "{"')


PIECES = (
    b"a", b"b c", b" ", b"\n", b"\r\n", b";", b"; ", b"{", b"}", b'"', b"'", b"#", b"\\", b"$", b"${", b")", b"\0",
    b"\xe9", b"\\n", b'\\"', b"x y;", b'"q w" ', b"'s'", b"\n# c\n", b"\x0b", b"y" * 4090,
)  # fmt: skip


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(PIECES), max_size=25).map(b"".join), st.sampled_from([b"}}", b";}}", b"'}}", b""]))
def test_any_words_are_taken_or_refused_alike(tmp_path: Path, words: bytes, end: bytes) -> None:
    main = lay_out(tmp_path, {"nginx.conf": b"events {} http { types {\n" + words + end})
    theirs, ours = verdict(main, tmp_path), read(main)
    assume(not theirs.reason.startswith("unknown directive"))  # behind a brace that closes the block
    if theirs.accepted:
        assert ours.refusals == ()
    else:
        assert ours.refusals[0].reason[:12] == theirs.reason[:12]


@pytest.mark.parametrize("name", NOT_JUDGED)
def test_what_the_reader_leaves_to_nginx(name: str, tmp_path: Path) -> None:
    main = lay_out(tmp_path, {"nginx.conf": NOT_JUDGED[name]})
    assert not verdict(main, tmp_path).accepted
    assert read(main).refusals == ()


@pytest.mark.parametrize(
    "directives",
    [
        "user root;",
        "user root",
        "daemon off;",
        "events { }",
        "include a;",
        'user "root";',
        "}",
        "user root; # x",
        "#",
        " ",
    ],
)
def test_directives_of_the_command_line(directives: str, tmp_path: Path) -> None:
    main = lay_out(tmp_path, {"nginx.conf": EVENTS + "daemon on;", "a": "pcre_jit on;"})
    theirs, ours = verdict(main, tmp_path, directives), read(main, directives)
    assert (ours.refusals == ()) == theirs.accepted, theirs.reason
    if theirs.accepted:
        assert ours.files_read == theirs.files
    else:
        assert ours.refusals[0].reason.startswith(theirs.reason[:12])


def test_the_configuration_of_this_machine() -> None:
    nginx_binary()
    theirs, ours = verdict(Path("/etc/nginx/nginx.conf")), read_nginx(open_root("/"))
    assert (ours.refusals == ()) == theirs.accepted
    assert ours.files_read == theirs.files


# ---------------------------------------------------------------------------------------------- the table of directives

PLACES = {
    "main": EVENTS + "%s", "events": "events { %s }", "http": http("%s"), "server": server("%s"),
    "server_if": server("if ($uri) { %s }"), "location": server("location / { %s }"),
    "if": server("location / { if ($uri) { %s } }"), "limit_except": server("location / { limit_except GET { %s } }"),
    "upstream": http("upstream a { server 127.0.0.1:1; %s }"),
}  # fmt: skip
VALUES = (
    "on", "1", "1k", "4k", "2 4k", "4 8k", "off", "60s", "{dir}/x", "epoll", "root", "1.1", "GET", "any", "notice",
    "html", "503", "user:rw", "127.0.0.1:1", "http://127.0.0.1:1",
)  # fmt: skip
NAMES = sorted((name, *facts) for name, facts in nginx_rules._KNOWN.items())


def refused(tmp_path: Path, text: str) -> str:
    """What nginx says against a main file; empty if it accepts."""
    said = verdict(lay_out(tmp_path, {"nginx.conf": text}), tmp_path)
    return "" if said.accepted else said.reason


@pytest.mark.parametrize(("name", "places", "fewest", "most", "once"), NAMES, ids=[name for name, *_ in NAMES])
def test_a_directive_of_the_table(
    name: str, places: frozenset[str], fewest: int, most: int, once: bool, tmp_path: Path
) -> None:
    home = next(place for place in PLACES if place in places)
    if once:
        value = next(value for value in VALUES if not refused(tmp_path, PLACES[home] % f"{name} {value};"))
        twice = f"{name} {value}; {name} {value};"
        assert refused(tmp_path, PLACES[home] % twice).startswith(f'"{name}" directive is duplicate')
    for place, text in PLACES.items():
        if place not in places:
            assert refused(tmp_path, text % f"{name} x;").startswith(f'"{name}" directive is not allowed here')
    assert refused(tmp_path, PLACES[home] % f"{name} x {{ }}") == f'directive "{name}" is not terminated by ";"'
    for count in (fewest - 1, most + 1):
        if 0 <= count < nginx_rules.MANY:
            words = " ".join("x" * count)
            assert "invalid number of arguments" in refused(tmp_path, PLACES[home] % f"{name} {words};")


# ---------------------------------------------------------------------------------------------- sizes

SIZES = (
    "0", "1", "4096", "8k", "8K", "1m", "1M", "1g", "1G", "1t", "1kb", "1.5m", "-1", "+1", "0x10", "$a",
    '" 1k"', '"1 k"', '""', "k", "m", "g", "00001k", "9223372036854775807", "9223372036854775808",
    "9007199254740991k", "9007199254740992k", "8796093022207m", "8796093022208m", "8589934591g", "8589934592g",
    "99999999999999999999", "'1k'", "\\1k",
)  # fmt: skip


@pytest.mark.parametrize("text", SIZES)
@pytest.mark.parametrize("name", ["client_body_buffer_size", "client_max_body_size"])
def test_sizes(name: str, text: str, tmp_path: Path) -> None:
    main = lay_out(tmp_path, {"nginx.conf": http(f"{name} {text};")})
    word = read(main).named("http")[0].named(name)[0].words[0]
    size = nginx_size(word, file_size=name == "client_max_body_size")
    assert (size is not None) == verdict(main, tmp_path).accepted


# ---------------------------------------------------------------------------------------------- what FastCGI is told

PHP = r"""pid {dir}/pid; user root;
events {}
http {
    client_body_temp_path {dir}/t1; fastcgi_temp_path {dir}/t2; proxy_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4;
    scgi_temp_path {dir}/t5; access_log off;
    upstream pool { server unix:{dir}/fcgi; }
    fastcgi_param FROM http;
    server {
        listen unix:{dir}/http;
        root {dir}/www/;
        fastcgi_param FROM server; fastcgi_param DOCUMENT_ROOT $document_root;
        location /inherits { fastcgi_pass unix:{dir}/fcgi; }
        location /own { fastcgi_pass pool; include own.conf; }
        location /alias/ { alias {dir}/other/; fastcgi_pass pool; }
        location /relative { root relative/; fastcgi_pass pool; }
        location /if { fastcgi_pass pool; if ($uri) { root {dir}/if; } }
        location /outer { fastcgi_pass pool; location /outer/inner { return 204; } }
    }
}
"""
OWN = r"""fastcgi_param PHP_VALUE "memory_limit=512M\nupload_max_filesize=64M";
fastcgi_param PHP_VALUE "memory_limit = 1G
post_max_size = 8M";
fastcgi_param PHP_ADMIN_VALUE 'a="b"\tc\\n\x\'d';
fastcgi_param BARE a\ b\;c"d'e#f}g;
fastcgi_param NONE "" if_not_empty;
fastcgi_param EMPTY "";
fastcgi_param DOCUMENT_ROOT ${document_root};
fastcgi_param WIDE "ä ü";
"""


Told = tuple[dict[str, list[tuple[str, str]]], list[PhpLocation]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """What a program behind nginx got by location, and the reader's locations of the same file."""
    directory = tmp_path_factory.mktemp("n")
    main = lay_out(directory, {"nginx.conf": PHP, "own.conf": OWN})
    program, answers = FastCgi(directory / "fcgi"), {}
    try:
        with serving(main, directory / "http"):
            for path in ("/inherits", "/own", "/alias/", "/relative", "/if"):
                assert b" 200 OK" in request(directory / "http", path)
                answers[path] = program.params
            assert b" 204 No Content" in request(directory / "http", "/outer/inner")
    finally:
        program.close()
    return answers, php_locations(read(main))


def test_every_location_of_fastcgi_is_found(told: Told) -> None:
    assert [location.name for location in told[1]] == [
        "/inherits", "/own", "/alias/", "/relative", "/if", "/if if ($uri)", "/outer",
    ]  # fmt: skip
    assert len({location.addresses[0].text for location in told[1]}) == 1


def test_parameters_are_those_that_nginx_sends(told: Told) -> None:
    answers, locations = told
    for location in locations[:5]:
        sent = answers[location.name]
        expected = [param for param in location.params if param.value.text or not param.if_not_empty]
        assert [name for name, _ in sent if not name.startswith("HTTP_")] == [param.name for param in expected]
        for param, (_, value) in zip(expected, sent):
            assert param.value.text == value or not param.value.known


def test_the_document_root_is_that_of_nginx(told: Told) -> None:
    answers, locations = told
    asked = {location.name: location.root for location in locations}
    for name in ("/inherits", "/alias/", "/relative", "/if if ($uri)"):
        root = asked[name]
        assert root is not None
        assert root.known
        assert root.text == dict(answers[name.split()[0]])["DOCUMENT_ROOT"]


# ---------------------------------------------------------------------------------------------- crossplane

DIFFERENT = {
    "nested": "crossplane calls itself, and gives up",
    "cr only": "crossplane ends a line at a carriage return",
    "latin-1": "crossplane knows UTF-8 only",
    "php": "crossplane keeps \\n",
    "crlf": "crossplane keeps \\n",
    "escapes": "crossplane keeps backslashes",
    "closing brace in a word": "crossplane ends the block",
    "a bracket after a quote": "crossplane takes the brackets of if apart",
    "variable and block": "crossplane takes the brackets of if apart",
    "the same on three levels": "crossplane takes the brackets of if apart",
    "include in types, map and geo": "crossplane names the wrong file behind an include",
    "lua": "crossplane knows no comments and long brackets of Lua",
}


def flat(configuration: NginxConfiguration) -> list[tuple[object, ...]]:
    """Names, words, files and lines of a tree in order, includes left out as crossplane does when it combines."""
    return [
        (each.name, [*each.words], each.at.path, each.at.line, each.block is not None)
        for each in configuration.walk()
        if each.name != "include"
    ]


def flat_of_crossplane(parsed: list[dict[str, object]]) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for each in parsed:
        if each["directive"] == "#":
            continue
        found.append((each["directive"], each["args"], each["file"], each["line"], "block" in each))
        block = each.get("block", [])
        assert isinstance(block, list)
        found += flat_of_crossplane(block)
    return found


def of_crossplane(main: Path) -> tuple[list[object], list[tuple[object, ...]]]:
    """Its errors, and the tree that it reads."""
    found = crossplane.parse(str(main), combine=True, check_ctx=False, check_args=False)
    return found["errors"], flat_of_crossplane(found["config"][0]["parsed"])


@pytest.mark.parametrize("name", [name for name in ACCEPTED if name not in DIFFERENT])
def test_crossplane_reads_the_same(name: str, tmp_path: Path) -> None:
    main = lay_out(tmp_path, ACCEPTED[name])
    assert of_crossplane(main) == ([], flat(read(main)))


@pytest.mark.parametrize("name", DIFFERENT)
def test_where_crossplane_reads_something_else(name: str, tmp_path: Path) -> None:
    main = lay_out(tmp_path, ACCEPTED[name])
    assert of_crossplane(main) != ([], flat(read(main)))
