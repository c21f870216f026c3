"""A process that sees the host name it plays: many "pods" on one machine, each with a name of its own.

`enter` gives the calling process a UTS namespace of its own and names it; `wrap` does the same for any other command,
with this file as a tiny program in front of it. Where that is not permitted (it takes root, and Linux), the process
keeps the machine's name and nothing else changes. Nothing here knows of brokers, and nothing but the host name is
isolated.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

CLONE_NEWUTS = 0x04000000
"""unshare(2): the host name alone becomes private to the process and its children."""


def enter(hostname: str) -> bool:
    """Name the calling process's host; gives whether that was permitted.

    To be called before threads exist: the others would keep the old name.
    """
    name = hostname.encode()
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        return bool(libc.unshare(CLONE_NEWUTS) == 0 and libc.sethostname(name, len(name)) == 0)
    except (AttributeError, OSError):  # no Linux
        return False


def wrap(hostname: str, argv: list[str]) -> list[str]:
    """Give the command that runs `argv` under this host name, in the same process: signals and exit code are its own.

    >>> wrap("burst-0-2", ["flux", "broker"])[-3:]
    ['burst-0-2', 'flux', 'broker']
    """
    # -I -S: no site-packages, so that this adds some 15 ms and not 100.
    return [sys.executable, "-I", "-S", __file__, hostname, *argv]


def main(argv: list[str]) -> None:
    """Run `HOSTNAME COMMAND…`; exits 127 if the command cannot be run."""
    if len(argv) < 2:  # noqa: PLR2004 - a name and a command
        sys.exit("usage: pod_hostname.py HOSTNAME COMMAND...")
    enter(argv[0])
    # Python ignores these, and what is ignored stays so across exec.
    for signum in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(signum, signal.SIG_DFL)
    try:
        os.execvp(argv[1], argv[1:])  # noqa: S606 - an argv list, no shell
    except OSError as exc:
        sys.stderr.write(f"{argv[1]}: {exc.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])
