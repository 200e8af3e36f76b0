"""The php.ini layers of one PHP master: which files it reads, in which order, and which line is in force.

Weakest first: built-in, php.ini, the scan directory (last line of the last file), `-d`. A master keeps one value a
name: when PHP refuses the last one the *built-in* value is in force, not the line before it. `[PATH=]` and `[HOST=]`
sections are kept apart, since they hold for some requests only; what a pool adds is `php_fpm`'s business.

Source: main/php_ini.c of PHP 8.2 (php_init_config, php_ini_parser_cb), held against php-fpm 8.2 in
tests/real/test_php_readers.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from capacity.errors import NotReadable
from capacity.readers.php_ini import ini_items, ini_line_items
from capacity.readers.php_ini_text import ENTRY, ERROR, SECTION, Item, Variables
from capacity.record import record
from capacity.settings import Assignment, File, Refusal, Remark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from capacity.root import Root

PHP_INI: Final = "php.ini"
SCANNED: Final = "conf.d"
DEFINED: Final = "-d"
USER_INI: Final = ".user.ini"

SAPI_INI: Final = "php-fpm-fcgi.ini"  # main/php_ini.c: php-%s.ini of the SAPI, before php.ini
# Settings of PHP's core that end the master when a file makes an array of them (`name[] = value`): measured, 8.2.36.
CORE: Final = frozenset(
    "memory_limit memory_hard_limit_percent post_max_size upload_max_filesize max_file_uploads max_input_vars "
    "max_execution_time max_input_time error_reporting display_errors log_errors error_log disable_functions "
    "disable_classes open_basedir include_path extension_dir output_buffering realpath_cache_size precision "
    "user_ini.filename default_charset short_open_tag session.save_path".split(" ")
)


@record
class PhpAssignment(Assignment):
    """An assignment of PHP's: `layer` says where it stands (php.ini, conf.d, -d, php_value, ...).

    `asked` are the environment variables that the text needed; `unknown` is true where the text cannot be known.
    """

    layer: str = ""
    asked: tuple[str, ...] = ()
    unknown: bool = False


@record
class Special:
    """A `[PATH=]` or `[HOST=]` section: `kind` PATH or HOST, `key` the directory or the host name in lower case."""

    kind: str
    key: str
    at: File
    values: dict[str, list[PhpAssignment]] = field(default_factory=dict)

    def history(self, name: str) -> tuple[PhpAssignment, ...]:
        """Every assignment of `name` in this section, the one in force last."""
        return tuple(self.values.get(name, ()))


@dataclass(slots=True)
class PhpLayers:
    """What the php.ini layers of one master say.

    `loaded` is the php.ini in use (None: there is none), `scanned` the files of the scan directories that PHP lists as
    read (one with a syntax error is missing there, though the lines before the error count), `files_read` all that were
    opened. `extensions` are the `extension=` and `zend_extension=` lines in their order, `arrays` the names that ended
    as an array (which sets nothing).
    """

    variables: Variables
    loaded: str | None = None
    scanned: tuple[str, ...] = ()
    files_read: tuple[str, ...] = ()
    values: dict[str, list[PhpAssignment]] = field(default_factory=dict)
    specials: dict[tuple[str, str], Special] = field(default_factory=dict)
    extensions: list[PhpAssignment] = field(default_factory=list)
    arrays: dict[str, PhpAssignment] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)

    def history(self, name: str) -> tuple[PhpAssignment, ...]:
        """Every assignment of `name` over all layers, the weakest first: the last one is the master's."""
        return tuple(self.values.get(name, ()))

    def winning(self, name: str) -> PhpAssignment | None:
        """The assignment of `name` that the master keeps; None where no layer sets it."""
        found = self.values.get(name)
        return found[-1] if found else None

    def refusals(self) -> tuple[Refusal, ...]:
        """What ends the master when it starts: a setting of PHP's core that is an array."""
        dead = (line for name, line in self.arrays.items() if name in CORE)
        return tuple(Refusal("php-fpm", line.at, f"{line.name}[] is an array: PHP crashes on it") for line in dead)

    def extension_names(self, kind: str = "") -> tuple[str, ...]:
        """Names of the extensions in load order, without directory and `.so`; `kind`: extension or zend_extension."""
        lines = (line for line in self.extensions if kind in ("", line.name.lower()))
        return tuple((line.value or "").rsplit("/", 1)[-1].removesuffix(".so") for line in lines)


