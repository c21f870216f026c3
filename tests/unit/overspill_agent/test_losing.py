import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.overspill_agent.examples import HOME, NOW, SLOT_0, make_burst, make_snapshot

from overspill_agent.deciding.policy import Policy
from overspill_agent.losing import newly_lost, settle_losses

POLICY = Policy(rejoin_timeout_s=300)
ACTIVE = make_burst("ACTIVE")
LOST = make_burst("ACTIVE", lost_since=NOW)


def settled(burst, online, now=NOW):
    (after,) = settle_losses(make_snapshot(bursts=(burst,), online=HOME | frozenset(online)), POLICY, now).bursts
    return after


def test_active_burst_with_all_its_ranks_is_left_alone():
    assert settled(ACTIVE, SLOT_0) is ACTIVE


def test_loss_starts_the_wait_and_a_return_ends_it():
    waiting = settled(ACTIVE, {2, 3, 4}, NOW + 5)
    assert (waiting.state, waiting.lost_since) == ("ACTIVE", NOW + 5)
    assert waiting.usable_ranks == SLOT_0, "what may come back still counts"
    assert settled(waiting, SLOT_0, NOW + 20).lost_since is None


def test_loss_that_lasts_is_waited_for_until_its_time_is_over():
    assert settled(LOST, {2, 3, 4}, NOW + 299) is LOST


def test_lost_ranks_that_do_not_come_back_are_given_up_and_the_rest_stays():
    after = settled(LOST, {2, 3, 4}, NOW + 300)
    assert (after.state, after.usable_ranks, after.lost_since) == ("ACTIVE", {2, 3, 4}, None)
    assert after.ranks == SLOT_0, "they are drained and told to leave with the others"


def test_ranks_that_a_growth_brings_are_no_loss_until_its_time_is_over():
    growing = make_burst("ACTIVE", growing_until=NOW + 100)

    assert settled(growing, {2, 3}, NOW + 99) is growing
    assert settled(growing, {2, 3}, NOW + 100).lost_since == NOW + 100


def test_growth_that_is_there_ends_its_clock():
    assert settled(make_burst("ACTIVE", growing_until=NOW + 100), SLOT_0).growing_until is None


def test_rank_that_was_given_up_and_comes_back_counts_again():
    after = settled(make_burst("ACTIVE", lost_idset="5"), SLOT_0, NOW + 999)
    assert after.usable_ranks == SLOT_0


def test_burst_that_lost_all_its_ranks_for_good_fails_naming_them():
    after = settled(LOST, set(), NOW + 300)
    assert (after.state, after.error.code, after.error.error_class) == ("FAILED", "ranks-lost", "boot")
    assert "burst-0-[0-3]" in after.error.text
    assert after.error.remedy


@pytest.mark.parametrize("state", ["REQUESTED", "JOINING", "DRAINING", "TEARING_DOWN", "GONE"])
def test_burst_that_is_not_active_loses_nothing(state):
    burst = make_burst(state, lost_since=NOW)
    assert settled(burst, set(), NOW + 9999) is burst
    assert newly_lost(burst, SLOT_0, frozenset()) == frozenset()


def test_newly_lost_names_what_was_online_and_is_not():
    assert newly_lost(ACTIVE, HOME | {2, 3}, HOME | {3}) == {2}


@given(st.frozensets(st.sampled_from(sorted(SLOT_0))), st.frozensets(st.sampled_from(sorted(SLOT_0))))
def test_usable_ranks_are_never_more_than_the_bursts_own(lost, online):
    burst = make_burst("ACTIVE", lost_since=NOW, lost_idset=",".join(map(str, sorted(lost))))
    after = settled(burst, online, NOW + 300)
    assert after.usable_ranks <= after.ranks == SLOT_0
    assert online <= after.usable_ranks or after.state == "FAILED" or not online
