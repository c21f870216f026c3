"""A parent's side of its reaper: starting it, and telling it that the run ended cleanly.

What the reaper does stands in reaper, which is a program of its own.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from overspill_local import reaper
from overspill_local.reaper import RUN_VARIABLE, ReaperTimes

if TYPE_CHECKING:
    from pathlib import Path

DISMISS: Final = b"q"


class ReaperHandle:
    """The parent's hold on its reaper: as long as this process lives and does not dismiss it, the reaper waits.

    The pipe between them must stay between them: a child made by fork without exec (multiprocessing) would inherit
    its write end, and the reaper would wait for that child too.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """The reaper's process id."""
        return self._process.pid

    def is_running(self) -> bool:
        """Whether the reaper is there."""
        return self._process.poll() is None

    def dismiss(self, timeout_s: float = 5.0) -> None:
        """Tell the reaper that the run has ended cleanly, and wait for it; kill it where it does not go."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.communicate(DISMISS, timeout=timeout_s)
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(timeout_s)


def start_reaper(
    marker: str, log_path: Path, times: ReaperTimes | None = None, *, scratch: Path | None = None
) -> ReaperHandle:
    """Start the reaper of a run; what it has to say goes to the log file.

    `scratch` is a folder to remove after the run's processes: it may hold keys that nobody else would remove.
    """
    times = times or ReaperTimes()
    # By path, isolated and without site-packages: it starts quicker, whatever our own package comes to import.
    argv = [sys.executable, "-I", "-S", reaper.__file__, marker]
    argv += [f"--grace-s={times.grace_s}", f"--term-s={times.term_s}", f"--kill-s={times.kill_s}"]
    argv += [] if scratch is None else [f"--scratch={scratch}"]
    # Without a marker of its own: where this run is part of another, the other's reaper must not end this one.
    environ = {name: value for name, value in os.environ.items() if name != RUN_VARIABLE}
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environ, cwd="/", start_new_session=True
        )
    return ReaperHandle(process)
