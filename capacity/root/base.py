"""Root: one host's files. Paths, links, patterns and permissions are worked out here, once, for every form.

The walk is the kernel's (path_resolution(7)) inside a root that nothing leaves, as after chroot(2): absolute links
begin at the root, `..` at the top stays at the top, in every component; 40 links at most. A form (folder, archive) only
says what stands at a place that has no link in it.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass

from capacity.errors import LinkLoop, Missing, NotReadable, TooLarge
from capacity.record import record
from capacity.root.pattern import literal, matcher

MAX_LINKS = 40  # Linux, MAXSYMLINKS
MAX_FILE = 16 << 20  # bytes of one file; a host's configuration has no larger one
MAX_MATCHES = 100_000  # paths that a pattern may be looking at: links to folders can multiply them without end
MAX_FOLLOWED = 16 << 20  # bytes of link text followed; links made to tangle would keep the walk busy for hours
FLAT_SIZE = 4096  # bytes; a link's target is shorter (PATH_MAX)
OWNER_SAMPLE = 1000  # entries looked at before owners are taken for lost


@record
class Status:
    """What stat(2) says of a path after its links: `mode` permission bits, `uid` and `gid` numbers, `size` bytes of a
    file (0 for anything else, and for what /proc makes up as it is read), `kind` file, dir or other.
    """

    mode: int
    uid: int
    gid: int
    size: int
    kind: str


@dataclass(slots=True)
class Entry:
    """What lstat(2) says of a place: as Status, `kind` may also be link; `target` is a link's text, None if unreadable.

    `implied` marks a folder that an archive does not name and that its members lie in: mode and owner are assumed.
    """

    kind: str
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    size: int = 0
    target: str | None = None
    implied: bool = False
    identity: tuple[int, int] | None = None


class Root(ABC):
    """One host's files. Every path is an absolute path in the host; nothing is written, nothing outside is opened.

    `name` is a label for people; `live` is true only for `/` of the running machine. What was found is remembered for
    the life of the object: a tree is taken to stand still. File names hold undecodable bytes as surrogates.
    """

    name: str
    live: bool = False

    def __init__(self, name: str) -> None:
        self.name = name
        self._entries: dict[str, Entry | None] = {}
        self._lists: dict[str, list[str]] = {}
        self._small: dict[str, bytes] = {}
        self._flat: dict[str, str | None] = {}
        self._walked: dict[str, tuple[str, Entry, int]] = {}
        self._followed = 0
        self._denied: dict[str, str] = {}
        self._owners: bool | None = None

    # What a form knows: places are canonical ("" is the top), every folder above them is a real one.

    @abstractmethod
    def _look(self, place: str) -> Entry | None:
        """What stands at a place, links not followed; None if nothing. Raises NotReadable."""

    @abstractmethod
    def _list(self, place: str) -> list[str]:
        """Names in a folder, in any order. Raises NotReadable, Missing."""

    @abstractmethod
    def _load(self, place: str) -> bytes:
        """All bytes of a regular file, MAX_FILE at most. Raises NotReadable, Missing, TooLarge."""

    # What readers ask.

    def read(self, path: str) -> bytes:
        """All bytes of a file, links followed inside the root. Raises Missing, LinkLoop, TooLarge (over MAX_FILE),
        NotReadable (a folder, a device, no permission).
        """
        place, entry = self._walk(path)
        if entry.kind != "file":
            raise NotReadable(path, "is a directory" if entry.kind == "dir" else "not a regular file")
        small = self._small.get(place)
        return small if small is not None else self._load(place)

    def kind(self, path: str) -> str:
        """What a path is after its links: file, dir, other, missing, loop, or dangling (a link to what is missing).

        Never raises. What we have no permission to see is "other", is listed in `denied`, and `read` says why.
        """
        try:
            return self._walk(path)[1].kind
        except Missing:
            itself = self._itself(path)
            return "dangling" if itself is not None and itself.kind == "link" else "missing"
        except LinkLoop:
            return "loop"
        except NotReadable:
            return "other"

    def names(self, directory: str) -> list[str]:
        """Names in a folder in byte order, dot-files too, `.` and `..` not. Raises Missing, LinkLoop, NotReadable."""
        place, entry = self._walk(directory)
        if entry.kind != "dir":
            raise NotReadable(directory, "not a directory")
        return list(self._sorted(place))

    def resolve(self, path: str) -> str:
        """The canonical path in the host, all links followed. Raises Missing, LinkLoop, NotReadable."""
        return self._walk(path)[0] or "/"

    def status(self, path: str) -> Status:
        """Permission bits, owner, size in bytes and kind, links followed. Raises Missing, LinkLoop, NotReadable."""
        entry = self._walk(path)[1]
        size = entry.size if entry.kind == "file" else 0
        return Status(entry.mode, entry.uid, entry.gid, size, entry.kind)

    def readable_by(self, path: str, uid: int, gids: frozenset[int]) -> bool:
        """Whether a process of `uid` and `gids` could open the path for reading: search on every folder that the kernel
        would walk through (those of links too) and read on what stands at the end, by owner, group or other bits.

        uid 0 always can. Where owners are not known, or where we may not look ourselves, nothing is judged: True.
        False where nothing is there. Access lists and capabilities are not looked at (access(2), path_resolution(7)).
        """
        if uid == 0 or not self.owners_known:
            return True
        searched: list[Entry] = []
        try:
            entry = self._walk(path, searched)[1]
        except (Missing, LinkLoop):
            return False
        except NotReadable:
            return True
        return _allows(entry, 4, uid, gids) and all(_allows(folder, 1, uid, gids) for folder in searched)

    def glob(self, pattern: str) -> list[str]:
        """Paths that a glob(3) pattern fits in the C locale: `* ? [a-z] [!x]` and backslash, in any component, no
        braces, no `**`; byte order; a leading dot only if the pattern names it; links that lead nowhere fit too.

        Empty if nothing fits. Folders that may not be listed are skipped, as glob(3) does, and stand in `denied`.
        Raises TooLarge if the pattern would look at more than MAX_MATCHES paths.
        """
        parts = [part for part in pattern.split("/") if part]
        found = [""] if pattern else []
        for part in parts:
            found = self._fitting(found, part, pattern)
        if pattern.endswith("/"):
            found = [path + "/" for path in found if self.kind(path + "/") == "dir"]
        return sorted(found, key=os.fsencode)

    # What a finding can tell.

    @property
    def owners_known(self) -> bool:
        """False where owner information was lost: no entry of the tree (the first OWNER_SAMPLE, breadth first, the top
        itself left out, links not followed) belongs to uid 0. So looks a tree that a normal user copied, or an archive
        of one. A copy that root made without owners (all uid 0) cannot be told from a host and counts as known.
        """
        if self._owners is None:
            self._owners = self.live or self._sample_has_root()
        return self._owners

    @property
    def flattened(self) -> tuple[str, ...]:
        """Regular files met so far that stand for symbolic links: their whole text is an absolute path that exists
        here, as a checkout without symbolic links leaves them. Never on the running machine.
        """
        return tuple(sorted(place for place, target in self._flat.items() if target is not None))

    @property
    def denied(self) -> tuple[str, ...]:
        """Paths met so far that we had no permission to look at or to list."""
        return tuple(sorted(self._denied))

    # The walk.

    def _walk(
        self, path: str, searched: list[Entry] | None = None, depth: int = 0, last_flat: bool = True
    ) -> tuple[str, Entry]:
        """The place that a path leads to, and what stands there. `searched` collects the folders looked into. With
        `last_flat` false, a file at the end stays a file even if its text is a path.
        """
        plain = searched is None and last_flat
        if plain and path in self._walked:
            return self._walked[path][:2]
        if not path or "\0" in path:
            raise Missing(path)
        top = self._at("", path)
        here, entry, links = "", top, 0
        above, _, last = path.rpartition("/")
        if searched is None and above in self._walked:
            here, entry, links = self._walked[above]
            todo = [last]
        else:
            todo = path.split("/")[::-1]
        while todo:
            part = todo.pop()
            if entry.kind != "dir":
                raise Missing(path, "not a directory")
            if part in ("", "."):
                continue
            if searched is not None and (here or self.live):  # the mode of a copy's own folder is not the host's
                searched.append(entry)
            if part == "..":
                here = here.rpartition("/")[0]
                entry = self._at(here, path)
                continue
            child = f"{here}/{part}"
            found = self._at(child, path)
            target = found.target
            if found.kind == "file" and 0 < found.size < FLAT_SIZE and not self.live and (todo or last_flat):
                target = self._flat_target(child, depth)
            elif found.kind != "link":
                target = None
            elif target is None:
                raise NotReadable(path, "a link that cannot be read")
            if target is None:
                here, entry = child, found
                continue
            links += 1
            self._followed += len(target)
            if links > MAX_LINKS:
                raise LinkLoop(path)
            if not target:
                raise Missing(path)
            if self._followed > MAX_FOLLOWED:
                raise TooLarge(path, f"links of more than {MAX_FOLLOWED} bytes followed in this root")
            todo.extend(target.split("/")[::-1])
            if target[0] == "/":
                here, entry = "", top
        if last_flat:
            self._walked[path] = here, entry, links
        return here, entry

    def _at(self, place: str, path: str) -> Entry:
        """What stands at a place, remembered. Raises Missing and NotReadable under the name of `path`."""
        try:
            entry = self._entries[place]
        except KeyError:
            if place in self._denied:
                raise NotReadable(path, self._denied[place]) from None
            try:
                entry = self._entries[place] = self._look(place)
            except NotReadable as error:
                self._denied[place] = error.why
                raise NotReadable(path, error.why) from None
        if entry is None:
            raise Missing(path)
        return entry

    def _flat_target(self, place: str, depth: int) -> str | None:
        """The target of a link that was flattened into a regular file, None for an ordinary file.

        The target must be there. Whether it is itself such a link does not matter for that; folders on the way may be.
        """
        if place in self._flat:
            return self._flat[place]
        if depth > MAX_LINKS:
            raise LinkLoop(place)
        target = None
        try:
            data = self._small[place] = self._load(place)
            # at least one name: nobody links to the top, and a lone slash is a typing error
            if data[:1] == b"/" and data.strip(b"/") and len(data) < FLAT_SIZE and not (set(data) & _NOT_IN_TARGETS):
                self._walk(os.fsdecode(data), None, depth + 1, last_flat=False)
                target = os.fsdecode(data)
        except LinkLoop:  # a link that leads round in a circle is a link all the same
            target = os.fsdecode(data)
        except NotReadable:
            target = None
        self._flat[place] = target
        return target

    def _itself(self, path: str) -> Entry | None:
        """What stands at the path itself, its last component not followed; None if nothing, or if that is not known."""
        above, _, last = path.rstrip("/").rpartition("/")
        if last in ("", ".", ".."):
            return None
        try:
            place, entry = self._walk(above or "/")
            return self._at(f"{place}/{last}", path) if entry.kind == "dir" else None
        except NotReadable:
            return None

    # Lists and patterns.

    def _sorted(self, place: str) -> list[str]:
        """Names in a folder in byte order, remembered."""
        if place not in self._lists:
            try:
                self._lists[place] = sorted(self._list(place), key=os.fsencode)
            except NotReadable as error:
                if not isinstance(error, Missing):
                    self._denied[place or "/"] = error.why
                raise
        return self._lists[place]

    def _fitting(self, folders: list[str], part: str, pattern: str) -> list[str]:
        """One component of a pattern, in every folder found so far. Paths keep the spelling of the pattern."""
        name = literal(part)
        found: list[str] = []
        for folder in folders:
            if name is not None:
                path = f"{folder}/{name}"
                dots = name in (".", "..")
                if self.kind(path) == "dir" if dots else self._itself(path) is not None:
                    found.append(path)
                continue
            try:
                names = self.names(folder or "/")
            except NotReadable:
                continue
            fits = matcher(part)
            found += [f"{folder}/{each}" for each in ([".", "..", *names] if part[0] in ".\\" else names) if fits(each)]
            if len(found) > MAX_MATCHES:
                raise TooLarge(pattern, f"fits more than {MAX_MATCHES} paths")
        return found

    def _sample_has_root(self) -> bool:
        """Whether uid 0 owns one of the first OWNER_SAMPLE entries that were not implied."""
        folders, seen = [""], 0
        for folder in folders:
            try:
                names = self._sorted(folder)
            except NotReadable:
                continue
            for name in names:
                try:
                    entry = self._at(f"{folder}/{name}", name)
                except NotReadable:
                    continue
                if entry.uid == 0 and not entry.implied:
                    return True
                if entry.kind == "dir":
                    folders.append(f"{folder}/{name}")
                seen += 1
                if seen >= OWNER_SAMPLE:
                    return False
        return False


_NOT_IN_TARGETS = frozenset(b"\0\t\n\v\f\r ")

# A single top folder of this name is a part of a host; under any other name it may be a host's copy.
_PARTS_OF_A_HOST = frozenset({"etc", "proc", "sys", "usr", "var", "run", "opt"})


def may_be_wrapped(tops: list[str]) -> bool:
    """Whether the names at the top are those of an archive whose one folder holds the host, as a sosreport's does."""
    return len(tops) == 1 and tops[0] not in _PARTS_OF_A_HOST


def _allows(entry: Entry, want: int, uid: int, gids: frozenset[int]) -> bool:
    """Whether the bits give `want` (4 read, 1 search) to `uid` and `gids`; the first class that fits decides."""
    shift = 6 if entry.uid == uid else 3 if entry.gid in gids else 0
    return bool(entry.mode >> shift & want)
