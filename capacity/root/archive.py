"""A host in a tar archive: its members as a tree in memory, never on disk.

Names begin at the root whatever they look like: `./etc/x`, `etc/x` and `/etc/x` are one, `..` is held inside. Of two
members of one name the later one counts. A member under a link stands where the link leads, as after unpacking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from capacity.errors import NotReadable, TooLarge
from capacity.root.base import MAX_FILE, MAX_LINKS, Entry, Root, may_be_wrapped
from capacity.root.stream import Stream
from capacity.root.tar import Member, members

if TYPE_CHECKING:
    from typing import BinaryIO

MAX_MEMBERS = 200_000  # members and the folders that they imply
MAX_NAMES = 32 << 20  # bytes of all their names and links together
MAX_ENTERED = 1_000_000  # components looked up while members get their folders; far more only by links made to tangle
MAX_KEPT = 160 << 20  # bytes of all files together


class ArchiveRoot(Root):
    """A tar archive, read once from front to back from `source`; `name` is what people call it.

    Files past MAX_FILE bytes are known but not kept. Where more than MAX_KEPT bytes would be kept, files that hold NUL
    (programs, libraries) go first, then the largest: reading one that went raises TooLarge.
    """

    def __init__(self, source: BinaryIO, name: str) -> None:
        super().__init__(name)
        tree = _Tree(name)
        stream = Stream(source, name)
        for member in members(stream):
            tree.add(member)
        if len(tree.entries) == 1:
            raise NotReadable(name, "an archive without members")
        tree.join()
        self._tree = tree.below_its_one_folder()
        self._folders: dict[str, list[str]] = {}
        for place in self._tree:
            above, _, last = place.rpartition("/")
            if last:
                self._folders.setdefault(above, []).append(last)

    def _look(self, place: str) -> Entry | None:
        return self._tree.get(place)

    def _list(self, place: str) -> list[str]:
        return self._folders.get(place, [])

    def _load(self, place: str) -> bytes:
        stored = self._tree[place]
        if stored.data is None:
            raise (TooLarge if stored.large else NotReadable)(place, stored.why)
        return stored.data


class Stored(Entry):
    """An entry of an archive with a file's bytes, or why they were not kept."""

    __slots__ = ("data", "large", "why")

    def __init__(self, member: Member) -> None:
        super().__init__(member.kind, member.mode, member.uid, member.gid, member.size, member.target)
        self.data, self.why = member.data, member.why
        self.large = member.size > MAX_FILE


def _implied() -> Stored:
    """A folder that no member names."""
    entry = Stored(Member("", "dir", 0o755, 0, 0, 0))
    entry.implied = True
    return entry


class _Tree:
    """Members gathered into places: `entries` by canonical place, "" the top."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.entries: dict[str, Stored] = {"": _implied()}
        self._count = self._text = self._kept = self._steps = 0
        self._weights: list[tuple[bool, int, int, Stored]] = []

    def add(self, member: Member) -> None:
        """One member more; raises TooLarge past the limits."""
        place = _place(member.name)
        self._charge(len(place) + len(member.target or ""))
        if member.hard is not None:
            self.entries[place] = self._repeated(member)
        elif place or member.kind == "dir":
            entry = self.entries[place] = Stored(member)
            if entry.data:
                self._keep(entry, entry.data)

    def _repeated(self, member: Member) -> Stored:
        """The entry that a hard link repeats; without it, a file whose text is not known."""
        first = self.entries.get(_place(member.hard or ""))
        if first is not None and first.kind != "dir":
            return first
        return Stored(
            Member(
                member.name,
                "file",
                member.mode,
                member.uid,
                member.gid,
                0,
                why=f"a hard link to {member.hard}, which is not in the archive",
            )
        )

    def _charge(self, text: int) -> None:
        self._count += 1
        self._text += text
        if self._count > MAX_MEMBERS:
            raise TooLarge(self.name, f"more than {MAX_MEMBERS} members; leave out what is no configuration")
        if self._text > MAX_NAMES:
            raise TooLarge(self.name, f"names of more than {MAX_NAMES} bytes together")

    def _keep(self, entry: Stored, data: bytes) -> None:
        """Counts what is kept, and lets go of programs and of the largest files where that is too much."""
        import heapq

        self._kept += len(data)
        heapq.heappush(self._weights, (b"\0" not in data[:1024], -len(data), self._count, entry))
        while self._kept > MAX_KEPT:
            heaviest = heapq.heappop(self._weights)[3]
            self._kept -= len(heaviest.data or b"")
            heaviest.data, heaviest.large = None, True
            heaviest.why = f"not kept: the archive holds more than {MAX_KEPT} bytes"

    def join(self) -> None:
        """Gives every member the folders above it, and moves what lies under a link to where the link leads."""
        known = {"": ""}
        for place in list(self.entries):
            above, _, last = place.rpartition("/")
            if not last:
                continue
            real = known.get(above)
            if real is None:
                real = self._folder(above, known)
            if real != above:
                moved = self.entries.pop(place)
                there = self.entries.setdefault(f"{real}/{last}", moved)
                if there.implied and moved.kind == "dir":
                    self.entries[f"{real}/{last}"] = moved

    def _folder(self, path: str, known: dict[str, str]) -> str:
        """Where a folder is after links, made where it is missing; `known` holds those found before."""
        unknown = []
        while path not in known:
            unknown.append(path)
            path = path.rpartition("/")[0]
        here = known[path]
        for folder in reversed(unknown):
            here = known[folder] = self._enter(here, folder.rpartition("/")[2])
        return here

    def _enter(self, here: str, name: str) -> str:
        """Where a name in a folder leads to as a folder; what is none, or leads in a circle, gives way to one."""
        links, todo = 0, [name]
        while todo:
            self._steps += 1
            if self._steps > MAX_ENTERED:
                raise TooLarge(self.name, "links to folders that are too tangled")
            part = todo.pop()
            if part == "..":
                here = here.rpartition("/")[0]
            if part in ("", ".", ".."):
                continue
            child = f"{here}/{part}"
            entry = self.entries.get(child)
            if entry is not None and entry.kind == "link" and entry.target and links < MAX_LINKS:
                links += 1
                todo.extend(entry.target.split("/")[::-1])
                here = "" if entry.target[0] == "/" else here
                continue
            if entry is None or entry.kind != "dir":
                self._charge(len(child))
                self.entries[child] = _implied()
            here = child
        return here

    def below_its_one_folder(self) -> dict[str, Stored]:
        """The entries; of an archive whose one folder holds etc/ or proc/ (a sosreport), those of that folder."""
        tops = [place[1:] for place in self.entries if place.count("/") == 1]
        if may_be_wrapped(tops):
            top = f"/{tops[0]}"
            inner = [self.entries.get(f"{top}/{name}") for name in ("etc", "proc")]
            if any(entry is not None and entry.kind == "dir" for entry in inner):
                return {place[len(top) :]: entry for place, entry in self.entries.items() if place}
        return self.entries


def _place(name: str) -> str:
    """A member's name as a place in the host: `..` is held at the top."""
    parts: list[str] = []
    for part in name.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "".join(f"/{part}" for part in parts)
