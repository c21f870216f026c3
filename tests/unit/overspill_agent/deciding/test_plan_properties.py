"""What holds for every snapshot, in any mixture."""

import copy

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.overspill_agent.deciding.scenes import NOW, burst, experience, job, plan, running, scene

from overspill_shared.idset import parse_idset

MARKS = st.sampled_from([1, True, "x", 0, None, {"template": "t"}, {"slot": "burst-1"}, {"max_usd": 2}, {"slot": 3}])
JOBS = st.fixed_dictionaries(
    {
        "nodes": st.none() | st.integers(1, 10),
        "cores": st.integers(1, 9),
        "burstable": MARKS,
        "duration_s": st.none() | st.sampled_from([30, 300, 3600, 40_000]),
        "urgency": st.sampled_from([16, 16, 20, 1]),
        "submitted_at": st.sampled_from([1.0, NOW - 4000, NOW - 3, NOW]),
        "requires": st.sampled_from([[], [], ["burst"], ["-burst"], ["gpu"]]),
    }
)
POLICIES = st.fixed_dictionaries(
    {},
    optional={
        "eligible": st.sampled_from(["attribute", "all"]),
        "placement": st.sampled_from(["burst-only", "spread"]),
        "backfill": st.booleans(),
        "cap_usd_per_burst": st.sampled_from([3.0, 10.0]),
        "cap_usd_per_day": st.sampled_from([3.0, 20.0]),
        "cap_usd_total": st.sampled_from([3.0, 20.0]),
        "max_bursts": st.integers(0, 3),
        "max_nodes": st.integers(0, 20),
        "keep_warm_s": st.sampled_from([0, 600]),
    },
)
STATES = ["REQUESTED", "PROVISIONING", "JOINING", "ACTIVE", "DRAINING", "FAILED", "TEARING_DOWN", "GONE"]
OUTCOMES = ["ok", "capacity", "quota", "config", "permission", "boot", "join"]


@st.composite
def scenes(draw):
    jobs = [job(number, **content) for number, content in enumerate(draw(st.lists(JOBS, max_size=8)))]
    at_home = draw(st.integers(0, 4))
    ends = draw(st.lists(st.sampled_from([10, 300, 9000]), max_size=at_home))
    jobs += [running(f"r{rank}", str(rank), ends_in_s=ends_in_s) for rank, ends_in_s in enumerate(ends)]
    bursts = [
        burst(
            draw(st.sampled_from(STATES)),
            slot=f"burst-{slot}",
            nodes=draw(st.integers(0, 8)),
            jobs=draw(st.lists(st.integers(0, 7), max_size=3, unique=True)),
            busy_ranks=draw(st.sampled_from(["", f"{10 + 8 * slot}"])),
            idle_since=draw(st.sampled_from([None, NOW - 30, NOW - 900])),
            reserved_usd=draw(st.sampled_from([None, 1.0, 5.0])),
        )
        for slot in range(draw(st.integers(0, 2)))
    ]
    history = [
        experience(draw(st.sampled_from(OUTCOMES)), zone=draw(st.sampled_from(["z-a", "z-b"])), ago_s=10.0 * (ago + 1))
        for ago in range(draw(st.integers(0, 4)))
    ]
    home = f"0-{at_home - 1}" if at_home else ""
    spent = [{"at": NOW - 50, "usd": draw(st.sampled_from([0.0, 2.0]))}]
    return scene(*jobs, home=home, bursts=bursts, history=history, policy=draw(POLICIES), spent=spent, slots=3)


def eligible(content):
    takes_all = content["policy"].get("eligible") == "all"
    waiting = [one for one in content["jobs"] if one.get("state") != "RUNNING"]
    return sorted(one["id"] for one in waiting if takes_all or one["burstable"])


def live(content):
    return [one for one in content.get("bursts", []) if one["state"] != "GONE"]


def rents(decisions):
    return [d for d in decisions if d["kind"] in ("request", "grow")]


@given(scenes())
def test_every_waiting_job_that_may_burst_stands_in_exactly_one_decision(content):
    told = [jobid for decision in plan(content) for jobid in decision["jobs"] if not str(jobid).startswith("r")]

    assert sorted(told) == eligible(content)


