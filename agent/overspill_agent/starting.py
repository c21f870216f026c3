"""Jobs that should start on an active burst and do not, so that its nodes cost money for nothing. Pure.

Capacity is counted here as if ranks were empty, and Flux may see it otherwise: its queue is stopped, home is busy for
long, or a limit holds the job back. After a grace such a burst is idle, and its jobs do not get another one at once.
The same holds for jobs beside others that run: nothing is kept for them, and no burst grows for them, for a while.
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

    InFlight = Mapping[str, Mapping[int, float]]
    """The jobs that count on each burst as it is, or as it will be, by its id; and since when (epoch seconds)."""


def without_unstarted(snapshot: Snapshot, policy: Policy, now: float) -> tuple[Snapshot, tuple[Decision, ...]]:
    """Leave out the jobs that a burst was ready for and that did not start, and give the hold of each."""
    ends = {jobid: end for burst in snapshot.bursts for jobid, end in _held(burst, policy) if now < end}
    if not ends.keys() & snapshot.pending_by_id.keys():
        return snapshot, ()
    others = tuple(job for job in snapshot.pending if job.jobid not in ends)
    holds = tuple(_hold(job.jobid, ends[job.jobid] - now) for job in snapshot.pending if job.jobid in ends)
    return replace(snapshot, pending=others), holds


def settle_unstarted(snapshot: Snapshot, in_flight: InFlight, policy: Policy, now: float) -> Snapshot:
    """Start, stop and end the wait for jobs to start."""
    settled = []
    for burst in snapshot.bursts:
        since = in_flight.get(burst.burst_id, {})
        rested = _rested(burst, _overdue(snapshot, burst, since, policy, now), policy, now)
        settled.append(_settled(snapshot, rested, tuple(since), policy, now))
    return replace(snapshot, bursts=tuple(settled))


def jobs_in_flight(decisions: Iterable[Decision], before: InFlight, now: float) -> InFlight:
    """Give the jobs that count on each burst by what was decided of them now; `before` is what held until then."""
    found: dict[str, dict[int, float]] = {}
    for decision in decisions:
        if decision.code is Code.IN_FLIGHT and decision.burst_id:
            earlier = before.get(decision.burst_id, {})
            found.setdefault(decision.burst_id, {}).update({job: earlier.get(job, now) for job in decision.jobs})
    return found


def next_change(snapshot: Snapshot, in_flight: InFlight, policy: Policy, now: float) -> float | None:
    """Give when (epoch seconds) time alone changes something here next; None if it does not."""
    changes = [at for burst in snapshot.bursts for at in _changes(burst, policy)]
    for burst in snapshot.bursts:
        changes += _beside_others(snapshot, burst, in_flight.get(burst.burst_id, {}), policy).values()
    return min((at for at in changes if at > now), default=None)


def _overdue(
    snapshot: Snapshot, burst: Burst, since: Mapping[int, float], policy: Policy, now: float
) -> tuple[int, ...]:
    """Give the jobs that did not start beside others, or for which the burst grew in vain."""
    if burst.state is not BurstState.ACTIVE:
        return ()
    if burst.growing_until is not None and not burst.usable_ranks <= snapshot.online:
        return tuple(job for job in since if job in burst.jobs) if now >= burst.growing_until else ()
    return tuple(job for job, due in _beside_others(snapshot, burst, since, policy).items() if due <= now)


def _beside_others(snapshot: Snapshot, burst: Burst, since: Mapping[int, float], policy: Policy) -> dict[int, float]:
    """Give when (epoch seconds) each job should have started that counts on a burst where others run.

    Whatever changes there gives all of them more time.
    """
    is_there = burst.state is BurstState.ACTIVE and burst.usable_ranks <= snapshot.online
    if not is_there or not burst.ranks & snapshot.allocated:
        return {}
    changed_at = snapshot.changed_at.get(burst.burst_id, burst.since)
    return {job: max(at, changed_at) + policy.unused_after_s for job, at in since.items()}


def _rested(burst: Burst, jobs: tuple[int, ...], policy: Policy, now: float) -> Burst:
    """Give the record once jobs rest; of earlier ones, those that still do."""
    if not jobs:
        return burst
    earlier = tuple(job for job, end in _held(burst, policy) if now < end and job not in jobs)
    return burst.model_copy(update={"unstarted_jobs": (*earlier, *jobs), "unstarted_at": now})


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
    idle = burst.model_copy(update={"unused_since": None, "idle_since": burst.unused_since})
    return _rested(idle, jobs, policy, now)


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
        reason="a burst was ready for it, or should have been, and Flux did not start it there (see `flux queue status`"
        f", `flux jobs -a`, its eventlog, and whether all ranks came); no other is rented for it for {left_s:.0f} s",
        jobs=(jobid,),
    )
