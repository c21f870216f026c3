import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.overspill_agent.examples import (
    HOME,
    NOW,
    SLOT_0,
    SLOT_1,
    make_burst,
    make_facts,
    make_failed_burst,
    make_job,
    make_slots,
    make_snapshot,
    make_template,
)

from overspill_agent.deciding.decide import decide, decide_demand, wanted_bursts
from overspill_agent.deciding.decisions import DecisionKind
from overspill_agent.deciding.demand_matching import units_of
from overspill_agent.deciding.policy import Policy
from overspill_agent.jobs import Lowering
from overspill_shared.lifecycle import BurstState

POLICY = Policy()
IN_USE_0 = make_burst("TEARING_DOWN")


def decided(*jobs, now=NOW, **changes):
    return list(decide_demand(make_snapshot(pending=jobs, **changes), POLICY, now))


def summary(decisions):
    return [(d.kind.value, d.code.value, d.jobs, d.slot, d.nodes) for d in decisions]


def request(jobs, slot, nodes):
    return ("request", "never-fits-locally", jobs, slot, nodes)


def hold(code, jobs, slot=None):
    return ("hold", code, jobs, slot, None)


LARGE = make_job(1, 6)
TABLE = [
    pytest.param([], {}, [], id="nothing waits"),
    pytest.param([make_job(1, 4)], {}, [request((1,), "burst-0", 2)], id="two at home and two of the slot"),
    pytest.param([make_job(1, 2)], {}, [hold("fits-now", (1,))], id="fits home"),
    pytest.param([make_job(1, 7)], {}, [hold("too-large", (1,))], id="too large for any slot"),
    pytest.param([make_job(1, problem="x")], {}, [hold("not-burstable-here", (1,))], id="unreadable"),
    pytest.param(
        [make_job(1, 3), make_job(2, 6)],
        {},
        [request((1, 2), "burst-0", 4)],
        id="one burst for both, as the larger needs",
    ),
    pytest.param(
        [LARGE, make_job(2, 2), make_job(3, 9)],
        {},
        [hold("fits-now", (2,)), request((1,), "burst-0", 4), hold("too-large", (3,))],
        id="each on its own",
    ),
    pytest.param(
        [LARGE, make_job(2, 4)],
        {"bursts": (make_burst("REQUESTED"),)},
        [hold("in-flight", (1,), "burst-0"), hold("in-flight", (2,), "burst-0")],
        id="a burst is on its way: no second one",
    ),
    pytest.param(
        [
            make_job(1, 1, constraints={"hostlist": ["burst-0-0"]}),
            make_job(2, 2, constraints={"hostlist": ["burst-1-[0-1]"]}),
        ],
        {},
        [request((1,), "burst-0", 1), request((2,), "burst-1", 2)],
        id="two jobs that need two slots",
    ),
    pytest.param(
        [LARGE],
        {"bursts": (make_burst("ACTIVE", size=1),)},
        [request((1,), "burst-1", 4)],
        id="the burst that is there is too small: the other slot",
    ),
    pytest.param([LARGE], {"bursts": (IN_USE_0,)}, [request((1,), "burst-1", 4)], id="the first slot is in use"),
    pytest.param(
        [LARGE], {"bursts": (make_burst("GONE"),)}, [request((1,), "burst-0", 4)], id="the last burst is gone"
    ),
    pytest.param(
        [LARGE],
        {"bursts": (IN_USE_0, make_burst("FAILED", slot="burst-1", generation=2))},
        [hold("no-slot", (1,), "burst-0")],
        id="every slot is in use",
    ),
    pytest.param(
        [LARGE], {"online": HOME | {3}}, [request((1,), "burst-1", 4)], id="a slot's rank is online: not ours"
    ),
    pytest.param([LARGE], {"drained": frozenset({5})}, [request((1,), "burst-1", 4)], id="a slot's rank is drained"),
    pytest.param([LARGE], {"drained": SLOT_0 | SLOT_1}, [hold("no-slot", (1,), "burst-0")], id="all slots are drained"),
    pytest.param([LARGE], {"slots": ()}, [hold("too-large", (1,))], id="no slots at all"),
    pytest.param(
        [LARGE],
        {"bursts": (make_failed_burst(),)},
        [request((1,), "burst-1", 4)],
        id="the first slot rests: the second",
    ),
    pytest.param(
        [LARGE],
        {"bursts": (make_failed_burst(), make_failed_burst(slot="burst-1", generation=2, error_class="quota"))},
        [hold("cool-down", (1,), "burst-0")],
        id="both rest: the one that ends first",
    ),
    pytest.param(
        [LARGE],
        {"bursts": (make_failed_burst(), make_burst("ACTIVE", slot="burst-1", size=1, generation=2))},
        [hold("cool-down", (1,), "burst-0")],
        id="one rests, one is in use",
    ),
    pytest.param(
        [make_job(1, 7)],
        {"bursts": (make_failed_burst(),)},
        [hold("too-large", (1,))],
        id="too large for one that rests",
    ),
]


@pytest.mark.parametrize(("jobs", "changes", "expected"), TABLE)
def test_decide_demand_of_waiting_jobs(jobs, changes, expected):
    assert summary(decided(*jobs, **changes)) == expected


def test_decide_demand_after_the_rest_tries_again():
    failed = make_failed_burst()

    assert summary(decided(LARGE, now=NOW + 60, bursts=(failed,))) == [request((1,), "burst-0", 4)]


