"""A service is a datasheet: settings, demands and assumptions as fields, terms and claims as decorated methods.

Nothing is written twice. Which settings a claim used is found by running its formula on a stand-in that notes what is
read (`Reading`); the formula's text is the `return` expression itself (`capacity.formula`); a sweep is the same
formula with arrays in the fields. A service is changed by `.but(...)` alone, so that an origin cannot go stale.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Final, TypeVar

from capacity.arithmetic import UNKNOWN, UNLIMITED, Number, any_unlimited, is_array, times
from capacity.claims import Bound, Cap, Claim, ClaimMethod, Exposure, Kind, Term, claim, term
from capacity.errors import BadValue, UnknownName
from capacity.settings import REQUIRED, Assumed, Default, Given, Origin, Setting, Spec
from capacity.units import bytes_given

# ---------------------------------------------------------------------------------------------- what formulas read


class ReadUnknown(Exception):
    """A formula asked for a value that is not known; caught where claims are made, never seen by a caller."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting


@dataclass(slots=True)
class Notes:
    """What one formula read: settings by (service, field), the values of its terms and of its properties by name."""

    settings: dict[tuple[str, str], Setting] = field(default_factory=dict)
    terms: dict[str, Number] = field(default_factory=dict)
    derived: dict[str, Any] = field(default_factory=dict)
    assumed: bool = False


class Reading:
    """A stand-in for a service that notes every setting that a formula reads, through properties and terms."""

    __slots__ = ("_notes", "_of")

    def __init__(self, of: Service, notes: Notes) -> None:
        self._of, self._notes = of, notes

    def __getattr__(self, name: str) -> Any:
        of, notes = self._of, self._notes
        member = getattr(type(of), name, None)
        if isinstance(member, Term):
            value = notes.terms[name] = member.compute(self)
            return value
        if isinstance(member, property) and member.fget is not None:
            value = notes.derived[name] = member.fget(self)
            return value
        setting = of.known.get(name)
        if setting is not None:
            if setting.value is UNKNOWN:
                raise ReadUnknown(setting)
            notes.settings[of.address, name] = setting
            notes.assumed |= type(of).specs()[name].assumes(setting.value)
            return setting.value
        value = getattr(of, name)
        if isinstance(value, Service):
            return Reading(value, notes)
        if isinstance(value, tuple) and value and isinstance(value[0], Service):
            return tuple(Reading(part, notes) for part in value)
        return value


# ---------------------------------------------------------------------------------------------- the datasheet

Self = TypeVar("Self", bound="Service")
_SPECS: Final[dict[type, dict[str, Spec]]] = {}
_CLAIMS: Final[dict[type, tuple[ClaimMethod, ...]]] = {}


