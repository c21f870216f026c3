import json
import os
import signal

import pytest

from overspill_shared import names


@pytest.mark.parametrize("state", ["PROVISIONING", "JOINING", "ACTIVE", "TEARING_DOWN"])
def test_agent_killed_midway_is_resumed_by_the_next_to_the_same_end(lead, state):
    lead.start_agent()
    jobid = lead.submit()
    lead.wait_for_state(state)
    lead.kill_agent()
    lead.start_agent()
    lead.cloud.wait_until(lambda: lead.count_logs("burst.moved", state="GONE"), "a burst that is GONE")
    assert lead.cloud.call(lead.lead.job(jobid)).state == "COMPLETED"
    (burst,) = lead.bursts()
    assert lead.cloud.creates(names.cluster_name(burst["burst_id"])) == 1
    assert lead.cloud.clusters() == ()
    lead.cloud.wait_until(lambda: lead.cloud.call(lead.lead.drained()) == 0, "undrained ranks")


def test_second_agent_is_refused(one_lead):
    one_lead.start_agent()
    second = one_lead.overspill("agent")
    assert second.returncode == 4
    assert "Another agent serves this Flux instance" in second.stderr


def test_agent_once_decides_acts_and_exits(one_lead):
    one_lead.submit()
    first = one_lead.overspill("agent", "--once")
    assert first.returncode == 0, first.stderr
    (burst,) = one_lead.bursts()
    assert burst["state"] in ("REQUESTED", "PROVISIONING", "JOINING", "ACTIVE")
    one_lead.cloud.wait_for_kind(burst["burst_id"], "ready")


def test_agent_dry_run_explains_and_does_nothing(one_lead):
    one_lead.submit()
    shown = one_lead.overspill("agent", "--dry-run", "--json")
    assert shown.returncode == 0, shown.stderr
    (decision,) = [d for d in json.loads(shown.stdout)["decisions"] if d["kind"] == "request"]
    assert decision["code"] == "never-fits-locally"
    assert decision["nodes"] == 2
    assert one_lead.bursts() == []


def test_agent_stopped_by_sigterm_leaves_the_burst_and_exits_cleanly(one_lead):
    one_lead.start_agent()
    one_lead.submit(command=("sleep", "2"))
    one_lead.wait_for_state("ACTIVE")
    os.kill(one_lead.agent.pid, signal.SIGTERM)
    assert one_lead.cloud.call(one_lead.agent.wait(20)) == 0
    assert one_lead.bursts()[0]["state"] == "ACTIVE"
    assert len(one_lead.cloud.clusters()) == 1


def test_status_of_an_instance_without_bursts_says_so(one_lead):
    shown = one_lead.overspill("status")
    assert (shown.returncode, shown.stdout) == (0, "no bursts\n")
