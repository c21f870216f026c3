from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from overspill_local.pubsub.paging import page

NAMES = st.sets(st.text("abc", min_size=1, max_size=4), max_size=12)


@given(NAMES, st.integers(1, 5))
def test_pages_one_after_the_other_hold_every_name_once_in_order(names, page_size):
    collected, token = page(names, page_size, "")
    while token:
        more, token = page(names, page_size, token)
        assert 1 <= len(more) <= page_size
        collected += more

    assert collected == sorted(names)


@given(NAMES)
def test_page_of_size_zero_holds_everything(names):
    assert page(names, 0, "") == (sorted(names), "")


def test_page_after_the_token_name_was_deleted_loses_nothing():
    _, token = page({"a", "b", "c"}, 1, "")

    assert page({"b", "c"}, 1, token) == (["b"], "b")
