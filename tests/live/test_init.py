"""What `overspill init` writes, given to real brokers: only paths, addresses and the port differ from a cluster's."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import tomllib
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from overspill_agent import cli
from overspill_agent.agent_settings import load_agent_settings
from overspill_agent.deciding.slots import find_slots
from overspill_agent.flux_instance import RealFlux
from overspill_agent.init import lead_files
from overspill_agent.init.lead_plan import OVERLAY_PORT
from overspill_agent.ports import OnlineChanged
from overspill_local.flux_brokers import LeadLayout
from overspill_local.free_port import free_port
from overspill_shared.broker_toml import CURVE_CERT_PATH, build_burst_config
from overspill_shared.lead_config import Scheduler

STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
DEADLINE_S = 30.0


@dataclass(frozen=True, kw_only=True)
class DescribedLead(LeadLayout):
    """A lead as `init` describes it, in a directory instead of a pod's file system."""

    written: dict[str, Any] = field(default_factory=dict)

    @property
    def hosts(self) -> tuple[str, ...]:
        return ("lead-0", "lead-1", "burst-0-0", "burst-0-1", "gpu-0-0", "gpu-0-1")

    @property
    def config_map(self) -> dict[str, str]:
        return self.written["configmap.yaml"]["data"]

    def config(self) -> dict[str, Any]:
        text = self.written["minicluster.yaml"]["spec"]["flux"]["brokerConfig"]
        config = tomllib.loads(text.replace(lead_files.MOUNT, str(self.directory)))
        assert config["bootstrap"]["curve_cert"] == CURVE_CERT_PATH
        config["bootstrap"] |= {
            "curve_cert": str(self.curve_cert),
            "default_port": self.port,
            "default_bind": "tcp://127.0.0.1:%p",
            "default_connect": "tcp://127.0.0.1:%p",
        }
        config["resource"]["noverify"] = True
        return config

    def resource_set(self) -> dict[str, Any]:
        return json.loads(self.config_map["R"])

    @property
    def files(self):
        frobnicator = self.directory / lead_files.FROBNICATOR_FILE
        return {**super().files, frobnicator: self.config_map[lead_files.FROBNICATOR_FILE]}

    def start_queues_argv(self) -> list[str]:
        """Run what runs before the broker in a pod, with the variables of the operator's script."""
        pre = self.written["minicluster.yaml"]["spec"]["containers"][0]["commands"]["pre"]
        pre = pre.replace("local://${configroot}/run/flux/local", self.uri).replace(
            lead_files.KEYS_MOUNT, str(self.directory)
        )
        variables = {
            "JOB_COMPLETION_INDEX": "0",
            "STATE_DIR": self.state_directory,
            "curvepath": self.directory / "copied.cert",
            "fluxuid": os.getuid(),
        }
        script = "".join(f"{name}='{value}'\n" for name, value in variables.items()) + pre
        return ["bash", "-euc", f"{script}\nwait"]


@pytest.fixture(scope="module", params=list(Scheduler), ids=str)
def described(request, new_instance):
    with tempfile.TemporaryDirectory(prefix="ovs-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        code = cli.run(
            [
                *("init", str(directory / "init"), "--size=2", "--cores=2", "--router"),
                *("--slot=burst-0=2:cores=2", "--slot=gpu-0=2:cores=4,gpus=1,template=gpu", "--scheduler"),
                *(request.param, "--lead-host=lead.example.com", "--json"),
            ]
        )
        assert code == 0
        names = ("minicluster.yaml", "configmap.yaml", "router.yaml")
        live = new_instance(directory, request.param)
        live.layout = DescribedLead(
            directory=directory,
            port=free_port(),
            frobnicator_path=Path("/unused"),
            slot_nodes=2,
            written={name: yaml.safe_load((directory / "init" / name).read_text()) for name in names},
        )
        try:
            live.start()
            yield live
        finally:
            live.stop()


@pytest.fixture
def described_flux(described):
    with closing(RealFlux.connect(described.layout.uri)) as connected:
        yield connected


