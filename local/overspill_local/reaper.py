"""Finding and ending every process of a run, by the marker in its environment; also a program of its own.

Here live the search through /proc, the ending of what it finds, and the reaper: a small process that outlives its
parent, and ends the run's processes when the parent dies for whatever reason, SIGKILL included. Starting processes
and deciding when to stop them is the supervisor's, and how a parent starts its reaper stands in reaper_handle. One
file, and the standard library only: the reaper must start in an instant and depend on nothing that could break.

A process belongs to a run if its environment bears the marker (children inherit it, however far they detach
themselves), or if an ancestor's does. Not found: a process that both drops its environment and outlives all its
marked ancestors unseen, and one that overwrites its own environment block (as setproctitle does).

Linux only: it needs /proc.

As a program: `python -m overspill_local.reaper MARKER` with the read end of a pipe as its standard input. A byte read
means that the run ended cleanly: exit. End of file means that the parent is dead: end what is left, then exit with 0,
or with 1 if something survived even SIGKILL.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN_VARIABLE: Final = "OVERSPILL_LOCAL_RUN"
"""Environment variable that marks the processes of one run."""
PROC: Final = Path("/proc")

LOOK_INTERVAL_S: Final = 0.01
MAX_LOOK_INTERVAL_S: Final = 0.1
# One look is no proof: a process in the middle of execve shows no environment, a child forked during the look may
# have a number that was passed already.
QUIET_LOOKS: Final = 3

MAX_CMDLINE: Final = 200
_NO_SIGNAL: Final = 0
_DEAD_STATES: Final = "ZX"


_Identity: TypeAlias = tuple[int, int]


class ProcUnavailable(OSError):
    """This system has no Linux /proc: processes cannot be supervised on it."""


class ProcessFound(NamedTuple):
    """A live process of a run."""

    pid: int
    cmdline: str
    start_ticks: int
    """When it started, in clock ticks since boot."""

    @property
    def identity(self) -> _Identity:
        """What no other process ever shares: numbers are used again, a number and a start are not."""
        return (self.pid, self.start_ticks)


class ReaperTimes(NamedTuple):
    """How long a reaper is patient, in seconds, once the parent is dead."""

    grace_s: float = 1.0
    """For processes that end by themselves, because their parent's death was signalled to them."""
    term_s: float = 5.0
    """After SIGTERM."""
    kill_s: float = 5.0
    """After SIGKILL, before giving up."""


class _Stat(NamedTuple):
    state: str
    parent: int
    start_ticks: int


def marked_processes(marker: str, *, variable: str = RUN_VARIABLE, proc: Path = PROC) -> tuple[ProcessFound, ...]:
    """Give the live processes of a run, by pid; the caller itself and zombies do not count.

    Processes whose environment may not be read (other users') are not ours and are left out.
    Raises ProcUnavailable where there is no Linux /proc.
    """
    _require_proc(proc)
    entry = f"{variable}={marker}".encode()
    stats: dict[int, _Stat] = {}
    marked: set[int] = set()
    for pid, stat in _read_stats(proc):
        stats[pid] = stat
        if _bears(proc, pid, entry):
            marked.add(pid)
    members = marked | {pid for pid in stats if _descends(pid, marked, stats)}
    members.discard(os.getpid())
    return tuple(
        ProcessFound(pid, _cmdline(proc, pid), stats[pid].start_ticks)
        for pid in sorted(members)
        if stats[pid].state not in _DEAD_STATES
    )


def reap(marker: str, *, term_s: float, kill_s: float, variable: str = RUN_VARIABLE) -> tuple[ProcessFound, ...]:
    """End all processes of a run, as Hunt.end does."""
    return Hunt(marker, variable).end(term_s, kill_s)


def main(argv: list[str] | None = None) -> int:
    """Wait for the parent's word or death on standard input; gives the exit status."""
    parser = argparse.ArgumentParser(prog="overspill_local.reaper", description="End a run's processes.")
    parser.add_argument("marker", help=f"value of {RUN_VARIABLE} in the run's processes")
    for name, default in ReaperTimes()._asdict().items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=default)
    parser.add_argument("--scratch", help="a folder to remove afterwards")
    arguments = parser.parse_args(argv)
    # Whoever ends the parent must not end its reaper first: it ends by itself.
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    if os.read(sys.stdin.fileno(), 1):
        return 0
    code = _reap_orphans(arguments.marker, ReaperTimes(arguments.grace_s, arguments.term_s, arguments.kill_s))
    if arguments.scratch:
        shutil.rmtree(arguments.scratch, ignore_errors=True)
    return code


