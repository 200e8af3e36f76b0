"""Any service of the registry with any settings that its program would take, for the laws that hold for all of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from capacity.arithmetic import UNLIMITED
from capacity.service import Part, Service
from capacity.services.mariadb import MariaDb
from capacity.services.php_fpm import PhpFpm, PhpFpmPool
from capacity.services.process import Process
from capacity.services.registry import SERVICES
from capacity.settings import REQUIRED, Spec

MOST_BYTES = 2**30  # with the counts below every product stays under 2^53, where float64 is exact
MOST_COUNT = 100
PARTS: dict[type[Service], type[Part]] = {PhpFpm: PhpFpmPool}
VERSIONS = {
    PhpFpm: ("7.4.33", "8.2.31", "8.2.36", "8.5.12", ""),
    MariaDb: ("10.5.3", "10.11.11", "10.11.19", "11.8.6"),
    Process: ("",),
}


def numeric(cls: type[Service]) -> dict[str, Spec]:
    """The fields of a datasheet that hold numbers, by name."""
    sheet = {}
    for name, spec in cls.specs().items():
        default = 1 if spec.default is REQUIRED else spec.default_of("")
        if not isinstance(default, str):
            sheet[name] = spec
    return sheet


@st.composite
def value_of(draw: st.DrawFn, spec: Spec) -> Any:
    """A value that the program takes: from its minimum on; now and then no limit where there is no maximum."""
    low = int(spec.minimum or 0)
    top = MOST_BYTES if spec.size else MOST_COUNT
    high = int(min(top, spec.maximum)) if spec.maximum is not None and not math.isinf(spec.maximum) else top
    high = max(low, high)
    if high - low <= 1:
        return draw(st.integers(low, high))
    return draw(st.one_of(st.just(low), st.integers(low, high), st.just(high)))


@st.composite
def values(draw: st.DrawFn, cls: type[Service]) -> dict[str, Any]:
    """A value for some of the numeric fields of a datasheet, and for every required one."""
    found = {}
    for name, spec in numeric(cls).items():
        if spec.default is REQUIRED or draw(st.booleans()):
            found[name] = draw(value_of(spec))
    return found


@st.composite
def services(draw: st.DrawFn, cls: type[Service] | None = None, name: str = "") -> Service:
    """A service of the registry (or of `cls`), with parts where it has some."""
    kind = cls or draw(st.sampled_from(list(SERVICES)))
    version = draw(st.sampled_from(VERSIONS[kind]))
    fields = draw(values(kind))
    if kind in PARTS:
        names = draw(st.lists(st.sampled_from(["www", "shop", "api"]), min_size=1, max_size=3, unique=True))
        fields[kind.part_field] = tuple(PARTS[kind](name=part, **draw(values(PARTS[kind]))) for part in names)
    return kind(name=name or kind.program, version=version, **fields)


def total(service: Service) -> Any:
    """Bytes of every claim of a service, less its caps."""
    claims = tuple(service.claims())
    return sum((claim.total for claim in claims), 0) - sum((cap.relief for cap in service.caps(claims)), 0)


@dataclass(frozen=True)
class Place:
    """A numeric field of a service or of one of its parts."""

    part: str
    field: str
    spec: Spec


def places(service: Service) -> list[Place]:
    """Every numeric field of a service and of its parts."""
    found = [Place("", name, spec) for name, spec in numeric(type(service)).items()]
    for part in service.parts:
        found += [Place(part.name, name, spec) for name, spec in numeric(type(part)).items()]
    return found


def with_value(service: Service, place: Place, value: Any) -> Service:
    """The service with one numeric field changed, in itself or in a part."""
    if not place.part:
        return service.but(**{place.field: value})
    (part,) = (part for part in service.parts if part.name == place.part)
    return service.with_part(part.but(**{place.field: value}))


def read(service: Service, place: Place) -> Any:
    """The value of a numeric field."""
    owner: Service = service
    if place.part:
        (owner,) = (part for part in service.parts if part.name == place.part)
    return getattr(owner, place.field)


__all__ = ["UNLIMITED", "Place", "numeric", "places", "read", "services", "total", "value_of", "with_value"]