def read_php_layers(
    root: Root,
    config_dir: str,
    scan_dir: str,
    *,
    ini: str | None = None,
    ignore: bool = False,
    defines: Iterable[tuple[str, File]] = (),
    environment: Mapping[str, str] | None = None,
    binary_dir: str = "/usr/sbin",
    fallback: bool = False,
) -> PhpLayers:
    """Read the php.ini layers as a master would that was started so.

    `config_dir` and `scan_dir` are compiled in (Debian: /etc/php/8.2/fpm and its conf.d; `scan_dir` may be empty);
    `binary_dir` is where the program lies, which PHP searches too. `ini` is the argument of `-c`, `ignore` is `-n`,
    `defines` are the arguments of `-d` with their places. `environment` is the master's (None: not known), of which
    PHPRC and PHP_INI_SCAN_DIR are obeyed. `fallback`: PHP 8.3 and later, which know `${NAME:-text}`.
    """
    layers = PhpLayers(Variables(environment, fallback=fallback))
    reader = _Reader(root, layers)
    known = environment or {}
    if not ignore or ini is not None:
        found = _php_ini(root, config_dir, binary_dir, ini, known.get("PHPRC", ""))
        if found is not None:
            layers.loaded = found
            reader.file(found, PHP_INI)
            layers.variables.settings["cfg_file_path"] = found
        elif not root.live:
            where = File(ini if ini is not None else f"{config_dir}/php.ini")
            layers.remarks.append(Remark(where, "no php.ini in this tree: PHP's built-in values stand"))
    if not ignore:
        for directory in _scan_directories(scan_dir, known.get("PHP_INI_SCAN_DIR")):
            reader.directory(directory)
    reader.defines(defines)
    layers.scanned = tuple(reader.listed)
    layers.files_read = tuple(reader.opened)
    return layers


def read_user_ini(
    root: Root, directory: str, variables: Variables, filename: str = USER_INI
) -> tuple[dict[str, list[PhpAssignment]], list[Remark]]:
    """The assignments of a directory's `.user.ini` (`user_ini.filename`) by name, the one in force last; and remarks.

    Empty where there is no such file, or no file name is set. PHP reads one from the document root down to the
    directory of the script, each over the one before (sapi/fpm/fpm/fpm_main.c, php_cgi_ini_activate_user_config).
    """
    layers = PhpLayers(variables)
    path = f"{directory.rstrip('/')}/{filename}"
    if filename and root.kind(path) == "file":
        _Reader(root, layers).file(path, USER_INI)
    return layers.values, layers.remarks


def define_text(argument: str) -> str:
    """The line that `-d ARGUMENT` becomes: a value that starts with no letter, digit or quote is put in quotes.

    Source: php_ini_builder_define in main/php_ini_builder.c.
    """
    name, equals, value = argument.partition("=")
    if not equals:
        return f"{argument}=1"
    first = value[:1]
    if first and not (first.isascii() and first.isalnum()) and first not in "\"'":
        return f'{name}="{value}"'
    return argument


def _php_ini(root: Root, config_dir: str, binary_dir: str, ini: str | None, phprc: str) -> str | None:
    """The path of the php.ini in use: the file that -c or PHPRC names, else the first of the search path."""
    named = ini if ini is not None else phprc
    if named and root.kind(_absolute(named)) in ("file", "other"):
        return _absolute(named)
    if ini is not None:
        search = ini.split(":")
    else:
        search = [*(phprc.split(":") if phprc else ()), binary_dir, config_dir]
    for name in (SAPI_INI, "php.ini"):
        for directory in search:
            path = f"{_absolute(directory)}/{name}"
            if directory and root.kind(path) in ("file", "dir"):
                return path
    return None


def _absolute(path: str) -> str:
    """A path of the command line or the environment; a service starts in `/`."""
    return path.rstrip("/") if path.startswith("/") else f"/{path.rstrip('/')}"


