from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from overspill_local import reaper
from overspill_local.reaper import RUN_VARIABLE, ProcUnavailable, ReaperTimes, marked_processes, reap
from overspill_local.reaper_handle import start_reaper

DEADLINE_S = 20.0
OUTER = secrets.token_hex(16)
QUICK = ReaperTimes(grace_s=0.1, term_s=0.2, kill_s=5)

WAITING = "import signal; print('up', flush=True); signal.pause()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITING}"

# Starts a run with two processes, each with a stubborn worker in a session of its own, reports, and waits to be killed.
PARENT = """
import asyncio, os, sys
from pathlib import Path
from overspill_local.reaper import ReaperTimes
from overspill_local.supervisor import Supervisor

WORKER = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"
DETACHING = '''
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-I", "-S", "-c", sys.argv[1]], start_new_session=True)
signal.pause()
'''

async def main():
    supervisor = Supervisor(sys.argv[1], Path(sys.argv[2]), reaper_times=ReaperTimes(0.1, 0.2, 5))
    for name in ("function", "broker"):
        argv = [sys.executable, "-I", "-S", "-c", DETACHING, WORKER]
        await supervisor.start(name, argv, env=dict(os.environ))
    while len(supervisor.found()) < 4:
        await asyncio.sleep(0.01)
    print(supervisor._reaper.pid, flush=True)
    if sys.argv[3] == "exit":
        os._exit(1)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


def until(condition) -> None:
    """Wait for a condition to become true."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.fixture
def marker():
    return secrets.token_hex(16)


@pytest.fixture
def start(marker):
    """Start marked pieces of Python that say when they are up; they are killed at the end."""
    with contextlib.ExitStack() as stack:

        def run(code: str, *arguments: str, marker: str = marker) -> subprocess.Popen:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", code, *arguments],
                env={RUN_VARIABLE: marker},
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            process.stdout.readline()
            return process

        yield run


@pytest.fixture
def run_parent(marker, tmp_path):
    """Start a whole run in a process of its own; gives it and its reaper's pid."""
    with contextlib.ExitStack() as stack:

        def run(what_next: str) -> tuple[subprocess.Popen, int]:
            parent = subprocess.Popen(
                [sys.executable, "-c", PARENT, marker, str(tmp_path), what_next],
                env={**os.environ, RUN_VARIABLE: OUTER},
                stdout=subprocess.PIPE,
            )
            stack.enter_context(parent)
            stack.callback(parent.kill)
            return parent, int(parent.stdout.readline())

        yield run
        reap(marker, term_s=0, kill_s=5)


def pids(marker: str) -> set[int]:
    return {process.pid for process in marked_processes(marker)}


def test_marked_processes_finds_marked_one_and_its_bare_child(start, marker):
    code = """
import signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", sys.argv[1]], env={}, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
signal.pause()
"""
    process = start(code, STUBBORN)

    found = marked_processes(marker)

    assert len(found) == 2
    assert found[0].pid == process.pid
    assert found[0].cmdline == f"{sys.executable} -I -S -c {code} {STUBBORN}"[: reaper.MAX_CMDLINE]
    assert found[1].cmdline == f"{sys.executable} -I -S -c {STUBBORN}"[: reaper.MAX_CMDLINE]
    assert reap(marker, term_s=0, kill_s=5) == ()
    assert not is_alive(found[1].pid)


def test_marked_processes_other_marker_not_found(start, marker):
    start(WAITING, marker=marker + "0")

    assert marked_processes(marker) == ()


def test_marked_processes_zombie_not_found(start, marker):
    process = start(WAITING)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    assert marked_processes(marker) == ()


def test_marked_processes_caller_not_found(marker):
    code = f"from overspill_local.reaper import marked_processes; print(marked_processes({marker!r}))"

    result = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, RUN_VARIABLE: marker}, capture_output=True, check=True
    )

    assert result.stdout.strip() == b"()"


def write_process(proc: Path, pid: int, *, parent: int = 1, state: str = "S", environ: bytes | None = b"") -> None:
    """Write what /proc says of a process; None: an environment that cannot be read."""
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    (folder / "stat").write_text(f"{pid} (a) b (c) {state} {parent} " + " ".join(["0"] * 17) + f" {pid * 10} 0 0\n")
    (folder / "cmdline").write_bytes(b"sh\0-c\0" + b"x" * 500)
    if environ is None:
        (folder / "environ").mkdir()
    else:
        (folder / "environ").write_bytes(environ)


def test_marked_processes_made_up_proc_gives_only_live_members(tmp_path):
    marked = f"A=1\0{RUN_VARIABLE}=abc\0B=2\0".encode()
    write_process(tmp_path, 10, environ=marked)
    write_process(tmp_path, 11, parent=10)
    write_process(tmp_path, 12, parent=11, environ=None)
    write_process(tmp_path, 13, parent=10, state="Z")
    write_process(tmp_path, 20, environ=None)
    write_process(tmp_path, 21, environ=f"{RUN_VARIABLE}=abcd\0".encode())
    write_process(tmp_path, 22, environ=f"X{RUN_VARIABLE}=abc\0".encode())
    write_process(tmp_path, 30, parent=31)
    write_process(tmp_path, 31, parent=30)
    (tmp_path / "40").mkdir()
    (tmp_path / "self").symlink_to("10")

    found = marked_processes("abc", proc=tmp_path)

    assert [process.pid for process in found] == [10, 11, 12]
    assert found[0].start_ticks == 100
    assert found[0].cmdline.startswith("sh -c x")
    assert len(found[0].cmdline) == reaper.MAX_CMDLINE


