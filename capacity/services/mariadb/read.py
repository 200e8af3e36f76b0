"""MariaDB on a host: which servers there are, which of them start, and what their files and arguments say.

Units come first, as everywhere. The flavour is decided before an option is called unknown: MySQL and Percona Server are
seen and not priced with MariaDB's defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from capacity.arithmetic import UNKNOWN
from capacity.readers import proc
from capacity.readers.mariadb_flavour import Flavour, flavour_of
from capacity.readers.mariadb_options import Effective, effective
from capacity.readers.option_files import OptionFiles, read_option_files
from capacity.readers.systemd import manager_defaults
from capacity.record import record
from capacity.services.mariadb.claims import MariaDb
from capacity.services.programs import started
from capacity.services.site import Seen, Site
from capacity.services.slices import slice_path
from capacity.settings import File, Measured, Remark, Setting, version_tuple

if TYPE_CHECKING:
    from capacity.readers.processes import Process
    from capacity.readers.systemd import Unit

PROGRAM: Final = "mariadbd"
SERVERS: Final = frozenset({"mariadbd", "mysqld", "mariadbd-safe", "mysqld_safe"})
PACKAGES: Final = (
    "mariadb-server", "MariaDB-server", "mariadb", "mysql-server", "mysql-community-server", "percona-server-server",
)  # fmt: skip
MAIN_FILES: Final = ("/etc/my.cnf", "/etc/mysql/my.cnf", "/etc/mysql/mariadb.cnf")
NOFILE: Final = (1024, 524_288)  # systemd-system.conf(5), DefaultLimitNOFILE= since version 240
NOT_COPIED: Final = "enabled at boot, and its unit is not in this tree: what it is started with is not known"
MMAP_THRESHOLD: Final = 128 * 1024  # mallopt(3): as low as that, every large block goes back when it is freed


@record
class Server:
    """A server as it would be started. `enabled` None: nothing says."""

    name: str
    unit: Unit | None = None
    path: str = ""
    arguments: tuple[str, ...] = ()
    at: File | None = None
    enabled: bool | None = None
    unit_name: str = ""


def read(site: Site) -> Iterator[MariaDb]:
    """Every server that counts."""
    servers = list(_of_units(site)) or list(_without_units(site))
    for server in servers:
        yield from _read(site, server, alone=len(servers) == 1)


def _of_units(site: Site) -> Iterator[Server]:
    for name in site.units.of_type("service"):
        named = any(word in name for word in ("maria", "mysql", "percona"))
        if not named and not site.units.enabled_by(name):
            continue
        unit = site.units[name]
        if named and unit.enabled:
            site.refusals += unit.refusals
        found = started(unit, SERVERS.__contains__)
        if found is not None:
            words = tuple(word for word in found.arguments if word)
            yield Server(name.removesuffix(".service"), unit, found.path, words, found.at, unit.enabled, name)


def _without_units(site: Site) -> Iterator[Server]:
    """The one server of a tree whose units were not copied, or that has none: if its files or its program are there."""
    lost = [name for name in site.units.not_copied() if "maria" in name or "mysql" in name]
    wanted = [name for name in lost if site.units.enabled_by(name)]
    site.remarks += [Remark(File(f"/etc/systemd/system/{name}"), NOT_COPIED, True) for name in wanted]
    files = any(site.root.kind(path) == "file" for path in MAIN_FILES)
    if wanted:
        yield Server(wanted[0].removesuffix(".service"), enabled=True, unit_name=wanted[0])
    elif _processes(site, None) or site.package(*PACKAGES) is not None:
        yield Server(PROGRAM, enabled=None if not list(site.units.of_type("service")) else False)
    elif files and not list(site.units.of_type("service")) and _has_server_group(site):
        yield Server(PROGRAM)


def _has_server_group(site: Site) -> bool:
    """Whether the option files speak to a server: a tree of a client has them too."""
    return bool(read_option_files(site.root).assignments)


# ---------------------------------------------------------------------------------------------- one server


def _read(site: Site, server: Server, *, alone: bool) -> Iterator[MariaDb]:
    running, flavour, version = _processes(site, server), _flavour(site, server), _version(site)
    counts = bool(running) or server.enabled is not False
    foreign = flavour.name in {"mysql", "percona"}
    main = next((path for path in MAIN_FILES if site.root.kind(path) == "file"), "")

    def seen(priced: bool, why: str) -> None:
        program, at = "mysqld" if foreign else PROGRAM, site.file_of(server.unit_name, main)
        site.seen.append(Seen(program, server.name, version, server.enabled, priced, why, server.unit_name, at))

    if foreign:
        why = f"{flavour.name}, whose memory is not modelled here ({'; '.join(flavour.evidence)})"
        site.doubts += [f"{server.name}: {why}"] if counts else []
        return seen(False, why)
    if not counts:
        return seen(False, "installed, and nothing starts it at boot")
    files = _files(site, server, version, flavour)
    found = _effective(site, server, files, version, flavour)
    site.refusals += [*files.refusals, *found.refusals]
    site.remarks += [*files.remarks, *found.remarks]
    site.never_read += files.never_read
    site.doubts += [f"{path} could not be read" for path in files.unread]
    if any(not refusal.lost for refusal in (*files.refusals, *found.refusals)):
        return seen(False, "it refuses its configuration")
    seen(True, _why(server, bool(running)))
    site.price(running)
    name = PROGRAM if alone else server.name
    known = _known(server, found)
    _rows(site, server, version, found, known)
    yield MariaDb(name=name, version=version, unit=server.unit_name, cgroup=_cgroup(server, running), known=known)


def _flavour(site: Site, server: Server) -> Flavour:
    packages = {name: package.version for name, package in site.installed.packages.items()}
    units = (server.unit_name,) if server.unit_name else ()
    flavour = flavour_of(site.root, packages, units, (server.path,) if server.path else ())
    if flavour.name == "unknown":
        site.remarks.append(Remark(File(MAIN_FILES[0]), "MariaDB or MySQL is not known: read as MariaDB"))
    return flavour


def _why(server: Server, running: bool) -> str:
    if running:
        return "it is running"
    return f"{server.unit_name} is enabled" if server.enabled else "no unit of it in this tree: assumed to run"


def _version(site: Site) -> str:
    """The version of the server's package (Debian once put it into the name: mariadb-server-10.5)."""
    named = (name for name in site.installed.packages if name.startswith(tuple(f"{one}-" for one in PACKAGES)))
    package = site.package(*PACKAGES) or site.package(*sorted(named))
    return package.version.split(":", 1)[-1] if package is not None else ""


