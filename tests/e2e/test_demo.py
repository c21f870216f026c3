import json
import os
import signal
import time
from pathlib import Path

from overspill_local.reaper import RUN_VARIABLE

TIMINGS = {
    "submit_to_request_s",
    "request_to_ready_s",
    "ready_to_joined_s",
    "joined_to_start_s",
    "idle_to_removed_s",
}


def test_demo_runs_the_job_on_the_burst_and_leaves_nothing(run_demo, backend):
    demo = run_demo(backend=backend)
    last = demo.last
    assert demo.code == 0, (last, demo.stderr)
    assert last["event"] == "demo.finished"
    assert last["ok"] is True
    assert last["flux"] == backend[0]
    assert last["pubsub"] == "embedded"
    assert last["job"]["state"] == "COMPLETED"
    assert last["job"]["nodes"] == [f"burst-0-{index}" for index in range(4)]
    assert len(last["job"]["output"]) == 4
    assert last["ranks_joined"] == 4
    assert last["leftovers"] == {"clusters": 0, "processes": 0, "drained_ranks": 0}
    assert set(last["timings"]) == TIMINGS
    assert all(isinstance(value, float) for value in last["timings"].values())
    assert demo.events[0]["event"] == "demo.started"
    assert demo.events[0]["flux"] == backend[0]


def test_demo_job_is_the_seed_command_and_a_local_job_passes_it(run_demo, backend):
    demo = run_demo(backend=backend)
    submitted = next(e for e in demo.events if e["event"] == "job.submitted" and e["burstable"])
    assert "submit -N 4 --setattr=burstable sh -c" in submitted["command"]
    local_done = next(e["t"] for e in demo.events if e["event"] == "job.finished" and e["what"] == "local job")
    active = next(e["t"] for e in demo.events if e.get("message") == "burst.moved" and e["state"] == "ACTIVE")
    assert local_done < active
    shown = [e["when"] for e in demo.events if e["event"] == "resources"]
    assert shown == ["before", "during", "after"]


def test_demo_of_eight_nodes_with_an_own_command(run_demo, best_backend):
    command = "import os, socket; print(socket.gethostname(), os.environ['FLUX_TASK_RANK'])"
    demo = run_demo("--nodes", "8", "--local-nodes", "1", "--", "python3", "-c", command, backend=best_backend)
    assert demo.code == 0, demo.last
    assert demo.last["ranks_joined"] == 8
    assert demo.last["job"]["nodes"] == [f"burst-0-{index}" for index in range(8)]
    if os.geteuid() == 0:
        hosts = sorted(line.split()[0] for line in demo.last["job"]["output"])
        assert hosts == [f"burst-0-{index}" for index in range(8)]


def test_demo_whose_command_fails_is_not_ok_and_leaves_nothing(run_demo, best_backend):
    demo = run_demo("--nodes", "2", "--", "sh", "-c", "exit 3", backend=best_backend)
    assert demo.code == 1
    assert demo.last["ok"] is False
    assert demo.last["error"]["code"] == "job-failed"
    assert demo.last["job"]["state"] == "FAILED"
    assert demo.last["leftovers"] == {"clusters": 0, "processes": 0, "drained_ranks": 0}


def test_demo_that_keeps_reports_the_cluster_and_is_ok(run_demo):
    demo = run_demo("--nodes", "1", "--keep")
    assert demo.code == 0, demo.last
    assert demo.last["leftovers"]["clusters"] == 1
    assert demo.last["leftovers"]["processes"] == 0
    assert demo.last["timings"]["idle_to_removed_s"] is None


def test_demo_ended_by_sigterm_says_so_last_and_leaves_no_process(demo_process):
    process = demo_process("--create-seconds", "60")
    marker = _marker_of(process, wait_for='"cluster.provisioning"')
    process.send_signal(signal.SIGTERM)
    last = json.loads(process.stdout.read().splitlines()[-1])
    assert process.wait(30) == 1
    assert last["event"] == "demo.finished"
    assert last["error"]["code"] == "interrupted"
    assert last["leftovers"]["processes"] == 0
    assert _processes(marker) == []


def test_demo_killed_with_sigkill_leaves_no_process_and_no_key(demo_process):
    process = demo_process("--create-seconds", "60")
    marker = _marker_of(process, wait_for='"cluster.provisioning"')
    (folder,) = {Path(_environ(pid).get("OVERSPILL_PRIVATE_KEY_FILE", "")).parent for pid in _functions(marker)}
    assert (folder / "private.key").exists()
    process.kill()
    process.wait(20)
    deadline = time.monotonic() + 30
    while (left := _processes(marker)) or folder.exists():
        assert time.monotonic() < deadline, (left, folder)
        time.sleep(0.1)


def _marker_of(process, *, wait_for):
    """Read until a line has this text; then give the marker that the demo's processes bear."""
    for line in process.stdout:
        if wait_for in line:
            break
    children = _children(process.pid)
    markers = {_environ(pid).get(RUN_VARIABLE) for pid in children} - {None}
    assert len(markers) == 1, markers
    return markers.pop()


def _processes(marker):
    return [pid for pid in _pids() if _environ(pid).get(RUN_VARIABLE) == marker and _state(pid) != "Z"]


def _functions(marker):
    return [pid for pid in _processes(marker) if "OVERSPILL_PRIVATE_KEY_FILE" in _environ(pid)]


def _children(parent):
    return [pid for pid in _pids() if _stat(pid)[1:2] == [str(parent)]]


def _pids():
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _stat(pid):
    """Give a process's state, parent and so on; nothing if it is gone."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _state(pid):
    return (_stat(pid) or ["Z"])[0]


def _environ(pid):
    entries = (entry.partition("=") for entry in _read(f"/proc/{pid}/environ").split("\0"))
    return {key: value for key, _, value in entries}


def _read(path):
    try:
        return Path(path).read_bytes().decode(errors="replace")
    except OSError:
        return ""
