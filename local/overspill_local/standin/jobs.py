"""The jobs of an instance: what happens to them, and in which order it is told (RFC 21).

The simplest rule: by urgency, then by submission, each waiting job that fits starts, so a later one may pass one that
waits. Processes are a `Launcher`'s, ranks are `RankBook`'s; nothing here does input or output.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any, Final, Protocol

from overspill_local.standin import jobspec as jobspecs
from overspill_local.standin.job import Job, JobState
from overspill_local.standin.jobid import next_jobid
from overspill_local.standin.orders import build_orders
from overspill_local.standin.placement import place, why_never
from overspill_local.standin.protocol import Refused, invalid
from overspill_local.standin.resources import resource_summary, write_r

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from overspill_local.standin.ranks import RankBook

MAX_URGENCY: Final = 31
HOLD: Final = 0
"""Urgency at which a job waits whatever is free."""
_LOST_TASK_CODE: Final = 128 + 9
_PENDING: Final = (JobState.DEPEND, JobState.PRIORITY, JobState.SCHED)


class Launcher(Protocol):
    """Whoever runs tasks; reports come back by `on_started`, `on_output` and `on_exit`, never from inside a call."""

    def launch(self, rank: int, order: dict[str, Any]) -> None:
        """Run a rank's part of a job."""
        ...

    def kill(self, rank: int, jobid: int) -> None:
        """End a rank's part of a job; one that is not there is no error."""
        ...


