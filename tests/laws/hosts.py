"""Any host: services of the registry, walls round some of their control groups, some RAM and swap."""

from __future__ import annotations

from hypothesis import strategies as st

from capacity.arithmetic import UNLIMITED
from capacity.host import Host
from capacity.memory import Memory
from capacity.services.registry import SERVICES
from capacity.units import GiB, MiB
from capacity.walls import Wall
from tests.laws.datasheets import services

GROUPS = ("/system.slice/a.service", "/system.slice/b.service", "/user.slice/user-1.slice/s.scope", "")
WALLS = ("/system.slice", "/system.slice/a.service", "/user.slice", "/user.slice/user-1.slice")
LIMITS = st.one_of(st.integers(0, 8 * GiB), st.just(UNLIMITED))


@st.composite
def hosts(draw: st.DrawFn, *, walled: bool = True) -> Host:
    """A host of up to three services, in control groups with and without walls."""
    chosen = draw(st.lists(st.sampled_from(list(SERVICES)), min_size=1, max_size=3, unique=True))
    placed = tuple(draw(services(kind))._with(cgroup=draw(st.sampled_from(GROUPS))) for kind in chosen)
    for service in placed:
        service._hold_parts()
    walls = ()
    if walled:
        paths = draw(st.lists(st.sampled_from(WALLS), max_size=3, unique=True))
        walls = tuple(_wall(draw, path) for path in paths)
    memory = Memory(
        name="kernel", mem_total=draw(st.integers(64 * MiB, 64 * GiB)), swap_total=draw(st.integers(0, 8 * GiB))
    )
    return Host(name="any", memory=memory, services=placed, walls=walls)


def _wall(draw: st.DrawFn, path: str) -> Wall:
    swap, address_space = draw(LIMITS), draw(st.one_of(st.just(UNLIMITED), st.integers(16 * MiB, GiB)))
    return Wall(
        name=path.rsplit("/", 1)[-1], cgroup=path, memory_max=draw(LIMITS), swap_max=swap, limit_as=address_space
    )
