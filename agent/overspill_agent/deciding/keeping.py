"""When a burst drains, leaves, is torn down and releases its slot: level-triggered, from what is now. Pure.

A burst ends when its lifetime does, or when what it may cost is used up (see `funding`), whichever comes first.

Each decision is safe to repeat: it stands until the snapshot shows its effect.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

from overspill_agent.bursts import BEFORE_ACTIVE
from overspill_agent.deciding.breaking import next_opening
from overspill_agent.deciding.decisions import Code, Decision, DecisionKind, decision_about
from overspill_agent.deciding.funding import fund, lease_limit
from overspill_agent.deciding.leases import renewal_due
from overspill_agent.deciding.settling import settled_at
from overspill_agent.deciding.shrinking import decide_tail, tail_deadlines
from overspill_agent.deciding.spending import DAY_S
from overspill_agent.deciding.waiting import expected_end
from overspill_shared.lifecycle import BurstState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from overspill_agent.bursts import Burst
    from overspill_agent.deciding.funding import Funds
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.snapshot import Snapshot


def decide_lifetimes(
    snapshot: Snapshot, policy: Policy, now: float, *, money: Mapping[str, Funds], wanted: Collection[str | None]
) -> Iterable[Decision]:
    """Give what each burst's life asks for now.

    `money` is each live burst's, by its id; `wanted` are the bursts that waiting jobs count on.
    """
    for burst in snapshot.bursts:
        funds = money.get(burst.burst_id)
        if funds is not None and funds.more_usd is not None:
            yield _reserve(burst, funds)
        decision = None
        if funds is not None:
            decision = _over_cap(snapshot, burst, funds, policy, now)
        if decision is None:
            decision = _decide_one(snapshot, burst, policy, now, is_wanted=burst.burst_id in wanted)
        if decision is not None:
            yield decision


def next_wakeup(snapshot: Snapshot, policy: Policy, now: float) -> float | None:
    """Give the earliest time (epoch seconds) at which time alone may change a decision; None if there is none.

    A deadline in the past is left out: its decision was due already, and what it waits for is an event.
    """
    money = fund(snapshot, policy, now)
    ends = [at for burst in snapshot.bursts for at in _deadlines(snapshot, burst, policy)]
    for burst in snapshot.live():
        funds = money.get(burst.burst_id)
        ends += () if funds is None else (funds.drain_at, funds.until)
        due = renewal_due(burst, policy, lease_limit(burst, funds, policy))
        ends += () if due is None else (due,)
    waits = _of_waiting_jobs(snapshot, policy, now) if snapshot.pending else ()
    return min((at for at in (*ends, *waits) if now < at < inf), default=None)


def teardown_due(burst: Burst, policy: Policy) -> float:
    """Give when (epoch seconds) a teardown that nobody confirmed is requested again; 0 if it is not published yet."""
    if burst.teardown_published_at is None:
        return 0.0
    doubled = policy.teardown_retry_s * 2.0 ** min(3, max(0, burst.teardown_attempts - 1))
    return burst.teardown_published_at + doubled


def _reserve(burst: Burst, funds: Funds) -> Decision:
    reason = f"it goes on: what it may cost rises from ${burst.reserved_usd or 0.0:.2f} to ${funds.usd:.2f}"
    return replace(decision_about(burst, DecisionKind.RESERVE, Code.GOES_ON, reason), reserve_usd=funds.more_usd)


def _over_cap(snapshot: Snapshot, burst: Burst, funds: Funds, policy: Policy, now: float) -> Decision | None:
    """Give what is due of a burst whose money is used up, or nearly so; None if nothing is, or something else ends it.

    One that is removed, or told to leave, has its end already.
    """
    if burst.owes_teardown or not funds.is_over(burst, now):
        return None
    if burst.state is BurstState.ACTIVE and now < burst.hard_end_at - policy.drain_before_end_s:
        reason = f"{funds.figures(now)}: what still runs on its ranks then is ended"
        return replace(
            decision_about(burst, DecisionKind.DRAIN, Code.OVER_CAP, reason), jobs=snapshot.jobs_on(burst.ranks)
        )
    if now < funds.until:
        return None
    if burst.state in BEFORE_ACTIVE:
        return decision_about(burst, DecisionKind.TEARDOWN, Code.OVER_CAP, f"it is not there yet: {funds.figures(now)}")
    if burst.state is BurstState.FAILED and burst.has_drained:
        return decision_about(burst, DecisionKind.TEARDOWN, Code.OVER_CAP, f"it failed: {funds.figures(now)}")
    is_there = bool(burst.ranks & snapshot.online)
    if burst.state is BurstState.DRAINING and burst.told_to_leave_at is None and is_there:
        return decision_about(burst, DecisionKind.LEAVE, Code.OVER_CAP, funds.figures(now))
    return None


def _decide_one(snapshot: Snapshot, burst: Burst, policy: Policy, now: float, *, is_wanted: bool) -> Decision | None:
    if burst.owes_teardown:
        return decision_about(burst, DecisionKind.TEARDOWN, Code.UNCONFIRMED, "an event shows work on it after its end")
    match burst.state:
        case BurstState.ACTIVE:
            # What was lost might never return: a waiting job alone keeps no burst that is not whole.
            is_whole = burst.is_whole(snapshot.online, now)
            return _active(snapshot, burst, policy, now, is_wanted=is_wanted and is_whole)
        case BurstState.REQUESTED | BurstState.PROVISIONING | BurstState.JOINING if not is_wanted:
            return _unwanted(burst, policy, now)
        case BurstState.DRAINING:
            return _draining(snapshot, burst, policy, now, is_wanted=is_wanted)
        case BurstState.FAILED:
            return _failed(snapshot, burst, now)
        case BurstState.TEARING_DOWN if now >= teardown_due(burst, policy):
            return decision_about(
                burst, DecisionKind.TEARDOWN, Code.UNCONFIRMED, "nobody has confirmed yet that it is gone"
            )
        case BurstState.GONE if burst.drained_ranks and not (burst.ranks | burst.tail) & snapshot.online:
            return decision_about(burst, DecisionKind.RELEASE, Code.REMOVED, "its ranks may be used by another burst")
        case _:
            return None


def _active(snapshot: Snapshot, burst: Burst, policy: Policy, now: float, *, is_wanted: bool) -> Decision | None:
    if now >= burst.hard_end_at - policy.drain_before_end_s:
        left = max(0.0, burst.hard_end_at - now)
        reason = f"the lifetime of the burst ends in {left:.0f} s: what still runs on its ranks then is ended"
        ending = decision_about(burst, DecisionKind.DRAIN, Code.MAX_LIFETIME, reason)
        return replace(ending, jobs=snapshot.jobs_on(burst.ranks))
    if burst.tail:
        return decide_tail(snapshot, burst, policy, now, is_wanted=is_wanted)
    if is_wanted or now < burst.created_at + policy.min_lifetime_s:
        return None
    if burst.size == 0:
        return _warm(snapshot, burst, policy, now)
    if burst.ranks & snapshot.allocated:
        return _tail(snapshot, burst, policy, now)
    if burst.idle_since is None or now < burst.idle_since + policy.idle_timeout_s:
        return None
    reason = f"its ranks have had no work for {now - burst.idle_since:.0f} s"
    if policy.keep_warm_s > 0 and burst.can_be_resized:
        return _resized(snapshot, burst, 0, f"{reason}; its cluster is kept for {policy.keep_warm_s:.0f} s")
    return decision_about(burst, DecisionKind.DRAIN, Code.IDLE, reason)


def _warm(snapshot: Snapshot, burst: Burst, policy: Policy, now: float) -> Decision | None:
    """End a burst that was kept without nodes for long enough."""
    since = _changed_at(snapshot, burst)
    if now < since + policy.keep_warm_s:
        return None
    return decision_about(burst, DecisionKind.DRAIN, Code.IDLE, f"it was kept without nodes for {now - since:.0f} s")


def _tail(snapshot: Snapshot, burst: Burst, policy: Policy, now: float) -> Decision | None:
    """Give back the last nodes of a burst where only the first have work, and nothing has changed for a while."""
    slot = next((slot for slot in snapshot.slots if slot.name == burst.slot), None)
    if (
        slot is None
        or not (policy.shrinks and burst.can_be_resized)
        or now < _changed_at(snapshot, burst) + policy.idle_timeout_s
    ):
        return None
    busy = max(position for position, rank in enumerate(slot.ranks, 1) if rank in snapshot.allocated)
    nodes = max(busy, min(slot.min_nodes, slot.size))
    if nodes >= burst.size:
        return None
    idle_s = now - _changed_at(snapshot, burst)
    return _resized(snapshot, burst, nodes, f"its last {burst.size - nodes} nodes have had no work for {idle_s:.0f} s")


def _resized(snapshot: Snapshot, burst: Burst, nodes: int, reason: str) -> Decision:
    slot = next((slot for slot in snapshot.slots if slot.name == burst.slot), None)
    ranks = slot.first_ranks(nodes) if slot is not None else frozenset()
    return replace(decision_about(burst, DecisionKind.SHRINK, Code.IDLE, reason), nodes=nodes, ranks=ranks)


def _changed_at(snapshot: Snapshot, burst: Burst) -> float:
    """Give when a burst's nodes or its work changed last: the clock of all thrift starts again then."""
    return max(burst.since, burst.resized_at or burst.since, snapshot.changed_at.get(burst.burst_id, burst.since))


