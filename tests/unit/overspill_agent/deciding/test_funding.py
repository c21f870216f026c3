"""What a live burst may cost: it goes on while the caps leave it, and ends before they are reached."""

import pytest
from tests.unit.overspill_agent.deciding.scenes import NOW, burst, code_of, experience, job, plan, scene, values

from overspill_agent.deciding.decide import decide
from overspill_agent.deciding.funding import LEAST_MORE_S, MORE_S, first_lease_s, fund
from overspill_agent.deciding.policy import Policy

LEAD_S, REMOVAL_S = 600, 120 + 266
HOUR = 3600
RUNNING = {"state": "RUNNING", "ranks": "10-13", "nodes": 4}


def lasting(seconds, *, nodes=4, age_s=1000, **changes):
    """Give a burst (a node costs 1 USD an hour) whose money lasts for so long: its brokers are told to leave then."""
    usd = nodes * (age_s + seconds + REMOVAL_S) / HOUR
    return burst(nodes=nodes, age_s=age_s, reserved_usd=usd, busy_ranks=f"10-{9 + nodes}", **changes)


def decided(*jobs, **changes):
    """Give all that is decided, the steps that a plan leaves out too."""
    return [(d.kind.value, d.code.value) for d in decide(*values(scene(*jobs, **changes)))]


def funds_of(content):
    (funds,) = fund(*values(content)).values()
    return funds


def test_plan_of_a_burst_that_would_pass_a_cap_shows_its_drain_with_the_figures():
    live = lasting(LEAD_S - 1)
    cap = live["reserved_usd"]

    (drain,) = plan(scene(job("r", **RUNNING), bursts=[live], policy={"cap_usd_per_day": cap}))

    assert (drain["kind"], drain["code"], drain["jobs"], drain["nodes"]) == ("drain", "over-cap", ["r"], 4)
    assert drain["reason"] == (
        "it has cost $1.11, and what it may cost, $2.21, lasts for 599 s; for 600 s more it would cost $0.67;"
        " with $0.00 spent in the last 24 hours and $2.21 reserved that is $2.87, and the cap for a day is $2.21:"
        " what still runs on its ranks then is ended"
    )


@pytest.mark.parametrize("cap", ["cap_usd_per_burst", "cap_usd_per_day", "cap_usd_total"])
@pytest.mark.parametrize(
    ("left_s", "room_usd", "expected"),
    [
        (LEAD_S + 1, 0.0, []),
        (LEAD_S, 0.0, [("drain", "over-cap")]),
        (LEAD_S, 4 * (LEAST_MORE_S - 1) / HOUR, [("drain", "over-cap")]),
        (LEAD_S, 4 * (LEAST_MORE_S + 1) / HOUR, [("reserve", "goes-on")]),
        (LEAD_S, 4 * MORE_S, [("reserve", "goes-on")]),
    ],
    ids=["enough is reserved", "the cap leaves nothing", "too little", "a little", "plenty"],
)
def test_burst_goes_on_as_long_as_each_cap_leaves_it(cap, left_s, room_usd, expected):
    live = lasting(left_s)

    policy = {cap: live["reserved_usd"] + room_usd}
    assert decided(job("r", **RUNNING), bursts=[live], policy=policy) == expected


def test_burst_without_caps_or_without_a_price_goes_on_whatever_was_reserved():
    free = scene()["templates"][0] | {"price_usd_per_h": None}

    assert decided(job("r", **RUNNING), bursts=[lasting(-1000)]) == []
    assert decided(job("r", **RUNNING), bursts=[lasting(0)], templates=[free], policy={"cap_usd_total": 0}) == []


def test_burst_without_nodes_costs_nothing_and_is_kept_warm():
    warm = burst(nodes=0, age_s=9000, reserved_usd=1.0)

    assert decided(bursts=[warm], policy={"cap_usd_total": 1, "keep_warm_s": 9000}) == []


def test_raise_is_what_it_takes_or_what_the_cap_leaves():
    live = lasting(LEAD_S)

    funds = funds_of(scene(bursts=[live], policy={"cap_usd_total": 99}))
    assert funds.more_usd == pytest.approx(4 * MORE_S / HOUR)
    assert funds.until == pytest.approx(NOW + LEAD_S + MORE_S)
    funds = funds_of(scene(bursts=[live], policy={"cap_usd_total": live["reserved_usd"] + 0.1}))
    assert funds.more_usd == pytest.approx(0.1)


def test_raise_never_goes_past_the_hard_end():
    live = lasting(100, age_s=6300)

    funds = funds_of(scene(bursts=[live], policy={"cap_usd_total": 99, "max_lifetime_s": 7200, "join_timeout_s": 60}))

    assert funds.until == pytest.approx(NOW + 900)


def test_burst_whose_money_lasts_past_its_hard_end_gets_no_more_and_keeps_what_it_has():
    live = lasting(400, age_s=6900)

    funds = funds_of(scene(bursts=[live], policy={"cap_usd_total": 99, "max_lifetime_s": 7200, "join_timeout_s": 60}))

    assert funds.more_usd is None
    assert funds.usd == pytest.approx(live["reserved_usd"])


def test_bursts_that_go_on_at_once_share_what_a_cap_leaves_the_oldest_first():
    older, younger = lasting(LEAD_S, age_s=2000), lasting(LEAD_S, slot="burst-1") | {"busy_ranks": "18-21"}
    cap = older["reserved_usd"] + younger["reserved_usd"] + 4 * MORE_S / HOUR

    content = scene(bursts=[older, younger], policy={"cap_usd_total": cap})

    found = [(d.code.value, d.slot) for d in decide(*values(content))]
    assert found == [("goes-on", "burst-0"), ("over-cap", "burst-1")]


