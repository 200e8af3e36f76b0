"""Example hosts that ship with the package, as tar archives (a wheel keeps no symbolic links)."""

from __future__ import annotations

from pathlib import Path

from capacity.errors import UnknownName

_HERE = Path(__file__).parent


def names() -> tuple[str, ...]:
    """The names of the examples."""
    return tuple(sorted(path.name.removesuffix(".tar.gz") for path in _HERE.glob("*.tar.gz")))


def example(name: str) -> Path:
    """The path of an example's archive, for `read_host`: `incident-before`, `incident-after-first-fix`.

    Raises UnknownName.
    """
    path = _HERE / f"{name}.tar.gz"
    if name not in names():
        raise UnknownName(name, known=names())
    return path