@pytest.fixture
def router_port(described, tmp_path):
    """The port of nginx with the configuration that a router's ConfigMap holds."""
    if shutil.which("nginx") is None:
        pytest.skip("no `nginx` on PATH: the router is not tested here")
    port, text = free_port(), described.layout.written["router.yaml"]["data"]["nginx.conf"]
    for cluster, here in {
        f"listen {OVERLAY_PORT}": f"listen 127.0.0.1:{port}",
        f"lead-0.lead.default.svc.cluster.local:{OVERLAY_PORT}": f"127.0.0.1:{described.layout.port}",
        "kube-dns.kube-system.svc.cluster.local": "127.0.0.1",
    }.items():
        assert text.count(cluster) == 1
        text = text.replace(cluster, here)
    (tmp_path / "nginx.conf").write_text(text)
    # The official image has the stream module built in; distributions load it.
    module = f"load_module {STREAM_MODULE};" if STREAM_MODULE.exists() else ""
    argv = ["nginx", "-e", "stderr", "-c", tmp_path / "nginx.conf", "-g"]
    argv.append(f"{module} daemon off; pid {tmp_path / 'nginx.pid'};")
    checked = subprocess.run([*argv, "-t"], capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    if 'unknown directive "stream"' in checked.stderr:
        pytest.skip("this nginx has no stream module: the router is not tested here")
    assert checked.returncode == 0, checked.stderr
    with (tmp_path / "nginx.log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        _wait_for_port(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


def _wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail(f"nginx does not listen on {port}")


def test_described_lead_runs_local_jobs_and_keeps_burstable_ones_waiting(described):
    local = described.submit("-N2", "hostname")
    described.command("flux", "job", "wait-event", "--timeout=20", str(local), "clean")
    burstable = [
        described.submit("-N2", "-n4", "--setattr=burstable", "hostname"),
        described.submit("-N2", "-n2", "-c4", "-g1", "--setattr=burstable", "hostname"),
    ]
    try:
        assert described.job(local, "{status} {queue} {nodelist}") == "COMPLETED local lead-[0-1]"
        assert [described.job(job, "{queue} {state}") for job in burstable] == ["burst SCHED"] * 2
    finally:
        for job in burstable:
            described.cancel(job)


def test_described_lead_refuses_what_no_slot_can_ever_run(described):
    done = subprocess.run(
        ["flux", "submit", "-N3", "-g1", "--setattr=burstable", "hostname"],
        env=described.environ,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )

    assert done.returncode != 0
    assert "unsatisfiable" in done.stderr.lower()


def test_agent_finds_the_slots_that_were_declared(described, described_flux, tmp_path):
    text = described.layout.config_map[lead_files.SETTINGS_FILE]
    file = tmp_path / "settings.toml"
    file.write_text(
        text + '\n[templates.gpu]\nmachine_type = "g2"\ncores = 4\nmemory_mib = 1\nzones = ["us-east1-b"]\n'
    )
    settings = load_agent_settings({}, file=file)
    facts = described_flux.facts()

    slots = find_slots(
        facts,
        settings.named_templates(facts),
        {name: slot.template for name, slot in settings.slots.items()},
        burst_property=settings.burst_property,
    )

    assert [(slot.name, slot.ranks, slot.template) for slot in slots] == [
        ("burst-0", (2, 3), "default"),
        ("gpu-0", (4, 5), "gpu"),
    ]


def test_certificate_is_copied_readable_for_the_broker_alone(described):
    copied = described.layout.directory / "copied.cert"

    assert copied.read_bytes() == described.layout.curve_cert.read_bytes()
    assert copied.stat().st_mode & 0o777 == 0o600


def test_queue_that_was_stopped_on_purpose_stays_stopped(described):
    described.command("flux", "queue", "stop", "burst")
    try:
        described.command(*described.layout.start_queues_argv())

        shown = described.command("flux", "queue", "list", "--no-header", "--format={queue} {started}", "--queue=burst")
        assert "✗" in shown or shown.endswith("no"), shown
    finally:
        described.command("flux", "queue", "start", "burst")


def test_ranks_join_through_the_router_and_run_a_job(described, described_flux, router_port, listen):
    layout = described.layout
    text = build_burst_config(described_flux.facts().config, host="127.0.0.1", port=router_port)
    config = tomllib.loads(layout.burst_config(text))
    # The lead's own address stands there too; who takes it does not come through the router.
    assert config["bootstrap"]["hosts"][0] == {"host": "lead-0", "connect": f"tcp://127.0.0.1:{router_port}"}
    directory = layout.directory / "burst"
    directory.mkdir(exist_ok=True)
    (directory / "broker.toml").write_text(layout.burst_config(text))
    ranks = frozenset({2, 3})
    for rank in ranks:
        described._start_broker(rank, layout.follower_argv(rank, directory))
    listen(described_flux, lambda heard: ranks <= heard.latest(OnlineChanged))

    job = described.submit("-N2", "-n2", "--setattr=burstable", "hostname")
    described.command("flux", "job", "wait-event", "--timeout=20", str(job), "clean")

    assert described.job(job, "{status} {nodelist}") == "COMPLETED burst-0-[0-1]"
    # The frobnicator is a file on the lead: a burst's own ingest must do without it.
    assert lead_files.FROBNICATOR_FILE not in text
    described.command("flux", "exec", "--rank=2", "flux", "submit", "-N1", "--queue=burst", "true")
    described_flux.leave(ranks)
    listen(described_flux, lambda heard: heard.has(OnlineChanged) and not ranks & heard.latest(OnlineChanged))
    assert [described.wait_exit(rank) for rank in ranks] == [0, 0]
