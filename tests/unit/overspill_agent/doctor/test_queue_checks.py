import tomllib

import pytest
from tests.unit.overspill_agent.examples import make_facts

from overspill_agent import flux_frobnicator
from overspill_agent.doctor import queue_checks as checks
from overspill_agent.ports import InstanceHealth, QueueHealth
from overspill_shared.lead_config import Scheduler, recommended_tables

OURS = flux_frobnicator.__file__
GOOD = recommended_tables(frobnicator_path=OURS, scheduler=Scheduler.SIMPLE)
DEFAULT = {"policy": {"jobspec": {"defaults": {"system": {"queue": "local"}}}}}
CLOUD = {"queues": {"local": {"requires": ["^burst"]}, "cloud": {"requires": ["burst"]}}, **DEFAULT}


def facts_of(*parts):
    return make_facts(config={key: table for part in parts for key, table in part.items()})


def plugins(*names, **more):
    return {"ingest": {"frobnicator": {"plugins": list(names), **more}}}


def test_plugin_path_is_where_the_plugin_lies():
    assert str(checks.PLUGIN_PATH) == OURS


@pytest.mark.parametrize(
    ("config", "severity", "told"),
    [
        (GOOD, "ok", "queue local"),
        ({}, "warning", "There are no queues"),
        ({"queues": {"all": {}}, **DEFAULT}, "error", "No queue requires the property 'burst'"),
        ({"queues": GOOD["queues"]}, "warning", "no default queue"),
        ({"queues": {"local": {}, "burst": {"requires": ["burst"]}}, **DEFAULT}, "warning", "does not shun"),
        ({"queues": "all", **DEFAULT}, "warning", "There are no queues"),
    ],
    ids=["good", "none", "none for bursts", "no default", "home is open", "no table"],
)
def test_queues_bind_bursts_and_keep_the_rest_at_home(config, severity, told):
    finding = checks.check_queues(make_facts(config=config), "burst")

    assert (finding.severity, told in finding.text) == (severity, True)
    assert bool(finding.config) == (severity != "ok")


def test_queues_remedy_for_none_is_what_a_lead_is_recommended():
    finding = checks.check_queues(make_facts(config={}), "burst")

    assert tomllib.loads(finding.config) == {key: GOOD[key] for key in ("queues", "policy")}


def test_queues_remedy_speaks_of_the_property_that_is_set():
    config = tomllib.loads(checks.check_queues(make_facts(config={}), "cloud").config)

    assert config["queues"] == {"local": {"requires": ["^cloud"]}, "burst": {"requires": ["cloud"]}}


def queue(name, *, is_enabled=True, is_started=True):
    return QueueHealth(name=name, is_enabled=is_enabled, is_started=is_started)


@pytest.mark.parametrize(
    ("queues", "severity", "told"),
    [
        ((queue("local"), queue("burst")), "ok", "2 queue(s)"),
        ((queue("local"), queue("burst", is_started=False)), "error", "The queue burst is stopped"),
        ((queue("a", is_started=False), queue("b", is_started=False)), "error", "The queues a, b are stopped"),
        ((queue("", is_started=False),), "error", "The instance's queue is stopped"),
        ((queue("a", is_enabled=False),), "error", "The queue a is disabled"),
        ((), "skipped", "no queues"),
    ],
)
def test_queues_must_take_and_start_jobs(queues, severity, told):
    health = InstanceHealth(online=frozenset(), drained=frozenset(), queues=queues, state_directory="/var/lib/flux")
    finding = checks.check_queues_started(make_facts(), health)

    assert (finding.severity, told in finding.text) == (severity, True)
    assert "after each restart" not in finding.remedy


def test_queues_stopped_without_a_state_directory_are_stopped_again_after_each_restart():
    health = InstanceHealth(online=frozenset(), drained=frozenset(), queues=(queue("a", is_started=False),))

    assert "after each restart" in checks.check_queues_started(make_facts(), health).remedy


@pytest.mark.parametrize(
    ("parts", "severity", "told"),
    [
        ((GOOD,), "ok", "go to the queue burst"),
        ((), "ok", "None is needed"),
        (({"queues": {"burst": {"requires": ["burst"]}}, "policy": {}},), "error", "not in place"),
        (
            (
                {"queues": {"b": {"requires": ["burst"]}}},
                {"policy": {"jobspec": {"defaults": {"system": {"queue": "b"}}}}},
            ),
            "ok",
            "None is needed",
        ),
        ((GOOD, {"ingest": {}}), "error", "not in place"),
        ((GOOD, plugins("defaults", "constraints")), "error", "not in place"),
        ((GOOD, plugins("/lib/own.py", "defaults", "constraints")), "error", "not in place"),
        ((GOOD, plugins("defaults", OURS, "constraints")), "error", "must come before"),
        ((GOOD, plugins(OURS)), "error", "must come before"),
        ((GOOD, plugins(OURS, "defaults")), "error", "must come before"),
        ((GOOD, plugins("/lib/own.py", OURS, "defaults", "other", "constraints")), "ok", "queue burst"),
        ((CLOUD, plugins(OURS, "defaults", "constraints")), "error", "'burst', which does not exist"),
        ((CLOUD, plugins(OURS, "defaults", "constraints", args=["--burst-queue=cloud"])), "ok", "queue cloud"),
    ],
)
def test_frobnicator_must_be_in_place(parts, severity, told):
    finding = checks.check_frobnicator(facts_of(*parts), "burst")

    assert (finding.severity, told in finding.text) == (severity, True)
    assert bool(finding.config) == (severity == "error")


def test_frobnicator_under_another_name_is_known_by_what_it_looks_at():
    facts = facts_of(GOOD, plugins("/lib/copy.py", "defaults", "constraints"))

    assert checks.check_frobnicator(facts, "burst", {"/lib/copy.py": 'system.get("burstable")'}).severity == "ok"
    assert checks.check_frobnicator(facts, "burst", {"/lib/copy.py": "pass"}).severity == "error"
    assert checks.check_frobnicator(facts, "burst", {"/lib/copy.py": None}).severity == "error"


def test_frobnicator_that_cannot_be_read_is_an_error():
    finding = checks.check_frobnicator(facts_of(GOOD), "burst", {OURS: None})

    assert finding.severity == "error"
    assert "cannot be read here" in finding.text


def test_frobnicator_remedy_is_the_recommended_table():
    finding = checks.check_frobnicator(facts_of(GOOD, {"ingest": {}}), "burst")

    assert tomllib.loads(finding.config)["ingest"]["frobnicator"] == GOOD["ingest"]["frobnicator"]


def test_frobnicator_remedy_names_a_queue_that_is_called_otherwise():
    finding = checks.check_frobnicator(facts_of(CLOUD), "burst")

    assert tomllib.loads(finding.config)["ingest"]["frobnicator"]["args"] == ["--burst-queue=cloud"]
