"""The option files of MariaDB and MySQL: which files are read, in which order, and what they assign.

Standard files, `--defaults-*` arguments, `!include` and `!includedir`, groups by version: as mysys/my_default.c does it
(my_search_option_files, init_default_directories, search_default_file_with_ext), held against `my_print_defaults
--mysqld`, `mariadbd --print-defaults` and started servers. No option name and no value is understood here.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from capacity.errors import LinkLoop, Missing, NotReadable, TooLarge
from capacity.readers.option_lines import Line, lines, text_of
from capacity.readers.option_strays import Visit, never_read
from capacity.record import record
from capacity.root import Root
from capacity.settings import Assignment, File, NeverRead, Refusal, Remark, reaches, version_tuple

LEADS_NOWHERE: Final = "a link that leads nowhere: the server passes it over"

DEPTH: Final = 10
"""Includes below a main file; the next `!include` is skipped (my_default.c, max_recursion_level)."""

NAME: Final = 509
"""Bytes of a path from which on the server passes a file over (FN_REFLEN less 3)."""

MOST_FILES: Final = 5_000
MOST_BYTES: Final = 2 << 20
MOST_ASSIGNMENTS: Final = 20_000
"""Read for one server, repetitions counted: includes that name each other would go on to 10^10 files."""

WORLD_WRITABLE: Final = "world-writable: the server ignores it"


@record
class OptionFiles:
    """What the option files of one server say.

    `assignments` are in the order in which they win (the last wins); `section` is the group. `arguments` is what is
    left of the argument list, which wins over the files. `files_read` names every opened file, in order, repetitions
    included; `unread` those that the server reads and we could not.
    """

    assignments: tuple[Assignment, ...] = ()
    arguments: tuple[str, ...] = ()
    files_read: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    never_read: tuple[NeverRead, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    remarks: tuple[Remark, ...] = ()


@record
class Defaults:
    """The `--defaults-*` arguments at the head of an argument list, and the list without them."""

    none: bool = False
    file: str | None = None
    extra: str | None = None
    suffix: str | None = None
    rest: tuple[str, ...] = ()


def defaults_arguments(arguments: Sequence[str]) -> Defaults:
    """Takes `--no-defaults`, or `--defaults-file=`, `-extra-file=` and `-group-suffix=`, off the head of a list.

    `arguments` is without the program's name. What comes later or a second time stays in the list, where the server
    knows no such option (mysys/my_default.c, get_defaults_options).
    """
    rest = list(arguments)
    if rest[:1] == ["--no-defaults"]:
        return Defaults(none=True, rest=tuple(rest[1:]))
    found: dict[str, str] = {}
    while rest:
        key, equals, value = rest[0].partition("=")
        if not equals or key not in _HEAD or _HEAD[key] in found:
            break
        found[_HEAD[key]] = value
        del rest[0]
    return Defaults(file=found.get("file"), extra=found.get("extra"), suffix=found.get("suffix"), rest=tuple(rest))


_HEAD: Final = {"--defaults-file": "file", "--defaults-extra-file": "extra", "--defaults-group-suffix": "suffix"}


def groups_of(version: str, flavour: str = "mariadb") -> tuple[str, ...]:
    """The groups that a server reads, in lower case (include/mysqld_default_groups.h; `mariadbd` since 10.4.6).

    Without a version no group of a version is among them.
    """
    if flavour in ("mysql", "percona"):
        bases: tuple[str, ...] = ("mysqld",)
        others: tuple[str, ...] = ("server",)
    else:
        late = version_tuple(version)[:3]
        bases = ("mysqld", "mariadb") if late and late < (10, 4, 6) else ("mysqld", "mariadb", "mariadbd")
        others = ("server", "client-server", "galera")
    branch = ".".join(map(str, version_tuple(version)[:2])) if len(version_tuple(version)) >= 2 else ""
    return bases + others + (tuple(f"{base}-{branch}" for base in bases) if branch else ())


def read_option_files(
    root: Root,
    arguments: Sequence[str] = (),
    *,
    version: str = "",
    flavour: str = "mariadb",
    environment: Mapping[str, str] | None = None,
    home: str | None = None,
    working_directory: str = "/",
    readable: Callable[[str], bool] | None = None,
    program: str = "mariadbd",
) -> OptionFiles:
    """Reads what the server would read when started with `arguments` (without the program's name).

    `environment` is the unit's (MARIADB_HOME, MYSQL_HOME, MARIADB_GROUP_SUFFIX, MYSQL_GROUP_SUFFIX, HOME), `home` the
    home of the service's user, `readable` says whether that user may open a path. Raises TooLarge beyond MOST_FILES,
    MOST_BYTES or MOST_ASSIGNMENTS; every other fault is a Refusal or a Remark.
    """
    known = environment or {}
    head = defaults_arguments(arguments)
    suffix = head.suffix
    if suffix is None:
        suffix = known.get("MARIADB_GROUP_SUFFIX", known.get("MYSQL_GROUP_SUFFIX", ""))
    groups = groups_of(version, flavour)
    if suffix:
        groups += tuple(group + suffix.lower() for group in groups)
    reading = _Reading(
        root=root,
        groups=frozenset(groups),
        versions_known=len(version_tuple(version)) >= 2,
        lenient=reaches(version, ("11.8.0",)) is True,
        home=known.get("HOME", home),
        directory=working_directory,
        readable=readable or (lambda _path: True),
        program=program,
    )
    main = [] if head.none else _main_files(head, known, version)
    for path, required in main:
        reading.main_file(path, required)
    strays = never_read(root, reading.visits, [path for path, _ in main], reading.included, reading.groups, head.file)
    return OptionFiles(
        tuple(reading.assignments),
        head.rest,
        tuple(reading.files_read),
        tuple(reading.unread),
        strays,
        tuple(reading.refusals),
        tuple(reading.remarks),
    )


def _main_files(head: Defaults, environment: Mapping[str, str], version: str) -> list[tuple[str, bool]]:
    """Main files in order, and whether each must be there. A directory named twice counts where it is named last.

    MARIADB_HOME is known since 10.6 and hides MYSQL_HOME.
    """
    if head.file is not None:
        return [(head.file, True)]
    directories = ["/etc/", "/etc/mysql/"]
    own = environment.get("MYSQL_HOME", "")
    if reaches(version, ("10.6.0",)) is not False:
        own = environment.get("MARIADB_HOME", own)
    if own:
        own = own.rstrip("/") + "/"
        directories = [each for each in directories if each != own] + [own]
    files = [(each + "my.cnf", False) for each in directories]
    if head.extra is not None:
        files.append((head.extra, True))
    return [*files, ("~/.my.cnf", False)]


@dataclass(slots=True, repr=False, eq=False)
class _Reading:
    """One run through the files; collects what OptionFiles shows."""

    root: Root
    groups: frozenset[str]
    versions_known: bool
    lenient: bool
    home: str | None
    directory: str
    readable: Callable[[str], bool]
    program: str
    assignments: list[Assignment] = field(default_factory=list)
    files_read: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    visits: dict[str, Visit] = field(default_factory=dict)
    included: list[str] = field(default_factory=list)
    size: int = 0

    def main_file(self, named: str, required: bool) -> None:
        """A standard or named file; a required one that cannot be opened refuses."""
        path = self._formatted(named)
        if path is None:
            return
        opened = self._open(path, File(path))
        if opened is not None:
            self._read(path, opened, 0)
        elif required and path not in self.unread and not self._is_ignored(path):
            lost = not self.root.live and self.root.kind(path) in ("missing", "dangling")
            self.refusals.append(
                Refusal(self.program, File(path), f"Could not open required defaults file: {path}", lost)
            )
        elif self.root.kind(path) in ("dangling", "loop"):
            self.remarks.append(Remark(File(path), LEADS_NOWHERE, not self.root.live))

    def _open(self, path: str, at: File) -> bytes | None:
        """A file's bytes, or None where the server passes it over. `at` is who names it."""
        kind = self.root.kind(path)
        if kind in ("missing", "dangling", "loop"):
            return None
        try:
            if kind == "file" and self.root.status(path).mode & 0o002:
                self._passed(path, at, WORLD_WRITABLE)
                return None
            if not self.readable(path):
                self._passed(path, at, "not readable by the server's user: passed over in silence")
                return None
            data = self.root.read(path) if kind == "file" else b""
        except (Missing, LinkLoop):
            return None
        except NotReadable as error:
            self.unread.append(path)
            self.remarks.append(Remark(File(path), f"not read here ({error.why}): what it sets is not known", True))
            return None
        self.size += len(data)
        if len(self.files_read) >= MOST_FILES or self.size > MOST_BYTES:
            raise TooLarge(path, f"more than {MOST_FILES} option files or {MOST_BYTES >> 20} MiB of them")
        self.files_read.append(path)
        self.visits.setdefault(path, Visit("read"))
        return data

    def _is_ignored(self, path: str) -> bool:
        """Whether the server takes a file for empty because anyone may write to it; even a required one."""
        return path in self.visits and self.visits[path].outcome == WORLD_WRITABLE

    def _passed(self, path: str, at: File, why: str) -> None:
        self.visits.setdefault(path, Visit(why))
        self.remarks.append(Remark(at, f"{path}: {why}"))

    def _read(self, path: str, data: bytes, depth: int) -> None:
        """Takes what one file says. An error ends an included file; in a main file it refuses, and reading goes on."""
        group: str | None = None
        for line in lines(data, path, lenient=self.lenient):
            failed = ""
            if line.kind == "group":
                group = self._group(line)
            elif line.kind == "error":
                failed = text_of(line.name)
            elif line.kind == "option":
                if group is None:
                    failed = "Found option without preceding group"
                elif group in self.groups:
                    self._assign(line, group)
            elif depth >= DEPTH:
                self._too_deep(line)
            elif line.kind == "include":
                self._include(line, depth)
            else:
                failed = self._include_directory(line, depth)
            if failed and not self._goes_on(line, failed, depth):
                return

    def _assign(self, line: Line, group: str) -> None:
        value = None if line.value is None else text_of(line.value)
        self.assignments.append(Assignment(text_of(line.name), value, line.at, group))
        if len(self.assignments) > MOST_ASSIGNMENTS:
            raise TooLarge(line.at.path, f"more than {MOST_ASSIGNMENTS} options for one server")

    def _goes_on(self, line: Line, failed: str, depth: int) -> bool:
        """What an error does. Something lost in a copy is taken to be there on the host: reading goes on after it."""
        lost = line.kind == "includedir" and not self.root.live and self._is_lost(line)
        if depth == 0:
            self.refusals.append(Refusal(self.program, line.at, failed, lost))
            return True
        self.remarks.append(Remark(line.at, f"{failed}: the server reads no further in this file", lost))
        return lost

    def _group(self, line: Line) -> str:
        group = text_of(line.name).lower()
        base, dash, branch = group.partition("-")
        if dash and branch[:1].isdigit() and not self.versions_known and base in ("mysqld", "mariadb", "mariadbd"):
            self.remarks.append(Remark(line.at, f"[{group}] is for that version alone, and the version is not known"))
        return group

    def _too_deep(self, line: Line) -> None:
        self.remarks.append(Remark(line.at, f"skipped: more than {DEPTH} includes inside each other"))
        if line.kind == "include" and (path := self._formatted(os.fsdecode(line.name))):
            self.visits.setdefault(path, Visit(f"more than {DEPTH} includes inside each other"))

    def _include(self, line: Line, depth: int) -> None:
        path = self._formatted(os.fsdecode(line.name))
        if path is None:
            return
        data = self._open(path, line.at)
        if data is not None:
            self._read(path, data, depth + 1)
        elif self.root.kind(path) in ("missing", "dangling", "loop"):
            lost = "" if self.root.live else " (or lost in the copy)"
            said = f"{path} is not there{lost}: the server passes it over in silence"
            self.remarks.append(Remark(line.at, said, not self.root.live))

    def _include_directory(self, line: Line, depth: int) -> str:
        """Reads the `*.cnf` of a directory in byte order; what the server says if it cannot list it, else nothing."""
        directory = self._absolute(os.fsdecode(line.name))
        try:
            if not self.readable(directory) and self.root.kind(directory) == "dir":
                if line.lenient:
                    self.remarks.append(Remark(line.at, f"{directory}: may not be listed by the server: passed over"))
                    return ""
                return f"Can't read dir of '{directory}' (not readable by the server's user)"
            names = self.root.names(directory)
        except Missing as error:
            return f"Can't read dir of '{directory}' ({error.why})"
        except LinkLoop as error:
            return f"Can't read dir of '{directory}' ({error.why})"
        except NotReadable as error:
            if self.root.kind(directory) == "file":
                return f"Can't read dir of '{directory}' (not a directory)"
            self.unread.append(directory)
            self.remarks.append(
                Remark(line.at, f"{directory}: not listed here ({error.why}): its files are not known", True)
            )
            return ""
        self.included.append(directory)
        for name in names:
            if name.endswith(".cnf") and (path := self._formatted(f"{directory.rstrip('/')}/{name}")):
                data = self._open(path, line.at)
                if data is not None:
                    self._read(path, data, depth + 1)
        return ""

    def _is_lost(self, line: Line) -> bool:
        return self.root.kind(self._absolute(os.fsdecode(line.name))) in ("missing", "dangling")

    def _formatted(self, path: str) -> str | None:
        """A file's path as the server makes it: `~/` is the home, `..` is taken out by its text; None if too long."""
        if len(os.fsencode(path)) >= NAME:
            return None
        if path.startswith("~/"):
            if self.home is None:
                return None
            path = f"{self.home.rstrip('/')}/{path[2:]}"
        absolute = self._absolute(path.rstrip(" "))
        folder, _, name = absolute.rpartition("/")
        return f"{posixpath.normpath('/' + folder.lstrip('/')).rstrip('/')}/{name}"

    def _absolute(self, path: str) -> str:
        return path if path.startswith("/") else f"{self.directory.rstrip('/')}/{path}"
