"""Small records that nobody changes, made quickly: `dataclass(frozen=True, slots=True)` at a tenth of its cost.

A command that answers in a tenth of a second cannot spend half of it on writing the same six methods for a hundred
classes: here only `__init__` is written for each class, the rest is shared. That nobody sets a field again is checked
by the type checker (`frozen_default`), not at every assignment. `dataclasses.field`, `fields` and `replace` work as
usual; keyword-only fields, InitVar and `__post_init__` do not.
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, field
from typing import Any, TypeVar, dataclass_transform

Class = TypeVar("Class", bound=type)
_FIELD: Any = vars(dataclasses)["_FIELD"]  # the mark by which `fields` and `replace` know a field of an instance


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: Class) -> Class:
    """Makes a class a record: equal and hashed by its fields, shown by its fields, never changed. Bases may be records.

    Raises TypeError where a field without a default follows one with a default.
    """
    own = _own_fields(cls)
    every: dict[str, Any] = {}
    for base in reversed(cls.__mro__[1:]):
        every.update(getattr(base, "__dataclass_fields__", {}))
    every.update(own)
    body = {name: value for name, value in vars(cls).items() if name not in {*own, "__dict__", "__weakref__"}}
    body["__slots__"] = tuple(own)
    body["__dataclass_fields__"] = every
    body["__match_args__"] = tuple(every)
    body["_compared"] = tuple(name for name, one in every.items() if one.compare)
    body["_shown"] = tuple(name for name, one in every.items() if one.repr)
    body["__init__"] = _init(cls, every)
    body.setdefault("__repr__", _repr)
    if "__eq__" not in body:
        body["__eq__"], body["__hash__"] = _eq, _hash
    made = type(cls)(cls.__name__, cls.__bases__, body)
    made.__qualname__ = cls.__qualname__
    return made


def _own_fields(cls: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, annotation in vars(cls).get("__annotations__", {}).items():
        if "ClassVar" in str(annotation):
            continue
        default = vars(cls).get(name, MISSING)
        one: Any = default if isinstance(default, dataclasses.Field) else field(default=default)
        one.name, one.type, one._field_type = name, annotation, _FIELD
        found[name] = one
    return found


def _init(cls: type, every: dict[str, Any]) -> Any:
    """`__init__` of a class: the one method that is written for it."""
    arguments, lines, names = [], [], {}
    for name, one in every.items():
        value = name
        if one.default_factory is not MISSING:
            arguments.append(f"{name}=_none")
            names[f"_make_{name}"] = one.default_factory
            value = f"_make_{name}() if {name} is _none else {name}"
        elif one.default is not MISSING:
            arguments.append(f"{name}=_default_{name}")
            names[f"_default_{name}"] = one.default
        elif any("=" in argument for argument in arguments):
            raise TypeError(f"{cls.__name__}: field {name!r} without a default follows one with a default")
        else:
            arguments.append(name)
        lines.append(f"    self.{name} = {value}")
    space: dict[str, Any] = {"_none": MISSING, **names}
    # as the standard library's dataclasses do it; names are those of a class statement, never text from outside
    exec(f"def __init__(self, {', '.join(arguments)}):\n" + ("\n".join(lines) or "    pass"), space)
    return space["__init__"]


def _values(of: Any) -> tuple[Any, ...]:
    return tuple(getattr(of, name) for name in of._compared)


def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._shown)
    return f"{type(self).__qualname__}({shown})"


def _eq(self: Any, other: object) -> bool:
    return self.__class__ is other.__class__ and bool(_values(self) == _values(other))


def _hash(self: Any) -> int:
    return hash(_values(self))
