"""Bytes of an archive as they come, unpacked on the way, with limits: nothing here can fill the memory or never end.

A hostile archive is small and unpacks to much: so what one step unpacks is bounded (CHUNK), the whole is bounded
(MAX_STREAM), and past FREE bytes no more than MAX_RATIO bytes may come out of one that went in. Measured:
/etc of a Debian host shrinks 3 to 4 times, a tree of many tiny files up to 50; zeros 1029 times with gzip, with xz and
bzip2 far more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from capacity.errors import NotReadable, TooLarge

if TYPE_CHECKING:
    from typing import BinaryIO

CHUNK = 256 << 10  # bytes unpacked in one step
RAW = 16 << 10  # bytes read from the source in one step when they are packed
MAX_STREAM = 8 << 30  # bytes unpacked, or read and thrown away, in all
FREE = 128 << 20  # bytes unpacked before the ratio counts
MAX_RATIO = 200
MAX_PARTS = 200_000  # packed streams one after another (parallel packers write one for every few hundred KiB)
MAX_STEPS = 2_000_000
XZ_MEMORY = 128 << 20  # bytes the unpacker may take; `xz -9` needs 65 MiB

_MAGIC = {"gzip": (b"\x1f\x8b",), "bzip2": (b"BZh",), "xz": (b"\xfd7zXZ\0", b"]\0\0")}
_FOREIGN = {b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4", b"PK\x03\x04": "zip", b"\x1f\x9d": "compress"}


class Stream:
    """An archive's unpacked bytes, read once from front to back. `name` is the archive's, for errors."""

    def __init__(self, source: BinaryIO, name: str) -> None:
        self.name, self._source = name, source
        self._went_in = self._came_out = 0
        self._parts = self._steps = 0
        self._raw = self._from_source(6)
        self._packing = next((k for k, magics in _MAGIC.items() if self._raw.startswith(magics)), "")
        for magic, packing in _FOREIGN.items():
            if self._raw.startswith(magic):
                raise NotReadable(
                    name, f"{packing} cannot be read here; expected a tar archive: plain, gzip, bzip2 or xz"
                )
        if not self._raw:
            raise NotReadable(name, "empty; expected a tar archive")
        self._unpacker: Any = self._fresh() if self._packing else None
        self._piece, self._at = b"", 0
        self.position = 0

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes, fewer only at the end. Raises NotReadable (damaged, cut short) and TooLarge."""
        pieces = []
        missing = size
        while missing:
            if self._at == len(self._piece):
                self._piece, self._at = self._more(), 0
                if not self._piece:
                    break
            part = self._piece[self._at : self._at + missing]
            pieces.append(part)
            self._at += len(part)
            missing -= len(part)
        self.position += size - missing
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def skip(self, size: int) -> None:
        """Passes over `size` bytes. Raises NotReadable where the archive ends before that, and TooLarge."""
        while size:
            step = min(size, len(self._piece) - self._at)
            if not step and not self._packing and self._jump(size):
                step = size
            elif not step:
                self._piece, self._at = self._more(), 0
                if not self._piece:
                    raise self.cut_short()
            else:
                self._at += step
            size -= step
            self.position += step

    def drain(self) -> None:
        """Reads to the end, so that checksums are held and a sender can finish. Raises as `read`."""
        if self._packing or not _can_seek(self._source):
            while self._more():
                pass

    def cut_short(self) -> NotReadable:
        """The error for an archive that ends too early."""
        return NotReadable(self.name, f"the archive is cut short (it ends after {self._came_out} bytes)")

    def _jump(self, size: int) -> bool:
        """Passes over plain bytes of a file on disk unread; False if it cannot, or if reading is as fast."""
        if size < CHUNK or not _can_seek(self._source):
            return False
        import os

        now = self._source.tell()
        end = self._source.seek(0, os.SEEK_END)
        self._source.seek(min(now + size, end))
        if now + size > end:
            self._came_out += end - now
            raise self.cut_short()
        return True

    def _from_source(self, size: int) -> bytes:
        """Bytes as they are stored, `size` unless the source ends."""
        data = self._source.read(size) or b""
        while len(data) < size:
            more = self._source.read(size - len(data))
            if not more:
                break
            data += more
        self._went_in += len(data)
        return data

    def spend(self, steps: int) -> None:
        """Counts work on headers, in steps of about a microsecond. Raises TooLarge."""
        self._steps += steps
        if self._steps > MAX_STEPS:
            raise TooLarge(self.name, "more headers than a host's files need; leave out what is no configuration")

    def grown(self, size: int) -> None:
        """Counts `size` bytes that came out of the archive, holes of sparse files too. Raises TooLarge."""
        self._came_out += size
        if self._came_out > MAX_STREAM or self._went_in > MAX_STREAM:
            raise TooLarge(self.name, f"more than {MAX_STREAM >> 30} GiB to read through; leave large files out of it")
        if self._came_out > FREE and self._came_out > MAX_RATIO * self._went_in:
            raise TooLarge(
                self.name, f"unpacks to more than {MAX_RATIO} times its size; leave large empty files out of it"
            )

    def _more(self) -> bytes:
        """The next unpacked bytes, CHUNK at most; none at the end."""
        piece = self._unpacked() if self._packing else self._plain()
        self.grown(len(piece))
        return piece

    def _plain(self) -> bytes:
        piece, self._raw = self._raw, b""
        return piece or self._source_once()

    def _source_once(self) -> bytes:
        piece = self._source.read(CHUNK) or b""
        self._went_in += len(piece)
        return piece

    def _unpacked(self) -> bytes:
        import lzma
        import zlib

        try:
            while True:
                unpacker = self._unpacker
                if unpacker.eof:
                    if not self._next_part():
                        return b""
                    continue
                out: bytes = unpacker.decompress(self._raw, CHUNK)
                self._raw = getattr(unpacker, "unconsumed_tail", b"")  # bz2 and lzma keep it themselves
                if out:
                    return out
                if not unpacker.eof and not self._raw:
                    self._raw = self._from_source(RAW)
                    if not self._raw:
                        raise self.cut_short()
        except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
            raise NotReadable(self.name, f"damaged {self._packing} data ({error})") from None

    def _next_part(self) -> bool:
        """Whether another packed stream follows the one that ended; padding, and what is no such stream, is the end."""
        rest = self._unpacker.unused_data.lstrip(b"\0")
        while len(rest) < 6:
            more = self._from_source(RAW)
            if not more:
                break
            rest = (rest + more).lstrip(b"\0")
            if self._went_in > MAX_STREAM:
                raise TooLarge(self.name, f"more than {MAX_STREAM >> 30} GiB to read through")
        if not rest.startswith(_MAGIC[self._packing]):
            return False
        self._raw = rest
        self._unpacker = self._fresh()
        return True

    def _fresh(self) -> Any:
        """An unpacker for the stream that begins."""
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise TooLarge(self.name, f"more than {MAX_PARTS} packed streams one after another")
        if self._packing == "gzip":
            import zlib

            return zlib.decompressobj(wbits=31)
        if self._packing == "bzip2":
            import bz2

            return bz2.BZ2Decompressor()
        import lzma

        return lzma.LZMADecompressor(memlimit=XZ_MEMORY)


def _can_seek(source: BinaryIO) -> bool:
    """Whether the source is a file on disk."""
    seekable = getattr(source, "seekable", None)
    return bool(seekable and seekable())
