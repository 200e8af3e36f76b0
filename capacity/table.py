"""Every setting in effect on a host, as one table: what a datasheet holds, and what else was read and is in force."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from capacity.record import record
from capacity.service import Service
from capacity.settings import Setting

if TYPE_CHECKING:
    from capacity.host import Host


@record
class Row:
    """A setting in effect with its program, the program's version, the instance, and the scope that it is set in."""

    program: str
    version: str
    instance: str
    scope: str
    setting: Setting


class Settings(tuple[Row, ...]):
    """The rows in the order of the services; `.to_frame()` gives a pandas table."""

    __slots__ = ()

    def to_frame(self) -> Any:
        """The rows as a pandas DataFrame; columns and dtypes as `capacity.frames.settings_frame` says."""
        from capacity.frames import settings_frame

        return settings_frame(self)

    def of(self, name: str, scope: str = "") -> tuple[Setting, ...]:
        """The settings of this name, of every program and scope, or of one scope only."""
        return tuple(row.setting for row in self if row.setting.name == name and scope in {"", row.scope})


def settings_of(host: Host) -> Settings:
    """Every setting in effect on `host`."""
    return Settings(_rows(host))


def _rows(host: Host) -> Iterator[Row]:
    for service in (*host.services, *host.walls, host.memory):
        for one in (service, *service.parts):
            yield from _of(one)
    yield from host.table()


def _of(service: Service) -> Iterator[Row]:
    for scope, setting in service.listed():
        yield Row(service.program, service.version, service.instance, scope, setting)
