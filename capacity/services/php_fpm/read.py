"""PHP-FPM on a host: which masters there are, which of them start, and what their files say.

Units come first: an ExecStart that names a main file decides. Only without any unit of PHP-FPM the table of main files
is asked, and everything found counts, assumed to run. A master that refuses its configuration is not priced; in a
copied tree, where what is missing is usually lost, what was read is priced and the sum says "at least".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from capacity.errors import NotReadable
from capacity.readers.php_fpm import read_fpm
from capacity.readers.php_layers import PhpLayers, read_php_layers
from capacity.record import record
from capacity.services.php_fpm import layouts
from capacity.services.php_fpm.build import PROGRAM, Sources, master_of
from capacity.services.php_fpm.web import locations
from capacity.services.programs import Started, started
from capacity.services.site import Seen, Site
from capacity.services.slices import slice_path
from capacity.settings import File, NeverRead, Remark, reaches

if TYPE_CHECKING:
    from capacity.readers.nginx_php import PhpLocation
    from capacity.readers.processes import Process
    from capacity.readers.systemd import Unit
    from capacity.services.php_fpm.claims import PhpFpm

FALLBACK = ("8.3.0",)  # from there on ${NAME:-text} is read
NOT_COPIED = "enabled at boot, and its unit is not in this tree: what it is started with is not known"


@record
class Master:
    """A master as it would be started: its main file, arguments and environment. `enabled` None: nothing says."""

    name: str
    main: str
    place: layouts.Place
    unit: str = ""
    enabled: bool | None = None
    environment: Mapping[str, str] | None = None
    ini: str | None = None
    ignore_ini: bool = False
    defines: tuple[tuple[str, File], ...] = ()
    prefix: str | None = None
    allow_root: bool = False
    user: str = "root"


def read(site: Site) -> Iterator[PhpFpm]:
    """Every master that counts, with its pools; what lies beside their files and is never read is noted."""
    masters = list(_of_units(site))
    known = {master.main for master in masters}
    has_units = bool(masters) or bool(_lost_units(site))
    for master in (*_lost_masters(site, known), *_of_processes(site, known)):
        known.add(master.main)
        masters.append(master)
    named = {master.unit: master.main for master in masters if master.unit}
    for place in layouts.found(site.root):
        if place.main not in known and place.unit not in named:
            known.add(place.main)
            name = place.unit.removesuffix(".service")
            masters.append(Master(name, place.main, place, enabled=False if has_units else None))
    found = locations(site) if masters else ()
    opened: set[str] = set()
    for master in masters:
        yield from _read(site, master, found, opened)
    for place in layouts.found(site.root):
        if place.main not in known:
            beside = read_fpm(site.root, place.main, prefix=place.prefix).files_read
            why = f"{place.unit} names {named[place.unit]}"
            site.never_read += [NeverRead(path, why) for path in beside if path not in opened]


# ---------------------------------------------------------------------------------------------- which masters


def _of_units(site: Site) -> Iterator[Master]:
    for name in site.units.of_type("service"):
        if "php" not in name and "fpm" not in name and not site.units.enabled_by(name):
            continue
        unit = site.units[name]
        if "fpm" in name and unit.enabled:
            site.refusals += unit.refusals
        found = started(unit, lambda program: program.startswith("php") and "fpm" in program)
        if found is not None:
            environment = unit.environment()
            site.remarks += [*environment.unread, *unit.remarks]
            user = unit.get("Service", "User")
            yield _master(site, unit, found, dict(environment.values), str(user.value) if user else "root")


def _master(site: Site, unit: Unit, found: Started, environment: dict[str, str], user: str) -> Master:
    options, at = _options(found.arguments), found.at
    main, prefix = str(options.get("-y", "")), options.get("-p")
    place = layouts.of_program(found.path, main, site.root)
    if place.layout.name == layouts.BUILT and "-c" not in options and "-n" not in options:
        why = f"where this build of PHP looks for php.ini is not known: {place.config} is taken"
        site.remarks.append(Remark(at, why, unit.enabled))
    if not main:
        main = place.main if prefix is None else f"{prefix}/etc/php-fpm.conf"  # fpm_conf.c, fpm_conf_init_main
    main = main if main.startswith("/") else f"/{main}"  # a service starts in /
    defines = tuple((text, _within(at, text)) for text in options.get("-d", ()))
    ini = options.get("-c")
    return Master(
        unit.name.removesuffix(".service"), main, place, unit.name, unit.enabled, environment,
        str(ini) if ini is not None else None, "-n" in options, defines,
        str(prefix) if prefix is not None else None, "-R" in options, user,
    )  # fmt: skip


def _within(at: File, define: str) -> File:
    """The value of a `-d` argument inside its command, where it stands there once and as it is."""
    start = at.text.find(define)
    if start < 0 or at.text.count(define) > 1:
        return at
    value = start + define.find("=") + 1
    return File(at.path, at.line, (value + 1, start + len(define) + 1), at.text)


_LONG = {
    "--fpm-config": "-y", "--php-ini": "-c", "--prefix": "-p", "--define": "-d", "--no-php-ini": "-n",
    "--allow-to-run-as-root": "-R",
}  # fmt: skip
_WITH_VALUE = ("-y", "-c", "-p", "-d", "-g")


def _options(words: tuple[str, ...]) -> dict[str, Any]:
    """The options of a command line of php-fpm (sapi/fpm/fpm/fpm_main.c): the last counts, of -d each one."""
    found: dict[str, object] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=") if word.startswith("--") else (word[:2], word[2:], word[2:])
        short = _LONG.get(name, name)
        if short in _WITH_VALUE:
            text = value.removeprefix("=") if equals else rest.pop(0) if rest else ""
            if short == "-d":
                earlier = found.get("-d", ())
                found["-d"] = (*(earlier if isinstance(earlier, tuple) else ()), text)
            else:
                found[short] = text
        else:
            found[short] = True
    return found


def _lost_units(site: Site) -> list[str]:
    """Names of units of PHP-FPM that something wants and whose own file is not in the tree."""
    return [name for name in site.units.not_copied() if "fpm" in name and name.endswith(".service")]


_MASTER = re.compile(r"php-fpm: master process \((/.+)\)\s*")
_CONTAINERS = re.compile(r"docker|containerd|kubepods|libpod|lxc")


def _of_processes(site: Site, known: set[str]) -> Iterator[Master]:
    """Masters that run and that no unit and no layout leads to: their title names the main file (fpm_children.c).

    What runs in a container has its files elsewhere: it counts as a process.
    """
    tables = {place.main for place in layouts.found(site.root)}
    for process in site.processes:
        title = _MASTER.fullmatch(process.words[0]) if process.words else None
        if title is None or _CONTAINERS.search(process.cgroup or "") or title[1] in {*known, *tables}:
            continue
        if site.root.kind(title[1]) == "file":
            main = title[1]
            prefix = main.rpartition("/etc/")[0] or main.rpartition("/")[0]
            place = layouts.of_main(main) or layouts.of_build(prefix, site.root)
            yield Master(f"{PROGRAM}@{prefix.strip('/').replace('/', '-')}", main, place)


def _lost_masters(site: Site, known: set[str]) -> Iterator[Master]:
    """Masters whose unit is wanted at boot and was not copied: by the unit's name, from the table of main files."""
    for name in _lost_units(site):
        if not site.units.enabled_by(name):
            continue
        site.remarks.append(Remark(File(f"/etc/systemd/system/{name}"), NOT_COPIED, True))
        for place in layouts.of_unit(name):
            if place.main not in known and site.root.kind(place.main) == "file":
                yield Master(name.removesuffix(".service"), place.main, place, name, True)
                break


