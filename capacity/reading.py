"""Reading a host: root, services, walls and memory, one after the other, into a Host."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, BinaryIO

from capacity.arithmetic import UNLIMITED
from capacity.errors import BadValue, Missing, NotReadable, UnknownName
from capacity.host import Host
from capacity.kernel import read_memory
from capacity.readers import proc
from capacity.readers.cgroups import CGroup
from capacity.readers.masking import masked
from capacity.root import open_root
from capacity.services.registry import read_services
from capacity.services.site import Declared, Site
from capacity.services.slices import slice_path
from capacity.services.unit_rows import unit_settings
from capacity.settings import File, Given, NotKnown, Remark, Setting
from capacity.table import Row
from capacity.units import bytes_given
from capacity.walls import Wall

WALL_KEYS = {"MemoryMax": "memory_max", "MemorySwapMax": "swap_max", "MemoryHigh": "memory_high"}


def read_host(
    source: str | os.PathLike[str],
    *,
    memory: str | int | None = None,
    cpus: str | int | None = None,
    processes: Sequence[str] = (),
    assume: Mapping[str, Any] | None = None,
    alert: int = 85,
    stdin: BinaryIO | None = None,
) -> Host:
    """Reads a host from `/`, a copied tree, a tar archive, or `-` (an archive on standard input).

    `memory` is the RAM where the tree does not tell it (`16G`, or bytes), `processes` are declared ones
    (`NAME=BYTES[xCOUNT]`), `assume` gives what no setting says (`{"mariadbd.packet": "1M"}`), `alert` is the line in
    percent of MemTotal above which a host is tight. Nothing is written and nothing outside the root is opened.
    Raises CapacityError.
    """
    root = open_root(source, stdin)
    total = None if memory is None else bytes_given(memory, "--memory")
    if total is not None and total <= 0:
        raise BadValue("--memory", memory, accepts="a size above nothing, such as 16G")
    site = Site(root, ram=total if total is not None else proc.meminfo(root).value("MemTotal"))
    site.declared = tuple(_declared(text) for text in processes)
    services = tuple(read_services(site))
    walls = tuple(_walls(site))
    priced = {service.program for service in services}
    ram = read_memory(site, total, len(priced - {"process"}))
    site.remarks += [Remark(File(path), "permission denied: not looked at", True) for path in root.denied]
    site.doubts += [f"{remark.at}: {remark.message}" for remark in site.remarks if remark.lost]
    host = Host(
        name=_name(site), memory=ram, services=services, walls=walls, cpus=_cpus(site, cpus),
        programs=tuple(site.seen), refusals=tuple(site.refusals), never_read=tuple(site.never_read),
        remarks=tuple(dict.fromkeys(site.remarks)), doubts=tuple(dict.fromkeys(site.doubts)),
        table=lambda: _rows(site), flattened=root.flattened, alert=alert,
    )  # fmt: skip
    return _assumed(host, assume or {})


def _rows(site: Site) -> Iterator[Row]:
    """Settings in effect that no service has as a field: of programs, and of units."""
    for row in chain(site.settings, *(rows() for rows in site.later)):
        program, version, instance, scope, setting = row
        yield Row(program, version, instance, scope, _without_secrets(setting))
    for unit, setting in unit_settings(site):
        yield Row("systemd", "", unit, f"unit:{unit}", setting)


def _without_secrets(setting: Setting) -> Setting:
    """The setting with `***` for a password inside its value (`tcp://cache:6379?auth=X` of session.save_path)."""
    value, text = setting.value, _masked(setting.text)
    lost = tuple(map(_without_secrets, setting.overrode))
    return Setting(setting.name, _masked(value) if isinstance(value, str) else value, setting.origin, text, lost)


def _masked(text: str) -> str:
    return " ".join(masked(text.split(" ")))


def _assumed(host: Host, assume: Mapping[str, Any]) -> Host:
    """The host with what the caller assumes; an assumption about a program that is not here is an error."""
    fields = {
        field
        for service in (*host.services, host.memory)
        for one in (service, *service.parts)
        for field, spec in type(one).specs().items()
        if spec.kind != "setting"
    }
    for name in assume:
        if name.rpartition(".")[2] not in fields:
            raise UnknownName(name, known=tuple(sorted(fields)))
    return host.but(assume) if assume else host


def _name(site: Site) -> str:
    try:
        text = site.root.read("/etc/hostname").decode("utf-8", "replace").strip()
    except NotReadable:
        return "this host"
    return text.split("\n")[0].strip()[:64] or "this host"


def _cpus(site: Site, given: str | int | None) -> Setting | None:
    if given is None:
        return proc.cpus(site.root)
    text = str(given)
    if not (text.isascii() and text.isdigit() and len(text) < 8 and 0 < int(text) < 65536):
        raise BadValue("--cpus", given, accepts="a whole number of CPUs")
    return Setting("cpus", int(text), Given("by --cpus"))


# ---------------------------------------------------------------------------------------------- declared processes


def _declared(text: str) -> Declared:
    name, equals, figure = text.partition("=")
    size, times, count = figure.partition("x")
    if not equals or not name.strip() or (times and not (count.isascii() and count.isdigit() and len(count) < 10)):
        raise BadValue("--process", text, accepts="NAME=BYTES or NAME=BYTESxCOUNT, such as backup=300Mx2")
    return Declared(name.strip(), bytes_given(size, f"--process {name.strip()}"), int(count or 1))


def processes_of_file(path: str) -> list[str]:
    """The processes that a TOML file declares, as `NAME=BYTESxCOUNT`.

    The file has a table `[process.NAME]` with `bytes` (a size) and `count` for each. Raises CapacityError.
    """
    import tomllib

    try:
        with open(path, encoding="utf-8") as file:
            data = tomllib.loads(file.read())
    except OSError as error:
        raise Missing(path, error.strerror or "cannot be read") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadValue("--processes", path, accepts=f"a TOML file ({error})") from None
    table = data.get("process")
    if not isinstance(table, dict) or not all(isinstance(one, dict) and "bytes" in one for one in table.values()):
        raise BadValue("--processes", path, accepts="a table [process.NAME] with bytes = SIZE for each process")
    return [f"{name}={one['bytes']}x{one.get('count', 1)}" for name, one in table.items()]


# ---------------------------------------------------------------------------------------------- walls


def _walls(site: Site) -> Iterator[Wall]:
    """A wall for every unit, slice and control group that has a limit; the unit's own file speaks before the kernel's.

    The root group is no wall: its limit is the RAM of the host.
    """
    found: dict[str, dict[str, Setting]] = {}
    paths: dict[str, str] = {}
    for path, group in site.cgroups.items():
        known = dict(_known(site, _group_limits(group)))
        if known and path != "/":
            found[path], paths[path] = known, group.name
    for name, path in _unit_groups(site):
        known = dict(_known(site, _unit_limits(site, name)))
        if known:
            found[path] = {**found.get(path, {}), **known}
            paths[path] = name
    for path, known in sorted(found.items()):
        yield Wall(name=paths[path], cgroup=path, known=known)


def _known(site: Site, limits: Iterable[tuple[str, Setting]]) -> Iterator[tuple[str, Setting]]:
    """The limits that are known; of one that is not, nothing is taken off, and it is said."""
    for field, setting in limits:
        if isinstance(setting.origin, NotKnown):
            place = setting.origin.at or File(setting.name)
            site.remarks.append(Remark(place, f"{setting.name} is not known: {setting.origin.why}", True))
        else:
            yield field, setting


def _group_limits(group: CGroup) -> Iterator[tuple[str, Setting]]:
    for field, setting in (("memory_max", group.max), ("swap_max", group.swap_max), ("memory_high", group.high)):
        if setting is not None and setting.value is not UNLIMITED and setting.value != UNLIMITED:
            yield field, Setting(Wall.specs()[field].name, setting.value, setting.origin, setting.text)


def _unit_limits(site: Site, name: str) -> Iterator[tuple[str, Setting]]:
    unit = site.units[name]
    section = unit.parts.type.capitalize()
    for key, field in WALL_KEYS.items():
        setting = unit.get(section, key)
        if setting is not None and setting.value != UNLIMITED:
            yield field, setting
    limit = unit.get(section, "LimitAS")
    if limit is not None and limit.value.soft != UNLIMITED:
        yield "limit_as", Setting("LimitAS", limit.value.soft, limit.origin, limit.text, limit.overrode)


def _unit_groups(site: Site) -> Iterator[tuple[str, str]]:
    """(unit, control group path) of services that count and of slices that stand round one or have a file."""
    names = dict.fromkeys(seen.unit for seen in site.seen if seen.unit and seen.unit in site.units)
    slices = dict.fromkeys(name for name in site.units.of_type("slice"))
    for path in _seen_groups(site):
        for part in path.split("/"):
            if part in site.units and part.endswith((".slice", ".service")):
                (slices if part.endswith(".slice") else names).setdefault(part)
    for name in names:
        slices.update(dict.fromkeys(unit.name for unit in site.units.slices(name)))
        yield name, _group_of_service(site, name)
    for name in slices:
        if name != "-.slice":
            yield name, slice_path(name)


def _seen_groups(site: Site) -> Iterable[str]:
    return {*(process.cgroup or "" for process in site.processes), *site.cgroups}


def _group_of_service(site: Site, name: str) -> str:
    for path in sorted(_seen_groups(site)):
        if path.endswith(f"/{name}"):
            return path
    above = site.units[name].slice
    return f"{slice_path(above) if above else ''}/{name}"
