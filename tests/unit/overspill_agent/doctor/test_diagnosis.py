import json
import logging

import pytest
from tests.unit.overspill_agent.examples import HOME, make_facts, make_slots, make_template

from overspill_agent.doctor import startup
from overspill_agent.doctor.diagnosis import diagnose, startup_findings
from overspill_agent.doctor.examination import CurveCertFile, Examination, PubSubRights
from overspill_agent.doctor.finding import Severity
from overspill_agent.ports import InstanceHealth, QueueHealth
from overspill_shared.lead_config import Scheduler, recommended_tables
from overspill_shared.log import JsonFormatter

TEMPLATES = {"default": make_template()}

GOOD = {
    **recommended_tables(frobnicator_path="/flux_frobnicator.py", scheduler=Scheduler.FLUXION),
    "tbon": {"tcp_user_timeout": "2m"},
}
OPTIONS = {"prune-filters": "ALL:core", "match-policy": "first", "queue-policy": "hybrid"}
BAD_OPTIONS = {**OPTIONS, "prune-filters": "ALL:core,ALL:node"}


def make_examination(**changes):
    content = {
        "facts": make_facts(config=GOOD, scheduler_options=OPTIONS),
        "health": InstanceHealth(
            online=HOME,
            drained=frozenset(),
            queues=(QueueHealth(name="burst", is_enabled=True, is_started=True, policy="hybrid"),),
            state_directory="/var/lib/flux",
            quorum=2,
            bindings_version="0.88.0",
        ),
        "burst_property": "burst",
        "view_image": "example.org/flux-view:0.88.0",
        "curve_cert": CurveCertFile(path="/x", is_readable=True, mode=0o600),
        "slots": make_slots(),
        "pubsub": PubSubRights(skipped="not asked"),
        **changes,
    }
    return Examination(**content)


def test_diagnose_of_a_good_instance_finds_nothing_wrong():
    findings = diagnose(make_examination())

    assert {finding.code for finding in findings if finding.severity is not Severity.OK} == {"pubsub"}
    codes = [finding.code for finding in findings]
    assert len(codes) == len(set(codes))


def test_diagnose_of_a_stand_in_looks_at_what_it_has():
    findings = diagnose(make_examination(facts=make_facts(is_real=False, scheduler="stand-in", config={})))

    assert {finding.severity for finding in findings} == {Severity.OK, Severity.SKIPPED}
    assert "prune-filter" not in {finding.code for finding in findings}


def test_startup_findings_of_a_good_instance_are_none():
    facts = make_facts(config=GOOD, scheduler_options=OPTIONS)

    assert startup_findings(facts, make_slots(), TEMPLATES, burst_property="burst", shrinks=False) == ()


def test_startup_findings_of_a_bare_fluxion_name_each_trap():
    facts = make_facts(config={}, scheduler_options={**BAD_OPTIONS, "queue-policy": "fcfs"}, topology="kary:2")
    found = startup_findings(facts, make_slots(), TEMPLATES, burst_property="burst", shrinks=False)

    assert {finding.code: finding.severity.value for finding in found} == {
        "prune-filter": "error",
        "topology": "error",
        "match-policy": "warning",
        "queue-policy": "warning",
        "feasibility": "warning",
        "queues": "warning",
    }


def test_startup_findings_of_a_stand_in_are_about_its_ranks_alone():
    facts = make_facts(is_real=False, scheduler="stand-in", config={}, topology="kary:2")

    assert startup_findings(facts, make_slots(), TEMPLATES, burst_property="burst", shrinks=False) == ()


def test_startup_logs_errors_as_errors_with_what_mends_them(caplog):
    facts = make_facts(config={}, scheduler_options=BAD_OPTIONS)
    with caplog.at_level(logging.WARNING, "overspill_agent"):
        startup.log_findings(facts, make_slots(), TEMPLATES, burst_property="burst", shrinks=False)

    levels = {record.code: record.levelname for record in caplog.records}
    assert levels["prune-filter"] == "ERROR"
    assert levels["queues"] == "WARNING"
    (record,) = [record for record in caplog.records if record.code == "prune-filter"]
    assert json.loads(JsonFormatter().format(record))["severity"] == "ERROR"
    assert record.message == "doctor.finding"
    assert 'prune-filters = "ALL:core"' in record.config


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"health": InstanceHealth(online=HOME, drained=frozenset())}, "statedir"),
        ({"curve_cert": CurveCertFile(path=None)}, "curve-cert"),
        ({"view_image": "example.org/flux-view:0.1.0"}, "image-version"),
        ({"slots": ()}, "slots"),
        ({"plugin_texts": {"/flux_frobnicator.py": None}}, "frobnicator"),
    ],
)
def test_diagnose_hands_each_check_what_it_needs(changes, code):
    errors = {f.code for f in diagnose(make_examination(**changes)) if f.severity is Severity.ERROR}

    assert errors == {code}


def test_shrinking_is_looked_at_where_bursts_are_to_shrink():
    def warned(findings):
        return {finding.code for finding in findings if finding.severity is Severity.WARNING}

    assert warned(diagnose(make_examination(shrinks=True))) == {"shrinking"}
    facts = make_facts(config=GOOD, scheduler_options=OPTIONS)
    assert warned(startup_findings(facts, make_slots(), TEMPLATES, burst_property="burst", shrinks=True)) == {
        "shrinking"
    }
