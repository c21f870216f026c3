"""When jobs would start at home: the scheduler's queue played forward, job by job, in its order.

Jobs start by urgency, then by the time of their submission; none starts before one that stands ahead of it. With
backfill a job starts at once all the same where it delays none of the first that wait: it ends before they start, or
takes other ranks than theirs. Jobs that leave for a burst, or that home can never hold, stand in nobody's way. What
else schedulers know (moldable jobs, licences, several queues) is not seen.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass
from math import ceil, inf, log2
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from overspill_agent.deciding.demand import Demand
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.pool import Placement, Pool
    from overspill_agent.jobs import RunningJob

_End = tuple[float, int, "Placement"]
"""(when, a number that keeps the order, what becomes free)"""

EXACT: Final = 20
"""So many kinds of demand that start too late get their start worked out; of further ones only that it is too late."""

RESERVATIONS: Final = 64
"""So many waiting jobs have their ranks kept from those that would pass them; Fluxion's reservation depth."""


@dataclass(frozen=True, slots=True)
class LocalStart:
    """When a job would start at home (epoch seconds)."""

    at: float
    is_exact: bool = True
    """False: not before then."""


def expected_end(started_at: float, duration_s: float | None, policy: Policy, now: float) -> float:
    """Give when (epoch seconds) a running job ends: by its limit, else by what the policy takes it to run.

    What has run longer than that already is taken to run twice as long, or four times: it may run for ever.
    """
    if duration_s is not None:
        return max(now, started_at + duration_s)
    elapsed = now - started_at
    if elapsed < policy.unknown_duration_s:
        return started_at + policy.unknown_duration_s
    doublings = ceil(log2((elapsed + 1.0) / policy.unknown_duration_s))
    return started_at + policy.unknown_duration_s * 2.0 ** max(1, doublings)


class LocalQueue:
    """The queue at home; jobs are offered in the order in which the scheduler takes them."""

    def __init__(
        self, pool: Pool, running: Iterable[RunningJob], policy: Policy, now: float, *, horizon: float = inf
    ) -> None:
        """Nobody asks for more than that a job starts later than `horizon` (epoch seconds)."""
        self._horizon = horizon
        self._pool = pool
        """As it is at the floor."""
        self._unknown_s = policy.unknown_duration_s
        self._backfills = policy.backfill
        self._now = now
        self._floor = now
        """No job that waits starts before this: when the last of them does."""
        self._number = 0
        self._ends: list[_End] = []
        self._done = 0
        """So many of these lie before the floor, and are in the pool."""
        self._too_late: dict[Demand, tuple[float, LocalStart]] = {}
        self._left_exact = EXACT
        self._pool_now: Pool | None = None
        """As it is now, with all that start now; None while the floor is now."""
        self._reserved: list[tuple[float, frozenset[int]]] = []
        """The starts of the first jobs that wait, and their ranks with those of the jobs ahead of them."""
        self._not_now: dict[Demand, float] = {}
        for job in running:
            placement = tuple((rank, *parts) for rank, parts in job.held.items())
            pool.grab(placement)
            self._add(expected_end(job.started_at, job.duration_s, policy, now), placement)

    def starts_now(self, demand: Demand, lasts_s: float) -> bool:
        """Tell whether a job starts at once; if so, it has its place from then on."""
        if self._floor <= self._now:
            if self._pool.available(demand) < demand.units:
                return False
            self._add(self._now + lasts_s, self._pool.take(demand, demand.units))
            return True
        return self._backfills and self._passes(demand, lasts_s)

    def offer(self, demand: Demand, duration_s: float | None, latest: float) -> LocalStart:
        """Give when a job would start that does not start now; if that is by `latest`, it has its place from then on.

        The job must fit at home when nothing runs there.
        """
        if self._floor > self._horizon:
            return LocalStart(at=self._floor, is_exact=False)
        known = self._too_late.get(demand)
        # What was too late for one is too late for all that come later and ask for the same: room only gets less.
        if known is not None and latest <= known[0]:
            return known[1]
        start, applied = self._walk(demand, latest)
        if start.at <= latest and start.is_exact:
            self._wait_until(start.at, applied)
            placement = self._pool.take(demand, demand.units)
            self._reserve(start.at, placement)
            self._add(start.at + (self._unknown_s if duration_s is None else duration_s), placement)
        else:
            self._undo(applied)
            self._too_late[demand] = (latest, start)
        return start

    def free_now(self, demand: Demand) -> int:
        """Give how many of a demand's units fit now."""
        return min(demand.units, self._pool.available(demand)) if self._floor <= self._now else 0

    def take_now(self, demand: Demand, units: int, lasts_s: float) -> None:
        """Take room that is free now for a part of a job, whose other part is on burst nodes."""
        if units:
            self._add(self._now + lasts_s, self._pool.take(demand, units))

    def _walk(self, demand: Demand, latest: float) -> tuple[LocalStart, int]:
        """Go forward until a job fits; gives how many ends the pool has taken in on the way."""
        at, applied = self._floor, 0
        horizon = latest if self._left_exact <= 0 else inf
        while self._pool.available(demand) < demand.units:
            position = self._done + applied
            if position >= len(self._ends) or self._ends[position][0] > horizon:
                return LocalStart(at=max(at, latest), is_exact=False), applied
            at = self._ends[position][0]
            while position < len(self._ends) and self._ends[position][0] <= at:
                self._pool.give_back(self._ends[position][2])
                applied += 1
                position += 1
        if at > latest:
            self._left_exact -= 1
        return LocalStart(at=at), applied

    def _wait_until(self, at: float, applied: int) -> None:
        """Move the floor to where a job has its place, `applied` ends further on."""
        if self._backfills and self._pool_now is None and at > self._now:
            self._undo(applied)
            self._pool_now = self._pool.copy()
            for _at, _number, placement in self._ends[self._done : self._done + applied]:
                self._pool.give_back(placement)
        self._floor, self._done = at, self._done + applied

    def _reserve(self, at: float, placement: Placement) -> None:
        if self._pool_now is not None and len(self._reserved) < RESERVATIONS:
            ahead = self._reserved[-1][1] if self._reserved else frozenset()
            self._reserved.append((at, ahead.union(rank for rank, _cores, _gpus in placement)))

    def _passes(self, demand: Demand, lasts_s: float) -> bool:
        """Tell whether a job starts now although others wait; it takes its place then."""
        pool, ends_at = self._pool_now, self._now + lasts_s
        if pool is None or lasts_s >= self._not_now.get(demand, inf):
            return False
        ahead = bisect_left(self._reserved, ends_at, key=lambda reserved: reserved[0])
        without = self._reserved[ahead - 1][1] if ahead else frozenset()
        if pool.available(demand, without) < demand.units:
            self._not_now[demand] = lasts_s
            return False
        placement = pool.take(demand, demand.units, without)
        if ends_at > self._floor:
            self._pool.grab(placement)
            self._add(ends_at, placement)
        return True

    def _add(self, at: float, placement: Placement) -> None:
        self._number += 1
        insort(self._ends, (at, self._number, placement), lo=self._done)

    def _undo(self, applied: int) -> None:
        for _at, _number, placement in self._ends[self._done : self._done + applied]:
            self._pool.grab(placement)
