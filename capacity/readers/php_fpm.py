"""php-fpm.conf and its pools: one stream of lines over all included files, merged key by key.

An include is read where it stands, and the section that is open at its end stays open behind it. Of an ordinary
directive the last line is in force, of `php_value` and `php_admin_value` the *first*. php-fpm stops at its first error;
this reader notes it as a Refusal and goes on, so that what is there can be shown (and priced as "at least").

Source: sapi/fpm/fpm/fpm_conf.c of PHP 8.2, held against php-fpm 8.2 in tests/real/test_php_readers.py. The rules of
values and pools are in `php_fpm_rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from capacity.errors import LinkLoop, Missing, NotReadable
from capacity.readers import php_fpm_rules as rules
from capacity.readers.php_ini import ini_line_items
from capacity.readers.php_ini_text import ENTRY, ERROR, SECTION, Item, Variables, path_of, to_int
from capacity.readers.php_layers import PhpAssignment
from capacity.record import record
from capacity.settings import File, Refusal, Remark

if TYPE_CHECKING:
    from capacity.root import Root

PROGRAM: Final = "php-fpm"
MOST_FILES: Final = 5000  # included, one by one: what no host has
DEEPEST: Final = 5  # fpm_conf.c, ini_recursion: the main file and four levels of includes


@dataclass(slots=True)
class PoolText:
    """One pool as its files say. `at` is its first header.

    `settings` holds every assignment of a directive, the one in force last; so do `php_values` (php_value, php_flag),
    `php_admin_values` and `env`, whose order is therefore the reverse of the files'. Values have `$pool` replaced.
    """

    name: str
    at: File
    settings: dict[str, list[PhpAssignment]] = field(default_factory=dict)
    php_values: list[PhpAssignment] = field(default_factory=list)
    php_admin_values: list[PhpAssignment] = field(default_factory=list)
    env: list[PhpAssignment] = field(default_factory=list)

    def winning(self, directive: str) -> PhpAssignment | None:
        """The assignment of a directive (as php-fpm.conf(5) spells it) that is in force."""
        found = self.settings.get(directive)
        return found[-1] if found else None

    def history(self, directive: str) -> tuple[PhpAssignment, ...]:
        """Every assignment of a directive, the one in force last."""
        return tuple(self.settings.get(directive, ()))

    def text(self, directive: str) -> str | None:
        """The text in force of a directive; None where it is not set."""
        found = self.winning(directive)
        return found.value if found is not None else None

    def not_known(self, directive: str) -> bool:
        """Whether the directive is set to a text that cannot be known (an environment variable)."""
        found = self.winning(directive)
        return found is not None and found.unknown

    def number(self, directive: str, default: int = 0) -> int | None:
        """The whole number in force, wrapped to 32 bits as in php-fpm (99999999999 is 1215752191); None: not known."""
        found = self.winning(directive)
        if found is None:
            return default
        return None if found.unknown else to_int(found.value or "")


@record
class FpmConfiguration:
    """What one master is told: its global section, its pools in the order of their first header, and what stops it.

    `settings` holds the global directives, the assignment in force last. `files_read` is the order of the stream.
    """

    main: str
    settings: Mapping[str, list[PhpAssignment]]
    pools: tuple[PoolText, ...]
    refusals: tuple[Refusal, ...]
    remarks: tuple[Remark, ...]
    files_read: tuple[str, ...]

    def history(self, directive: str) -> tuple[PhpAssignment, ...]:
        """Every assignment of a global directive, the one in force last."""
        return tuple(self.settings.get(directive, ()))

    def number(self, directive: str, default: int = 0) -> int | None:
        """The whole number of a global directive, wrapped to 32 bits; None where it is not known."""
        found = self.settings.get(directive)
        if not found:
            return default
        return None if found[-1].unknown else to_int(found[-1].value or "")


def read_fpm(
    root: Root,
    main: str,
    *,
    prefix: str = "/usr",
    state_dir: str = "/var",
    given_prefix: str | None = None,
    variables: Variables | None = None,
    as_root: bool = True,
    allow_root: bool = False,
) -> FpmConfiguration:
    """Read a main file and what it includes, and judge it as php-fpm does when it starts.

    `prefix` and `state_dir` are compiled in (/usr and /var in Debian's program, /usr/local and /usr/local/var in the
    official image): where relative includes and sockets begin, and where the log. `given_prefix`, of `-p`, replaces
    both. `variables` are those of the master's php.ini layers (`${NAME}`); without them nothing is known of the
    environment. `as_root`: the master is started as root; `allow_root`: with `-R`.
    """
    below = prefix if given_prefix is None else given_prefix
    stream = _Stream(root, below, variables if variables is not None else Variables(None))
    stream.load(main, 1, File(main))
    _judge(stream, as_root, allow_root)
    _judge_log(stream, state_dir if given_prefix is None else given_prefix)
    return FpmConfiguration(
        main,
        stream.settings,
        tuple(stream.pools.values()),
        tuple(stream.refusals),
        tuple(stream.remarks),
        tuple(stream.files),
    )


class _Stream:
    """The lines of all files as one stream, and what they amount to so far."""

    def __init__(self, root: Root, prefix: str, variables: Variables) -> None:
        self.root, self.prefix, self.variables = root, prefix, variables
        self.settings: dict[str, list[PhpAssignment]] = {}
        self.pools: dict[str, PoolText] = {}
        self.pool: PoolText | None = None
        self.refusals: list[Refusal] = []
        self.remarks: list[Remark] = []
        self.files: list[str] = []
        self.stopped = False

    def refuse(self, at: File, reason: str, lost: bool = False) -> None:
        self.refusals.append(Refusal(PROGRAM, at, reason, lost))

    # -------------------------------------------------------------------------------------- files

    def load(self, path: str, depth: int, at: File) -> None:
        """Read one file of the stream; `at` is the place that names it."""
        if self.stopped:
            return
        if len(self.files) >= MOST_FILES:
            self.stopped = True
            self.refuse(at, f"more than {MOST_FILES} files are included; the rest was not read", True)
            return
        try:
            data = self.root.read(path)
        except (Missing, LinkLoop) as error:
            self.refuse(at, f"failed to open configuration file '{path}': {error.why}", not self.root.live)
            return
        except NotReadable as error:
            if self.root.kind(path) != "dir":  # php-fpm reads a directory as an empty file
                self.refuse(at, f"'{path}' was not read: {error.why}", True)
            return
        if depth > DEEPEST:
            self.stopped = True  # reading on would follow a loop with several arms for ever
            self.refuse(at, "failed to include more than 5 files recursively")
            return
        self.files.append(path)
        for number, line in enumerate(data.split(b"\n"), 1):
            text = line.strip(b" \t\r")
            if not text or (text.startswith(b";") and b"\r" not in line[:-1]):
                continue
            include = self._line(line, path, number)
            if include is not None:
                self._include(include, depth)

    def _line(self, line: bytes, path: str, number: int) -> Item | None:
        """Take one line; the include that it asks for, which php-fpm follows when the line is done."""
        include: Item | None = None
        for item in ini_line_items(line, path, number, self.variables):
            reason = ""
            if item.kind == ERROR:
                reason = item.value or ""
            elif item.kind == SECTION:
                self._section(item)
            elif item.value is None:
                reason = f"unknown entry '{item.name}' (it has no value)"
            elif item.kind != ENTRY:
                reason = self._array(item)
            elif item.name != "include":
                reason = self._directive(item)
            elif include is not None:
                reason = "two includes at the same time !"
            else:
                include = item
            if reason:
                self.refuse(item.at, reason)
                return None
        return include

    def _include(self, item: Item, depth: int) -> None:
        """Read every file that an include names, in byte order (glob(3) with GLOB_ERR)."""
        if item.unknown:
            self.refuse(item.at, f"what is included is not known: {', '.join(item.asked)} of the environment", True)
            return
        pattern = rules.full_path(path_of(item.raw), self.prefix)
        lost = not self.root.live
        folder = _folder_before_wildcard(pattern)
        if folder is not None and self.root.kind(folder) in ("missing", "dangling", "loop"):
            self.refuse(item.at, f"unable to globalize '{pattern}': no directory {folder}", lost)
            return
        paths = self.root.glob(pattern)
        if not paths:
            said = f"nothing matches the include pattern '{pattern}'"
            if folder is None and lost:
                self.refuse(item.at, f"{said}; php-fpm itself would warn and go on", True)
            else:
                self.remarks.append(Remark(item.at, said))
        for path in paths:
            if self.root.kind(path) != "dir":
                self.load(path, depth + 1, item.at)

    # -------------------------------------------------------------------------------------- statements

    def _section(self, item: Item) -> None:
        low = item.name.lower()
        if low == "global":
            self.pool = None
        else:
            self.pool = self.pools.setdefault(low, PoolText(item.name, item.at))

    def _taken(self, item: Item, name: str, value: str, layer: str) -> PhpAssignment:
        section = self.pool.name if self.pool is not None else "global"
        return PhpAssignment(name, value, item.at, section, layer, item.asked, item.unknown)

    def _directive(self, item: Item) -> str:
        """Take `name = value`; what php-fpm says against it, or nothing."""
        table = rules.GLOBAL if self.pool is None else rules.POOL
        name, value = item.name.lower(), item.value or ""
        check = table.get(name)
        if check is None:
            return f"unknown entry '{item.name}'"
        if not item.unknown:
            reason = check(value)
            if reason:
                return f"unable to parse value for entry '{name}': {reason}"
        if name in rules.EXPANDED or self.pool is None:
            expanded = self._with_pool_name(value)
            if expanded is None:
                return f"unable to parse value for entry '{name}': {self._no_pool_name()}"
            value = expanded
        settings = self.settings if self.pool is None else self.pool.settings
        settings.setdefault(name, []).append(self._taken(item, name, value, "php-fpm"))
        return ""

    def _array(self, item: Item) -> str:
        """Take `name[key] = value`; what php-fpm says against it, or nothing."""
        name, key, value = item.name, item.key, item.value or ""
        if name == "access.suppress_path":
            if key:
                return "Keys provided to field 'access.suppress_path' are ignored"
            if not value.startswith("/") and not item.unknown:
                return "Values provided to field 'access.suppress_path' must begin with '/'"
        elif not key:
            return f"You must provide a key for field '{name}'"
        if self.pool is None:
            return "Array are not allowed in the global section"
        if name == "env" and not value and not item.unknown:
            return "empty value"
        if name not in (*rules.PHP_ARRAYS, "env", "access.suppress_path"):
            return f"unknown directive '{name}'"
        if name.endswith("flag"):
            if value not in rules.SWITCHES_ON | rules.SWITCHES_OFF and not item.unknown:
                return f"error while parsing '{name}[{key}]' : invalid boolean value"
            value = "1" if value in rules.SWITCHES_ON else "0"
        else:
            expanded = self._with_pool_name(value)
            if expanded is None:
                return f"error while parsing '{name}[{key}]' : {self._no_pool_name()}"
            value = expanded
        where = {"env": self.pool.env, "php_value": self.pool.php_values, "php_flag": self.pool.php_values}
        if name != "access.suppress_path":
            where.get(name, self.pool.php_admin_values).insert(0, self._taken(item, key, value, name))
        return ""

    def _with_pool_name(self, value: str) -> str | None:
        """`value` with `$pool` replaced; None where there is no pool, or where replacing would never end."""
        if "$pool" not in value:
            return value
        if self.pool is None or "$pool" in self.pool.name:
            return None
        return value.replace("$pool", self.pool.name)

    def _no_pool_name(self) -> str:
        named = self.pool is not None
        return "'$pool' in the name of its own pool" if named else "Can't use '$pool' when the pool is not defined"


def _folder_before_wildcard(pattern: str) -> str | None:
    """The directory that glob(3) opens first, up to the first part with a wildcard; None for a plain path."""
    parts = pattern.split("/")
    for index, part in enumerate(parts):
        if any(sign in part for sign in "*?["):
            return "/".join(parts[:index]) or "/"
    return None


# ------------------------------------------------------------------------------------------------ the whole


def _judge(stream: _Stream, as_root: bool, allow_root: bool) -> None:
    """Append what php-fpm says when all files are read (fpm_conf_post_process, fpm_conf_process_all_pools)."""
    lost = any(refusal.lost for refusal in stream.refusals)
    main = File(stream.files[0] if stream.files else "")
    known = {name: lines[-1] for name, lines in stream.settings.items() if not lines[-1].unknown}
    numbers = {name: to_int(line.value or "") for name, line in known.items()}
    mechanism = known["events.mechanism"].value if "events.mechanism" in known else None
    complaint = rules.global_complaint(numbers, mechanism)
    if complaint is not None:
        stream.refuse(known[complaint[0]].at, complaint[1])
    if not stream.pools and stream.files:
        stream.refuse(main, "No pool defined. at least one pool section must be specified in config file", lost)
    edge = mechanism is None or mechanism.lower() == "epoll"
    for pool in stream.pools.values():
        found = rules.pool_complaint(pool, needs_user=as_root and not allow_root, edge_trigger=edge)
        if found is None and as_root:
            found = rules.account_complaint(stream.root, pool, allow_root=allow_root)
        if found is not None:
            line = pool.winning(found[0])
            stream.refuse(line.at if line is not None else pool.at, f"[pool {pool.name}] {found[1]}", lost)
        _judge_directories(stream, pool)
    _judge_addresses(stream)


def _judge_log(stream: _Stream, state_dir: str) -> None:
    """The directory of `error_log`, which php-fpm opens even where nothing names it."""
    lines = stream.settings.get("error_log")
    line = lines[-1] if lines else None
    log = "log/php-fpm.log" if line is None else line.value or ""
    if log.lower() == "syslog" or (line is None and not stream.root.live) or (line is not None and line.unknown):
        return
    at = line.at if line is not None else File(stream.files[0] if stream.files else "")
    path = rules.full_path(log, state_dir)
    if stream.root.kind(path) == "dir":
        stream.refuse(at, f"failed to open error_log ({path}): Is a directory")
    else:
        _judge_directory(stream, at, "error_log: ", path.rpartition("/")[0] or "/")


def _judge_directories(stream: _Stream, pool: PoolText) -> None:
    for name, directory in rules.directories_of(pool, stream.prefix):
        line = pool.winning(name)
        if line is not None and not line.unknown:
            _judge_directory(stream, line.at, f"[pool {pool.name}] ", directory)
    address = pool.winning("listen")
    if address is not None and address.value and not address.unknown and rules.is_unix_socket(address.value):
        socket = rules.full_path(address.value, pool.text("prefix"), stream.prefix)
        if stream.root.live:  # the directory of a socket is made anew at every start
            _judge_directory(stream, address.at, f"[pool {pool.name}] ", socket.rpartition("/")[0] or "/")


def _judge_directory(stream: _Stream, at: File, of: str, directory: str) -> None:
    if stream.root.kind(directory) == "dir":
        return
    if stream.root.live:  # a copy leaves out empty folders, those of logs above all; no byte hangs on them
        stream.refuse(at, f"{of}'{directory}' does not exist or is not a directory")


def _judge_addresses(stream: _Stream) -> None:
    """Two pools on one address, the hidden status pool of `pm.status_listen` included."""
    taken: dict[str, str] = {}
    for pool in stream.pools.values():
        for directive in ("listen", "pm.status_listen"):
            line = pool.winning(directive)
            if line is None or not line.value or line.unknown:
                continue
            address = line.value
            if rules.is_unix_socket(address):
                own = pool.text("prefix") if directive == "listen" else None
                address = rules.full_path(address, own, stream.prefix)
            name = pool.name if directive == "listen" else f"{pool.name}_status"
            if address in taken:
                said = "unable to set listen address as it's already used in another pool"
                stream.refuse(line.at, f"[pool {name}] {said} '{taken[address]}'")
            taken.setdefault(address, name)
