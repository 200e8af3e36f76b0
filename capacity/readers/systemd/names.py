"""Names of units, and which file a name leads to: search path, aliases, templates, drop-in folders, `.wants`.

Rules as in systemd 252: src/basic/unit-name.c, unit-file.c (name map, aliases), path-lookup.c (search path),
src/shared/dropin.c (drop-in folders), src/core/load-dropin.c (`.wants` and `.requires`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from capacity.errors import NotReadable
from capacity.record import record

if TYPE_CHECKING:
    from capacity.root import Root

# `systemd-analyze unit-paths` of Debian 12; where /lib is a link to /usr/lib the second look finds nothing new
SEARCH: Final = (
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/run/systemd/generator.late",
)
TYPES: Final = frozenset("service socket target device mount automount swap timer path slice scope".split())
_MAY_ALIAS: Final = frozenset("service socket target device timer path".split())
_FOLLOW_MAX: Final = 8
_NAME = re.compile(r"(?P<prefix>[0-9A-Za-z:_.\\-]+)(?:(?P<at>@)(?P<instance>[0-9A-Za-z:_.\\@-]*))?\.(?P<type>[a-z]+)")
_ESCAPED = re.compile(r"\\x([0-9A-Fa-f]{2})")


@record
class UnitName:
    """A unit's name in its parts: `php-fpm@8.2.service` is prefix `php-fpm`, instance `8.2`, type `service`.

    `instance` is None for a plain name, "" for a template.
    """

    full: str
    prefix: str
    instance: str | None
    type: str

    @classmethod
    def of(cls, text: str) -> UnitName | None:
        """The name in its parts, or None where systemd would not take it for a unit's name."""
        match = _NAME.fullmatch(text)
        if match is None or match["type"] not in TYPES or len(text) >= 256:
            return None
        return cls(text, match["prefix"], match["instance"] if match["at"] else None, match["type"])

    @property
    def template(self) -> str | None:
        """`x@.service` for `x@i.service`; None for a plain name or a template."""
        return f"{self.prefix}@.{self.type}" if self.instance else None

    @property
    def stem(self) -> str:
        """The name without its type (`%N`)."""
        return self.full[: -len(self.type) - 1]

    def with_instance(self, instance: str) -> str:
        """The template's name with an instance in it."""
        return f"{self.prefix}@{instance}.{self.type}"


def unescaped(text: str) -> str | None:
    r"""A part of a name with `-` back to `/` and `\x2d` back to its byte (`%I`, `%P`); None where it is malformed."""
    text = text.replace("-", "/")
    if _ESCAPED.sub("", text).count("\\"):
        return None
    raw = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    return raw.encode("latin-1", "replace").decode("utf-8", "surrogateescape") if raw.isascii() is False else raw


def parent_slice(name: str) -> str | None:
    """The slice around a slice: `a-b.slice` stands in `a.slice`, `a.slice` in `-.slice`, that in none."""
    if name == "-.slice":
        return None
    above, dash, _ = name.removesuffix(".slice").rpartition("-")
    return f"{above}.slice" if dash and above else "-.slice"


def default_slice(name: UnitName) -> str:
    """Where a system unit stands without `Slice=`: system.slice, or its template's slice (unit_set_default_slice)."""
    if name.instance:
        escaped = name.prefix.replace("\\", "\\x5c").replace("-", "\\x2d")
        return f"system-{escaped}.slice"
    return "system.slice"


def dropin_names(name: UnitName) -> list[str]:
    """Names whose `.d` folders a unit reads, most specific first: itself, template, and each `PREFIX-` of it."""
    found = [name.full]
    if name.instance and name.template:
        template = UnitName.of(name.template)
        if template is not None:
            found += dropin_names(template)
    prefix = name.prefix
    for chopped in (False, True):  # a dash at the end is chopped off once
        head, dash, tail = prefix.rpartition("-")
        if not dash or not head:
            return found
        if tail or chopped:
            break
        prefix = head
    at = f"@{name.instance}" if name.instance else ""  # a template's shorter name is a plain one (measured)
    shorter = UnitName.of(f"{head}-{at}.{name.type}")
    return found + (dropin_names(shorter) if shorter is not None else [])


