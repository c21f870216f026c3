import pytest
from tests.unit.overspill_agent.deciding.scenes import (
    NOW,
    burst,
    code_of,
    experience,
    job,
    planned,
    running,
    scene,
    summary,
    template,
)
from tests.unit.overspill_agent.deciding.scenes import plan as plan_of


def request(jobs, slot, nodes, code="never-fits-locally"):
    return ("request", code, jobs, slot, nodes)


def grow(jobs, slot, nodes, code="never-fits-locally"):
    return ("grow", code, jobs, slot, nodes)


def hold(code, jobs):
    return ("hold", code, jobs, None, None)


BUSY_HOME = (running("r0", "0", ends_in_s=9000), running("r1", "1", ends_in_s=9000))
SOON_FREE = (running("r0", "0", ends_in_s=200), running("r1", "1", ends_in_s=200))
TABLE = [
    pytest.param([], {}, [], id="nothing waits"),
    pytest.param([job("a", 4)], {}, [request(("a",), "burst-0", 4)], id="burst-only asks for all nodes"),
    pytest.param([job("a", 2)], {}, [hold("fits-now", ("a",))], id="fits home"),
    pytest.param([job("a", 9)], {}, [hold("too-large", ("a",))], id="larger than any slot"),
    pytest.param([job("a", burstable=0)], {}, [], id="not marked"),
    pytest.param(
        [job("a", 3), job("b", 5)], {}, [request(("a", "b"), "burst-0", 8)], id="two share one burst, of the sum"
    ),
    pytest.param(
        [job("a", 6), job("b", 6)],
        {},
        [request(("a",), "burst-0", 6), request(("b",), "burst-1", 6)],
        id="what one slot cannot hold goes to the next",
    ),
    pytest.param(
        [job("a", 6), job("b", 6), job("c", 2)],
        {},
        [hold("fits-now", ("c",)), request(("a",), "burst-0", 6), request(("b",), "burst-1", 6)],
        id="each on its own",
    ),
    pytest.param(
        [job("a", 6), job("b", 6), job("c", 6)],
        {},
        [hold("no-slot", ("c",)), request(("a",), "burst-0", 6), request(("b",), "burst-1", 6)],
        id="no slot is left",
    ),
    pytest.param(
        [job("a", 4)],
        {"bursts": [burst("REQUESTED", jobs=["a"])]},
        [hold("in-flight", ("a",))],
        id="its burst is on its way: no second one",
    ),
    pytest.param(
        [job("a", 4), job("b", 4)],
        {"bursts": [burst("REQUESTED", jobs=["a"])]},
        [grow(("b",), "burst-0", 8), hold("in-flight", ("a",))],
        id="a burst grows before there is a second one",
    ),
    pytest.param(
        [job("b", 4, submitted_at=1), job("a", 4)],
        {"bursts": [burst("JOINING", jobs=["a"])], "slots": 1, "policy": {"max_nodes": 4}},
        [hold("in-flight", ("a",)), hold("max-nodes", ("b",))],
        id="nodes are kept for whom they were rented",
    ),
    pytest.param(
        [job("a", 4)],
        {"bursts": [burst(busy_ranks="10-13")]},
        [grow(("a",), "burst-0", 8)],
        id="busy nodes are no room",
    ),
    pytest.param(
        [job("a", 4)],
        {"bursts": [burst(nodes=8, busy_ranks="10-13")]},
        [hold("in-flight", ("a",))],
        id="idle nodes are",
    ),
    pytest.param(
        [job("a", 6)],
        {"bursts": [burst(nodes=8, busy_ranks="10-13")]},
        [request(("a",), "burst-1", 6)],
        id="a full slot grows no more: the other one",
    ),
    pytest.param(
        [job("a", 6)], {"bursts": [burst("TEARING_DOWN")]}, [request(("a",), "burst-1", 6)], id="the first is in use"
    ),
    pytest.param([job("a", 6)], {"bursts": [burst("GONE")]}, [request(("a",), "burst-0", 6)], id="the last is gone"),
    pytest.param([*BUSY_HOME, job("a", 2)], {}, [request(("a",), "burst-0", 2, "break-even")], id="home is too late"),
    pytest.param([*SOON_FREE, job("a", 2)], {}, [hold("local-wait-shorter", ("a",))], id="home is sooner"),
    pytest.param(
        [job("a", 4)], {"policy": {"placement": "spread"}}, [request(("a",), "burst-0", 2)], id="spread: beside home"
    ),
    pytest.param(
        [BUSY_HOME[0], job("a", 4)],
        {"policy": {"placement": "spread"}},
        [request(("a",), "burst-0", 3)],
        id="spread: beside what is free of home",
    ),
    pytest.param(
        [job("a", None, cores=30)], {}, [request(("a",), "burst-0", 4)], id="cores alone are rounded up to nodes"
    ),
    pytest.param(
        [job("a", None, cores=20), job("b", None, cores=20)],
        {"home": ""},
        [request(("a", "b"), "burst-0", 5)],
        id="jobs that ask for cores share nodes",
    ),
    pytest.param([job("a", 4, cores=9)], {}, [hold("no-template", ("a",))], id="a node has not so many cores"),
    pytest.param([job("a", 1, gpus=1)], {}, [hold("no-template", ("a",))], id="no GPUs"),
    pytest.param([job("a", 4, memory_mib_per_node=64000)], {}, [hold("no-template", ("a",))], id="not the memory"),
    pytest.param([job("a", 1, requires=["lustre"])], {}, [hold("not-burstable-here", ("a",))], id="a property of home"),
    pytest.param(
        [job("a", 1, requires=["burst"])], {}, [request(("a",), "burst-0", 1)], id="a property of burst nodes"
    ),
    pytest.param([job("a", 1, requires=["-burst"])], {}, [hold("fits-now", ("a",))], id="not on burst nodes, but home"),
    pytest.param(
        [job("a", 1, constraints={"hostlist": ["node7"]})], {}, [hold("not-burstable-here", ("a",))], id="a host"
    ),
    pytest.param(
        [job("a", 2, constraints={"hostlist": ["burst-1-[0-1]"]})], {}, [request(("a",), "burst-1", 2)], id="its host"
    ),
    pytest.param(
        [job("a", 1, constraints={"ranks": ["12"]})], {}, [request(("a",), "burst-0", 3)], id="the third of its ranks"
    ),
    pytest.param(
        [job("a", constraints={"flavour": ["sweet"]})], {}, [hold("not-burstable-here", ("a",))], id="no constraint"
    ),
    pytest.param([job("a", duration_s=9e6)], {}, [hold("too-long", ("a",))], id="longer than a burst may live"),
    pytest.param(
        [job("a", burstable={"slot": "burst-1"})], {}, [request(("a",), "burst-1", 4)], id="the slot it names"
    ),
    pytest.param([job("a", burstable={"slot": "x"})], {}, [hold("no-slot", ("a",))], id="a slot that is not"),
    pytest.param([job("a", burstable={"template": "x"})], {}, [hold("no-template", ("a",))], id="such a template"),
    pytest.param([job("a", burstable={"max_usd": 1})], {}, [hold("over-cap", ("a",))], id="more than it may cost"),
    pytest.param([job("a", burstable={"max_usd": "x"})], {}, [hold("not-burstable-here", ("a",))], id="no number"),
    pytest.param([job("a")], {"slots": 0}, [hold("too-large", ("a",))], id="no slots at all"),
    pytest.param([job("a")], {"policy": {"max_bursts": 0}}, [hold("max-bursts", ("a",))], id="no bursts allowed"),
    pytest.param([job("a")], {"policy": {"max_nodes": 3}}, [hold("max-nodes", ("a",))], id="no such many nodes"),
    pytest.param([job("a")], {"policy": {"cap_usd_per_burst": 1}}, [hold("over-cap", ("a",))], id="dear burst"),
    pytest.param(
        [job("a")],
        {"policy": {"cap_usd_per_day": 10}, "spent": [{"at": NOW - 3600, "usd": 9}]},
        [hold("over-cap", ("a",))],
        id="dear day",
    ),
    pytest.param(
        [job("a")],
        {"policy": {"cap_usd_per_day": 10}, "spent": [{"at": NOW - 90_000, "usd": 9}]},
        [request(("a",), "burst-0", 4)],
        id="another day",
    ),
    pytest.param(
        [job("a")],
        {"policy": {"cap_usd_total": 10}, "spent": [{"at": NOW - 90_000, "usd": 9}]},
        [hold("over-cap", ("a",))],
        id="dear in all",
    ),
    pytest.param(
        [job("a"), job("b", 6)],
        {"policy": {"cap_usd_total": 6}},
        [hold("over-cap", ("b",)), request(("a",), "burst-0", 4)],
        id="one of two",
    ),
    pytest.param([job("a", submitted_at=NOW)], {}, [hold("gathering", ("a",))], id="others may come"),
    pytest.param(
        [job("a", submitted_at=NOW), job("b", 2, submitted_at=NOW - 5)],
        {"home": ""},
        [request(("a", "b"), "burst-0", 6)],
        id="one has waited long enough",
    ),
]


