"""The options that mariadbd knows, by release branch: names, types and limits, from `mariadb_options.json`.

The data come from a running 10.11.19 (information_schema.SYSTEM_VARIABLES, `mariadbd --verbose --help`) and, for other
branches, from the server's own test results; the file says which. Options are grouped by the pass over the argument
list that takes them (sql/mysqld.cc, sql/sql_plugin.cc): an abbreviation only competes with the options of its pass.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from pkgutil import get_data
from typing import Any, Final

from capacity.record import record
from capacity.settings import reaches, version_tuple

FIRST: Final = ("early", "server", "myisam", "aria")
"""The passes that come first, in this order; then every other plugin, then the options that were removed."""

LAST: Final = "removed"

POOL_LIMITS: Final = ("10.6.22", "10.11.12", "11.4.6", "11.8.2")
"""The releases that brought innodb_buffer_pool_size_max and _auto_min (MariaDB manual, InnoDB System Variables)."""

_ASCII_LOWER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)} | {ord("-"): ord("_")}


@record
class Option:
    """One option of the server.

    `kind` is u64, u32, i64, i32, double, bool, enum, set, flags, text or none (takes nothing); `argument` is required,
    optional or none; `scope` is session, global or none (no variable). A `maximum` of 0 is no limit.
    """

    name: str
    stage: str
    kind: str
    argument: str
    scope: str
    minimum: int | float = 0
    maximum: int | float = 0
    block: int = 1
    values: tuple[str, ...] = ()


class Pass:
    """The options that one pass over the arguments takes, for look-up by name and by prefix."""

    def __init__(self, options: Iterable[Option], *, plugin: bool) -> None:
        self._by_name: dict[str, Option] = {}
        for option in options:
            self._by_name[option.name] = option
            if plugin:
                self._by_name[f"plugin_{option.name}"] = option
        self._names = sorted(self._by_name)

    def find(self, name: str) -> list[str]:
        """The names that `name` may stand for: itself alone if it is one, else all that begin with it."""
        if name in self._by_name:
            return [name]
        begin = bisect_left(self._names, name)
        end = begin
        while end < len(self._names) and self._names[end].startswith(name):
            end += 1
        return self._names[begin:end]

    def option(self, name: str) -> Option:
        """The option of a full name."""
        return self._by_name[name]


@record
class Table:
    """All options of one server, pass by pass.

    `complete` is whether a name that is not here is surely unknown to that server: its branch is in the data, and the
    release is not newer than the data's.
    """

    passes: tuple[tuple[str, Pass], ...]
    options: Mapping[str, Option]
    complete: bool


def normal(name: str) -> str:
    """A name as the server compares it: ASCII letters small, `-` as `_` (mysys/my_getopt.c, getopt_compare_strings)."""
    return name.translate(_ASCII_LOWER)


@cache
def table_of(version: str) -> Table:
    """The options of a server of this version; where no version is known, of all branches, with the widest limits."""
    data = _data()
    base = {name: _option(name, row) for name, row in data["options"].items()}
    branch = ".".join(map(str, version_tuple(version)[:2]))
    release = version_tuple(data["release"])
    if not branch:
        options, complete = _merged(base, data), False
    elif version_tuple(branch) == release[:2]:
        options, complete = (
            _of_release(base, data["branches"][branch], version, release),
            version_tuple(version) <= release,
        )
    else:
        near = _nearest(version_tuple(branch), data["branches"], release)
        options = _of_branch(base, data["branches"][near]) if near else base
        known = data["branches"].get(branch)
        complete = known is not None and version_tuple(version) <= version_tuple(known["release"])
        if known is None:
            options = {**_merged(base, data), **options}
    if reaches(version, POOL_LIMITS) is False:
        options = {n: o for n, o in options.items() if n not in _POOL_OPTIONS}
    return Table(_passes(options), options, complete)


_POOL_OPTIONS: Final = ("innodb_buffer_pool_size_max", "innodb_buffer_pool_size_auto_min")


def known_anywhere(name: str) -> bool:
    """Whether any release branch in the data has an option of this name."""
    data = _data()
    return name in data["options"] or any(name in branch["also"] for branch in data["branches"].values())


@cache
def _data() -> dict[str, Any]:
    text = get_data("capacity.readers", "mariadb_options.json")
    assert text is not None, "the package has lost a data file"
    data: dict[str, Any] = json.loads(text)
    return data


def _option(name: str, row: Mapping[str, Any]) -> Option:
    return Option(
        name, row["pass"], row["type"], row["arg"], row["scope"],
        row.get("min", 0), row.get("max", 0), row.get("block", 1), tuple(row.get("values", ())),
    )  # fmt: skip


def _of_release(
    base: Mapping[str, Option], early: Mapping[str, Any], version: str, release: tuple[int, ...]
) -> dict[str, Option]:
    """The options of a release of the branch that the data know twice, early and late; between them, all of both."""
    if version_tuple(version) >= release:
        return dict(base)
    if version_tuple(version) <= version_tuple(early["release"]):
        return _of_branch(base, early)
    return {**base, **_of_branch(base, {**early, "without": ()})}


def _of_branch(base: Mapping[str, Option], branch: Mapping[str, Any]) -> dict[str, Option]:
    gone = set(branch["without"])
    also = {name: _option(name, row) for name, row in branch["also"].items()}
    return {name: option for name, option in base.items() if name not in gone} | also


def _nearest(branch: tuple[int, ...], branches: Mapping[str, Any], base: tuple[int, ...]) -> str:
    """The branch in the data that comes closest from below, the oldest for older ones; empty for the base itself."""
    known = {version_tuple(name): name for name in branches} | {base[:2]: ""}
    older = [each for each in known if each <= branch]
    return known[max(older)] if older else known[min(known)]


def _merged(base: Mapping[str, Option], data: Mapping[str, Any]) -> dict[str, Option]:
    """Every option of every branch; its limits are the larger ones, its block the smaller: no value comes out under."""
    merged = dict(base)
    for branch in data["branches"].values():
        for name, row in branch["also"].items():
            one = _option(name, row)
            have = merged.get(name)
            if have is None or have.stage == LAST:
                merged[name] = one
            elif one.stage != LAST and one.kind in _NUMBERS and have.kind in _NUMBERS:
                merged[name] = replace(
                    have,
                    kind="u64" if {"u32", "u64"} == {one.kind, have.kind} else have.kind,
                    minimum=max(one.minimum, have.minimum),
                    maximum=0 if 0 in (one.maximum, have.maximum) else max(one.maximum, have.maximum),
                    block=min(one.block, have.block),
                )
    return merged


_NUMBERS: Final = frozenset({"u64", "u32", "i64", "i32", "double"})


def _passes(options: Mapping[str, Option]) -> tuple[tuple[str, Pass], ...]:
    by_stage: dict[str, list[Option]] = {}
    for option in options.values():
        by_stage.setdefault(option.stage, []).append(option)
    order = [*FIRST, *sorted(set(by_stage) - {*FIRST, LAST}), LAST]
    return tuple(
        (stage, Pass(by_stage[stage], plugin=stage not in ("early", "server", LAST)))
        for stage in order
        if stage in by_stage
    )
