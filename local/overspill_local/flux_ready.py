"""Wait until ranks of a Flux instance are online: a program for `flux python`, with Flux's own bindings.

Usage: `flux python flux_ready.py IDSET TIMEOUT_S`, with FLUX_URI. Ends with 0 once all ranks are online, with 1 if the
time is over first. It listens and does not poll, but for the broker's socket, whose coming nobody announces.
Standard library and flux only; nothing of Overspill, which Flux's Python may not have.
"""

from __future__ import annotations

import sys
import time
from typing import Any, Final

import flux
import flux.constants
from flux.idset import IDset

RETRY_S: Final = 0.05


def main(argv: list[str]) -> int:
    """Give the exit status."""
    wanted, deadline = IDset(argv[1]), time.monotonic() + float(argv[2])
    online, reason = False, "no broker answered"
    while not online and time.monotonic() < deadline:
        handle = _connect(deadline)
        if handle is None:
            break
        try:
            online = _wait_online(handle, wanted, deadline)
        except OSError as exc:
            # The broker's socket is there before its services are, and may close on an early caller: call again.
            reason = str(exc)
            time.sleep(RETRY_S)
    if not online:
        sys.stderr.write(f"flux_ready: ranks {argv[1]} were not online within {argv[2]} s: {reason}\n")
    return 0 if online else 1


def _connect(deadline: float) -> Any:
    """Give a handle, or None if there is no broker to connect to in time."""
    while True:
        try:
            return flux.Flux()
        except OSError:
            if time.monotonic() >= deadline:
                return None
        time.sleep(RETRY_S)


def _wait_online(handle: Any, wanted: Any, deadline: float) -> bool:
    """Give True once they are online; raises OSError as Flux does, when the time is over too."""
    future = handle.rpc("groups.get", {"name": "broker.online"}, nodeid=0, flags=flux.constants.FLUX_RPC_STREAMING)
    while True:
        online = IDset(future.wait_for(max(0.0, deadline - time.monotonic())).get()["members"])
        if not (wanted - online).count():
            return True
        future.reset()


if __name__ == "__main__":
    sys.exit(main(sys.argv))
