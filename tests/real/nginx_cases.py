"""Configurations that nginx accepts or refuses, plain and ugly ones; which of both, nginx itself says.

A case is files by name; `nginx.conf` is the main file, `{dir}` stands for the directory. A value `-> target` is a link.
"""

from __future__ import annotations

from tests.real.nginx import LUA, STREAM

EVENTS = "events {}\n"


def http(text: str) -> str:
    """A main file with `text` in its http block."""
    return EVENTS + "http {\n" + text + "\n}\n"


def server(text: str) -> str:
    """A main file with `text` in the block of one server."""
    return http("server { listen unix:{dir}/s;\n" + text + "\n}")


LOCATIONS = "location ~ \\.php$ { fastcgi_pass 127.0.0.1:9000; include p.conf; }"
PARAMS = 'fastcgi_param QUERY_STRING $query_string;\nfastcgi_param PHP_VALUE "memory_limit=1G\\nx=1";\n'
SITES = {
    f"sites/{name}": f"server {{ listen unix:{{dir}}/{n}; }}"
    for n, name in enumerate(("b", "B", "10", "9", ".x", "a~"))
}
MAPS = "".join(f'map $uri $b{n} {{ default "{n}"; x y; }}\n' for n in range(500))
LEVELS = "gzip on; server { listen unix:{dir}/s; gzip off; location / { gzip on; if ($uri) { gzip off; } } }"
CODE = "location / { content_by_lua_block { local t = {} -- }\n t.x = '}' .. [=[ ]] } ]=] } }"
PORTS = "upstream a { server 127.0.0.1:1; } server { listen unix:{dir}/s; proxy_pass 127.0.0.1:1; }"

ACCEPTED: dict[str, dict[str, str | bytes]] = {
    "least": {"nginx.conf": EVENTS},
    "no newline at the end": {"nginx.conf": "events {} # x"},
    "php": {"nginx.conf": server(LOCATIONS), "p.conf": PARAMS},
    "crlf": {"nginx.conf": server(LOCATIONS).replace("\n", "\r\n"), "p.conf": PARAMS.replace("\n", "\r\n")},
    "cr only": {"nginx.conf": server("root /a;").replace("\n", "\r")},
    "latin-1": {"nginx.conf": b"events {} # caf\xe9\nhttp { server { server_name caf\xe9; listen unix:{dir}/s; } }"},
    "utf-8": {"nginx.conf": server("root /café/ü; # ä")},
    "nul in a comment": {"nginx.conf": b"events {} # a\0b\nuser root;"},
    "nul in a word": {"nginx.conf": b"events {}\nhttp { server { listen unix:{dir}/s; root /a\0b; } }"},
    "quotes": {"nginx.conf": server("root \"/a b\"; index 'x \"y\"' \"it's\" a\"b c'd;")},
    "a quoted name": {"nginx.conf": "\"events\" {}\n'user' root;"},
    "escapes": {"nginx.conf": server('index "a\\"b" a\\ b a\\;b a\\{b \\\\ "\\n\\t\\r\\x";')},
    "a bracket after a quote": {"nginx.conf": server('if ($uri = "/a") { return 404; }')},
    "variable in braces": {"nginx.conf": server("root /a/${host}/b; location / { root /x${uri}y; }")},
    "variable and block": {"nginx.conf": server("if ($uri){ return 404; } location /a{ }")},
    "brace in a quoted pattern": {"nginx.conf": server('location ~ "^/a{2}$" { }')},
    "hash in a word": {"nginx.conf": server("root /a#b; index c #d;\n;")},
    "closing brace in a word": {"nginx.conf": server("root /a}b;")},
    "many on one line": {"nginx.conf": "events{}http{server{listen unix:{dir}/s;root /a;location /{}}}"},
    "directive over lines": {"nginx.conf": http('log_format a "x"\n# y;\n\'z\'\n;')},
    "a quote over lines": {"nginx.conf": http('log_format a "x\ny";')},
    "long comment at the end": {"nginx.conf": EVENTS + "#" + "a" * 4095},
    "words across the buffer": {"nginx.conf": http(MAPS)},
    "nested": {"nginx.conf": server("location ~ a { " * 3000 + "}" * 3000)},
    "include by pattern": {"nginx.conf": http("include sites/*;"), **SITES},
    "include of hidden ones": {"nginx.conf": http("include sites/.*x;"), **SITES},
    "include by set": {"nginx.conf": http("include sites/[a-b]*;"), **SITES},
    "include by backslash": {"nginx.conf": http("include sites/\\*;"), **SITES},
    "include absolute": {"nginx.conf": http("include {dir}/sites/b;"), **SITES},
    "include quoted": {"nginx.conf": http("include 'sites/b';"), **SITES},
    "include above": {"nginx.conf": http("include sites/../sites/b;"), **SITES},
    "include of an empty pattern": {"nginx.conf": http("include gone/*.conf; include *.none;")},
    "include of an empty file": {"nginx.conf": http("include a; include b;"), "a": "", "b": "# x"},
    "include a link": {"nginx.conf": http("include d/*;"), "d/x": "-> ../sites/b", **SITES},
    "include twice": {"nginx.conf": server("location /a { include p; } location /b { include p; }"), "p": "root /x;"},
    "include from an include": {"nginx.conf": EVENTS + "include d/a;", "d/a": "include b;", "b": "user root;"},
    "include in types, map and geo": {
        "nginx.conf": http("types { include t; } map $uri $m { include t; } geo $g { include g; default 0; }"),
        "t": "a/b c;", "g": "127.0.0.1 1;",
    },
    "a name of two bytes that are no text": {"nginx.conf": b"events {} include d/*;", "d/caf\udce9": "user root;"},
    "the same on three levels": {"nginx.conf": http(LEVELS)},
    "the same pattern": {"nginx.conf": server("location ~ a { } location ~ a { } location ~* a { }")},
    "glued modifiers": {"nginx.conf": server("location =/a { } location ^~/b { } location ~*c { } location @d { }")},
    "location inside": {"nginx.conf": server("location /a { location /a/b { } location ~ c { location ~ d { } } }")},
    "map of odd words": {"nginx.conf": http('map $uri $a { default 0; "~^/a{2}" 1; \'b c\' "d;e"; ~x\\;y 2; }')},
    "lua": {"nginx.conf": LUA + server(CODE)},
    "lua, set": {"nginx.conf": LUA + server("location / { set_by_lua_block $x { return '}' } return 204; }")},
    "stream": {"nginx.conf": STREAM + EVENTS + "stream { " + PORTS + " }"},
    **{f"word of {n}": {"nginx.conf": server("root /" + "a" * (n - 1) + ";")} for n in (4000, 4095)},
    **{f"quote of {n}": {"nginx.conf": server('root "/' + "a" * (n - 1) + '";')} for n in (4000, 4094)},
    **{f"comment of {n}": {"nginx.conf": "#" + "a" * (n - 1) + "\n" + EVENTS} for n in (4000, 4095)},
    "word of 4094 and a blank": {"nginx.conf": server("root /" + "a" * 4093 + " ;")},
}  # fmt: skip

