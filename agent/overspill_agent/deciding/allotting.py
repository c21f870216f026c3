"""Who gets what: a place at home, on nodes that come, on new ones, or a reason why not. Pure.

Jobs are taken in the scheduler's order. Room only gets less within a turn, so what was refused to one job is refused
to all later ones that ask for the same: thousands of alike jobs cost as much as one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from overspill_agent.deciding.breaking import Opening
from overspill_agent.deciding.constraints import names_ranks
from overspill_agent.deciding.decisions import Code
from overspill_agent.deciding.eligibility import Hints, eligibility_of, read_hints
from overspill_agent.deciding.expecting import expect
from overspill_agent.deciding.matching import Refusal
from overspill_agent.deciding.mounts import lacks_mount
from overspill_agent.deciding.pool import Pool
from overspill_agent.deciding.renting import Renting
from overspill_agent.deciding.sizing import Need
from overspill_agent.deciding.waiting import LocalQueue
from overspill_shared.idset import format_idset
from overspill_shared.wording import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from overspill_agent.deciding.demand import Demand
    from overspill_agent.deciding.latency import Latency
    from overspill_agent.deciding.matching import Market, Option
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.sizing import Room
    from overspill_agent.deciding.snapshot import Snapshot
    from overspill_agent.jobs import PendingJob

_AT_HOME: Final = frozenset({Code.FITS_NOW, Code.LOCAL_WAIT_SHORTER})
_BY_DURATION: Final = frozenset({Code.OVER_CAP, Code.TOO_LONG})


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a job gets no new nodes."""

    code: Code
    reason: str
    slot: str | None = None
    burst_id: str | None = None
    template: str | None = None
    zone: str | None = None


@dataclass(slots=True)
class _Wish:
    """A job as it is placed; not frozen, for there are thousands a turn, and that would take twice as long."""

    job: PendingJob
    demand: Demand
    hints: Hints
    lasts_s: float