class JobTable:
    """Every job since the instance started."""

    def __init__(
        self,
        ranks: RankBook,
        launcher: Launcher,
        *,
        publish: Callable[[dict[str, Any]], None],
        clock: Callable[[], float],
        created_at: float,
        userid: int,
    ) -> None:
        self._ranks = ranks
        self._launcher = launcher
        self._publish = publish
        self._clock = clock
        self._created_at = created_at
        self._userid = userid
        self._jobs: dict[int, Job] = {}
        self._last_jobid = 0

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def get(self, jobid: int) -> Job:
        """Give a job; raises Refused (ENOENT) if there is none."""
        if (job := self._jobs.get(jobid)) is None:
            raise Refused(errno.ENOENT, "unknown job")
        return job

    def active(self, jobid: int) -> Job:
        """Give a job to which something can still happen; raises Refused (ENOENT) otherwise."""
        job = self.get(jobid)
        if not job.is_active:
            raise Refused(errno.ENOENT, "job is inactive")
        return job

    def submit(self, jobspec: Mapping[str, Any], urgency: int) -> int:
        """Take a job, and start it if it fits; one that can never run fails at once.

        Raises Refused (EINVAL) if the jobspec is wrong.
        """
        job = self._new_job(jobspec, urgency)
        try:
            never = why_never(job.spec, self._ranks.shapes)
        except ValueError as exc:  # its constraint is none
            raise invalid(str(exc)) from None
        self._jobs[job.jobid] = job
        submitted = {"userid": self._userid, "urgency": urgency, "flags": 0, "version": 1}
        self._post(job, "submit", submitted, jobspec=job.jobspec)
        self._post(job, "validate")
        self._post(job, "depend")
        self._post(job, "priority", {"priority": urgency})
        if never:
            self._fail(job, "alloc", never)
        self.schedule()
        return job.jobid

    def set_urgency(self, jobid: int, urgency: int) -> None:
        """Change a waiting job's urgency; raises Refused (EINVAL) if it has resources already."""
        job = self.active(jobid)
        _check_urgency(urgency)
        if job.state not in _PENDING:
            raise invalid("urgency cannot be changed once resources are allocated")
        job.urgency = urgency
        self._post(job, "urgency", {"urgency": urgency, "userid": self._userid})
        self._post(job, "priority", {"priority": urgency})
        self.schedule()

    def add_memo(self, jobid: int, memo: Mapping[str, Any]) -> None:
        """Merge a memo into the job's; None removes a key."""
        job = self.active(jobid)
        merged = {**job.memo, **memo}
        job.memo = {key: value for key, value in merged.items() if value is not None}
        self._post(job, "memo", dict(memo))

    def raise_exception(self, jobid: int, *, severity: int, kind: str, note: str) -> None:
        """Raise an exception; severity 0 ends the job, any other is a remark."""
        job = self.active(jobid)
        if severity == 0:
            self._fail(job, kind, note)
            self.schedule()
        else:
            self._post(job, "exception", self._exception(severity, kind, note))

    def schedule(self) -> None:
        """Start every waiting job that fits now."""
        waiting = [job for job in self if job.state is JobState.SCHED and job.urgency != HOLD]
        for job in sorted(waiting, key=lambda job: (-job.urgency, job.jobid)):
            if shares := place(job.spec, self._ranks.offers()):
                job.shares = shares
                self._start(job)

    def on_started(self, jobid: int, rank: int) -> None:
        """Hear that a rank has started its tasks."""
        job = self._jobs.get(jobid)
        if job is None or rank not in job.unstarted:
            return
        job.unstarted.discard(rank)
        if not job.unstarted and job.state is JobState.RUN:
            self._post(job, "start")

    def on_output(self, jobid: int, rank: int, *, task: int, stream: str, line: str) -> None:
        """Hear a line that a task wrote."""
        if job := self._jobs.get(jobid):
            host = self._ranks.host(rank)
            job.add_output({"rank": rank, "host": host, "task": task, "stream": stream, "line": line})

    def on_exit(self, jobid: int, rank: int, code: int) -> None:
        """Hear that a rank's tasks have ended, the largest exit code being `code`."""
        job = self._jobs.get(jobid)
        if job is None or rank not in job.unfinished:
            return
        job.unfinished.discard(rank)
        job.exit_code = max(job.exit_code, code)
        if not job.unfinished:
            self._finish(job)
            self.schedule()

    def on_rank_lost(self, rank: int) -> None:
        """Hear that a rank is gone: its jobs fail."""
        for job in [job for job in self if rank in job.unfinished]:
            if job.failure is None:
                self._fail(job, "exec", f"node failure on {self._ranks.host(rank)} (rank {rank})")
            self.on_exit(job.jobid, rank, _LOST_TASK_CODE)

    def _new_job(self, jobspec: Mapping[str, Any], urgency: int) -> Job:
        _check_urgency(urgency)
        spec = jobspecs.read(jobspec)
        self._last_jobid = next_jobid(self._clock(), self._created_at, self._last_jobid)
        return Job(
            jobid=self._last_jobid,
            spec=spec,
            jobspec=jobspecs.redact(jobspec),
            urgency=urgency,
            userid=self._userid,
        )

    def _start(self, job: Job) -> None:
        self._ranks.claim(job.shares)
        summary = {"annotations": {"sched": {"resource_summary": resource_summary(job.shares)}}}
        self._post(job, "alloc", summary, R=write_r(job.shares, starttime=self._clock()))
        orders = build_orders(job)
        job.unstarted, job.unfinished = set(orders), set(orders)
        for rank, order in orders.items():
            self._launcher.launch(rank, order)

    def _fail(self, job: Job, kind: str, note: str) -> None:
        self._post(job, "exception", self._exception(0, kind, note))
        for rank in job.unfinished:
            self._launcher.kill(rank, job.jobid)
        if not job.unfinished:
            self._post(job, "clean")

    def _finish(self, job: Job) -> None:
        self._post(job, "finish", {"status": job.exit_code << 8})
        self._ranks.release(job.shares)
        self._post(job, "release", {"ranks": "all", "final": True})
        self._post(job, "free")
        self._post(job, "clean")

    def _exception(self, severity: int, kind: str, note: str) -> dict[str, Any]:
        return {"type": kind, "severity": severity, "note": note, "userid": self._userid}

    def _post(self, job: Job, name: str, context: Mapping[str, Any] | None = None, **attached: Any) -> None:
        event = {"kind": "job", "jobid": job.jobid, "name": name, "at": self._clock(), "context": dict(context or {})}
        event.update(attached)
        job.apply(event)
        self._publish(event)


def _check_urgency(urgency: int) -> None:
    if not HOLD <= urgency <= MAX_URGENCY:
        raise invalid(f"urgency must be between {HOLD} and {MAX_URGENCY}")
