"""A stand-in instance without its sockets: configuration, ranks, jobs, KVS, and who is told what.

Calls in, events out to listeners, orders out to a `Launcher`. `lead` puts the network around it.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from overspill_local.standin.ingest import prepare
from overspill_local.standin.jobs import JobTable
from overspill_local.standin.protocol import invalid
from overspill_local.standin.ranks import RankBook
from overspill_shared import __version__
from overspill_shared.idset import format_idset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from overspill_local.standin.job import Job
    from overspill_local.standin.jobs import Launcher
    from overspill_local.standin.resources import RankShape
    from overspill_local.standin.state_file import StateFile
    from overspill_shared.idset import Ranks


class Instance:
    """What the lead broker knows."""

    def __init__(
        self,
        config: Mapping[str, Any],
        shapes: Sequence[RankShape],
        *,
        state_file: StateFile,
        launcher: Launcher,
        clock: Callable[[], float],
    ) -> None:
        self.config = config
        self.listeners: set[Callable[[dict[str, Any]], None]] = set()
        self._state_file = state_file
        self._state = state_file.load(clock())
        self.ranks = RankBook(shapes, drained=self._state.drained)
        self.jobs = JobTable(
            self.ranks,
            launcher,
            publish=self._publish,
            clock=clock,
            created_at=self._state.created_at,
            userid=os.getuid(),
        )

    def facts(self) -> dict[str, Any]:
        """Give what does not change, as `instance.facts` has it."""
        shapes = self.ranks.shapes
        return {
            "hosts": [shape.host for shape in shapes],
            "resources": [
                {
                    "rank": shape.rank,
                    "cores": len(shape.cores),
                    "gpus": len(shape.gpus),
                    "properties": sorted(shape.properties),
                }
                for shape in shapes
            ],
            "config": self.config,
            "version": __version__,
            "prefix": sys.prefix,
            "uid": os.getuid(),
            "gid": os.getgid(),
        }

    def submit(self, jobspec: Mapping[str, Any], urgency: int) -> int:
        """Take a job; raises Refused (EINVAL) if its jobspec is wrong."""
        return self.jobs.submit(prepare(jobspec, self.config), urgency)

    def drain(self, ranks: Ranks, reason: str) -> None:
        """Let ranks take no new work; survives a restart."""
        self._check_ranks(ranks)
        self.ranks.drain(ranks, reason)
        self._drained_changed()

    def undrain(self, ranks: Ranks) -> None:
        """Let ranks take work again."""
        self._check_ranks(ranks)
        self.ranks.undrain(ranks)
        self._drained_changed()
        self.jobs.schedule()

    def kvs_lookup(self, prefix: str) -> dict[str, Any]:
        """Give every value whose key starts with `prefix`."""
        return {key: value for key, value in self._state.kvs.items() if key.startswith(prefix)}

    def kvs_commit(self, changes: Mapping[str, Any]) -> None:
        """Write values, None removing a key; on disk when this returns."""
        merged = {**self._state.kvs, **changes}
        self._state.kvs = {key: value for key, value in merged.items() if value is not None}
        self._state_file.save(self._state)

    def rank_joined(self, rank: int) -> None:
        """Hear that a rank's broker is online."""
        self.ranks.online.add(rank)
        self._publish(self._online())
        self.jobs.schedule()

    def rank_lost(self, rank: int) -> None:
        """Hear that a rank's broker is gone; its jobs fail."""
        self.ranks.online.discard(rank)
        self._publish(self._online())
        self.set_torpid(frozenset(self.ranks.torpid - {rank}))
        self.jobs.on_rank_lost(rank)

    def set_torpid(self, ranks: Ranks) -> None:
        """Hear which online ranks have been silent for long: they get no new work, what runs there goes on."""
        if ranks != self.ranks.torpid:
            self.ranks.torpid = set(ranks)
            self._publish(self._torpid())
            self.jobs.schedule()

    def cancel_running(self) -> None:
        """Cancel every job that has resources: the instance is about to end."""
        for job in self._busy_jobs():
            self.jobs.raise_exception(job.jobid, severity=0, kind="cancel", note="instance shutdown")

    def is_busy(self) -> bool:
        """Tell whether tasks of a job may still run."""
        return bool(self._busy_jobs())

    def present(self) -> Iterator[dict[str, Any]]:
        """Give the events that bring a new listener up to date, the last one saying so."""
        yield self._online()
        yield self._torpid()
        yield self._drained()
        for job in self.jobs:
            yield from job.events
        yield {"kind": "history-replayed"}

    def _busy_jobs(self) -> list[Job]:
        return [job for job in self.jobs if job.unfinished]

    def _check_ranks(self, ranks: Ranks) -> None:
        if any(rank >= len(self.ranks.shapes) for rank in ranks):
            raise invalid("idset is out of range")

    def _drained_changed(self) -> None:
        self._state.drained = dict(self.ranks.drained)
        self._state_file.save(self._state)
        self._publish(self._drained())

    def _online(self) -> dict[str, Any]:
        return {"kind": "online", "ranks": format_idset(self.ranks.online)}

    def _torpid(self) -> dict[str, Any]:
        return {"kind": "torpid", "ranks": format_idset(self.ranks.torpid)}

    def _drained(self) -> dict[str, Any]:
        return {"kind": "drained", "ranks": format_idset(self.ranks.drained)}

    def _publish(self, event: dict[str, Any]) -> None:
        for listener in tuple(self.listeners):
            listener(event)
