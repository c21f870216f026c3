"""An active burst that gives its last ranks back, step by step: what is due, from what is now. Pure.

Drained, then free, then told to leave, then a smaller size is asked for, and once the functions have done that the
ranks are undrained: they are down, and the burst may grow into them again. Why it shrinks is `keeping`'s.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from overspill_agent.deciding.decisions import Code, Decision, DecisionKind, decision_about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from overspill_agent.bursts import Burst
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.snapshot import Snapshot


def decide_tail(snapshot: Snapshot, burst: Burst, policy: Policy, now: float, *, is_wanted: bool) -> Decision | None:
    """Give what is due of the ranks that a burst gives back; None while something is waited for."""
    if burst.tail_told_at is None:
        return _draining(snapshot, burst, is_wanted=is_wanted)
    if burst.tail & burst.ranks:
        return _leaving(snapshot, burst, policy, now)
    return _given_back(snapshot, burst, policy, now)


def tail_deadlines(burst: Burst, policy: Policy) -> Iterator[float]:
    """Give the times (epoch seconds) that what is waited for may take at most."""
    if burst.tail_told_at is not None:
        yield burst.tail_told_at + policy.leave_timeout_s
        yield burst.tail_told_at + policy.join_timeout_s


def _draining(snapshot: Snapshot, burst: Burst, *, is_wanted: bool) -> Decision | None:
    there = burst.tail & snapshot.online
    if is_wanted:
        return _about(burst, DecisionKind.CANCEL_DRAIN, Code.DEMAND_RETURNED, "a waiting job counts on it")
    if burst.tail & snapshot.allocated:
        return _about(burst, DecisionKind.CANCEL_DRAIN, Code.DEMAND_RETURNED, "a job has just started there")
    if not there <= snapshot.drained:
        return _about(burst, DecisionKind.SHRINK, Code.IDLE, "not all of its last ranks are drained yet")
    return _about(burst, DecisionKind.LEAVE, Code.DRAINED, "its last ranks are drained and have no work")


def _leaving(snapshot: Snapshot, burst: Burst, policy: Policy, now: float) -> Decision | None:
    if not burst.tail & snapshot.online:
        return _about(burst, DecisionKind.SHRINK, Code.LEFT, "the brokers of its last ranks have left")
    if burst.tail_told_at is not None and now >= burst.tail_told_at + policy.leave_timeout_s:
        reason = f"the brokers of its last ranks did not leave within {policy.leave_timeout_s:.0f} s"
        return _about(burst, DecisionKind.SHRINK, Code.LEAVE_TIMEOUT, reason)
    return None


def _given_back(snapshot: Snapshot, burst: Burst, policy: Policy, now: float) -> Decision | None:
    """Free the ranks once their nodes are gone: before that, nothing could come there."""
    if burst.tail & snapshot.online:
        return None
    if burst.resized_revision >= burst.revision:
        return _about(burst, DecisionKind.RELEASE, Code.REMOVED, "the nodes that it gave back are gone")
    if burst.tail_told_at is not None and now >= burst.tail_told_at + policy.join_timeout_s:
        reason = f"no function has confirmed its new size for {now - burst.tail_told_at:.0f} s, and nothing is there"
        return _about(burst, DecisionKind.RELEASE, Code.UNCONFIRMED, reason)
    return None


def _about(burst: Burst, kind: DecisionKind, code: Code, reason: str) -> Decision:
    """Say what is due; `nodes` and `ranks` are what stays."""
    stays = burst.ranks - burst.tail
    return replace(decision_about(burst, kind, code, reason), nodes=len(stays), ranks=stays)