@given(scenes())
def test_same_snapshot_gives_the_same_decisions_and_each_has_a_reason(content):
    first = plan(content)

    assert plan(copy.deepcopy(content)) == first
    assert all(decision["reason"] for decision in first)


@given(scenes())
def test_slots_are_never_given_twice_nor_beyond_their_size(content):
    slots = {slot["name"]: slot for slot in content["slots"]}
    used = {one["slot"] for one in live(content)}
    requests = [d for d in plan(content) if d["kind"] == "request"]

    assert len({d["slot"] for d in requests} - used) == len(requests)
    for decision in rents(plan(content)):
        ranks = parse_idset(decision["ranks"])
        assert ranks <= parse_idset(slots[decision["slot"]]["ranks"])
        assert len(ranks) == decision["nodes"]


@given(scenes())
def test_nodes_are_enough_for_the_jobs_that_they_are_rented_for(content):
    jobs = {one["id"]: one for one in content["jobs"]}
    had = {one["burst_id"]: one["nodes"] for one in live(content)}
    if content["policy"].get("placement") == "spread":
        return
    for decision in rents(plan(content)):
        most = max(jobs[jobid]["nodes"] or 1 for jobid in decision["jobs"])
        assert decision["nodes"] >= most
        assert decision["nodes"] > had.get(decision["burst_id"], 0)


@given(scenes())
def test_limits_and_caps_are_kept_whatever_is_decided_at_once(content):
    policy, decisions = content["policy"], plan(content)
    before = {one["burst_id"]: one["nodes"] for one in live(content)}
    after = before | {d["burst_id"] or d["slot"]: d["nodes"] for d in rents(decisions)}
    if rents(decisions):
        assert sum(after.values()) <= policy.get("max_nodes", 10**6)
    if any(d["kind"] == "request" for d in decisions):
        assert len(after) <= policy.get("max_bursts", 10**6)

    more = sum(d["reserve_usd"] for d in rents(decisions))
    reserved = sum(one["reserved_usd"] or 0.0 for one in live(content))
    spent = sum(one["usd"] for one in content["spent"])
    for cap in ("cap_usd_per_day", "cap_usd_total"):
        assert not more or spent + reserved + more <= policy.get(cap, 1e9) + 1e-5
    for decision in rents(decisions):
        had = next((b["reserved_usd"] or 0.0 for b in live(content) if b["burst_id"] == decision["burst_id"]), 0.0)
        assert had + decision["reserve_usd"] <= policy.get("cap_usd_per_burst", 1e9) + 1e-5


FREE_JOBS = st.fixed_dictionaries(
    {
        "nodes": st.integers(1, 6),
        "duration_s": st.none() | st.sampled_from([30, 100, 300, 3600, 40_000]),
        "submitted_at": st.sampled_from([1.0, NOW - 4000]),
    }
)


@given(
    st.lists(FREE_JOBS, max_size=8),
    st.integers(0, 6),
    st.lists(st.sampled_from([20, 200, 5000]), max_size=3),
    st.sampled_from(["burst-only", "spread"]),
)
def test_one_more_idle_rank_at_home_never_means_more_rented_nodes(jobs, idle, busy, placement):
    def nodes(count):
        home = len(busy) + count
        there = [running(f"r{rank}", str(rank), ends_in_s=ends) for rank, ends in enumerate(busy)]
        waiting = [job(number, **content) for number, content in enumerate(jobs)]
        content = scene(*there, *waiting, home=f"0-{home - 1}" if home else "", slots=8)
        return sum(d["nodes"] for d in rents(plan(content | {"policy": {"placement": placement}})))

    assert nodes(idle + 1) <= nodes(idle)


@given(scenes())
def test_ranks_with_work_are_never_taken_away_before_their_time(content):
    busy = {one["burst_id"]: parse_idset(one["busy_ranks"]) for one in content.get("bursts", [])}
    for decision in plan(content):
        if decision["kind"] == "shrink":
            assert busy[decision["burst_id"]] <= parse_idset(decision["ranks"])
        if decision["kind"] == "drain" and decision["code"] == "idle":
            assert not busy[decision["burst_id"]]
