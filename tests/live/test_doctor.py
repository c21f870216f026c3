import contextlib
import dataclasses
import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from tests.live.conftest import DEADLINE_S, LiveInstance

from overspill_agent.agent_settings import AgentSettings
from overspill_agent.doctor import command
from overspill_agent.doctor.finding import Severity
from overspill_agent.flux_instance import RealFlux
from overspill_local.flux_brokers import LeadLayout
from overspill_shared.lead_config import Scheduler

NO_QUEUE_STARTED = ["true"]
# Flux's own defaults, where a lead's configuration should say something else.
BARE = {"sched-fluxion-resource": {}, "sched-fluxion-qmanager": {}, "ingest": {}, "tbon": {}}


class ForgetfulLayout(LeadLayout):
    """A lead without a state directory, whose queues nobody starts."""

    def local_argv(self, rank):
        return [argument for argument in super().local_argv(rank) if not argument.startswith("-Sstatedir=")]

    def start_queues_argv(self):
        return NO_QUEUE_STARTED


@contextlib.contextmanager
def lead(scheduler, *, layout=LeadLayout, **changes):
    with tempfile.TemporaryDirectory(prefix="ovs-", ignore_cleanup_errors=True) as directory:
        live = LiveInstance(Path(directory), scheduler)
        fields = {field.name: getattr(live.layout, field.name) for field in dataclasses.fields(live.layout)}
        live.layout = layout(**{**fields, **changes})
        try:
            live.start()
            yield live
        finally:
            live.stop()


def examine(live, keypair, **settings):
    """Give the findings about an instance by their codes."""
    chosen = AgentSettings(public_key=keypair[0], view_image="example.org/flux-view:0.88.0", **settings)
    with contextlib.closing(RealFlux.connect(live.layout.uri)) as flux:
        return {finding.code: finding for finding in command.find(flux, chosen, {})}


def codes(findings, severity):
    return {code for code, finding in findings.items() if finding.severity is severity}


def merged(*configs):
    """Give tables as broker.toml would have them all."""
    result = {}
    for config in configs:
        for key, value in config.items():
            result[key] = merged(result.get(key, {}), value) if isinstance(value, dict) else value
    return result


def test_doctor_of_the_recommended_lead_finds_nothing(keypair):
    with lead(Scheduler.SIMPLE) as live:
        version = live.command("flux", "getattr", "version").partition("-")[0]
        done = subprocess.run(
            [sys.executable, "-m", "overspill_agent", "doctor", "--json"],
            env={
                **{key: value for key, value in live.environ.items() if not key.startswith(("OVERSPILL_", "GOOGLE_"))},
                "OVERSPILL_PUBLIC_KEY": keypair[0],
                "OVERSPILL_VIEW_IMAGE": f"example.org/flux-view:{version}",
            },
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)["counts"]
    assert (counts["error"], counts["warning"], counts["skipped"]) == (0, 0, 1)


def test_doctor_of_fluxion_with_its_defaults_finds_each_trap_and_tells_what_mends_it(keypair):
    with lead(Scheduler.FLUXION, layout=ForgetfulLayout, more_config=BARE) as live:
        findings = examine(live, keypair)

    assert codes(findings, Severity.ERROR) == {"prune-filter", "queues-started", "frobnicator", "statedir"}
    assert codes(findings, Severity.WARNING) == {"queue-policy", "feasibility", "link-timeout"}
    assert "ALL:core,ALL:node" in findings["prune-filter"].text

    assert "shrinking" not in findings

    mended = merged(BARE, *(tomllib.loads(finding.config) for finding in findings.values()))
    with lead(Scheduler.FLUXION, more_config=mended) as live:
        findings = examine(live, keypair)
        shrinking = examine(live, keypair, shrinks=True)

    assert codes(findings, Severity.ERROR) == codes(findings, Severity.WARNING) == set()
    assert codes(findings, Severity.SKIPPED) == {"pubsub"}
    assert codes(shrinking, Severity.WARNING) == {"shrinking"}

    mended = merged(mended, tomllib.loads(shrinking["shrinking"].config))
    with lead(Scheduler.FLUXION, more_config=mended) as live:
        findings = examine(live, keypair, shrinks=True)

    assert codes(findings, Severity.ERROR) == codes(findings, Severity.WARNING) == set()


def test_doctor_of_a_tree_under_sched_simple_finds_what_is_not_the_schedulers(keypair):
    tree = {**BARE, "tbon": {"topo": "kary:2"}}
    with lead(Scheduler.SIMPLE, layout=ForgetfulLayout, local_nodes=1, more_config=tree) as live:
        findings = examine(live, keypair)

    assert codes(findings, Severity.ERROR) == {"queues-started", "frobnicator", "statedir", "topology"}
    assert codes(findings, Severity.WARNING) == {"feasibility", "link-timeout"}


def test_doctor_sees_what_the_environment_overrides_and_what_joined_by_itself(keypair, monkeypatch):
    monkeypatch.setenv("FLUXION_RESOURCE_OPTIONS", "prune-filters=ALL:core,ALL:node")
    with lead(Scheduler.FLUXION) as live:
        live.start_followers()
        live.command("flux", "python", "-c", _WAIT_FOR_ALL)
        live.command("flux", "queue", "stop", "burst")
        findings = examine(live, keypair)
        live.command("flux", "resource", "drain", "3-4", "by hand")
        drained = examine(live, keypair)

    assert codes(findings, Severity.ERROR) == {"prune-filter", "queues-started"}
    assert "FLUXION_RESOURCE_OPTIONS" in findings["prune-filter"].remedy
    assert "The queue burst is stopped" in findings["queues-started"].text
    assert "Ranks 2-5" in findings["slots-down"].text
    assert drained["slots-down"].remedy == "Run `flux resource undrain 3-4`."


_WAIT_FOR_ALL = """
import flux
handle = flux.Flux()
future = handle.rpc("groups.get", {"name": "broker.online"}, 0, flux.constants.FLUX_RPC_STREAMING)
while future.wait_for(20).get()["members"] != "0-5":
    future.reset()
"""
