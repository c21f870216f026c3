"""What a burst's record says of how long it took, or of how it failed. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from overspill_agent.deciding.latency import Experience, Outcome
from overspill_shared.lifecycle import BurstState

if TYPE_CHECKING:
    from overspill_agent.bursts import Burst


def deletion_s(burst: Burst) -> float | None:
    """Give how long the removal of a burst that is gone took; None where it was not asked for here."""
    reached = {entry.state: entry.at for entry in burst.history}
    asked_at = reached.get(BurstState.TEARING_DOWN)
    if asked_at is None or burst.teardown_published_at is None or burst.state is not BurstState.GONE:
        return None
    return burst.since - asked_at


def experience_of(burst: Burst) -> Experience | None:
    """Give what became of a burst's start; None while that is open, or where it was given up unfailed."""
    reached = {entry.state: entry.at for entry in reversed(burst.history)}
    active_at = reached.get(BurstState.ACTIVE)
    if active_at is not None:
        joining_at = reached.get(BurstState.JOINING, active_at)
        return Experience(
            template=burst.template,
            zone=burst.zone,
            at=active_at,
            outcome=Outcome.OK,
            create_s=joining_at - burst.created_at,
            join_s=active_at - joining_at,
        )
    if burst.error is None or burst.failed_at is None:
        return None
    return Experience(
        template=burst.template, zone=burst.zone, at=burst.failed_at, outcome=Outcome(burst.error.error_class.value)
    )