# ---------------------------------------------------------------------------------------------- one master


def _read(site: Site, master: Master, found: tuple[PhpLocation, ...], opened: set[str]) -> Iterator[PhpFpm]:
    version, running = _version(site, master), _running(site, master)
    at = site.file_of(master.unit, master.main)

    def seen(priced: bool, why: str) -> None:
        site.seen.append(Seen(PROGRAM, master.name, version, master.enabled, priced, why, master.unit, at))

    if not running and master.enabled is False:
        return seen(False, "installed, and nothing starts it at boot")
    layers = _layers(site, master, version)
    configuration = read_fpm(
        site.root, master.main, prefix=master.place.prefix, given_prefix=master.prefix, variables=layers.variables,
        as_root=master.user == "root", allow_root=master.allow_root,
    )  # fmt: skip
    refusals = [*layers.refusals(), *configuration.refusals]
    site.refusals += refusals
    site.remarks += [*layers.remarks, *configuration.remarks]
    opened.update((*configuration.files_read, *layers.files_read))
    if not configuration.pools or any(not refusal.lost for refusal in refusals):
        return seen(False, "it refuses its configuration")
    site.never_read += _beside(site, configuration.files_read[1:], (), "no include of PHP-FPM fits its name")
    site.never_read += _beside(site, layers.scanned, (".ini",), "its name does not end in .ini")
    sources = Sources(
        site, master.name, version, layers, configuration, _cgroup(site, master), master.environment, master.unit, found
    )
    service = master_of(sources, running)
    if service is None:
        return seen(False, "it refuses its configuration")
    seen(True, _why(master, bool(running)))
    yield service


