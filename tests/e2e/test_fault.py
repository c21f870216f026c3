"""`overspill-local fault` against a running `overspill-local up`."""

import json
import os
import signal
import subprocess
import sys

import pytest
from google.api_core import exceptions as google_errors

from overspill_shared.adapters.gcp_clients import cluster_manager_client

WAIT_S = 60
PARENT = "projects/overspill-local/locations/us-central1-a"


@pytest.fixture(scope="module")
def up():
    """Give the variables that a running cloud prints."""
    argv = [sys.executable, "-m", "overspill_local", "up", "--json", "--flux", "stand-in", "--create-seconds", "0.2"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    yield json.loads(process.stdout.readline())["env"]
    process.send_signal(signal.SIGTERM)
    process.stdout.read()
    process.stdout.close()
    assert process.wait(WAIT_S) == 0


def fault(*arguments, env):
    return subprocess.run(
        [sys.executable, "-m", "overspill_local", "fault", *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


def test_fault_is_ordered_listed_and_hits_the_next_call(up):
    client = cluster_manager_client(up)
    ordered = fault("unavailable", "--calls", "ListClusters", env=up)
    assert (ordered.returncode, ordered.stdout) == (0, "unavailable: the next call that is ListClusters\n")
    assert fault("list", env=up).stdout == ordered.stdout

    with pytest.raises(google_errors.ServiceUnavailable):
        client.list_clusters(parent=PARENT, retry=None, timeout=WAIT_S)

    assert client.list_clusters(parent=PARENT, retry=None, timeout=WAIT_S).clusters == []
    assert fault("list", env=up).stdout == "no fault is ordered\n"
    client.transport.close()


def test_faults_are_cleared(up):
    fault("stockout", "--after", "5", "--times", "3", env=up)
    fault("missing-zone", "us-central1-a", env=up)

    listed = fault("list", env=up).stdout.splitlines()
    assert listed == ["missing-zone: us-central1-a, until it is cleared", "stockout: the next 3 calls (create)"]
    assert fault("clear", env=up).stdout == "no fault is ordered\n"


@pytest.mark.parametrize(
    ("arguments", "env", "code", "text"),
    [
        (["earthquake"], {}, 2, "No such command"),
        (["stockout", "--after", "-1"], {}, 2, "--after"),
        (["stockout", "--after", "1e9"], {}, 2, "after_s"),
        (["list"], {"OVERSPILL_LOCAL_CONTROL": ""}, 2, "overspill-local up"),
        (["list"], {"OVERSPILL_LOCAL_CONTROL": "127.0.0.1:1"}, 1, "no embedded cloud answers"),
    ],
)
def test_fault_that_cannot_be_ordered_says_why(up, arguments, env, code, text):
    finished = fault(*arguments, env={**up, **env})

    assert finished.returncode == code
    assert text in finished.stderr
