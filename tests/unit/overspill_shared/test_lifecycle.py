from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_shared.errors import IllegalTransition
from overspill_shared.lifecycle import NOT_RUNNING, TRANSITIONS, BurstState, advance, markdown

S = BurstState

EDGES = {
    (S.REQUESTED, S.PROVISIONING),
    (S.REQUESTED, S.GONE),
    (S.REQUESTED, S.FAILED),
    (S.PROVISIONING, S.JOINING),
    (S.PROVISIONING, S.FAILED),
    (S.JOINING, S.ACTIVE),
    (S.JOINING, S.FAILED),
    (S.ACTIVE, S.DRAINING),
    (S.ACTIVE, S.FAILED),
    (S.DRAINING, S.ACTIVE),
    (S.DRAINING, S.TEARING_DOWN),
    (S.DRAINING, S.FAILED),
    (S.FAILED, S.TEARING_DOWN),
    (S.TEARING_DOWN, S.GONE),
}


def reachable(start, *, without=()):
    seen, ahead = set(), [start]
    while ahead:
        state = ahead.pop()
        for to in TRANSITIONS[state]:
            if (state, to) not in without and to not in seen:
                seen.add(to)
                ahead.append(to)
    return seen


def test_table_has_every_state():
    assert set(TRANSITIONS) == set(BurstState)


def test_table_has_exactly_the_agreed_edges():
    assert {(state, to) for state, moves in TRANSITIONS.items() for to in moves} == EDGES


def test_every_edge_says_its_cause():
    assert all(cause.strip() for moves in TRANSITIONS.values() for cause in moves.values())


@pytest.mark.parametrize(("state", "to"), sorted(EDGES))
def test_advance_along_an_edge_gives_the_next_state(state, to):
    assert advance(state, to) is to


@pytest.mark.parametrize(("state", "to"), sorted(set(product(BurstState, BurstState)) - EDGES))
def test_advance_elsewhere_raises_and_names_what_is_allowed(state, to):
    with pytest.raises(IllegalTransition) as caught:
        advance(state, to)

    assert f"from {state} to {to}" in str(caught.value)
    assert all(allowed in str(caught.value) for allowed in TRANSITIONS[state])


@pytest.mark.parametrize("state", [state for state in BurstState if state is not S.GONE])
def test_gone_can_be_reached_from_everywhere(state):
    assert S.GONE in reachable(state)


def test_every_state_can_be_reached():
    assert reachable(S.REQUESTED) == set(BurstState) - {S.REQUESTED}


def test_gone_is_the_only_final_state():
    assert [state for state, moves in TRANSITIONS.items() if not moves] == [S.GONE]


def test_nothing_that_was_provisioned_goes_without_a_teardown():
    assert {state for state, moves in TRANSITIONS.items() if S.GONE in moves} == {S.REQUESTED, S.TEARING_DOWN}


@pytest.mark.parametrize("state", BurstState)
def test_only_returning_demand_makes_a_cycle(state):
    assert state not in reachable(state, without={(S.DRAINING, S.ACTIVE)})


@given(st.data())
def test_random_walk_ends_once_demand_stops_returning(data):
    returns_left = data.draw(st.integers(0, 3))
    longest = len(BurstState) + 2 * returns_left
    state, moves = S.REQUESTED, 0
    while state is not S.GONE:
        choices = [to for to in TRANSITIONS[state] if to is not S.ACTIVE or state is not S.DRAINING or returns_left]
        to = data.draw(st.sampled_from(choices))
        returns_left -= (state, to) == (S.DRAINING, S.ACTIVE)
        state, moves = advance(state, to), moves + 1
        assert moves <= longest


def test_not_running_holds_the_states_past_capacity():
    assert frozenset({S.FAILED, S.TEARING_DOWN, S.GONE}) == NOT_RUNNING


def test_markdown_draws_and_explains_every_edge():
    text = markdown()

    for state, to in EDGES:
        assert f"    {state} --> {to}\n" in text
        assert f"| {state} | {to} | {TRANSITIONS[state][to]} |\n" in text
    assert text.endswith("\n")
