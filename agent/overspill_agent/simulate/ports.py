"""What the simulated world and the one who decides say to each other. No rule stands here.

`replayed_agent` implements `Agent` with the agent's own rules; tests play others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from overspill_agent.simulate.trace import TraceJob
    from overspill_shared.errors import ErrorClass
    from overspill_shared.idset import Ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A job that has nodes."""

    job: TraceJob
    ranks: Ranks
    started_at: float
    pool: str
    """`home`, or the burst that it runs on; `home` as well where jobs may straddle both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChange:
    """What became of a job."""

    job: TraceJob
    kind: str
    """`submitted`, `started` or `ended`."""
    at: float
    ranks: Ranks = frozenset()
    """With `started`: those that it got."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudNews:
    """What the cloud reports of a burst."""

    burst_id: str
    kind: str
    """`accepted`, `minicluster-created`, `resized`, `failed` or `removed`, as the functions' events are called."""
    at: float
    revision: int = 1
    failure: ErrorClass | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What the agent can see when it decides."""

    now: float
    changes: tuple[JobChange, ...]
    """Of jobs, since the last turn, in order."""
    online: Ranks
    drained: Ranks
    news: tuple[CloudNews, ...]
    """Of bursts, since the last turn, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Make a burst of these ranks."""

    burst_id: str
    slot: str
    ranks: Ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize:
    """Give a burst these ranks instead: more of them, or fewer."""

    burst_id: str
    ranks: Ranks
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """Let ranks take no new work."""

    ranks: Ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class Undrain:
    """Let ranks take work again."""

    ranks: Ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Tell the brokers of ranks to exit; what runs there ends."""

    ranks: Ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class Teardown:
    """Have nothing left of a burst; what runs there ends."""

    burst_id: str


Effect = Request | Resize | Drain | Undrain | Leave | Teardown


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What the agent does now; every effect may be repeated."""

    effects: tuple[Effect, ...] = ()
    wake_at: float | None = None
    """When time alone changes what it would decide."""


class Agent(Protocol):
    """Who decides."""

    def turn(self, moment: Moment) -> Turn:
        """Look and decide."""
        ...