@dataclass(frozen=True, eq=False, kw_only=True)
class Service:
    """Something on a host that takes memory. Subclasses are datasheets; see docs/adding-a-service.md.

    `name` is the address of the service on its host, `version` the program's own (empty where it is not known), `unit`
    what starts it, `cgroup` the control group that its processes live in. `known` holds a Setting for every field; a
    value passed as a keyword is given, a Setting passed in `known` brings its own origin. Raises BadValue.
    """

    program: ClassVar[str] = ""
    part_field: ClassVar[str] = ""
    stands_for: ClassVar[Mapping[str, str]] = {}  # an assumption without a limit, and the property that it then is

    name: str
    version: str = ""
    unit: str = ""
    cgroup: str = ""
    known: Mapping[str, Setting] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        known: dict[str, Setting] = {}
        for name, spec in type(self).specs().items():
            known[name] = chosen = self._chosen(name, spec)
            object.__setattr__(self, name, chosen.value)
        object.__setattr__(self, "known", known)
        self._hold_parts()

    def _hold_parts(self) -> None:
        if self.part_field:
            object.__setattr__(self, self.part_field, tuple(part.held_by(self) for part in self.parts))

    def _chosen(self, name: str, spec: Spec) -> Setting:
        passed, read = getattr(self, name), self.known.get(name)
        if read is not None and (passed is None or passed is read.value):
            return Setting(read.name, _number(spec, name, read.value), read.origin, read.text, read.overrode)
        if passed is not None:
            value = _number(spec, name, passed)
            _check_range(spec, name, value)
            return Setting(spec.name or name, value, Given(), str(passed), ())
        if spec.default is REQUIRED:
            raise BadValue(spec.name or name, "", accepts=f"a value: {spec.doc}")
        return Setting(spec.name or name, _number(spec, name, spec.default_of(self.version)), self._origin(spec))

    def _origin(self, spec: Spec) -> Origin:
        if spec.kind == "setting":
            return Default(self.program, self.version)
        return Assumed(spec.doc if spec.kind == "assumption" else "nothing holds it back")

    @classmethod
    def specs(cls) -> dict[str, Spec]:
        """The Spec of every field that is a setting, demand or assumption, in the order of the datasheet."""
        if cls not in _SPECS:
            _SPECS[cls] = {f.name: f.metadata["spec"] for f in fields(cls) if "spec" in f.metadata}
        return _SPECS[cls]

    @classmethod
    def claim_methods(cls) -> tuple[ClaimMethod, ...]:
        """The claims of the datasheet, in the order in which they stand there, base classes first."""
        if cls not in _CLAIMS:
            found: dict[str, ClaimMethod] = {}
            for base in reversed(cls.__mro__):
                found.update({n: m for n, m in vars(base).items() if isinstance(m, ClaimMethod)})
            _CLAIMS[cls] = tuple(found.values())
        return _CLAIMS[cls]

    @property
    def address(self) -> str:
        """How the service is named in addresses: `mariadbd`, `php8.3-fpm`, `php8.3-fpm/www`."""
        return self.name

    @property
    def instance(self) -> str:
        """Which of several services of one program this is: its unit without the ending, else its name."""
        return self.unit.removesuffix(".service") or self.name

    def listed(self) -> Iterator[tuple[str, Setting]]:
        """(scope, setting) of each row of the settings table; scopes are `server`, `global`, `master`, `pool:NAME`."""
        for name, spec in type(self).specs().items():
            if spec.kind == "setting" and " " not in spec.name:  # with a blank it stands for several settings of others
                yield "server", self.known[name]

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the service that have claims of their own (the pools of a master, in `part_field`)."""
        return getattr(self, self.part_field) if self.part_field else ()

    def but(self: Self, **changes: Any) -> Self:
        """The same service with some settings changed; the new value is given (or brings its origin as a Setting) and
        remembers what it overrode. Text is read in the program's own dialect. Raises BadValue and UnknownName.
        """
        known = dict(self.known)
        for name, value in changes.items():
            spec = type(self).specs().get(name)
            if spec is None:
                raise UnknownName(name, known=tuple(type(self).specs()))
            old = known[name]
            new = value if isinstance(value, Setting) else self._given(name, spec, value)
            known[name] = Setting(old.name, _number(spec, name, new.value), new.origin, new.text, (old, *old.overrode))
        return self._with(known=known)

    def _given(self, name: str, spec: Spec, value: Any) -> Setting:
        text = value if isinstance(value, str) else ""
        if isinstance(value, str) and spec.parse is not None:
            try:
                value = spec.parse(value)
            except BadValue as error:
                raise BadValue(spec.name or name, text, accepts=error.accepts) from None
        elif isinstance(value, str) and not isinstance(self.known[name].value, str):
            value = number_given(spec, name, value)
        value = _number(spec, name, value)
        _check_range(spec, name, value)
        return Setting(spec.name or name, value, Given(), text)

    def _with(self: Self, **attributes: Any) -> Self:
        new = copy.copy(self)
        new.__dict__.pop("_claims", None)
        for name, value in attributes.items():
            object.__setattr__(new, name, value)
        if "known" in attributes:
            for name, setting in new.known.items():
                object.__setattr__(new, name, setting.value)
        new._hold_parts()
        return new

    def with_part(self: Self, part: Part) -> Self:
        """The same service with the part of that name replaced."""
        return self._with(**{self.part_field: tuple(part if p.name == part.name else p for p in self.parts)})

    def claims(self) -> tuple[Claim, ...]:
        """Every claim of the service and of its parts, in the order of the datasheet; made once for each service."""
        made: tuple[Claim, ...] | None = self.__dict__.get("_claims")
        if made is None:
            own = tuple(_made(self, method) for method in type(self).claim_methods())
            made = own + tuple(claim for part in self.parts for claim in part.claims())
            self.__dict__["_claims"] = made
        return made

    def caps(self, claims: tuple[Claim, ...]) -> Iterator[Cap]:  # noqa: ARG002  (subclasses read the claims)
        """Limits inside the program over several of its parts; `claims` are those of this service."""
        return iter(())

    def exposures(self) -> Iterator[Exposure]:
        """What no setting of this program bounds, beside its claims."""
        return iter(())


@dataclass(frozen=True, eq=False, kw_only=True)
class Part(Service):
    """A part of a service with claims of its own (a pool); its formulas may read `self.master`, which holds it."""

    master: Any = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """Master and part: `php8.3-fpm/www`."""
        return f"{self.master.name}/{self.name}" if self.master is not None else self.name

    @property
    def instance(self) -> str:
        """The instance of the master."""
        return str(self.master.instance) if self.master is not None else self.name

    def held_by(self: Self, master: Service) -> Self:
        """A copy that knows its master, lives in its control group and has the defaults of its version."""
        known = dict(self.known)
        if master.version != self.version:
            for name, spec in type(self).specs().items():
                if known[name].origin.kind == "default":
                    value = spec.default_of(master.version)
                    known[name] = Setting(known[name].name, value, Default(self.program, master.version))
        return self._with(master=master, cgroup=master.cgroup, version=master.version, known=known)


def _made(service: Service, method: ClaimMethod) -> Claim:
    notes = Notes()
    reading = Reading(service, notes)
    try:
        count = getattr(reading, method.count) if method.count else 1
        each = method.compute(reading)
        total = times(count, each)
        unlimited = any_unlimited(total)
        measured = getattr(reading, method.measured) if unlimited and method.measured else 0
        unknown = None
    except ReadUnknown as read:
        count, each, total, measured, unlimited, unknown = 0, 0, 0, 0, False, read.setting
    bound: Bound = "unlimited" if unlimited else "assumed" if notes.assumed else "enforced"
    reads = tuple((f"{address}.{name}", setting) for (address, name), setting in notes.settings.items())
    return Claim(
        service.address, method.name, method.process, method.kind, count, each, total, bound, reads,
        tuple(notes.terms.items()), tuple(notes.derived.items()), method.doc, measured, method, service.cgroup, unknown,
    )  # fmt: skip


def number_given(spec: Spec, name: str, text: str) -> Number:
    """A number given to this tool as text, for a field whose program has no dialect of its own. Raises BadValue."""
    if text.lower() in {"unlimited", "infinity", "none"}:
        return UNLIMITED
    if spec.size:
        return bytes_given(text, spec.name or name)
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise BadValue(spec.name or name, text, accepts="a whole number")
    return int(text)


def _number(spec: Spec, name: str, value: Any) -> Any:
    """`value` as it may stand in a field: whole, not negative, arrays in float64; words and UNKNOWN as they are."""
    if isinstance(value, str) or value is UNKNOWN:
        return value
    if isinstance(value, (list, range)) or is_array(value):
        import numpy as np

        array = np.asarray(value, dtype=np.float64)
        if np.isnan(array).any() or (array < 0).any() or (np.isfinite(array) & (array != np.floor(array))).any():
            raise BadValue(spec.name or name, "an array", accepts="whole numbers that are not negative")
        return array
    if isinstance(value, bool):
        return int(value)
    if not isinstance(value, (int, float)) or math.isnan(value) or value < 0:
        raise BadValue(spec.name or name, value, accepts="a whole number that is not negative")
    if isinstance(value, float) and math.isfinite(value):
        if value != math.floor(value):
            raise BadValue(spec.name or name, value, accepts="a whole number")
        return int(value)
    return value


def _check_range(spec: Spec, name: str, value: Any) -> None:
    """Raises BadValue where the program itself would not take a given `value`."""
    if isinstance(value, str) or value is UNKNOWN:
        return
    least = value.min() if is_array(value) and value.size else value
    most = value.max() if is_array(value) and value.size else value
    if is_array(value) and not value.size:
        return
    low, high = spec.minimum, spec.maximum
    if (low is not None and least < low) or (high is not None and most > high and not math.isinf(most)):
        limits = f"{low if low is not None else 0} or more" if high is None else f"{low or 0} to {high}"
        raise BadValue(spec.name or name, value, accepts=limits)


__all__ = [
    "Bound", "Cap", "Claim", "ClaimMethod", "Exposure", "Kind", "Part", "Reading", "Service", "Term", "claim", "term",
]  # fmt: skip
