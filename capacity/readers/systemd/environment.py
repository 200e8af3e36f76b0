"""The environment that a unit's commands are started with: Environment=, EnvironmentFile=, UnsetEnvironment=.

Files: parse_env_file of src/basic/env-file.c (shell-like quoting, no expansion), which overrides Environment=
(exec_child of core/execute.c). What a process gets beside them (PATH, HOME, MAINPID, the manager's own) is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from capacity.errors import NotReadable
from capacity.readers.systemd.words import Malformed, Specifiers, next_word, text_of
from capacity.record import record
from capacity.settings import Assignment, File, Refusal, Remark

if TYPE_CHECKING:
    from capacity.root import Root

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NEWLINE: Final = "\n\r"
_SPACE: Final = " \t\n\r"
_DOUBLE: Final = '"\\`$'  # what a backslash protects inside double quotes
MAX_FILES: Final = 1000


@record
class Environment:
    """Variables by name with the place that set them last. `unread` are files that could not be read: what they would
    set is not known. `missing` are files without which the unit does not start (no `-` before their path).
    """

    values: dict[str, str]
    at: dict[str, File]
    unread: tuple[Remark, ...] = ()
    missing: tuple[Refusal, ...] = ()

    def get(self, name: str) -> str | None:
        """The value of a variable, or None."""
        return self.values.get(name)


def environment(root: Root, assignments: tuple[Assignment, ...], specifiers: Specifiers) -> Environment:
    """The environment from the [Service] assignments of a unit, in the order in which they win."""
    values: dict[str, str] = {}
    at: dict[str, File] = {}
    files: list[Assignment] = []
    unset: list[str] = []
    for one in assignments:
        if one.name == "Environment":
            if not one.value:
                values.clear()
                at.clear()
            for name, value in variables(one.value or "", specifiers):
                values[name], at[name] = value, one.at
        elif one.name == "EnvironmentFile":
            files = [*files, one] if one.value else []
        elif one.name == "UnsetEnvironment":
            unset = [*unset, *(one.value or "").split()] if one.value else []
    unread: list[Remark] = []
    missing: list[Refusal] = []
    for one in files:
        for name, value, place in _from_files(root, one, specifiers, unread, missing):
            values[name], at[name] = value, place
    for word in unset:
        name, equals, value = word.partition("=")
        if not equals or values.get(name) == value:
            values.pop(name, None)
            at.pop(name, None)
    return Environment(values, at, tuple(unread), tuple(missing))


def variables(text: str, specifiers: Specifiers) -> Iterator[tuple[str, str]]:
    """The assignments of one Environment= line; a malformed word ends the line, an invalid assignment is left out."""
    data = text.encode("utf-8", "surrogateescape")
    place = 0
    while place < len(data):
        try:
            word, place = next_word(data, place)
        except Malformed:
            return
        if word is None:
            return
        try:
            name, equals, value = specifiers.expand(text_of(word)).partition("=")
        except Malformed:
            continue
        if equals and _NAME.fullmatch(name) and _is_utf8(value):
            yield name, value


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _from_files(
    root: Root, one: Assignment, specifiers: Specifiers, unread: list[Remark], missing: list[Refusal]
) -> Iterator[tuple[str, str, File]]:
    try:
        path = specifiers.expand(one.value or "")
    except Malformed:
        return
    optional = path.startswith("-")
    path = path.removeprefix("-")
    if not path.startswith("/"):
        return
    paths = root.glob(path)[:MAX_FILES]
    if not paths and not optional:
        missing.append(Refusal("systemd", one.at, f"{path} is not there and has no `-` before it", lost=True))
    for each in paths:
        try:
            data = root.read(each)
        except NotReadable as error:
            if optional:
                unread.append(Remark(one.at, str(error)))
            else:
                missing.append(Refusal("systemd", one.at, str(error)))
            continue
        for name, value, line in env_file(data):
            yield name, value, File(each, line)


def env_file(data: bytes) -> Iterator[tuple[str, str, int]]:
    """(name, value, line) of each assignment of an environment file; invalid names and undecodable ones are left out.

    `#` and `;` begin a comment at the start of a line, a backslash before a newline goes on, quotes may span lines.
    """
    text = data.partition(b"\0")[0].decode("utf-8", "surrogateescape")
    at, line = 0, 1
    while at < len(text):
        char = text[at]
        if char in _SPACE:
            line += char == "\n"
            at += 1
        elif char in "#;":
            end = _comment_end(text, at)
            line += text.count("\n", at, end)
            at = end
        else:
            end = next((i for i in range(at, len(text)) if text[i] in "=\n\r"), len(text))
            if end == len(text) or text[end] != "=":
                at = end
                continue
            name = text[at:end].rstrip(_SPACE)
            value, stop = _env_value(text, end + 1)
            if _NAME.fullmatch(name) and _is_utf8(value):
                yield name, value, line
            line += text.count("\n", at, stop)
            at = stop


def _comment_end(text: str, at: int) -> int:
    while at < len(text) and text[at] not in _NEWLINE:
        at += 2 if text[at] == "\\" else 1
    return min(at, len(text))


def _env_value(text: str, at: int) -> tuple[str, int]:
    """The value that begins at `at`, and the place of the newline that ends it (or the end)."""
    value: list[str] = []
    kept = 0  # length up to the last character that is not a blank at the end
    plain = False  # inside an unquoted stretch, where blanks are kept if something follows
    while at < len(text):
        char = text[at]
        if char in _NEWLINE:
            break
        at += 1
        if char == "\\":
            if at < len(text) and text[at] not in _NEWLINE:
                value.append(text[at])
            at += 1
            kept, plain = len(value), True
        elif char in "'\"" and not plain:
            at = _quoted(text, at, char, value)
            kept = len(value)
        elif char not in _SPACE:
            value.append(char)
            kept, plain = len(value), True
        elif plain:
            value.append(char)
    return "".join(value[:kept]), min(at, len(text))


def _quoted(text: str, at: int, quote: str, value: list[str]) -> int:
    """Take a quoted stretch into `value`; the place after its closing quote (or the end)."""
    while at < len(text):
        char = text[at]
        at += 1
        if char == quote:
            return at
        if char == "\\" and quote == '"':
            following = text[at : at + 1]
            at += 1
            if following and following in _DOUBLE:
                value.append(following)
            elif following and following != "\n":
                value += ["\\", following]
        else:
            value.append(char)
    return at
