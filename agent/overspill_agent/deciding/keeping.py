"""When a burst drains, leaves, is torn down and releases its slot: level-triggered, from what is now. Pure.

Each decision is safe to repeat: it stands until the snapshot shows its effect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from overspill_agent.deciding.breaking import cooldown_end
from overspill_agent.deciding.decisions import Code, Decision, DecisionKind
from overspill_agent.deciding.leases import renewal_due
from overspill_agent.deciding.settling import settled_at
from overspill_shared.lifecycle import BurstState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from overspill_agent.bursts import Burst
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.snapshot import Snapshot


def decide_lifetimes(
    snapshot: Snapshot, policy: Policy, now: float, *, wanted: Collection[str | None]
) -> Iterable[Decision]:
    """Give what each burst's life asks for now; `wanted` are the bursts that waiting jobs count on."""
    for burst in snapshot.bursts:
        decision = _decide_one(snapshot, burst, policy, now, is_wanted=burst.burst_id in wanted)
        if decision is not None:
            yield decision


def next_wakeup(snapshot: Snapshot, policy: Policy, now: float) -> float | None:
    """Give the earliest time (epoch seconds) at which time alone may change a decision; None if there is none.

    A deadline in the past is left out: its decision was due already, and what it waits for is an event.
    """
    ends = (at for burst in snapshot.bursts for at in _deadlines(burst, policy))
    leases = (at for burst in snapshot.bursts if (at := renewal_due(burst, policy)) is not None)
    rests = (cooldown_end(snapshot, slot.name, policy) for slot in snapshot.slots if snapshot.pending)
    settled = settled_at(snapshot.facts, policy) if snapshot.pending else 0.0
    return min((at for at in (*ends, *leases, *rests, settled) if at > now), default=None)


def teardown_due(burst: Burst, policy: Policy) -> float:
    """Give when (epoch seconds) a teardown that nobody confirmed is requested again; 0 if it is not published yet."""
    if burst.teardown_published_at is None:
        return 0.0
    doubled = policy.teardown_retry_s * 2.0 ** min(3, max(0, burst.teardown_attempts - 1))
    return burst.teardown_published_at + doubled


def _decide_one(snapshot: Snapshot, burst: Burst, policy: Policy, now: float, *, is_wanted: bool) -> Decision | None:
    if burst.owes_teardown:
        return _about(burst, DecisionKind.TEARDOWN, Code.UNCONFIRMED, "an event shows work on it after its end")
    match burst.state:
        case BurstState.ACTIVE:
            return _active(snapshot, burst, policy, now)
        case BurstState.DRAINING:
            return _draining(snapshot, burst, policy, now, is_wanted=is_wanted)
        case BurstState.FAILED:
            return _failed(snapshot, burst, now)
        case BurstState.TEARING_DOWN if now >= teardown_due(burst, policy):
            return _about(burst, DecisionKind.TEARDOWN, Code.UNCONFIRMED, "nobody has confirmed yet that it is gone")
        case BurstState.GONE if burst.has_drained and not burst.ranks & snapshot.online:
            return _about(burst, DecisionKind.RELEASE, Code.REMOVED, "its ranks may be used by another burst")
        case _:
            return None


def _active(snapshot: Snapshot, burst: Burst, policy: Policy, now: float) -> Decision | None:
    if now >= burst.hard_end_at - policy.drain_before_end_s:
        left = max(0.0, burst.hard_end_at - now)
        reason = f"the lifetime of the burst ends in {left:.0f} s: what still runs on its ranks then is ended"
        ending = _about(burst, DecisionKind.DRAIN, Code.MAX_LIFETIME, reason)
        return replace(ending, jobs=snapshot.jobs_on(burst.ranks))
    if burst.idle_since is not None and now >= burst.idle_since + policy.idle_timeout_s:
        idle_s = now - burst.idle_since
        return _about(burst, DecisionKind.DRAIN, Code.IDLE, f"its ranks have had no work for {idle_s:.0f} s")
    return None


def _draining(snapshot: Snapshot, burst: Burst, policy: Policy, now: float, *, is_wanted: bool) -> Decision | None:
    if burst.told_to_leave_at is not None:
        return _leaving(snapshot, burst, policy, now)
    still_there = burst.ranks & snapshot.online
    if not still_there:
        return _about(burst, DecisionKind.TEARDOWN, Code.LEFT, "none of its ranks is online any more")
    if now >= burst.hard_end_at:
        return _about(burst, DecisionKind.LEAVE, Code.MAX_LIFETIME, "its lifetime is over")
    if is_wanted and burst.can_be_kept and burst.usable_ranks <= still_there:
        return _about(burst, DecisionKind.CANCEL_DRAIN, Code.DEMAND_RETURNED, "a waiting job fits on it")
    if not still_there <= snapshot.drained:
        return _about(burst, DecisionKind.DRAIN, Code.IDLE, "not all of its ranks are drained yet")
    if burst.ranks & snapshot.allocated:
        return None
    return _about(burst, DecisionKind.LEAVE, Code.DRAINED, "its ranks are drained and have no work")


def _leaving(snapshot: Snapshot, burst: Burst, policy: Policy, now: float) -> Decision | None:
    if not burst.ranks & snapshot.online:
        return _about(burst, DecisionKind.TEARDOWN, Code.LEFT, "its brokers have left")
    if burst.told_to_leave_at is not None and now >= burst.told_to_leave_at + policy.leave_timeout_s:
        reason = f"its brokers did not leave within {policy.leave_timeout_s:.0f} s; nothing runs on them"
        return _about(burst, DecisionKind.TEARDOWN, Code.LEAVE_TIMEOUT, reason)
    return None


def _failed(snapshot: Snapshot, burst: Burst, now: float) -> Decision | None:
    """Its ranks may be there, or come late, all the same: no work may start there, and what runs there may end."""
    if not burst.has_drained:
        return _about(burst, DecisionKind.DRAIN, Code.FAILED, "it failed: its ranks must take no work")
    if burst.ranks & snapshot.allocated and now < burst.hard_end_at:
        return None
    return _about(burst, DecisionKind.TEARDOWN, Code.FAILED, "it failed, and may have left something behind")


def _about(burst: Burst, kind: DecisionKind, code: Code, reason: str) -> Decision:
    return Decision(
        kind=kind,
        code=code,
        reason=reason,
        burst_id=burst.burst_id,
        slot=burst.slot,
        template=burst.template,
        zone=burst.zone,
        nodes=burst.size,
        ranks=burst.ranks,
    )


def _deadlines(burst: Burst, policy: Policy) -> Iterator[float]:
    match burst.state:
        case BurstState.REQUESTED | BurstState.PROVISIONING | BurstState.JOINING:
            yield burst.deadline_at
            if burst.idle_since is not None:
                yield burst.idle_since + policy.unwanted_after_s
        case BurstState.ACTIVE:
            yield burst.hard_end_at - policy.drain_before_end_s
            if burst.lost_since is not None:
                yield burst.lost_since + policy.rejoin_timeout_s
            if burst.idle_since is not None:
                yield burst.idle_since + policy.idle_timeout_s
        case BurstState.DRAINING:
            yield burst.hard_end_at
            if burst.told_to_leave_at is not None:
                yield burst.told_to_leave_at + policy.leave_timeout_s
        case BurstState.FAILED:
            yield burst.hard_end_at
        case BurstState.TEARING_DOWN:
            yield teardown_due(burst, policy)
        case _:
            return
