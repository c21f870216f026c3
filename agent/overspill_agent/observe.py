"""The passive parts of a turn: bursts as the snapshot shows them, and the clocks of those without work. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from overspill_agent.bursts import BEFORE_ACTIVE, on_ranks, on_time, with_idleness
from overspill_agent.deciding.decide import wanted_bursts
from overspill_shared.lifecycle import NOT_RUNNING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from overspill_agent.bursts import Burst
    from overspill_agent.deciding.decisions import Decision
    from overspill_agent.deciding.snapshot import Snapshot


def observe(snapshot: Snapshot, now: float) -> Snapshot:
    """Move each burst to where the online ranks and the time put it."""
    moved = tuple(on_time(on_ranks(burst, snapshot.online, now), now) for burst in snapshot.bursts)
    return replace(snapshot, bursts=moved)


def note_work(snapshot: Snapshot, decisions: Iterable[Decision], now: float) -> Snapshot:
    """Start and stop the bursts' idle clocks, after what was decided of the jobs that wait."""
    wanted = wanted_bursts(decisions)
    noted = tuple(
        with_idleness(burst, is_busy=_is_busy(snapshot, burst, now, is_wanted=burst.burst_id in wanted), now=now)
        if burst.state not in NOT_RUNNING
        else burst
        for burst in snapshot.bursts
    )
    return replace(snapshot, bursts=noted)


def _is_busy(snapshot: Snapshot, burst: Burst, now: float, *, is_wanted: bool) -> bool:
    """Tell whether a burst must not be given up.

    Once it is active, a waiting job counts only while every rank is there: what was lost might never return.
    """
    is_there = burst.state in BEFORE_ACTIVE or burst.is_whole(snapshot.online, now)
    return bool(burst.ranks & snapshot.allocated) or (is_wanted and is_there)