def _unwanted(burst: Burst, policy: Policy, now: float) -> Decision | None:
    if burst.idle_since is None or now < burst.idle_since + policy.unwanted_after_s:
        return None
    return decision_about(burst, DecisionKind.TEARDOWN, Code.NOT_NEEDED, "no waiting job needs it any more")


def _draining(snapshot: Snapshot, burst: Burst, policy: Policy, now: float, *, is_wanted: bool) -> Decision | None:
    if burst.told_to_leave_at is not None:
        return _leaving(snapshot, burst, policy, now)
    still_there = burst.ranks & snapshot.online
    if not still_there:
        return decision_about(burst, DecisionKind.TEARDOWN, Code.LEFT, "none of its ranks is online any more")
    if now >= burst.hard_end_at:
        return decision_about(burst, DecisionKind.LEAVE, Code.MAX_LIFETIME, "its lifetime is over")
    if is_wanted and burst.can_be_kept and burst.usable_ranks <= still_there:
        return decision_about(burst, DecisionKind.CANCEL_DRAIN, Code.DEMAND_RETURNED, "a waiting job fits on it")
    if not still_there <= snapshot.drained:
        return decision_about(burst, DecisionKind.DRAIN, Code.IDLE, "not all of its ranks are drained yet")
    if burst.ranks & snapshot.allocated:
        return None
    return decision_about(burst, DecisionKind.LEAVE, Code.DRAINED, "its ranks are drained and have no work")


