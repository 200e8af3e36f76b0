"""One unit as systemd 252 loads it: its fragment, its drop-ins, and what is in force of them.

Loading as in unit_load_fragment and unit_load_dropin (src/core/load-fragment.c, load-dropin.c), service_verify and
service_add_extras (core/service.c). Held against `systemd --test` in tests/real/test_systemd_reader.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from capacity.arithmetic import UNKNOWN
from capacity.errors import NotReadable
from capacity.readers.systemd.environment import Environment, environment
from capacity.readers.systemd.keys import LISTS, SAME, expands, misplaced, value_of
from capacity.readers.systemd.names import UnitName, default_slice, parent_slice
from capacity.readers.systemd.syntax import Fault, parse
from capacity.readers.systemd.values import RESET, boolean
from capacity.readers.systemd.words import Command, Malformed, Specifiers, commands, substituted
from capacity.settings import Assignment, File, NeverRead, NotKnown, Origin, Refusal, Remark, Setting

if TYPE_CHECKING:
    from capacity.root import Root

_EXPANDED: Final = frozenset(
    ("User", "Group", "Slice", "WorkingDirectory", "RootDirectory", "RootImage", "Service", "Unit")
)


@dataclass(frozen=True)
class Unit:
    """A unit of a host.

    `state` is loaded, masked, missing (no file leads to the name) or bad (systemd refuses it: see `refusals`).
    `fragment` is the file that defines it, `files_read` that file and the drop-ins in the order in which they win.
    `assignments` are their lines in that order. `enabled_by` are the units that pull it in at boot; `never_read` are
    files of the same name that stronger ones hide. `ram` is MemTotal in bytes, for percentages, None unknown.
    """

    name: str
    state: str
    fragment: str | None
    files_read: tuple[str, ...]
    assignments: tuple[Assignment, ...]
    aliases: tuple[str, ...] = ()
    enabled_by: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    remarks: tuple[Remark, ...] = ()
    never_read: tuple[NeverRead, ...] = ()
    ram: int | None = None
    root: Root | None = field(default=None, repr=False, compare=False)

    @property
    def enabled(self) -> bool:
        """Whether something pulls the unit in at boot: a `.wants` or `.requires` link, an enabled socket or timer."""
        return bool(self.enabled_by) and self.state != "masked"

    @property
    def parts(self) -> UnitName:
        """The unit's name in its parts."""
        return UnitName.of(self.name) or UnitName(self.name, self.name, None, "")

    def get(self, section: str, key: str) -> Setting | None:
        """The setting in force, or None where systemd's built-in is (never set, or set back by an empty value).

        A value that systemd refuses does not count; the earlier one stays. Memory sizes are bytes or UNLIMITED (a
        percentage without known RAM is UNKNOWN), Limit* are `Rlimit`, spans are seconds, flags are bool; a list
        (Environment, ExecStart) is a tuple of its lines; any other key is its text.
        """
        section, key = SAME.get((section, key), (section, key))
        found: Setting | None = None
        for one in self._lines(section, key):
            value = self._value(one)
            if value is RESET:
                found = None
            elif key in LISTS:
                lines = (*(found.value if found else ()), value)
                found = Setting(key, lines, one.at, one.value or "")
            elif value is not None:
                found = _over(found, Setting(key, value, self._origin(one, value), one.value or ""))
        return found

    def all(self, section: str, key: str) -> tuple[Assignment, ...]:
        """The lines of a list that count: those after the last empty assignment."""
        lines: list[Assignment] = []
        for one in self._lines(section, key):
            lines = [*lines, one] if one.value else []
        return tuple(lines)

    def specifiers(self) -> Specifiers:
        """What `%i` and its kin mean in this unit."""
        return Specifiers(self.parts, self.fragment)

    def environment(self) -> Environment:
        """The variables that Environment=, EnvironmentFile= and UnsetEnvironment= leave; reads the files."""
        if self.root is None:
            return Environment({}, {})
        return environment(self.root, self._section_lines("Service"), self.specifiers())

    def commands(self, key: str = "ExecStart") -> tuple[Command, ...]:
        """The commands of ExecStart= (or another Exec key), split into words, specifiers and variables replaced."""
        lines = self.all("Service", key)
        values = self.environment().values if lines else {}
        return tuple(substituted(each, values) for one in lines for each in self.split(one))

    def split(self, one: Assignment) -> list[Command]:
        """The commands of one Exec line as they stand; what a fault in it ends is left out (said at loading)."""
        found: list[Command] = []
        try:
            for each in commands(one.value or "", one.at, self.specifiers()):
                found.append(each)
        except Malformed:
            pass
        return found

    @property
    def slice(self) -> str | None:
        """The slice that the unit stands in; None for the root slice and for units without processes of their own."""
        if self.parts.type == "slice":
            return parent_slice(self.name)
        setting = self.get(self.parts.type.capitalize(), "Slice")
        return default_slice(self.parts) if setting is None else str(setting.value)

    @property
    def type(self) -> str:
        """The service's `Type=`, or the one that systemd takes without it (core/service.c, service_add_extras)."""
        setting = self.get("Service", "Type")
        if setting is not None:
            return str(setting.value)
        if self.all("Service", "BusName"):
            return "dbus"
        return "simple" if any(map(self.split, self.all("Service", "ExecStart"))) else "oneshot"

    def _section_lines(self, section: str) -> tuple[Assignment, ...]:
        return tuple(one for one in self.assignments if one.section == section)

    def _lines(self, section: str, key: str) -> Iterator[Assignment]:
        for one in self.assignments:
            if SAME.get((one.section, one.name), (one.section, one.name)) == (section, key):
                yield one

    def _value(self, one: Assignment) -> Any:
        """The value, RESET, or None where systemd ignores the line."""
        text = one.value or ""
        if misplaced(one.section, one.name):
            return None
        try:
            text = self.specifiers().expand(text) if expands(one.name) else text
        except Malformed:
            return None
        return value_of(one.name, text, self.ram)

    def _origin(self, one: Assignment, value: Any) -> Origin:
        if value is not UNKNOWN:
            return one.at
        whole = "the system's limit of tasks" if one.name == "TasksMax" else "RAM"
        return NotKnown(f"a share of {whole}, which is not known", one.at)


