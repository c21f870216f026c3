"""When the scheduler says that waiting jobs will start, as far as it is still to be believed. Pure.

Both of Flux's schedulers say so by a job's annotations (`sched.t_estimate`), within a millisecond of its priority, and
say so anew when it changes: Fluxion for the jobs that it reserves ranks for (hybrid and conservative: the first 32,
easy: the first, fcfs: none), sched-simple for the first 8 of the queue. Neither does where what is in the way has no
time limit. What they say is about all ranks that are up, a burst's too. What it is worth to a decision stands in
`deciding.expecting`.

Fluxion takes nothing back when it loses ranks that a reservation needs and cannot make another. So what was said while
a rank was up that is up no more is forgotten, unless it was said after that loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from overspill_agent.ports import JobEvent
    from overspill_shared.idset import Ranks

SLACK_S: Final = 1.0
"""Jobs and ranks are told of by different services: what is told this close together may have happened in any order."""


class ExpectedStarts:
    """What the scheduler said, by job."""

    def __init__(self) -> None:
        self._said: dict[int, tuple[float, float]] = {}
        """(when the job will start, when that was said)"""
        self._up_since: dict[int, float] = {}

    @property
    def values(self) -> Mapping[int, float]:
        """The jobs' starts (epoch seconds), by their ids."""
        return {jobid: starts_at for jobid, (starts_at, _said_at) in self._said.items()}

    def apply(self, event: JobEvent) -> bool:
        """Take in one event of a job; tells whether that changed anything."""
        before = self._said.get(event.jobid)
        if event.name == "annotations":
            starts_at = _estimate(event.context)
            if starts_at is None:
                self._said.pop(event.jobid, None)
            else:
                self._said[event.jobid] = (starts_at, event.at)
            return starts_at != (before and before[0])
        if event.name in ("alloc", "clean"):
            self._said.pop(event.jobid, None)
        return False

    def note_ranks(self, up: Ranks, now: float) -> None:
        """Take in which ranks can be given work from now on; what those that were lost put in doubt is forgotten."""
        since = min((at for rank, at in self._up_since.items() if rank not in up), default=None)
        if since is not None:
            doubtful = (since - SLACK_S, now - SLACK_S)
            self._said = {job: said for job, said in self._said.items() if not doubtful[0] <= said[1] <= doubtful[1]}
        self._up_since = {rank: self._up_since.get(rank, now) for rank in up}


def _estimate(context: Mapping[str, object]) -> float | None:
    """Give `annotations.sched.t_estimate` (epoch seconds); None where there is none."""
    annotations = context.get("annotations")
    of_scheduler = annotations.get("sched") if isinstance(annotations, Mapping) else None
    starts_at = of_scheduler.get("t_estimate") if isinstance(of_scheduler, Mapping) else None
    return float(starts_at) if isinstance(starts_at, int | float) and starts_at > 0 else None
