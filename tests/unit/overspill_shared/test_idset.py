from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_shared.idset import MAX_ID, MAX_SIZE, format_idset, parse_idset, runs

ids = st.one_of(st.frozensets(st.integers(0, MAX_ID)), st.frozensets(st.integers(0, 40)))


@given(ids)
def test_format_then_parse_gives_the_same_set(ranks):
    assert parse_idset(format_idset(ranks)) == ranks


@given(ids)
def test_parse_takes_brackets_and_white_space(ranks):
    assert parse_idset(f" [{format_idset(ranks)}] ") == ranks


@given(st.lists(st.integers(0, 40)))
def test_format_depends_on_neither_order_nor_repetition(numbers):
    assert format_idset(numbers) == format_idset(set(numbers))


@given(ids)
def test_runs_are_maximal_and_in_order(ranks):
    found = runs(ranks)

    assert all(low <= high for low, high in found)
    assert all(after[0] > before[1] + 1 for before, after in pairwise(found))
    assert {number for low, high in found for number in range(low, high + 1)} == ranks


def test_parse_takes_ids_in_any_order_and_overlapping():
    assert parse_idset("5,0-2,1-3") == {0, 1, 2, 3, 5}


@pytest.mark.parametrize("text", ["", "[]", "  "])
def test_parse_of_nothing_is_the_empty_set(text):
    assert parse_idset(text) == frozenset()


@pytest.mark.parametrize(
    "text",
    ["a", "1-", "-1", "1--2", "3-1", "1,,2", "1,", ",1", "1 2", "0x1", "1.5", "[1", "1]", "[[1]]", "²", "٣", "1-٣"],
)
def test_parse_of_anything_else_is_refused(text):
    with pytest.raises(ValueError, match=r"is not an idset"):
        parse_idset(text)


def test_parse_of_an_id_too_large_is_refused():
    assert parse_idset(str(MAX_ID)) == {MAX_ID}
    with pytest.raises(ValueError, match=r"too large"):
        parse_idset(str(MAX_ID + 1))


@pytest.mark.parametrize("text", [f"0-{MAX_SIZE}", f"0-{MAX_ID}", f"1,5-{MAX_SIZE + 4}"])
def test_parse_of_too_many_ids_is_refused(text):
    with pytest.raises(ValueError, match=r"more than 1000000 ids"):
        parse_idset(text)


def test_parse_quotes_no_more_than_the_beginning_of_a_long_text():
    with pytest.raises(ValueError) as caught:
        parse_idset("x" * 10_000)

    assert len(str(caught.value)) < 200
