"""A decision as data: what to do, or why nothing is done, always with a reason that a person can read. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from overspill_shared.idset import Ranks, format_idset

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


MANY: Final = 10
"""More decisions for the same reason than this are told as one, with the first jobs of them."""


class DecisionKind(StrEnum):
    """What the agent is to do."""

    REQUEST = "request"
    """Publish a burst request."""
    DRAIN = "drain"
    """Let a burst's ranks take no new work; it will be torn down."""
    CANCEL_DRAIN = "cancel-drain"
    """Let a draining burst's ranks take work again."""
    LEAVE = "leave"
    """Tell a drained burst's brokers to exit."""
    TEARDOWN = "teardown"
    """Publish a teardown request."""
    RENEW_LEASE = "renew-lease"
    """Publish that a burst is still wanted."""
    RELEASE = "release"
    """Undrain the ranks of a burst that is gone: its slot can be used again."""
    LOWER_URGENCY = "lower-urgency"
    """Let other jobs pass one that waits for a burst."""
    RESTORE_URGENCY = "restore-urgency"
    """Give a job back the urgency that it had before it was lowered."""
    HOLD = "hold"
    """Do nothing."""


class Code(StrEnum):
    """Why, for scripts."""

    NEVER_FITS_LOCALLY = "never-fits-locally"
    FITS_NOW = "fits-now"
    SETTLING = "settling"
    IN_FLIGHT = "in-flight"
    NO_SLOT = "no-slot"
    TOO_LARGE = "too-large"
    NOT_BURSTABLE_HERE = "not-burstable-here"
    NOT_STARTED = "not-started"
    NO_MOUNT = "no-mount"
    COOL_DOWN = "cool-down"
    IDLE = "idle"
    MAX_LIFETIME = "max-lifetime"
    DEMAND_RETURNED = "demand-returned"
    DRAINED = "drained"
    LEFT = "left"
    LEAVE_TIMEOUT = "leave-timeout"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"
    REMOVED = "removed"
    LEASE = "lease"
    HEAD_OF_LINE = "head-of-line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision; what does not apply is None or empty."""

    kind: DecisionKind
    code: Code
    reason: str
    burst_id: str | None = None
    jobs: tuple[int, ...] = ()
    slot: str | None = None
    template: str | None = None
    zone: str | None = None
    nodes: int | None = None
    ranks: Ranks | None = None

    def for_job(self, jobid: int) -> Decision:
        """Give the same decision for another job."""
        return Decision(
            kind=self.kind,
            code=self.code,
            reason=self.reason,
            burst_id=self.burst_id,
            jobs=(jobid,),
            slot=self.slot,
            template=self.template,
            zone=self.zone,
            nodes=self.nodes,
            ranks=self.ranks,
        )

    def as_json(self) -> dict[str, Any]:
        """Give it for scripts: ranks as an idset."""
        return {**asdict(self), "ranks": None if self.ranks is None else format_idset(self.ranks)}


def log_facts(decisions: Iterable[Decision]) -> Iterator[dict[str, Any]]:
    """Give decisions as facts for a log, without what does not apply; many for one reason as one of them.

    `job_count` says how many jobs such a one is about: only the first are listed.
    """
    alike: dict[tuple[Any, ...], list[Decision]] = {}
    for decision in decisions:
        key = (decision.kind, decision.code, decision.reason, decision.burst_id, decision.slot)
        alike.setdefault(key, []).append(decision)
    for group in alike.values():
        if len(group) > MANY:
            jobs = tuple(jobid for decision in group for jobid in decision.jobs)
            yield {**_facts(group[0]), "jobs": jobs[:MANY], "job_count": len(jobs)}
        else:
            yield from map(_facts, group)


def _facts(decision: Decision) -> dict[str, Any]:
    return {key: value for key, value in decision.as_json().items() if value not in (None, ())}
