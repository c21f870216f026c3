"""One supervised process: its start through the death wrapper, its output, its signals and its end.

Here lives what is true of a single process; when it is started again or stopped is the supervisor's decision.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import sys
from typing import TYPE_CHECKING, Final

from overspill_local import death_wrapper
from overspill_local.process_output import pump, tail
from overspill_shared.errors import OverspillError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

log = logging.getLogger(__name__)

PROCESS_VARIABLE: Final = "OVERSPILL_LOCAL_PROCESS"
"""Environment variable that marks one supervised process and all that it starts."""
OUTPUT_DRAIN_S: Final = 0.2
"""How long to read on when a process is gone, in case one that it left behind still holds its output."""


class ProcessError(OverspillError):
    """A process did not start, ended early or did not become ready: the text ends with its last output."""

    default_code = "process"


class Process:
    """A supervised process: one name and one marker, however often it is started again."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | None,
        log_path: Path,
        on_line: Callable[[str], None] | None,
    ) -> None:
        self.name = name
        self.log_path = log_path
        self.marker = secrets.token_hex(16)
        self.restarts = 0
        self.stopping = asyncio.Event()
        self.keeper: asyncio.Task[None] | None = None
        self._argv = tuple(argv)
        self._env = {**env, PROCESS_VARIABLE: self.marker}
        self._cwd = cwd
        self._on_line = on_line
        self._process: asyncio.subprocess.Process | None = None
        self._output: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Process id of the latest start; it leads a session and a group of its own."""
        if self._process is None:
            raise ProcessError(f"{self.name} was never started.")
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit status of the latest start, negative for a signal; None while it runs."""
        return self._process.returncode if self._process else None

    def tail(self, lines: int = 20) -> str:
        """Give its last lines of output."""
        return tail(self.log_path, lines)

    async def wait(self, timeout_s: float) -> int | None:
        """Wait until it has ended for good; gives the exit status, None where not even SIGKILL ended it.

        Raises TimeoutError.
        """
        if not await self.ends_within(timeout_s):
            raise TimeoutError(f"{self.name} still runs after {timeout_s:g} s.")
        return self.returncode

    async def ends_within(self, timeout_s: float) -> bool:
        """Wait until it has ended for good, for so long at most; gives whether it has."""
        if self.keeper is None:
            return True
        done, _ = await asyncio.wait([self.keeper], timeout=timeout_s)
        return bool(done)

    async def spawn(self) -> None:
        """Start it (again). Raises OSError where the system refuses."""
        read_end, write_end = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", death_wrapper.__file__, str(os.getpid())),
                *self._argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=asyncio.subprocess.STDOUT,
                env=self._env,
                cwd=self._cwd,
                start_new_session=True,
            )
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        self._output = asyncio.get_running_loop().create_task(pump(read_end, self.log_path, self._on_line))
        log.info("process.started", extra={"process_name": self.name, "pid": self._process.pid})

    async def ended(self) -> int:
        """Wait for the end of the latest start, and for what it had written; gives the exit status."""
        if self._process is None:
            raise ProcessError(f"{self.name} was never started.")
        code = await self._process.wait()
        await self.drain()
        return code

    async def drain(self) -> None:
        """Read its output to the end, which does not come as long as something it left behind holds it."""
        if self._output is not None:
            await asyncio.wait([self._output], timeout=OUTPUT_DRAIN_S)

    async def close_output(self) -> None:
        """Read its output to the end, or give it up."""
        await self.drain()
        if self._output is not None:
            self._output.cancel()

    def signal_group(self, signum: int) -> None:
        """Send a signal to it and to those of its children that have not left its group."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signum)
