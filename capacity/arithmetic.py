"""The few operations that a formula of memory may use, and the two values that are no number of bytes.

Given plain Python numbers every operation uses Python's own, exact for any size, and never imports numpy; given numpy
arrays it broadcasts in float64, exact below 2^53 bytes (8 PiB). `UNLIMITED` is infinity; nothing times it is nothing;
rounding and dividing leave it as it is: handled here, once.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Number: TypeAlias = int | float | NDArray[np.float64]
else:
    Number: TypeAlias = Any

UNLIMITED: Final = math.inf


class Unknown:
    """The value of a setting that could not be known. A formula that reads it has no result; it never becomes zero."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        raise TypeError("UNKNOWN is neither true nor false")


UNKNOWN: Final = Unknown()


def is_array(*values: object) -> bool:
    """Whether any of `values` is a numpy array; does not import numpy."""
    for value in values:  # noqa: SIM110  (any() makes a generator, and a bill asks ten thousand times)
        if not isinstance(value, (int, float)) and hasattr(value, "__array_interface__"):
            return True
    return False


def any_unlimited(value: Number) -> bool:
    """Whether `value`, or a cell of it, is UNLIMITED."""
    return bool(cast("Any", value == UNLIMITED).any()) if is_array(value) else value == UNLIMITED


def smaller(a: Number, b: Number) -> Number:
    """The smaller of two numbers, cell by cell."""
    if is_array(a, b):
        import numpy as np

        return np.minimum(a, b)
    return min(a, b)


def larger(a: Number, b: Number) -> Number:
    """The larger of two numbers, cell by cell."""
    if is_array(a, b):
        import numpy as np

        return np.maximum(a, b)
    return max(a, b)


def choose(when: Any, then: Number, otherwise: Number) -> Number:
    """`then` where `when` is true (or not zero), `otherwise` elsewhere; both sides are already computed."""
    if is_array(when, then, otherwise):
        import numpy as np

        return cast("Number", np.where(np.asarray(when, dtype=bool), then, otherwise))
    return then if when else otherwise


def times(count: Number, each: Number) -> Number:
    """`count` x `each`, where nothing times UNLIMITED is nothing."""
    if is_array(count, each):
        import numpy as np

        count, each = np.broadcast_arrays(count, each)
        return np.multiply(count, each, out=np.zeros(count.shape), where=(count != 0) & (each != 0))
    return 0 if count == 0 or each == 0 else count * each


def part(x: Number, up: Number, down: Number) -> Number:
    """x * up / down in whole bytes, rounded up; UNLIMITED stays UNLIMITED. `down` is positive and finite."""
    return _divided_up(times(x, up), down)


def round_up(x: Number, step: Number) -> Number:
    """The least whole multiple of `step` that is not under `x`."""
    return times(_divided_up(x, step), step)


def round_down(x: Number, step: Number) -> Number:
    """The largest whole multiple of `step` that is not over `x`; never used for what a bill promises."""
    if is_array(x, step):
        import numpy as np

        x, step = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(step, dtype=float))
        finite = np.isfinite(x)
        return x - np.fmod(x, step, out=np.zeros(x.shape), where=finite)
    return x if math.isinf(x) else x // step * step


def above(x: Number, floor: Number) -> Number:
    """What of `x` lies above `floor`, never under zero; UNLIMITED above itself is 0."""
    if is_array(x, floor):
        import numpy as np

        x, floor = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(floor, dtype=float))
        return np.subtract(x, floor, out=np.zeros(x.shape), where=x > floor)
    return x - floor if x > floor else 0


def _divided_up(x: Number, down: Number) -> Number:
    if is_array(x, down):
        import numpy as np

        x, down = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(down, dtype=float))
        finite = np.isfinite(x)
        rest = np.fmod(x, down, out=np.zeros(x.shape), where=finite)  # exact, where x / down would be rounded
        return np.where(finite, (x - rest) / down + (rest > 0), x)
    if math.isinf(x):
        return x
    return -(-x // down)


def root_up(x: Number) -> Number:
    """The square root in whole numbers, rounded up; UNLIMITED stays UNLIMITED."""
    if is_array(x):
        import numpy as np

        return cast("Number", np.ceil(np.sqrt(x)))
    if math.isinf(x):
        return x
    whole = math.isqrt(int(x))
    return whole if whole * whole == x else whole + 1
