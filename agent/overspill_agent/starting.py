"""Jobs that should start on an active burst and do not, so that its nodes cost money for nothing. Pure.

Capacity is counted here as if ranks were empty, and Flux may see it otherwise: its queue is stopped, home is busy for
long, or a limit holds the job back. After a grace such a burst is idle, and its jobs do not get another one at once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from overspill_agent.deciding.decisions import Code, Decision, DecisionKind
from overspill_shared.lifecycle import BurstState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from overspill_agent.bursts import Burst
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.snapshot import Snapshot


def without_unstarted(snapshot: Snapshot, policy: Policy, now: float) -> tuple[Snapshot, tuple[Decision, ...]]:
    """Leave out the jobs that a burst was ready for and that did not start, and give the hold of each."""
    ends = {jobid: end for burst in snapshot.bursts for jobid, end in _held(burst, policy) if now < end}
    if not ends.keys() & snapshot.pending_by_id.keys():
        return snapshot, ()
    others = tuple(job for job in snapshot.pending if job.jobid not in ends)
    holds = tuple(_hold(job.jobid, ends[job.jobid] - now) for job in snapshot.pending if job.jobid in ends)
    return replace(snapshot, pending=others), holds


def settle_unstarted(
    snapshot: Snapshot, in_flight: Mapping[str, tuple[int, ...]], policy: Policy, now: float
) -> Snapshot:
    """Start, stop and end the wait for jobs to start; `in_flight` are the jobs that count on each burst."""
    settled = (_settled(snapshot, burst, in_flight.get(burst.burst_id, ()), policy, now) for burst in snapshot.bursts)
    return replace(snapshot, bursts=tuple(settled))


def jobs_in_flight(decisions: Iterable[Decision]) -> dict[str, tuple[int, ...]]:
    """Give the jobs that count on each burst, by what was decided of them."""
    found: dict[str, tuple[int, ...]] = {}
    for decision in decisions:
        if decision.code is Code.IN_FLIGHT and decision.burst_id:
            found[decision.burst_id] = (*found.get(decision.burst_id, ()), *decision.jobs)
    return found


def next_change(snapshot: Snapshot, policy: Policy, now: float) -> float | None:
    """Give when (epoch seconds) time alone changes something here next; None if it does not."""
    return min((at for burst in snapshot.bursts for at in _changes(burst, policy) if at > now), default=None)


def _settled(snapshot: Snapshot, burst: Burst, jobs: tuple[int, ...], policy: Policy, now: float) -> Burst:
    waits = (
        burst.state is BurstState.ACTIVE
        and burst.idle_since is None
        and burst.usable_ranks <= snapshot.online
        and not burst.ranks & snapshot.allocated
    )
    if not waits:
        return burst if burst.unused_since is None else burst.model_copy(update={"unused_since": None})
    if burst.unused_since is None:
        return burst.model_copy(update={"unused_since": now})
    if now < burst.unused_since + policy.unused_after_s:
        return burst
    return burst.model_copy(
        update={
            "unused_since": None,
            "idle_since": burst.unused_since,
            "unstarted_jobs": (*burst.unstarted_jobs, *jobs),
            "unstarted_at": now,
        }
    )


def _held(burst: Burst, policy: Policy) -> Iterator[tuple[int, float]]:
    """Give the jobs that did not start on a burst, with the end of their rest."""
    if burst.unstarted_at is not None:
        for jobid in burst.unstarted_jobs:
            yield jobid, burst.unstarted_at + policy.max_cooldown_s


def _changes(burst: Burst, policy: Policy) -> Iterator[float]:
    if burst.unused_since is not None:
        yield burst.unused_since + policy.unused_after_s
    if burst.unstarted_at is not None:
        yield burst.unstarted_at + policy.max_cooldown_s


def _hold(jobid: int, left_s: float) -> Decision:
    return Decision(
        kind=DecisionKind.HOLD,
        code=Code.NOT_STARTED,
        reason="a burst was ready for it, and Flux did not start it there (see `flux queue status`, `flux jobs -a`, and"
        f" its eventlog); no other is rented for it for {left_s:.0f} s",
        jobs=(jobid,),
    )
