"""Running tasks on one rank: a job's order becomes processes, their output and exit become reports.

Used by the lead for rank 0 and by every follower. Reports are one JSON object each, `started`, `output` or `exit`, with
the job's id; see `link` for how they travel.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from overspill_local import death_wrapper

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable, Mapping

KILL_TIMEOUT_S: Final = 5.0
"""Flux's own kill-timeout: SIGKILL follows SIGTERM by this much."""
OUTPUT_TIMEOUT_S: Final = 1.0
"""How long after a task's end its output may still come: a child that it left behind may hold the pipe for ever."""
MAX_LINE: Final = 64 * 1024
_NOT_STARTED_CODE: Final = 127


@dataclass(frozen=True, slots=True)
class _Task:
    """A task that was started, and where its output is read."""

    process: Process
    read_ends: Mapping[str, int]


class TaskRunner:
    """The tasks of one rank."""

    def __init__(self, hostname: str, uri: str, report: Callable[[dict[str, Any]], None]) -> None:
        self._hostname = hostname
        self._uri = uri
        self._report = report
        self._running: dict[int, asyncio.Task[None]] = {}
        self._processes: dict[int, list[Process]] = {}
        self._signals: dict[int, signal.Signals] = {}
        """Jobs that are to end: a task that starts a moment later is signalled, too."""

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
        self._signals.pop(jobid, None)

    def _signal(self, jobid: int, number: signal.Signals) -> None:
        if jobid not in self._processes:
            return
        self._signals[jobid] = number
        for process in self._processes[jobid]:
            _signal_group(process, number)

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

    async def _start(self, order: Mapping[str, Any], task: int) -> _Task | None:
        """Start one task; one that cannot be started says so on its standard error."""
        pipes = {stream: os.pipe() for stream in ("stdout", "stderr")}
        try:
            process = await asyncio.create_subprocess_exec(
                *self._argv(order, task),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=pipes["stdout"][1],
                stderr=pipes["stderr"][1],
                cwd=self._directory(order, task),
                env=self._environment(order, task),
                start_new_session=True,
            )
        except (OSError, ValueError) as exc:
            for read_end, _ in pipes.values():
                os.close(read_end)
            reason = exc.strerror if isinstance(exc, OSError) else exc
            text = f"task {task} (host {self._hostname}): start failed: {order['command'][0]}: {reason}"
            self._output(order["jobid"], task, "stderr", text)
            return None
        finally:
            for _, write_end in pipes.values():
                os.close(write_end)
        self._processes[order["jobid"]].append(process)
        if number := self._signals.get(order["jobid"]):
            _signal_group(process, number)
        return _Task(process, {stream: read_end for stream, (read_end, _) in pipes.items()})

    def _argv(self, order: Mapping[str, Any], task: int) -> list[str]:
        """Give the command behind the wrapper that ends it with its broker; raises OSError if there is no such one."""
        program, *arguments = order["command"]
        directory = self._directory(order, task, quiet=True)
        found = str(Path(directory) / program) if "/" in program else program
        path = self._environment(order, task).get("PATH", os.defpath)
        if shutil.which(found, path=path) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), program)
        wrapper = (sys.executable, "-I", "-S", death_wrapper.__file__, str(os.getpid()))
        return [*wrapper, program, *arguments]

    def _directory(self, order: Mapping[str, Any], task: int, *, quiet: bool = False) -> str:
        cwd = order["cwd"]
        if cwd and Path(cwd).is_dir():
            return str(cwd)
        if cwd and task == order["tasks"][0] and not quiet:
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

    async def _follow(self, jobid: int, number: int, task: _Task | None) -> int:
        """Pass on a task's output until it has ended; gives its exit code."""
        if task is None:
            return _NOT_STARTED_CODE
        readers, transports = [], []
        for stream, read_end in task.read_ends.items():
            reader, transport = await _open_reader(read_end)
            readers.append(asyncio.create_task(self._read(jobid, number, stream, reader)))
            transports.append(transport)
        code = await task.process.wait()
        await asyncio.wait(readers, timeout=OUTPUT_TIMEOUT_S)
        _signal_group(task.process, signal.SIGKILL)
        for transport in transports:
            transport.close()
        await asyncio.wait(readers)
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


def _signal_group(process: Process, number: signal.Signals) -> None:
    """Signal a task and what it started; if nothing of it is left, that is well, too."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


async def _open_reader(read_end: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    """Read a pipe by our own transport: asyncio's for subprocesses cannot be closed while a child holds the pipe."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb")
    )
    return reader, transport


def _ignore(report: dict[str, Any]) -> None:
    """Drop a report: there is nobody left to hear it."""