@pytest.mark.parametrize(
    ("jobs", "who"),
    [
        ((LARGE,), "a job of 6 nodes of 1 core cannot"),
        ((LARGE, make_job(2, 5)), "a job of 6 nodes of 1 core, and 1 more cannot"),
    ],
    ids=["one job", "two jobs"],
)
def test_decide_demand_request_says_what_is_needed_and_why(jobs, who):
    (decision,) = decided(*jobs)

    assert decision.reason == (
        f"{who} run on the 2 ranks at home that are online; 4 of the slot burst-0 beside them are enough"
    )
    assert (decision.template, decision.zone, decision.ranks) == ("default", "us-central1-a", SLOT_0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"bursts": (IN_USE_0, make_burst("FAILED", slot="burst-1", generation=2))},
            "6 nodes of 1 core would fit the slot burst-0, which is in use or drained; it waits until that is free",
        ),
        ({"slots": make_slots()[:1], "bursts": (IN_USE_0,), "online": frozenset()}, "burst-0 has 4; ask for less"),
        ({"slots": ()}, "the instance declares none"),
    ],
    ids=["in use", "too large", "no slots"],
)
def test_decide_demand_hold_says_what_to_do(changes, reason):
    (decision,) = decided(LARGE, **changes)

    assert reason in decision.reason


def test_wanted_bursts_are_those_that_jobs_count_on():
    burst = make_burst("ACTIVE")

    assert wanted_bursts(decided(LARGE, make_job(2, 1), bursts=(burst,))) == {burst.burst_id}
    assert wanted_bursts(decided(LARGE)) == frozenset()
    assert wanted_bursts(decide(make_snapshot(bursts=(make_burst("FAILED"),)), POLICY, NOW)) == frozenset()


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


def test_decide_restores_an_urgency_whatever_the_scheduler_is_now():
    job = dataclasses.replace(make_job(1, 2, urgency=1), lowering=Lowering.DONE, lowered_from=16)
    decisions = decide(make_snapshot(pending=(job,)), POLICY, NOW)

    assert [d.kind.value for d in decisions] == ["hold", "restore-urgency"]


def test_decide_lets_others_pass_only_the_jobs_that_wait_for_a_burst():
    facts = make_facts(scheduler="simple")
    decisions = decide(make_snapshot(facts=facts, pending=(make_job(1, 1), make_job(2, 6))), POLICY, NOW)

    lowered = [d for d in decisions if d.kind is DecisionKind.LOWER_URGENCY]
    assert [(d.jobs, d.code) for d in lowered] == [((2,), "head-of-line")]


CONSTRAINTS = [{}, {"properties": ["burst"]}, {"properties": ["^burst"]}, {"hostlist": ["burst-1-[0-3]"]}]
JOBS = st.builds(
    lambda nodes, slots, cores, constraint, problem: make_job(
        0, nodes, slots=slots, cores=cores, constraints=constraint, problem=problem
    ),
    st.none() | st.integers(1, 9),
    st.integers(1, 20),
    st.integers(1, 5),
    st.sampled_from(CONSTRAINTS),
    st.sampled_from(["", "", "", "unreadable"]),
)


@st.composite
def snapshots(draw):
    jobs = draw(st.lists(JOBS, max_size=6))
    pending = tuple(dataclasses.replace(job, jobid=number) for number, job in enumerate(jobs))
    bursts = tuple(
        make_burst(draw(st.sampled_from(list(BurstState))), slot=slot, size=draw(st.integers(1, 4)), generation=number)
        for number, slot in enumerate(draw(st.lists(st.sampled_from(["burst-0", "burst-1"]), max_size=3)))
    )
    ranks = {name: draw(st.frozensets(st.integers(0, 9))) for name in ("online", "drained", "torpid", "allocated")}
    return make_snapshot(pending=pending, bursts=bursts, **ranks)


@given(snapshots())
def test_decide_puts_every_waiting_job_into_exactly_one_request_or_hold(snapshot):
    decisions = decide(snapshot, POLICY, NOW)

    placed = [job for d in decisions if d.kind in ("request", "hold") for job in d.jobs]
    assert sorted(placed) == [job.jobid for job in snapshot.pending]


@given(snapshots())
def test_decide_of_the_same_snapshot_is_the_same(snapshot):
    assert decide(snapshot, POLICY, NOW) == decide(snapshot, POLICY, NOW)


@given(snapshots())
def test_decide_requests_free_slots_once_and_no_more_nodes_than_they_have(snapshot):
    requests = [d for d in decide(snapshot, POLICY, NOW) if d.kind is DecisionKind.REQUEST]

    held = {burst.slot for burst in snapshot.live()}
    slots = {slot.name: slot for slot in snapshot.slots}
    assert len({d.slot for d in requests}) == len(requests)
    for decision in requests:
        assert decision.slot not in held
        assert 1 <= decision.nodes <= slots[decision.slot].size
        assert decision.ranks == slots[decision.slot].first_ranks(decision.nodes)
        assert not set(slots[decision.slot].ranks) & (snapshot.online | snapshot.drained)


@given(snapshots())
def test_decide_never_requests_nodes_for_a_job_that_home_can_hold(snapshot):
    jobs = {job.jobid: job for job in snapshot.pending}
    for decision in decide(snapshot, POLICY, NOW):
        for job in decision.jobs if decision.kind is DecisionKind.REQUEST else ():
            demand = jobs[job].demand
            assert units_of(snapshot, demand, snapshot.home) < demand.units
            assert units_of(snapshot, demand, snapshot.home | decision.ranks) >= demand.units


def test_decide_demand_takes_the_first_zone_of_the_slots_template():
    slot = make_slots()[0]
    there = dataclasses.replace(slot, template=make_template(name="t", zones=("europe-west4-b",)))

    (decision,) = decided(LARGE, slots=(there,))

    assert (decision.template, decision.zone) == ("t", "europe-west4-b")
