"""Which version of a program a host has, from its package database; and which distribution it is.

dpkg: /var/lib/dpkg/status (deb-control(5), dpkg(1)) and the status.d of images without dpkg. apk: its installed file
(apk-tools, APKINDEX fields). pacman: one `desc` a package. rpm keeps binary databases: named, not read.
The date is when the package was published (dpkg: its changelog's newest entry; apk, pacman: when it was built).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from capacity.errors import NotReadable
from capacity.record import record
from capacity.settings import File, Remark

if TYPE_CHECKING:
    from datetime import date

    from capacity.root import Root

DPKG: Final = "/var/lib/dpkg/status"
DPKG_PARTS: Final = "/var/lib/dpkg/status.d"
APK: Final = ("/lib/apk/db/installed", "/usr/lib/apk/db/installed")
PACMAN: Final = "/var/lib/pacman/local"
RPM: Final = tuple(
    f"{folder}/{name}"
    for folder in ("/var/lib/rpm", "/usr/lib/sysimage/rpm")
    for name in ("rpmdb.sqlite", "Packages.db", "Packages")
)
MAX_CHANGELOG: Final = 64 * 1024  # bytes of text looked at; the newest entry comes first


@record
class Distribution:
    """What os-release(5) says: `id` (debian), `version` (12), `codename` (bookworm), `like` (what it descends from)."""

    id: str
    version: str
    codename: str
    like: tuple[str, ...]
    pretty: str
    at: File


@record
class Package:
    """An installed package: `version` as the database spells it (`1:10.11.11-0+deb12u1`), `published` if known."""

    name: str
    version: str
    distribution: str
    at: File
    published: date | None = None


@record
class Installed:
    """The packages that were asked for and are installed, by name; `remarks` say why others cannot be known.

    `known` is False where no package database could be read: then a missing name says nothing.
    """

    packages: dict[str, Package]
    distribution: Distribution | None
    known: bool
    remarks: tuple[Remark, ...] = ()


def distribution(root: Root) -> Distribution | None:
    """The distribution from /etc/os-release, else /usr/lib/os-release; None where neither can be read."""
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            text = root.read(path).decode("utf-8", "surrogateescape")
        except NotReadable:
            continue
        values: dict[str, str] = {}
        for line in text.split("\n"):
            match = _RELEASE.fullmatch(line.strip())
            if match:
                values[match[1]] = match[3] if match[2] else match[4] or ""
        return Distribution(
            id=values.get("ID", "linux"),
            version=values.get("VERSION_ID", ""),
            codename=values.get("VERSION_CODENAME", ""),
            like=tuple(values.get("ID_LIKE", "").split()),
            pretty=values.get("PRETTY_NAME", ""),
            at=File(path),
        )
    return None


_RELEASE = re.compile(r"""([A-Z][A-Z0-9_]*)=(?:(["'])(.*)\2|([^"'\s]*))""", re.DOTALL)


def installed(root: Root, names: Iterable[str]) -> Installed:
    """The packages among `names` that are installed; a name may hold `*` (`php8.*-fpm`, `php*-fpm`)."""
    wanted = tuple(names)
    which = distribution(root)
    label = which.id if which else ""
    found: dict[str, Package] = {}
    remarks: list[Remark] = []
    known = False
    for reader in (_dpkg, _dpkg_parts, _apk, _pacman):
        packages = reader(root, wanted, label, remarks)
        if packages is not None:
            known = True
            for package in packages:
                found.setdefault(package.name, package)
    if not known:
        remarks += [
            Remark(File(path), "an rpm database is binary and is not read: versions are not known")
            for path in RPM
            if root.kind(path) == "file"
        ]
    return Installed(found, which, known, tuple(remarks))


def _pattern(names: tuple[str, ...], before: bytes) -> re.Pattern[bytes]:
    encoded = (name.encode("utf-8", "surrogateescape") for name in names)
    either = b"|".join(b"[^\n]*".join(map(re.escape, name.split(b"*"))) for name in encoded)
    return re.compile(b"\n" + before + b"(" + either + rb")(?=\n|\Z)")


def _stanzas(data: bytes, names: tuple[str, ...], before: bytes) -> Iterator[tuple[int, str, bytes]]:
    """(line, name, text) of each stanza whose name line fits; the rest of a large file is passed over unparsed."""
    data = b"\n" + data
    line, counted, end = 0, 0, 0
    for match in _pattern(names, before).finditer(data) if names else ():
        if match.start() < end:
            continue  # a second name in one stanza
        line += data.count(b"\n", counted, match.start() + 1)
        counted = match.start() + 1
        start = max(data.rfind(b"\n\n", end, match.start() + 1) + 2, end)
        end = data.find(b"\n\n", match.end())
        end = len(data) if end < 0 else end
        yield line, _text(match[1]), data[start:end]


def _fields(stanza: bytes, separator: bytes = b": ") -> dict[str, str]:
    pairs = (line.partition(separator) for line in stanza.split(b"\n") if not line.startswith((b" ", b"\t")))
    return {_text(name): _text(value.strip()) for name, found, value in pairs if found}


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _dpkg(root: Root, names: tuple[str, ...], label: str, remarks: list[Remark]) -> list[Package] | None:
    data = _read(root, DPKG, remarks)
    if data is None:
        return None
    return _debian(root, DPKG, data, names, label, needs_status=True)


def _dpkg_parts(root: Root, names: tuple[str, ...], label: str, remarks: list[Remark]) -> list[Package] | None:
    paths = [path for path in root.glob(f"{DPKG_PARTS}/*") if not path.endswith(".md5sums")]
    if not paths:
        return None
    found: list[Package] = []
    for path in paths:
        data = _read(root, path, remarks)
        if data is not None:
            found += _debian(root, path, data, names, label, needs_status=False)
    return found


def _debian(
    root: Root, path: str, data: bytes, names: tuple[str, ...], label: str, *, needs_status: bool
) -> list[Package]:
    found: list[Package] = []
    for line, name, stanza in _stanzas(data, names, b"Package: "):
        values = _fields(stanza)
        status = values.get("Status", "" if needs_status else "install ok installed").split()
        if status[2:] == ["installed"] and values.get("Version"):
            when = _changelog_date(root, name)
            found.append(Package(name, values["Version"], label, File(path, line), when))
    return found


def _changelog_date(root: Root, name: str) -> date | None:
    """The date under the newest entry of a Debian changelog (deb-changelog(5)), or None."""
    data = b""
    for path in (f"/usr/share/doc/{name}/changelog.Debian.gz", f"/usr/share/doc/{name}/changelog.gz"):
        try:
            packed = root.read(path)
        except NotReadable:
            continue
        import zlib

        try:
            data = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(packed, MAX_CHANGELOG)
        except zlib.error:
            continue
        break
    match = _TRAILER.search(data)
    return None if match is None else _date(int(match[3]), _MONTHS.find(match[2]) // 3 + 1, int(match[1]))


_TRAILER = re.compile(rb"^ -- [^\n]*>  ?\w{3}, +(\d{1,2}) (\w{3}) (\d{4}) ", re.MULTILINE)
_MONTHS: Final = b"JanFebMarAprMayJunJulAugSepOctNovDec"


def _apk(root: Root, names: tuple[str, ...], label: str, remarks: list[Remark]) -> list[Package] | None:
    for path in APK:
        data = _read(root, path, remarks)
        if data is None:
            continue
        found: list[Package] = []
        for line, name, stanza in _stanzas(data, names, b"P:"):
            values = _fields(stanza, b":")
            if values.get("V"):
                found.append(Package(name, values["V"], label, File(path, line), _day(values.get("t", ""))))
        return found
    return None


def _pacman(root: Root, names: tuple[str, ...], label: str, remarks: list[Remark]) -> list[Package] | None:
    if root.kind(PACMAN) != "dir":
        return None
    found: list[Package] = []
    for name in names:
        fits = _pattern((name,), b"")
        for path in root.glob(f"{PACMAN}/{name}-*/desc"):
            data = _read(root, path, remarks)
            values = {} if data is None else _blocks(data)
            own = values.get("NAME", "")
            if values.get("VERSION") and fits.search(b"\n" + own.encode("utf-8", "surrogateescape")):
                found.append(Package(own, values["VERSION"], label, File(path), _day(values.get("BUILDDATE", ""))))
    return found


def _blocks(data: bytes) -> dict[str, str]:
    """`%NAME%` lines with the line below them."""
    rows = _text(data).split("\n")
    return {
        row[1:-1]: rows[at + 1].strip() for at, row in enumerate(rows[:-1]) if len(row) > 2 and row[0] == row[-1] == "%"
    }


def _read(root: Root, path: str, remarks: list[Remark]) -> bytes | None:
    try:
        return root.read(path)
    except NotReadable as error:
        if root.kind(path) == "file":
            remarks.append(Remark(File(path), error.why))
        return None


def _day(seconds: str) -> date | None:
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 11):
        return None
    from datetime import UTC, datetime

    return datetime.fromtimestamp(int(seconds), UTC).date()


def _date(year: int, month: int, day: int) -> date | None:
    from datetime import date

    try:
        return date(year, month, day)
    except ValueError:
        return None
