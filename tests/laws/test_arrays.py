"""A bill of arrays is the many bills of its cells, to the byte."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.laws.datasheets import places, services, total, value_of, with_value


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_arrays_are_many_scalars(data: st.DataObject) -> None:
    service = data.draw(services())
    two = st.lists(st.sampled_from(places(service)), min_size=2, max_size=2, unique_by=lambda p: (p.part, p.field))
    rows, columns = data.draw(two)
    down = data.draw(st.lists(value_of(rows.spec), min_size=1, max_size=3))
    along = data.draw(st.lists(value_of(columns.spec), min_size=1, max_size=3))
    swept = with_value(with_value(service, rows, np.array(down)[:, None]), columns, np.array(along))
    cells = [[total(with_value(with_value(service, rows, a), columns, b)) for b in along] for a in down]
    assert np.broadcast_to(total(swept), (len(down), len(along))).tolist() == cells, (rows, columns)
