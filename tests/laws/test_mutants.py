"""Each law is shown to fail on a planted mutant: a check that cannot fail proves nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, settings

from capacity import arithmetic, bill, couplings
from capacity.arithmetic import above, larger
from capacity.service import ClaimMethod, Service
from capacity.services.mariadb import MariaDb
from capacity.services.php_fpm import PhpFpmPool
from capacity.services.process import Process
from tests import test_arithmetic
from tests.laws import test_arrays, test_bill, test_monotone, test_origins, test_zero


def breaks(monkeypatch: pytest.MonkeyPatch, law: Any) -> None:
    """Asserts that a law fails now; without shrinking, which would look for the smallest proof of what is planted."""
    eager = settings(
        law._hypothesis_internal_use_settings, phases=[Phase.explicit, Phase.generate], database=None, max_examples=1000
    )
    monkeypatch.setattr(law, "_hypothesis_internal_use_settings", eager)
    with pytest.raises((AssertionError, IndexError)):
        law()


def test_a_maximum_for_a_minimum_breaks_the_zero_law(monkeypatch) -> None:
    monkeypatch.setattr(PhpFpmPool, "children", property(lambda self: larger(self.max_children, self.busy)))
    breaks(monkeypatch, test_zero.test_no_busy_child_costs_nothing_even_without_a_limit)


def test_a_formula_that_falls_breaks_the_monotone_law(monkeypatch) -> None:
    falls = ClaimMethod(lambda self: above(2**31, self.private), "seen running", "processes", "private", "")
    falls.name = "held"
    monkeypatch.setattr(Process, "held", falls)
    monkeypatch.setattr("capacity.service._CLAIMS", {})
    breaks(monkeypatch, test_monotone.test_no_bill_falls_when_a_monotone_setting_rises)


def test_rounding_down_breaks_the_rounding_law(monkeypatch) -> None:
    monkeypatch.setattr(arithmetic, "_divided_up", lambda x, down: x // down)
    breaks(monkeypatch, test_arithmetic.test_a_part_is_never_rounded_down)


def test_rounding_arrays_down_breaks_the_array_law(monkeypatch) -> None:
    up = arithmetic._divided_up
    monkeypatch.setattr(
        arithmetic, "_divided_up", lambda x, down: np.floor(x / down) if arithmetic.is_array(x, down) else up(x, down)
    )
    breaks(monkeypatch, test_arrays.test_arrays_are_many_scalars)


def test_a_dropped_line_breaks_the_sums(monkeypatch) -> None:
    whole = bill.Bill.total.fget
    monkeypatch.setattr(bill.Bill, "total", property(lambda self: whole(replace(self, claims=self.claims[:-1]))))
    breaks(monkeypatch, test_bill.test_without_walls_and_couplings_a_bill_is_the_sum_over_services)
    breaks(monkeypatch, test_bill.test_the_parts_of_an_explanation_add_up_to_the_total)


def test_a_coupling_that_adds_breaks_the_order_of_scenarios(monkeypatch) -> None:
    grown = lambda services: tuple(  # noqa: E731  (one expression, used once)
        one.but(max_connections=one.max_connections + 100) if isinstance(one, MariaDb) else one for one in services
    )
    monkeypatch.setattr(couplings, "COUPLINGS", (grown,))
    breaks(monkeypatch, test_bill.test_promised_is_never_under_reachable)


def test_a_wall_that_takes_nothing_off_breaks_the_law_of_walls(monkeypatch) -> None:
    monkeypatch.setattr(bill, "around", lambda *_: None)
    breaks(monkeypatch, test_bill.test_no_line_is_infinite_inside_a_wall_and_nothing_inside_passes_it)


def test_an_origin_that_is_forgotten_breaks_the_law_of_origins(monkeypatch) -> None:
    but = Service.but

    def forgets(self, **changes):
        new = but(self, **changes)
        for name in changes:
            new.known[name] = replace(new.known[name], overrode=())
        return new

    monkeypatch.setattr(Service, "but", forgets)
    breaks(monkeypatch, test_origins.test_but_records_what_it_overrode)
