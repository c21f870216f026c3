"""What becomes of a burst whose ranks are lost: killed brokers, lost or preempted nodes, a link that is gone. Pure.

The pods start their brokers again, so a lost rank is waited for; what does not come back in time is given up, and
counts as capacity no more. Flux itself fails the jobs that ran there. docs/losing.md has the table.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from overspill_shared.errors import ErrorClass
from overspill_shared.hostlist import compress
from overspill_shared.idset import format_idset
from overspill_shared.lifecycle import BurstState
from overspill_shared.messages import EventError

if TYPE_CHECKING:
    from overspill_agent.bursts import Burst
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.snapshot import Snapshot
    from overspill_shared.idset import Ranks


def settle_losses(snapshot: Snapshot, policy: Policy, now: float) -> Snapshot:
    """Start, stop and end the wait for ranks that an active burst has lost."""
    return replace(snapshot, bursts=tuple(_settled(snapshot, burst, policy, now) for burst in snapshot.bursts))


def newly_lost(burst: Burst, before: Ranks, after: Ranks) -> Ranks:
    """Give the ranks of a burst that were online and are not; none where they were told to leave."""
    if burst.state is not BurstState.ACTIVE:
        return frozenset()
    return (burst.ranks - burst.tail) & (before - after)


def _settled(snapshot: Snapshot, burst: Burst, policy: Policy, now: float) -> Burst:
    if burst.state is not BurstState.ACTIVE:
        return burst
    burst = _taken_back(burst, snapshot.online)
    missing = burst.usable_ranks - snapshot.online
    if not missing:
        is_settled = burst.lost_since is None and burst.growing_until is None
        return burst if is_settled else burst.model_copy(update={"lost_since": None, "growing_until": None})
    if burst.growing_until is not None and now < burst.growing_until and burst.lost_since is None:
        return burst
    if burst.lost_since is None:
        return burst.model_copy(update={"lost_since": now})
    if now < burst.lost_since + policy.rejoin_timeout_s:
        return burst
    if burst.usable_ranks & snapshot.online:
        given_up = format_idset(burst.lost_ranks | missing)
        return burst.model_copy(update={"lost_idset": given_up, "lost_since": None})
    return burst.failed(_all_lost(snapshot, burst, policy), at=now)


def _taken_back(burst: Burst, online: Ranks) -> Burst:
    """Count a rank again that was given up and came back after all."""
    if not burst.lost_ranks & online:
        return burst
    return burst.model_copy(update={"lost_idset": format_idset(burst.lost_ranks - online)})


def _all_lost(snapshot: Snapshot, burst: Burst, policy: Policy) -> EventError:
    hosts = compress(snapshot.facts.hosts[rank] for rank in sorted(burst.ranks))
    return EventError.model_validate(
        {
            "class": ErrorClass.BOOT,
            "code": "ranks-lost",
            "text": f"{hosts}: all ranks were lost, and none came back within {policy.rejoin_timeout_s:.0f} s.",
            "remedy": "Look for preempted nodes, an autoscaler, or a broken link (`kubectl get nodes,pods -A`).",
        }
    )
