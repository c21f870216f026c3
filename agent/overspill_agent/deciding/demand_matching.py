"""Which jobs the ranks that are there, or on their way, can hold; and what the others need. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from overspill_agent.deciding.decisions import Code, Decision, DecisionKind
from overspill_shared.idset import format_idset

if TYPE_CHECKING:
    from collections.abc import Iterable

    from overspill_agent.deciding.demand import Demand
    from overspill_agent.deciding.slots import Slot
    from overspill_agent.deciding.snapshot import Snapshot
    from overspill_agent.jobs import PendingJob
    from overspill_shared.idset import Ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a job needs from one slot."""

    job: PendingJob
    slot: Slot
    nodes: int


def one_of_each(jobs: Iterable[PendingJob]) -> dict[Demand | str, PendingJob]:
    """Give the first job that asks for each thing: what is decided for it holds for all that ask for the same."""
    firsts: dict[Demand | str, PendingJob] = {}
    for job in jobs:
        firsts.setdefault(job.asks, job)
    return firsts


def units_of(snapshot: Snapshot, demand: Demand, ranks: Ranks) -> int:
    """Give how many of a demand's units these ranks could hold, were they empty."""
    return sum(demand.units_on(resource, host) for resource, host in snapshot.resources(ranks))


def need_from(snapshot: Snapshot, job: PendingJob, slot: Slot) -> Need | None:
    """Give how many of a slot's first nodes a job needs beside the ranks at home; None if all are too few."""
    demand = job.demand
    if demand is None:
        return None
    missing = demand.units - units_of(snapshot, demand, snapshot.home)
    for nodes, (resource, host) in enumerate(snapshot.resources(slot.first_ranks(slot.size)), 1):
        missing -= demand.units_on(resource, host)
        if missing <= 0:
            return Need(job=job, slot=slot, nodes=nodes)
    return None


def needs_from(snapshot: Snapshot, jobs: Iterable[PendingJob], slot: Slot) -> list[Need]:
    """Give what those of the jobs need that can run with a slot's nodes."""
    jobs = tuple(jobs)
    needs = {asks: need_from(snapshot, job, slot) for asks, job in one_of_each(jobs).items()}
    return [Need(job=job, slot=slot, nodes=need.nodes) for job in jobs if (need := needs[job.asks])]


def served_by(snapshot: Snapshot, job: PendingJob) -> Decision | None:
    """Give the hold for a job that needs no new burst; None if it needs one."""
    if job.demand is None:
        return _hold(job, Code.NOT_BURSTABLE_HERE, f"its jobspec cannot be read: {job.problem}")
    missing = job.demand.units - units_of(snapshot, job.demand, snapshot.home)
    if missing <= 0:
        return _hold(job, Code.FITS_NOW, f"{job.demand.describe()} fit on the ranks that are online")
    returning = units_of(snapshot, job.demand, snapshot.returning)
    if returning >= missing:
        return _settling(snapshot, job)
    for burst, ranks in snapshot.capacity_ranks:
        if units_of(snapshot, job.demand, ranks) >= missing:
            return Decision(
                kind=DecisionKind.HOLD,
                code=Code.IN_FLIGHT,
                reason=f"{job.demand.describe()} fit on the burst of {burst.size} nodes that is {burst.state}",
                burst_id=burst.burst_id,
                jobs=(job.jobid,),
                slot=burst.slot,
            )
    return _settling(snapshot, job) if returning else None


def _settling(snapshot: Snapshot, job: PendingJob) -> Decision:
    ranks = format_idset(snapshot.returning)
    return _hold(job, Code.SETTLING, f"the lead has just started, and its ranks {ranks} may come back")


def _hold(job: PendingJob, code: Code, reason: str) -> Decision:
    return Decision(kind=DecisionKind.HOLD, code=code, reason=reason, jobs=(job.jobid,))
