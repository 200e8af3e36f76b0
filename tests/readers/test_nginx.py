"""nginx's words, blocks, includes, inheritance and refusals; what the real program says stands in tests/real."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from capacity.readers.nginx import MOST_ENTRIES, MOST_REFUSALS, Directive, NginxConfiguration, read_nginx
from capacity.readers.nginx_php import php_locations
from capacity.readers.nginx_text import unescaped
from tests.readers.nginx_trees import MAIN, MemoryRoot, read, reasons, shape


def within(text: str, **files: str) -> list[Directive]:
    """The directives of a server's block, from a configuration that nginx takes."""
    configuration = read("events {}\nhttp { server {\n" + text + "\n} }", **files)
    assert configuration.refusals == ()
    return configuration.named("http")[0].named("server")[0].block or []


def first(configuration: NginxConfiguration) -> tuple[str, str]:
    """The place and the reason of the refusal that nginx would name."""
    refusal = configuration.refusals[0]
    return f"{refusal.at.path.removeprefix('/etc/nginx/')}:{refusal.at.line}", refusal.reason


# ---------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('x "a b" c;', ("a b", "c")),
        ("x 'a \"b\"';", ('a "b"',)),
        (r'x "a\"b" a\"b;', ('a"b', 'a"b')),
        (r'x "a\nb\tc\rd";', ("a\nb\tc\rd",)),
        (r"x \.php$ a\\b;", (r"\.php$", r"a\b")),
        ("x a\"b c'd;", ('a"b', "c'd")),
        ("x a#b #c;\n;", ("a#b",)),
        ("x ${a}b;", ("${a}b",)),
        (r"x a\;b\{c a\ b;", (r"a\;b\{c", r"a\ b")),
        ('x "";', ("",)),
        ('x "a")b;', ("a", ")b")),
        ("x a}b;", ("a}b",)),
        ("x a\r\n\tb\r\n;", ("a", "b")),
        ('x "a\nb";', ("a\nb",)),
        ("x\n# y;\n z;", ("z",)),
    ],
)
def test_words_are_taken_apart_as_nginx_does(text: str, words: tuple[str, ...]) -> None:
    assert shape(within(text)) == [("x", words)]


def test_a_brace_after_a_bare_word_opens_a_block() -> None:
    outer = within("x a{ y b; z { } }")[0]
    assert (outer.words, shape(outer.block or [])) == (("a",), [("y", ("b",)), ("z", ())])


def test_bytes_of_latin_1_are_read_for_people_and_kept_for_paths() -> None:
    directive = read(b"x caf\xe9;").directives[0]
    assert (directive.words, directive.raw(0)) == (("café",), b"caf\xe9")


def test_places_count_characters_and_leave_out_quotes() -> None:
    directive = read('a é; b "ü ö" z;').directives[1]
    assert (directive.at.span, [place.span for place in directive.word_places]) == ((6, 7), [(9, 12), (14, 15)])
    assert str(directive.at) == f"{MAIN}:1:6"


def test_a_word_over_several_lines_has_its_place_in_the_first() -> None:
    place = read('\nx "ab\ncd";').directives[0].place(0)
    assert (place.line, place.span, place.text) == (2, (4, 6), 'x "ab')


def test_lua_blocks_end_where_their_own_braces_balance() -> None:
    code = " local t = {} -- }\n t.x = \"}\" .. '{' .. [==[ }]] ]==] --[[ } ]] "
    directives = within(f"location / {{ content_by_lua_block {{{code}}} default_type a/b; }}")
    assert shape(directives[0].block or []) == [("content_by_lua_block", (code,)), ("default_type", ("a/b",))]


