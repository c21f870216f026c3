"""The burstable jobs that wait and the ranks that have work, kept from the job journal's events. Pure values.

Only what a decision needs is kept: a job that is not marked counts only for the ranks that it holds. One event
changes one job; nothing is asked of Flux.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from overspill_agent.demand import Demand, is_burstable, parse_demand
from overspill_shared.idset import parse_idset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_agent.ports import JobEvent
    from overspill_shared.idset import Ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingJob:
    """A marked job that has no resources yet."""

    jobid: int
    submitted_at: float
    urgency: int
    demand: Demand | None
    """None if its jobspec asks for something that is not jobspec V1: `problem` says what."""
    problem: str
    jobspec: Mapping[str, Any]


class JobTable:
    """The state that job events leave behind."""

    def __init__(self) -> None:
        self._pending: dict[int, PendingJob] = {}
        self._holding: dict[int, Ranks] = {}

    def apply(self, event: JobEvent) -> bool:
        """Take in one event; tells whether anything changed that a decision could depend on."""
        match event.name:
            case "submit":
                return self._submit(event)
            case "urgency":
                return self._urgency(event)
            case "alloc":
                self._holding[event.jobid] = allocated_ranks(event.R or {})
                self._pending.pop(event.jobid, None)
                return True
            case "free" | "clean":
                was_pending = self._pending.pop(event.jobid, None) is not None
                return self._holding.pop(event.jobid, None) is not None or was_pending
            case "exception":
                return self._exception(event)
            case _:
                return False

    @property
    def pending(self) -> tuple[PendingJob, ...]:
        """The marked jobs that wait, in the order in which they were submitted."""
        return tuple(self._pending.values())

    @property
    def allocated(self) -> Ranks:
        """The ranks that jobs hold."""
        return frozenset().union(*self._holding.values())

    def holders(self, ranks: Ranks) -> tuple[int, ...]:
        """Give the jobs that hold any of these ranks."""
        return tuple(jobid for jobid, held in self._holding.items() if held & ranks)

    def _submit(self, event: JobEvent) -> bool:
        jobspec = event.jobspec or {}
        if not is_burstable(jobspec):
            return False
        demand, problem = None, ""
        try:
            demand = parse_demand(jobspec)
        except (ValueError, AttributeError, TypeError) as exc:
            problem = str(exc)
        self._pending[event.jobid] = PendingJob(
            jobid=event.jobid,
            submitted_at=event.at,
            urgency=int(event.context.get("urgency", 16)),
            demand=demand,
            problem=problem,
            jobspec=jobspec,
        )
        return True

    def _urgency(self, event: JobEvent) -> bool:
        job = self._pending.get(event.jobid)
        if job is None:
            return False
        self._pending[event.jobid] = PendingJob(
            jobid=job.jobid,
            submitted_at=job.submitted_at,
            urgency=int(event.context.get("urgency", job.urgency)),
            demand=job.demand,
            problem=job.problem,
            jobspec=job.jobspec,
        )
        return True

    def _exception(self, event: JobEvent) -> bool:
        """A fatal exception ends a waiting job; a running one ends with its `free`."""
        if event.context.get("severity") != 0:
            return False
        return self._pending.pop(event.jobid, None) is not None


def allocated_ranks(resources: Mapping[str, Any]) -> Ranks:
    """Give the ranks of an R (RFC 20); its entries may stand in any order."""
    entries = (resources.get("execution") or {}).get("R_lite") or ()
    return frozenset().union(*(parse_idset(str(entry["rank"])) for entry in entries))