class Hunt:
    """The ending of one run's processes: remembers all that were seen, so that none is lost with its mark."""

    def __init__(self, marker: str, variable: str = RUN_VARIABLE) -> None:
        self._marker = marker
        self._variable = variable
        self._seen: dict[_Identity, ProcessFound] = {}

    def end(self, term_s: float, kill_s: float) -> tuple[ProcessFound, ...]:
        """End all of them: SIGTERM, then SIGKILL to those still there after `term_s`.

        Blocks for `term_s` + `kill_s` seconds at most (and three looks). Gives those that survived: normally none.
        """
        if self.press(signal.SIGTERM, term_s):
            return self.press(signal.SIGKILL, kill_s)
        return ()

    def press(self, signum: int, within_s: float) -> tuple[ProcessFound, ...]:
        """Send a signal to all, newcomers too, until none is left or the time is over; gives those left."""
        deadline = time.monotonic() + within_s
        told: set[_Identity] = set()
        quiet_looks = 0
        pause_s = LOOK_INTERVAL_S
        while quiet_looks < QUIET_LOOKS:
            left = self.look()
            for process in left:
                if process.identity not in told:
                    _send(process, signum)
                    told.add(process.identity)
            quiet_looks = 0 if left else quiet_looks + 1
            if left and time.monotonic() >= deadline:
                return left
            # A look costs milliseconds: be quick about the first ones, do not keep a core busy while one takes long.
            pause_s = min(2 * pause_s, MAX_LOOK_INTERVAL_S) if left else LOOK_INTERVAL_S
            time.sleep(pause_s)
        return ()

    def look(self) -> tuple[ProcessFound, ...]:
        """Give those that live now, and remember them."""
        found = marked_processes(self._marker, variable=self._variable)
        remembered = [process for process in self._seen.values() if _is_alive(process)]
        self._seen = {process.identity: process for process in (*remembered, *found)}
        return tuple(self._seen.values())


def _reap_orphans(marker: str, times: ReaperTimes) -> int:
    hunt = Hunt(marker)
    left = hunt.press(_NO_SIGNAL, times.grace_s)
    for process in left:
        _say(f"left by a dead parent, ending it: {process.pid} {process.cmdline}")
    if left:
        left = hunt.end(times.term_s, times.kill_s)
    for process in left:
        _say(f"survived SIGKILL; end it by hand: {process.pid} {process.cmdline}")
    return 1 if left else 0


def _say(text: str) -> None:
    sys.stderr.write(f"overspill-local reaper: {text}\n")
    sys.stderr.flush()


def _require_proc(proc: Path) -> None:
    if sys.platform != "linux" or not (proc / "self" / "stat").exists():
        raise ProcUnavailable(
            f"The embedded cloud needs Linux with /proc, to find the processes that it started; {proc} is none. "
            "Run it on Linux, or in a Linux container."
        )


def _read_stats(proc: Path) -> Iterator[tuple[int, _Stat]]:
    for pid in [int(entry.name) for entry in proc.iterdir() if entry.name.isdecimal()]:
        stat = _read_stat(proc, pid)
        if stat is not None:
            yield pid, stat


def _read_stat(proc: Path, pid: int) -> _Stat | None:
    """Read /proc/PID/stat, see proc_pid_stat(5); None where the process is gone."""
    try:
        content = (proc / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The command's name, in parentheses, may itself contain spaces and parentheses.
    fields = content.rpartition(")")[2].split()
    return _Stat(state=fields[0], parent=int(fields[1]), start_ticks=int(fields[19]))


def _bears(proc: Path, pid: int, entry: bytes) -> bool:
    """Whether the process was started with this environment entry; no where it cannot be read."""
    try:
        return entry in (proc / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _descends(pid: int, ancestors: set[int], stats: dict[int, _Stat]) -> bool:
    """Whether one of the ancestors is above the process; bounded, as a changing tree may look like a loop."""
    for _ in range(len(stats)):
        stat = stats.get(pid)
        if stat is None:
            return False
        pid = stat.parent
        if pid in ancestors:
            return True
    return False


def _cmdline(proc: Path, pid: int) -> str:
    try:
        content = (proc / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ""
    return content.replace(b"\0", b" ").decode(errors="replace").strip()[:MAX_CMDLINE]


def _is_alive(process: ProcessFound) -> bool:
    stat = _read_stat(PROC, process.pid)
    return stat is not None and stat.start_ticks == process.start_ticks and stat.state not in _DEAD_STATES


def _send(process: ProcessFound, signum: int) -> None:
    """Signal a process, unless it is gone and another one bears its number."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if _is_alive(process):
            os.kill(process.pid, signum)


if __name__ == "__main__":
    sys.exit(main())
