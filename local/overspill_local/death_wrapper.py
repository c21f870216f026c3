"""Becoming a program that is sent SIGTERM when its parent dies: run by path, never imported by what it becomes.

Here lives nothing but that step between fork and exec. It is a program, not a preexec_fn, because Python code between
fork and exec can deadlock where the parent has threads, and gRPC's have. Standard library only.

Usage: `python -I -S death_wrapper.py PARENT_PID COMMAND [ARGUMENT...]`
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1
"""From linux/prctl.h; see PR_SET_PDEATHSIG(2const)."""


def main(argv: list[str]) -> None:
    """Ask for the signal and execute the command; never returns."""
    parent, command = int(argv[1]), argv[2:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        sys.exit("death_wrapper: the parent died before its death could be signalled")
    # Python ignores these, and what is ignored stays so across exec.
    for signum in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(signum, signal.SIG_DFL)
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv)