class Allotment:
    """The places of all waiting jobs."""

    def __init__(
        self, snapshot: Snapshot, policy: Policy, now: float, market: Market, *, hidden: Collection[int] = ()
    ) -> None:
        """`hidden` are idle ranks at home that the waiting jobs are not to have: see `demands`."""
        self._snapshot = snapshot
        self._policy = policy
        self._now = now
        self._market = market
        by_rank = any(
            names_ranks(job.demand.constraint) for job in snapshot.pending if job.demand and job.demand.constraint
        )
        self._home = Pool(snapshot.resources(snapshot.home), by_rank=by_rank)
        self._returning = Pool(snapshot.resources(snapshot.returning), by_rank=by_rank)
        self._pool = Pool(snapshot.resources(snapshot.home - frozenset(hidden)), by_rank=by_rank)
        running = [job for job in snapshot.running if job.ranks & snapshot.home]
        horizon = now + market.longest_s + policy.wait_margin_s
        self._horizon = horizon
        self._queue = LocalQueue(self._pool, running, policy, now, horizon=horizon)
        self.idle = self._pool.idle()
        self.renting = Renting(snapshot, policy, now, market)
        self.holds: dict[Hold, list[int]] = {}
        self.has_home_jobs = False
        self._has_left = False
        """Whether a job that home could hold has left for a burst: what the scheduler expects counts it in."""
        self._promised: dict[int, Room] = {}
        self._refused: dict[tuple[Demand, Hints], tuple[float, list[int]]] = {}

    def place_all(self) -> Allotment:
        """Give each waiting job its place."""
        jobs = _in_order(self._snapshot.pending)
        may_burst = eligibility_of(self._policy)
        promises = self.renting.promises
        for job in jobs if promises else ():
            room = promises.get(job.jobid)
            if room is not None and job.demand is not None and self.renting.take_free(room, job.demand):
                self._promised[job.jobid] = room
        for job in jobs:
            if may_burst(job):
                self._place(job)
            elif job.demand is not None and self._pool.capacity(job.demand) >= job.demand.units:
                self._queue.offer(job.demand, job.duration_s, inf)
        return self

    @property
    def unplaced(self) -> int:
        """The jobs that have a place neither at home nor on nodes that are there, coming or requested."""
        placed = (Code.FITS_NOW, Code.LOCAL_WAIT_SHORTER, Code.IN_FLIGHT)
        return sum(len(jobs) for hold, jobs in self.holds.items() if hold.code not in placed)

    def _place(self, job: PendingJob) -> None:
        wish = self._read(job)
        if isinstance(wish, Hold):
            self._hold(job, wish)
            return
        known = None if job.jobid in self._promised else self._refused.get((wish.demand, wish.hints))
        if known is not None and wish.lasts_s >= known[0] and not self._is_expected_soon(job):
            known[1].append(job.jobid)
            return
        found = self._find(wish)
        if found is None or found.code is Code.IN_FLIGHT:
            self._has_left = self._has_left or self._pool.capacity(wish.demand) >= wish.demand.units
        if found is None:
            return
        jobs = self._hold(job, found)
        if found.code in _AT_HOME:
            self.has_home_jobs = True
        elif found.code is not Code.IN_FLIGHT and not self._policy.requires_mounts:
            depends = self._policy.backfill or found.code in _BY_DURATION
            self._refused[wish.demand, wish.hints] = (wish.lasts_s if depends else 0.0, jobs)

    def _hold(self, job: PendingJob, hold: Hold) -> list[int]:
        jobs = self.holds.setdefault(hold, [])
        jobs.append(job.jobid)
        return jobs

    def _read(self, job: PendingJob) -> _Wish | Hold:
        if job.demand is None:
            return Hold(Code.NOT_BURSTABLE_HERE, f"its jobspec cannot be read: {job.problem}")
        if not job.is_own:
            return Hold(Code.NOT_BURSTABLE_HERE, "it is another user's: burst nodes run only the instance owner's jobs")
        try:
            hints = read_hints(job.burstable)
        except ValueError as exc:
            return Hold(Code.NOT_BURSTABLE_HERE, str(exc))
        lasts_s = self._policy.unknown_duration_s if job.duration_s is None else job.duration_s
        return _Wish(job, job.demand, hints, lasts_s)

    def _find(self, wish: _Wish) -> Hold | None:
        """Give why a job gets no new nodes; None if it gets some."""
        demand, hints = wish.demand, wish.hints
        could = self._pool.capacity(demand) >= demand.units
        if could and self._queue.starts_now(demand, wish.lasts_s):
            return Hold(Code.FITS_NOW, f"{demand.describe()} fit on the ranks that are free at home")
        if promised := self._promised.get(wish.job.jobid):
            return _in_flight(promised)
        if self._returns(demand) >= demand.units:
            return self._settling()
        rest, beside = self._beside_home(demand)
        if room := self.renting.find_free(rest, hints, wish.job.duration_s):
            self._queue.take_now(demand, beside, wish.lasts_s)
            return _in_flight(room)
        if self._returns(demand) > self._home.capacity(demand):
            return self._settling()
        return self._wait_or_burst(wish, rest, beside, could=could)

    def _wait_or_burst(self, wish: _Wish, rest: Demand, beside: int, *, could: bool) -> Hold | None:
        """Give why a job waits that nothing has room for now; None if it gets new nodes. `could`: home may hold it."""
        demand = wish.demand
        options = self._options(wish, rest)
        if could:
            start, why = self._wait(wish, options)
            self.has_home_jobs = self.has_home_jobs or isinstance(options, Refusal)
            if start is not None:
                return Hold(Code.LOCAL_WAIT_SHORTER, why)
        else:
            home = len(self._snapshot.home)
            are = "is" if home == 1 else "are"
            why = f"{demand.describe()} cannot run on the {counted(home, 'rank')} at home that {are} online"
        if isinstance(options, Refusal):
            if not could and self._home.capacity(demand) >= demand.units:
                return Hold(
                    Code.LOCAL_WAIT_SHORTER, f"only home can hold it ({options.reason}): it waits for its ranks"
                )
            return Hold(options.code, options.reason, options.slot)
        return self._burst(wish, rest, beside, options, why)

    def _burst(self, wish: _Wish, rest: Demand, beside: int, options: tuple[Option, ...], why: str) -> Hold | None:
        never = self._home.capacity(wish.demand) < wish.demand.units
        need = Need(
            job=wish.job,
            demand=rest,
            hints=wish.hints,
            lasts_s=wish.lasts_s,
            code=Code.NEVER_FITS_LOCALLY if never else Code.BREAK_EVEN,
            why=why,
        )
        refusal = self.renting.grow(need)
        if refusal is not None:
            other = self.renting.rent(need, options)
            refusal = other and (other if refusal.code is Code.NO_SLOT else refusal)
        if refusal is None:
            self._queue.take_now(wish.demand, beside, wish.lasts_s)
            return None
        if refusal.code is not Code.NO_SLOT:
            return Hold(refusal.code, refusal.reason, refusal.slot)
        room = self.renting.could_hold_later(rest, wish.hints)
        slot = refusal.slot or options[0].slot.name
        waits = (
            f"it runs on the burst in {room.slot.name} once there is room" if room else "it waits until that is free"
        )
        return Hold(
            Code.NO_SLOT,
            f"{rest.describe()} would fit the slot {slot}, which is in use or drained; {waits}",
            room.slot.name if room else slot,
            room.burst.burst_id if room and room.burst else None,
        )

    def _wait(self, wish: _Wish, options: tuple[Option, ...] | Refusal) -> tuple[float | None, str]:
        """Give when a job starts if it is to wait for that, and the figures; None if it is to burst."""
        latency = self._latency(options)
        margin_s = self._policy.wait_margin_s
        latest = inf if latency is None else self._now + latency.p90_s + margin_s
        start = expect(
            self._snapshot.expected_starts.get(wish.job.jobid),
            lambda: self._queue.offer(wish.demand, wish.job.duration_s, latest),
            scheduler=self._snapshot.facts.scheduler,
            latest=latest,
            now=self._now,
            others_left=self._has_left,
        )
        figures = start.describe(self._now)
        if latency is not None:
            figures += f"; a burst takes {latency.p90_s:.0f} s (p90), and the margin is {margin_s:.0f} s"
        stays = latency is not None and start.is_exact and start.at <= latest
        return (start.at if stays else None), figures

    def _is_expected_soon(self, job: PendingJob) -> bool:
        """Tell whether the scheduler may start a job in time that others like it wait for in vain."""
        return self._snapshot.expected_starts.get(job.jobid, inf) <= self._horizon

    def _latency(self, options: tuple[Option, ...] | Refusal) -> Latency | None:
        """Give how long a burst takes that could be had; None if there is none."""
        if isinstance(options, Refusal):
            return None
        for option in options:
            opening = self._market.opening(option.template)
            if isinstance(opening, Opening):
                return self._market.latency(option.template, opening.zone)
        return self._market.latency(options[0].template, options[0].template.zones[0])

    def _options(self, wish: _Wish, rest: Demand) -> tuple[Option, ...] | Refusal:
        if self._policy.requires_mounts and (cwd := lacks_mount(wish.job.cwd, self._snapshot.templates.values())):
            return Refusal(
                Code.NO_MOUNT,
                f"its working directory {cwd} lies under no mount of a template, and requires_mounts is set;"
                " submit it from a shared directory (--cwd), or add the mount to a template",
            )
        life_s = self._policy.max_lifetime_s
        if wish.job.duration_s is not None and wish.job.duration_s >= life_s:
            return Refusal(
                Code.TOO_LONG,
                f"its time limit is {wish.job.duration_s:.0f} s, and a burst may live {life_s:.0f} s (max_lifetime_s)",
            )
        return self._market.options(rest, wish.hints)

    def _beside_home(self, demand: Demand) -> tuple[Demand, int]:
        """Give what of a demand is for burst nodes, and how many of its units for ranks that are free at home."""
        beside = min(demand.units - 1, self._queue.free_now(demand)) if self._policy.placement == "spread" else 0
        return (replace(demand, units=demand.units - beside), beside) if beside else (demand, 0)

    def _returns(self, demand: Demand) -> int:
        """Give how many of a demand's units home holds once ranks are back that a starting lead waits for."""
        back = self._returning.capacity(demand) if self._snapshot.returning else 0
        return self._home.capacity(demand) + back if back else 0

    def _settling(self) -> Hold:
        ranks = format_idset(self._snapshot.returning)
        return Hold(Code.SETTLING, f"the lead has just started, and its ranks {ranks} may come back")


def _in_order(pending: Iterable[PendingJob]) -> list[PendingJob]:
    """Give jobs as the scheduler takes them: by urgency, then as they came.

    Sorted by one key at a time, the last one first: by numbers that is twice as fast as by tuples of them.
    """
    jobs = sorted(pending, key=attrgetter("jobid"))
    jobs.sort(key=attrgetter("submitted_at"))
    jobs.sort(key=attrgetter("wished_urgency"), reverse=True)
    return jobs


def _in_flight(room: Room) -> Hold:
    burst = room.burst
    state = burst.state if burst else ""
    return Hold(
        Code.IN_FLIGHT,
        f"the burst of {counted(room.base, 'node')} in the slot {room.slot.name} that is {state} has room for it",
        room.slot.name,
        burst.burst_id if burst else None,
        room.template.name,
        room.zone,
    )
