"""Since when the ranks of active bursts, and the jobs on them, are what they are: in memory alone.

After a restart every clock of a burst with nodes begins anew: nodes are kept a little longer, never shorter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from overspill_shared.lifecycle import BurstState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_agent.deciding.snapshot import Snapshot
    from overspill_shared.idset import Ranks


class WorkClock:
    """What was seen last of each active burst that has nodes, and since when."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[tuple[Ranks, tuple[int, ...]], float]] = {}

    def note(self, snapshot: Snapshot, now: float) -> Mapping[str, float]:
        """Give when each burst's online ranks or jobs changed last, by its id; bursts without nodes are left out."""
        seen = {}
        for burst in snapshot.bursts:
            if burst.state is BurstState.ACTIVE and burst.size:
                what = (burst.ranks & snapshot.online, snapshot.jobs_on(burst.ranks))
                before = self._seen.get(burst.burst_id)
                seen[burst.burst_id] = before if before is not None and before[0] == what else (what, now)
        self._seen = seen
        return {burst_id: at for burst_id, (_, at) in seen.items()}
