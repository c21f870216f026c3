import tomllib

import pytest
from tests.unit.overspill_agent.examples import make_facts

from overspill_agent.doctor import scheduler_checks as checks
from overspill_agent.ports import InstanceHealth, QueueHealth
from overspill_shared.lead_config import Scheduler, recommended_tables

QUEUES = {
    key: table
    for key, table in recommended_tables(frobnicator_path="/x", scheduler=Scheduler.FLUXION).items()
    if key in ("queues", "policy")
}
LONODE = {"sched-fluxion-resource": {"match-policy": "lonode"}}


def fluxion(*, config=None, **options):
    return make_facts(config=config or {}, scheduler_options={key.replace("_", "-"): v for key, v in options.items()})


def health_of(*queues):
    return InstanceHealth(online=frozenset(), drained=frozenset(), queues=queues)


def queue(name="burst", policy="easy", depth=None):
    return QueueHealth(name=name, is_enabled=True, is_started=True, policy=policy, depth=depth)


@pytest.mark.parametrize(
    ("filters", "severity"),
    [
        ("ALL:core", "ok"),
        ("ALL:core,ALL:gpu", "ok"),
        ("ALL:core,ALL:node", "error"),
        ("cluster:node", "error"),
        (None, "warning"),
    ],
)
def test_prune_filter_that_counts_nodes_is_an_error(filters, severity):
    finding = checks.check_prune_filter(fluxion(**({"prune_filters": filters} if filters else {})))

    assert finding.severity == severity
    if severity != "ok":
        assert tomllib.loads(finding.config) == {"sched-fluxion-resource": {"prune-filters": "ALL:core"}}


@pytest.mark.parametrize(
    ("configured", "remedy"),
    [
        ({}, "Set it in the lead's broker.toml"),
        ({"sched-fluxion-resource": {"prune-filters": "ALL:node"}}, "Set it in the lead's broker.toml"),
        ({"sched-fluxion-resource": {"prune-filters": "ALL:core"}}, "correct FLUXION_RESOURCE_OPTIONS"),
    ],
    ids=["not set", "set wrongly", "overridden"],
)
def test_prune_filter_remedy_tells_where_the_value_comes_from(configured, remedy):
    finding = checks.check_prune_filter(fluxion(config=configured, prune_filters="ALL:core,ALL:node"))

    assert remedy in finding.remedy


@pytest.mark.parametrize(
    ("policy", "config", "severity", "snippet"),
    [
        ("first", QUEUES, "ok", None),
        ("lonodex", QUEUES, "ok", None),
        ("low", QUEUES, "warning", {"sched-fluxion-resource": {"match-policy": "first"}}),
        ("first", {}, "warning", QUEUES),
        ("low", {}, "warning", QUEUES),
        ("lonode", {"queues": {"all": {}}}, "warning", QUEUES),
        (None, QUEUES, "skipped", None),
    ],
)
def test_match_policy_matters_where_nothing_keeps_jobs_at_home(policy, config, severity, snippet):
    finding = checks.check_match_policy(fluxion(config=config, **({"match_policy": policy} if policy else {})), "burst")

    assert finding.severity == severity
    assert (tomllib.loads(finding.config) or None) == snippet


def test_match_policy_that_is_advised_lets_bursts_shrink_where_they_should():
    finding = checks.check_match_policy(fluxion(config=QUEUES, match_policy="low"), "burst", shrinks=True)

    assert tomllib.loads(finding.config) == LONODE


@pytest.mark.parametrize(
    ("policy", "severity", "snippet"),
    [
        ("first", "warning", LONODE),
        ("hinode", "warning", LONODE),
        ("high", "warning", LONODE),
        ("locality", "warning", LONODE),
        ("lonode", "ok", None),
        ("lonodex", "ok", None),
        ("low", "ok", None),
        (None, "skipped", None),
    ],
)
def test_shrinking_wants_a_match_policy_that_fills_first_nodes_first(policy, severity, snippet):
    finding = checks.check_shrinking(fluxion(**({"match_policy": policy} if policy else {})))

    assert finding.severity == severity
    assert (tomllib.loads(finding.config) or None) == snippet