def _why(master: Master, running: bool) -> str:
    if running:
        return "its processes are running"
    return f"{master.unit} is enabled" if master.enabled else "no unit of it in this tree: assumed to run"


def _beside(site: Site, opened: Iterable[str], read: tuple[str, ...], why: str) -> Iterator[NeverRead]:
    """Files that lie beside those that were opened, hold settings, and are not opened themselves.

    What ends in one of `read` is passed over: it was opened, or it is named where it could not be.
    """
    known = set(opened)
    for folder in sorted({path.rpartition("/")[0] for path in known}):
        for name in site.root.names(folder):
            path = f"{folder}/{name}"
            if path not in known and not name.endswith(read or ("\0",)) and _holds_settings(site, path):
                yield NeverRead(path, why)


def _holds_settings(site: Site, path: str) -> bool:
    try:
        lines = site.root.read(path).split(b"\n") if site.root.kind(path) == "file" else []
    except NotReadable:
        return False
    return any(b"=" in line and not line.lstrip().startswith((b";", b"#")) for line in lines)


def _layers(site: Site, master: Master, version: str) -> PhpLayers:
    place = master.place
    environment = master.environment
    if environment is None and site.root.live:
        environment = {}
    return read_php_layers(
        site.root, place.config, place.scan, ini=master.ini, ignore=master.ignore_ini, defines=master.defines,
        environment=environment, fallback=bool(reaches(version, FALLBACK)),
    )  # fmt: skip


def _version(site: Site, master: Master) -> str:
    place = master.place
    package = site.package(*place.packages)
    if package is not None:
        return package.version
    header = f"{place.prefix}/include/php/main/php_version.h"
    if site.root.kind(header) == "file":
        for line in site.root.read(header).decode("latin-1").split("\n"):
            if line.startswith("#define PHP_VERSION "):
                return line.split('"')[1] if '"' in line else place.version
    return place.version


def _cgroup(site: Site, master: Master) -> str:
    for process in _running(site, master):
        if process.cgroup:
            return process.cgroup
    if not master.unit or master.unit not in site.units:
        return f"/system.slice/{master.unit}" if master.unit else ""
    above = site.units[master.unit].slice
    return f"{slice_path(above) if above else ''}/{master.unit}"


def _running(site: Site, master: Master) -> tuple[Process, ...]:
    """The processes of a master: those of its unit's control group, else the master by its title, and its children."""
    if master.unit:
        of_unit = tuple(p for p in site.of_unit(master.unit) if p.comm.startswith("php"))
        if of_unit:
            return of_unit
    title = f"php-fpm: master process ({master.main})"
    parents = {p.pid for p in site.processes if p.words and p.words[0].rstrip() == title}
    return tuple(p for p in site.processes if p.pid in parents or (p.ppid in parents and p.comm.startswith("php")))
