import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[4] / "agent" / "deploy" / "entrypoint.sh"
DEADLINE_S = 20.0
AGENT = """\
#!/bin/sh
echo "$@" >> "$CALLS"
[ ! -e "$FAILS" ] || { rm "$FAILS"; exit 2; }
trap 'echo terminated >> "$CALLS"; exit 0' TERM
while :; do sleep 0.05 & wait $!; done
"""


class Pod:
    """A directory that looks like a pod to the entrypoint, with an `overspill` that writes down its calls."""

    def __init__(self, directory: Path) -> None:
        self.socket, self.finished = directory / "local", directory / "complete.txt"
        self.calls, self.fails = directory / "calls", directory / "fails"
        self.calls.touch()
        command = directory / "overspill"
        command.write_text(AGENT)
        command.chmod(0o755)
        self.environ = {
            "PATH": f"{directory}:{os.environ['PATH']}",
            "FLUX_URI": f"local://{self.socket}",
            "OVERSPILL_FINISHED_FILE": str(self.finished),
            "OVERSPILL_SIDECAR_POLL_S": "0.05",
            "CALLS": str(self.calls),
            "FAILS": str(self.fails),
        }
        self.process = None
        self.log = directory / "log"

    def start(self, *arguments, index="0"):
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [SCRIPT, *arguments],
                env={**self.environ, "JOB_COMPLETION_INDEX": index},
                stderr=log,
                start_new_session=True,
            )

    def listen(self):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.socket))

    def wait_for_calls(self, *expected):
        deadline = time.monotonic() + DEADLINE_S
        while self.calls.read_text().splitlines() != list(expected):
            assert time.monotonic() < deadline, (self.calls.read_text(), self.log.read_text())
            time.sleep(0.02)

    def wait_for_log(self, words):
        deadline = time.monotonic() + DEADLINE_S
        while words not in self.log.read_text():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def end(self):
        return self.process.wait(DEADLINE_S)


@pytest.fixture
def pod():
    # Not tmp_path, whose length a Unix socket's path cannot have.
    with tempfile.TemporaryDirectory(prefix="ovs-") as directory:
        pod = Pod(Path(directory))
        yield pod
        if pod.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pod.process.pid, signal.SIGKILL)
            pod.process.wait(DEADLINE_S)


def test_agent_starts_once_the_lead_broker_listens(pod):
    pod.start("--log-level", "debug")
    pod.wait_for_log("waiting for the lead broker")
    assert pod.calls.read_text() == ""

    pod.listen()

    pod.wait_for_calls("agent --log-level debug")


def test_agent_is_told_to_end_when_the_broker_has_ended_for_good(pod):
    pod.listen()
    pod.start()
    pod.wait_for_calls("agent")

    pod.finished.touch()

    assert pod.end() == 0
    pod.wait_for_calls("agent", "terminated")


def test_agent_is_told_to_end_when_the_pod_is(pod):
    pod.listen()
    pod.start()
    pod.wait_for_calls("agent")

    pod.process.terminate()

    assert pod.end() == 0
    pod.wait_for_calls("agent", "terminated")


def test_agent_that_fails_is_started_again_without_failing_the_container(pod):
    pod.fails.touch()
    pod.listen()
    pod.start()

    pod.wait_for_calls("agent", "agent")
    assert pod.process.poll() is None
    assert "the agent ended with 2" in pod.log.read_text()


@pytest.mark.parametrize("ends_by", ["file", "signal"])
def test_other_pods_idle_until_their_broker_ends(pod, ends_by):
    pod.listen()
    pod.start(index="1")
    if ends_by == "file":
        pod.finished.touch()
    else:
        with pytest.raises(subprocess.TimeoutExpired):
            pod.process.wait(0.3)
        pod.process.terminate()

    assert pod.end() == 0
    assert pod.calls.read_text() == ""


def test_container_that_waits_for_a_broker_ends_with_its_pod(pod):
    pod.start()
    pod.wait_for_log("waiting for the lead broker")

    pod.process.terminate()

    assert pod.end() == 0
