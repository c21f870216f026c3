import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from overspill_local.free_port import free_port
from overspill_local.reaper import marked_processes

WAIT_S = 60


class Up:
    """A running `overspill-local up --json`."""

    def __init__(self, *arguments, environ=None):
        argv = [sys.executable, "-m", "overspill_local", "up", "--json", "--create-seconds", "0.2", *arguments]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env={**os.environ, **(environ or {})})
        self.ready = json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.stdout.read()
        self.process.stdout.close()
        return self.process.wait(WAIT_S)


@pytest.fixture
def up():
    running = []

    def start(*arguments, environ=None):
        running.append(Up(*arguments, environ=environ))
        return running[-1]

    yield start
    for cloud in running:
        if cloud.process.poll() is None:
            cloud.stop()


def test_up_says_what_clients_need_and_ends_cleanly_on_sigterm(up):
    cloud = up("--flux", "stand-in")
    assert cloud.ready["event"] == "up.ready"
    assert cloud.ready["pid"] == cloud.process.pid
    assert {"PUBSUB_EMULATOR_HOST", "GKE_EMULATOR_HOST", "GCE_METADATA_HOST", "GOOGLE_CLOUD_PROJECT"} <= set(
        cloud.ready["env"]
    )
    assert cloud.ready["env"]["OVERSPILL_PUBLIC_KEY"].startswith("overspill-public-key:v1:")
    assert {"pubsub", "gke", "metadata", "provision", "teardown"} <= set(cloud.ready["endpoints"])
    assert cloud.stop() == 0


def test_up_whose_output_nobody_reads_any_more_ends_cleanly(up):
    """As with `overspill-local up --json | head -1`: the cloud's own work must not fail by what is told of it."""
    marker = os.urandom(8).hex()
    cloud = up("--flux", "stand-in", "--sweep-seconds", "0.2", environ={"RUN_OF_TEST": marker})

    cloud.process.stdout.close()

    assert cloud.process.wait(WAIT_S) == 0
    assert marked_processes(marker, variable="RUN_OF_TEST") == ()


def test_up_sweeps_as_often_as_it_is_told(up):
    cloud = up("--flux", "stand-in", "--sweep-seconds", "0.2")
    events = map(json.loads, cloud.process.stdout)
    done = next(event for event in events if event.get("message") == "sweep.done")
    assert (done["bursts"], done["to_be_removed"]) == (0, 0)
    assert cloud.stop() == 0


def test_up_with_an_existing_cluster_says_how_to_reach_it(up):
    cloud = up("--flux", "stand-in", "--existing-cluster")
    content = json.loads(Path(cloud.ready["endpoints"]["kubeconfig"]).read_text())
    assert content["clusters"][0]["cluster"]["server"] == f"https://{cloud.ready['endpoints']['kubernetes']}"
    assert cloud.stop() == 0


def test_up_takes_nothing_of_it_from_its_own_environment(up):
    foreign = {
        "PUBSUB_EMULATOR_HOST": "127.0.0.1:1",
        "GKE_EMULATOR_HOST": "127.0.0.1:1",
        "GOOGLE_CLOUD_PROJECT": "somebody-elses",
        "OVERSPILL_DEPLOYMENT": "production",
        "OVERSPILL_PUBLIC_KEY": "nonsense",
    }
    cloud = up("--flux", "stand-in", environ=foreign)
    assert not set(foreign.items()) & set(cloud.ready["env"].items())
    assert cloud.stop() == 0


