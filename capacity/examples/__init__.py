"""Example hosts that ship with the package, as tar archives (a wheel keeps no symbolic links)."""

from __future__ import annotations

import os

from capacity.errors import UnknownName

_HERE = os.path.dirname(__file__)
_ENDING = ".tar.gz"


def names() -> tuple[str, ...]:
    """The names of the examples."""
    return tuple(sorted(name.removesuffix(_ENDING) for name in os.listdir(_HERE) if name.endswith(_ENDING)))


def example(name: str) -> str:
    """The path of an example's archive, for `read_host`: `incident-before`, `incident-after-first-fix`.

    Raises UnknownName.
    """
    if name not in names():
        raise UnknownName(name, known=names())
    return os.path.join(_HERE, name + _ENDING)
