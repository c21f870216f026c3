import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.overspill_agent.simulate.replays import job

from overspill_agent.simulate.outcomes import BurstOutcome, End, JobOutcome, Run
from overspill_agent.simulate.report import as_json, in_words, percentile, summarise


def outcome(end=End.DONE, *, wait_s=0.0, is_on_burst=False):
    if end in {End.REFUSED, End.UNSTARTED}:
        return JobOutcome(job=job(1, at=100.0), end=end)
    return JobOutcome(job=job(1, at=100.0), end=end, started_at=100.0 + wait_s, ended_at=900.0, is_on_burst=is_on_burst)


def burst(**changed):
    values = {
        "burst_id": "b1",
        "slot": "burst-0",
        "requested_at": 0.0,
        "online_at": 300.0,
        "removed_at": 4000.0,
        "is_leaked": False,
        "most_nodes": 4,
        "existed_s": 1200.0,
        "paid_node_s": 7200.0,
        "used_node_s": 3600.0,
        "failure": None,
    }
    return BurstOutcome(**values | changed)


def test_a_run_is_summed_up():
    run = Run(
        policy="always",
        jobs=(
            *(outcome(wait_s=float(wait)) for wait in range(1, 20)),
            outcome(wait_s=1000.0, is_on_burst=True),
            outcome(End.KILLED, wait_s=0.0, is_on_burst=True),
            outcome(End.REFUSED),
            outcome(End.UNSTARTED),
        ),
        bursts=(burst(), burst(online_at=None), burst(removed_at=None, is_leaked=True)),
        turns=5,
        counted_usd=3.5,
    )

    summary = summarise(run, 0.5, 0.2)

    assert (summary.jobs_done, summary.jobs_killed, summary.jobs_refused, summary.jobs_unstarted) == (20, 1, 1, 1)
    assert summary.jobs_on_bursts == 2
    assert summary.wait_mean_s == pytest.approx((190 + 1000) / 21)
    assert (summary.wait_p50_s, summary.wait_p95_s, summary.wait_max_s) == (10, 19, 1000)
    assert (summary.node_h_paid, summary.node_h_used, summary.cluster_h) == (6.0, 3.0, 1.0)
    assert (summary.cost_usd, summary.counted_usd) == (pytest.approx(6 * 0.5 + 1 * 0.2), 3.5)
    assert (summary.bursts, summary.bursts_failed, summary.bursts_leaked) == (3, 1, 1)
    assert json.loads(json.dumps(as_json(summary)))["wait_mean_s"] == 56.667


def test_an_empty_run_has_no_waits_and_an_unknown_price_no_cost():
    summary = summarise(Run(policy="never", jobs=(), bursts=(), turns=0), None)

    assert (summary.wait_mean_s, summary.wait_p95_s, summary.cost_usd) == (0.0, 0.0, None)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_so_many_values_do_not_exceed_a_percentile(values, share):
    found = percentile(values, share)

    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (7200, "2.0 h"), (86_400, "24.0 h"), (2e6, "23.1 d")],
)
def test_durations_are_told_in_the_unit_that_suits_them(seconds, words):
    assert in_words(seconds) == words