@dataclass(slots=True)
class NameMap:
    """What the folders of the search path hold: names of files and aliases, drop-in folders, `.wants` folders.

    `files` maps a name to a path (a fragment) or to another name (an alias). `folders` maps the name of a `.d`,
    `.wants` or `.requires` folder to its paths, strongest first. `lost` are names whose link leads to what is missing:
    a mask, or a unit that was not copied. `shadowed` are files that stronger ones of the same name hide.
    """

    root: Root
    files: dict[str, str] = field(default_factory=dict)
    folders: dict[str, list[str]] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)
    shadowed: dict[str, list[str]] = field(default_factory=dict)
    _aliases: dict[str, list[str]] | None = None  # by the fragment that they lead to, made when first asked for

    @classmethod
    def read(cls, root: Root) -> NameMap:
        """List the search path; opens no unit file."""
        found = cls(root)
        homes: dict[str, str] = {}
        for folder in SEARCH:
            if root.kind(folder) == "dir":
                homes.setdefault(root.resolve(folder), folder)
        for place, folder in homes.items():
            try:
                names = root.names(folder)
            except NotReadable:
                continue
            for name in names:
                found._take(name, folder, place, frozenset(homes))
        return found

    def _take(self, name: str, folder: str, place: str, homes: frozenset[str]) -> None:
        path = f"{folder}/{name}"
        if name.endswith((".d", ".wants", ".requires")):
            if self.root.kind(path) == "dir":
                self.folders.setdefault(name, []).append(path)
            return
        unit = UnitName.of(name)
        if unit is None:
            return
        if name in self.files or name in self.lost:
            self.shadowed.setdefault(name, []).append(path)
            return
        kind = self.root.kind(path)
        if kind in ("dangling", "loop"):
            self.lost[name] = path
        elif kind != "dir":
            target = self._target(unit, path, place, homes)
            if target is not None:
                self.files[name] = target

    def _target(self, unit: UnitName, path: str, place: str, homes: frozenset[str]) -> str | None:
        """The path itself for a file or a link out of the search path, a name for an alias, None for a bad alias."""
        try:
            home, _, other = self.root.resolve(path).rpartition("/")
        except NotReadable:
            return path
        if home not in homes or (home == place and other == unit.full):
            return path
        target = UnitName.of(other)
        fits = (
            target is not None
            and other != unit.full
            and unit.type in _MAY_ALIAS
            and target.type == unit.type
            and _same_form(unit, target)
        )
        return other if fits else None

    def fragment(self, name: str) -> str | None:
        """The path of the file that the name leads to, through aliases and the template; None where none does."""
        found = self._follow(name)
        unit = UnitName.of(name)
        if found is None and unit is not None and unit.template and name not in self.lost:
            found = self._follow(unit.template)
        return found

    def _follow(self, name: str) -> str | None:
        for hop in range(_FOLLOW_MAX):
            target = self.files.get(name)
            if target is None and hop:
                unit = UnitName.of(name)
                target = self.files.get(unit.template) if unit is not None and unit.template else None
            if target is None or target.startswith("/"):
                return target
            name = target
        return None

    def main_name(self, name: str) -> str:
        """The name that the unit is known by: that of its file, with the instance in a template's name."""
        path = self.fragment(name)
        unit = UnitName.of(name)
        main = UnitName.of(path.rpartition("/")[2]) if path else None
        if unit is None or main is None:
            return name
        if main.instance == "" and unit.instance:
            return main.with_instance(unit.instance)
        return main.full

    def aliases(self, main: str) -> tuple[str, ...]:
        """Every other name that leads to the unit, sorted."""
        unit, fragment = UnitName.of(main), self.fragment(main)
        if self._aliases is None:
            self._aliases = {}
            for name, target in self.files.items():
                path = None if target.startswith("/") else self.fragment(name)
                if path is not None:
                    self._aliases.setdefault(path, []).append(name)
        found: set[str] = set()
        for name in self._aliases.get(fragment or "", ()):
            alias = UnitName.of(name)
            if alias is not None and alias.instance == "" and unit is not None and unit.instance:
                name = alias.with_instance(unit.instance)
            if self.main_name(name) == main:
                found.add(name)
        return tuple(sorted(found - {main}))

    def dropins(self, main: str, aliases: tuple[str, ...]) -> tuple[list[str], list[str]]:
        """(drop-in files in the order in which they are read, files of the same name that are not read).

        One list over all folders, sorted by file name. A name is read once: of two, the one whose folder comes first.
        Folders are looked at by place in the search path first and only then from specific to general (measured: a
        file in /etc/…/foo-.service.d beats its namesake in /usr/lib/…/foo-bar.service.d); `service.d` comes last.
        """
        chosen: dict[str, str] = {}
        hidden: list[str] = []
        for folder in self._dropin_folders(main, aliases):
            try:
                names = self.root.names(folder)
            except NotReadable:
                continue
            for name in names:
                if not name.endswith(".conf") or name.startswith("."):
                    continue
                if name in chosen:
                    hidden.append(f"{folder}/{name}")
                else:
                    chosen[name] = f"{folder}/{name}"
        order = sorted(chosen, key=lambda name: name.encode("utf-8", "surrogateescape"))
        return [chosen[name] for name in order], hidden

    def _dropin_folders(self, main: str, aliases: tuple[str, ...]) -> list[str]:
        unit = UnitName.of(main)
        if unit is None:
            return []
        folders: dict[str, None] = {}
        for name in (main, *aliases):
            parts = UnitName.of(name)
            specific = [f"{one}.d" for one in dropin_names(parts)] if parts is not None else []
            held = [path for each in specific for path in self.folders.get(each, ())]
            for home in SEARCH:
                for each in specific:
                    if f"{home}/{each}" in held:
                        folders[f"{home}/{each}"] = None
        for path in self.folders.get(f"{unit.type}.d", ()):
            folders[path] = None
        return list(folders)

    def wanted(self) -> dict[str, tuple[str, ...]]:
        """Each unit that a `.wants` or `.requires` folder names, with the units that pull it in, sorted.

        A link to /dev/null or an empty file masks the same name in the folders after it.
        """
        found: dict[str, set[str]] = {}
        for folder, paths in self.folders.items():
            owner, _, kind = folder.rpartition(".")
            if kind == "d":
                continue
            seen: set[str] = set()
            for path in paths:
                for name in self._links(path, seen):
                    found.setdefault(self.main_name(name), set()).add(owner)
        return {name: tuple(sorted(owners)) for name, owners in found.items()}

    def _links(self, folder: str, seen: set[str]) -> list[str]:
        """Names of units that a `.wants` folder links to and that were not `seen` in a stronger one."""
        try:
            names = self.root.names(folder)
        except NotReadable:
            return []
        found: list[str] = []
        for name in names:
            unit = UnitName.of(name)
            if unit is None or unit.instance == "" or name in seen:
                continue
            seen.add(name)
            kind = self.root.kind(f"{folder}/{name}")
            if kind == "dangling" or (kind == "file" and self._is_link(f"{folder}/{name}")):
                found.append(name)
        return found

    def _is_link(self, path: str) -> bool:
        """Whether a file is reached through a link, or its text is a path: so a copy may keep a link."""
        folder, _, name = path.rpartition("/")
        try:
            if self.root.resolve(path) != f"{self.root.resolve(folder)}/{name}":
                return self.root.status(path).size > 0 or self.root.live
            text = b"" if self.root.live or self.root.status(path).size > 4096 else self.root.read(path).strip()
        except NotReadable:
            return False
        target = text.rpartition(b"/")[2].decode("utf-8", "surrogateescape")
        return text.startswith((b"/", b"../")) and b"\n" not in text and UnitName.of(target) is not None


def _same_form(link: UnitName, target: UnitName) -> bool:
    """Plain to plain, template to template, instance to the same instance or to a template."""
    if link.instance is None or target.instance is None:
        return link.instance is target.instance
    if link.instance == "":
        return target.instance == ""
    return target.instance in ("", link.instance)
