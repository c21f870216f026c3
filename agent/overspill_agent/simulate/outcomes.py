"""What a replayed run leaves behind: each job's end and each burst's bill, as values. Pure; `report` sums them up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from overspill_agent.simulate.trace import TraceJob
    from overspill_shared.errors import ErrorClass


class End(StrEnum):
    """How a job ended."""

    DONE = "done"
    """It ran as long as it wanted."""
    KILLED = "killed"
    """Its burst ended before it did."""
    REFUSED = "refused"
    """It asks for more nodes than the instance declares in one place: Flux refuses it at once."""
    UNSTARTED = "unstarted"
    """It still waited when nothing more happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """One job's; times in seconds after the trace's beginning."""

    job: TraceJob
    end: End
    started_at: float | None = None
    ended_at: float | None = None
    is_on_burst: bool = False
    """Whether it ran on a burst's nodes."""

    @property
    def wait_s(self) -> float | None:
        """From submission to start; None if it never started."""
        return None if self.started_at is None else self.started_at - self.job.submitted_at


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstOutcome:
    """One burst's."""

    burst_id: str
    slot: str
    requested_at: float
    online_at: float | None
    """When its first nodes took work; None if they never did."""
    removed_at: float | None
    """When the cloud had nothing left of it; None if it had something at the end."""
    is_leaked: bool
    """It cost money long after the last job, and nobody was about to end it."""
    most_nodes: int
    existed_s: float
    """How long its cluster was there, with nodes or without."""
    paid_node_s: float
    used_node_s: float
    failure: ErrorClass | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A whole trace under one policy."""

    policy: str
    jobs: tuple[JobOutcome, ...]
    bursts: tuple[BurstOutcome, ...]
    turns: int
    """How often the agent decided."""
    counted_usd: float = 0.0
    """What the agent's own ledger says that its bursts have cost."""
