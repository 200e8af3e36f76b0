"""Units of systemd as version 252 loads them from a host's files: settings in force, slices, commands, what is enabled.

    __init__.py      units(root): every unit by name, parsed when it is asked for
    unit.py          Unit: fragment and drop-ins, settings in force, refusals
    names.py         search path, aliases, templates, drop-in folders, `.wants`
    syntax.py        lines, sections, continuation
    values.py        sizes, limits, spans of time: what is taken, refused, reset
    words.py         ExecStart= into words; specifiers, variables
    environment.py   Environment=, EnvironmentFile=

Only the system manager is read, not user managers. Generators are not run: what they made on a live host under /run is
read like any other file. Of a copied tree without /dev, a link that leads nowhere may be a mask or a unit that was not
copied: both are `masked` here, with a Remark.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from capacity.errors import NotReadable, UnknownName
from capacity.readers.systemd.environment import Environment
from capacity.readers.systemd.names import NameMap, UnitName, parent_slice
from capacity.readers.systemd.syntax import Fault, parse
from capacity.readers.systemd.unit import Loading, Unit
from capacity.readers.systemd.values import Rlimit, systemd_size
from capacity.readers.systemd.words import Command
from capacity.settings import Assignment, File, NeverRead, Remark

if TYPE_CHECKING:
    from capacity.root import Root

__all__ = ["Command", "Environment", "Rlimit", "Unit", "Units", "manager_defaults", "systemd_size", "units"]

_TRIGGERS: Final = ("socket", "timer", "path")
_SYNTHETIC: Final = ("slice",)  # exist without a file


class Units(Mapping[str, Unit]):
    """Every unit that has a file or is wanted by one, by its main name; a unit is read when it is asked for.

    `units["mysql.service"]` answers for an alias too, `units["x@i.service"]` for any instance of a template. Iterating
    gives main names only, without templates. A name that leads nowhere raises KeyError.
    """

    def __init__(self, root: Root, ram: int | None = None) -> None:
        self.root, self.ram = root, ram
        self.names = NameMap.read(root)
        self._wanted = self.names.wanted()
        self._loaded: dict[str, Unit] = {}
        self._activated: dict[str, tuple[str, ...]] | None = None

    def __iter__(self) -> Iterator[str]:
        held = {name for name, target in self.names.files.items() if target.startswith("/")} | set(self.names.lost)
        plain = {name for name in held if (unit := UnitName.of(name)) is not None and unit.instance != ""}
        return iter(sorted(plain | {name for name in self._wanted if self.names.fragment(name)}))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str) or (unit := UnitName.of(name)) is None or unit.instance == "":
            return False
        return unit.type in _SYNTHETIC or name in self.names.lost or self.names.fragment(name) is not None

    def __getitem__(self, name: str) -> Unit:
        if name not in self:
            raise KeyError(name)
        return self.load(self.names.main_name(name))

    def of_type(self, kind: str) -> list[str]:
        """Main names of one type (`service`, `slice`), sorted; nothing is read."""
        return [name for name in self if name.endswith(f".{kind}")]

    def templates(self) -> list[str]:
        """Names of templates (`php-fpm@.service`), sorted; nothing is read."""
        return sorted(name for name in self.names.files if (unit := UnitName.of(name)) and unit.instance == "")

    def enabled_by(self, name: str) -> tuple[str, ...]:
        """What pulls a unit in at boot: owners of `.wants`/`.requires` links, enabled sockets, timers and paths."""
        main = self.names.main_name(name)
        if self._activated is None:
            self._activated = {}
            self._activated = self._activations()
        template = (UnitName.of(main) or UnitName(main, main, None, "")).template
        direct = self._wanted.get(main, ())
        return (*direct, *self._activated.get(main, ()), *(self._activated.get(template, ()) if template else ()))

    def enabled(self, kind: str = "service") -> list[str]:
        """Main names of the units of one type that are pulled in at boot, sorted."""
        return [name for name in self.of_type(kind) if self.enabled_by(name)]

    def not_copied(self) -> tuple[str, ...]:
        """Names that something pulls in at boot and that no file of the tree defines, sorted: lost in the copy."""
        wanted = {name for name in self._wanted if self.names.fragment(name) is None}
        return tuple(sorted(wanted | set(self.names.lost)))

    def slices(self, name: str) -> tuple[Unit, ...]:
        """The slices around a unit, innermost first, `-.slice` last: their MemoryMax= are walls around it.

        Raises UnknownName for a unit that is not there.
        """
        if name not in self:
            raise UnknownName(name, known=tuple(self)[:500])
        found: list[Unit] = []
        above = self[name].slice
        while above is not None and above in self and len(found) < 64:
            found.append(self[above])
            above = parent_slice(above)
        return tuple(found)

    def load(self, name: str) -> Unit:
        """The unit of a main name, read once."""
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> Unit:
        parts = UnitName.of(name)
        if parts is None:
            raise UnknownName(name)
        fragment = self.names.fragment(name)
        aliases = self.names.aliases(name)
        loading = Loading(self.root, parts, fragment)
        state = "loaded"
        if fragment is None and name in self.names.lost:
            state = "missing" if self.root.kind(self.names.lost[name]) == "loop" else "masked"
            why = "the link leads nowhere: a mask, or a unit that was not copied"
            loading.remarks.append(Remark(File(self.names.lost[name]), why))
        elif fragment is not None and self._is_mask(fragment):
            state = "masked"
        elif fragment is None and parts.type not in _SYNTHETIC:
            state = "missing"
        hidden: list[str] = []
        if state == "loaded":
            dropins, hidden = self.names.dropins(name, aliases)
            for path in [fragment] if fragment else []:
                loading.take(path)
            for path in dropins if not loading.refusals else []:
                loading.take(path)
        unit = self._unit(name, state, loading, aliases, hidden)
        if state == "loaded":
            loading.verify(unit)
        if loading.refusals:
            unit = self._unit(name, "bad", loading, aliases, hidden)
        return unit

    def _unit(self, name: str, state: str, loading: Loading, aliases: tuple[str, ...], hidden: list[str]) -> Unit:
        shadowed = self.names.shadowed.get(name, []) + hidden
        return Unit(
            name=name,
            state=state,
            fragment=loading.fragment,
            files_read=tuple(loading.read),
            assignments=tuple(loading.assignments),
            aliases=aliases,
            enabled_by=self.enabled_by(name) if state != "masked" else (),
            refusals=tuple(loading.refusals),
            remarks=tuple(loading.remarks),
            never_read=tuple(NeverRead(path, "a file of the same name comes first") for path in shadowed),
            ram=self.ram,
            root=self.root,
        )

    def _is_mask(self, path: str) -> bool:
        """An empty file or a device; in a copy also a file whose text is /dev/null, as links are flattened there."""
        kind = self.root.kind(path)
        if kind != "file":
            return kind == "other"
        try:
            size = self.root.status(path).size
            return size == 0 or (not self.root.live and size < 16 and self.root.read(path).strip() == b"/dev/null")
        except NotReadable:
            return False

    def _activations(self) -> dict[str, tuple[str, ...]]:
        """Services (and templates, for Accept=yes) with the enabled sockets, timers and paths that start them."""
        found: dict[str, list[str]] = {}
        for name in sorted(self._wanted):
            parts = UnitName.of(name)
            if parts is None or parts.type not in _TRIGGERS or self.names.fragment(name) is None:
                continue
            unit = self.load(name)
            if unit.state != "loaded":
                continue
            section = parts.type.capitalize()
            accept = unit.get("Socket", "Accept")
            named = unit.get(section, "Service" if parts.type == "socket" else "Unit")
            if parts.type == "socket" and accept is not None and accept.value:
                target = f"{parts.prefix}@.service"
            else:
                target = str(named.value) if named is not None else f"{parts.stem}.service"
            found.setdefault(self.names.main_name(target), []).append(name)
        return {name: tuple(names) for name, names in found.items()}


def units(root: Root, ram: int | None = None) -> Units:
    """The units of a host. `ram` is MemTotal in bytes, for limits in per cent; without it those are UNKNOWN."""
    return Units(root, ram)


def manager_defaults(root: Root) -> tuple[Assignment, ...]:
    """The [Manager] lines of system.conf and its drop-ins in the order in which they win (systemd-system.conf(5)).

    Their names are the manager's: DefaultLimitNOFILE, DefaultOOMPolicy, DefaultTasksMax, DefaultEnvironment.
    """
    homes = ("/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/lib/systemd", "/usr/lib/systemd")
    chosen: dict[str, str] = {}
    for path in (path for home in homes for path in root.glob(f"{home}/system.conf.d/*.conf")):
        chosen.setdefault(path.rpartition("/")[2], path)
    main = next((f"{home}/system.conf" for home in homes if root.kind(f"{home}/system.conf") == "file"), None)
    order = [main] if main else []
    order += [chosen[name] for name in sorted(chosen, key=lambda name: name.encode("utf-8", "surrogateescape"))]
    found: list[Assignment] = []
    for path in order:
        try:
            data = root.read(path)
        except NotReadable:
            continue
        found += [one for one in parse(data, path, frozenset(("Manager",))) if not isinstance(one, Fault)]
    return tuple(found)
