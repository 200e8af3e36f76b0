"""What findings are made of: marks under settings and under those that lost, and the largest value that still fits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from capacity.findings import Edit, Mark
from capacity.service import Notes, Reading, ReadUnknown, Service
from capacity.settings import File, NotKnown, Setting

if TYPE_CHECKING:
    from capacity.host import Host


def known(service: Service, name: str) -> Any:
    """The value of a field, property or term of a service, or None where it hangs on something that is not known."""
    try:
        return getattr(Reading(service, Notes()), name)
    except ReadUnknown:
        return None


def marks(setting: Setting, words: str, lost: str = "loses") -> Iterator[Mark]:
    """The place of a setting with these words under it, and the places of the settings that lost against it."""
    place = setting.origin.at if isinstance(setting.origin, NotKnown) else setting.origin
    if isinstance(place, File):
        yield Mark(place, words)
    for loser in setting.overrode:
        if isinstance(loser.origin, File):
            yield Mark(loser.origin, lost, loser=True)


def edit(setting: Setting, value: str) -> Edit | None:
    """The line of a setting with another value in it; None where it stands in no file, or in the midst of a command."""
    place = setting.origin
    if not isinstance(place, File) or not place.text:
        return None
    start, end = place.span
    if place.text[start - 1 : end - 1].strip("\"'") != setting.text:
        return None
    return Edit(place.path, place.line, place.text, place.text[: start - 1] + value + place.text[end - 1 :])


def largest_that_fits(host: Host, address: str, low: int, high: int, value: Callable[[int], int]) -> int | None:
    """The largest whole number from `low` to `high` with which the host's bill fits under its alert line, or None.

    `value` turns the number into the setting's value (whole MiB into bytes). Asks the model itself, by halving: for
    settings with which the bill does not fall.
    """

    def used(number: int) -> float:
        bill = host.but({address: value(number)}).bill()
        most = bill.alert * bill.budget.mem_total
        return math.inf if bill.verdict == "unlimited" else float(100 * bill.used - most)

    if high < low or (over_low := used(low)) > 0:
        return None
    if (over_high := used(high)) <= 0:
        return high
    turn, fitted = 0, True
    while high - low > 1:
        middle = (low + high) // 2
        if turn == 0 and over_high < math.inf:
            # a bill is nearly straight in one setting: where the line is crossed, and then right beside it
            middle = low + int((high - low) * -over_low / (over_high - over_low))
        elif turn == 1:
            middle = low + 1 if fitted else high - 1
        middle = min(max(middle, low + 1), high - 1)
        fitted = used(middle) <= 0
        low, high = (middle, high) if fitted else (low, middle)
        turn += 1
    return low
