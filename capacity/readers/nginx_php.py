"""Where nginx hands requests to FastCGI, and with which parameters: what a PHP pool behind it is told.

Source: src/http/modules/ngx_http_fastcgi_module.c, src/http/ngx_http_core_module.c (ngx_http_core_root), held against
what a running nginx 1.22 sends in tests/real/test_nginx_reader.py. `PHP_VALUE` and `PHP_ADMIN_VALUE` among the
parameters change settings of PHP for the request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from capacity.readers.nginx import Directive, NginxConfiguration, effective
from capacity.record import record
from capacity.settings import File

_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w*))", re.ASCII)


@record
class Text:
    """A text of the configuration, quotes dropped and escapes undone, and its place.

    `variables` names what nginx puts in while it serves a request (`document_root` for `$document_root`, an empty name
    for a `$` that names none): with any of them the whole text is not known, only what stands beside them.
    """

    text: str
    at: File
    variables: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether the text is what nginx uses, to the letter."""
        return not self.variables


@record
class Param:
    """One `fastcgi_param`; with `if_not_empty` it is sent only if its value is not empty."""

    name: str
    value: Text
    if_not_empty: bool = False


@record
class PhpLocation:
    """A block from which requests go to FastCGI.

    `name` is the location as it is written (`~ \\.php$`; an `if` with what it stands in), `servers` the server_name
    words of its server, `to` the word of fastcgi_pass, `addresses` where that leads: `to` itself, or the servers of the
    upstream of that name. `params` are in force in file order. `root` is the document root with its prefix; None where
    only the built-in `html` holds; `alias` says that it replaces the location's own prefix.
    """

    name: str
    servers: tuple[str, ...]
    to: Text
    addresses: tuple[Text, ...]
    params: tuple[Param, ...]
    root: Text | None
    alias: bool
    block: Directive

    def param(self, name: str) -> Param | None:
        """The parameter of a name that PHP takes: of several, the last (measured with php-fpm 8.2: nginx sends all)."""
        found = [param for param in self.params if param.name == name]
        return found[-1] if found else None


def php_locations(configuration: NginxConfiguration) -> list[PhpLocation]:
    """Every location, or `if` in a location, that has fastcgi_pass in force, in file order.

    fastcgi_pass does not inherit, except into an `if` of the same location: such a block stands here too if it has a
    document root of its own. Other programs than PHP speak FastCGI: the address tells whose the requests are.
    """
    upstreams = {
        each.words[0]: each
        for http in configuration.named("http")
        for each in http.named("upstream")
        if each.words and each.block is not None
    }
    return [
        _location(configuration, block, passed, upstreams)
        for block in configuration.walk()
        if block.block is not None and block.name in ("location", "if")
        for passed in _passes(block)
    ]


def _passes(block: Directive) -> Iterator[Directive]:
    """The fastcgi_pass in force in a block: the first, for a second one would be refused."""
    own = [each for each in block.named("fastcgi_pass") if each.words]
    if own:
        yield own[0]
    elif block.name == "if" and block.above is not None and block.above.name == "location" and block.named("root"):
        yield from (each for each in block.above.named("fastcgi_pass")[:1] if each.words)


def _location(
    configuration: NginxConfiguration, block: Directive, passed: Directive, upstreams: dict[str, Directive]
) -> PhpLocation:
    path = (*block.path, block)
    to = _text(passed, 0)
    upstream = upstreams.get(to.text) if to.known else None
    servers = [each for each in upstream.named("server") if each.words] if upstream is not None else []
    root, alias = _root(configuration, path)
    return PhpLocation(
        name=_name(block),
        servers=tuple(
            word
            for each in path
            if each.name == "server"
            for names in each.named("server_name")
            for word in names.words
        ),
        to=to,
        addresses=tuple(_text(each, 0) for each in servers) if upstream is not None else (to,),
        params=tuple(
            Param(each.words[0], _text(each, 1), "if_not_empty" in each.words[2:])
            for each in effective("fastcgi_param", path)
            if len(each.words) >= 2
        ),
        root=root,
        alias=alias,
        block=block,
    )


def _name(block: Directive) -> str:
    words = " ".join(block.words)
    if block.name == "if" and block.above is not None:
        return f"{_name(block.above) if block.above.name == 'location' else block.above.name} if {words}"
    return words


def _root(configuration: NginxConfiguration, path: tuple[Directive, ...]) -> tuple[Text | None, bool]:
    """The `root` or `alias` of the innermost block that has one; both are one setting to nginx."""
    for block in reversed(path):
        for each in block.named("root", "alias"):
            if each.words:
                text, alias = _text(each, 0), each.name == "alias"
                where = text.text if text.text.startswith(("/", "$")) else configuration.prefix + text.text
                if not alias and where.endswith("/") and len(where) > 1:
                    where = where[:-1]
                return Text(where, text.at, text.variables), alias
    return None, False


def _text(directive: Directive, index: int) -> Text:
    word = directive.words[index]
    variables = tuple(dict.fromkeys(found[1] or found[2] for found in _VARIABLE.finditer(word))) if "$" in word else ()
    return Text(word, directive.place(index), variables)
