"""Which waiting jobs a scheduler starts now: first come, first served, with EASY backfill or without. Pure.

A job starts within one pool: the nodes at home, or those of one burst. Nothing here knows why a pool is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A job in the queue."""

    jobid: int
    nodes: int
    expected_s: float
    """How long the scheduler expects it to run: what it asked for, or what is assumed of jobs that did not say."""
    may_leave_home: bool = True


@dataclass(slots=True, kw_only=True)
class Pool:
    """Nodes among which a job must find all of its own; counted down while starts are planned."""

    name: str
    free: int
    is_home: bool
    ends: list[tuple[float, int]] = field(default_factory=list)
    """When its running jobs are expected to end, with their nodes."""

    def admits(self, job: Waiting) -> bool:
        """Tell whether a job may run here at all."""
        return self.is_home or job.may_leave_home


@dataclass(slots=True, kw_only=True)
class _Reservation:
    """What the first job that must wait is promised: enough nodes of this pool from then on."""

    pool: Pool
    at: float
    spare: int
    """Nodes that are free even then: later jobs may use them for as long as they like."""


def plan_starts(
    queue: Iterable[Waiting], pools: Sequence[Pool], now: float, *, backfill: bool
) -> Iterator[tuple[Waiting, Pool]]:
    """Give the jobs that start now, each with its pool; `queue` is in order, earlier pools are preferred.

    With backfill a job may pass the first one that waits, if that does not start later for it.
    """
    reserved: _Reservation | None = None
    for job in queue:
        if not any(pool.free for pool in pools):
            return
        pool = next((pool for pool in pools if _takes(pool, job, reserved, now)), None)
        if pool is not None:
            pool.free -= job.nodes
            pool.ends.append((now + job.expected_s, job.nodes))
            if reserved is not None and reserved.pool is pool and now + job.expected_s > reserved.at:
                reserved.spare -= job.nodes
            yield job, pool
        elif not backfill:
            return
        elif reserved is None:
            reserved = _reserve(job, pools, now)


def _takes(pool: Pool, job: Waiting, reserved: _Reservation | None, now: float) -> bool:
    if job.nodes > pool.free or not pool.admits(job):
        return False
    if reserved is None or reserved.pool is not pool:
        return True
    return now + job.expected_s <= reserved.at or job.nodes <= reserved.spare


def _reserve(job: Waiting, pools: Sequence[Pool], now: float) -> _Reservation | None:
    """Give the earliest promise that a pool can make; None if all of them are too small, or closed to the job."""
    promises = (_promise(pool, job, now) for pool in pools if pool.admits(job))
    return min((promise for promise in promises if promise), key=lambda promise: promise.at, default=None)


def _promise(pool: Pool, job: Waiting, now: float) -> _Reservation | None:
    free = pool.free
    for end, nodes in sorted(pool.ends):
        free += nodes
        if free >= job.nodes:
            # What runs longer than expected ends at any moment.
            return _Reservation(pool=pool, at=max(end, now), spare=free - job.nodes)
    return None
