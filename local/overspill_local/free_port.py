"""A TCP port for a process that cannot choose one itself."""

from __future__ import annotations

import random
import socket
from typing import Final

HOST: Final = "127.0.0.1"
RANGE: Final = (20_000, 32_000)
"""Below the ports that Linux gives to outgoing connections (ip_local_port_range: 32768 to 60999): one of those could
take a port between our look and its use."""
TRIES: Final = 200


def free_port() -> int:
    """Give a port of the loopback address that nobody listens on now.

    Raises OSError if there seems to be none.
    """
    for _ in range(TRIES):
        port = random.randint(*RANGE)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port was found between {RANGE[0]} and {RANGE[1]}")
