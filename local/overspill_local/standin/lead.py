"""The lead broker: rank 0, which lets followers and clients come and runs what the instance decides.

Sockets and signals around `instance`; no rule stands here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from overspill_local.standin.instance import Instance
from overspill_local.standin.methods import Call, serve
from overspill_local.standin.overlay import Overlay
from overspill_local.standin.params import Params
from overspill_local.standin.protocol import URI_SCHEME, invalid
from overspill_local.standin.sessions import Session, Sessions
from overspill_local.standin.state_file import StateFile
from overspill_local.standin.tasks import KILL_TIMEOUT_S, TaskRunner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from overspill_local.standin.resources import RankShape
    from overspill_shared.idset import Ranks

log = logging.getLogger(__name__)

_IDLE_TIMEOUT_S: Final = KILL_TIMEOUT_S + 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadSettings:
    """What a lead is started with."""

    config: Mapping[str, Any]
    shapes: Sequence[RankShape]
    cert_sha256: str
    bind: tuple[str, int] | None
    """None where the instance has one rank."""
    socket: Path
    statedir: Path | None
    torpid_after_s: float


class Lead:
    """A lead broker's process."""

    def __init__(self, settings: LeadSettings) -> None:
        self._settings = settings
        self._stopping = asyncio.Event()
        uri = f"{URI_SCHEME}{settings.socket}"
        self._tasks = TaskRunner(settings.shapes[0].host, uri, lambda report: self.reported(0, report))
        self._overlay = Overlay(
            [shape.host for shape in settings.shapes],
            cert_sha256=settings.cert_sha256,
            uri=uri,
            torpid_after_s=settings.torpid_after_s,
            listener=self,
        )
        self._sessions = Sessions(self._call)
        self._instance = Instance(
            settings.config,
            settings.shapes,
            state_file=StateFile(settings.statedir),
            launcher=self,
            clock=time.time,
        )

    def stop(self) -> None:
        """Have `run` end: jobs that run are cancelled, followers asked to exit."""
        self._stopping.set()

    async def run(self) -> int:
        """Serve until `stop`; gives the process's exit code. Raises OSError if an address cannot be bound."""
        servers = [await self._overlay.listen(*self._settings.bind)] if self._settings.bind else []
        servers.append(await self._sessions.listen(self._settings.socket))
        watching = asyncio.create_task(self._overlay.watch_silence())
        self._instance.rank_joined(0)
        log.info("quorum-full: ready at %s%s: a stand-in instance, not Flux", URI_SCHEME, self._settings.socket)
        await self._stopping.wait()
        for server in servers:
            server.close()
        watching.cancel()
        await self._shutdown()
        return 0

    def launch(self, rank: int, order: dict[str, Any]) -> None:
        """Run a rank's part of a job."""
        if rank == 0:
            self._tasks.launch(order)
        else:
            self._overlay.send(rank, {"launch": order})

    def kill(self, rank: int, jobid: int) -> None:
        """End a rank's part of a job."""
        if rank == 0:
            self._tasks.kill(jobid)
        else:
            self._overlay.send(rank, {"kill": jobid})

    def joined(self, rank: int) -> None:
        """Hear that a follower is online."""
        self._instance.rank_joined(rank)

    def lost(self, rank: int) -> None:
        """Hear that a follower is gone."""
        self._instance.rank_lost(rank)

    def torpid(self, ranks: Ranks) -> None:
        """Hear which followers are silent."""
        self._instance.set_torpid(ranks)

    def reported(self, rank: int, report: dict[str, Any]) -> None:
        """Hear what a rank's tasks do."""
        jobs, jobid = self._instance.jobs, report["jobid"]
        match report["report"]:
            case "started":
                jobs.on_started(jobid, rank)
            case "output":
                jobs.on_output(jobid, rank, task=report["task"], stream=report["stream"], line=report["line"])
            case "exit":
                jobs.on_exit(jobid, rank, report["code"])

    def register(self, session: Session, service: str) -> None:
        """Give a name to a connection until it ends."""
        self._sessions.register(session, service)

    def leave(self, ranks: Ranks) -> None:
        """Ask followers to exit."""
        if 0 in ranks:
            raise invalid("rank 0 is the lead: send its process SIGTERM to end the instance")
        for rank in ranks:
            self._overlay.send(rank, {"shutdown": True})

    def _call(self, session: Session, request_id: int, method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        call = Call(broker=self, instance=self._instance, session=session, request_id=request_id, params=Params(params))
        return serve(method, call)

    async def _shutdown(self) -> None:
        """End jobs, then followers, then clients; each for as long as it may take and no longer."""
        log.info("shutdown: cancelling jobs, asking followers to exit")
        self._instance.cancel_running()
        await self._idle()
        await self._overlay.shutdown()
        await self._tasks.stop()
        self._sessions.close()
        self._settings.socket.unlink(missing_ok=True)

    async def _idle(self) -> None:
        """Wait until no task runs, or until it is too long."""
        idle = asyncio.Event()

        def check(_: dict[str, Any] | None) -> None:
            if not self._instance.is_busy():
                idle.set()

        self._instance.listeners.add(check)
        check(None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_IDLE_TIMEOUT_S):
                await idle.wait()
