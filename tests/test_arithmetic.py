"""The operations of formulas: exact, monotone, never rounded down, the same for numbers and arrays."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity import arithmetic
from capacity.arithmetic import (
    UNKNOWN,
    UNLIMITED,
    above,
    choose,
    larger,
    part,
    root_up,
    round_down,
    round_up,
    smaller,
    times,
)

SIZES = st.one_of(st.integers(0, 2**45), st.just(UNLIMITED))
SMALL = st.integers(1, 255)
FACTORS = st.one_of(st.integers(0, 2**25), st.just(UNLIMITED))  # products of two stay under 2^53


@given(st.integers(0, 2**60), SMALL, SMALL)
def test_a_part_is_never_rounded_down(x, up, down) -> None:
    found = part(x, up, down)
    assert found * down >= x * up > (found - 1) * down or (x == 0 and found == 0)


@given(SIZES, st.integers(1, 2**20))
def test_rounding_up_gives_the_next_multiple(x, step) -> None:
    found = round_up(x, step)
    if math.isinf(x):
        assert found == UNLIMITED
    else:
        assert (found % step, found >= x, found - x < step) == (0, True, True)


@given(SIZES, st.integers(1, 2**20))
def test_rounding_down_gives_the_multiple_before(x, step) -> None:
    found = round_down(x, step)
    assert found == UNLIMITED if math.isinf(x) else (found % step, 0 <= x - found < step) == (0, True)


@pytest.mark.parametrize("unlimited", [UNLIMITED, np.array([UNLIMITED])])
def test_nothing_times_unlimited_is_nothing(unlimited) -> None:
    assert times(0, unlimited) == 0
    assert times(unlimited, 0) == 0
    assert times(2, unlimited) == UNLIMITED


def test_above_knows_unlimited() -> None:
    assert (above(5, 3), above(3, 5), above(UNLIMITED, 5), above(UNLIMITED, UNLIMITED)) == (2, 0, UNLIMITED, 0)


@given(st.lists(st.tuples(FACTORS, FACTORS), min_size=1, max_size=5), SMALL, SMALL)
def test_every_operation_on_arrays_is_the_operation_on_their_cells(pairs, up, down) -> None:
    left, right = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    for operation in (smaller, larger, times, above):
        assert operation(left, right).tolist() == [operation(a, b) for a, b in pairs]
    assert part(left, up, down).tolist() == [part(a, up, down) for a, _ in pairs]
    assert round_up(left, 4096).tolist() == [round_up(a, 4096) for a, _ in pairs]
    assert round_down(left, 4096).tolist() == [round_down(a, 4096) for a, _ in pairs]
    assert choose(left > 7, left, right).tolist() == [choose(a > 7, a, b) for a, b in pairs]


@given(st.integers(0, 2**52))
def test_a_root_is_the_least_whole_number_whose_square_is_not_under(x) -> None:
    found = root_up(x)
    assert found * found >= x
    assert found == 0 or (found - 1) ** 2 < x
    assert root_up(np.array([x], dtype=float))[0] == found


def test_unknown_is_neither_true_nor_false() -> None:
    with pytest.raises(TypeError):
        bool(UNKNOWN)


def test_plain_numbers_never_import_numpy() -> None:
    names = [name for name in ("smaller", "larger", "times", "above", "round_up") if hasattr(arithmetic, name)]
    calls = "; ".join(f"arithmetic.{name}(5, 3)" for name in names)
    code = (
        f"import sys; from capacity import arithmetic; {calls}; arithmetic.part(5, 1, 3); print('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
