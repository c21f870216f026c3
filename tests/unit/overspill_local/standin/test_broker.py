import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tomli_w

from overspill_local.standin import broker, lead_setup
from overspill_local.standin.certificate import write_certificate
from overspill_shared.errors import ConfigError

DEADLINE_S = 20.0
PROGRAM = [sys.executable, "-m", "overspill_local.standin"]


@pytest.fixture
def config(directory):
    """A lead's configuration of one rank, its files in place."""
    write_certificate(directory / "curve.cert")
    r = {"execution": {"R_lite": [{"rank": "0", "children": {"core": "0-1"}}], "nodelist": ["lead-0"]}}
    (directory / "R").write_text(json.dumps(r))
    return {
        "bootstrap": {"curve_cert": str(directory / "curve.cert"), "hosts": [{"host": "lead-0"}]},
        "resource": {"path": str(directory / "R")},
    }


def start(directory, config, hostname="lead-0", **options):
    (directory / "broker.toml").write_text(tomli_w.dumps(config))
    argv = [*PROGRAM, "broker", f"--config-path={directory}", f"--hostname={hostname}", f"--rundir={directory}/run"]
    return subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, **options)


def test_lead_process_names_its_host_says_what_it_is_and_ends_by_sigterm(directory, config):
    lead = start(directory, config)
    try:
        first_line = lead.stderr.readline()
        assert first_line.startswith("standin.info[0]: ")
        assert "a stand-in instance, not Flux" in first_line
        environ = {**os.environ, "FLUX_URI": f"standin://{directory}/run/local"}
        job = cli(environ, "submit", "-N1", sys.executable, "-c", "import socket; print(socket.gethostname())").stdout
        attached = cli(environ, "attach", job.strip())
        assert attached.returncode == 0
        if os.geteuid() == 0:
            assert attached.stdout == "lead-0\n"
        assert (
            cli(environ, "attach", "-l", cli(environ, "submit", "sh", "-c", "echo x; exit 7").stdout.strip()).returncode
            == 7
        )
        assert cli(environ, "resource-list").stdout.splitlines() == [
            "     STATE NNODES NCORES NGPUS NODELIST",
            "      free      1      2     0 lead-0",
            " allocated      0      0     0 ",
            "      down      0      0     0 ",
        ]
        lead.send_signal(signal.SIGTERM)
        assert lead.wait(DEADLINE_S) == 0
    finally:
        lead.kill()
        lead.communicate(timeout=DEADLINE_S)


def test_broker_whose_host_is_not_declared_exits_with_one(directory, config):
    process = start(directory, config, hostname="burst-0-9")
    _, errors = process.communicate(timeout=DEADLINE_S)

    assert process.returncode == 1
    assert errors.startswith("standin.crit[burst-0-9]: bootstrap: config: burst-0-9 not found in hosts.")


def test_follower_that_waits_for_its_lead_ends_by_sigterm_with_zero(directory, config):
    config["bootstrap"]["hosts"] = [{"host": "lead-0", "connect": "tcp://127.0.0.1:1"}, {"host": "burst-0-0"}]
    process = start(directory, config, hostname="burst-0-0", env={**os.environ, "PYTHONWARNINGS": "error"})
    try:
        while not (directory / "run").exists():
            assert process.poll() is None
        # From here on it sets up its loop; a signal before that would end it by the signal itself.
        signals = f"/proc/{process.pid}/status"
        while not has_handler(signals, signal.SIGTERM):
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
    finally:
        process.kill()
        _, errors = process.communicate(timeout=DEADLINE_S)
    assert errors == "standin.info[1]: shutdown: left the instance\n"


@pytest.mark.parametrize(
    ("key", "change", "reason"),
    [
        ("resource", {}, r"resource\.path is not set"),
        ("resource", {"path": "/nosuch/R"}, r"resource\.path: /nosuch/R"),
        ("bootstrap", {"curve_cert": "/nosuch.cert", "hosts": [{"host": "lead-0"}]}, r"/nosuch\.cert"),
        ("tbon", {"torpid_max": "soon"}, r"tbon\.torpid_max"),
    ],
    ids=["no-path", "no-file", "no-certificate", "no-duration"],
)
def test_lead_configuration_that_is_wrong_is_refused_by_its_key(config, directory, key, change, reason):
    with pytest.raises(ConfigError, match=reason):
        lead_setup.read_settings(
            {**config, key: change}, ["lead-0"], local_uri=f"standin://{directory}/local", statedir=None
        )


def test_lead_of_several_ranks_needs_an_address_to_bind(config, directory):
    hosts = ["lead-0", "lead-1"]
    r = {"execution": {"R_lite": [{"rank": "0-1", "children": {"core": "0"}}], "nodelist": ["lead-[0-1]"]}}
    (directory / "R").write_text(json.dumps(r))
    with pytest.raises(ConfigError, match=r"bootstrap\.hosts\[0\]\.bind"):
        lead_setup.read_settings(config, hosts, local_uri=f"standin://{directory}/local", statedir=None)


def test_local_uri_that_is_too_long_is_refused(config):
    with pytest.raises(ConfigError, match=r"too long.*--rundir"):
        lead_setup.read_settings(config, ["lead-0"], local_uri="standin:///" + "x" * 120, statedir=None)


def test_follower_without_the_leads_address_is_refused(config):
    with pytest.raises(ConfigError, match="connect URI is undefined for rank 0"):
        broker._membership(config, 1, "burst-0-0")


def cli(environ, *argv):
    return subprocess.run(
        [*PROGRAM, *argv], env=environ, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )


def has_handler(status, number):
    caught = next(line for line in Path(status).read_text().splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) & (1 << (number - 1)))
