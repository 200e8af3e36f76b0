"""A host: its memory, its services, the walls round them, and what could not be read of it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from capacity.bill import Bill, make_bill
from capacity.couplings import reachable
from capacity.errors import BadValue, UnknownName
from capacity.findings import Finding
from capacity.memory import Memory, budget_of
from capacity.readers.systemd import systemd_size
from capacity.service import Exposure, Part, Service
from capacity.services.site import Seen
from capacity.services.slices import slice_path
from capacity.settings import NeverRead, Refusal, Remark, Setting
from capacity.walls import Wall

if TYPE_CHECKING:
    from capacity.table import Settings

Scenario = Literal["promised", "reachable"]
SCENARIOS: tuple[Scenario, ...] = ("reachable", "promised")
Any_Service = TypeVar("Any_Service", bound=Service)
_UNIT_ENDINGS = (".slice", ".service", ".scope")


@dataclass(frozen=True, eq=False, kw_only=True)
class Host:
    """One machine. `programs` are all that were found, priced or not; `refusals`, `never_read`, `remarks` and `doubts`
    are what became of the rest. `table` makes the rows of settings that no service has as a field. `flattened` are
    links that the copy holds as text files. `alert` is in percent of MemTotal.
    """

    name: str
    memory: Memory
    services: tuple[Service, ...] = ()
    walls: tuple[Wall, ...] = ()
    cpus: Setting | None = None
    programs: tuple[Seen, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    never_read: tuple[NeverRead, ...] = ()
    remarks: tuple[Remark, ...] = ()
    doubts: tuple[str, ...] = ()
    table: Callable[[], Iterable[Any]] = tuple
    flattened: tuple[str, ...] = ()
    alert: int = 85

    def bill(self, scenario: Scenario = "reachable", *, alert: int | None = None) -> Bill:
        """The bill in a scenario: `promised` (every limit reached at once) or `reachable` (after couplings).

        `alert` is the line in percent of MemTotal above which a host is tight. Raises BadValue.
        """
        if scenario not in SCENARIOS:
            raise BadValue("scenario", scenario, accepts="reachable or promised")
        made = self.__dict__.setdefault("_bills", {})
        if (scenario, alert) not in made:
            made[scenario, alert] = self._bill(scenario, alert or self.alert)
        bill: Bill = made[scenario, alert]
        return bill

    def _bill(self, scenario: Scenario, alert: int) -> Bill:
        services = reachable(self.services) if scenario == "reachable" else self.services
        doubts = (*(f"{r.program} refuses its configuration" for r in self.refusals), *self.doubts)
        return make_bill(scenario, services, self.walls, budget_of(self.memory), alert, doubts)

    def but(self, changes: Mapping[str, Any]) -> Host:
        """The same host with settings changed, by address, as in `{"www.memory_limit": "512M"}`; walls included.

        An address that fits two names changes both. Text is read in the program's own dialect. Raises BadValue and
        UnknownName.
        """
        host = self
        for address, value in changes.items():
            host = host._changed(address, value)
        return host

    def _changed(self, address: str, value: Any) -> Host:
        wall = self._with_wall(address, value)
        if wall is not None:
            return wall
        services = tuple(_changed(service, address, value) for service in self.services)
        memory = _changed(self.memory, address, value)
        if memory is self.memory and all(new is old for new, old in zip(services, self.services, strict=True)):
            raise UnknownName(address, known=tuple(self.addresses()))
        return self._with(services=services, memory=memory)

    def _with_wall(self, address: str, value: Any) -> Host | None:
        name, _, setting = address.rpartition(".")
        fields = {spec.name: field for field, spec in Wall.specs().items()}
        if setting not in fields or not name.endswith(_UNIT_ENDINGS):
            return None
        if isinstance(value, str):
            ram = self.memory.mem_total
            size = systemd_size(value, ram if isinstance(ram, int) else None, zero=setting == "MemorySwapMax")
            if size is None:
                raise BadValue(address, value, accepts="a size as systemd reads it, such as 2G or 25%")
            value = size
        walls = {wall.name: wall for wall in self.walls}
        old = walls.get(name) or Wall(name=name, cgroup=self._cgroup_of(name))
        walls[name] = old.but(**{fields[setting]: value})
        return self._with(walls=tuple(walls.values()))

    def _cgroup_of(self, unit: str) -> str:
        """The control group of a unit: as its processes show it, else as systemd.slice(5) and the unit's slice say."""
        for service in self.services:
            path = service.cgroup
            if path.endswith(f"/{unit}"):
                return path
            if f"/{unit}/" in path:
                return path[: path.index(f"/{unit}/") + len(unit) + 1]
        if unit.endswith(".slice"):
            return slice_path(unit)
        return f"/system.slice/{unit}"

    def _with(self, **attributes: Any) -> Host:
        new = copy.copy(self)
        new.__dict__.pop("_bills", None)
        for name, value in attributes.items():
            object.__setattr__(new, name, value)
        return new

    def addresses(self) -> Iterator[str]:
        """Every address that `but` takes, by name and program's own spelling."""
        for service in (*self.services, self.memory):
            for one in (service, *service.parts):
                for field, spec in type(one).specs().items():
                    yield f"{one.name}.{spec.name or field}"

    def exposures(self) -> tuple[Exposure, ...]:
        """What no setting bounds, beside the bill."""
        return tuple(exposure for service in self.services for exposure in service.exposures())

    def findings(self) -> tuple[Finding, ...]:
        """What every rule found, the most bytes first within a severity."""
        from capacity.rules import found

        return found(self)

    @property
    def settings(self) -> Settings:
        """Every setting in effect, with its origin and what it overrode; `.to_frame()` gives it as a table."""
        from capacity.table import settings_of

        return settings_of(self)

    def service(self, name: str) -> Service:
        """The service or part of this name or address. Raises UnknownName."""
        for service in self.services:
            for one in (service, *service.parts):
                if name in {one.name, one.address}:
                    return one
        raise UnknownName(name, known=tuple(service.name for service in self.services))

    def __repr__(self) -> str:
        return f"<Host {self.name}: {len(self.services)} services>"

    def _repr_html_(self) -> str:
        from capacity.report.cards import host_card

        return host_card(self)


def _changed(service: Any_Service, address: str, value: Any) -> Any_Service:
    """The service with the setting of this address changed, in itself and in its parts; itself where none fits."""
    for part in service.parts:
        new = _changed(part, address, value)
        if new is not part:
            assert isinstance(new, Part)
            service = service.with_part(new)
    field = _field(service, address)
    return service.but(**{field: value}) if field else service


def _field(service: Service, address: str) -> str:
    """The field of `service` that an address names, or nothing."""
    for name in (service.name, service.address, service.program, f"{service.name}.service"):
        if address.startswith(f"{name}."):
            wanted = address[len(name) + 1 :].replace("-", "_")
            for field, spec in type(service).specs().items():
                if wanted in {field, spec.name.replace("-", "_")}:
                    return field
    return ""
