"""Where PHP-FPM keeps its files, as a table: what a main file, a program or a unit says of version and directories.

A unit whose ExecStart names a main file decides; only without one the table is asked. `{v}` is the version as the paths
spell it (`8.3`), `{n}` without its dot (`83`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from capacity.record import record
from capacity.root import Root


@record
class Layout:
    """One way to lay out a master. `main` may hold `{v}` or `{n}`; `program` is a pattern for the path of its program.

    `config` and `scan` are the directories of php.ini and of scanned files, `prefix` where relative includes begin,
    `unit` the service that starts it, `packages` who tells its version, most telling first.
    """

    name: str
    main: str
    program: str
    config: str
    scan: str
    prefix: str
    unit: str
    packages: tuple[str, ...]


TABLE: Final = (
    Layout(
        "Debian", "/etc/php/{v}/fpm/php-fpm.conf", r"/usr/sbin/php-fpm{v}", "/etc/php/{v}/fpm",
        "/etc/php/{v}/fpm/conf.d", "/usr", "php{v}-fpm.service", ("php{v}-fpm",),
    ),
    Layout(
        "Debian 8", "/etc/php{n}/fpm/php-fpm.conf", r"/usr/sbin/php{n}-fpm", "/etc/php{n}/fpm",
        "/etc/php{n}/fpm/conf.d", "/usr", "php{n}-fpm.service", ("php{n}-fpm",),
    ),
    Layout(
        "Remi", "/etc/opt/remi/php{n}/php-fpm.conf", r"/opt/remi/php{n}/root/usr/sbin/php-fpm",
        "/etc/opt/remi/php{n}", "/etc/opt/remi/php{n}/php.d", "/opt/remi/php{n}/root/usr", "php{n}-php-fpm.service",
        ("php{n}-php-fpm",),
    ),
    Layout(
        "Alpine", "/etc/php{n}/php-fpm.conf", r"/usr/s?bin/php-fpm{n}", "/etc/php{n}", "/etc/php{n}/conf.d", "/usr",
        "php-fpm{n}.service", ("php{n}-fpm",),
    ),
    Layout(
        "official image", "/usr/local/etc/php-fpm.conf", r"/usr/local/sbin/php-fpm", "/usr/local/etc/php",
        "/usr/local/etc/php/conf.d", "/usr/local", "php-fpm.service", (),
    ),
    Layout(
        "Arch", "/etc/php/php-fpm.conf", r"/usr/(?:s?bin)/php-fpm", "/etc/php", "/etc/php/conf.d", "/usr",
        "php-fpm.service", ("php-fpm",),
    ),
    Layout(
        "Red Hat", "/etc/php-fpm.conf", r"/usr/sbin/php-fpm", "/etc", "/etc/php.d", "/usr", "php-fpm.service",
        ("php-fpm",),
    ),
)  # fmt: skip

_VERSION: Final = {"{v}": r"(?P<v>\d+\.\d+)", "{n}": r"(?P<n>\d+)"}


@record
class Place:
    """A layout with its version filled in; `version` is `8.3`, or empty where no path tells it."""

    layout: Layout
    version: str

    def _filled(self, text: str) -> str:
        return text.replace("{v}", self.version).replace("{n}", self.version.replace(".", ""))

    @property
    def main(self) -> str:
        """The main file that the program reads when nothing names another."""
        return self._filled(self.layout.main)

    @property
    def config(self) -> str:
        """The directory of php.ini."""
        return self._filled(self.layout.config)

    @property
    def scan(self) -> str:
        """The directory of scanned .ini files."""
        return self._filled(self.layout.scan)

    @property
    def prefix(self) -> str:
        """Where relative includes begin."""
        return self._filled(self.layout.prefix)

    @property
    def unit(self) -> str:
        """The service of the layout."""
        return self._filled(self.layout.unit)

    @property
    def packages(self) -> tuple[str, ...]:
        """Packages whose version is the program's."""
        return tuple(self._filled(name) for name in self.layout.packages)


def of_program(path: str, main: str, root: Root) -> Place:
    """The place of a program that a unit starts: by its path, and by its main file where two layouts share a path."""
    fits = [place for layout in TABLE if (place := _match(layout, layout.program, path)) is not None]
    for place in fits:
        if main in {place.main, ""} and root.kind(place.main) == "file":
            return place
    for place in fits:
        if root.kind(place.config) == "dir" and root.kind(f"{place.config}/php.ini") == "file":
            return place
    return fits[0] if fits else of_build(path.rpartition("/")[0].rpartition("/")[0], root)


_IN_PREFIX: Final = re.compile(r"php\D?(\d)\.?(\d{1,2})(?!\d)")
BUILT: Final = "a build of its own"


def of_build(prefix: str, root: Root) -> Place:
    """The place of a build that no layout knows, by its prefix (`/www/server/php/82`, `/opt/plesk/php/8.2`).

    PHP's own build looks for php.ini in PREFIX/lib (main/build-defs.h); panels configure PREFIX/etc: where one lies.
    """
    folders = (f"{prefix}/etc", f"{prefix}/lib")
    config = next((one for one in folders if root.kind(f"{one}/php.ini") == "file"), folders[1])
    scan = next((f"{config}/{name}" for name in ("php.d", "conf.d") if root.kind(f"{config}/{name}") == "dir"), "")
    layout = Layout(BUILT, f"{prefix}/etc/php-fpm.conf", "", config, scan, prefix, "", ())
    version = _IN_PREFIX.search(prefix)
    return Place(layout, f"{version[1]}.{version[2]}" if version else "")


def of_main(path: str) -> Place | None:
    """The place of a main file by its path; None where the table has none."""
    for layout in TABLE:
        place = _match(layout, re.escape(layout.main).replace(r"\{v\}", "{v}").replace(r"\{n\}", "{n}"), path)
        if place is not None:
            return place
    return None


def of_unit(name: str) -> Iterator[Place]:
    """The places of a unit by its name, for a unit whose file is not in the tree."""
    for layout in TABLE:
        place = _match(layout, re.escape(layout.unit).replace(r"\{v\}", "{v}").replace(r"\{n\}", "{n}"), name)
        if place is not None:
            yield place


def found(root: Root) -> Iterator[Place]:
    """Every main file of the table that is in the tree."""
    for layout in TABLE:
        pattern = layout.main.replace("{v}", "[0-9]*").replace("{n}", "[0-9]*")
        for path in root.glob(pattern):
            place = of_main(path)
            if place is not None and root.kind(path) != "dir":
                yield place


def _match(layout: Layout, pattern: str, text: str) -> Place | None:
    for mark, group in _VERSION.items():
        pattern = pattern.replace(mark, group, 1)
    match = re.fullmatch(pattern, text)
    if match is None:
        return None
    named = match.groupdict()
    digits = named.get("n") or ""
    version = named.get("v") or (f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits)
    return Place(layout, version)
