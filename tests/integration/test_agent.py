import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from overspill_local.cloud import free_port
from overspill_local.demo.command import make_lead
from overspill_local.demo.scenario import DemoOptions
from overspill_shared import names

needs_flux = pytest.param(
    "real",
    marks=[
        pytest.mark.flux,
        pytest.mark.skipif(shutil.which("flux") is None, reason="there is no flux on PATH: install flux-core"),
    ],
)


class Lead:
    """A lead instance with an agent beside it, in a cloud."""

    def __init__(self, cloud, flux):
        self.cloud = cloud
        options = DemoOptions(
            flux=flux,
            scheduler="fluxion" if flux == "real" else "stand-in",
            pubsub="embedded",
            nodes=2,
            local_nodes=1,
            create_s=0.5,
            idle_timeout_s=1,
            keep=False,
            command=("hostname",),
        )
        self.lead = make_lead(options, cloud.cloud.folder / "flux", free_port())
        cloud.call(self.lead.start(cloud.cloud.supervisor, cloud.cloud.process_environ()))
        self.environ = {
            **cloud.cloud.process_environ(),
            "FLUX_URI": self.lead.uri,
            "OVERSPILL_IDLE_TIMEOUT_S": "1",
            "OVERSPILL_TEARDOWN_RETRY_S": "5",
        }
        self.agent = None

    def start_agent(self):
        self.agent = self.cloud.call(self.cloud.cloud.start_agent(self.environ))

    def kill_agent(self):
        os.kill(self.agent.pid, signal.SIGKILL)
        self.cloud.call(self.agent.wait(20))

    def count_logs(self, message, **facts):
        events = tuple(self.cloud.cloud.timeline.events)
        return sum(e.name == "log" and e.has({"message": message, **facts}) for e in events)

    def wait_for_state(self, state):
        self.cloud.wait_until(lambda: self.count_logs("burst.moved", state=state), f"a burst that is {state}")

    def submit(self, nodes=2, command=("hostname",)):
        return self.cloud.call(self.lead.submit(self.lead.submit_command(nodes, command, burstable=True)))

    def overspill(self, *arguments):
        argv = [sys.executable, "-m", "overspill_agent", *arguments]
        return subprocess.run(argv, env=self.environ, capture_output=True, text=True, timeout=60, check=False)

    def bursts(self):
        shown = self.overspill("status", "--json")
        assert shown.returncode == 0, shown.stderr
        return json.loads(shown.stdout)["bursts"]


@pytest.fixture(params=["stand-in", needs_flux])
def lead(request, start_cloud):
    with start_cloud(flux=request.param, create_s=0.5) as cloud:
        yield Lead(cloud, request.param)


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


def test_second_agent_is_refused(lead):
    lead.start_agent()
    second = lead.overspill("agent")
    assert second.returncode == 4
    assert "Another agent serves this Flux instance" in second.stderr


def test_agent_once_decides_acts_and_exits(lead):
    lead.submit()
    first = lead.overspill("agent", "--once")
    assert first.returncode == 0, first.stderr
    (burst,) = lead.bursts()
    assert burst["state"] in ("REQUESTED", "PROVISIONING", "JOINING")
    lead.cloud.wait_for_kind(burst["burst_id"], "ready")


def test_agent_dry_run_explains_and_does_nothing(lead):
    lead.submit()
    shown = lead.overspill("agent", "--dry-run", "--json")
    assert shown.returncode == 0, shown.stderr
    (decision,) = [d for d in json.loads(shown.stdout)["decisions"] if d["kind"] == "request"]
    assert decision["code"] == "never-fits-locally"
    assert decision["nodes"] == 2
    assert lead.bursts() == []


def test_agent_stopped_by_sigterm_leaves_the_burst_and_exits_cleanly(lead):
    lead.start_agent()
    lead.submit(command=("sleep", "2"))
    lead.wait_for_state("ACTIVE")
    os.kill(lead.agent.pid, signal.SIGTERM)
    assert lead.cloud.call(lead.agent.wait(20)) == 0
    assert lead.bursts()[0]["state"] == "ACTIVE"
    assert len(lead.cloud.clusters()) == 1


def test_status_of_an_instance_without_bursts_says_so(lead):
    shown = lead.overspill("status")
    assert (shown.returncode, shown.stdout) == (0, "no bursts\n")
