"""A follower broker: finds the lead, joins, runs what it is told to.

It waits for its lead for ever, and silently, as Flux's brokers do: whoever started it has the deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from overspill_local.standin.link import Link, connect
from overspill_local.standin.tasks import TaskRunner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

log = logging.getLogger(__name__)

FIRST_RETRY_S: Final = 0.05
LAST_RETRY_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Who a follower is, and where it belongs."""

    rank: int
    hostname: str
    cert_sha256: str
    lead_host: str
    lead_port: int
    heartbeat_s: float


async def run(membership: Membership) -> int:
    """Join, serve until the lead says goodbye or is gone; gives the process's exit code.

    Cancelling it leaves the instance: what runs here ends.
    """
    link, welcome = await _join(membership)
    if "reject" in welcome:
        log.error("overlay.hello: %s", welcome["reject"])
        log.critical("lead (rank 0) sent disconnect control message")
        link.close()
        return 1
    log.info("parent-ready: joined %s:%s", membership.lead_host, membership.lead_port)
    runner = TaskRunner(membership.hostname, welcome["welcome"]["uri"], link.send)
    try:
        async with _heartbeat(link, membership.heartbeat_s):
            return await _serve(link, runner)
    finally:
        # Closed first, so that the lead knows at once, and not when the last task has taken its time to end.
        link.close()
        await runner.stop()


async def _join(membership: Membership) -> tuple[Link, dict[str, Any]]:
    delay_s = FIRST_RETRY_S
    while True:
        with contextlib.suppress(OSError):
            link = await connect(membership.lead_host, membership.lead_port)
            link.send(
                {
                    "hello": {
                        "rank": membership.rank,
                        "hostname": membership.hostname,
                        "cert_sha256": membership.cert_sha256,
                    }
                }
            )
            if answer := await link.receive_first():
                return link, answer
            link.close()
        await asyncio.sleep(delay_s)
        delay_s = min(delay_s * 1.5, LAST_RETRY_S)


async def _serve(link: Link, runner: TaskRunner) -> int:
    while message := await link.receive():
        if "launch" in message:
            runner.launch(message["launch"])
        elif "kill" in message:
            runner.kill(message["kill"])
        elif "shutdown" in message:
            log.info("shutdown: asked by the lead")
            return 0
    log.critical("lead (rank 0) is gone")
    return 1


@contextlib.asynccontextmanager
async def _heartbeat(link: Link, period_s: float) -> AsyncIterator[None]:
    async def beat() -> None:
        while True:
            await asyncio.sleep(period_s)
            link.send({"heartbeat": True})

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
