"""Starting, watching and stopping the processes of an embedded cloud, so that nothing is ever left behind.

Here live the decisions on a process's life: readiness, restart after a crash, stop. What a process is for, its
arguments and its order among others are the caller's. The ending of what has detached itself lives in reaper.

Three nets, each catching what falls through the one before:

1. `stop` sends SIGTERM to the process's group, then ends all that was ever started by it, by a marker in the
   environment; `stop_all` does so for everything, and says what is left.
2. A process is sent SIGTERM by the kernel when its parent dies (death_wrapper).
3. A reaper outlives the parent and ends everything that bears the run's marker.

Linux only. The kernel counts the thread that started a process as its parent: use a supervisor from an event loop in
a thread that lives as long as the supervisor.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import shutil
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from overspill_local.process import PROCESS_VARIABLE, Process, ProcessError
from overspill_local.reaper import (
    RUN_VARIABLE,
    Hunt,
    ProcessFound,
    ReaperTimes,
    marked_processes,
    reap,
)
from overspill_local.reaper_handle import ReaperHandle, start_reaper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from overspill_local.readiness import Check

log = logging.getLogger(__name__)

READY_INTERVAL_S: Final = 0.05
LEFTOVER_TERM_S: Final = 0.5
"""How long what a process left behind may take to end; its own time is the caller's."""
KILL_S: Final = 5.0
"""How long the kernel may take to end what was sent SIGKILL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """How to restart a process that ends without being asked to, whatever its exit status."""

    first_delay_s: float = 0.1
    max_delay_s: float = 5.0
    steady_after_s: float = 10.0
    """A process that lived this long has recovered: its next crash counts as the first."""

    def delay_s(self, crashes: int) -> float:
        """Give the pause after so many crashes in a row, from 1: it doubles each time."""
        return float(min(self.max_delay_s, self.first_delay_s * 2 ** min(crashes - 1, 30)))


class Supervisor:
    """The processes of one run. `async with` it, or `stop_all` at the end."""

    def __init__(
        self,
        marker: str,
        log_dir: Path,
        *,
        stop_timeout_s: float = 10.0,
        reaper_times: ReaperTimes | None = None,
        scratch: Path | None = None,
    ) -> None:
        """Prepare a run: `marker` must be random (see new_marker), `log_dir` gets a file for each process.

        `scratch` is a folder that the reaper removes if this process dies.
        """
        self.marker = marker
        self._log_dir = log_dir
        self._stop_timeout_s = stop_timeout_s
        self._reaper_times = reaper_times or ReaperTimes()
        self._scratch = scratch
        self._reaper: ReaperHandle | None = None
        self._processes: list[Process] = []
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop_all()

    @property
    def processes(self) -> tuple[Process, ...]:
        """Those started and not stopped, in the order of their start."""
        return tuple(self._processes)

    async def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        on_line: Callable[[str], None] | None = None,
        ready: Check | None = None,
        ready_timeout_s: float = 30.0,
        restart: Restart | None = None,
    ) -> Process:
        """Start a process and wait until it is ready; its output goes to NAME.log and, line by line, to `on_line`.

        `env` is its whole environment; the markers are added. Without `ready` it counts as ready at once.
        Raises ProcessError where the program is not found, or ends or stays unready within `ready_timeout_s`; then
        nothing of it is left.
        """
        if self._closed:
            raise ProcessError(f"{name} was not started: this run has been stopped.")
        self._log_dir.mkdir(parents=True, exist_ok=True)
        self._ensure_reaper()
        process = Process(
            name,
            (_find_program(name, argv[0], env), *argv[1:]),
            env={**env, RUN_VARIABLE: self.marker},
            cwd=cwd,
            log_path=self._log_dir / f"{name}.log",
            on_line=on_line,
        )
        self._processes.append(process)
        try:
            await self._bring_up(process, restart)
            if ready is not None:
                await _wait_until_ready(process, ready, ready_timeout_s)
        except BaseException:
            await self.stop(process, timeout_s=LEFTOVER_TERM_S)
            raise
        return process

    async def stop(self, process: Process, timeout_s: float | None = None) -> tuple[ProcessFound, ...]:
        """Stop a process and all that it started; it may take `timeout_s` to end by itself after SIGTERM.

        Gives what could not be ended: normally nothing. Stopping twice is no fault.
        """
        timeout_s = self._stop_timeout_s if timeout_s is None else timeout_s
        process.stopping.set()
        hunt = Hunt(process.marker, PROCESS_VARIABLE)
        # Look before the parents go: without them, a process that dropped its environment is nobody's.
        await asyncio.to_thread(hunt.look)
        process.signal_group(signal.SIGTERM)
        ended = await process.ends_within(timeout_s)
        left = await asyncio.to_thread(hunt.end, LEFTOVER_TERM_S if ended else 0, KILL_S)
        if process.keeper is not None and not await process.ends_within(KILL_S):
            process.keeper.cancel()
        await process.close_output()
        if process in self._processes:
            self._processes.remove(process)
        log.info("process.stopped", extra={"process_name": process.name, "in_time": ended, "left": len(left)})
        return left

    async def stop_all(self, timeout_s: float | None = None) -> tuple[ProcessFound, ...]:
        """Stop all processes at once and whatever else bears the run's marker, then the reaper.

        Gives what could not be ended: normally nothing. No process can be started after.
        """
        self._closed = True
        await asyncio.gather(*(self.stop(process, timeout_s) for process in self.processes))
        left = await asyncio.to_thread(reap, self.marker, term_s=LEFTOVER_TERM_S, kill_s=KILL_S)
        if self._reaper is not None:
            await asyncio.to_thread(self._reaper.dismiss)
            self._reaper = None
        return left

    def found(self) -> tuple[ProcessFound, ...]:
        """Give the live processes of this run: after stop_all, the proof that nothing is left."""
        return marked_processes(self.marker)

    def _ensure_reaper(self) -> None:
        if self._reaper is not None and not self._reaper.is_running():
            self._reaper.dismiss()
            self._reaper = None
        if self._reaper is None:
            self._reaper = start_reaper(
                self.marker, self._log_dir / "reaper.log", self._reaper_times, scratch=self._scratch
            )

    async def _bring_up(self, process: Process, restart: Restart | None) -> None:
        await process.spawn()
        if process.stopping.is_set():
            raise ProcessError(f"{process.name} was stopped while it was being started.")
        process.keeper = asyncio.get_running_loop().create_task(self._keep(process, restart))

    async def _keep(self, process: Process, restart: Restart | None) -> None:
        """Watch a process until it is to end, starting it again as often as needed."""
        crashes = 0
        while True:
            started = time.monotonic()
            code = await process.ended()
            if restart is None or process.stopping.is_set():
                return
            crashes = 1 if time.monotonic() - started >= restart.steady_after_s else crashes + 1
            log.warning("process.crashed", extra={"process_name": process.name, "exit_status": code})
            # Orphaned workers would hold the port that the next start needs.
            await asyncio.to_thread(Hunt(process.marker, PROCESS_VARIABLE).end, LEFTOVER_TERM_S, KILL_S)
            await process.close_output()
            if not await _started_again(process, restart, crashes):
                return


async def _started_again(process: Process, restart: Restart, crashes: int) -> bool:
    """Pause, then start a process again; gives no where it is to stop instead."""
    while not await _is_set_within(process.stopping, restart.delay_s(crashes)):
        try:
            await process.spawn()
        except OSError:
            log.exception("process.restart-failed", extra={"process_name": process.name})
            crashes += 1
        else:
            process.restarts += 1
            if process.stopping.is_set():
                process.signal_group(signal.SIGTERM)
            return True
    return False


async def _is_set_within(event: asyncio.Event, timeout_s: float) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), timeout_s)
    return event.is_set()


async def _wait_until_ready(process: Process, ready: Check, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await _become_ready(process, ready)
    except TimeoutError:
        raise _failed_start(process, f"was not ready after {timeout_s:g} s") from None


async def _become_ready(process: Process, ready: Check) -> None:
    while True:
        is_ready = await ready()
        # Looked at after the check: a stranger may answer on the port that this process could not get.
        if process.returncode is not None or process.restarts:
            await process.drain()
            raise _failed_start(process, f"ended before it was ready (exit status {process.returncode})")
        if is_ready:
            return
        await asyncio.sleep(READY_INTERVAL_S)


def _failed_start(process: Process, what: str) -> ProcessError:
    return ProcessError(
        f"{process.name} {what}. Its last output:\n{process.tail()}\n",
        remedy=f"All of it is in {process.log_path}.",
    )


def _find_program(name: str, program: str, env: Mapping[str, str]) -> str:
    found = shutil.which(program, path=env.get("PATH", os.defpath))
    if found is None:
        raise ProcessError(
            f"{name} was not started: there is no program {program!r}.",
            remedy="Install it, or put its folder on the PATH of the environment given.",
        )
    return found


def new_marker() -> str:
    """Give a marker for a run: random, so that no other process bears it by accident."""
    return secrets.token_hex(16)