def _files(site: Site, server: Server, version: str, flavour: Flavour) -> OptionFiles:
    user = server.unit.get("Service", "User") if server.unit is not None else None
    name = str(user.value) if user is not None else "mysql"
    account = site.account(name)
    if account is None:
        why = f"the account {name} is not in this tree: whether it may read its option files is not judged"
        site.remarks.append(Remark(File("/etc/passwd"), why))
    readable: Callable[[str], bool] | None = None
    if account is not None and site.root.owners_known:
        uid, gids = account.uid, account.gids
        readable = lambda path: site.root.readable_by(path, uid, gids)  # noqa: E731  (closes over the account)
    environment = dict(server.unit.environment().values) if server.unit is not None else {}
    return read_option_files(
        site.root, server.arguments, version=_upstream(version), environment=environment, readable=readable,
        flavour=flavour.name if flavour.name != "unknown" else "mariadb", home=account.home if account else None,
    )  # fmt: skip


def _effective(site: Site, server: Server, files: OptionFiles, version: str, flavour: Flavour) -> Effective:
    cpus = proc.cpus(site.root)
    return effective(
        files.assignments, files.arguments, _upstream(version), _nofile(site, server), flavour=flavour.name,
        cpus=cpus.value if cpus is not None else None, arguments_at=server.at,
    )  # fmt: skip