def _scan_directories(compiled: str, given: str | None) -> list[str]:
    """The directories to scan: PHP_INI_SCAN_DIR in place of the compiled one, of which an empty part stands for it.

    An empty PHP_INI_SCAN_DIR turns scanning off.
    """
    if given is None:
        return [compiled] if compiled else []
    if not given:
        return []
    return [part for part in (part or compiled for part in given.split(":")) if part]


class _Reader:
    """Fills PhpLayers with one file after the other, as php_ini_parser_cb fills PHP's configuration hash."""

    def __init__(self, root: Root, layers: PhpLayers) -> None:
        self.root, self.layers = root, layers
        self.opened: list[str] = []
        self.listed: list[str] = []

    def directory(self, directory: str) -> None:
        """Every `*.ini` of a directory in byte order (dot-files too); what is no regular file is passed over."""
        try:
            names = self.root.names(directory)
        except NotReadable as error:
            if not self.root.live:
                self.layers.remarks.append(Remark(File(directory), f"scan directory not read: {error.why}"))
            return
        for name in names:
            if "." not in name or name[name.rindex(".") :] != ".ini":
                continue
            path = f"{directory.rstrip('/')}/{name}"
            kind = self.root.kind(path)
            if kind == "file":
                if self.file(path, SCANNED):
                    self.listed.append(path)
            elif kind in ("dangling", "loop", "missing"):
                said = "a link that leads to no file: PHP passes over it"
                self.layers.remarks.append(Remark(File(path), said, not self.root.live))

    def file(self, path: str, layer: str) -> bool:
        """Read one file; whether PHP would call it read (no syntax error)."""
        try:
            data = self.root.read(path)
        except NotReadable as error:
            self.layers.remarks.append(Remark(File(path), f"not read: {error.why}", True))
            return False
        self.opened.append(path)
        return self._take(ini_items(data, path, self.layers.variables), layer)

    def defines(self, defines: Iterable[tuple[str, File]]) -> None:
        """The `-d` options, which PHP reads as one text: after a syntax error the rest is dropped."""
        for argument, at in defines:
            line = define_text(argument).encode("utf-8", "surrogateescape")
            if not self._take(ini_line_items(line, at.path, at.line, self.layers.variables, at), DEFINED):
                return

    def _take(self, items: Iterator[Item], layer: str) -> bool:
        """Put the items of one file where PHP would; the sections of a file do not reach into the next one."""
        values: dict[str, list[PhpAssignment]] = self.layers.values
        special, section = False, ""
        for item in items:
            if item.kind == ERROR:
                why = f"{item.value}: PHP drops the rest of this file"
                self.layers.remarks.append(Remark(item.at, why))
                return False
            if item.kind == SECTION:
                section = item.name
                kind = section[:4].upper()
                special = kind in ("PATH", "HOST")
                if special and len(section) > 4:
                    values = self._special(kind, section[4:], item.at).values
                continue
            if item.value is None:
                continue
            taken = PhpAssignment(item.name, item.value, item.at, section, layer, item.asked, item.unknown)
            if item.kind == ENTRY and not special and item.name.lower() in ("extension", "zend_extension"):
                self.layers.extensions.append(taken)
            else:
                self._set(values, taken, item)
        return True

    def _set(self, values: dict[str, list[PhpAssignment]], taken: PhpAssignment, item: Item) -> None:
        """Put an assignment where it belongs; an array takes the place of a value, and a value that of an array."""
        name, ours = item.name, values is self.layers.values
        if item.kind == ENTRY:
            values.setdefault(name, []).append(taken)
            if ours:
                self.layers.arrays.pop(name, None)
                self.layers.variables.settings[name] = item.raw
            return
        values.pop(name, None)
        if ours:
            self.layers.arrays[name] = taken
            self.layers.variables.settings.pop(name, None)

    def _special(self, kind: str, rest: str, at: File) -> Special:
        """The section of `[PATH=dir]` or `[HOST=name]`; slashes at the end and blanks or `=` before it are dropped."""
        key = (rest.lower() if kind == "HOST" else rest).rstrip("/\\").lstrip("= \t")
        return self.layers.specials.setdefault((kind, key), Special(kind, key, at))
