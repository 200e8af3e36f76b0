"""Where every value comes from: places in files, origins, settings in effect, and what readers hand on.

A value without an origin does not exist in this house. `setting()`, `demand()` and `assumption()` declare the fields of
a service; `since()` is a default that changed with a version.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import field
from typing import Any, ClassVar, Final

from capacity.arithmetic import UNLIMITED, Number
from capacity.errors import BadValue
from capacity.record import record

# ---------------------------------------------------------------------------------------------- origins


@record
class Origin:
    """Where a value comes from. `kind` is one of file, default, measured, assumed, given, derived, unknown."""

    kind: ClassVar[str] = ""


@record
class File(Origin):
    """A place in a file of the host: absolute path in the host, line from 1, columns from 1 (`span` is [start, end)).

    `span` counts characters of the line as decoded for people (UTF-8, else Latin-1). Line 0 means the file as a whole.
    `text` is the line as it stands, for showing; empty where it could hold a secret.
    """

    kind: ClassVar[str] = "file"
    path: str
    line: int = 0
    span: tuple[int, int] = (1, 1)
    text: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.span[0]}" if self.line else self.path


@record
class Default(Origin):
    """The program's own built-in value; `program` and `version` as in `mariadbd 10.11.11`."""

    kind: ClassVar[str] = "default"
    program: str
    version: str = ""

    def __str__(self) -> str:
        return f"default of {self.program}{' ' + self.version if self.version else ''}"


@record
class Measured(Origin):
    """A figure that was measured; `how` says where and when."""

    kind: ClassVar[str] = "measured"
    how: str

    def __str__(self) -> str:
        return f"measured: {self.how}"


@record
class Assumed(Origin):
    """What no setting says; `why` is the reason for the figure, in words."""

    kind: ClassVar[str] = "assumed"
    why: str

    def __str__(self) -> str:
        return f"assumed: {self.why}"


@record
class Given(Origin):
    """Given by the caller (Python, or an option of the command line named in `how`)."""

    kind: ClassVar[str] = "given"
    how: str = "by the caller"

    def __str__(self) -> str:
        return f"given {self.how}"


@record
class Derived(Origin):
    """Follows from other settings of the host through a coupling; `how` is the sum in words and numbers."""

    kind: ClassVar[str] = "derived"
    how: str

    def __str__(self) -> str:
        return f"derived: {self.how}"


@record
class NotKnown(Origin):
    """Why the value could not be known, and where it would have stood if that is known."""

    kind: ClassVar[str] = "unknown"
    why: str
    at: File | None = None

    def __str__(self) -> str:
        return f"not known: {self.why}"


# ---------------------------------------------------------------------------------------------- what readers hand on


@record
class Assignment:
    """One line of a file that assigns: `name` as the program spells it, `value` as text (None: no value stands there).

    Readers yield them in the order in which they win: of two that the program counts as the same, the later one is in
    force. `section` is the section, group, pool or unit section that the line stands in.
    """

    name: str
    value: str | None
    at: File
    section: str = ""


@record
class Refusal:
    """The program does not start with this configuration. `at` is the place, `reason` says why, as the program would.

    `lost` is true where a copied tree may merely lack what the live host has (an include, a directory).
    """

    program: str
    at: File
    reason: str
    lost: bool = False


@record
class NeverRead:
    """A file that looks like configuration and that the program never opens, or opens and ignores; `why` says which."""

    path: str
    why: str
    assignments: tuple[Assignment, ...] = ()


@record
class Remark:
    """What a reader noticed on the way and that weakens the answer: an unreadable file, a value that was ignored.

    `lost` is true where something that could matter is not known: a file that we may not read, or one that a copied
    tree may merely lack while the program passes over it in silence. Then no verdict is better than unknown.
    """

    at: File
    message: str
    lost: bool = False


@record
class Setting:
    """A named value in effect.

    `value` is whole bytes, a count, a flag or a word (UNKNOWN where it could not be known), `text` is how its file
    spells it, `overrode` are the settings that lost against it, the nearest loser first.
    """

    name: str
    value: Any
    origin: Origin
    text: str = ""
    overrode: tuple[Setting, ...] = ()


# ---------------------------------------------------------------------------------------------- defaults by version

_NUMBERS = re.compile(r"\d+")


def version_tuple(version: str) -> tuple[int, ...]:
    """The leading dotted numbers of an upstream version: `1:10.11.11-0+deb12u1` is (10, 11, 11)."""
    upstream = version.split(":", 1)[-1]
    head = re.match(r"\d+(?:\.\d+)*", upstream)
    return tuple(int(n) for n in _NUMBERS.findall(head[0])) if head else ()


