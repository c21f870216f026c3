import json
import os
import signal

import pytest
from tests.integration.conftest import Lead, needs_flux

from overspill_local.demo.real_lead import RealLead
from overspill_shared import names


@pytest.mark.parametrize(
    "state", ["REQUESTED", "PROVISIONING", "JOINING", "ACTIVE", "DRAINING", "TEARING_DOWN", "GONE"]
)
def test_agent_killed_midway_is_resumed_by_the_next_to_the_same_end(shared_lead, state):
    lead = shared_lead
    before = len(lead.bursts())
    lead.begin()
    jobid = lead.submit()
    if state == "REQUESTED":
        lead.cloud.wait_until(lambda: lead.count_logs("request.published"), "a request")
    else:
        lead.wait_for_state(state)
    lead.kill_agent()
    lead.start_agent()
    lead.cloud.wait_until(lambda: lead.count_logs("burst.moved", state="GONE"), "a burst that is GONE")
    assert lead.cloud.call(lead.lead.job(jobid)).state == "COMPLETED"
    burst, *earlier = lead.bursts()
    assert len(earlier) == before, "one job, one burst"
    assert lead.cloud.creates(names.cluster_name(burst["burst_id"])) == 1
    assert lead.cloud.clusters() == ()
    lead.cloud.wait_until(lambda: lead.cloud.call(lead.lead.drained()) == 0, "undrained ranks")


def test_burst_whose_record_was_lost_is_adopted_by_the_next_agent_and_ends_as_any_other(shared_lead):
    lead = shared_lead
    if not isinstance(lead.lead, RealLead):
        pytest.skip("the stand-in's ranks run no commands for others, so they cannot say which burst they are of")
    lead.begin()
    jobid = lead.submit(command=("sleep", "60"))
    lead.wait_for_job(jobid, "RUN")
    before, *_ = lead.bursts()
    lead.kill_agent()
    lead.flux("kvs", "unlink", "-R", "overspill")
    lead.start_agent()
    lead.cloud.wait_until(lambda: lead.count_logs("burst.adopted"), "a burst that is adopted")
    assert lead.cloud.call(lead.lead.job(jobid)).state == "RUN", "nothing happened to its job"
    lead.cancel(jobid)
    lead.wait_for_state("GONE")
    (after,) = lead.bursts()
    kept = ("burst_id", "slot", "ranks", "zone", "hard_end_at")
    assert [after[key] for key in kept] == [before[key] for key in kept]
    assert lead.cloud.clusters() == ()
    lead.cloud.wait_until(lambda: lead.cloud.call(lead.lead.drained()) == 0, "undrained ranks")


def test_second_agent_is_refused(one_lead):
    one_lead.start_agent()
    second = one_lead.overspill("agent")
    assert second.returncode == 4
    assert "Another agent serves this" in second.stderr


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


@pytest.mark.parametrize("scheduler", [needs_flux("fluxion"), needs_flux("simple")])
def test_agent_killed_when_a_burst_failed_has_its_cluster_torn_down_by_the_next(start_cloud, scheduler):
    with start_cloud(flux="real", create_s=4) as cloud:
        lead = Lead(cloud, "real", scheduler=scheduler, OVERSPILL_JOIN_TIMEOUT_S="2")
        lead.start_agent()
        lead.submit()
        lead.wait_for_state("FAILED")
        lead.kill_agent()
        lead.start_agent()
        lead.wait_for_state("GONE")
        first = lead.bursts()[-1]
        assert first["error"]["code"] == "boot-deadline"
        # Its job still waits: another burst may be on its way already.
        assert names.cluster_name(first["burst_id"]) not in cloud.clusters()


def test_burst_that_no_job_wants_any_more_is_ended_before_it_is_there(start_cloud, one_flux):
    with start_cloud(flux=one_flux, create_s=3) as cloud:
        lead = Lead(cloud, one_flux, OVERSPILL_UNWANTED_AFTER_S="0.5")
        lead.start_agent()
        jobid = lead.submit()
        lead.wait_for_state("PROVISIONING")
        lead.cancel(jobid)
        lead.wait_for_state("GONE")
        (burst,) = lead.bursts()
        assert burst["error"] is None
        assert "ACTIVE" not in [entry["state"] for entry in burst["history"]]
        assert cloud.clusters() == ()
        lead.submit()
        cloud.wait_until(lambda: len(lead.bursts()) == 2, "a second burst, at once: its slot need not rest")


def test_rank_that_is_killed_is_named_with_its_job_and_comes_back(one_lead):
    one_lead.start_agent()
    jobid = one_lead.submit(command=("sleep", "60"))
    one_lead.wait_for_state("ACTIVE")
    one_lead.wait_for_job(jobid, "RUN")
    one_lead.cloud.kill("broker", "burst-0-1", "rundir")
    one_lead.cloud.wait_until(lambda: one_lead.count_logs("ranks.lost"), "the loss")
    assert one_lead.log("ranks.lost")["hosts"] == "burst-0-1"
    one_lead.wait_for_job(jobid, "FAILED")
    one_lead.cloud.wait_until(lambda: one_lead.count_logs("job.failed_on_burst"), "the job's name")
    assert "burst-0-1" in one_lead.log("job.failed_on_burst")["note"]
    one_lead.wait_for_state("GONE")
    assert one_lead.bursts()[0]["error"] is None, "it came back, was idle, and left as usual"
    assert one_lead.cloud.clusters() == ()