def test_burst_whose_money_ran_out_is_told_to_leave_whatever_runs_there():
    live = lasting(-1, state="DRAINING")

    (ending,) = plan(scene(job("r", **RUNNING), bursts=[live], policy={"cap_usd_total": live["reserved_usd"]}))

    assert (ending["kind"], ending["code"]) == ("teardown", "over-cap")


@pytest.mark.parametrize(("left_s", "expected"), [(1, []), (0, [("teardown", "over-cap")])])
def test_burst_on_its_way_is_ended_only_once_its_money_is_used_up(left_s, expected):
    live = lasting(left_s, age_s=600, state="PROVISIONING", jobs=["a"]) | {"busy_ranks": ""}

    policy = {"cap_usd_total": live["reserved_usd"]}
    assert [one for one in decided(job("a"), bursts=[live], policy=policy) if one[0] != "hold"] == expected


def test_lowered_cap_takes_money_from_the_youngest_burst_first():
    older, younger = lasting(4000, age_s=2000), lasting(4000, slot="burst-1", age_s=1000) | {"busy_ranks": "18-21"}
    cap = older["reserved_usd"] + 1.6

    drains = plan(scene(bursts=[older, younger], policy={"cap_usd_total": cap}))

    assert [(one["code"], one["slot"]) for one in drains] == [("over-cap", "burst-1")]


def test_removal_that_takes_too_long_takes_money_from_the_others():
    gone_on = burst("TEARING_DOWN", slot="burst-1", age_s=3600, reserved_usd=1.0)
    live = lasting(LEAD_S + 300)

    cap = live["reserved_usd"] + 4 * (3600 + REMOVAL_S) / HOUR
    drain = ("drain", "over-cap")
    assert drain not in decided(bursts=[gone_on, live], policy={"cap_usd_total": cap})
    assert drain in decided(bursts=[gone_on, live], policy={"cap_usd_total": cap - 0.4})


def test_burst_that_drains_for_money_has_no_room_for_jobs():
    live = lasting(LEAD_S) | {"busy_ranks": ""}
    content = scene(job("a"), bursts=[live], policy={"cap_usd_total": live["reserved_usd"]})

    assert code_of([d for d in plan(content) if d["kind"] == "hold"], "a") == "over-cap"


def test_job_that_outlasts_the_money_of_a_live_burst_is_told_so():
    live = lasting(2 * HOUR) | {"busy_ranks": ""}
    policy = {"cap_usd_total": live["reserved_usd"]}

    def told(hours):
        jobs = [job("a", duration_s=hours * HOUR)]
        return planned_hold(scene(*jobs, bursts=[live], policy=policy, slots=1))

    assert told(1)["code"] == "in-flight"
    assert told(3)["code"] == "over-cap"
    assert told(3)["reason"].startswith(
        "it would cost $4.00; with $0.00 spent in all and $9.54 reserved that is $13.54"
    )


def planned_hold(content):
    (hold,) = [d for d in plan(content) if d["kind"] == "hold"]
    return hold


def test_growing_burst_reserves_for_all_of_its_nodes_where_a_cap_counts_them():
    live = lasting(1000)
    content = scene(job("a", 2, duration_s=7200), bursts=[live], home="", policy={"cap_usd_total": 99})

    (grow,) = plan(content)

    paid_s = 7200 + 117 + 600 + REMOVAL_S
    assert grow["reserve_usd"] == pytest.approx((6 * paid_s - 4 * (1000 + REMOVAL_S)) / HOUR, abs=1e-5)


def test_growing_burst_keeps_its_new_nodes_as_long_as_its_old_ones():
    live = lasting(5000)

    (grow,) = plan(scene(job("a", 2, duration_s=60), bursts=[live], home="", policy={"cap_usd_total": 99}))

    assert grow["reserve_usd"] == pytest.approx(2 * (5000 + REMOVAL_S) / HOUR, abs=1e-5)


@pytest.mark.parametrize("bursts", [[], [{**burst(nodes=0), "reserved_usd": 1.0}]], ids=["new", "warm"])
def test_no_less_is_reserved_than_a_lease_lasts_that_nobody_renews(bursts):
    policy = {"cap_usd_total": 99, "idle_timeout_s": 60}

    (rented,) = plan(scene(job("a", 2, duration_s=60), bursts=bursts, home="", slots=1, policy=policy))

    lasts_s = Policy().lease_s + 266 if bursts else Policy().join_timeout_s + REMOVAL_S
    assert rented["reserve_usd"] == pytest.approx(2 * lasts_s / HOUR - (1.0 if bursts else 0.0), abs=1e-5)


def test_measured_removals_are_reserved_instead_of_the_published():
    history = [experience(create_s=300, join_s=60, delete_s=80)]

    (request,) = plan(scene(job("a", duration_s=1800), history=history))

    assert request["reserve_usd"] == pytest.approx(4 * (1800 + 360 + 600 + 120 + 80) / HOUR, abs=1e-6)


@pytest.mark.parametrize(
    ("capped", "price", "reserve_usd", "expected"),
    [
        (True, 1.0, 4 * (3000 + REMOVAL_S) / HOUR, 3000 + 120),
        (True, None, None, float("inf")),
        (True, 0.0, 0.0, float("inf")),
        (False, 1.0, 1.0, float("inf")),
    ],
    ids=["its money's time", "no price", "for nothing", "no cap"],
)
def test_first_lease_lasts_no_longer_than_the_money(capped, price, reserve_usd, expected):
    policy = Policy(cap_usd_total=9 if capped else None)

    assert first_lease_s(4, price, reserve_usd, REMOVAL_S, policy) == pytest.approx(expected)
