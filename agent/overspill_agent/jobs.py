"""The jobs that wait and the ranks that have work, kept from the job journal's events. Pure values.

Jobs that are not marked are kept too: they stand in the queue at home, and hold ranks. One event changes one job;
nothing is asked of Flux. Events are RFC 21's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from overspill_agent.deciding.demand import Demand, burstable_mark, duration_of, parse_demand, shared
from overspill_agent.deciding.mounts import working_directory
from overspill_shared.idset import parse_idset

if TYPE_CHECKING:
    from overspill_agent.ports import JobEvent
    from overspill_shared.idset import Ranks

DEFAULT_URGENCY: Final = 16
WHOLE: Final = 2**20
"""Cores of a rank of which R does not say how many are held: all of them."""
LOWERED_URGENCY: Final = 1
"""Sorts behind every ordinary job, yet starts by itself as soon as its ranks are there (0 would hold it)."""

_MEMO: Final = "overspill"
_LOWERED_FROM: Final = "lowered_from"


class Lowering(StrEnum):
    """How a job's urgency stands with us."""

    NONE = "none"
    INTENDED = "intended"
    """Its memo says what urgency it had, and nothing has changed that yet."""
    DONE = "done"
    """It has the low urgency that we gave it."""
    OVERRULED = "overruled"
    """Somebody has changed the urgency since: it is theirs now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingJob:
    """A job that has no resources yet."""

    jobid: int
    submitted_at: float
    urgency: int
    priority: int
    """0 until its dependencies are met, and while it is held: the scheduler does not have it then."""
    demand: Demand | None
    """None if its jobspec asks for something that is not jobspec V1: `problem` says what."""
    problem: str
    jobspec_json: bytes = b"{}"
    """Its jobspec as text: as objects it takes seven times the room, and hardly one of ten thousand is read again."""
    cwd: str | None = None
    """Its working directory; None where it names none."""
    burstable: Any = None
    """Its mark: `attributes.system.burstable`, whatever it is; None where it has none."""
    duration_s: float | None = None
    """Its time limit; None where it has none."""
    is_own: bool = True
    """Whether it is the instance owner's."""
    lowered_from: int | None = None
    """The urgency that it had before it was lowered."""
    lowering: Lowering = Lowering.NONE

    @property
    def jobspec(self) -> dict[str, Any]:
        """Its jobspec (RFC 25, without its environment), read anew each time."""
        jobspec: dict[str, Any] = json.loads(self.jobspec_json)
        return jobspec

    @property
    def wished_urgency(self) -> int:
        """The urgency that its user gave it, whatever we made of it."""
        return self.urgency if self.lowered_from is None or not self.is_lowered else self.lowered_from

    @property
    def may_be_lowered(self) -> bool:
        """Whether a lower urgency would change anything, and is ours to give."""
        return self.urgency > LOWERED_URGENCY and self.lowering in (Lowering.NONE, Lowering.INTENDED)

    @property
    def is_lowered(self) -> bool:
        """Whether it has the low urgency that we gave it."""
        return self.lowering is Lowering.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningJob:
    """A job that has resources."""

    jobid: int
    started_at: float
    duration_s: float | None
    held: Mapping[int, tuple[int, int]]
    """The cores and GPUs that it holds, by rank."""

    @property
    def ranks(self) -> Ranks:
        """The ranks that it holds."""
        return frozenset(self.held)


