from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_local import death_wrapper
from overspill_local.process import PROCESS_VARIABLE, ProcessError
from overspill_local.reaper import RUN_VARIABLE, marked_processes, reap
from overspill_local.supervisor import Restart, Supervisor, new_marker

DEADLINE_S = 20.0
ENV = {"PATH": os.environ["PATH"]}
AT_ONCE = Restart(first_delay_s=0)

WAITING = "import signal; print('up', flush=True); signal.pause()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITING}"
POLITE = f"import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); {WAITING}"
# Starts a stubborn worker in a session of its own, with the environment given, then waits.
WITH_WORKER = """
import signal, subprocess, sys
worker = subprocess.Popen(
    [sys.executable, "-I", "-S", "-c", sys.argv[1]],
    start_new_session=True, stdout=subprocess.PIPE, env={} if sys.argv[2] == "bare" else None,
)
worker.stdout.readline()
print(worker.pid, flush=True)
signal.pause()
"""


def python(code: str, *arguments: str) -> list[str]:
    """The arguments that run a piece of Python, quickly started."""
    return [sys.executable, "-I", "-S", "-c", code, *arguments]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


async def until(condition) -> None:
    """Wait for a condition to become true."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        await asyncio.sleep(0.01)


class Lines(list):
    """Lines that a process wrote, and a check that the first of them is there."""

    async def ready(self) -> bool:
        return bool(self)


@pytest.fixture
def supervise(tmp_path):
    """Run an async scenario with a supervisor; nothing of it may be left in the end."""

    def run(scenario, **options) -> None:
        async def main() -> None:
            async with Supervisor(new_marker(), tmp_path, **options) as supervisor:
                async with asyncio.timeout(DEADLINE_S):
                    await scenario(supervisor)
            assert supervisor.found() == ()

        asyncio.run(main())

    return run


def test_start_runs_in_own_session_with_markers_and_log(supervise, tmp_path):
    async def scenario(supervisor):
        lines = Lines()
        process = await supervisor.start(
            "hello",
            python(WAITING),
            env={**ENV, "GREETING": "hi"},
            cwd=tmp_path,
            on_line=lines.append,
            ready=lines.ready,
        )
        environ = Path(f"/proc/{process.pid}/environ").read_bytes().decode().split("\0")

        assert os.getsid(process.pid) == process.pid
        assert Path(f"/proc/{process.pid}/cwd").resolve() == tmp_path
        assert {f"{RUN_VARIABLE}={supervisor.marker}", f"{PROCESS_VARIABLE}={process.marker}"} <= set(environ)
        assert "GREETING=hi" in environ
        assert lines == ["up"]
        assert process.log_path.read_text() == "up\n"
        assert [found.pid for found in supervisor.found()] == [process.pid]

    supervise(scenario)


def test_start_does_not_inherit_ignored_signals(supervise):
    async def scenario(supervisor):
        lines = Lines()
        await supervisor.start("status", ["grep", "SigIgn", "/proc/self/status"], env=ENV, on_line=lines.append)
        await until(lambda: lines)
        ignored = int(lines[0].split()[1], 16)
        assert not ignored & (1 << (signal.SIGPIPE - 1))

    supervise(scenario)


def test_start_unknown_program_raises_naming_it(supervise):
    async def scenario(supervisor):
        with pytest.raises(ProcessError, match="no-such-program"):
            await supervisor.start("broken", ["no-such-program"], env=ENV)
        assert supervisor.processes == ()

    supervise(scenario)


def test_start_ends_before_ready_raises_with_its_output(supervise):
    async def scenario(supervisor):
        with pytest.raises(ProcessError, match=r"exit status 3\)(.|\n)*port taken(.|\n)*broken.log"):
            await supervisor.start(
                "broken", python("print('port taken'); raise SystemExit(3)"), env=ENV, ready=Lines().ready
            )
        assert supervisor.processes == ()

    supervise(scenario)


def test_start_ends_before_ready_though_restarted_raises(supervise):
    async def scenario(supervisor):
        with pytest.raises(ProcessError, match="ended before it was ready"):
            await supervisor.start(
                "broken", python("raise SystemExit(3)"), env=ENV, ready=Lines().ready, restart=AT_ONCE
            )

    supervise(scenario)


def test_start_not_ready_in_time_raises_and_leaves_nothing(supervise):
    async def scenario(supervisor):
        with pytest.raises(ProcessError, match=r"not ready after 0.1 s"):
            await supervisor.start("slow", python(WAITING), env=ENV, ready=Lines().ready, ready_timeout_s=0.1)
        assert supervisor.found() == ()

    supervise(scenario)


def test_start_check_hangs_raises_in_time(supervise):
    async def hang() -> bool:
        await asyncio.sleep(3600)
        return True

    async def scenario(supervisor):
        with pytest.raises(ProcessError, match="not ready"):
            await supervisor.start("slow", python(WAITING), env=ENV, ready=hang, ready_timeout_s=0.1)

    supervise(scenario)


def test_start_ended_though_a_stranger_answers_raises(supervise):
    async def scenario(supervisor):
        async def stranger_answers() -> bool:
            await until(lambda: supervisor.processes[0].returncode is not None)
            return True

        with pytest.raises(ProcessError, match="exit status 3"):
            await supervisor.start("late", python("raise SystemExit(3)"), env=ENV, ready=stranger_answers)

    supervise(scenario)


def test_start_cancelled_leaves_nothing(supervise):
    async def scenario(supervisor):
        lines = Lines()
        starting = asyncio.create_task(
            supervisor.start("slow", python(WAITING), env=ENV, on_line=lines.append, ready=Lines().ready)
        )
        await until(lambda: lines)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert supervisor.found() == ()

    supervise(scenario)


@pytest.mark.parametrize(
    ("code", "timeout_s", "status"),
    [(POLITE, DEADLINE_S, 7), (WAITING, DEADLINE_S, -signal.SIGTERM), (STUBBORN, 0.1, -signal.SIGKILL)],
    ids=["polite", "plain", "stubborn"],
)
def test_stop_gives_exit_status_of_how_it_ended(supervise, code, timeout_s, status):
    async def scenario(supervisor):
        lines = Lines()
        process = await supervisor.start("it", python(code), env=ENV, on_line=lines.append, ready=lines.ready)

        left = await supervisor.stop(process, timeout_s)

        assert left == ()
        assert process.returncode == status
        assert await process.wait(0) == status
        assert await supervisor.stop(process) == ()

    supervise(scenario)


@pytest.mark.parametrize("environment", ["marked", "bare"])
def test_stop_ends_stubborn_worker_in_other_session(supervise, environment):
    async def scenario(supervisor):
        lines = Lines()
        process = await supervisor.start(
            "it", python(WITH_WORKER, STUBBORN, environment), env=ENV, on_line=lines.append, ready=lines.ready
        )
        worker = int(lines[0])
        assert is_alive(worker)

        await supervisor.stop(process)

        assert not is_alive(worker)

    supervise(scenario)


def test_stop_leaves_other_processes_alone(supervise):
    async def scenario(supervisor):
        first, second = [await supervisor.start(name, python(WAITING), env=ENV) for name in ("first", "second")]

        await supervisor.stop(first)

        assert supervisor.processes == (second,)
        assert is_alive(second.pid)

    supervise(scenario)


def test_killed_process_is_started_again_without_its_old_worker(supervise):
    async def scenario(supervisor):
        lines = Lines()
        process = await supervisor.start(
            "function",
            python(WITH_WORKER, STUBBORN, "marked"),
            env=ENV,
            on_line=lines.append,
            ready=lines.ready,
            restart=AT_ONCE,
        )
        first = process.pid

        os.kill(first, signal.SIGKILL)
        await until(lambda: len(lines) == 2)

        assert process.pid != first
        assert process.restarts == 1
        assert not is_alive(int(lines[0]))
        assert is_alive(int(lines[1]))

    supervise(scenario)


def test_crashed_process_without_restart_stays_ended(supervise):
    async def scenario(supervisor):
        process = await supervisor.start("once", python("raise SystemExit(3)"), env=ENV)

        assert await process.wait(DEADLINE_S) == 3
        assert process.restarts == 0

    supervise(scenario)


def test_stop_during_back_off_does_not_start_again(supervise):
    async def scenario(supervisor):
        process = await supervisor.start(
            "crashing", python("raise SystemExit(3)"), env=ENV, restart=Restart(first_delay_s=3600, max_delay_s=3600)
        )
        await until(lambda: process.returncode is not None)

        await supervisor.stop(process)

        assert process.restarts == 0

    supervise(scenario)


def test_wait_for_running_process_times_out(supervise):
    async def scenario(supervisor):
        process = await supervisor.start("it", python(WAITING), env=ENV)
        with pytest.raises(TimeoutError, match="it still runs"):
            await process.wait(0.01)

    supervise(scenario)


def test_stop_all_ends_everything_even_strangers_with_the_marker(tmp_path):
    async def scenario():
        supervisor = Supervisor(new_marker(), tmp_path, stop_timeout_s=0.1)
        for number in range(3):
            await supervisor.start(f"stubborn-{number}", python(STUBBORN), env=ENV)
        stranger = await asyncio.create_subprocess_exec(
            *python(WAITING), env={RUN_VARIABLE: supervisor.marker}, stdout=subprocess.DEVNULL
        )
        await until(lambda: len(supervisor.found()) == 4)

        left = await supervisor.stop_all()

        assert left == ()
        assert supervisor.found() == ()
        assert await stranger.wait() == -signal.SIGTERM
        with pytest.raises(ProcessError, match="has been stopped"):
            await supervisor.start("late", python(WAITING), env=ENV)

    asyncio.run(scenario())


def test_stop_all_dismisses_the_reaper(tmp_path):
    async def scenario() -> list[int]:
        async with Supervisor(new_marker(), tmp_path) as supervisor:
            await supervisor.start("it", python(WAITING), env=ENV)
            return [supervisor._reaper.pid]

    (reaper,) = asyncio.run(scenario())

    assert not is_alive(reaper)
    assert (tmp_path / "reaper.log").read_text() == ""


def test_start_replaces_a_dead_reaper(supervise):
    async def scenario(supervisor):
        await supervisor.start("first", python(WAITING), env=ENV)
        dead = supervisor._reaper
        os.kill(dead.pid, signal.SIGKILL)
        await until(lambda: not dead.is_running())

        await supervisor.start("second", python(WAITING), env=ENV)

        assert supervisor._reaper.is_running()

    supervise(scenario)


@given(st.integers(1, 10_000))
def test_restart_delay_doubles_up_to_its_maximum(crashes):
    restart = Restart(first_delay_s=0.1, max_delay_s=5)

    assert restart.delay_s(1) == 0.1
    assert restart.delay_s(crashes) <= restart.delay_s(crashes + 1) <= 5
    assert restart.delay_s(crashes + 1) == min(5, 2 * restart.delay_s(crashes))


def test_death_wrapper_parent_killed_ends_the_command():
    marker = new_marker()
    parent_code = """
import os, subprocess, sys
argv = [sys.executable, "-I", "-S", sys.argv[1], str(os.getpid()), sys.executable, "-I", "-S", "-c", sys.argv[2]]
child = subprocess.Popen(argv, start_new_session=True)
child.wait()
"""
    try:
        with subprocess.Popen(
            python(parent_code, death_wrapper.__file__, WAITING),
            env={**ENV, RUN_VARIABLE: marker},
            stdout=subprocess.PIPE,
        ) as parent:
            parent.stdout.readline()
            assert len(marked_processes(marker)) == 2
            parent.kill()

        asyncio.run(until(lambda: marked_processes(marker) == ()))
    finally:
        reap(marker, term_s=0, kill_s=5)


def test_death_wrapper_parent_already_dead_does_not_run_the_command():
    result = subprocess.run(
        [sys.executable, death_wrapper.__file__, "1", "echo", "ran"],
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
    )

    assert result.returncode != 0
    assert result.stdout == b""
