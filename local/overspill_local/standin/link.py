"""The link between a follower broker and the lead: JSON lines over TCP, the lead's address being hosts[0].connect.

A follower opens with::

    {"hello": {"rank": 4, "hostname": "burst-0-0", "cert_sha256": "…"}}

and the lead answers `{"welcome": {"uri": …}}`, or `{"reject": TEXT}` if that host has another rank in its own hosts,
or, if the hash is not that of its own certificate, closes without a word: like Flux, which cannot read what such a peer
says. Then the lead sends `{"launch": ORDER}`, `{"kill": JOBID}` and `{"shutdown": true}`; the follower sends reports
(see `tasks`) and `{"heartbeat": true}`. The end of the connection is the end of the membership.

Here lives what both ends share. It carries jobs' environments in the clear and proves nothing: loopback only.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Final

from overspill_local.standin.protocol import MAX_LINE, decode, encode
from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

HELLO_TIMEOUT_S: Final = 5.0
"""How long either side waits for the other's first line."""
_MAX_HEARTBEAT_S: Final = 2.0
_DEFAULT_TORPID_S: Final = 30.0
_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Link:
    """One end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; on a connection that is broken it is lost, and `receive` tells."""
        if not self._writer.is_closing():
            self._writer.write(encode(message))

    async def receive(self) -> dict[str, Any] | None:
        """Give the next message, or None at the end of the connection."""
        try:
            line = await self._reader.readline()
            return decode(line) if line.endswith(b"\n") else None
        except (OSError, ValueError):
            return None

    async def receive_first(self) -> dict[str, Any] | None:
        """Give the first message, or None if it does not come in time."""
        try:
            # Not wait_for, which may swallow a cancellation: a broker told to end would go on.
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                return await self.receive()
        except TimeoutError:
            return None

    def close(self) -> None:
        """End the connection, when what was sent is out."""
        self._writer.close()


async def connect(host: str, port: int) -> Link:
    """Open a connection; raises OSError if nobody answers."""
    async with asyncio.timeout(HELLO_TIMEOUT_S):
        return Link(*await asyncio.open_connection(host, port, limit=MAX_LINE))


def torpid_after_s(config: Mapping[str, Any]) -> float:
    """Give `tbon.torpid_max` in seconds: how long a broker may be silent.

    Raises ConfigError if it is no duration (RFC 23).
    """
    value = config.get("tbon", {}).get("torpid_max", _DEFAULT_TORPID_S)
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|)", str(value))
    if match is None or float(match[1]) <= 0:
        raise ConfigError(f"tbon.torpid_max: {value!r} is no duration.", remedy='Write "30s".', code="torpid-max")
    return float(match[1]) * _UNITS_S[match[2]]


def heartbeat_s(config: Mapping[str, Any]) -> float:
    """Give how often a follower says that it lives: every 2 s as in Flux, or a quarter of what may pass in silence."""
    return min(_MAX_HEARTBEAT_S, torpid_after_s(config) / 4)