# ---------------------------------------------------------------------------------------------- refusals of the text


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("events {}\nx a\n", "nginx.conf:3", "unexpected end of file"),
        ('events {}\nx "a;\n\n', "nginx.conf:4", "the quote that opens in line 2 does not end"),
        ("events {\n\n", "nginx.conf:3", 'expecting "}"; the block "events" of line 1 is open'),
        ("events {}\n}\n", "nginx.conf:2", 'unexpected "}"'),
        ("x }", "nginx.conf:1", 'unexpected "}"'),
        ("\n;", "nginx.conf:2", 'unexpected ";"'),
        ("{}", "nginx.conf:1", 'unexpected "{"'),
        ('x "a"b;', "nginx.conf:1", 'unexpected "b"'),
        ("\ufeffuser www-data; events {}", "nginx.conf:1", "a byte order mark"),
        ("us\0er x; events {}", "nginx.conf:1", "unknown directive"),
        (
            "http { content_by_lua_block { if {\n }",
            "nginx.conf:1",
            "terminating characters",
        ),
        ("x_by_lua_block { [=[ }", "nginx.conf:1", 'closing long bracket "]=]"'),
    ],
)
def test_what_nginx_refuses_in_the_text(text: str, where: str, said: str) -> None:
    place, reason = first(read(text))
    assert place == where
    assert said in reason


@pytest.mark.parametrize(
    ("before", "length", "after", "taken"),
    [
        ("x ", 4095, ";", True),
        ("x ", 4096, ";", False),
        ("x ", 4094, " ;", True),
        ("x ", 4095, " ;", False),
        ('x "', 4094, '";', True),
        ('x "', 4095, '";', False),
        ("#", 4094, "\nx;", True),
        ("#", 4096, "\nx;", False),
    ],
)
def test_words_and_comments_are_held_in_a_buffer_of_4096_bytes(
    before: str, length: int, after: str, taken: bool
) -> None:
    configuration = read("events {}\n" + before + "a" * length + after + "\ny;")
    assert (configuration.refusals == ()) == taken
    if not taken:
        assert first(configuration)[0] == "nginx.conf:2"
        assert first(configuration)[1].startswith("too long parameter")


def test_a_megabyte_in_one_word_is_refused() -> None:
    assert first(read('events {}\nx "' + "a" * (1 << 20) + '";'))[0] == "nginx.conf:2"


def test_blocks_may_be_nested_as_deep_as_they_like() -> None:
    depth = 50_000
    configuration = read("events {}\n" + "a {" * depth + "b c;" + "}" * depth)
    assert configuration.refusals == ()
    innermost = list(configuration.walk())[-1]
    assert (innermost.name, len(innermost.path)) == ("b", depth)


def test_refusals_are_counted_only_so_far() -> None:
    assert len(read("events {} http {" + "gzip on;" * 1000 + "}").refusals) == MOST_REFUSALS


# ---------------------------------------------------------------------------------------------- includes


def test_an_include_takes_part_in_the_block_where_it_stands() -> None:
    directives = within("root /a; include s.conf; index b;", s_conf="gzip on;\nlocation / { }\n")
    assert [each.name for each in directives] == ["root", "include", "gzip", "location", "index"]
    assert directives[3].path[-1].name == "server"
    assert (directives[2].at.path, directives[2].at.line) == ("/etc/nginx/s.conf", 1)


def test_a_pattern_brings_files_in_byte_order_and_no_hidden_ones() -> None:
    tree: dict[str, bytes | str | None] = {MAIN: b"events {} include d/*; z;"}
    for name in ("b", "B", "10", "9", ".a", "a.dpkg-old"):
        tree[f"/etc/nginx/d/{name}"] = f"x {name};".encode()
    configuration = read_nginx(MemoryRoot(tree))
    assert [each.words[0] for each in configuration.named("x")] == ["10", "9", "B", "a.dpkg-old", "b"]
    assert configuration.files_read[1:] == tuple(f"/etc/nginx/d/{name}" for name in ("10", "9", "B", "a.dpkg-old", "b"))


def test_relative_includes_begin_in_the_folder_of_the_main_file() -> None:
    tree: dict[str, bytes | str | None] = {
        "/srv/n/main.conf": b"events {} include sub/a;",
        "/srv/n/sub/a": b"include b; include /srv/n/c;",
        "/srv/n/b": b"x;",
        "/srv/n/c": b"y;",
    }
    configuration = read_nginx(MemoryRoot(tree), "n/main.conf", "/srv")
    assert configuration.refusals == ()
    assert [each.name for each in configuration.directives] == ["events", "include", "include", "x", "include", "y"]