@pytest.mark.parametrize("arguments", [["--pubsub", "nowhere"], ["--flux", "imaginary"], ["--create-seconds", "-1"]])
def test_up_with_wrong_usage_exits_2(arguments):
    argv = [sys.executable, "-m", "overspill_local", "up", *arguments]
    finished = subprocess.run(argv, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert finished.returncode == 2
    assert arguments[0] in finished.stderr


@pytest.mark.flux
@pytest.mark.skipif(shutil.which("flux") is None, reason="there is no flux on PATH: install flux-core")
def test_instance_started_by_hand_bursts_with_the_variables_alone(up, tmp_path_factory, request):
    cloud = up()
    directory = Path(tmp_path_factory.mktemp("f", numbered=True))
    lead = _start_lead_by_hand(directory, request)
    environ = {**os.environ, **cloud.ready["env"], "FLUX_URI": lead}
    agent = subprocess.Popen(
        [sys.executable, "-m", "overspill_agent", "agent"],
        env={**environ, "OVERSPILL_IDLE_TIMEOUT_S": "1"},
        stderr=subprocess.DEVNULL,
    )
    request.addfinalizer(lambda: (agent.kill(), agent.wait(20)))
    submit = ["flux", "submit", "-N", "4", "--setattr=burstable", "hostname"]
    jobid = _run(submit, environ).stdout.strip()
    attached = _run(["flux", "job", "attach", jobid], environ)
    assert attached.returncode == 0, attached.stderr
    assert len(attached.stdout.split()) == 4
    bursts = _until(lambda: _status(environ), lambda shown: shown and shown[0]["state"] == "GONE")
    assert bursts[0]["slot"] == "burst-0"
    assert bursts[0]["nodes"] == 4
    table = _run([sys.executable, "-m", "overspill_agent", "status"], environ)
    assert "GONE" in table.stdout
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(20) == 0


def _start_lead_by_hand(directory, request):
    """Two ranks up of six declared, in the plainest configuration: no queues, no frobnicator."""
    port = free_port()
    subprocess.run(["flux", "keygen", str(directory / "curve.cert")], check=True, timeout=WAIT_S)
    encode = ["flux", "R", "encode", "--hosts=me-[0-1],burst-0-[0-3]", "--cores=0", "--property=burst:2-5"]
    (directory / "R").write_text(subprocess.run(encode, check=True, capture_output=True, text=True).stdout)
    (directory / "broker.toml").write_text(f"""
[bootstrap]
curve_cert = "{directory}/curve.cert"
hosts = [
  {{ host = "me-0", bind = "tcp://127.0.0.1:{port}", connect = "tcp://127.0.0.1:{port}" }},
  {{ host = "me-1,burst-0-[0-3]" }},
]
[resource]
path = "{directory}/R"
noverify = true
[sched-fluxion-resource]
prune-filters = "ALL:core"
""")
    uri = f"local://{directory}/local"
    brokers = []
    for rank in (0, 1):
        (directory / f"run{rank}").mkdir()
        options = [f"-Slocal-uri={uri}", "-Sbroker.quorum=2", "-Sbroker.rc2_none"] if rank == 0 else []
        argv = [
            "flux",
            "broker",
            f"--config-path={directory}",
            f"-Shostname=me-{rank}",
            f"-Srundir={directory}/run{rank}",
        ]
        brokers.append(subprocess.Popen([*argv, *options], stderr=subprocess.DEVNULL))

    def stop():
        brokers[0].terminate()
        for broker in brokers:
            try:
                broker.wait(20)
            except subprocess.TimeoutExpired:
                broker.kill()
                broker.wait(20)

    request.addfinalizer(stop)
    environ = {**os.environ, "FLUX_URI": uri}
    listed = ["flux", "resource", "list", "-s", "free", "-n", "-o", "{nnodes}"]

    def free_nodes():
        return _run(listed, environ).stdout.strip()

    _until(free_nodes, lambda nodes: nodes == "2")
    return uri


def _status(environ):
    argv = [sys.executable, "-m", "overspill_agent", "status", "--json"]
    return json.loads(_run(argv, environ).stdout)["bursts"]


def _run(argv, environ):
    return subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=WAIT_S, check=False)


def _until(look, is_right):
    deadline = time.monotonic() + WAIT_S
    while not is_right(seen := look()):
        assert time.monotonic() < deadline, seen
        time.sleep(0.1)
    return seen
