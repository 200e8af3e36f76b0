"""The file layer: one host's files, from `/`, a copied tree, a tar archive or standard input; confined and read-only.

base.py        Root: paths, links, patterns, permissions; the same walk for every form, so that all forms agree
pattern.py     one component of a glob(3) pattern
directory.py   a folder, or the running machine
archive.py     the members of an archive as a tree in memory
tar.py         headers and bodies of a tar archive (sparse.py: files with holes)
stream.py      gzip, bzip2, xz or plain bytes, with limits
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from capacity.errors import Missing, NotReadable
from capacity.root.base import Root, Status

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = ["Root", "Status", "open_root"]


def open_root(source: str | os.PathLike[str], stdin: BinaryIO | None = None) -> Root:
    """The root that `source` names: `/`, a folder, a tar archive (plain, gzip, bzip2, xz: told by its content), or `-`
    for an archive on `stdin` (a binary stream, need not be seekable; the process's own standard input by default).

    Raises Missing, NotReadable (no archive, empty, cut short, damaged) and TooLarge (past the limits of `stream.py`).
    """
    path = os.fspath(source)
    if path == "-":
        return _from_stdin(stdin)
    try:
        mode = _mode(path)
        if stat.S_ISDIR(mode):
            from capacity.root.directory import DirectoryRoot

            return DirectoryRoot(path)
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise NotReadable(path, "neither a folder nor a tar archive")
        from capacity.root.archive import ArchiveRoot

        with open(path, "rb", buffering=0) as file:
            return ArchiveRoot(file, path)
    except (FileNotFoundError, NotADirectoryError):
        raise Missing(path) from None
    except PermissionError:
        raise NotReadable(path, f"permission denied (as uid {os.geteuid()})") from None
    except OSError as error:
        raise NotReadable(path, (error.strerror or str(error)).lower()) from None


def _mode(path: str) -> int:
    """Type and permission bits of a source. Raises Missing for a name that no file can have, and OSError."""
    try:
        return os.stat(path).st_mode
    except ValueError:  # NUL, or text that no bytes stand for
        raise Missing(path) from None


def _from_stdin(stdin: BinaryIO | None) -> Root:
    """An archive from a stream; a terminal is refused, since it would wait for ever."""
    import sys

    from capacity.root.archive import ArchiveRoot

    stream = stdin if stdin is not None else getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise NotReadable("standard input", "closed")
    if stream.isatty():
        raise NotReadable("standard input", "a terminal; expected a tar archive")
    try:
        return ArchiveRoot(stream, "standard input")
    except OSError as error:
        raise NotReadable("standard input", (error.strerror or str(error)).lower()) from None
