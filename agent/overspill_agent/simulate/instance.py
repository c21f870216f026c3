"""The simulated Flux instance: its ranks, its queue, and which jobs run where. It knows the time, but not the cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from overspill_agent.simulate.local_queue import Pool, Waiting, plan_starts
from overspill_agent.simulate.outcomes import End, JobOutcome
from overspill_agent.simulate.ports import Running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from overspill_agent.simulate.trace import TraceJob
    from overspill_shared.idset import Ranks

HOME: Final = "home"


class Instance:
    """What Flux knows: declared ranks with the pool that each belongs to, jobs that wait, and jobs that run."""

    def __init__(self, home: Ranks, *, backfill: bool, unknown_s: float, largest_slot: int, straddles: bool) -> None:
        self._home = home
        self._backfill = backfill
        self._unknown_s = unknown_s
        self._widest = len(home) + largest_slot if straddles else max(len(home), largest_slot)
        # Without queues Flux places any job on any rank that is online.
        self._straddles = straddles
        self._pools: dict[str, Ranks] = {}
        self._jobs: dict[int, TraceJob] = {}
        self._queue: list[Waiting] = []
        self._free = set(home)
        self.running: dict[int, Running] = {}
        self.online: Ranks = home
        self.drained: Ranks = frozenset()
        self.outcomes: list[JobOutcome] = []

    @property
    def queue(self) -> tuple[Waiting, ...]:
        """The jobs that wait, in order."""
        return tuple(self._queue)

    def submit(self, job: TraceJob) -> bool:
        """Take in a job, or refuse it if it fits nowhere that is declared; tells whether it was taken."""
        if job.nodes > (self._widest if job.is_burstable or self._straddles else len(self._home)):
            self.outcomes.append(JobOutcome(job=job, end=End.REFUSED))
            return False
        self._jobs[job.jobid] = job
        self._queue.append(
            Waiting(
                jobid=job.jobid,
                nodes=job.nodes,
                expected_s=job.limit_s or self._unknown_s,
                may_leave_home=job.is_burstable,
            )
        )
        return True

    def join(self, pool: str, ranks: Ranks) -> None:
        """Bring ranks online, as part of a pool."""
        new = ranks - self.online
        self._pools[pool] = self._pools.get(pool, frozenset()) | new
        self.online |= new
        self._free |= new - self.drained

    def lose(self, ranks: Ranks, now: float) -> bool:
        """Take ranks offline, which ends the jobs there; tells whether any was online."""
        gone = ranks & self.online - self._home
        for victim in [running for running in self.running.values() if running.ranks & gone]:
            self._release(victim, now, End.KILLED)
        self.online -= gone
        self._free -= gone
        self._pools = {name: left for name, held in self._pools.items() if (left := held - gone)}
        return bool(gone)

    def drain(self, ranks: Ranks) -> None:
        """Let ranks take no new work."""
        self.drained |= ranks
        self._free -= ranks

    def undrain(self, ranks: Ranks) -> None:
        """Let ranks take work again."""
        back = ranks & self.drained
        self.drained -= back
        if back:
            busy = frozenset().union(*(running.ranks for running in self.running.values()))
            self._free |= (back & self.online) - busy

    def finish(self, jobid: int, now: float) -> Running:
        """End a job that has run as long as it wanted."""
        running = self.running[jobid]
        self._release(running, now, End.DONE)
        return running

    def start(self, now: float) -> list[Running]:
        """Start what can be started now; gives those jobs."""
        if not self._queue or not self._free:
            return []
        pools = list(self._open_pools())
        started = [
            self._begin(waiting, pool.name, now)
            for waiting, pool in list(plan_starts(self._queue, pools, now, backfill=self._backfill))
        ]
        if started:
            ids = {running.job.jobid for running in started}
            self._queue = [waiting for waiting in self._queue if waiting.jobid not in ids]
        return started

    def give_up(self) -> None:
        """Count what still waits as never started."""
        self.outcomes += (JobOutcome(job=self._jobs[w.jobid], end=End.UNSTARTED) for w in self._queue)
        self._queue = []

    def ranks_of(self, pool: str) -> Ranks:
        """Give a burst's ranks that are online."""
        return self._pools.get(pool, frozenset())

    def burst_nodes_of(self, running: Running) -> Iterator[tuple[str, int]]:
        """Give the bursts that a job runs on, each with how many of its nodes it holds."""
        if running.ranks <= self._home:
            return
        for name, ranks in self._pools.items():
            if held := len(running.ranks & ranks):
                yield name, held

    def _open_pools(self) -> Iterator[Pool]:
        """Give the pools: that at home first, then the oldest burst's; all as one where jobs may straddle them."""
        ends: dict[str, list[tuple[float, int]]] = {}
        for running in self.running.values():
            expected_s = running.job.limit_s or self._unknown_s
            ends.setdefault(running.pool, []).append((running.started_at + expected_s, len(running.ranks)))
        at_home = self._free if self._straddles else self._free & self._home
        yield Pool(name=HOME, free=len(at_home), is_home=True, ends=ends.get(HOME, []))
        if not self._straddles:
            for name, ranks in self._pools.items():
                yield Pool(name=name, free=len(self._free & ranks), is_home=False, ends=ends.get(name, []))

    def _begin(self, waiting: Waiting, pool: str, now: float) -> Running:
        ranks_of_pool = self._home if pool == HOME else self._pools[pool]
        open_ranks = self._free if self._straddles else self._free & ranks_of_pool
        ranks = frozenset(sorted(open_ranks)[: waiting.nodes])
        running = Running(job=self._jobs[waiting.jobid], ranks=ranks, started_at=now, pool=pool)
        self._free -= ranks
        self.running[waiting.jobid] = running
        return running

    def _release(self, running: Running, now: float, end: End) -> None:
        del self.running[running.job.jobid]
        self._free |= (running.ranks & self.online) - self.drained
        self.outcomes.append(
            JobOutcome(
                job=running.job,
                end=end,
                started_at=running.started_at,
                ended_at=now,
                is_on_burst=not running.ranks <= self._home,
            )
        )
