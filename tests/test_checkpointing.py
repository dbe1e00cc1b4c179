"""Where a network is cut: as near as can be to an even share of its work."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from auditor.checkpointing import nearest


@given(st.data())
def test_nearest_is_what_a_search_through_all_finds(data: st.DataObject) -> None:
    ordered = sorted(data.draw(st.lists(st.integers(0, 20), min_size=1)))
    first = data.draw(st.integers(0, len(ordered) - 1))
    end = data.draw(st.integers(first + 1, len(ordered)))
    wanted = data.draw(st.floats(-1, 22))
    found = nearest(ordered, wanted, first, end)
    assert found == min(range(first, end), key=lambda place: abs(ordered[place] - wanted))
