import json

import pytest
from tests.unit.overspill_agent.deciding.scenes import NOW, burst, job, plan, planned, running, scene, template

from overspill_agent.deciding.policy import Policy
from overspill_agent.deciding.snapshot_file import FilePolicy, parse_snapshot_file
from overspill_shared.errors import ConfigError

KEYS = {
    "kind", "code", "reason", "burst_id", "jobs", "slot", "template", "zone", "nodes", "ranks", "reserve_usd",
    "eta_p50_s", "eta_p90_s",
}  # fmt: skip


def refused(content):
    with pytest.raises(ConfigError) as caught:
        plan(content)
    return caught.value.text


def test_file_needs_nothing_but_the_time():
    assert plan({"now": 1, "jobs": []}) == []
    assert parse_snapshot_file('{"now": 1}').jobs == ()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        pytest.param(scene() | {"extra": 1}, "extra: unknown key", id="at the top"),
        pytest.param(scene(job("a", node=1)), "jobs.0.node: unknown key", id="of a job"),
        pytest.param(scene(policy={"caps": 1}), "policy.caps: unknown key", id="of the policy"),
        pytest.param(scene(bursts=[burst(x=1)]), "bursts.0.x: unknown key", id="of a burst"),
        pytest.param(scene(templates=[template(price=1)]), "templates.0.price: unknown key", id="of a template"),
        pytest.param({"jobs": []}, "now: Field required", id="no time"),
        pytest.param(scene(bursts=[burst("RUNNING")]), "bursts.0.state", id="no such state"),
        pytest.param(scene(policy={"eligible": "some"}), "policy.eligible", id="no such rule"),
        pytest.param(scene(running("r", "1-", ends_in_s=1)), "jobs.0.ranks", id="no idset"),
        pytest.param(scene(job("a"), job("a")), "jobs: two are called a", id="the same id twice"),
        pytest.param(scene(bursts=[burst(slot="x")]), "bursts.0.slot: there is no slot x", id="no such slot"),
        pytest.param(scene(bursts=[burst(template="x")]), "bursts.0.template: there is no template x", id="no kind"),
        pytest.param(scene(templates=[]), "slots.0.template: there is no template t", id="no template"),
    ],
)
def test_file_that_is_wrong_is_refused_with_the_key(content, named):
    assert named in refused(content)


def test_file_that_is_no_json_is_refused():
    with pytest.raises(ConfigError):
        parse_snapshot_file("now: 1")


def test_file_policy_has_the_defaults_of_the_settings():
    defaults = FilePolicy().policy()

    differ = {name for name in Policy.__dataclass_fields__ if getattr(defaults, name) != getattr(Policy(), name)}
    assert differ <= {"shrinks", "cooldown_s"}


@pytest.mark.parametrize(("lifetime_s", "drain_s"), [(8 * 3600, 900), (1000, 100)])
def test_file_policy_drains_before_the_end_as_the_lifetime_allows(lifetime_s, drain_s):
    assert FilePolicy(max_lifetime_s=lifetime_s).policy().drain_before_end_s == drain_s


def test_decisions_have_every_key_and_the_jobs_own_ids():
    decisions = planned(job(77), job("a", 2), bursts=[burst(idle_since=1.0, slot="burst-1")])

    assert all(set(decision) == KEYS for decision in decisions)
    assert json.loads(json.dumps(decisions)) == decisions
    assert {jobid for decision in decisions for jobid in decision["jobs"]} == {77, "a"}


@pytest.mark.parametrize(
    ("changes", "nodes"),
    [
        pytest.param({"nodes": 3, "cores": 24}, 3, id="nodes and cores in all"),
        pytest.param({"nodes": 3}, 3, id="nodes alone"),
        pytest.param({"nodes": None, "cores": 24}, 3, id="cores alone"),
        pytest.param({"nodes": None, "cores": 25}, 4, id="cores, rounded up"),
        pytest.param({"nodes": None, "cores": 12, "cores_per_node": 4}, 2, id="parts of a node"),
        pytest.param({"nodes": None}, 1, id="nothing: one core"),
    ],
)
def test_file_job_asks_for_nodes_or_for_cores(changes, nodes):
    waiting = {"id": "a", "burstable": 1, **changes}

    (decision,) = planned(waiting, home="")

    assert decision["nodes"] == nodes


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"gpus": 2}, "never-fits-locally"), ({"gpus": 6}, "no-template"), ({"gpus_per_node": 3}, "no-template")],
)
def test_file_job_asks_for_gpus(changes, code):
    content = scene(job("a", 1, **changes), templates=[template(gpus=2)], home="")
    for ranks in content["ranks"]:
        ranks["gpus"] = 2

    (decision,) = plan(content)

    assert decision["code"] == code


def test_file_running_job_without_ranks_takes_the_first_at_home():
    there = running("r", None, ends_in_s=9000, nodes=1)

    (decision,) = planned(there, job("a", 2))

    assert decision["code"] == "break-even"


def test_file_slot_whose_ranks_are_not_listed_has_what_its_template_has():
    content = scene(job("a", 2, requires=["burst"]))
    content["ranks"] = []

    (decision,) = plan(content)

    assert (decision["kind"], decision["nodes"]) == ("request", 2)


@pytest.mark.parametrize(("state", "code"), [("online", "fits-now"), ("offline", "never-fits-locally")])
def test_file_ranks_count_as_their_state_says(state, code):
    content = scene(job("a", 2))
    content["ranks"][0]["state"] = state

    (decision,) = plan(content)

    assert decision["code"] == code


def test_file_time_is_the_only_clock():
    content = scene(job("a", submitted_at=NOW - 0.1))

    assert plan(content)[0]["code"] == "gathering"
    assert plan(content | {"now": NOW + 1})[0]["code"] == "never-fits-locally"
