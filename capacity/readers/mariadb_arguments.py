"""What mariadbd takes from its options and arguments, pass by pass, before it makes anything of the values.

The server goes over one list, the option files first and the command line after them, several times: options that are
needed early, its own, those of each plugin, those that were removed. What no pass takes refuses (mysys/my_getopt.c,
handle_options; sql/mysqld.cc, get_options and init_server_components; sql/sql_plugin.cc, test_plugin_options).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from capacity.errors import BadValue
from capacity.readers.mariadb_names import LONGEST, Match, Name, match, name_of
from capacity.readers.mariadb_table import LAST, Option, Pass, Table, known_anywhere
from capacity.readers.mariadb_values import Ignored, Value, is_placeholder, value_of
from capacity.readers.masking import is_secret
from capacity.record import record
from capacity.settings import Assignment, File, Origin, Refusal, Remark

ALIASES: Final = {"tmp_table_size": "tmp_memory_table_size", "table_cache": "table_open_cache"}
"""Options that set a variable of another name (sql/sys_vars.cc, sql/mysqld.cc)."""

PLUGINS: Final = {
    "auth_gssapi": "auth_gssapi", "gssapi": "auth_gssapi", "aws_key_management": "aws_key_management",
    "columnstore": "ha_columnstore", "connect": "ha_connect", "cracklib_password_check": "cracklib_password_check",
    "file_key_management": "file_key_management", "handlersocket": "handlersocket",
    "hashicorp_key_management": "hashicorp_key_management", "mroonga": "ha_mroonga", "oqgraph": "ha_oqgraph",
    "pam": "auth_pam", "password_reuse_check": "password_reuse_check", "provider": "provider",
    "query_response_time": "query_response_time", "rocksdb": "ha_rocksdb", "s3": "ha_s3",
    "server_audit": "server_audit", "simple_password_check": "simple_password_check", "sphinx": "ha_sphinx",
    "spider": "ha_spider", "sql_error_log": "sql_errlog", "tokudb": "ha_tokudb", "federatedx": "ha_federatedx",
}  # fmt: skip
"""Beginnings of option names, and the library of the plugin that they belong to."""

MANDATORY: Final = ("myisam", "aria", "binlog")
"""Engines without which the server does not start: an error in their options refuses."""

KEY_CACHE: Final = "key_buffer_size"
NO_NAME: Final = Name("", (), ())
_NUMBERS: Final = frozenset({"u64", "u32", "i64", "i32", "double"})
_WITH_MAXIMUM: Final = frozenset({"u64", "u32", "i64", "i32", "enum", "set"})
_SHORT: Final = {
    "a": "ansi", "b": "basedir", "C": "character_set_server", "h": "datadir", "L": "language", "P": "port",
    "r": "chroot", "s": "symbolic_links", "t": "tmpdir", "T": "debug_exit_info", "u": "user", "v": "verbose",
    "V": "version", "W": "log_warnings", "#": "debug", "?": "help",
}  # fmt: skip


@record
class Taken:
    """One option as it was taken: its `value`, where it stands, and how it was spelled."""

    option: Option
    value: Value | None
    origin: Origin
    text: str
    turned: bool = False


@dataclass(slots=True, repr=False, eq=False)
class Arguments:
    """What all passes took.

    `taken` has, for each variable, every setting of it in the order in which they were made (the last wins), None for a
    value that could not be known. `caches` are the key caches beside the default one, `maxima` what sessions may set at
    most, `failed` the plugins whose options were refused.
    """

    taken: dict[str, list[Taken]] = field(default_factory=dict)
    caches: dict[str, list[Taken]] = field(default_factory=dict)
    maxima: dict[str, list[Taken]] = field(default_factory=dict)
    failed: dict[str, list[Refusal]] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)


@record
class _Word:
    """One word of the list: an option, or a plain word that an option before it may take as its value."""

    text: str
    value: str | None
    at: File
    origin: Origin
    in_file: bool
    name: Name
    plain: bool = False


def _word(text: str, value: str | None, at: File, origin: Origin, *, in_file: bool) -> _Word:
    return _Word(text, value, at, origin, in_file, name_of(text))


def take(
    assignments: Sequence[Assignment],
    arguments: Sequence[str],
    arguments_at: File,
    arguments_origin: Origin,
    table: Table,
    *,
    certain: bool = True,
    program: str = "mariadbd",
) -> Arguments:
    """Runs all passes of `table` over the files' `assignments` and then the command line's `arguments`.

    `certain` is whether the program is MariaDB: only then what it does not know is a Refusal.
    """
    words = [_word(each.name, each.value, each.at, each.at, in_file=True) for each in assignments]
    words += _words(arguments, arguments_at, arguments_origin)
    taking = _Taking(Arguments(), program, certain and table.complete, certain)
    for stage, options in table.passes:
        words = taking.run(stage, options, words)
    taking.leftovers(words)
    return taking.result


def _words(arguments: Sequence[str], at: File, origin: Origin) -> list[_Word]:
    """The words of a command line; short options are written out in full."""
    words: list[_Word] = []
    ended = False
    for argument in arguments:
        if ended or not argument.startswith("-") or argument == "-":
            words.append(_Word(argument, None, at, origin, False, NO_NAME, plain=True))
        elif argument == "--":
            ended = True
        elif argument.startswith("--"):
            name, equals, value = argument[2:].partition("=")
            words.append(_word(name, value if equals else None, at, origin, in_file=False))
        else:
            name = _SHORT.get(argument[1], argument[1:])
            words.append(_word(name, argument[2:] or None, at, origin, in_file=False))
    return words


@dataclass(slots=True, repr=False, eq=False)
class _Taking:
    result: Arguments
    program: str
    certain: bool
    mariadb: bool

    def run(self, stage: str, options: Pass, words: list[_Word]) -> list[_Word]:
        """One pass; returns the words that it left."""
        left: list[_Word] = []
        index = 0
        while index < len(words):
            word = words[index]
            index += 1
            found = None if word.plain else match(word.name, word.value, options)
            if found is None or not found.options:
                left.append(word)
            elif len(found.options) > 1:
                message = f"'{_shown(word)}' is not unique: it may be {', '.join(found.names[:6])}"
                if self.mariadb:
                    self._refuse(stage, word, message)
                else:
                    self._remark(word, message)
            else:
                follows = words[index] if index < len(words) else None
                if self._needs(found, word) and follows is not None and not word.in_file:
                    index += 1
                    followed = follows.text if follows.plain else _spelled(follows)
                    found = match(word.name, followed, options)
                    word = _word(word.text, followed, word.at, word.origin, in_file=False)
                self._take(stage, found, word)
        return left

    @staticmethod
    def _needs(found: Match, word: _Word) -> bool:
        return found.options[0].argument == "required" and found.value is None and word.value is None

    def _take(self, stage: str, found: Match, word: _Word) -> None:
        option = found.options[0]
        if found.abbreviated:
            self._remark(word, f"'{word.text}' is taken as {option.name}: an abbreviation that fits no other option")
        if found.autoset:
            self._remark(word, f"{option.name} is left to the server")
        elif self._needs(found, word):
            self._refuse(stage, word, f"option '--{option.name}' requires an argument")
        elif option.argument == "none" and option.kind != "bool" and found.value is not None:
            self._refuse(stage, word, f"option '--{option.name}' cannot take an argument")
        elif found.maximum and not self._may_have_maximum(option):
            self._refuse(stage, word, f"Maximum value of '{option.name}' cannot be set")
        elif stage == LAST:
            self._remark(word, f"{option.name} was removed or is MySQL's: it does nothing in MariaDB")
        else:
            self._set(stage, found, word, option)

    @staticmethod
    def _may_have_maximum(option: Option) -> bool:
        """Plugins and options without a variable write the value itself; session variables have a maximum beside."""
        if option.stage == option.name:
            return False  # the switch of a plugin
        own = option.stage in ("early", "server") and option.scope != "none"
        return not own or (option.kind in _WITH_MAXIMUM and option.scope == "session")

    def _set(self, stage: str, found: Match, word: _Word, option: Option) -> None:
        name = ALIASES.get(option.name, option.name)
        history = self._history(found, option, name)
        if found.value is not None and option.kind != "text" and is_placeholder(found.value):
            self._remark(word, f"{option.name} is a template's placeholder: its value is not known")
            history.append(Taken(option, None, word.origin, word.value or ""))
            return
        current = str(history[-1].value.value) if history and history[-1].value is not None else ""
        try:
            value = value_of(option, found.value, current)
        except Ignored as error:
            self._remark(word, str(error))
            return
        except BadValue as error:
            shown = "" if is_secret(option.name) else f" '{found.value}'"
            reason = f"{option.name} cannot be{shown}: expected {error.accepts}"
            if not self.mariadb and option.kind not in _NUMBERS:
                self._remark(word, reason)
                return
            if not found.loose:
                self._refuse(stage, word, reason)
                return
            self._remark(word, f"{reason}; as the option is loose, the server starts all the same")
            if option.kind not in _NUMBERS:
                return
            value = Value(0, 0)
        history.append(Taken(option, value, word.origin, word.value or "", found.turned))

    def _history(self, found: Match, option: Option, name: str) -> list[Taken]:
        """Where a setting is noted: of the variable, of another key cache, or of what sessions may set at most."""
        if option.name == KEY_CACHE and found.cache not in ("", "default"):
            return self.result.caches.setdefault(found.cache, [])
        if found.maximum and option.scope == "session" and option.stage in ("early", "server"):
            return self.result.maxima.setdefault(name, [])
        return self.result.taken.setdefault(name, [])

    def leftovers(self, words: list[_Word]) -> None:
        """Words that no pass took: unknown options and plain words."""
        for word in words:
            if word.plain:
                self._refuse(LAST, word, "Too many arguments: a word that belongs to no option")
                continue
            name = _bare(word.name)
            plugin = next((lib for begin, lib in PLUGINS.items() if name.startswith(begin)), None)
            if "loose" in word.name.specials:
                self._remark(word, f"unknown option '{_shown(word)}' (loose): passed over")
            elif plugin is not None:
                self._plugin_option(word, plugin)
            elif self.certain:
                self._refuse(LAST, word, f"unknown option '--{_shown(word)}'")
            else:
                known = "" if not known_anywhere(name) else " in this version"
                self._remark(word, f"'{_shown(word)}' is not known{known}: a MariaDB server that lacks it refuses")

    def _plugin_option(self, word: _Word, library: str) -> None:
        loads = self.result.taken.get("plugin_load", []) + self.result.taken.get("plugin_load_add", [])
        loaded = any(library.removeprefix("ha_") in str(each.value and each.value.value) for each in loads)
        if not loaded:
            self._remark(word, f"'{_shown(word)}' needs the plugin {library}: without it the server refuses")

    def _refuse(self, stage: str, word: _Word, reason: str) -> None:
        refusal = Refusal(self.program, word.at, reason)
        if stage in ("early", "server", LAST) or stage in MANDATORY:
            self.result.refusals.append(refusal)
        else:
            self.result.failed.setdefault(stage, []).append(refusal)

    def _remark(self, word: _Word, message: str) -> None:
        self.result.remarks.append(Remark(word.at, message))


def _spelled(word: _Word) -> str:
    return f"--{word.text}" + (f"={word.value}" if word.value is not None else "")


def _bare(name: Name) -> str:
    """A name without the prefixes that any option may have."""
    return name.stems[-1][0].removeprefix("plugin_") if name.stems else ""


def _shown(word: _Word) -> str:
    """A name for messages: what follows a blank may be a value that lost its equals sign, and a secret."""
    return (word.text.split() or [word.text])[0][:LONGEST]
