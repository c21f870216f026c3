"""The passive half of a turn: bursts as the snapshot shows them, before anything is decided. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from overspill_agent.bursts import BEFORE_ACTIVE, on_ranks, on_time, with_idleness
from overspill_agent.deciding.decide import wanted_bursts
from overspill_agent.deciding.demand_matching import one_of_each, served_by

if TYPE_CHECKING:
    from overspill_agent.bursts import Burst
    from overspill_agent.deciding.snapshot import Snapshot


def observe(snapshot: Snapshot, now: float) -> Snapshot:
    """Move each burst to where the online ranks, the work on them and the time put it."""
    moved = tuple(on_time(on_ranks(burst, snapshot.online, now), now) for burst in snapshot.bursts)
    snapshot = replace(snapshot, bursts=moved)
    wanted = wanted_bursts(hold for job in one_of_each(snapshot.pending).values() if (hold := served_by(snapshot, job)))
    idle = tuple(
        with_idleness(burst, is_busy=_is_busy(snapshot, burst, is_wanted=burst.burst_id in wanted), now=now)
        for burst in snapshot.bursts
    )
    return replace(snapshot, bursts=idle)


def _is_busy(snapshot: Snapshot, burst: Burst, *, is_wanted: bool) -> bool:
    """Tell whether a burst must not be given up.

    Once it is active, a waiting job counts only while every rank is there: what was lost might never return.
    """
    is_there = burst.state in BEFORE_ACTIVE or burst.usable_ranks <= snapshot.online
    return bool(burst.ranks & snapshot.allocated) or (is_wanted and is_there)