def test_shrinking_under_a_policy_set_rightly_but_overridden_names_the_variable():
    finding = checks.check_shrinking(fluxion(config=LONODE, match_policy="first"))

    assert "correct FLUXION_RESOURCE_OPTIONS" in finding.remedy


def test_shrinking_under_sched_simple_is_as_it_should_be():
    assert checks.check_shrinking(make_facts(scheduler="simple")).severity == "ok"


@pytest.mark.parametrize(
    ("policy", "severity"), [("hybrid", "ok"), ("conservative", "ok"), ("easy", "ok"), ("fcfs", "warning")]
)
def test_queue_policy_that_looks_at_the_first_job_alone_is_a_warning(policy, severity):
    finding = checks.check_queue_policy(fluxion(queue_policy=policy))

    assert finding.severity == severity
    assert bool(finding.config) == (severity == "warning")


def test_queue_policy_of_one_queue_counts_more_than_the_default():
    finding = checks.check_queue_policy(fluxion(queue_policy="hybrid"), health_of(queue(policy="fcfs"), queue("a")))

    assert finding.severity == "warning"
    assert "easy, fcfs" in finding.text


def test_queue_policy_set_rightly_but_overridden_names_the_variable():
    config = {"sched-fluxion-qmanager": {"queue-policy": "hybrid"}}

    assert "FLUXION_QMANAGER_OPTIONS" in checks.check_queue_policy(fluxion(config=config, queue_policy="fcfs")).remedy


def test_queue_policy_that_is_not_told_is_skipped():
    assert checks.check_queue_policy(fluxion()).severity == "skipped"
    assert checks.check_queue_policy(fluxion(), health_of(queue(policy=None))).severity == "skipped"


@pytest.mark.parametrize(
    ("queues", "severity", "told"),
    [
        ([], "ok", "none has the policy easy"),
        ([queue(policy="hybrid")], "ok", "none has the policy easy"),
        ([queue(depth=1024)], "ok", "look at 1024"),
        ([queue()], "warning", "burst at 32"),
        ([queue(depth=1023), queue("local", depth=2000)], "warning", "(burst at 1023)"),
        ([queue("")], "warning", "the queue at 32"),
    ],
)
def test_queue_depth_matters_under_easy(queues, severity, told):
    finding = checks.check_queue_depth(fluxion(), health_of(*queues))

    assert (finding.severity, told in finding.text) == (severity, True)
    if severity == "warning":
        assert tomllib.loads(finding.config) == {"sched-fluxion-qmanager": {"queue-params": {"queue-depth": 1024}}}


def test_sched_simple_has_no_fluxion_to_be_wrong():
    facts = make_facts(scheduler="simple")

    for finding in (
        checks.check_prune_filter(facts),
        checks.check_match_policy(facts, "burst"),
        checks.check_queue_policy(facts),
        checks.check_queue_depth(facts, health_of(queue())),
    ):
        assert finding.severity == "ok"


@pytest.mark.parametrize(
    ("validator", "severity"),
    [
        ({"plugins": ["jobspec", "feasibility"]}, "ok"),
        ({"plugins": ["feasibility"], "disable": False}, "ok"),
        ({"plugins": ["jobspec", "feasibility"], "disable": True}, "warning"),
        ({"plugins": ["jobspec"]}, "warning"),
        ({"plugins": "feasibility"}, "warning"),
        (None, "warning"),
    ],
)
def test_feasibility_validator_must_be_used(validator, severity):
    config = {"ingest": {"validator": validator}} if validator is not None else {}

    assert checks.check_feasibility(make_facts(config=config)).severity == severity
