"""nginx.conf and what it includes, as one tree of directives in the order in which nginx takes them.

The text of an include takes part in the block where it stands. Of two levels that set the same directive the inner
one counts as a whole, arrays such as `fastcgi_param` too; within one level an ordinary directive may stand once. nginx
stops at its first error; this reader notes it as a Refusal (the first of them is the one that nginx names) and reads on
in the other files, so that what is there can be shown.

Source: src/core/ngx_conf_file.c, src/core/nginx.c; held against nginx 1.22 in tests/real/test_nginx_reader.py. Words
are taken apart in `nginx_text`, blocks and repeats are judged in `nginx_rules`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from capacity.errors import LinkLoop, Missing, NotReadable
from capacity.readers import nginx_rules as rules
from capacity.readers.nginx_text import (
    BLOCK,
    BUFFER,
    CLOSE,
    ERROR,
    Source,
    Statement,
    names_a_secret,
    statements,
    text_of,
    unescaped,
)
from capacity.record import record
from capacity.settings import File, Refusal, Remark

if TYPE_CHECKING:
    from capacity.root import Root

PROGRAM: Final = "nginx"
MOST_FILES: Final = 20_000  # opened, one by one; each arm of an include that branches counts
MOST_BYTES: Final = 64 << 20  # of all files together
MOST_DIRECTIVES: Final = 1_000_000
MOST_ENTRIES: Final = 10_000  # kept of one `map`, `geo` or `types`: lists of networks have hundreds of thousands
MOST_REFUSALS: Final = 100
OPTION: Final = "nginx -g"  # stands for the file where a directive comes from the command line


class Directive:
    """One directive: `name`, the `words` behind it (quotes dropped, escapes undone), `block` if it has one, else None.

    An `include` keeps its place, and what it brings in follows it in the same block. The entries of `types`, `map`,
    `geo` and their kin stand in the tree as directives, too (the first 10,000 of a block). Lua code is one last word.
    `above` is the block around it.
    """

    __slots__ = ("_code", "_hide", "_source", "_spans", "above", "block", "name", "words")

    def __init__(
        self, name: str, words: tuple[str, ...], above: Directive | None, source: Source, taken: Statement, hide: bool
    ) -> None:
        self.name, self.words, self.above = name, words, above
        self.block: list[Directive] | None = [] if taken.kind == BLOCK else None
        self._source, self._spans, self._hide, self._code = source, tuple(taken.spans), hide, taken.code

    def __repr__(self) -> str:
        return f"Directive({self.name!r}, {len(self.words)} words, {self.at})"

    @property
    def at(self) -> File:
        """The place of the name."""
        return self._source.at(self._spans[0], self._spans[1], self._hide)

    @property
    def word_places(self) -> tuple[File, ...]:
        """The place of each word, inside its quotes; of a word over several lines, the part in the first."""
        return tuple(map(self.place, range(len(self.words))))

    def place(self, index: int) -> File:
        """The place of one word."""
        return self._source.at(self._spans[2 * index + 2], self._spans[2 * index + 3], self._hide)

    def raw(self, index: int) -> bytes:
        """The bytes of a word as nginx holds them; a path of a host is `os.fsdecode` of them."""
        start, end = self._spans[2 * index + 2], self._spans[2 * index + 3]
        word = self._source.data[start:end]
        return word if self._code and index == len(self.words) - 1 else unescaped(word)

    def named(self, *names: str) -> list[Directive]:
        """The directives of these names that stand directly in the block, in order."""
        return [each for each in self.block or () if each.name in names]

    @property
    def path(self) -> tuple[Directive, ...]:
        """The blocks that this directive stands in, the outermost first; not itself."""
        found: list[Directive] = []
        above = self.above
        while above is not None:
            found.append(above)
            above = above.above
        return tuple(reversed(found))


@record
class NginxConfiguration:
    """What one master is told: the directives of the main level with all blocks below them, and what stops it.

    `files_read` names each file once, in the order in which nginx opens them. `prefix` is where relative paths begin
    that are no includes (`root`), with a slash at its end.
    """

    main: str
    directives: tuple[Directive, ...]
    refusals: tuple[Refusal, ...]
    remarks: tuple[Remark, ...]
    files_read: tuple[str, ...]
    prefix: str

    def named(self, *names: str) -> list[Directive]:
        """The directives of these names on the main level, in order."""
        return [each for each in self.directives if each.name in names]

    def walk(self) -> Iterator[Directive]:
        """Every directive, blocks before what stands in them."""
        rest = list(reversed(self.directives))
        while rest:
            directive = rest.pop()
            yield directive
            if directive.block:
                rest += reversed(directive.block)


def effective(name: str, path: Sequence[Directive]) -> list[Directive]:
    """The directives `name` in force in the innermost block of `path` (blocks, the outermost first): all those of the
    innermost level that has any, as nginx inherits (ngx_conf_merge_*_value, the merge_loc_conf of each module).

    Empty if no level has one. Directives that do not inherit (fastcgi_pass, try_files, rewrite) are for the caller.
    """
    for block in reversed(path):
        found = block.named(name)
        if found:
            return found
    return []


def read_nginx(
    root: Root, main: str = "/etc/nginx/nginx.conf", prefix: str = "/etc/nginx", *, directives: str = ""
) -> NginxConfiguration:
    """Read a main file and what it includes, and judge it as `nginx -t` does before it looks at values.

    `main` is `-c` (relative to the prefix), `prefix` is `-p` (compiled in: /usr/share/nginx in Debian's program,
    /etc/nginx in nginx.org's), `directives` is `-g`: read first, on the main level.
    """
    prefix = prefix.rstrip("/") + "/"
    main = main if main.startswith("/") else prefix + main
    reader = _Reader(root, main.rpartition("/")[0] + "/" if "/" in main[1:] else prefix)
    if directives:
        reader.take(Source(OPTION, directives.encode("utf-8", "surrogateescape"), limited=False))
        reader.read()
    reader.load(main, File(main))
    reader.read()
    reader.judge(main)
    return NginxConfiguration(
        main,
        tuple(reader.main_level),
        tuple(reader.refusals),
        tuple(reader.remarks),
        tuple(dict.fromkeys(reader.files)),
        prefix,
    )


class _Block:
    """A block that is open: where its directives go, what it is as a place, and what stands in it once already."""

    __slots__ = ("directive", "hide", "inside", "place", "seen")

    def __init__(self, directive: Directive | None, inside: list[Directive], place: str, hide: bool) -> None:
        self.directive, self.inside, self.place, self.hide = directive, inside, place, hide
        self.seen: set[str] = set()


class _Opened:
    """A file that is being read: how far, how many blocks were open before it, and what its `include` still brings."""

    __slots__ = ("depth", "include", "pending", "place", "rest", "source")

    def __init__(self, source: Source, depth: int, place: str) -> None:
        self.source, self.depth, self.place = source, depth, place
        self.rest = statements(source)
        self.pending: list[str] = []  # the next one last
        self.include = File(source.path)


class _Reader:
    """The files that are open, the blocks that are open, and the tree so far. Nothing here calls itself."""

    def __init__(self, root: Root, folder: str) -> None:
        self.root, self.folder = root, folder
        self.main_level: list[Directive] = []
        self.refusals: list[Refusal] = []
        self.remarks: list[Remark] = []
        self.files: list[str] = []
        self._blocks = [_Block(None, self.main_level, "main", False)]
        self._open: list[_Opened] = []
        self._texts: dict[str, Source] = {}
        self._words: dict[bytes, tuple[str, bool]] = {}
        self._bytes = self._count = 0

    def refuse(self, at: File, reason: str, lost: bool = False) -> None:
        if len(self.refusals) < MOST_REFUSALS:
            self.refusals.append(Refusal(PROGRAM, at, reason, lost))

    # -------------------------------------------------------------------------------------- files

    def load(self, path: str, at: File) -> None:
        """Open a file; it is read before what follows in the file that is open now. `at` is the place that names it."""
        if path == "/dev/null":
            return
        try:
            place = self.root.resolve(path)
            data = self.root.read(path)
        except (Missing, LinkLoop) as error:
            lost = not self.root.live and isinstance(error, Missing)
            self.refuse(at, f"open() {_printable(path)} failed: {error.why}", lost)
            return
        except NotReadable as error:
            directory = self.root.kind(path) == "dir"
            self.refuse(at, f"{_printable(path)} was not read: {error.why}", not directory)
            return
        if any(place == opened.place for opened in self._open):
            self.refuse(at, f"{_printable(path)} includes itself, without end")
            return
        self._bytes += len(data)
        if len(self.files) >= MOST_FILES or self._bytes > MOST_BYTES:
            self.refuse(at, f"more than {MOST_FILES} files or {MOST_BYTES} bytes included; the rest was not read", True)
            self._open.clear()
            return
        self.files.append(path)
        source = self._texts.get(path)
        if source is None:
            source = self._texts[path] = Source(path, data)
        self.take(source, place)

    def take(self, source: Source, place: str = "") -> None:
        """Put a text on top of those that are read."""
        self._open.append(_Opened(source, len(self._blocks), place))

    def read(self) -> None:
        """Read what is open to its end, includes where they stand."""
        while self._open:
            opened = self._open[-1]
            if opened.pending:
                self.load(opened.pending.pop(), opened.include)
                continue
            statement = next(opened.rest, None)
            if statement is None:
                self._end(opened)
            elif statement.kind == ERROR:
                self.refuse(opened.source.after(statement.end), statement.reason)
                self._close(opened.depth)
            elif statement.kind != CLOSE:
                self._directive(opened, statement)
            elif len(self._blocks) > opened.depth:
                self._blocks.pop()
            else:
                self.refuse(opened.source.at(statement.end - 1, statement.end), 'unexpected "}"')
                self._close(opened.depth)

    def _end(self, opened: _Opened) -> None:
        """The end of a file, which must have closed what it opened."""
        block = self._blocks[-1].directive
        if len(self._blocks) > opened.depth and block is not None:
            opening = f"{rules.quoted(block.name)} of line {block.at.line}"
            reason = f'unexpected end of file, expecting "}}"; the block {opening} is open'
            self.refuse(opened.source.after(len(opened.source.data)), reason)
        self._close(opened.depth)

    def _close(self, depth: int) -> None:
        del self._blocks[depth:]
        self._open.pop()

    # -------------------------------------------------------------------------------------- directives

    def _directive(self, opened: _Opened, statement: Statement) -> None:
        """Take one directive into the block that is open, and open what it opens."""
        source, within, spans = opened.source, self._blocks[-1], statement.spans
        raw = [unescaped(source.data[start:end]) for start, end in zip(spans[::2], spans[1::2])]
        if statement.code:
            raw[-1] = source.data[spans[-2] : spans[-1]]
        (name, secret), *rest = map(self._text, raw)
        words = tuple(text for text, _ in rest)
        hide = within.hide or secret or any(secret for _, secret in rest[:2])
        if hide:
            source.hide(spans[0], spans[-1])
        directive = Directive(name, words, within.directive, source, statement, hide)
        if within.place != rules.ENTRIES or len(within.inside) < MOST_ENTRIES:
            within.inside.append(directive)
            self._count += 1
        if self._count > MOST_DIRECTIVES:
            self.refuse(directive.at, f"more than {MOST_DIRECTIVES} directives; the rest was not read", True)
            self._open.clear()
            return
        if directive.block is not None and not source.limited:
            self.refuse(directive.at, "block directives are not supported in -g option")
            self._close(opened.depth)
            return
        around = within.directive.words if within.directive is not None else ()
        reason = rules.complaint(within.place, name, words, directive.block is not None, within.seen, around)
        if reason:
            self.refuse(directive.at, reason)
        if directive.block is not None:
            place = rules.place_in(within.place, name)
            self._blocks.append(_Block(directive, directive.block, place, hide and place == rules.ENTRIES))
        elif name == "include":
            self._include(opened, directive, raw[1:])

    def _text(self, raw: bytes) -> tuple[str, bool]:
        """A word as people read it, and whether it names a secret; the same word is kept once."""
        found = self._words.get(raw)
        if found is None:
            text = text_of(raw)
            found = text, names_a_secret(text[:BUFFER])
            if len(raw) < 64:
                self._words[raw] = found
        return found

    def _include(self, opened: _Opened, directive: Directive, raw: list[bytes]) -> None:
        """Note what an include names, in byte order: it is read before what follows."""
        if len(raw) != 1:
            self.refuse(directive.at, 'invalid number of arguments in "include" directive')
            return
        pattern = os.fsdecode(raw[0].partition(b"\0")[0])
        if not pattern.startswith("/"):
            pattern = self.folder + pattern
        opened.include = directive.place(0)
        if not any(sign in pattern for sign in "*?["):
            opened.pending = [pattern]
            return
        try:
            opened.pending = self.root.glob(pattern)[::-1]
        except NotReadable as error:
            self.refuse(opened.include, f"the pattern was not followed: {error.why}", True)
            return
        folder = _folder_before_wildcard(pattern)
        if not opened.pending and self.root.kind(folder) != "dir":  # an empty folder is as it is shipped
            reason = f"nothing matches {_printable(pattern)}: no directory {_printable(folder)}"
            self.remarks.append(Remark(opened.include, reason))

    def judge(self, main: str) -> None:
        """What nginx says when all files are read."""
        lost = any(refusal.lost for refusal in self.refusals)
        if self.files and not any(each.name == "events" and each.block is not None for each in self.main_level):
            self.refuse(File(main), 'no "events" section in configuration', lost)


def _folder_before_wildcard(pattern: str) -> str:
    """The directory that is listed first, above the first part with a wildcard."""
    parts = pattern.split("/")
    first = next(index for index, part in enumerate(parts) if any(sign in part for sign in "*?["))
    return "/".join(parts[:first]) or "/"


def _printable(path: str) -> str:
    """A path for people: its bytes as UTF-8, else Latin-1, in quotes."""
    return rules.quoted(text_of(os.fsencode(path)))
