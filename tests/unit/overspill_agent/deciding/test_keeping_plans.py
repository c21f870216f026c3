"""The life of a burst as a plan tells it."""

import pytest
from tests.unit.overspill_agent.deciding.scenes import NOW, burst, job, planned, running

HOUR = 3600


def told(*jobs, **changes):
    return [(d["kind"], d["code"], d["nodes"], d["ranks"]) for d in planned(*jobs, **changes) if d["kind"] != "hold"]


@pytest.mark.parametrize(
    ("live", "policy", "expected"),
    [
        pytest.param(burst(idle_since=NOW - 601), {}, [("drain", "idle", 4, "10-13")], id="idle too long"),
        pytest.param(burst(idle_since=NOW - 599), {}, [], id="not idle for long enough"),
        pytest.param(burst(idle_since=None), {}, [], id="nobody says that it is idle"),
        pytest.param(burst(idle_since=NOW - 601), {"idle_timeout_s": 700}, [], id="patience"),
        pytest.param(burst(idle_since=NOW - 601), {"min_lifetime_s": HOUR}, [], id="too young"),
        pytest.param(
            burst(idle_since=NOW - 601), {"keep_warm_s": 300}, [("shrink", "idle", 0, "")], id="its cluster is kept"
        ),
        pytest.param(burst(nodes=0, age_s=599), {"keep_warm_s": 300}, [], id="kept warm"),
        pytest.param(burst(nodes=0, age_s=601), {"keep_warm_s": 300}, [("drain", "idle", 0, "")], id="for long enough"),
        pytest.param(
            burst(nodes=8, busy_ranks="11", age_s=1300), {}, [("shrink", "idle", 2, "10-11")], id="an idle tail"
        ),
        pytest.param(burst(nodes=8, busy_ranks="11", age_s=1100), {}, [], id="a tail that may be used again"),
        pytest.param(burst(nodes=8, busy_ranks="17", age_s=1300), {}, [], id="work on its last node"),
        pytest.param(burst(nodes=8, busy_ranks="11", age_s=1300), {"shrinks": False}, [], id="tails are kept"),
        pytest.param(
            burst(busy_ranks="10", age_s=8 * HOUR), {}, [("drain", "max-lifetime", 4, "10-13")], id="its time is over"
        ),
        pytest.param(
            burst(busy_ranks="10", age_s=900),
            {"max_lifetime_s": 1000},
            [("drain", "max-lifetime", 4, "10-13")],
            id="soon",
        ),
        pytest.param(burst(busy_ranks="10-13", age_s=899), {"max_lifetime_s": 1000}, [], id="not yet"),
        pytest.param(burst("DRAINING"), {}, [("teardown", "idle", 4, "10-13")], id="drained"),
        pytest.param(burst("DRAINING", busy_ranks="12"), {}, [], id="drains, and has work"),
        pytest.param(burst("FAILED"), {}, [("teardown", "failed", 4, "10-13")], id="failed"),
        pytest.param(burst("TEARING_DOWN", age_s=100), {}, [], id="on its way out"),
        pytest.param(burst("GONE"), {}, [], id="gone"),
        pytest.param(burst("JOINING", age_s=100), {}, [], id="on its way, and wanted by nobody, but young"),
        pytest.param(burst("JOINING"), {}, [("teardown", "not-needed", 4, "10-13")], id="wanted by nobody"),
    ],
)
def test_plan_of_a_burst_without_jobs(live, policy, expected):
    assert told(bursts=[live], policy=policy) == expected


def test_plan_keeps_an_idle_burst_that_a_job_waits_for():
    live = burst(nodes=8, idle_since=NOW - 5000)

    assert told(job("a", 4), bursts=[live]) == []


def test_plan_keeps_a_burst_whose_job_waits_for_others_to_end():
    live = burst(nodes=8, busy_ranks="10-11", age_s=5000)

    assert told(running("r", "10-11", ends_in_s=900), job("a", 8), bursts=[live], slots=1) == []


def test_plan_cancels_the_drain_of_a_burst_that_a_job_fits_on():
    decisions = planned(job("a", 4), bursts=[burst("DRAINING")])

    assert [(d["kind"], d["code"], d["jobs"], d["burst_id"]) for d in decisions] == [
        ("cancel-drain", "demand-returned", [], "of-burst-0"),
        ("hold", "in-flight", ["a"], "of-burst-0"),
    ]


def test_plan_grows_a_burst_that_was_kept_warm():
    (decision,) = planned(job("a", 4), bursts=[burst(nodes=0)], policy={"keep_warm_s": 9000})

    assert (decision["kind"], decision["burst_id"], decision["nodes"]) == ("grow", "of-burst-0", 4)


def test_plan_of_a_job_whose_burst_was_rented_for_another_that_left():
    decisions = planned(job("b", 4), bursts=[burst("PROVISIONING", jobs=["gone"])])

    assert [(d["kind"], d["code"]) for d in decisions] == [("hold", "in-flight")]


def test_plan_gives_a_job_no_burst_that_ends_before_it():
    live = burst(nodes=8, age_s=7 * HOUR)

    (decision,) = planned(job("a", 4, duration_s=2 * HOUR), bursts=[live])

    assert (decision["kind"], decision["slot"]) == ("request", "burst-1")