def _leaving(snapshot: Snapshot, burst: Burst, policy: Policy, now: float) -> Decision | None:
    if not burst.ranks & snapshot.online:
        return decision_about(burst, DecisionKind.TEARDOWN, Code.LEFT, "its brokers have left")
    if burst.told_to_leave_at is not None and now >= burst.told_to_leave_at + policy.leave_timeout_s:
        reason = f"its brokers did not leave within {policy.leave_timeout_s:.0f} s; nothing runs on them"
        return decision_about(burst, DecisionKind.TEARDOWN, Code.LEAVE_TIMEOUT, reason)
    return None


def _failed(snapshot: Snapshot, burst: Burst, now: float) -> Decision | None:
    """Its ranks may be there, or come late, all the same: no work may start there, and what runs there may end."""
    if not burst.has_drained:
        return decision_about(burst, DecisionKind.DRAIN, Code.FAILED, "it failed: its ranks must take no work")
    if burst.ranks & snapshot.allocated and now < burst.hard_end_at:
        return None
    return decision_about(burst, DecisionKind.TEARDOWN, Code.FAILED, "it failed, and may have left something behind")


def _of_waiting_jobs(snapshot: Snapshot, policy: Policy, now: float) -> Iterator[float]:
    """Give the times that may change what becomes of jobs that wait."""
    yield settled_at(snapshot.facts, policy)
    yield max(job.submitted_at for job in snapshot.pending) + policy.gather_quiet_s
    for kind in snapshot.templates.values():
        yield next_opening(kind.name, kind.zones, snapshot.history, policy, now) or 0.0
    for job in snapshot.running:
        yield expected_end(job.started_at, job.duration_s, policy, now)
    yield from snapshot.expected_starts.values()
    if policy.cap_usd_per_day is not None:
        yield from (spent.at + DAY_S for spent in snapshot.spent)


def _deadlines(snapshot: Snapshot, burst: Burst, policy: Policy) -> Iterator[float]:
    match burst.state:
        case BurstState.REQUESTED | BurstState.PROVISIONING | BurstState.JOINING:
            yield burst.deadline_at
            if burst.idle_since is not None:
                yield burst.idle_since + policy.unwanted_after_s
        case BurstState.ACTIVE:
            yield from _active_deadlines(snapshot, burst, policy)
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


def _active_deadlines(snapshot: Snapshot, burst: Burst, policy: Policy) -> Iterator[float]:
    yield burst.hard_end_at - policy.drain_before_end_s
    yield from tail_deadlines(burst, policy)
    if burst.growing_until is not None:
        yield burst.growing_until
    if burst.lost_since is not None:
        yield burst.lost_since + policy.rejoin_timeout_s
    if burst.idle_since is not None:
        yield max(burst.idle_since + policy.idle_timeout_s, burst.created_at + policy.min_lifetime_s)
    if not burst.size or (policy.shrinks and burst.ranks & snapshot.allocated):
        yield _changed_at(snapshot, burst) + (policy.idle_timeout_s if burst.size else policy.keep_warm_s)
