"""What the agent says on single jobs: memos, remarks and urgencies. None of it may stop a burst.

Each thing is said once while it stands: what was asked for may take its time where thousands of jobs wait, and the same
is decided again meanwhile. What is said, and why, is decided elsewhere.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from overspill_agent.deciding.decisions import Decision, DecisionKind
from overspill_agent.jobs import LOWERED_URGENCY, urgency_memo
from overspill_shared.errors import OverspillError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from overspill_agent.bursts import Burst
    from overspill_agent.deciding.decisions import Code
    from overspill_agent.jobs import PendingJob
    from overspill_agent.ports import FluxInstance

log = logging.getLogger(__name__)

FORGET_ABOVE = 1000
"""More jobs than this are looked through for those that wait no more."""


class Remarks:
    """The remarks of one agent."""

    def __init__(self, instance: FluxInstance) -> None:
        self._instance = instance
        self._told: dict[int, set[tuple[DecisionKind, Code]]] = {}
        self._asked: dict[int, int] = {}
        self._forget_above = FORGET_ABOVE

    def tell(self, jobid: int, code: Code, note: str, *, kind: DecisionKind = DecisionKind.HOLD) -> None:
        """Say on a job, once for each kind and code of a decision, what its user must see."""
        told = self._told.setdefault(jobid, set())
        if (kind, code) not in told:
            told.add((kind, code))
            remark = partial(self._instance.raise_exception, jobid, severity=2, kind="overspill", note=note)
            self._attempt("exception", remark)

    def tell_jobs(self, decision: Decision) -> None:
        """Say on the jobs that a decision is about what was decided."""
        for jobid in decision.jobs:
            self.tell(jobid, decision.code, decision.reason, kind=decision.kind)

    def show(self, burst: Burst) -> None:
        """Write a burst's state into the memo of the jobs that it is for."""
        for jobid in burst.jobs:
            told = {"burst_id": burst.burst_id, "state": burst.state.value, "slot": burst.slot, "reason": burst.reason}
            memo = {"overspill": told}
            self._attempt("memo", partial(self._instance.memo, jobid, memo))

    def lower_urgency(self, job: PendingJob) -> None:
        """Let other jobs pass this one; its memo keeps the urgency that it had, so that a later agent knows it too."""
        if self._asked.get(job.jobid) == LOWERED_URGENCY:
            return
        self._asked[job.jobid] = LOWERED_URGENCY
        self._attempt("memo", partial(self._instance.memo, job.jobid, urgency_memo(job.urgency)))
        self._attempt("urgency", partial(self._instance.set_urgency, job.jobid, LOWERED_URGENCY))

    def restore_urgency(self, job: PendingJob) -> None:
        """Give a job the urgency back that it had."""
        if job.lowered_from is None or self._asked.get(job.jobid) == job.lowered_from:
            return
        self._asked[job.jobid] = job.lowered_from
        self._attempt("urgency", partial(self._instance.set_urgency, job.jobid, job.lowered_from))
        self._attempt("memo", partial(self._instance.memo, job.jobid, urgency_memo(None)))

    def forget_others(self, jobids: Iterable[int]) -> None:
        """Forget what was said on other jobs than these, once that is worth it."""
        if len(self._told) + len(self._asked) <= self._forget_above:
            return
        known = frozenset(jobids)
        self._told = {jobid: codes for jobid, codes in self._told.items() if jobid in known}
        self._asked = {jobid: urgency for jobid, urgency in self._asked.items() if jobid in known}
        self._forget_above = max(FORGET_ABOVE, 2 * (len(self._told) + len(self._asked)))

    def _attempt(self, what: str, call: Callable[[], None]) -> None:
        try:
            call()
        except OverspillError as exc:
            log.warning("job.not_told", extra={"what": what, "error": exc.text})