@pytest.mark.parametrize(("jobs", "changes", "expected"), TABLE)
def test_plan_of_waiting_jobs(jobs, changes, expected):
    found = [item for item in summary(planned(*jobs, **changes)) if item[0] in ("request", "grow", "hold")]

    assert found == sorted(expected, key=str)


def test_plan_of_a_request_tells_all_that_it_means():
    (decision,) = planned(job("a", duration_s=1800), policy={"idle_timeout_s": 600})

    assert decision == {
        "kind": "request",
        "code": "never-fits-locally",
        "reason": "4 nodes of 8 cores cannot run on the 2 ranks at home that are online;"
        " 4 nodes of the template t in z-a are requested for the slot burst-0",
        "burst_id": None,
        "jobs": ["a"],
        "slot": "burst-0",
        "template": "t",
        "zone": "z-a",
        "nodes": 4,
        "ranks": "10-13",
        "reserve_usd": pytest.approx(4 * 1.0 * (1800 + 394 + 600 + 120 + 266) / 3600, abs=1e-6),
        "eta_p50_s": 317,
        "eta_p90_s": 394,
    }


def test_plan_of_a_growing_burst_tells_the_new_total_and_what_it_adds():
    (decision,) = planned(job("a", 2, duration_s=1800), bursts=[burst(busy_ranks="10-13")], home="")

    assert (decision["burst_id"], decision["nodes"], decision["ranks"]) == ("of-burst-0", 6, "10-15")
    assert decision["reserve_usd"] == pytest.approx(2 * 1.0 * (1800 + 117 + 600 + 120 + 266) / 3600, abs=1e-6)
    assert (decision["eta_p50_s"], decision["eta_p90_s"]) == (71, 117)


