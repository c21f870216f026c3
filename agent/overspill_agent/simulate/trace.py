"""A recorded queue as values: who asked for how many nodes, when, for how long. Pure; readers stand beside it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceJob:
    """One job of a trace. It holds whole nodes."""

    jobid: int
    submitted_at: float
    """Seconds after the trace's beginning."""
    nodes: int
    run_s: float
    """How long it really runs, which nobody knows before its end."""
    limit_s: float | None = None
    """The duration that it asked for; None where it asked for none."""
    is_burstable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Jobs in the order of their submission, and the machine that they are meant for."""

    name: str
    jobs: tuple[TraceJob, ...]
    nodes: int | None = None
    """Nodes at home; None where the trace does not say."""
    slots: Mapping[str, int] = field(default_factory=dict)
    """Slots by name, with their nodes; none where the trace does not say."""
    price_usd_per_h: float | None = None
    """A rented node's; None where the trace does not say."""
    source: str = ""
    """Where it comes from, in a line for people: an acknowledgement, or the command that made it."""
    skipped: int = 0
    """Records of the file that are no job that ran: canceled while they waited, parts of another, without a size."""


def in_order(jobs: tuple[TraceJob, ...]) -> tuple[TraceJob, ...]:
    """Give jobs in the order of their submission, the first at 0 s; jobs of one moment keep their order."""
    first = min((job.submitted_at for job in jobs), default=0.0)
    moved = (replace(job, submitted_at=job.submitted_at - first) for job in jobs)
    return tuple(sorted(moved, key=lambda job: job.submitted_at))


def under_load(trace: Trace, factor: float) -> Trace:
    """Give the trace with its submissions `factor` times as close together; run times stay as they are."""
    jobs = (replace(job, submitted_at=job.submitted_at / factor) for job in trace.jobs)
    return replace(trace, jobs=tuple(jobs))