def test_marked_processes_without_proc_says_so(tmp_path):
    with pytest.raises(ProcUnavailable, match="needs Linux with /proc"):
        marked_processes("abc", proc=tmp_path)


def test_reap_ends_polite_ones_by_sigterm_and_stubborn_ones_by_sigkill(start, marker):
    polite, stubborn = start(WAITING), start(STUBBORN)

    assert reap(marker, term_s=0.2, kill_s=5) == ()

    assert polite.wait(DEADLINE_S) == -signal.SIGTERM
    assert stubborn.wait(DEADLINE_S) == -signal.SIGKILL


def test_reap_stopped_process_is_ended(start, marker):
    process = start(WAITING)
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)  # else SIGTERM may still end it

    assert reap(marker, term_s=0.1, kill_s=5) == ()
    assert process.wait(DEADLINE_S) == -signal.SIGKILL


def test_reap_process_that_keeps_forking_is_ended(start, marker):
    code = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("up", flush=True)
for _ in range(400):
    time.sleep(0.05)
    if os.fork():
        os._exit(0)
"""
    start(code)

    assert reap(marker, term_s=0.1, kill_s=5) == ()
    assert marked_processes(marker) == ()


def test_reap_without_time_gives_those_left(start, marker):
    process = start(STUBBORN)
    hunt = reaper.Hunt(marker)

    left = hunt.press(signal.SIGTERM, 0)

    assert [found.pid for found in left] == [process.pid]


def test_reap_process_that_drops_its_environment_is_remembered(start, marker):
    code = """
import os, sys
print("up", flush=True)
sys.stdin.readline()
os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", sys.argv[1]], {})
"""
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code, STUBBORN],
        env={RUN_VARIABLE: marker},
        stdin=read_end,
        stdout=subprocess.PIPE,
    )
    os.close(read_end)
    with process:
        process.stdout.readline()
        hunt = reaper.Hunt(marker)
        assert len(hunt.look()) == 1
        os.write(write_end, b"go\n")
        os.close(write_end)
        process.stdout.readline()
        assert marked_processes(marker) == ()

        assert hunt.end(0.1, 5) == ()

        assert process.wait(DEADLINE_S) == -signal.SIGKILL


@pytest.mark.parametrize("how", ["kill", "exit"])
def test_parent_gone_its_stubborn_grandchildren_are_ended(run_parent, marker, tmp_path, how):
    parent, reaper_pid = run_parent("exit" if how == "exit" else "wait")
    if how == "kill":
        assert len(pids(marker)) == 4
        parent.kill()
    parent.wait(DEADLINE_S)

    until(lambda: not is_alive(reaper_pid))

    assert marked_processes(marker) == ()
    assert (tmp_path / "reaper.log").read_text().count("left by a dead parent") == 4


def test_parent_killed_after_sigterm_to_reaper_all_are_ended(run_parent, marker):
    parent, reaper_pid = run_parent("wait")
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(reaper_pid, signum)

    parent.kill()

    parent.wait(DEADLINE_S)
    until(lambda: not is_alive(reaper_pid))
    assert marked_processes(marker) == ()


def test_reaper_of_run_within_a_run_does_not_bear_the_outer_marker(run_parent, marker):
    # Else the outer run's reaper would end the inner one, and what the inner run left would stay.
    parent, reaper_pid = run_parent("wait")

    assert f"{RUN_VARIABLE}={OUTER}".encode() in Path(f"/proc/{parent.pid}/environ").read_bytes()
    assert RUN_VARIABLE.encode() not in Path(f"/proc/{reaper_pid}/environ").read_bytes()


def test_reaper_dismissed_leaves_processes_alone(start, marker, tmp_path):
    process = start(WAITING)
    handle = start_reaper(marker, tmp_path / "log", QUICK)
    assert handle.is_running()

    handle.dismiss()

    assert not handle.is_running()
    assert is_alive(process.pid)
    assert (tmp_path / "log").read_text() == ""


def test_reaper_dismissed_though_dead_or_deaf_is_gone(marker, tmp_path):
    dead, deaf = [start_reaper(marker, tmp_path / "log", QUICK) for _ in range(2)]
    os.kill(dead.pid, signal.SIGKILL)
    os.kill(deaf.pid, signal.SIGSTOP)

    dead.dismiss()
    deaf.dismiss(timeout_s=0.1)

    assert not dead.is_running()
    assert not deaf.is_running()


def test_reaper_as_module_ends_what_is_left_and_exits(start, marker):
    process = start(STUBBORN)

    result = subprocess.run(
        [sys.executable, "-m", "overspill_local.reaper", marker, "--grace-s=0.1", "--term-s=0.1"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )

    assert result.returncode == 0
    assert f"ending it: {process.pid}" in result.stderr
    assert process.wait(DEADLINE_S) == -signal.SIGKILL
