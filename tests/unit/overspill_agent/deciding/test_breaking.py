import pytest
from tests.unit.overspill_agent.deciding.scenes import NOW, burst, experience, job, planned, template

from overspill_agent.deciding.breaking import JITTER, Opening, Rest, find_zone, next_opening
from overspill_agent.deciding.latency import Experience, Outcome
from overspill_agent.deciding.policy import Policy

POLICY = Policy(cooldown_s=600, max_cooldown_s=3600, breaker_failures=3)
MINUTE = 60


def told(outcome, *, minutes_ago, zone="z-a", template="t"):
    return Experience(template=template, zone=zone, at=NOW - minutes_ago * MINUTE, outcome=Outcome(outcome))


def found(*history, zones=("z-a", "z-b"), starting=(), now=NOW):
    return find_zone("t", zones, history, POLICY, now, starting=starting)


def boots(*minutes):
    return [told("boot", minutes_ago=ago) for ago in minutes]


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        pytest.param([], "z-a", id="the first"),
        pytest.param([told("ok", minutes_ago=1)], "z-a", id="it worked"),
        pytest.param([told("capacity", minutes_ago=1)], "z-b", id="no nodes: the next"),
        pytest.param([told("capacity", minutes_ago=13)], "z-a", id="rested"),
        pytest.param([told("capacity", minutes_ago=13), told("capacity", minutes_ago=11)], "z-b", id="rests twice"),
        pytest.param([told("capacity", minutes_ago=5), told("ok", minutes_ago=4)], "z-a", id="a success ends the rest"),
        pytest.param([told("capacity", minutes_ago=1, template="u")], "z-a", id="another template's"),
        pytest.param(
            [told("capacity", minutes_ago=1), told("capacity", minutes_ago=2, zone="z-b")], "cool-down", id="all rest"
        ),
        pytest.param([told("quota", minutes_ago=1)], "quota", id="quota: no zone is tried"),
        pytest.param([told("config", minutes_ago=1)], "config", id="config"),
        pytest.param([told("permission", minutes_ago=1)], "permission", id="permission"),
        pytest.param([told("quota", minutes_ago=61)], "z-a", id="quota, an hour ago"),
        pytest.param([told("quota", minutes_ago=9), told("ok", minutes_ago=4, zone="z-b")], "z-a", id="quota is back"),
        pytest.param(boots(1, 2), "z-a", id="two boots"),
        pytest.param(boots(1, 2, 3), "z-b", id="three boots: the next zone"),
        pytest.param([*boots(1, 2), told("join", minutes_ago=3)], "z-b", id="joins count as well"),
        pytest.param([*boots(1, 2), told("ok", minutes_ago=3), *boots(4)], "z-a", id="not in a row"),
        pytest.param([*boots(1, 2, 4), told("capacity", minutes_ago=30)], "z-b", id="a shortage ends no row"),
        pytest.param([*boots(1, 2), told("capacity", minutes_ago=30)], "z-a", id="a shortage is no such failure"),
        pytest.param(boots(13, 14, 15), "probe z-a", id="rested: one is tried"),
        pytest.param(boots(13, 14, 15, 16), "z-b", id="a probe failed: twice the rest"),
    ],
)
def test_find_zone_after_what_became_of_bursts(history, expected):
    result = found(*history)

    name = f"probe {result.zone}" if isinstance(result, Opening) and result.is_probe else None
    assert (name or (result.zone if isinstance(result, Opening) else result.code)) == expected


def test_find_zone_with_a_probe_on_its_way_waits_for_it():
    result = found(*boots(13, 14, 15), zones=("z-a",), starting={("t", "z-a")})

    assert (result.code, "on its way in z-a" in result.reason) == ("breaker-open", True)


def test_rest_has_a_part_that_follows_from_what_rests_alone():
    rests = [found(told("capacity", minutes_ago=ago), zones=("z-a",)) for ago in (1, 1, 2, 3)]
    spreads = [rest.until - (NOW - ago * MINUTE) for rest, ago in zip(rests, (1, 1, 2, 3), strict=True)]

    assert spreads[0] == spreads[1]
    assert len(set(spreads)) == 3
    assert all(600 <= spread <= 600 * (1 + JITTER) for spread in spreads)


def test_next_opening_is_when_the_first_zone_has_rested():
    history = [told("capacity", minutes_ago=1), told("capacity", minutes_ago=2, zone="z-b")]
    rest = found(*history)

    assert isinstance(rest, Rest)
    assert next_opening("t", ("z-a", "z-b"), history, POLICY, NOW) == rest.until
    assert next_opening("t", ("z-a",), [], POLICY, NOW) is None


@pytest.mark.parametrize(
    ("history", "kind", "code", "zone"),
    [
        ([experience("capacity")], "request", "never-fits-locally", "z-b"),
        ([experience("capacity"), experience("capacity", zone="z-b")], "hold", "cool-down", None),
        ([experience("quota")], "hold", "quota", None),
        ([experience("permission")], "hold", "permission", None),
        ([experience("boot", ago_s=n) for n in (50, 60, 70)], "request", "never-fits-locally", "z-b"),
        ([experience("boot", ago_s=n) for n in (1000, 1100, 1200)], "request", "probe", "z-a"),
    ],
)
def test_plan_after_failures_goes_to_the_next_zone_or_says_why_not(history, kind, code, zone):
    (decision,) = planned(job("a"), history=history)

    assert (decision["kind"], decision["code"], decision["zone"]) == (kind, code, zone)


def test_plan_of_a_probe_requests_one_burst_alone():
    history = [experience("boot", ago_s=n) for n in (1000, 1100, 1200)]

    decisions = planned(job("a", 6), job("b", 6), history=history, templates=[template(zones=["z-a"])])

    assert sorted((d["kind"], d["code"]) for d in decisions) == [("hold", "breaker-open"), ("request", "probe")]


def test_plan_with_a_probe_on_its_way_holds_others():
    history = [experience("boot", ago_s=n) for n in (1000, 1100, 1200)]
    probe = burst("PROVISIONING", nodes=6, jobs=["a"], age_s=60)

    decisions = planned(job("a", 6), job("b", 6), history=history, bursts=[probe], templates=[template(zones=["z-a"])])

    assert sorted((d["kind"], d["code"]) for d in decisions) == [("hold", "breaker-open"), ("hold", "in-flight")]


def test_plan_grows_no_burst_in_a_zone_that_rests():
    live = burst(busy_ranks="10-13")

    (decision,) = planned(job("a"), bursts=[live], history=[experience("capacity")])

    assert (decision["kind"], decision["slot"], decision["zone"]) == ("request", "burst-1", "z-b")
