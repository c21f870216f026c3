"""One job: its states, its event log (RFC 21), its output.

A job changes by events and by nothing else; who posts which, and when, is `jobs`'.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from overspill_shared import hostlist
from overspill_shared.idset import format_idset

if TYPE_CHECKING:
    from collections.abc import Callable

    from overspill_local.standin.jobspec import Spec
    from overspill_local.standin.resources import Share

MAX_OUTPUT_LINES: Final = 20_000
"""Lines of one job's output that are kept; the oldest go first."""


class JobState(StrEnum):
    """RFC 21's states."""

    NEW = "NEW"
    DEPEND = "DEPEND"
    PRIORITY = "PRIORITY"
    SCHED = "SCHED"
    RUN = "RUN"
    CLEANUP = "CLEANUP"
    INACTIVE = "INACTIVE"


MOVES: Final = {
    "submit": {JobState.NEW: JobState.DEPEND},
    "depend": {JobState.DEPEND: JobState.PRIORITY},
    "priority": {JobState.PRIORITY: JobState.SCHED},
    "alloc": {JobState.SCHED: JobState.RUN},
    "finish": {JobState.RUN: JobState.CLEANUP},
    "clean": {JobState.CLEANUP: JobState.INACTIVE},
}
"""The state that an event leads to; any other event, or in another state, leaves it. A severity-0 exception: below."""

_FATAL_MOVES: Final = dict.fromkeys(
    (JobState.DEPEND, JobState.PRIORITY, JobState.SCHED, JobState.RUN), JobState.CLEANUP
)


@dataclass(slots=True, kw_only=True)
class Job:
    """A job from its submission on; everything but what only its ranks know."""

    jobid: int
    spec: Spec
    jobspec: dict[str, Any]
    """Without its environment."""
    urgency: int
    userid: int
    state: JobState = JobState.NEW
    events: list[dict[str, Any]] = field(default_factory=list)
    shares: tuple[Share, ...] = ()
    unfinished: set[int] = field(default_factory=set)
    """Ranks whose tasks are not known to have ended."""
    unstarted: set[int] = field(default_factory=set)
    exit_code: int = 0
    """The largest of its tasks' so far; 128 + N for one that signal N ended."""
    waitstatus: int | None = None
    failure: dict[str, Any] | None = None
    """The context of the first severity-0 exception."""
    memo: dict[str, Any] = field(default_factory=dict)
    output: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MAX_OUTPUT_LINES))
    """Each line with the rank, host, task and stream that it came from."""
    output_listeners: set[Callable[[dict[str, Any]], None]] = field(default_factory=set)

    def apply(self, event: dict[str, Any]) -> None:
        """Take an event into the log, and the state along."""
        self.events.append(event)
        name, context = event["name"], event["context"]
        moves = _FATAL_MOVES if name == "exception" and context["severity"] == 0 else MOVES.get(name, {})
        self.state = moves.get(self.state, self.state)
        if name == "exception" and context["severity"] == 0 and self.failure is None:
            self.failure = context
        elif name == "finish":
            self.waitstatus = context["status"]

    def add_output(self, line: dict[str, Any]) -> None:
        """Take a line of output."""
        self.output.append(line)
        for listener in tuple(self.output_listeners):
            listener(line)

    @property
    def is_active(self) -> bool:
        """Tell whether anything can still happen to it."""
        return self.state is not JobState.INACTIVE

    @property
    def result(self) -> str | None:
        """Give COMPLETED, FAILED or CANCELED, or None while it is active."""
        if self.is_active:
            return None
        if self.failure is not None:
            return "CANCELED" if self.failure["type"] == "cancel" else "FAILED"
        return "FAILED" if self.waitstatus else "COMPLETED"

    def _time_of(self, name: str) -> float | None:
        return next((event["at"] for event in self.events if event["name"] == name), None)

    def summary(self) -> dict[str, Any]:
        """Give what `job.list` says of it."""
        demand = self.spec.demand
        slots = demand.slots * (demand.nodes or 1)
        return {
            "jobid": self.jobid,
            "name": self.spec.name,
            "state": self.state.value,
            "result": self.result,
            "urgency": self.urgency,
            "ntasks": self.spec.tasks_total or slots * self.spec.tasks_per_slot,
            "nnodes": len(self.shares) or demand.nodes,
            "ranks": format_idset(share.rank for share in self.shares),
            "nodelist": hostlist.compress(share.host for share in self.shares),
            "t_submit": self.events[0]["at"],
            "t_run": self._time_of("start"),
            "t_cleanup": self._time_of("finish"),
            "waitstatus": self.waitstatus,
            "exception": self.failure,
            "memo": self.memo,
        }