@pytest.mark.parametrize(("live", "lost"), [(True, False), (False, True)])
def test_a_missing_file_refuses_and_may_be_lost_in_a_copy(live: bool, lost: bool) -> None:
    refusal = read("events {}\ninclude gone.conf;\nx;", live=live).refusals[0]
    assert (refusal.at.line, refusal.at.span, refusal.lost) == (2, (9, 18), lost)


def test_what_a_lost_file_may_hold_is_lost_too() -> None:
    assert [refusal.lost for refusal in read("include gone.conf;").refusals] == [True, True]


def test_an_empty_folder_of_includes_is_as_it_should_be() -> None:
    tree: dict[str, bytes | str | None] = {MAIN: b"events {} include conf.d/*.conf;", "/etc/nginx/conf.d": None}
    configuration = read_nginx(MemoryRoot(tree))
    assert (configuration.refusals, configuration.remarks) == ((), ())


def test_a_missing_folder_of_includes_is_noticed() -> None:
    configuration = read("events {} include conf.d/*.conf;")
    assert configuration.refusals == ()
    assert "no directory" in configuration.remarks[0].message


@pytest.mark.parametrize("target", ["/nowhere", "x", None], ids=["dangling", "loop", "folder"])
def test_what_fits_a_pattern_and_is_no_file_refuses(target: str | None) -> None:
    tree: dict[str, bytes | str | None] = {MAIN: b"events {} include d/*;", "/etc/nginx/d/x": target}
    refusal = read_nginx(MemoryRoot(tree)).refusals[0]
    assert refusal.lost == (target == "/nowhere")


def test_a_file_that_includes_itself_is_refused_once() -> None:
    configuration = read("events {} include a; y;", a="x; include b;", b="include a;")
    assert reasons(configuration) == ['"/etc/nginx/a" includes itself, without end']
    assert [each.name for each in configuration.directives if each.name in "xy"] == ["x", "y"]


def test_two_files_of_one_pattern_may_include_each_the_other_kind_of_file() -> None:
    tree: dict[str, bytes | str | None] = {
        MAIN: b"events {} include d/*;", "/etc/nginx/d/1": b"include d/2;", "/etc/nginx/d/2": b"x;",
    }  # fmt: skip
    configuration = read_nginx(MemoryRoot(tree))
    assert (configuration.refusals, len(configuration.named("x"))) == ((), 2)


def test_includes_that_branch_without_end_are_cut_off() -> None:
    files = {f"f{n}": f"include f{n + 1}; include f{n + 1};" for n in range(20)}
    configuration = read("events {} include f0;", **files, f20="x;")
    assert any("the rest was not read" in reason for reason in reasons(configuration))


def test_a_block_cannot_end_in_another_file() -> None:
    assert first(read("events { include a; }", a="}")) == ("a:1", 'unexpected "}"')
    place, reason = first(read("events {} http { include a; }", a="server {"))
    assert (place, 'expecting "}"' in reason) == ("a:1", True)


def test_reading_goes_on_behind_a_file_that_is_broken() -> None:
    configuration = read("events {} http { include a; gzip on; }", a='server { x "')
    assert [each.name for each in configuration.named("http")[0].block or []] == ["include", "server", "gzip"]
    assert len(configuration.refusals) == 1


def test_types_and_maps_take_includes_but_no_blocks() -> None:
    configuration = read("events {} http { types { include t; } map $a $b { include t; default 1; } }", t="a/b c;")
    assert configuration.refusals == ()
    assert [len(each.block or []) for each in configuration.named("http")[0].block or []] == [2, 3]
    assert first(read("events {} http { map $a $b { x { } } }"))[1] == 'unexpected "{"'


def test_of_a_long_list_the_first_entries_are_kept_and_all_are_read() -> None:
    entries = "".join(f"10.0.{n >> 8}.{n & 255} 1;\n" for n in range(MOST_ENTRIES + 500))
    configuration = read("events {} http { geo $a { include g; x { } } }", g=entries)
    assert len(configuration.named("http")[0].named("geo")[0].block or []) == MOST_ENTRIES
    assert reasons(configuration) == ['unexpected "{"']