def _upstream(version: str) -> str:
    return ".".join(map(str, version_tuple(version)))


def _nofile(site: Site, server: Server) -> tuple[int, int] | None:
    """Soft and hard limit of open files that the unit gives; None where its file is not in the tree."""
    if server.unit is None or server.unit.state != "loaded":
        return None
    limit = server.unit.get("Service", "LimitNOFILE")
    if limit is None:
        defaults = [one for one in manager_defaults(site.root) if one.name == "DefaultLimitNOFILE" and one.value]
        if not defaults:
            return NOFILE
        soft, _, hard = (defaults[-1].value or "").partition(":")
        return (int(soft), int(hard or soft)) if soft.isdigit() and (hard or soft).isdigit() else NOFILE
    return _whole(limit.value.soft), _whole(limit.value.hard)


def _whole(limit: float) -> int:
    return int(min(limit, 2**31))


def _known(server: Server, found: Effective) -> dict[str, Setting]:
    known: dict[str, Setting] = {}
    for field, spec in MariaDb.specs().items():
        setting = found.settings.get(spec.name)
        if spec.kind == "setting" and setting is not None:
            known[field] = setting
    environment = dict(server.unit.environment().values) if server.unit is not None else {}
    known |= _allocator(environment)
    known |= _named_key_caches(found)
    return known


def _named_key_caches(found: Effective) -> dict[str, Setting]:
    """Key caches beside the default one, as one field; their own rows stand in the settings table."""
    caches = list(found.key_caches.values())
    if not caches:
        return {}
    unknown = [cache for cache in caches if cache.value is UNKNOWN]
    largest = max((one for one in caches if one.value is not UNKNOWN), key=lambda one: one.value, default=caches[0])
    value = UNKNOWN if unknown else sum(cache.value for cache in caches)
    origin = unknown[0].origin if unknown else largest.origin
    return {"named_key_caches": Setting("key caches", value, origin, f"{len(caches)} caches")}


def _allocator(environment: Mapping[str, str]) -> dict[str, Setting]:
    text = environment.get("MALLOC_MMAP_THRESHOLD_", "")
    if text.isdigit() and int(text) <= MMAP_THRESHOLD:
        return {"allocator": Setting("MALLOC_MMAP_THRESHOLD_", "mmap", Measured("Environment= of the unit"), text)}
    return {}


def _rows(site: Site, server: Server, version: str, found: Effective, known: Mapping[str, Setting]) -> None:
    """Settings in effect that no claim reads stand in the table all the same."""
    fields = {setting.name for setting in known.values()}
    for group in (found.settings, found.key_caches):
        for name, setting in group.items():
            if name not in fields:
                site.settings.append((PROGRAM, version, server.name, "server", setting))
    twin = found.settings.get("tmp_memory_table_size")
    if twin is not None:  # one variable with two names (sql/sys_vars.cc)
        site.settings.append((PROGRAM, version, server.name, "server", replace(twin, name="tmp_table_size")))


# ---------------------------------------------------------------------------------------------- its processes


def _processes(site: Site, server: Server | None) -> tuple[Process, ...]:
    if server is not None and server.unit_name:
        of_unit = tuple(p for p in site.of_unit(server.unit_name) if p.comm in {"mariadbd", "mysqld"})
        if of_unit or any(p.cgroup for p in site.processes):
            return of_unit
    return tuple(p for p in site.processes if p.comm in {"mariadbd", "mysqld"} and "docker" not in (p.cgroup or ""))


def _cgroup(server: Server, running: tuple[Process, ...]) -> str:
    for process in running:
        if process.cgroup:
            return process.cgroup
    if server.unit is not None:
        above = server.unit.slice
        return f"{slice_path(above) if above else ''}/{server.unit.name}"
    return f"/system.slice/{server.unit_name}" if server.unit_name else ""
