"""What is in force where: inheritance, FastCGI locations, sizes, the command line, and what is never shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.readers.nginx import effective
from capacity.readers.nginx_command import NginxOptions, nginx_options
from capacity.readers.nginx_php import PhpLocation, php_locations
from capacity.readers.nginx_sizes import nginx_size
from capacity.readers.nginx_text import LONGEST_SHOWN
from tests.readers.nginx_trees import MAIN, read


def test_the_inner_level_counts_as_a_whole() -> None:
    text = """events {} http { fastcgi_buffers 8 4k; fastcgi_buffer_size 8k; server { fastcgi_buffers 16 16k;
        location / { } location /a { fastcgi_buffers 4 32k; } } }"""
    http = read(text).named("http")[0]
    server = http.named("server")[0]
    plain, other = server.named("location")
    assert [each.words for each in effective("fastcgi_buffers", (http, server, plain))] == [("16", "16k")]
    assert [each.words for each in effective("fastcgi_buffers", (*other.path, other))] == [("4", "32k")]
    assert [each.words for each in effective("fastcgi_buffer_size", (http, server, other))] == [("8k",)]
    assert effective("gzip", (http, server)) == []


def test_parameters_inherit_only_where_the_inner_level_has_none() -> None:
    own, bare = php("""fastcgi_param A outer; fastcgi_param B outer;
        location ~ a { fastcgi_pass x:1; fastcgi_param A inner; }
        location ~ b { fastcgi_pass x:1; }""")
    assert [(param.name, param.value.text) for param in own.params] == [("A", "inner")]
    assert [(param.name, param.value.text) for param in bare.params] == [("A", "outer"), ("B", "outer")]


def php(text: str, **files: str) -> list[PhpLocation]:
    """The places of a server from which requests go to FastCGI."""
    configuration = read(
        "events {}\nhttp { server {\n" + text + "\n} upstream up { server unix:/a; server b:1; } }", **files
    )
    assert configuration.refusals == ()
    return php_locations(configuration)


def test_a_location_of_php_as_it_is_shipped() -> None:
    found = php(
        r"""server_name example.com www.example.com;
        root /srv/www/;
        location / { try_files $uri /index.php; }
        location ~ \.php$ {
            include snip.conf;
            fastcgi_pass unix:/run/php/php8.2-fpm.sock;
            fastcgi_param PHP_VALUE "memory_limit=512M\nupload_max_filesize = 64M";
            fastcgi_param PHP_ADMIN_VALUE "open_basedir=$document_root:/tmp" if_not_empty;
        }""",
        snip_conf="fastcgi_param SCRIPT_FILENAME $document_root${fastcgi_script_name};",
    )
    assert len(found) == 1
    location = found[0]
    assert (location.name, location.servers) == (r"~ \.php$", ("example.com", "www.example.com"))
    assert [address.text for address in location.addresses] == ["unix:/run/php/php8.2-fpm.sock"]
    value, admin = location.param("PHP_VALUE"), location.param("PHP_ADMIN_VALUE")
    assert value is not None
    assert (value.value.text, value.value.known) == ("memory_limit=512M\nupload_max_filesize = 64M", True)
    assert (value.value.at.path, value.value.at.line) == (MAIN, 9)
    assert admin is not None
    assert (admin.value.known, admin.value.variables, admin.if_not_empty) == (False, ("document_root",), True)
    script = location.param("SCRIPT_FILENAME")
    assert script is not None
    assert script.value.variables == ("document_root", "fastcgi_script_name")
    assert location.root is not None
    assert (location.root.text, location.root.known, location.alias) == ("/srv/www", True, False)


def test_of_two_parameters_of_a_name_the_last_is_taken() -> None:
    location = php('location ~ a { fastcgi_pass x:1; fastcgi_param P "a"; fastcgi_param P "b"; }')[0]
    assert [param.value.text for param in location.params] == ["a", "b"]
    last = location.param("P")
    assert last is not None
    assert last.value.text == "b"


def test_an_upstream_is_looked_up_and_a_variable_is_not_known() -> None:
    named, variable = php("location ~ a { fastcgi_pass up; } location ~ b { fastcgi_pass $where; }")
    assert [address.text for address in named.addresses] == ["unix:/a", "b:1"]
    assert (variable.to.known, variable.addresses) == (False, (variable.to,))


def test_fastcgi_pass_does_not_inherit_but_into_an_if() -> None:
    found = php("""root html; location ~ a { fastcgi_pass x:1;
        location ~ b { alias /b/; }
        if ($c) { root /c; }
        if ($d) { fastcgi_pass y:1; }
        if ($e) { return 404; } }""")
    assert [(each.name, each.to.text, each.root and each.root.text) for each in found] == [
        ("~ a", "x:1", "/etc/nginx/html"),
        ("~ a if ($c)", "x:1", "/c"),
        ("~ a if ($d)", "y:1", "/etc/nginx/html"),
    ]


def test_root_and_alias_are_one_setting() -> None:
    outer, inner = php("""root /a; location /b { alias /c/; fastcgi_pass x:1;
        location ~ ^/b/(.*) { alias /d/$1; fastcgi_pass x:1; } }""")
    assert outer.root is not None
    assert (outer.root.text, outer.alias) == ("/c/", True)
    assert inner.root is not None
    assert (inner.root.text, inner.root.variables) == ("/d/$1", ("1",))


def test_without_a_root_there_is_none() -> None:
    assert php("location ~ a { fastcgi_pass x:1; }")[0].root is None


# ---------------------------------------------------------------------------------------------- secrets


@pytest.mark.parametrize(
    "text",
    [
        "fastcgi_param DB_PASSWORD hunter2;",
        "fastcgi_param\n DB_PASSWORD\n hunter2; gzip on;",
        'proxy_set_header Authorization "Basic hunter2";',
        "set $password hunter2;",
        "location / { proxy_pass http://me:hunter2@up/; }",
        "set $a 1; set $api_key hunter2; gzip on;",
        "location / { content_by_lua_block { local password = 'hunter2' } }",
    ],
)
def test_no_place_shows_a_secret(text: str) -> None:
    configuration = read("events {}\nhttp {\nserver {\n" + text + "\n} }")
    texts = [place.text for each in configuration.walk() for place in (each.at, *each.word_places)]
    assert len(texts) >= 5
    assert not any("hunter2" in shown for shown in texts)


def test_entries_of_a_map_by_a_secret_are_not_shown() -> None:
    configuration = read("events {} http {\nmap $http_x_token $ok {\nhunter2 1;\n} }")
    assert {each.at.text for each in configuration.walk() if each.at.line == 3} == {""}


def test_addresses_of_fastcgi_are_shown() -> None:
    assert php("location ~ a {\nfastcgi_pass unix:/run/a.sock;\n}")[0].to.at.text == "fastcgi_pass unix:/run/a.sock;"


def test_a_line_too_long_for_people_is_not_shown() -> None:
    assert read("events {} " + "x; " * LONGEST_SHOWN).directives[-1].at.text == ""


# ---------------------------------------------------------------------------------------------- sizes


@pytest.mark.parametrize(
    ("text", "size", "file_size"),
    [
        ("0", 0, 0), ("4096", 4096, 4096), ("8k", 8192, 8192), ("8K", 8192, 8192), ("1m", 1 << 20, 1 << 20),
        ("1M", 1 << 20, 1 << 20), ("1g", None, 1 << 30), ("1G", None, 1 << 30), ("", None, None), ("k", None, None),
        ("1kb", None, None), ("1.5m", None, None), ("1t", None, None), ("-1", None, None), ("+1", None, None),
        ("0x10", None, None), ("$a", None, None), (" 1k", None, None), ("1 k", None, None), ("٣", None, None),
        ("000000000000000000000000001k", 1024, 1024), ("9223372036854775807", 2**63 - 1, 2**63 - 1),
        ("9223372036854775808", None, None), ("9007199254740991k", (2**53 - 1) << 10, (2**53 - 1) << 10),
        ("9007199254740992k", None, None), ("9" * 5000, None, None),
    ],
)  # fmt: skip
def test_sizes(text: str, size: int | None, file_size: int | None) -> None:
    assert (nginx_size(text), nginx_size(text, file_size=True)) == (size, file_size)


@given(st.text())
def test_any_text_is_a_size_or_none(text: str) -> None:
    found = nginx_size(text, file_size=True)
    assert found is None or (0 <= found < 2**63 and text[:1].isdigit())


# ---------------------------------------------------------------------------------------------- command line


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], NginxOptions()),
        (["-c", "/x", "-p", "/y", "-g", "a b;"], NginxOptions("/x", "/y", "a b;")),
        (["-c/x", "-qp/y", "-c", "z"], NginxOptions("z", "/y")),
        (["-t", "-q", "-g", "daemon on;"], NginxOptions(directives="daemon on;", tests=True)),
        (["-s", "quit"], NginxOptions(signal="quit")),
        (["-c"], NginxOptions(refused='option "-c" requires a value')),
        (["x", "-c", "y"], NginxOptions(refused='invalid option: "x"')),
        (["-z"], NginxOptions(refused='invalid option: "z"')),
    ],
)
def test_options_of_the_command_line(words: list[str], options: NginxOptions) -> None:
    assert nginx_options(words) == options
