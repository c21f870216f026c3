"""The time after a lead's start in which its own ranks come back one by one. Pure.

A lead that restarts shows few ranks at first: a job that fits at home would get a burst for the seconds that they need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.snapshot import Declared, Snapshot
    from overspill_shared.idset import Ranks


def settled_at(facts: Declared, policy: Policy) -> float:
    """Give until when (epoch seconds) ranks that are offline may be on their way back; 0 if that is not known."""
    return 0.0 if facts.started_at is None else facts.started_at + policy.settle_s


def returning_ranks(snapshot: Snapshot, policy: Policy, now: float) -> Ranks:
    """Give the declared ranks outside slots that are offline, but may be back soon; none once the lead has settled.

    Drained ones are not waited for: they would take no work.
    """
    if now >= settled_at(snapshot.facts, policy):
        return frozenset()
    declared = frozenset(range(len(snapshot.facts.hosts)))
    return declared - snapshot.slot_ranks - snapshot.online - snapshot.drained
