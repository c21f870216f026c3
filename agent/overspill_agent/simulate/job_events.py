"""What became of simulated jobs, as the events of Flux's job journal (RFC 21): the agent reads nothing else. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from overspill_agent.ports import JobEvent
from overspill_shared.idset import format_idset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from overspill_agent.simulate.ports import JobChange

CORES: Final = 4
"""Of every node, at home and rented: jobs hold whole nodes, so the number is of no consequence."""
URGENCY: Final = 16


def events_of(change: JobChange, *, epoch_s: float) -> Iterator[JobEvent]:
    """Give the journal's entries about a change; `epoch_s` is the trace's beginning."""
    at, jobid = epoch_s + change.at, change.job.jobid
    match change.kind:
        case "submitted":
            jobspec = _jobspec(change.job.nodes, change.job.limit_s, is_burstable=change.job.is_burstable)
            submit = {"urgency": URGENCY, "userid": 0, "flags": 0, "version": 1}
            yield JobEvent(jobid=jobid, name="submit", at=at, context=submit, jobspec=jobspec)
            yield JobEvent(jobid=jobid, name="priority", at=at, context={"priority": URGENCY})
        case "started":
            yield JobEvent(jobid=jobid, name="alloc", at=at, context={}, R=_resources(change, at))
            yield JobEvent(jobid=jobid, name="start", at=at, context={})
        case _:
            yield JobEvent(jobid=jobid, name="free", at=at, context={})
            yield JobEvent(jobid=jobid, name="clean", at=at, context={})


@lru_cache(maxsize=4096)
def _jobspec(nodes: int, limit_s: float | None, *, is_burstable: bool) -> Mapping[str, Any]:
    """Give the jobspec that `flux submit -N nodes --exclusive` writes, but for its tasks."""
    slot = {"type": "slot", "count": 1, "label": "task", "with": [{"type": "core", "count": CORES}]}
    system: dict[str, Any] = {"duration": limit_s or 0.0}
    if is_burstable:
        system["burstable"] = 1
    return {
        "version": 1,
        "resources": [{"type": "node", "count": nodes, "exclusive": True, "with": [slot]}],
        "attributes": {"system": system},
    }


def _resources(change: JobChange, at: float) -> Mapping[str, Any]:
    limit_s = change.job.limit_s
    entry = {"rank": format_idset(change.ranks), "children": {"core": f"0-{CORES - 1}"}}
    execution = {"R_lite": [entry], "starttime": at, "expiration": at + limit_s if limit_s else 0.0}
    return {"version": 1, "execution": execution}
