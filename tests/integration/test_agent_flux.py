"""What only real Flux can prove of a whole burst: several slots, many ranks, a lead that restarts, a late job."""

import os
import shutil
import signal
import subprocess

import pytest
from tests.integration.conftest import WAIT_S, Lead

from overspill_local import pod_hostname
from overspill_local.demo.lead import JobFacts

pytestmark = [
    pytest.mark.flux,
    pytest.mark.skipif(shutil.which("flux") is None, reason="there is no flux on PATH: install flux-core"),
]


def start_lead(cloud, *, layout=None, scheduler="fluxion", nodes=2, **environ):
    return Lead(cloud, "real", layout=layout, scheduler=scheduler, nodes=nodes, **environ)


@pytest.mark.parametrize("scheduler", ["fluxion", "simple"])
def test_two_jobs_that_each_need_a_slot_get_two_bursts_at_once(start_cloud, scheduler):
    with start_cloud(flux="real", create_s=0.5) as cloud:
        lead = start_lead(cloud, layout={"more_slots": {"burst-1": 2}}, scheduler=scheduler)
        lead.start_agent()
        command = ("submit", "-N2", "--setattr=burstable")
        jobs = [
            lead.flux(*command, f"--requires=host:{slot}-[0-1]", "sleep", "3").strip()
            for slot in ("burst-0", "burst-1")
        ]
        cloud.wait_until(lambda: lead.count_logs("burst.moved", state="GONE") == 2, "two bursts that are gone")
        assert {burst["slot"] for burst in lead.bursts()} == {"burst-0", "burst-1"}
        nodes = [node for job in jobs for node in _facts(cloud, lead, job).nodes]
        assert sorted(nodes) == ["burst-0-0", "burst-0-1", "burst-1-0", "burst-1-1"]
        assert all(_facts(cloud, lead, job).state == "COMPLETED" for job in jobs)
        assert cloud.clusters() == ()


def test_local_job_passes_one_that_waits_for_a_burst_in_the_only_queue_of_first_come_first_served(start_cloud):
    config = {"queues": {}, "policy": {}, "ingest": {}, "sched-fluxion-qmanager": {"queue-policy": "fcfs"}}
    with start_cloud(flux="real", create_s=WAIT_S) as cloud:
        lead = start_lead(cloud, layout={"more_config": config})
        waiting = lead.submit(nodes=2)
        blocked = lead.flux("submit", "-n1", "true").strip()
        lead.start_agent()
        lead.wait_for_job(blocked, "COMPLETED")
        assert _facts(cloud, lead, waiting).state == "SCHED"


def test_burst_of_sixteen_ranks_joins_whole(start_cloud):
    with start_cloud(flux="real", create_s=0.2) as cloud:
        lead = start_lead(cloud, nodes=16)
        lead.start_agent()
        job = lead.submit(nodes=16)
        lead.wait_for_state("GONE")
        assert len(_facts(cloud, lead, job).nodes) == 16
        assert _facts(cloud, lead, job).state == "COMPLETED"


@pytest.mark.parametrize("scheduler", ["fluxion", "simple"])
def test_lead_that_was_killed_and_restarts_keeps_its_burst(start_cloud, scheduler):
    with start_cloud(flux="real", create_s=0.5) as cloud:
        lead = start_lead(cloud, scheduler=scheduler, OVERSPILL_IDLE_TIMEOUT_S="40")
        lead.start_agent()
        # Not while a job starts: what a killed Flux has not checkpointed is lost, the job's own state included.
        lead.wait_for_job(lead.submit(), "COMPLETED")
        _restart_lead(cloud, lead, signal.SIGKILL)
        cloud.wait_until(lambda: lead.count_logs("flux.reconnected"), "an agent that is back")
        # Flux forgets that named queues were started when it is killed.
        lead.flux("queue", "start", "--quiet", "--all")
        job = lead.submit()
        lead.wait_for_job(job, "COMPLETED")
        (burst,) = lead.bursts()
        assert burst["state"] == "ACTIVE", "its brokers came back by themselves: no second burst was needed"


def test_lead_that_stops_takes_its_burst_along_and_gets_another(start_cloud):
    with start_cloud(flux="real", create_s=0.5) as cloud:
        times = {"OVERSPILL_REJOIN_TIMEOUT_S": "2", "OVERSPILL_COOLDOWN_S": "1"}
        lead = start_lead(cloud, **times)
        lead.start_agent()
        lead.submit()
        lead.wait_for_state("ACTIVE")
        _restart_lead(cloud, lead, signal.SIGTERM)
        cloud.wait_until(lambda: lead.count_logs("flux.reconnected"), "an agent that is back")
        cloud.wait_until(lambda: _takes_jobs(lead), "a lead that takes jobs")
        job = lead.submit()
        lead.wait_for_job(job, "COMPLETED")
        newest, first = lead.bursts()
        assert first["state"] in ("TEARING_DOWN", "GONE"), "a lead that stops has its brokers exit for good"
        assert newest["burst_id"] != first["burst_id"]
        cloud.wait_until(lambda: cloud.clusters() == (), "an end of both")


def test_burst_near_its_end_waits_for_a_job_that_ends_late_and_tells_it(start_cloud):
    times = {"JOIN_TIMEOUT_S": "12", "DRAIN_BEFORE_END_S": "10", "MAX_LIFETIME_S": "23"}
    with start_cloud(flux="real", create_s=0.2) as cloud:
        lead = start_lead(cloud, **{f"OVERSPILL_{name}": value for name, value in times.items()})
        lead.start_agent()
        job = lead.submit(command=("sleep", "14"))
        lead.wait_for_state("DRAINING")
        assert _facts(cloud, lead, job).state == "RUN"
        assert "ends in" in lead.flux("job", "eventlog", job)
        lead.wait_for_state("GONE")
        assert _facts(cloud, lead, job).state == "COMPLETED", "it was given its time"


def _takes_jobs(lead):
    """Tell whether a starting lead has come as far as to load its ingest module."""
    command = ["flux", "module", "stats", "job-ingest"]
    return subprocess.run(command, env=lead.environ, capture_output=True, timeout=60, check=False).returncode == 0


def _facts(cloud, lead, job) -> JobFacts:
    return cloud.call(lead.lead.job(job))


def _restart_lead(cloud, lead, number):
    """End the lead's only broker, and start it again on its state directory, as a pod's restart does."""
    supervisor, layout = cloud.cloud.supervisor, lead.lead.layout
    (broker,) = [process for process in supervisor.processes if process.name == "lead-0"]
    os.kill(broker.pid, number)
    cloud.call(broker.wait(30))
    cloud.call(supervisor.stop(broker))
    argv = pod_hostname.wrap(layout.hosts[0], layout.local_argv(0))
    cloud.call(supervisor.start("lead-0", argv, env=cloud.cloud.process_environ()))