def test_plan_of_a_hold_in_flight_names_the_burst():
    (decision,) = planned(job("a"), bursts=[burst("PROVISIONING", jobs=["a"])])

    assert (decision["burst_id"], decision["slot"], decision["jobs"]) == ("of-burst-0", "burst-0", ["a"])


@pytest.mark.parametrize(
    ("wait_s", "history", "code"),
    [
        pytest.param(453, [], "local-wait-shorter", id="as the published 394 s and the margin of 60"),
        pytest.param(455, [], "break-even", id="longer than the published figures"),
        pytest.param(300, [experience(create_s=200, join_s=20)], "break-even", id="our own bursts are quicker"),
        pytest.param(700, [experience(create_s=600, join_s=50)], "local-wait-shorter", id="our own are slower"),
        pytest.param(
            455, [experience(zone="z-b", create_s=600, join_s=50)], "break-even", id="another zone's do not count"
        ),
    ],
)
def test_plan_bursts_only_if_home_is_later_than_a_burst_and_the_margin(wait_s, history, code):
    blocked = running("r", "0-1", ends_in_s=wait_s)

    assert code_of(planned(blocked, job("a", 2), history=history), "a") == code


@pytest.mark.parametrize(("backfill", "code"), [(False, "break-even"), (True, "fits-now")])
def test_plan_with_backfill_lets_a_short_job_pass_one_that_waits(backfill, code):
    ahead = job("big", 2, submitted_at=1, burstable=0)
    short = job("a", 1, duration_s=60)

    decisions = planned(running("r", "0", ends_in_s=9000), ahead, short, policy={"backfill": backfill})

    assert code_of(decisions, "a") == code


def test_plan_with_backfill_never_delays_a_job_that_waits():
    ahead = job("big", 2, submitted_at=1, burstable=0)
    long = job("a", 1, duration_s=20_000)

    decisions = planned(running("r", "0", ends_in_s=9000), ahead, long, policy={"backfill": True})

    assert code_of(decisions, "a") == "break-even"


@pytest.mark.parametrize(
    ("changes", "first"), [({"urgency": 20}, "b"), ({"submitted_at": 5}, "b"), ({"urgency": 1}, "a")]
)
def test_plan_takes_jobs_by_urgency_and_then_by_their_age(changes, first):
    decisions = planned(job("a", 2), job("b", 2, **changes), slots=0)

    assert code_of(decisions, first) == "fits-now"
    assert code_of(decisions, {"a": "b", "b": "a"}[first]) == "too-large"


def test_plan_of_a_job_larger_than_the_slot_that_it_may_run_on_names_no_other():
    (decision,) = planned(job("a", 4, constraints={"hostlist": ["burst-1-0"]}))

    assert decision["code"] == "too-large"
    assert "burst-1" in decision["reason"]
    assert "burst-0" not in decision["reason"]


def test_plan_of_jobs_without_limits_takes_them_to_run_ever_longer():
    started = {"started_at": NOW - 5000, "duration_s": None}

    (decision,) = planned(running("r", "0-1", ends_in_s=0, **started), job("a", 2))

    assert (decision["code"], "it waits 2200 s at home" in decision["reason"]) == ("break-even", True)


