"""What can go wrong, as one tree.

    CapacityError
    ├── NotReadable      a root, a file or a folder that is there and cannot be read
    │   ├── Missing      nothing is there
    │   ├── LinkLoop     symbolic links that lead round in a circle
    │   └── TooLarge     more members, bytes or depth than a host's configuration has
    ├── BadValue         a value that its program, or this library, cannot take
    ├── UnknownName      an address that names no service, setting or wall
    └── UnknownFlag      a command line that cannot be understood

An error stops a question. What only weakens an answer is a Finding, and a program that would refuse its own
configuration is a Refusal: both are results, not exceptions.
"""

from __future__ import annotations


class CapacityError(ValueError):
    """Root of every error that this library raises on purpose: one line that says where, what, and what is accepted."""


class NotReadable(CapacityError):
    """Something that is there and cannot be read. `path` is a path in the host, `why` says what stood in the way."""

    def __init__(self, path: str, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"{path}: {why}")


class Missing(NotReadable):
    """Nothing is there under this path of the host."""

    def __init__(self, path: str, why: str = "no such file or directory") -> None:
        super().__init__(path, why)


class LinkLoop(NotReadable):
    """Symbolic links that never end at a file."""

    def __init__(self, path: str, why: str = "too many levels of symbolic links") -> None:
        super().__init__(path, why)


class TooLarge(NotReadable):
    """More members, bytes or depth than the configuration of a host can have; the limit stands in the text."""


class BadValue(CapacityError):
    """A value that cannot be taken: `where: name = 'value': expected accepts`.

    `where` is anything whose `str()` is a place (a `File` of `capacity.settings`), or None for a value from the caller.
    """

    def __init__(self, name: str, value: object, where: object = None, *, accepts: str) -> None:
        self.name, self.value, self.where, self.accepts = name, value, where, accepts
        place = f"{where}: " if where is not None else ""
        super().__init__(f"{place}{name} = {value!r}: expected {accepts}")


class UnknownName(CapacityError):
    """An address that names nothing; the text proposes what is near."""

    def __init__(self, name: str, *, known: tuple[str, ...] = ()) -> None:
        self.name = name
        from difflib import get_close_matches

        near = get_close_matches(name, known, n=3)
        hint = (
            f" (did you mean {', '.join(near)}?)" if near else (f" (known: {', '.join(known[:12])})" if known else "")
        )
        super().__init__(f"nothing is called {name!r} here{hint}")


class UnknownFlag(CapacityError):
    """A command line that cannot be understood."""
