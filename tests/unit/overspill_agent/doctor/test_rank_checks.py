import tomllib

import pytest
from tests.unit.overspill_agent.examples import (
    HOME,
    HOSTS,
    SLOT_0,
    SLOT_1,
    make_facts,
    make_slots,
    make_template,
    rank_resources,
)

from overspill_agent.doctor import rank_checks as checks
from overspill_agent.ports import InstanceHealth
from overspill_shared.errors import ConfigError

TEMPLATES = {"default": make_template()}

SLOTS = make_slots()


def health_of(online=HOME, drained=frozenset(), **more):
    return InstanceHealth(online=online, drained=drained, **more)


def test_slots_that_are_declared_are_told():
    finding = checks.check_slots(make_facts(), SLOTS, "burst")

    assert finding.severity == "ok"
    assert "burst-0 (4 ranks, template default), burst-1 (4 ranks, template default)" in finding.text


def test_slots_missing_are_an_error_with_the_configuration_that_declares_one():
    finding = checks.check_slots(make_facts(hosts=("login-0", "login-1", "login-2")), (), "cloud")

    assert finding.severity == "error"
    assert "--property=cloud:3-6" in finding.remedy
    config = tomllib.loads(finding.config)
    assert [entry["host"] for entry in config["bootstrap"]["hosts"]] == ["login-0", "login-[1-2],burst-0-[0-3]"]


def test_slots_missing_on_a_single_host_need_no_other_home_host():
    config = tomllib.loads(checks.check_slots(make_facts(hosts=("login",)), (), "burst").config)

    assert [entry["host"] for entry in config["bootstrap"]["hosts"]] == ["login", "burst-0-[0-3]"]


def test_slots_that_the_agent_refuses_are_told_in_its_words():
    finding = checks.check_slots(make_facts(), (), "burst", ConfigError("bad hosts.", remedy="Rename them."))

    assert (finding.severity, finding.text, finding.remedy) == ("error", "bad hosts.", "Rename them.")


def test_resources_must_cover_every_host():
    resources = tuple(rank_resources(rank, host) for rank, host in enumerate(HOSTS) if rank not in (3, 8, 9))

    assert checks.check_resources_cover_hosts(make_facts()).severity == "ok"
    finding = checks.check_resources_cover_hosts(make_facts(resources=resources))
    assert finding.severity == "error"
    assert "R lacks the ranks 3,8-9 (burst-0-1,burst-1-[2-3])" in finding.text
    assert tomllib.loads(finding.config) == {"resource": {"path": "/etc/flux/R"}}


@pytest.mark.parametrize(
    ("cores", "gpus", "severity"), [(4, 0, "ok"), (8, 0, "warning"), (2, 0, "warning"), (4, 1, "warning")]
)
def test_slot_shapes_in_r_must_be_the_templates(cores, gpus, severity):
    resources = tuple(rank_resources(rank, host, cores=cores, gpus=gpus) for rank, host in enumerate(HOSTS))

    assert checks.check_slot_shapes(make_facts(resources=resources), SLOTS, TEMPLATES).severity == severity


def test_slot_shapes_without_a_slot_are_skipped():
    assert checks.check_slot_shapes(make_facts(), (), TEMPLATES).severity == "skipped"


@pytest.mark.parametrize(
    ("online", "drained", "burst_ranks", "severity", "told"),
    [
        (HOME, frozenset(), frozenset(), "ok", "8 ranks of slots are down"),
        (HOME | SLOT_0, frozenset(), SLOT_0, "ok", "4 ranks of slots are down"),
        (HOME | SLOT_0, frozenset(), frozenset(), "warning", "Ranks 2-5 of slots are online"),
        (HOME | SLOT_0, frozenset(), SLOT_1, "warning", "Ranks 2-5"),
        (HOME, frozenset({3}), frozenset(), "warning", "Ranks 3 of slots are drained"),
        (HOME | SLOT_0, frozenset({3}), SLOT_0, "ok", "4 ranks"),
        (HOME, frozenset({0}), frozenset(), "ok", "8 ranks"),
    ],
    ids=["empty", "filled by us", "filled by nobody", "filled wrongly", "drained", "drained by us", "home drained"],
)
def test_slots_are_down_unless_a_burst_has_them(online, drained, burst_ranks, severity, told):
    finding = checks.check_slots_down(health_of(online, drained), SLOTS, burst_ranks)

    assert (finding.severity, told in finding.text) == (severity, True)


@pytest.mark.parametrize(
    ("quorum", "severity"), [(1, "ok"), (2, "ok"), (3, "warning"), (10, "warning"), (None, "skipped")]
)
def test_quorum_counts_home_ranks_alone(quorum, severity):
    finding = checks.check_quorum(make_facts(), health_of(quorum=quorum), SLOTS)

    assert finding.severity == severity
    assert ("-Sbroker.quorum=2" in finding.remedy) == (severity == "warning")
