"""No origin goes stale: after `.but()` the value is the one its origin speaks of, and the old one is not forgotten."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.laws.datasheets import places, read, services, value_of, with_value


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_but_records_what_it_overrode(data: st.DataObject) -> None:
    service = data.draw(services())
    place = data.draw(st.sampled_from(places(service)))
    new = data.draw(value_of(place.spec))
    changed = with_value(service, place, new)
    owner = changed if not place.part else next(part for part in changed.parts if part.name == place.part)
    before = service if not place.part else next(part for part in service.parts if part.name == place.part)
    setting = owner.known[place.field]
    assert (setting.value, setting.origin.kind) == (new, "given")
    assert setting.overrode[0] == before.known[place.field]
    assert read(changed, place) == new


@given(services())
@settings(max_examples=100, deadline=None)
def test_every_field_has_an_origin_and_they_hold_together(service) -> None:
    for one in (service, *service.parts):
        for name in type(one).specs():
            assert getattr(one, name) is one.known[name].value
            assert one.known[name].origin.kind