REFUSED: dict[str, dict[str, str | bytes]] = {
    "empty": {"nginx.conf": ""},
    "no events": {"nginx.conf": "http {}\n"},
    "comment only": {"nginx.conf": "# events {}"},
    "cr only and a comment": {"nginx.conf": ("# x\n" + EVENTS + "user root;").replace("\n", "\r")},
    "bom": {"nginx.conf": b"\xef\xbb\xbfevents {}\n"},
    "bom on its own line": {"nginx.conf": b"\xef\xbb\xbf\nevents {}\n"},
    "bom before a comment": {"nginx.conf": b"\xef\xbb\xbf# x\nevents {}\n"},
    "bom in an include": {"nginx.conf": EVENTS + "include a;", "a": b"\xef\xbb\xbfuser root;\n"},
    "nul in a name": {"nginx.conf": b"events {}\nus\0er root;"},
    "vertical tab is no blank": {"nginx.conf": b"events {}\nuser\x0broot;"},
    "a word after a quote": {"nginx.conf": server('root "/a"b;')},
    "unclosed quote": {"nginx.conf": server('root "/a;')},
    "unclosed quote in a large file": {"nginx.conf": server('root "/a;') + "# x\n" * 3000},
    "unclosed word in a large file": {"nginx.conf": server("root /a") + "x" * 9000},
    "unclosed block": {"nginx.conf": EVENTS + "http {\nserver {\n}\n"},
    "one brace too many": {"nginx.conf": EVENTS + "http {\n}\n}\n"},
    "semicolon alone": {"nginx.conf": EVENTS + ";\n"},
    "semicolon behind a block": {"nginx.conf": "events {};\n"},
    "brace alone": {"nginx.conf": EVENTS + "{ }\n"},
    "no semicolon before a brace": {"nginx.conf": EVENTS + "http { sendfile on }"},
    "no semicolon before a block": {"nginx.conf": server("root /a\nlocation / { }")},
    "no semicolon before a directive": {"nginx.conf": server("root /a\nindex b;")},
    "brace in a bare pattern": {"nginx.conf": server("location ~ ^/a{2}$ { }")},
    "placeholder": {"nginx.conf": server("root {{ root }};")},
    "placeholder of another kind": {"nginx.conf": server("<% if x %>\nroot /a;")},
    "a megabyte": {"nginx.conf": server('root "' + "a" * (1 << 20) + '";')},
    "include of a missing file": {"nginx.conf": http("include gone;")},
    "include of a folder": {"nginx.conf": http("include sites;"), **SITES},
    "include of a folder by pattern": {"nginx.conf": http("include s*;"), **SITES},
    "include of nothing": {"nginx.conf": http('include "";')},
    "include of two": {"nginx.conf": http("include a b;"), "a": "", "b": ""},
    "include with a block": {"nginx.conf": http("include a { }"), "a": ""},
    "include a dangling link": {"nginx.conf": http("include d/*;"), "d/x": "-> gone"},
    "include a loop of links": {"nginx.conf": http("include d/*;"), "d/x": "-> x"},
    "include itself": {"nginx.conf": "include nginx.conf; events {}"},
    "include each other": {"nginx.conf": EVENTS + "http { include a; }", "a": "include b;", "b": "include a;"},
    "include twice in one block": {"nginx.conf": server("include p; include p;"), "p": "root /x;"},
    "end of a block in an include": {"nginx.conf": EVENTS + "http { include a;", "a": "}"},
    "begin of a block in an include": {"nginx.conf": EVENTS + "http { include a; } }", "a": "server {"},
    "events twice": {"nginx.conf": EVENTS + EVENTS},
    "http twice": {"nginx.conf": EVENTS + "http {} http {}"},
    "server on the main level": {"nginx.conf": EVENTS + "server { }"},
    "location in http": {"nginx.conf": http("location / { }")},
    "if in if": {"nginx.conf": server("if ($uri) { if ($host) { } }")},
    "http in http": {"nginx.conf": http("http { }")},
    "worker_connections on the main level": {"nginx.conf": EVENTS + "worker_connections 1;"},
    "root and alias": {"nginx.conf": server("location / { root /a; alias /b; }")},
    "the same location": {"nginx.conf": server("location /a { } location = /a { } location ^~ /a { }")},
    "the same location, glued": {"nginx.conf": server("location =/a { } location = /a { }")},
    "location outside": {"nginx.conf": server("location /a { location /b { } }")},
    "location in a pattern": {"nginx.conf": server("location ~ a { location /a { } }")},
    "location in an exact one": {"nginx.conf": server("location = /a { location /a/b { } }")},
    "named location below": {"nginx.conf": server("location / { location @a { } }")},
    "unknown modifier": {"nginx.conf": server("location == /a { }")},
    "upstream twice": {"nginx.conf": http("upstream a { server 127.0.0.1:1; } upstream A { server 127.0.0.1:1; }")},
    "listen twice": {"nginx.conf": server("listen unix:{dir}/s;")},
    "log_format twice": {"nginx.conf": http("log_format a b; log_format a c;")},
    "map with a block": {"nginx.conf": http("map $uri $a { x { } }")},
    "http without a block": {"nginx.conf": EVENTS + "http;"},
    "map of three": {"nginx.conf": http("map $uri $a $b { }")},
    "lua, unclosed": {"nginx.conf": LUA + server("location / { content_by_lua_block { if {\n } }")},
    "lua, unclosed bracket": {"nginx.conf": LUA + server("location / { content_by_lua_block { x = [==[ } ]=] } }")},
    **{f"word of {n}": {"nginx.conf": server("root /" + "a" * (n - 1) + ";")} for n in (4096, 4097, 5000)},
    **{f"quote of {n}": {"nginx.conf": server('root "/' + "a" * (n - 1) + '";')} for n in (4095, 4096)},
    **{f"comment of {n}": {"nginx.conf": "#" + "a" * (n - 1) + "\n" + EVENTS} for n in (4096, 4097)},
    "word of 4095 and a blank": {"nginx.conf": server("root /" + "a" * 4094 + " ;")},
}  # fmt: skip

NOT_JUDGED: dict[str, str] = {
    "directive of a module from elsewhere": http("brotli on;"),
    "block of a module from elsewhere": EVENTS + "rtmp { server { listen 1935; application live { live on; } } }",
    "a typing error": server("rooot /a;"),
    "a value": http("client_header_buffer_size 1g;"),
    "an upstream that is not there": server("location / { fastcgi_pass $a; }"),
}
"""Main files that nginx refuses by what stands in directives that the reader does not judge."""
