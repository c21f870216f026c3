"""The lead's side of the overlay: lets followers in, or not, and hears when they go.

It knows ranks and messages; what they mean for jobs is `instance`'s. The link's language stands in `link`.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from overspill_local.standin.link import Link
from overspill_local.standin.protocol import MAX_LINE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from overspill_shared.idset import Ranks

log = logging.getLogger(__name__)

SHUTDOWN_TIMEOUT_S: Final = 8.0
"""How long followers have to leave: longer than their tasks have to end."""


class OverlayListener(Protocol):
    """Whoever wants to know of followers."""

    def joined(self, rank: int) -> None:
        """Hear that a rank is online."""
        ...

    def lost(self, rank: int) -> None:
        """Hear that a rank is gone."""
        ...

    def torpid(self, ranks: Ranks) -> None:
        """Hear which ranks are silent; all of them, each time."""
        ...

    def reported(self, rank: int, report: dict[str, Any]) -> None:
        """Hear what a rank's tasks do."""
        ...


@dataclass(slots=True)
class _Follower:
    link: Link
    heard_at: float


class Overlay:
    """Every follower that is connected."""

    def __init__(
        self,
        hosts: Sequence[str],
        *,
        cert_sha256: str,
        uri: str,
        torpid_after_s: float,
        listener: OverlayListener,
    ) -> None:
        self._hosts = tuple(hosts)
        self._cert_sha256 = cert_sha256
        self._uri = uri
        self._torpid_after_s = torpid_after_s
        self._listener = listener
        self._followers: dict[int, _Follower] = {}
        self._empty = asyncio.Event()
        self._empty.set()

    async def listen(self, host: str, port: int) -> asyncio.Server:
        """Let followers come; raises OSError if the address cannot be bound."""
        return await asyncio.start_server(self._serve, host, port, limit=MAX_LINE)

    def send(self, rank: int, message: dict[str, Any]) -> None:
        """Send to a follower; for one that is gone the message is lost."""
        if follower := self._followers.get(rank):
            follower.link.send(message)

    async def watch_silence(self) -> None:
        """Tell of ranks that have gone silent, or speak again, until cancelled."""
        while True:
            await asyncio.sleep(self._torpid_after_s / 4)
            before = time.monotonic() - self._torpid_after_s
            silent = (rank for rank, follower in self._followers.items() if follower.heard_at < before)
            self._listener.torpid(frozenset(silent))

    async def shutdown(self) -> None:
        """Ask all followers to exit, and wait until they have, for a while."""
        for rank in self._followers:
            self.send(rank, {"shutdown": True})
        try:
            async with asyncio.timeout(SHUTDOWN_TIMEOUT_S):
                await self._empty.wait()
        except TimeoutError:
            log.warning("shutdown: ranks %s did not leave in time", sorted(self._followers))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(reader, writer)
        try:
            rank = self._admit(link, await link.receive_first())
            if rank is not None:
                await self._follow(rank, link)
        finally:
            link.close()

    def _admit(self, link: Link, message: dict[str, Any] | None) -> int | None:
        """Give the rank of a follower that may join."""
        hello = (message or {}).get("hello")
        if not isinstance(hello, dict) or not hmac.compare_digest(str(hello.get("cert_sha256")), self._cert_sha256):
            return None
        rank, hostname = hello.get("rank"), hello.get("hostname")
        expected = self._hosts[rank] if isinstance(rank, int) and 0 < rank < len(self._hosts) else "(null)"
        if hostname != expected or not isinstance(rank, int):
            text = f"{expected} is configured as rank {rank}: mismatched config?"
            log.error("rejecting connection from %s (rank %s): %s", hostname, rank, text)
            link.send({"reject": text})
            return None
        return rank

    async def _follow(self, rank: int, link: Link) -> None:
        if rank in self._followers:
            self._drop(rank, "has connected again")
        self._followers[rank] = follower = _Follower(link, time.monotonic())
        self._empty.clear()
        link.send({"welcome": {"uri": self._uri}})
        log.info("accepting connection from %s (rank %d)", self._hosts[rank], rank)
        self._listener.joined(rank)
        while message := await link.receive():
            follower.heard_at = time.monotonic()
            if "report" in message and self._followers.get(rank) is follower:
                self._listener.reported(rank, message)
        if self._followers.get(rank) is follower:
            self._drop(rank, "is gone")

    def _drop(self, rank: int, why: str) -> None:
        log.info("%s (rank %d) %s", self._hosts[rank], rank, why)
        self._followers.pop(rank).link.close()
        if not self._followers:
            self._empty.set()
        self._listener.lost(rank)