# ---------------------------------------------------------------------------------------------- rules


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("worker_processes 1; worker_processes 1; events {}", '"worker_processes" directive is duplicate'),
        ("events {} events {}", '"events" directive is duplicate'),
        ("events {} http {} http {}", '"http" directive is duplicate'),
        ("http {}", 'no "events" section in configuration'),
        ("events {} http { server { location / { root /a; alias /b; } } }", '"alias" directive is duplicate'),
        ("events {} http { fastcgi_buffers 8; }", 'invalid number of arguments in "fastcgi_buffers" directive'),
        ("events {} server {}", '"server" directive is not allowed here'),
        ("events {} gzip on;", '"gzip" directive is not allowed here'),
        ("events {} http { server { if ($a) { fastcgi_pass b; } } }", '"fastcgi_pass" directive is not allowed here'),
        ("events {} http;", 'directive "http" has no opening "{"'),
        ("events {} http { root /a\n server { } }", 'directive "root" is not terminated by ";"'),
        ("events {} http { server { location / { } location / { } } }", 'duplicate location "/"'),
        ("events {} http { server { location ^~ /a { } location /a { } } }", 'duplicate location "/a"'),
        ("events {} http { server { location /a { location /b { } } } }", 'location "/b" is outside location "/a"'),
        ("events {} http { server { location = /a { location /a/b { } } } }", "cannot be inside the exact location"),
        ("events {} http { server { location / { location @a { } } } }", "can be on the server level only"),
        ("events {} http { server { location x / { } } }", "invalid location modifier"),
        ("events {} http { upstream A { } upstream a { } }", 'duplicate upstream "a"'),
        ("events {} http { server { listen 80; listen 80; } }", "a duplicate listen"),
    ],
)
def test_what_nginx_refuses_of_directives(text: str, said: str) -> None:
    assert any(said in reason for reason in reasons(read(text)))


@pytest.mark.parametrize(
    "text",
    [
        "events {} http { gzip on; server { gzip on; location / { gzip on; } location /a { gzip on; } } }",
        "events {} http { server { location / { } location = / { } location ~ / { } location ~ / { } } }",
        "events {} http { server { location ~ a { location /a { } } } }".replace("/a", "~ b"),
        "events {} http { brotli on; brotli on; pagespeed x { gzip on; gzip on; } }",
        "events {} rtmp { server { listen 1; application a { live on; live on; } } }",
        "events {} http { map $a $b { gzip 1; gzip 2; } }",
        "events {} http { server { fastcgi_param A 1; fastcgi_param A 2; } }",
        "events {} stream { server { proxy_buffer_size 1k; } upstream a { server b; } } mail { server { } }",
    ],
)
def test_what_nginx_or_a_module_of_others_may_take_is_not_refused(text: str) -> None:
    assert read(text).refusals == ()


def test_directives_of_the_command_line_come_first() -> None:
    configuration = read("daemon on; events {}", directives="daemon off;")
    assert [(each.words, each.at.path) for each in configuration.named("daemon")] == [
        (("off",), "nginx -g"),
        (("on",), MAIN),
    ]
    assert reasons(configuration) == ['"daemon" directive is duplicate']


@pytest.mark.parametrize(
    ("directives", "said"),
    [("daemon off", "unexpected end of parameter"), ("events { }", "block directives are not supported in -g option")],
)
def test_what_the_command_line_cannot_give(directives: str, said: str) -> None:
    configuration = read("events {}", directives=directives)
    assert said in reasons(configuration)[0]
    assert configuration.named("events")[-1].at.path == MAIN


# ---------------------------------------------------------------------------------------------- whole texts

