"""One nginx configuration file, word by word, as nginx takes it (src/core/ngx_conf_file.c, ngx_conf_read_token).

nginx reads into a buffer of 4096 bytes that must hold what it is in the middle of: a longer word, or a longer comment,
is refused. Knows no other file, no directive and no value, but for the blocks of Lua code, which have a lexer of their
own (`*_by_lua_block`: openresty/lua-nginx-module, util/gen-lexer-c and src/ngx_http_lua_directive.c).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from capacity.readers.masking import is_secret, shown
from capacity.settings import File

BUFFER: Final = 4096  # bytes, NGX_CONF_BUFFER

LONGEST_SHOWN: Final = 2000  # characters of a line; a longer one is not for people

END, BLOCK, CLOSE, ERROR = ";", "{", "}", "error"
"""How a statement ends: `;`, the `{` of a block, the `}` of the block that it stands in, or what nginx refuses."""

_BLANKS: Final = re.compile(rb"[ \t\r\n]+")
_COMMENT: Final = re.compile(rb"[^\n]*")
_BARE: Final = re.compile(
    rb"(?:[^\\$ \t\r\n;{]++|\\.|\$\{*+)++", re.DOTALL
)  # `{` directly after `$` is part of the word
_QUOTED: Final = {
    0x22: re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL),
    0x27: re.compile(rb"(?:[^'\\]++|\\.)*+", re.DOTALL),
}
_ESCAPE: Final = re.compile(rb"""\\(["'\\trn])""")
_ESCAPED: Final = {b"t": b"\t", b"r": b"\r", b"n": b"\n"}
_LUA: Final = re.compile(
    rb"""(?P<open>\{)|(?P<close>\})|(?P<long>\[(?P<level>=*)\[|--\[(?P<comment>=*)\[)"""
    rb"""|\]=*\]|--[^\n]*|"(?:\\[^\n]|[^"\n\\])*+"|'(?:\\[^\n]|[^'\n\\])*+'"""
)
_LATER_BYTES: Final = bytes(range(0x80, 0xC0))  # of a letter in UTF-8, all but the first
_OF_NGINX: Final = ("fastcgi_pass_", "proxy_pass_", "uwsgi_pass_", "scgi_pass_", "grpc_pass_")
_TOKENS: Final = re.compile(r"[^\s;{}\"']+")


class Source:
    """The bytes of a file, and the places in them. `limited` is False for the text of `-g`, which no buffer limits."""

    __slots__ = ("_counted", "_hidden", "_known", "_lines", "data", "limited", "path")

    def __init__(self, path: str, data: bytes, limited: bool = True) -> None:
        self.path, self.data, self.limited = path, data, limited
        self._lines: list[int] = []
        self._known: tuple[int, str, bool] = (0, "", False)
        self._counted = (-1, 0)
        self._hidden: dict[int, bool] = {}

    def line_of(self, offset: int) -> int:
        """The line, from 1, that the byte at `offset` stands in."""
        if not self._lines:
            self._lines = [found.start() for found in re.finditer(rb"\n", self.data)]
            self._lines.append(len(self.data))
        return bisect_left(self._lines, offset) + 1

    def at(self, start: int, end: int, hide: bool = False) -> File:
        """The place of the bytes [start, end); of a word over several lines, the part in the first. `hide`: no text."""
        number = self.line_of(start)
        begin = self._lines[number - 2] + 1 if number > 1 else 0
        stop = self._lines[number - 1] if number <= len(self._lines) else len(self.data)
        text, wide = self._text(number, begin, stop)
        end = max(start, min(end, stop))
        span = (self._column(begin, start, wide), self._column(begin, end, wide))
        hide = hide or len(text) > LONGEST_SHOWN or self._secret(number, text)
        return File(self.path, number, span, "" if hide else text)

    def hide(self, start: int, end: int) -> None:
        """Show no line that a word with a secret between these bytes stands in."""
        if end - start < 2 * BUFFER:
            for number in range(self.line_of(start), self.line_of(end) + 1):
                self._hidden[number] = True

    def after(self, offset: int) -> File:
        """The place of what nginx was reading when it stopped at `offset` (no further than the end)."""
        offset = min(offset, len(self.data))
        return self.at(offset, min(offset + 1, len(self.data)))

    def _text(self, number: int, begin: int, stop: int) -> tuple[str, bool]:
        """A line as people read it, and whether its characters are fewer than its bytes; the last one is remembered."""
        if self._known[0] != number:
            raw = self.data[begin:stop]
            text = text_of(raw)
            self._known = (number, text.rstrip("\r"), len(text) != len(raw))
        return self._known[1], self._known[2]

    def _column(self, begin: int, offset: int, wide: bool) -> int:
        """The column of a byte; where letters are wide, counted on from the last one that was asked for."""
        if not wide:
            return offset - begin + 1
        before, count = self._counted if begin <= self._counted[0] <= offset else (begin, 0)
        count += len(self.data[before:offset].translate(None, _LATER_BYTES))
        self._counted = (offset, count)
        return count + 1

    def _secret(self, number: int, text: str) -> bool:
        if number not in self._hidden:
            words = _TOKENS.findall(text)
            self._hidden[number] = not shown("", text or " ") or any(map(names_a_secret, words))
        return self._hidden[number]


def names_a_secret(word: str) -> bool:
    """Whether a word says that a secret stands beside it; `fastcgi_pass_header` and its kin do not."""
    return is_secret(word) and not word.startswith(_OF_NGINX)


def text_of(data: bytes) -> str:
    """Bytes of a file as people read them: UTF-8, else Latin-1."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def unescaped(raw: bytes) -> bytes:
    """A word with the pairs undone that nginx undoes: a quote, a backslash, t, r and n; any other backslash stays."""
    return _ESCAPE.sub(lambda pair: _ESCAPED.get(pair[1], pair[1]), raw) if b"\\" in raw else raw


class Statement:
    """What stands between two ends: `kind` (END, BLOCK, CLOSE, ERROR), `spans` (start and end of each word in turn,
    quotes left out, escapes not undone), `end` (the offset behind it), and for an error `reason` in nginx's words.

    `code` says that the last word is a block of Lua, to be taken as it stands.
    """

    __slots__ = ("code", "end", "kind", "reason", "spans")

    def __init__(self, kind: str, spans: list[int], end: int, reason: str = "", code: bool = False) -> None:
        self.kind, self.spans, self.end, self.reason, self.code = kind, spans, end, reason, code


def statements(source: Source) -> Iterator[Statement]:
    """The statements of a file in order; the first error is the last of them, as it is to nginx."""
    position = 0
    while True:
        statement = _statement(source, position)
        if statement is None:
            return
        if statement.kind == BLOCK and source.data[statement.spans[0] : statement.spans[1]].endswith(b"_by_lua_block"):
            statement = _with_lua(source, statement)
        yield statement
        if statement.kind == ERROR:
            return
        position = statement.end


def _statement(source: Source, position: int) -> Statement | None:
    """The statement that begins at `position`; None at the end of the file."""
    data, size, limit = source.data, len(source.data), BUFFER if source.limited else len(source.data) + 2
    spans: list[int] = []
    while True:
        blank = _BLANKS.match(data, position)
        if blank is not None:
            position = blank.end()
        if position >= size:
            return _cut_short(source, spans, position) if spans else None
        byte = data[position]
        if byte == 0x23:  # a comment, only where a word could begin
            end = _COMMENT.match(data, position).end()  # type: ignore[union-attr]
            if end - position >= limit and position + limit < size:
                return _too_long(spans, position, "comment")
            position = end
            continue
        if byte in b";{}":
            if (byte == 0x7D) == bool(spans):
                return Statement(ERROR, spans, position, f'unexpected "{chr(byte)}"')
            return Statement(chr(byte), spans, position + 1)
        quoted = _QUOTED.get(byte)
        start = position + 1 if quoted is not None else position
        found = (quoted or _BARE).match(data, start)
        end = found.end() if found is not None else start
        spans += (start, end)
        # what nginx must still have in its buffer when it reads the byte behind: a quote, a blank and the next
        need = end - start
        if need >= limit and start + limit < size:
            return _too_long(spans, start, "quote" if quoted is not None else "word")
        if end >= size or data[end] == 0x5C:
            return _cut_short(source, spans, size, start if quoted is not None else -1)
        position = end
        if quoted is not None:
            position, ended = end + 1, need + 1
            if position >= size:
                return _cut_short(source, spans, position)
            if ended >= limit:
                return _too_long(spans, start, "quote")
            if data[position] not in b" \t\r\n;{)":
                return Statement(ERROR, spans, position, f'unexpected "{text_of(data[position : position + 1])}"')
            need = ended
        if data[position] in b" \t\r\n" and need + 1 >= limit and position + 1 < size:
            return _too_long(spans, start, "word")


def _cut_short(source: Source, spans: list[int], position: int, quote: int = -1) -> Statement:
    reason = 'unexpected end of file, expecting ";" or "}"'
    if not source.limited:
        reason = 'unexpected end of parameter, expecting ";"'
    if quote >= 0:
        reason += f"; the quote that opens in line {source.line_of(quote - 1)} does not end"
    elif spans:
        reason += f"; the directive that begins in line {source.line_of(spans[0])} does not end"
    return Statement(ERROR, spans, position, reason)


def _too_long(spans: list[int], start: int, what: str) -> Statement:
    if what == "quote":
        return Statement(ERROR, spans, start, "too long parameter, probably missing a terminating quote")
    return Statement(ERROR, spans, start, f"too long parameter: a {what} of {BUFFER} bytes or more")


def _with_lua(source: Source, opened: Statement) -> Statement:
    """A directive whose block is Lua: it ends where the braces outside strings and comments balance.

    The module sees no further than its buffer, so that 2048 to 4096 bytes of Lua without a brace, a string or a comment
    can be too long for it, by where in the file they stand: that is not judged.
    """
    data, position, level, last_open = source.data, opened.end, 1, opened.end - 1
    while True:
        found = _LUA.search(data, position)
        if found is None:
            reason = "unexpected end of file, expecting terminating characters for lua code block"
            return Statement(ERROR, opened.spans, last_open, reason)
        position = found.end()
        if found["open"]:
            level, last_open = level + 1, found.start()
        elif found["close"]:
            level -= 1
            if level == 0:
                return Statement(END, [*opened.spans, opened.end, found.start()], position, code=True)
        elif found["long"]:
            closing = b"]" + (found["level"] if found["level"] is not None else found["comment"]) + b"]"
            end = data.find(closing, position)
            if end < 0:
                reason = f'Lua code block missing the closing long bracket "{closing.decode()}"'
                return Statement(ERROR, opened.spans, found.start(), reason)
            position = end + len(closing)
