"""Nothing times anything costs nothing, unlimited included."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.arithmetic import UNLIMITED
from capacity.services.mariadb import MariaDb
from capacity.services.php_fpm import PhpFpm, PhpFpmPool
from tests.laws.datasheets import services


@given(services())
@settings(max_examples=100, deadline=None)
def test_a_claim_of_nothing_is_nothing(service) -> None:
    for claim in service.claims():
        if claim.count == 0 or claim.each == 0:
            assert claim.total == 0, claim.name
        else:
            assert claim.total == claim.count * claim.each, claim.name


@given(st.sampled_from([128 * 2**20, UNLIMITED]))
def test_no_busy_child_costs_nothing_even_without_a_limit(limit) -> None:
    pool = PhpFpmPool(name="www", max_children=50, memory_limit=limit, busy=0)
    master = PhpFpm(name="php-fpm", pools=(pool,))
    children = [claim for claim in master.claims() if claim.method.count == "children"]
    assert children
    assert all(claim.total == 0 for claim in children)


def test_no_session_costs_nothing() -> None:
    sessions = [claim for claim in MariaDb(name="mariadbd", sessions=0).claims() if claim.method.count == "connections"]
    assert sessions
    assert all(claim.total == 0 for claim in sessions)