class JobTable:
    """The state that job events leave behind."""

    def __init__(self, *, owner_uid: int) -> None:
        """`owner_uid` is the instance owner's: on an instance that lets guests in, others submit jobs too."""
        self._owner_uid = owner_uid
        self._pending: dict[int, PendingJob] = {}
        self._running: dict[int, RunningJob] = {}

    def apply(self, event: JobEvent) -> bool:
        """Take in one event; tells whether anything changed that a decision could depend on."""
        match event.name:
            case "submit":
                return self._submit(event)
            case "urgency" | "priority" | "jobspec-update":
                return self._update(event)
            case "memo":
                return self._memo(event)
            case "alloc":
                job = self._pending.pop(event.jobid, None)
                duration_s = job.duration_s if job is not None else None
                held = held_resources(event.R or {})
                self._running[event.jobid] = RunningJob(
                    jobid=event.jobid, started_at=event.at, duration_s=duration_s, held=held
                )
                return True
            case "resource-update":
                return self._extend(event)
            case "free" | "clean":
                was_pending = self._pending.pop(event.jobid, None) is not None
                return self._running.pop(event.jobid, None) is not None or was_pending
            case "exception":
                return self._exception(event)
            case _:
                return False

    @property
    def pending(self) -> tuple[PendingJob, ...]:
        """The jobs that wait for resources and nothing else, in the order in which they were submitted."""
        return tuple(job for job in self._pending.values() if job.priority > 0)

    @property
    def allocated(self) -> Ranks:
        """The ranks that jobs hold."""
        return frozenset().union(*(job.held for job in self._running.values()))

    @property
    def running(self) -> tuple[RunningJob, ...]:
        """The jobs that have resources."""
        return tuple(self._running.values())

    def ranks_of(self, jobid: int) -> Ranks:
        """Give the ranks that a job holds."""
        job = self._running.get(jobid)
        return job.ranks if job is not None else frozenset()

    def _submit(self, event: JobEvent) -> bool:
        jobspec = event.jobspec or {}
        if jobspec:
            self._pending[event.jobid] = PendingJob(
                jobid=event.jobid,
                submitted_at=event.at,
                urgency=int(event.context.get("urgency", DEFAULT_URGENCY)),
                priority=0,
                is_own=event.context.get("userid", self._owner_uid) == self._owner_uid,
                **_read(jobspec),
            )
        return False

    def _update(self, event: JobEvent) -> bool:
        job = self._pending.get(event.jobid)
        if job is None:
            return False
        changed = self._pending[event.jobid] = _updated(job, event)
        return job.priority > 0 or changed.priority > 0

    def _memo(self, event: JobEvent) -> bool:
        """Read what urgency we meant to lower, or have restored; no decision waits for it."""
        ours = event.context.get(_MEMO)
        job = self._pending.get(event.jobid)
        if job is not None and isinstance(ours, Mapping) and _LOWERED_FROM in ours:
            before = ours[_LOWERED_FROM]
            lowering = Lowering.NONE if before is None else Lowering.INTENDED
            self._pending[event.jobid] = replace(job, lowered_from=before, lowering=lowering)
        return False

    def _extend(self, event: JobEvent) -> bool:
        """Read the limit that a running job got by `flux update` (0: none); neither scheduler reckons with it."""
        job, expiration = self._running.get(event.jobid), event.context.get("expiration")
        if job is None or not isinstance(expiration, int | float):
            return False
        duration_s = expiration - job.started_at if expiration > 0 else None
        self._running[event.jobid] = replace(job, duration_s=duration_s)
        return True

    def _exception(self, event: JobEvent) -> bool:
        """A fatal exception ends a waiting job; a running one ends with its `free`."""
        if event.context.get("severity") != 0:
            return False
        return self._pending.pop(event.jobid, None) is not None


def updated_jobspec(jobspec: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Give a jobspec after a jobspec-update; keys are paths, such as `attributes.system.queue`."""
    updated = dict(jobspec)
    for path, value in changes.items():
        *parents, last = path.split(".")
        table = updated
        for key in parents:
            inner = table.get(key)
            table[key] = dict(inner) if isinstance(inner, Mapping) else {}
            table = table[key]
        table[last] = value
    return updated


def _updated(job: PendingJob, event: JobEvent) -> PendingJob:
    match event.name:
        case "urgency":
            urgency = int(event.context["urgency"])
            return replace(job, urgency=urgency, lowering=_lowering_after(job.lowering, urgency))
        case "priority":
            return replace(job, priority=int(event.context["priority"]))
        case _:
            return replace(job, **_read(updated_jobspec(job.jobspec, event.context)))


def _lowering_after(lowering: Lowering, urgency: int) -> Lowering:
    """Give how an urgency stands with us once it was changed: after our own change, the next one is another's."""
    match lowering:
        case Lowering.INTENDED if urgency == LOWERED_URGENCY:
            return Lowering.DONE
        case Lowering.DONE:
            return Lowering.OVERRULED
        case _:
            return lowering


def urgency_memo(urgency: int | None) -> dict[str, Any]:
    """Give the memo that keeps the urgency that a job had; with None, the one that removes it.

    >>> urgency_memo(16)
    {'overspill': {'lowered_from': 16}}
    """
    return {_MEMO: {_LOWERED_FROM: urgency}}


def _read(jobspec: Mapping[str, Any]) -> dict[str, Any]:
    """Give the fields of a PendingJob that its jobspec tells."""
    demand, problem = _read_demand(jobspec)
    return {
        "demand": demand,
        "problem": problem,
        "jobspec_json": json.dumps(jobspec, separators=(",", ":")).encode(),
        "cwd": working_directory(jobspec),
        "burstable": burstable_mark(jobspec),
        "duration_s": duration_of(jobspec),
    }


def _read_demand(jobspec: Mapping[str, Any]) -> tuple[Demand | None, str]:
    """Give what a job needs, or None and what cannot be read."""
    try:
        return shared(parse_demand(jobspec)), ""
    except (ValueError, AttributeError, TypeError) as exc:
        return None, str(exc)


def held_resources(resources: Mapping[str, Any]) -> dict[int, tuple[int, int]]:
    """Give the cores and GPUs of an R (RFC 20) by rank; its entries may stand in any order."""
    entries = (resources.get("execution") or {}).get("R_lite") or ()
    held = {}
    for entry in entries:
        children = entry.get("children") or {}
        cores = len(parse_idset(str(children["core"]))) if "core" in children else WHOLE
        gpus = len(parse_idset(str(children.get("gpu", ""))))
        for rank in parse_idset(str(entry["rank"])):
            held[rank] = (cores, gpus)
    return held
