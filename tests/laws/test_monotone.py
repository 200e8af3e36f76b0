"""A bill never falls when a setting rises, unless the setting says so (`monotone=False`)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.laws.datasheets import places, read, services, total, value_of, with_value


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_no_bill_falls_when_a_monotone_setting_rises(data: st.DataObject) -> None:
    service = data.draw(services())
    place = data.draw(st.sampled_from([place for place in places(service) if place.spec.monotone]))
    low, high = sorted((read(service, place), data.draw(value_of(place.spec))))
    assert total(with_value(service, place, low)) <= total(with_value(service, place, high)), place