def _over(loser: Setting | None, winner: Setting) -> Setting:
    """The winner with what it overrode, the nearest loser first."""
    if loser is None:
        return winner
    bare = Setting(loser.name, loser.value, loser.origin, loser.text)
    return Setting(winner.name, winner.value, winner.origin, winner.text, (bare, *loser.overrode))


SECTIONS: Final = {
    kind: frozenset(("Unit", "Install", kind.capitalize()))
    for kind in "service socket target device mount automount swap timer path slice scope".split()
}


@dataclass(slots=True)
class Loading:
    """The files of one unit as they are read, one after the other."""

    root: Root
    name: UnitName
    fragment: str | None
    assignments: list[Assignment] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    def take(self, path: str) -> None:
        """Read a fragment (what is fatal in it refuses the unit) or a drop-in (only its remaining lines are lost)."""
        main = path == self.fragment
        try:
            data = self.root.read(path)
        except NotReadable as error:
            if main:
                self.refusals.append(Refusal("systemd", File(path), error.why))
            else:
                self.remarks.append(Remark(File(path), f"not read: {error.why}"))
            return
        self.read.append(path)
        for one in parse(data, path, SECTIONS.get(self.name.type)):
            fault = one if isinstance(one, Fault) else self._judge(one)
            if fault is not None and fault.fatal and main:
                self.refusals.append(Refusal("systemd", fault.at, fault.reason))
            elif fault is not None:
                rest = "; the rest of this drop-in is ignored" if fault.fatal else ""
                self.remarks.append(Remark(fault.at, fault.reason + rest))
            ended = fault is not None and fault.fatal
            if isinstance(one, Assignment) and (not ended or one.name in LISTS):
                self.assignments.append(one)  # of an Exec line the commands before the fault count
            if ended:
                return

    def _judge(self, one: Assignment) -> Fault | None:
        """What is wrong with a line of a known key, if anything is; the value is not repeated, it may be secret."""
        text = one.value or ""
        specifiers = Specifiers(self.name, self.fragment)
        wrong = misplaced(one.section, one.name)
        if wrong:
            return Fault(one.at, wrong)
        try:
            if one.name.startswith("Exec") and one.name in LISTS and text:
                list(commands(text, one.at, specifiers))
            elif one.name in ("User", "Group") and text and not _is_user(specifiers.expand(text)):
                raise Malformed("no name of a user or group")
            elif one.name == "DynamicUser" and boolean(text) is None:
                raise Malformed("neither yes nor no")
            elif one.name == "WorkingDirectory" and text and not text.startswith(("-", "~", "/", "%")):
                raise Malformed("not an absolute path")
        except Malformed as error:
            return Fault(one.at, f"{one.name}=: {error}", fatal=True)
        try:
            text = specifiers.expand(text) if expands(one.name) else text
            refused = one.name not in LISTS and value_of(one.name, text, 1 << 40) is None
        except Malformed:
            refused = True
        if refused:
            return Fault(one.at, f"{one.name}={text[:80]}: not a value of this key, the line is ignored")
        if one.name == "MemoryLimit":
            return Fault(one.at, "MemoryLimit= is a limit of cgroup version 1 only: MemoryMax= is not set by it")
        return None

    def verify(self, unit: Unit) -> None:
        """What systemd refuses once everything is read (service_verify)."""
        if self.name.type != "service" or self.refusals:
            return
        starts = unit.all("Service", "ExecStart")
        at = File(self.fragment or self.name.full)
        count = sum(len(unit.split(one)) for one in starts)
        oneshot = unit.type == "oneshot"
        stops = unit.all("Service", "ExecStop") or unit.get("Unit", "SuccessAction") is not None
        if not count and not (oneshot and stops):
            self.refusals.append(Refusal("systemd", at, "no ExecStart="))
        elif count > 1 and not oneshot:
            self.refusals.append(Refusal("systemd", starts[-1].at, "more than one ExecStart= without Type=oneshot"))
        outside = unit.slice or ""
        if outside != "-.slice" and ("--" in outside or outside[:1] == "-" or outside.endswith("-.slice")):
            self.refusals.append(Refusal("systemd", at, f"no slice can be called {outside}"))
        restart = unit.get("Service", "Restart")
        if oneshot and restart is not None and restart.value in ("always", "on-success"):
            where = restart.origin if isinstance(restart.origin, File) else at
            self.refusals.append(Refusal("systemd", where, f"Restart={restart.value} with Type=oneshot"))


def _is_user(text: str) -> bool:
    """Whether systemd takes a user's or group's name or number (valid_user_group_name, relaxed)."""
    if not text or text != text.strip(" ") or text in (".", "..") or _NO_USER.search(text):
        return False
    if text.removeprefix("-").isdecimal() and text.isascii():
        return text.isdecimal() and int(text[:11]) < 2**32 - 1 and int(text[:11]) != 65535
    return True


_NO_USER = re.compile(r"[\x00-\x1f\x7f:/\ud800-\udfff]")
