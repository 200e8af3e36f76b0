"""PHP's INI language, as php.ini, php-fpm.conf, `-d` and FastCGI's PHP_VALUE all speak it.

Read after Zend/zend_ini_scanner.l and Zend/zend_ini_parser.y of PHP 8.2, and held against php-fpm 8.2 in
tests/real/test_php_readers.py. What surprises people: a statement that was complete counts even when the text behind it
is a syntax error; a single apostrophe opens a string that runs over line ends; `x = a=b` sets x and then ends the file;
`#` is no comment; `${NAME}` asks php.ini first and the environment second.

Which statement wins, and which file is read, is the business of `php_layers` and `php_fpm`.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import Final

from capacity.readers.php_ini_text import (
    ARRAY,
    CONSTANTS,
    ENTRY,
    ERROR,
    FALSE_WORDS,
    NO_VARIABLES,
    SECTION,
    TRUE_WORDS,
    UNKNOWN_CONSTANTS,
    Item,
    Line,
    Lines,
    Variables,
    is_secret,
    people,
    to_int,
)
from capacity.settings import File

DEEPEST: Final = 64  # nested parentheses that are followed; bison itself gives up at some thousands


def ini_items(data: bytes, path: str, variables: Variables = NO_VARIABLES) -> Iterator[Item]:
    """The statements of a whole text in the order in which they stand; lines end with LF, CRLF or CR.

    A generator: what the caller puts into `variables.settings` between two items is seen by the next one, as in PHP.
    A syntax error is the last item. Any bytes are accepted. Source: Zend/zend_ini_scanner.l, zend_ini_parser.y.
    """
    text = data.decode("latin-1")
    start = 3 if text.startswith("\xef\xbb\xbf") and len(text) > 3 else 0
    return _Scanner(text, start, variables, Lines(text, path)).items()


def ini_line_items(
    line: bytes, path: str, number: int, variables: Variables = NO_VARIABLES, at: File | None = None
) -> Iterator[Item]:
    """The statements of one line that stands alone, as php-fpm reads its own files: split at LF, cut at NUL.

    A lone CR still ends a statement inside the line. With `at`, every item stands at that place instead (a `-d` of a
    command line, a parameter of a web server).
    """
    text = line.decode("latin-1")
    cut = text.split("\0", 1)[0] + "\n"
    start = 3 if cut.startswith("\xef\xbb\xbf") and len(cut) > 3 else 0
    return _Scanner(cut, start, variables, Line(text, path, number, at)).items()


# ------------------------------------------------------------------------------------------------ scanner and parser

_NOTHING = re.compile(r"(?:[ \t]*+(?:;[^\r\n]*+)?(?:\r\n?|\n))++")
_BLANKS = re.compile(r"[ \t]*+")
_LABEL = re.compile(r'[^=\n\r\t;&|^$~(){}!"\[]++')
_EQUALS = re.compile(r"[ \t]*+=[ \t]*+")
_SIMPLE = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*+)[ \t]*+=[ \t]*+([A-Za-z0-9_./:,%+*?@<>{}\[\]#-]*+)(?=[ \t]*+[;\r\n])")
_END_OF_VALUE = re.compile(r"[ \t]*+(?:;[^\r\n]*+)?(?:\r\n?|\n)")
_COMMENT_TO_END = re.compile(r"[ \t]*+;[^\r\n]*+\Z")
_DOLLAR = r"\$(?:\\[\s\S]|[^{\0])"
_VALUE_CHARS = re.compile(rf"(?:[^$= \t\n\r;&|^~()!\"'\0]|{_DOLLAR})++")
_SECTION_CHARS = re.compile(rf"(?:[^$\n\r;\"'\]\\]|\\[\s\S]|{_DOLLAR})++")
_RAW_STRING = re.compile(r"'([^']++)'")
_QUOTED = re.compile(r'(?:[^"\\$]++|\\(?:(?!"(?:[\r\n]|\Z))[\s\S])?+|\$(?!\{))++')
_ESCAPE = re.compile(r'\\(["\\$])')
_CONSTANT = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*+")

_WORD_CONSTANTS: Final = {"true": "1", "false": "", "null": ""}  # in a key; in a value they are words of their own

# tokens of a value
_TEXT, _END, _STOP, _WORD, _OTHER = "text", "end of line", "end of file", "word", "character"


class _Scanner:
    """One pass over a text. `pos` is the next character; `token` the look-ahead inside a value."""

    def __init__(self, text: str, start: int, variables: Variables, lines: Lines) -> None:
        self.text, self.pos, self.variables, self.lines = text, start, variables, lines
        self.token, self.said = "", ""
        self.first, self.last = -1, -1  # where the text of the current value stands
        self.asked: list[str] = []
        self.unknown = False

    # -------------------------------------------------------------------------------------- statements

    def items(self) -> Iterator[Item]:
        text = self.text
        size = len(text)
        while True:
            skipped = _NOTHING.match(text, self.pos)
            if skipped:
                self.pos = skipped.end()
            simple = _SIMPLE.match(text, self.pos)
            if simple is not None:
                found = self._simple(simple)
                if found is not None:
                    yield found
                    continue
            begin = self.pos
            blanks = _BLANKS.match(text, begin)
            self.pos = blanks.end() if blanks else begin
            if self.pos >= size or text[self.pos] == ";":
                return  # a comment without a line end closes the text
            self.first = self.last = -1
            self.asked, self.unknown = [], False
            indented = self.pos > begin and "\t" not in text[begin : self.pos]  # by spaces, which may begin a name
            if text[self.pos] != "[":
                done = yield from self._assignment(not indented)
            elif indented:
                done = yield from self._array("")  # ` [x]` is an option without a name, not a section
            else:
                done = yield from self._section()
            if done:
                return

    def _simple(self, found: re.Match[str]) -> Item | None:
        """The ordinary line `name = word`, or None where it needs the whole grammar."""
        name, value = found[1], found[2]
        word, low = value.lower(), name.lower()
        if not value or low in TRUE_WORDS or low in FALSE_WORDS or value in CONSTANTS or value in UNKNOWN_CONSTANTS:
            return None
        start, end = found.span(2)
        self.pos = end
        if word in TRUE_WORDS:
            value = "1"
        elif word in FALSE_WORDS:
            value = ""
        at = self.lines.file(start, end, is_secret(name, value))
        return Item(ENTRY, name, "", value, value, at)

    def _error(self, what: str) -> Item:
        at = self.lines.file(self.pos, self.pos + 1, None)
        return Item(ERROR, "", "", f"syntax error, unexpected {what}", "", at)

    def _what(self) -> str:
        if self.pos >= len(self.text):
            return _STOP
        char = self.text[self.pos]
        return "end of line" if char in "\r\n" else f"'{char}'" if char.isprintable() else "a control character"

    def _item(self, kind: str, name: str, key: str, raw: str | None, fallback: int) -> Item:
        start, end = (self.first, self.last) if self.first >= 0 else (fallback, fallback)
        hide = is_secret(name, raw or "") or (key != "" and is_secret(key, ""))
        at = self.lines.file(start, end, hide)
        value = None if raw is None else people(raw)
        return Item(kind, people(name), people(key), value, raw or "", at, tuple(map(people, self.asked)), self.unknown)

    def _section(self) -> Generator[Item, None, bool]:
        """`[name]`; returns whether the text ends here."""
        self.pos += 1
        start = self.pos
        name = self._chunks(constants=False)
        if name is None or self.text[self.pos : self.pos + 1] != "]":
            yield self._error(self._what())
            return True
        self.pos += 1
        item = self._item(SECTION, name, "", "", start)
        yield item
        return False

    def _assignment(self, words_count: bool) -> Generator[Item, None, bool]:
        """`name`, `name = value` or `name[key] = value`; returns whether the text ends here."""
        label = _LABEL.match(self.text, self.pos)
        if label is None:
            yield self._error(self._what())
            return True
        start, self.pos = self.pos, label.end()
        if self.pos >= len(self.text):
            return True  # the scanner runs off the end inside the name
        name = label[0].strip(" ")
        if self.text[self.pos : self.pos + 1] == "[":
            return (yield from self._array(name))
        if words_count and name.lower() in (TRUE_WORDS | FALSE_WORDS):
            self.pos = start
            yield self._error(f"'{name}'")
            return True
        equals = _EQUALS.match(self.text, self.pos)
        if equals is None:
            self.first, self.last = start, start + len(label[0].rstrip(" "))
            yield self._item(ENTRY, name, "", None, start)
            return False
        self.pos = equals.end()
        return (yield from self._valued(ENTRY, name, ""))

    def _array(self, name: str) -> Generator[Item, None, bool]:
        blanks = _BLANKS.match(self.text, self.pos + 1)
        self.pos = blanks.end() if blanks else self.pos + 1
        key = self._chunks(constants=True)
        if key is None or self.text[self.pos : self.pos + 1] != "]":
            yield self._error(self._what())
            return True
        self.pos += 1
        equals = _EQUALS.match(self.text, self.pos)
        if equals is None:
            yield self._error(self._what())
            return True
        self.pos = equals.end()
        self.first = self.last = -1
        return (yield from self._valued(ARRAY, name, key))

    def _valued(self, kind: str, name: str, key: str) -> Generator[Item, None, bool]:
        """Everything after `=`: the item (if the statement came to an end), then the error that follows it, if any."""
        start = self.pos
        self._advance()
        if self.token == _WORD:
            raw: str | None = self.said
            self._advance()
        elif self.token == _END:
            raw = ""
        else:
            raw = self._expression(0)
        if raw is None:
            yield self._error(self._unexpected())
            return True
        item = self._item(kind, name, key, raw, start)
        yield item
        if self.token == _END:
            return False
        if self.token != _STOP:
            yield self._error(self._unexpected())
        return True

    def _unexpected(self) -> str:
        if self.token in (_END, _STOP):
            return self.token
        self.pos = self._token_at
        return self._what()

    # -------------------------------------------------------------------------------------- values

    _token_at = 0

    def _advance(self) -> None:
        """Read the next token of a value into `token` and `said`."""
        text, pos = self.text, self.pos
        self._token_at = pos
        if pos >= len(text):
            self.token = _END
            return
        end = _END_OF_VALUE.match(text, pos)
        if end is not None:
            self.pos, self.token = end.end(), _END
            return
        chars = _VALUE_CHARS.match(text, pos)
        if chars is not None:
            self._plain(chars)
            return
        char = text[pos]
        if char in "&|^~()!":
            blanks = _BLANKS.match(text, pos + 1)
            self.pos, self.token = (blanks.end() if blanks else pos + 1), char
            return
        self._rest_of_tokens(char)

    def _plain(self, chars: re.Match[str]) -> None:
        said, self.pos = chars[0], chars.end()
        low = said.lower()
        if low in TRUE_WORDS or low in FALSE_WORDS:
            self._stands(chars.start(), chars.end())
            blanks = _BLANKS.match(self.text, self.pos)
            self.pos = blanks.end() if blanks else self.pos
            self.token, self.said = _WORD, "1" if low in TRUE_WORDS else ""
            return
        self._stands(chars.start(), chars.end())
        self.token, self.said = _TEXT, self._constant(said)

    def _rest_of_tokens(self, char: str) -> None:
        text, pos = self.text, self.pos
        if char == "=":
            self.token = _END  # the statement is complete; the `=` is met again as a syntax error
            return
        if char == "'":
            raw = _RAW_STRING.match(text, pos)
            if raw is not None:
                self._stands(*raw.span(1))
                self.pos, self.token, self.said = raw.end(), _TEXT, raw[1]
            elif text.startswith("''", pos):
                self.pos, self.token = pos + 1, _END  # an empty pair is no string: the first quote ends the value
            else:
                self.token = _STOP
            return
        blanks = _BLANKS.match(text, pos)
        quote = blanks.end() if blanks else pos
        if text[quote : quote + 1] == '"':
            self._text_or_stop(self._double_quoted(quote + 1))
        elif text.startswith("${", pos):
            self._text_or_stop(self._variable(pos))
        elif quote > pos:
            if quote < len(text) and text[quote] == ";":
                self.token = _STOP  # a comment without a line end
            else:
                self.pos, self.token, self.said = quote, _TEXT, text[pos:quote]
        elif char == ";":
            self.token = _STOP
        else:
            self.pos, self.token = pos + 1, _END  # NUL and whatever else is no value

    def _text_or_stop(self, said: str | None) -> None:
        self.token, self.said = (_OTHER, "") if said is None else (_TEXT, said)

    def _stands(self, start: int, end: int) -> None:
        if self.first < 0:
            self.first = start
        self.last = end

    def _constant(self, name: str) -> str:
        if name in CONSTANTS:
            return CONSTANTS[name]
        if name in UNKNOWN_CONSTANTS:
            self.unknown = True
        return _WORD_CONSTANTS.get(name.lower(), name)

    def _variable(self, pos: int) -> str | None:
        """`${NAME}` at `pos`: its text; None for a syntax error."""
        name = _LABEL.match(self.text, pos + 2)
        if name is None or self.text[name.end() : name.end() + 1] != "}":
            self.pos = self._token_at = name.end() if name else pos + 2
            return None
        self.pos = name.end() + 1
        self._stands(pos, self.pos)
        text, asked, unknown = self.variables.of(name[0].strip(" "))
        if asked:
            self.asked.append(asked)
        self.unknown = self.unknown or unknown
        return text

    def _double_quoted(self, pos: int) -> str | None:
        """From behind the opening quote: the text with variables and escapes; None where the closing one is missing."""
        text, parts = self.text, []
        begin = pos
        while True:
            content = _QUOTED.match(text, pos)
            if content is not None:
                parts.append(_ESCAPE.sub(r"\1", content[0]))
                pos = content.end()
            if pos >= len(text):
                self.pos = self._token_at = pos
                return None
            if text[pos] == '"':
                break
            said = self._variable(pos)
            if said is None:
                return None
            parts.append(said)
            pos = self.pos
        self._stands(begin, pos)
        blanks = _BLANKS.match(text, pos + 1)
        self.pos = blanks.end() if blanks else pos + 1
        return "".join(parts)

    def _expression(self, depth: int) -> str | None:
        """expr: operands joined by `|`, `&`, `^`, left to right, all of one rank; None for a syntax error."""
        left = self._operand(depth)
        while left is not None and self.token in ("|", "&", "^"):
            operator = self.token
            self._advance()
            right = self._operand(depth)
            if right is None:
                return None
            a, b = to_int(left), to_int(right)
            left = str(a | b if operator == "|" else a & b if operator == "&" else a ^ b)
        return left

    def _operand(self, depth: int) -> str | None:
        if depth > DEEPEST:
            return None
        if self.token in ("~", "!"):
            operator = self.token
            self._advance()
            value = self._operand(depth + 1)
            if value is None:
                return None
            return str(~to_int(value)) if operator == "~" else str(int(not to_int(value)))
        if self.token == "(":
            self._advance()
            inner = self._expression(depth + 1)
            if inner is None or self.token != ")":
                return None
            self._advance()
            return inner
        if self.token != _TEXT:
            return None
        parts = []
        while self.token == _TEXT:
            parts.append(self.said)
            self._advance()
        return None if self.token == _OTHER else "".join(parts)

    def _chunks(self, constants: bool) -> str | None:
        """The text between brackets (a section's name, an option's key); None for a syntax error."""
        text, parts = self.text, []
        while self.pos < len(text) and text[self.pos] != "]":
            pos = self.pos
            blanks = _BLANKS.match(text, pos)
            quote = blanks.end() if blanks else pos
            if constants and text[quote : quote + 1] == "]":
                self.pos = quote
                break
            if text[quote : quote + 1] == '"':
                said = self._double_quoted(quote + 1)
                if said is None:
                    return None
                parts.append(said)
                continue
            if text.startswith("${", pos):
                said = self._variable(pos)
                if said is None:
                    return None
                parts.append(said)
                continue
            raw = _RAW_STRING.match(text, pos)
            chars = raw or _SECTION_CHARS.match(text, pos)
            if chars is None:
                return None
            said = chars[1] if raw else chars[0]
            if not raw and constants and _CONSTANT.fullmatch(said):
                said = self._constant(said)
            self._stands(*chars.span(1 if raw else 0))
            parts.append(said)
            self.pos = chars.end()
        return "".join(parts)
