"""The clock of a simulation: events in order, a turn of the agent where something changed, until all is quiet.

It carries out what the agent decides on the simulated instance and cloud, and decides nothing itself.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Final

from overspill_agent.simulate.cloud import Cloud
from overspill_agent.simulate.outcomes import Run
from overspill_agent.simulate.ports import (
    CloudNews,
    Drain,
    JobChange,
    Leave,
    Moment,
    Request,
    Resize,
    Teardown,
    Undrain,
)
from overspill_shared.errors import ErrorClass

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from overspill_agent.simulate.cloud import Cluster
    from overspill_agent.simulate.instance import Instance
    from overspill_agent.simulate.latencies import CloudModel
    from overspill_agent.simulate.ports import Agent, Effect, Running
    from overspill_agent.simulate.trace import TraceJob
    from overspill_shared.idset import Ranks

TURN_S: Final = 30.0
"""The agent decides at most once in so many simulated seconds: a queue that a person watches needs no more."""
LEAVE_S: Final = 10.0
"""From telling brokers to leave until they are offline."""
QUIET_S: Final = 3 * 86_400.0
"""No job came, began or ended for so long: what still waits then waits for ever, and what was there all the time and
still costs money is a leak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a run happens in."""

    instance: Instance
    cloud: CloudModel
    seed: int


class Engine:
    """One run of one trace."""

    def __init__(self, world: World, agent: Agent) -> None:
        self._instance = world.instance
        self._cloud = Cloud(world.cloud, world.seed)
        self._agent = agent
        self._events: list[tuple[float, int, Callable[[float], bool]]] = []
        self._order = count()
        self._news: list[CloudNews] = []
        self._changes: list[JobChange] = []
        self._turns = 0
        self._next_turn: float | None = None
        self._last_turn = -TURN_S
        self._moved_at = 0.0
        self._to_come = 0

    def run(self, policy: str, jobs: Sequence[TraceJob]) -> Run:
        """Play all jobs under the policy of this name, to their ends and those of all bursts."""
        for job in jobs:
            self._at(job.submitted_at, partial(self._submit, job))
        self._to_come = len(jobs)
        now = 0.0
        while self._events and not self._is_over(now):
            now = self._events[0][0]
            has_changed = False
            while self._events and self._events[0][0] == now:
                has_changed |= heapq.heappop(self._events)[2](now)
            if has_changed:
                self._start(now)
                self._ask_for_turn(now)
        self._instance.give_up()
        return Run(
            policy=policy,
            jobs=tuple(self._instance.outcomes),
            bursts=tuple(cluster.outcome(now, quiet_since=self._moved_at) for cluster in self._cloud.clusters.values()),
            turns=self._turns,
        )

    def _at(self, when: float, call: Callable[[float], bool]) -> None:
        """Have a call made; it tells whether it changed what the agent or the scheduler sees."""
        heapq.heappush(self._events, (when, next(self._order), call))

    def _is_over(self, now: float) -> bool:
        return not self._to_come and not self._instance.running and now - self._moved_at >= QUIET_S

    def _submit(self, job: TraceJob, now: float) -> bool:
        self._to_come -= 1
        if self._instance.submit(job):
            self._change(job, "submitted", now)
        return True

    def _start(self, now: float) -> None:
        for running in self._instance.start(now):
            self._meter(running, 1, now)
            self._change(running.job, "started", now, running.ranks)
            self._at(now + running.job.run_s, partial(self._finish, running))

    def _finish(self, running: Running, now: float) -> bool:
        if self._instance.running.get(running.job.jobid) is not running:
            return False
        self._meter(running, -1, now)
        self._instance.finish(running.job.jobid, now)
        self._change(running.job, "ended", now)
        return True

    def _change(self, job: TraceJob, kind: str, now: float, ranks: Ranks = frozenset()) -> None:
        self._moved_at = now
        self._changes.append(JobChange(job=job, kind=kind, at=now, ranks=ranks))

    def _meter(self, running: Running, sign: int, now: float) -> None:
        for burst_id, nodes in self._instance.burst_nodes_of(running):
            self._cloud.clusters[burst_id].used.add(sign * nodes, now)

    # Turns

    def _ask_for_turn(self, wanted: float) -> None:
        """Have a turn as soon as one may be again; one that comes sooner is enough."""
        at = max(wanted, self._last_turn + TURN_S)
        if self._next_turn is None or at < self._next_turn:
            self._next_turn = at
            self._at(at, self._turn)

    def _turn(self, now: float) -> bool:
        if now != self._next_turn:
            return False
        self._next_turn = None
        if not self._instance.queue and not self._news and self._cloud.are_all_gone:
            # Nothing waits and nothing costs anything: there is nothing to decide.
            return False
        self._last_turn, self._turns = now, self._turns + 1
        turn = self._agent.turn(
            Moment(
                now=now,
                changes=tuple(self._changes),
                online=self._instance.online,
                drained=self._instance.drained,
                news=tuple(self._news),
            )
        )
        self._changes, self._news = [], []
        for effect in turn.effects:
            self._carry_out(effect, now)
        if turn.effects:
            self._start(now)
        if turn.wake_at is not None:
            self._ask_for_turn(turn.wake_at)
        return False

    def _carry_out(self, effect: Effect, now: float) -> None:
        match effect:
            case Request():
                self._request(effect, now)
            case Resize():
                self._resize(effect, now)
            case Drain(ranks=ranks):
                self._instance.drain(ranks)
            case Undrain(ranks=ranks):
                self._instance.undrain(ranks)
            case Leave(ranks=ranks):
                self._at(now + LEAVE_S, partial(self._lose, ranks))
            case Teardown(burst_id=burst_id):
                self._teardown(burst_id, now)

    # The cloud

    def _request(self, request: Request, now: float) -> None:
        cluster = self._cloud.create(request.burst_id, request.slot, len(request.ranks), now)
        if cluster is None:
            return
        self._report(cluster, "accepted", now)
        made_at = now + cluster.fate.create_s
        if cluster.fate.failure is ErrorClass.CAPACITY:
            self._at(made_at, partial(self._report, cluster, "failed"))
            return
        self._at(made_at, partial(self._report, cluster, "minicluster-created"))
        self._at(made_at + cluster.fate.join_s, partial(self._join, cluster, request.ranks))

    def _resize(self, resize: Resize, now: float) -> None:
        cluster = self._cloud.clusters.get(resize.burst_id)
        if cluster is None or not cluster.is_up or resize.revision <= cluster.revision:
            return
        self._lose(self._instance.ranks_of(resize.burst_id) - resize.ranks, now)
        grown_s = self._cloud.resize(cluster, len(resize.ranks), resize.revision, now)
        ready_at = max(now + grown_s, cluster.requested_at + cluster.fate.create_s + cluster.fate.join_s)
        self._at(ready_at, partial(self._join, cluster, resize.ranks))
        self._at(ready_at, partial(self._report, cluster, "resized"))
        gone_at = ready_at + self._cloud.gone_after_s(len(resize.ranks))
        self._at(gone_at, partial(self._give_back, cluster, len(resize.ranks), resize.revision))

    def _give_back(self, cluster: Cluster, nodes: int, revision: int, now: float) -> bool:
        self._cloud.give_back(cluster, nodes, revision, now)
        return False

    def _join(self, cluster: Cluster, ranks: Ranks, now: float) -> bool:
        if not cluster.is_up or cluster.fate.failure is not None:
            return False
        cluster.online_at = now if cluster.online_at is None else cluster.online_at
        self._instance.join(cluster.burst_id, ranks)
        return True

    def _lose(self, ranks: Ranks, now: float) -> bool:
        for running in self._instance.running.values():
            if running.ranks & ranks:
                self._meter(running, -1, now)
                self._change(running.job, "ended", now)
        return self._instance.lose(ranks, now)

    def _teardown(self, burst_id: str, now: float) -> None:
        cluster = self._cloud.clusters.get(burst_id)
        if cluster is not None and self._cloud.delete(cluster, now):
            self._lose(self._instance.ranks_of(burst_id), now)
            self._at(now + cluster.fate.delete_s, partial(self._remove, cluster))

    def _remove(self, cluster: Cluster, now: float) -> bool:
        self._cloud.remove(cluster, now)
        return self._report(cluster, "removed", now)

    def _report(self, cluster: Cluster, kind: str, now: float) -> bool:
        if not cluster.is_up and kind != "removed":
            return False
        failure = cluster.fate.failure if kind == "failed" else None
        self._news.append(
            CloudNews(burst_id=cluster.burst_id, kind=kind, at=now, revision=cluster.revision, failure=failure)
        )
        return True
