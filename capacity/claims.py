"""Claims, the atoms of the model: the decorators that make them of methods, and the lines of a bill that come of them.

A claim is "up to `count` x `each` bytes, of this kind, in this process, because of these settings"; a term is a named
part of one; a cap is a limit inside a program over several parts. `capacity.service` runs the formulas.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, cast

from capacity.arithmetic import UNLIMITED, Number, above, choose, is_array, smaller, times
from capacity.record import record
from capacity.settings import File, Setting

Kind = Literal["private", "shared", "kernel"]
Bound = Literal["enforced", "assumed", "unlimited"]


class Term:
    """A named part of a claim: read like a property, explained under the claim, never added by itself."""

    def __init__(self, compute: Callable[[Any], Number]) -> None:
        self.compute, self.name, self.doc = compute, compute.__name__, first_line(compute.__doc__)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else self.compute(instance)


class ClaimMethod(Term):
    """What `@claim` makes of a method: its value is `each`, the bytes of one; `count` names how many there are."""

    def __init__(self, compute: Callable[[Any], Number], process: str, count: str, kind: Kind, measured: str) -> None:
        super().__init__(compute)
        self.process, self.count, self.kind, self.measured = process, count, kind, measured


def term(compute: Callable[[Any], Number]) -> Any:
    """A named, cited part of a claim: one `return`, bytes (or a count, as its docstring says)."""
    return Term(compute)


def claim(*, process: str, kind: Kind, count: str = "", measured: str = "") -> Callable[[Callable[[Any], Number]], Any]:
    """Up to `count` (a field or property; once without it) x the returned bytes, in `process`, of this `kind`.

    `measured` names the field whose figure stays in the bounded part where the claim is unlimited.
    """

    def decorate(compute: Callable[[Any], Number]) -> Any:
        return ClaimMethod(compute, process, count, kind, measured)

    return decorate


def first_line(doc: str | None) -> str:
    """The first line of a docstring, without the parenthesis that names its source."""
    return (doc or "").strip().split("\n", 1)[0]


@record
class Claim:
    """`count` x `each` bytes of one kind in one process, because of `reads`.

    `total` is count x each; UNLIMITED where nothing bounds it. `unknown` is the setting that could not be known: then
    count, each and total are 0 and the claim stands outside the sum. `measured` stays in the bounded part where the
    total is unlimited. Numbers may be arrays that broadcast.
    """

    service: str
    name: str
    process: str
    kind: Kind
    count: Number
    each: Number
    total: Number
    bound: Bound
    reads: tuple[tuple[str, Setting], ...]
    terms: tuple[tuple[str, Number], ...]
    derived: tuple[tuple[str, Number], ...]
    doc: str
    measured: Number
    method: ClaimMethod
    cgroup: str
    unknown: Setting | None = None

    @property
    def bounded(self) -> Number:
        """Bytes of the bounded part: the total, or the measured figure where the total is unlimited."""
        if is_array(self.total):
            return choose(self.total == UNLIMITED, self.measured, self.total)
        return self.measured if math.isinf(self.total) else self.total


@record
class Cap:
    """A limit inside a program over several parts: of all their processes at most `limit` run at once.

    `members` are (count, each) of the parts; the dearest run first. `reads` are the settings that say so.
    """

    service: str
    name: str
    limit: Number
    members: tuple[tuple[Number, Number], ...]
    reads: tuple[tuple[str, Setting], ...]
    cgroup: str = ""

    @property
    def relief(self) -> Number:
        """Bytes that the cap takes off: what the members claim, less the dearest `limit` of them.

        An unlimited member keeps a process (it runs first), and so the sum unlimited; only finite bytes are taken off.
        """
        if not self.members:
            return 0
        if is_array(self.limit, *(number for member in self.members for number in member)):
            return self._relief_of_arrays()
        left, relief = self.limit, cast("Number", 0)
        for count, each in sorted(self.members, key=lambda member: -member[1]):
            runs = smaller(count, left)
            left = left - runs if not math.isinf(left) else left
            relief += times(above(count, runs), 0 if math.isinf(each) else each)
        return relief

    def _relief_of_arrays(self) -> Number:
        import numpy as np

        numbers = np.broadcast_arrays(self.limit, *(n for member in self.members for n in member))
        left: Number = numbers[0]
        counts, costs = np.stack(numbers[1::2]), np.stack(numbers[2::2])
        order = np.argsort(-costs, axis=0, kind="stable")
        counts, costs = np.take_along_axis(counts, order, 0), np.take_along_axis(costs, order, 0)
        relief: Number = np.zeros(counts.shape[1:])
        for count, each in zip(counts, costs, strict=True):
            runs = np.minimum(count, left)
            left = above(left, runs)
            relief = relief + times(above(count, runs), np.where(np.isinf(each), 0, each))
        return relief


@record
class Exposure:
    """What no setting bounds beside the claims: named with its reason and its remedy, never summed."""

    service: str
    what: str
    why: str
    fix: str
    evidence: tuple[File, ...] = ()
