"""A job of one node that waits for home: when it starts by the scheduler's word, by the agent's reckoning, or both.

Rank 0 is busy for longer than a burst takes (394 s and a margin of 60 s), rank 1 for as long as a case says.
"""

import pytest
from tests.unit.overspill_agent.deciding.scenes import LONG_AGO, NOW, burst, code_of, job, planned, running

SOON, LATE = 300.0, 3000.0
TAKES_S = 394 + 60


def waits(*, reckoned_s=LATE, said_s=None, ahead=(), policy=None):
    """Give the decision about the job, behind others."""
    expected = {} if said_s is None else {"expected_start_at": NOW + said_s}
    jobs = [
        running("r0", "0", ends_in_s=LATE),
        running("r1", "1", ends_in_s=reckoned_s),
        *ahead,
        job("j", 1, **expected),
    ]
    decisions = planned(*jobs, policy=policy)
    (found,) = [d for d in decisions if "j" in d["jobs"]]
    return found


@pytest.mark.parametrize(
    ("said_s", "reckoned_s", "code", "words"),
    [
        (None, SOON, "local-wait-shorter", "by the agent's own reckoning it waits 300 s at home; a burst takes 394 s"),
        (None, LATE, "break-even", "by the agent's own reckoning it waits 3000 s at home; a burst takes 394 s"),
        (SOON, LATE, "local-wait-shorter", "the scheduler expects it to start in 300 s; a burst takes 394 s"),
        (TAKES_S, LATE, "local-wait-shorter", "the scheduler expects it to start in 454 s"),
        (TAKES_S + 1, LATE, "break-even", "the scheduler expects it to start in 455 s"),
        (LATE, SOON, "break-even", "the scheduler expects it to start in 3000 s"),
        (0.0, LATE, "break-even", "own reckoning"),
        (-10.0, SOON, "local-wait-shorter", "own reckoning"),
    ],
    ids=[
        "nothing said, soon",
        "nothing said, late",
        "said soon",
        "said just in time",
        "said just too late",
        "said late",
        "said for now, and it still waits",
        "said for the past",
    ],
)
def test_scheduler_is_believed_of_what_lies_ahead(said_s, reckoned_s, code, words):
    decision = waits(said_s=said_s, reckoned_s=reckoned_s)

    assert decision["code"] == code
    assert words in decision["reason"]


def test_scheduler_that_says_late_is_not_believed_once_a_job_ahead_leaves_for_a_burst():
    large = job("large", 2, submitted_at=LONG_AGO - 1)

    decision = waits(said_s=LATE, reckoned_s=SOON, ahead=[large])

    assert decision["code"] == "local-wait-shorter"
    assert "own reckoning it waits 300 s" in decision["reason"]


def test_scheduler_that_says_late_is_believed_where_none_that_home_could_hold_leaves():
    huge = job("huge", 3, submitted_at=LONG_AGO - 1)

    assert waits(said_s=LATE, reckoned_s=SOON, ahead=[huge])["kind"] == "request"


def test_scheduler_that_says_soon_is_believed_of_a_job_behind_one_that_stays():
    # In order it would start after that one; Fluxion lets it pass.
    stays = job("stays", 2, burstable=None, submitted_at=LONG_AGO - 1)

    assert waits(reckoned_s=SOON, ahead=[stays])["code"] == "break-even"
    assert waits(reckoned_s=SOON, ahead=[stays], said_s=SOON)["code"] == "local-wait-shorter"


def test_job_expected_soon_is_not_refused_with_others_that_ask_for_the_same():
    jobs = [running("r", "0-1", ends_in_s=LATE), job("a", 1), job("b", 1, expected_start_at=NOW + SOON)]

    decisions = planned(*jobs, policy={"max_bursts": 0})

    assert (code_of(decisions, "a"), code_of(decisions, "b")) == ("max-bursts", "local-wait-shorter")


def test_what_home_can_never_hold_bursts_whatever_is_said():
    decisions = planned(job("j", 3, expected_start_at=NOW + SOON))

    assert code_of(decisions, "j") == "never-fits-locally"


def test_job_that_is_expected_soon_on_a_burst_that_is_busy_needs_no_other():
    # The slot is full: only another one could grow, or be made.
    busy = [running("r", "0-1", ends_in_s=LATE), running("b", "10-17", ends_in_s=SOON)]
    bursts = [burst(nodes=8, busy_ranks="10-17")]

    alone = planned(*busy, job("j", 2), bursts=bursts)
    told = planned(*busy, job("j", 2, expected_start_at=NOW + SOON), bursts=bursts)

    assert (code_of(alone, "j"), code_of(told, "j")) == ("break-even", "local-wait-shorter")
