"""Running tasks on one rank: a job's order becomes processes, their output and exit become reports.

Used by the lead for rank 0 and by every follower. Reports are one JSON object each, `started`, `output` or `exit`, with
the job's id; see `link` for how they travel.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable, Mapping

KILL_TIMEOUT_S: Final = 5.0
"""Flux's own kill-timeout: SIGKILL follows SIGTERM by this much."""
OUTPUT_TIMEOUT_S: Final = 2.0
"""How long after a task's end its output may still come: a child that it left behind may hold the pipe for ever."""
MAX_LINE: Final = 64 * 1024
_PR_SET_PDEATHSIG: Final = 1
_NOT_STARTED_CODE: Final = 127
_LIBC: Final = ctypes.CDLL(None)


class TaskRunner:
    """The tasks of one rank."""

    def __init__(self, hostname: str, uri: str, report: Callable[[dict[str, Any]], None]) -> None:
        self._hostname = hostname
        self._uri = uri
        self._report = report
        self._running: dict[int, asyncio.Task[None]] = {}
        self._processes: dict[int, list[Process]] = {}

    def launch(self, order: Mapping[str, Any]) -> None:
        """Start a job's tasks; returns at once, reports follow."""
        jobid = order["jobid"]
        self._processes[jobid] = []
        running = asyncio.create_task(self._run(order))
        self._running[jobid] = running
        running.add_done_callback(lambda _: self._forget(jobid))

    def kill(self, jobid: int) -> None:
        """Send SIGTERM to a job's tasks, and SIGKILL to those that stay."""
        self._signal(jobid, signal.SIGTERM)
        asyncio.get_running_loop().call_later(KILL_TIMEOUT_S, self._signal, jobid, signal.SIGKILL)

    async def stop(self) -> None:
        """End everything at once; no report comes after this."""
        self._report = _ignore
        for jobid in self._processes:
            self._signal(jobid, signal.SIGKILL)
        if self._running:
            await asyncio.wait(tuple(self._running.values()), timeout=KILL_TIMEOUT_S)

    def _forget(self, jobid: int) -> None:
        self._running.pop(jobid, None)
        self._processes.pop(jobid, None)

    def _signal(self, jobid: int, number: signal.Signals) -> None:
        for process in self._processes.get(jobid, ()):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)

    async def _run(self, order: Mapping[str, Any]) -> None:
        started = [await self._start(order, task) for task in order["tasks"]]
        self._report({"report": "started", "jobid": order["jobid"]})
        codes = await asyncio.gather(
            *(
                self._follow(order["jobid"], task, process)
                for task, process in zip(order["tasks"], started, strict=True)
            )
        )
        self._report({"report": "exit", "jobid": order["jobid"], "code": max(codes)})

    async def _start(self, order: Mapping[str, Any], task: int) -> Process | None:
        """Start one task; one that cannot be started says so on its standard error."""
        try:
            process = await asyncio.create_subprocess_exec(
                *order["command"],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=self._directory(order, task),
                env=self._environment(order, task),
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        except (OSError, ValueError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else exc
            text = f"task {task} (host {self._hostname}): start failed: {order['command'][0]}: {reason}"
            self._output(order["jobid"], task, "stderr", text)
            return None
        self._processes[order["jobid"]].append(process)
        return process

    def _directory(self, order: Mapping[str, Any], task: int) -> str:
        cwd = order["cwd"]
        if cwd and Path(cwd).is_dir():
            return str(cwd)
        if cwd and task == order["tasks"][0]:
            reason = f"Could not change dir to {cwd}: No such file or directory. Going to /tmp instead"
            text = f"host {self._hostname}: {reason}"
            self._output(order["jobid"], task, "stderr", text)
        return "/tmp"  # noqa: S108 - where Flux goes, too

    def _environment(self, order: Mapping[str, Any], task: int) -> dict[str, str]:
        own = {
            "FLUX_TASK_RANK": str(task),
            "FLUX_TASK_LOCAL_ID": str(order["tasks"].index(task)),
            "FLUX_URI": self._uri,
            # A pod has its name here; where the machine's name cannot be changed this is all that tells it.
            "HOSTNAME": self._hostname,
        }
        given = order["environment"]
        return {**(os.environ if given is None else given), **order["variables"], **own}

    async def _follow(self, jobid: int, task: int, process: Process | None) -> int:
        if process is None:
            return _NOT_STARTED_CODE
        assert process.stdout is not None  # noqa: S101 - both are PIPE
        assert process.stderr is not None  # noqa: S101
        readers = asyncio.gather(
            self._read(jobid, task, "stdout", process.stdout),
            self._read(jobid, task, "stderr", process.stderr),
        )
        code = await process.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(readers, OUTPUT_TIMEOUT_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return code if code >= 0 else 128 - code

    async def _read(self, jobid: int, task: int, stream: str, reader: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await reader.read(MAX_LINE):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > MAX_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._output(jobid, task, stream, line.decode(errors="replace"))
        if rest:
            self._output(jobid, task, stream, rest.decode(errors="replace"))

    def _output(self, jobid: int, task: int, stream: str, line: str) -> None:
        self._report({"report": "output", "jobid": jobid, "task": task, "stream": stream, "line": line})


def _die_with_parent() -> None:
    """Have the kernel end a task whose broker was killed, as a node's end would."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _ignore(report: dict[str, Any]) -> None:
    """Drop a report: there is nobody left to hear it."""