Tree = list[tuple[str, tuple[str, ...], "Tree | None"]]
PIECES = [
    b"a", b"x y;", b" ", b"\n", b"\r\n", b";", b"{", b"}", b'"', b"'", b"#", b"\\", b"$", b"${", b")", b"\0",
    b"\xe9", b"\xef\xbb\xbf", b"\xc3\xa9", b"http {", b"server {", b"location / {", b"if ($a) {",
    b"fastcgi_pass u;", b"fastcgi_param PHP_VALUE ", b"root /a;", b"alias $b;", b"upstream u { server b; }",
    b"include ", b"/etc/nginx/*;", b"x_by_lua_block {", b"[[", b"]]", b"--", b"types {", b"events {}",
    b"gzip on;",
]  # fmt: skip
hostile = st.one_of(st.binary(), st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join))
names = st.from_regex(r"x_[a-z0-9_]{0,6}", fullmatch=True)
words = st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=12), max_size=4).map(tuple)
trees: st.SearchStrategy[Tree] = st.recursive(
    st.lists(st.tuples(names, words, st.none()), max_size=4),
    lambda inner: st.lists(st.tuples(names, words, st.one_of(st.none(), inner)), max_size=4),
    max_leaves=20,
)


def everything(configuration: NginxConfiguration) -> Iterator[tuple[str, int, tuple[int, int], str]]:
    """Every word with its place: path, line, span, and the word as nginx holds it."""
    for each in configuration.walk():
        for word, place in zip((each.name, *each.words), (each.at, *each.word_places), strict=True):
            yield place.path, place.line, place.span, word


@settings(max_examples=400, deadline=None)
@given(hostile, hostile, st.text(max_size=20))
@example(b"include *;", b"include *;", "")
@example(b"x \xff\n\xc3\xa9 y;", b"\\", "a;")
def test_any_bytes_give_a_tree_or_a_refusal(main: bytes, other: bytes, directives: str) -> None:
    configuration = read_nginx(MemoryRoot({MAIN: main, "/etc/nginx/o": other}), directives=directives)
    assert all(line >= 1 and start <= end for _, line, (start, end), _ in everything(configuration))
    assert all(refusal.reason and refusal.at.path for refusal in configuration.refusals)
    assert all(location.addresses and location.block.block is not None for location in php_locations(configuration))
    if b"events" not in main + other and "events" not in directives:
        assert configuration.refusals


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join))
def test_places_point_at_the_text_of_their_words(main: bytes) -> None:
    lines = [_for_people(line) for line in main.split(b"\n")]
    for _, number, (start, end), word in everything(read_nginx(MemoryRoot({MAIN: main}))):
        if word.isascii() and "\n" not in word:
            there = lines[number - 1][start - 1 : end - 1]
            assert word in (there, unescaped(there.encode()).decode())  # Lua stands as it is


def _for_people(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def written(tree: Tree, indent: str = "") -> str:
    """A tree as a file, each word in the quotes that its first sign asks for."""
    text = ""
    for name, arguments, block in tree:
        text += f"{indent}{name}"
        for word in arguments:
            quote = "'" if len(word) % 2 else '"'
            escaped = word.replace("\\", "\\\\").replace(quote, "\\" + quote)
            text += f"\n# a comment; }}\n{quote}{escaped}{quote}" if word[:1] == "#" else f" {quote}{escaped}{quote}"
        text += ";\n" if block is None else " {\n" + written(block, indent + "  ") + indent + "}\n"
    return text


def tree_of(directives: Iterable[Directive]) -> Tree:
    return [(each.name, each.words, None if each.block is None else tree_of(each.block)) for each in directives]


@settings(max_examples=200, deadline=None)
@given(trees)
def test_what_is_written_is_read_back(tree: Tree) -> None:
    configuration = read(b"events {}\n" + written(tree).encode())
    assert configuration.refusals == ()
    assert tree_of(configuration.directives[1:]) == tree


def test_paths_are_joined_as_text_and_walked_inside_the_root() -> None:
    path = posixpath.join("/etc/nginx", "../up/a")
    tree: dict[str, bytes | str | None] = {MAIN: b"events {} include ../up/a;", "/etc/up/a": b"x;"}
    assert read_nginx(MemoryRoot(tree)).files_read == (MAIN, path)
