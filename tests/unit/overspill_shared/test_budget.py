import pytest

from overspill_shared.budget import Budget
from overspill_shared.errors import NotYet


def test_pause_within_budget_sleeps_one_poll(clock):
    start = clock.now()

    Budget(clock, budget_s=10, poll_s=4).pause("the cluster is on its way")

    assert clock.now() - start == 4


def test_pause_beyond_budget_says_what_it_waited_for_and_never_oversleeps(clock):
    start = clock.now()
    budget = Budget(clock, budget_s=10, poll_s=4)
    budget.pause("a")
    budget.pause("a")

    with pytest.raises(NotYet, match="the cluster is on its way"):
        budget.pause("the cluster is on its way")

    assert clock.now() - start == 8