@pytest.mark.parametrize(
    ("eligible", "jobs"),
    [
        ("attribute", {"marked"}),
        ("queue:debug", {"queued"}),
        ("property:burst", {"bound"}),
        ("all", {"marked", "queued", "bound", "plain"}),
    ],
)
def test_plan_is_about_the_jobs_that_the_policy_lets_burst(eligible, jobs):
    plain = {"burstable": None}
    decisions = planned(
        job("marked", burstable="gke"),
        job("queued", queue="debug", **plain),
        job("bound", requires=["burst"], **plain),
        job("plain", **plain),
        policy={"eligible": eligible},
    )

    assert {jobid for decision in decisions for jobid in decision["jobs"]} == jobs


@pytest.mark.parametrize(
    ("mark", "is_marked"),
    [
        *((mark, True) for mark in (1, True, "gke", {"slot": "burst-0"}, [0], "0")),
        *((mark, False) for mark in (0, False, None, "", {}, [], 0.0)),
    ],
)
def test_plan_reads_the_mark_as_true_or_false_whatever_it_is(mark, is_marked):
    assert bool(planned(job("a", burstable=mark))) is is_marked


CHEAP, DEAR = template("cheap", price_usd_per_h=0.5), template("dear", price_usd_per_h=2.0)


def slots_of(*names):
    return [{"name": f"s{n}", "ranks": f"{10 + 8 * n}-{17 + 8 * n}", "template": t} for n, t in enumerate(names)]


@pytest.mark.parametrize(
    ("templates", "slots", "changes", "expected"),
    [
        pytest.param([DEAR, CHEAP], ("dear", "cheap"), {}, ("request", "cheap", "s1"), id="the cheapest slot"),
        pytest.param([DEAR, CHEAP], (None,), {}, ("request", "cheap", "s0"), id="the cheapest for an open slot"),
        pytest.param(
            [DEAR, CHEAP], (None,), {"burstable": {"template": "dear"}}, ("request", "dear", "s0"), id="the mark's own"
        ),
        pytest.param([DEAR, CHEAP | {"cores": 4}], (None,), {}, ("request", "dear", "s0"), id="what has the cores"),
        pytest.param([DEAR, CHEAP | {"spot": True}], (None,), {}, ("request", "dear", "s0"), id="no spot nodes"),
        pytest.param([CHEAP | {"spot": True}], (None,), {}, ("hold", None, None), id="only spot nodes"),
        pytest.param([DEAR, CHEAP | {"price_usd_per_h": None}], (None,), {}, ("request", "dear", "s0"), id="a price"),
    ],
)
def test_plan_takes_the_cheapest_template_that_holds_the_job(templates, slots, changes, expected):
    (decision,) = (
        planned(job("a", **changes), templates=templates, slots=0)
        if not slots
        else plan_of(scene(job("a", **changes), templates=templates) | {"slots": slots_of(*slots)})
    )

    assert (decision["kind"], decision["template"], decision["slot"]) == expected


@pytest.mark.parametrize(("allowed", "code"), [(False, "price-unknown"), (True, "never-fits-locally")])
def test_plan_without_a_price_needs_the_policys_word(allowed, code):
    (decision,) = planned(job("a"), templates=[template(price_usd_per_h=None)], policy={"allow_unknown_price": allowed})

    assert (decision["code"], decision["reserve_usd"]) == (code, None)


def test_plan_with_spot_allowed_takes_spot_nodes():
    (decision,) = planned(job("a"), templates=[template(spot=True)], policy={"allow_spot": True})

    assert decision["kind"] == "request"


def test_plan_gives_a_burst_no_fewer_nodes_than_its_slots_least():
    content = scene(job("a", 3))
    content["slots"][0]["min_nodes"] = 6

    (decision,) = plan_of(content)

    assert (decision["nodes"], decision["ranks"]) == (6, "10-15")


def test_plan_of_over_cap_tells_the_figures():
    (decision,) = planned(
        job("a", duration_s=1606), policy={"cap_usd_per_day": 10}, spent=[{"at": NOW - 60, "usd": 8}], home=""
    )

    assert decision["reason"] == (
        "it would cost $3.32; with $8.00 spent in the last 24 hours and $0.00 reserved that is $11.32,"
        " and the cap for a day is $10.00"
    )


def test_plan_counts_what_live_bursts_have_reserved():
    live = burst(busy_ranks="10-17", reserved_usd=9.0, nodes=8)

    assert code_of(planned(job("a"), bursts=[live], policy={"cap_usd_total": 10}), "a") == "over-cap"


def test_plan_counts_what_a_live_burst_has_cost_where_that_is_more():
    live = burst(busy_ranks="10-17", reserved_usd=1.0, nodes=8, age_s=3600)

    assert code_of(planned(job("a"), bursts=[live], policy={"cap_usd_total": 9}), "a") == "over-cap"
