import dataclasses

import pytest
from tests.unit.overspill_agent.examples import (
    NOW,
    make_burst,
    make_facts,
    make_job,
    make_snapshot,
)

from overspill_agent.deciding.decide import decide, wanted_bursts
from overspill_agent.deciding.decisions import Code, Decision, DecisionKind
from overspill_agent.deciding.policy import Policy
from overspill_agent.jobs import Lowering

POLICY = Policy(placement="spread", gather_quiet_s=0)
LARGE = make_job(1, 6)


def test_wanted_bursts_are_those_that_jobs_count_on():
    def about(kind, code, burst_id):
        return Decision(kind=DecisionKind(kind), code=Code(code), reason="because", burst_id=burst_id)

    decisions = [
        about("hold", "in-flight", "there"),
        about("grow", "break-even", "grows"),
        about("hold", "too-large", None),
        about("drain", "idle", "idle"),
    ]

    assert wanted_bursts(decisions) == {"there", "grows"}


def test_decide_puts_ends_before_beginnings():
    decisions = decide(make_snapshot(pending=(LARGE,), bursts=(make_burst("FAILED", has_drained=True),)), POLICY, NOW)

    assert [d.kind.value for d in decisions] == ["teardown", "request"]


@pytest.mark.parametrize(
    ("scheduler", "job", "changes", "lowered"),
    [
        pytest.param("simple", LARGE, {}, True, id="burst is requested"),
        pytest.param("simple", LARGE, {"bursts": (make_burst("JOINING"),)}, True, id="burst is on its way"),
        pytest.param("simple", make_job(1, 9), {}, True, id="too large"),
        pytest.param("simple", make_job(1, 2), {}, False, id="fits home"),
        pytest.param("simple", make_job(1, 6, urgency=2), {}, True, id="low, but not lowered"),
        pytest.param("simple", make_job(1, 6, urgency=1), {}, False, id="lowered already"),
        pytest.param("fluxion", LARGE, {}, False, id="fluxion"),
        pytest.param("stand-in", LARGE, {}, False, id="stand-in"),
    ],
)
def test_decide_lowers_the_urgency_only_under_sched_simple_and_once(scheduler, job, changes, lowered):
    facts = make_facts(scheduler=scheduler)
    decisions = decide(make_snapshot(facts=facts, pending=(job,), **changes), POLICY, NOW)

    found = [d.jobs for d in decisions if d.kind is DecisionKind.LOWER_URGENCY]
    assert found == ([(1,)] if lowered else [])


@pytest.mark.parametrize(
    ("nodes", "lowering", "kind"),
    [
        pytest.param(2, "done", "restore-urgency", id="lowered, and fits home now"),
        pytest.param(2, "overruled", None, id="fits home, and the urgency is its user's"),
        pytest.param(2, "none", None, id="fits home, and was never lowered"),
        pytest.param(6, "done", None, id="lowered, and still waits"),
        pytest.param(6, "intended", "lower-urgency", id="was to be lowered"),
        pytest.param(6, "overruled", None, id="its user raised it again"),
    ],
)
def test_decide_changes_only_an_urgency_that_is_ours(nodes, lowering, kind):
    urgency = 1 if lowering == "done" else 16
    job = dataclasses.replace(make_job(1, nodes, urgency=urgency), lowering=Lowering(lowering), lowered_from=16)
    decisions = decide(make_snapshot(facts=make_facts(scheduler="simple"), pending=(job,)), POLICY, NOW)

    assert [d.kind for d in decisions if d.kind.endswith("urgency")] == ([kind] if kind else [])


@pytest.mark.parametrize(
    ("scheduler", "policy", "lowers"),
    [("simple", None, True), ("fluxion", "fcfs", True), ("fluxion", "hybrid", False), ("fluxion", None, False)],
)
def test_decide_lowers_an_urgency_where_the_scheduler_lets_none_pass(scheduler, policy, lowers):
    facts = make_facts(scheduler=scheduler, scheduler_options={"queue-policy": policy} if policy else {})
    decisions = decide(make_snapshot(facts=facts, pending=(make_job(1, 6),)), POLICY, NOW)

    assert (DecisionKind.LOWER_URGENCY in [d.kind for d in decisions]) is lowers


def test_decide_restores_an_urgency_whatever_the_scheduler_is_now():
    job = dataclasses.replace(make_job(1, 2, urgency=1), lowering=Lowering.DONE, lowered_from=16)
    decisions = decide(make_snapshot(pending=(job,)), POLICY, NOW)

    assert [d.kind.value for d in decisions] == ["hold", "restore-urgency"]


def test_decide_lets_others_pass_only_the_jobs_that_wait_for_a_burst():
    facts = make_facts(scheduler="simple")
    decisions = decide(make_snapshot(facts=facts, pending=(make_job(1, 1), make_job(2, 6))), POLICY, NOW)

    lowered = [d for d in decisions if d.kind is DecisionKind.LOWER_URGENCY]
    assert [(d.jobs, d.code) for d in lowered] == [((2,), "head-of-line")]
