"""What a demo came to: the content of its last line. Pure values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True, kw_only=True)
class JobOutcome:
    """The burstable job."""

    id: str | None = None
    state: str | None = None
    nodes: list[str] = field(default_factory=list)
    output: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Timings:
    """Seconds between moments of the burst; None where a moment did not come."""

    submit_to_request_s: float | None = None
    request_to_ready_s: float | None = None
    ready_to_joined_s: float | None = None
    """Negative where the ranks were online before the function had seen all pods run."""
    joined_to_start_s: float | None = None
    """Negative where Flux started the job before the agent had heard of the last rank."""
    idle_to_removed_s: float | None = None


@dataclass(slots=True, kw_only=True)
class Leftovers:
    """What is still there at the end: nothing, or a fault."""

    clusters: int | None = None
    processes: int | None = None
    drained_ranks: int | None = None

    @property
    def any(self) -> bool:
        """Whether anything is left, as far as is known."""
        return bool(self.clusters or self.processes or self.drained_ranks)


@dataclass(slots=True, kw_only=True)
class DemoError:
    """Why a demo is not ok, for scripts and for people."""

    code: str
    text: str
    remedy: str


@dataclass(slots=True, kw_only=True)
class Outcome:
    """The whole; filled in as the demo goes."""

    flux: str
    pubsub: str
    scheduler: str
    burst_id: str | None = None
    job: JobOutcome = field(default_factory=JobOutcome)
    ranks_joined: int | None = None
    timings: Timings = field(default_factory=Timings)
    leftovers: Leftovers = field(default_factory=Leftovers)
    error: DemoError | None = None

    @property
    def ok(self) -> bool:
        """Whether everything went as it should."""
        return self.error is None

    def fail(self, code: str, text: str, remedy: str = "") -> None:
        """Note why it is not ok; the first reason stands."""
        if self.error is None:
            self.error = DemoError(code=code, text=text, remedy=remedy)

    def as_json(self) -> dict[str, Any]:
        """Give the last line's content."""
        content = asdict(self)
        error = content.pop("error")
        return {"ok": self.ok, **content, **({"error": error} if error else {})}