def reaches(version: str, firsts: tuple[str, ...], branch: int = 2) -> bool | None:
    """Whether `version` has what came with `firsts`, one first version per release branch (the leading `branch`
    numbers). A branch that is not named has it if it is newer than all that are. None where the version is unknown, or
    too short to tell (`8.3` of a directory's name against `8.3.36`).
    """
    have = version_tuple(version)
    if len(have) < branch:
        return None
    for first in map(version_tuple, firsts):
        if have[:branch] == first[:branch]:
            return None if have == first[: len(have)] and have != first else have >= first
    return have[:branch] > max(version_tuple(first)[:branch] for first in firsts)


@record
class Since:
    """A value that changed in the releases `firsts`: `then` from there on, `before` in older ones; see `since()`."""

    firsts: tuple[str, ...]
    then: Any
    before: Any
    unknown: str | None = None

    def of(self, version: str) -> Any:
        """The value in `version`; where that is not known, the larger of the two (never under), of words `unknown`."""
        has = reaches(version, self.firsts)
        then = self.then.of(version) if isinstance(self.then, Since) else self.then
        before = self.before.of(version) if isinstance(self.before, Since) else self.before
        if has is None and self.unknown is not None:
            return self.unknown
        if has is None:
            return then if isinstance(then, str) or isinstance(before, str) else max(then, before)
        return then if has else before


def since(*firsts: str, then: Any, before: Any, unknown: str | None = None) -> Since:
    """A value by version, per release branch: `since("10.11.12", "11.4.6", then=b, before=a)`; they may be nested.

    `unknown` is the word to take where the version is not known: the one with which the bill is larger.
    """
    return Since(firsts, then, before, unknown)


# ---------------------------------------------------------------------------------------------- fields of a service

REQUIRED: Final = object()


@record
class Spec:
    """What a field of a service says about itself, once, for constructor, reader, report and manual page.

    `kind` is setting, demand or assumption. `parse` turns the program's text into a value and raises BadValue;
    `minimum`, `maximum` and `step` are the program's own; `monotone` is False where the bill may fall when it rises.
    `ceiling` is the word of an assumption with which a claim takes what the program enforces: nothing is assumed then.
    """

    kind: str
    name: str
    doc: str
    default: Any = REQUIRED
    source: str = ""
    parse: Callable[..., Any] | None = None
    minimum: Number | None = None
    maximum: Number | None = None
    step: Number = 1
    monotone: bool = True
    size: bool = True
    ceiling: str | None = None

    def assumes(self, value: Any) -> bool:
        """Whether a claim that read `value` stands under an assumption; not with the word that takes the ceiling."""
        return self.kind == "assumption" and not (isinstance(value, str) and value == self.ceiling)

    def default_of(self, version: str) -> Any:
        """The built-in value in `version` of the program."""
        return self.default.of(version) if isinstance(self.default, Since) else self.default


def setting(
    name: str,
    *,
    doc: str,
    source: str,
    default: Any = REQUIRED,
    parse: Callable[..., Any] | None = None,
    minimum: Number | None = None,
    maximum: Number | None = None,
    step: Number = 1,
    monotone: bool = True,
    size: bool = True,
) -> Any:
    """A field that a configuration file sets: the program's own name, default, sentence and source, said once.

    `size` is True for bytes, False for counts, flags and words. Without a default the field is required.
    """
    return field(
        default=None,
        metadata={"spec": Spec("setting", name, doc, default, source, parse, minimum, maximum, step, monotone, size)},
    )


def demand(doc: str) -> Any:
    """A field that the rest of the host may hold back; UNLIMITED until a coupling or a measurement knows better."""
    return field(default=None, metadata={"spec": Spec("demand", "", doc, UNLIMITED, size=False)})


def assumption(
    default: Any, doc: str, *, size: bool = False, monotone: bool = True, ceiling: str | None = None,
    parse: Callable[..., Any] | None = None,
) -> Any:  # fmt: skip
    """A field that no setting says: a default with its reason (`doc`), until it is given or measured.

    `ceiling` is the word, if any, with which claims take the limit that the program itself enforces; `parse` turns what
    is given as text into a value.
    """
    spec = Spec("assumption", "", doc, default, parse=parse, size=size, monotone=monotone, ceiling=ceiling)
    return field(default=None, metadata={"spec": spec})


def one_of(*words: str) -> Callable[[str], str]:
    """A parser of text that takes one of `words`, in any case, and raises BadValue for anything else."""

    def taken(text: str) -> str:
        if text.strip().lower() not in words:
            raise BadValue("word", text, accepts=" or ".join(words))
        return text.strip().lower()

    return taken
