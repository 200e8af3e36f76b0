"""A host in a folder: a copied tree, or `/` of the running machine.

The operating system never follows a link here: every component was looked at before (lstat, readlink), a file is opened
without following, without waiting (a FIFO, a device) and without taking a terminal, and must then be the regular file
that was seen. A tree that is changed by someone hostile *while* it is read is outside of what this can promise.
"""

from __future__ import annotations

import errno
import os
import stat

from capacity.errors import Missing, NotReadable, TooLarge
from capacity.root.base import MAX_FILE, Entry, Root, may_be_wrapped

_NOTHING = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ESRCH)  # ESRCH: a process that ended
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class DirectoryRoot(Root):
    """A folder as a host's root; live where it is the root of the running machine itself."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self.live = os.path.samestat(os.stat(folder), os.stat("/"))
        self._base = "" if self.live else os.path.join(os.getcwd(), folder).rstrip("/")
        if not self.live:
            self._base += self._wrapper()

    def _wrapper(self) -> str:
        """The one folder that holds the whole host (a sosreport's), empty if there is none or we may not look."""
        try:
            tops = self._list("")
            if not may_be_wrapped(tops):
                return ""
            top = f"/{tops[0]}"
            if self._is_folder(top) and (self._is_folder(f"{top}/etc") or self._is_folder(f"{top}/proc")):
                return top
        except NotReadable:
            return ""
        return ""

    def _is_folder(self, place: str) -> bool:
        entry = self._look(place)
        return entry is not None and entry.kind == "dir"

    def _look(self, place: str) -> Entry | None:
        real = self._base + place
        try:
            found = os.lstat(real) if place else os.stat(self._base or "/")
            target = None
            if stat.S_ISLNK(found.st_mode):
                kind = "link"
                target = self._target(real)
            elif stat.S_ISDIR(found.st_mode):
                kind = "dir"
            else:
                kind = "file" if stat.S_ISREG(found.st_mode) else "other"
        except ValueError:  # a name that the file system cannot have: NUL, or text that no bytes stand for
            return None
        except OSError as error:
            if error.errno in _NOTHING:
                return None
            raise _refused(place, error) from None
        return Entry(
            kind, stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, found.st_size, target,
            identity=(found.st_dev, found.st_ino),
        )  # fmt: skip

    def _target(self, real: str) -> str | None:
        """A link's text; None where we may not see it (another user's /proc/PID/exe)."""
        try:
            return os.readlink(real)
        except PermissionError:
            return None

    def _list(self, place: str) -> list[str]:
        try:
            return os.listdir(self._base + place or "/")
        except OSError as error:
            raise _refused(place, error) from None

    def _load(self, place: str) -> bytes:
        entry = self._at(place, place)
        if entry.size > MAX_FILE:
            raise TooLarge(place, f"{entry.size} bytes, more than {MAX_FILE}")
        try:
            file = os.open(self._base + place, _FLAGS)
            try:
                found = os.fstat(file)
                # /proc gives a process's files new numbers as it likes
                if not stat.S_ISREG(found.st_mode) or (
                    not self.live and (found.st_dev, found.st_ino) != entry.identity
                ):
                    raise NotReadable(place, "changed while it was read")
                return _all_of(file, place, found.st_size)
            finally:
                os.close(file)
        except OSError as error:
            raise _refused(place, error) from None


def _all_of(file: int, place: str, size: int) -> bytes:
    """Every byte until the end, whatever size was announced: files of /proc and /sys announce none."""
    pieces: list[bytes] = []
    total = 0
    while True:
        piece = os.read(file, max(size + 1 - total, 65536))
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        total += len(piece)
        if total > MAX_FILE:
            raise TooLarge(place, f"more than {MAX_FILE} bytes")


def _refused(place: str, error: OSError) -> NotReadable:
    """What the operating system said, as an error of ours."""
    if error.errno in _NOTHING:
        return Missing(place or "/")
    if error.errno in (errno.EACCES, errno.EPERM):
        return NotReadable(place or "/", f"permission denied (as uid {os.geteuid()})")
    return NotReadable(place or "/", (error.strerror or "cannot be read").lower())
