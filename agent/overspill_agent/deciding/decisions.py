"""A decision as data: what to do, or why nothing is done, always with a reason that a person can read. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from overspill_shared.idset import Ranks, format_idset

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from overspill_agent.bursts import Burst


MANY: Final = 10
"""More decisions for the same reason than this are told as one, with the first jobs of them."""


class DecisionKind(StrEnum):
    """What the agent is to do."""

    REQUEST = "request"
    """Publish a burst request."""
    GROW = "grow"
    """Publish a request for more nodes of a burst."""
    RESERVE = "reserve"
    """Reserve more money for a burst that goes on."""
    SHRINK = "shrink"
    """Give the last nodes of a burst back."""
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

    # requests and growing
    NEVER_FITS_LOCALLY = "never-fits-locally"
    """The ranks at home that are online could not hold the job even if nothing ran there."""
    BREAK_EVEN = "break-even"
    """The job would wait longer at home than a burst takes."""
    PROBE = "probe"
    """The one request that shows whether a template works again in a zone whose breaker was open."""
    # holds
    FITS_NOW = "fits-now"
    """It fits on ranks that are free at home: the scheduler starts it."""
    LOCAL_WAIT_SHORTER = "local-wait-shorter"
    """It starts on the ranks that are up before a burst would be there."""
    SETTLING = "settling"
    """The lead has just started: its own ranks may come back."""
    IN_FLIGHT = "in-flight"
    """Nodes that are there, or on their way, have room for it."""
    GATHERING = "gathering"
    """Others that come with it are to share its burst."""
    NO_TEMPLATE = "no-template"
    """No template that may be used has nodes of that kind."""
    NO_SLOT = "no-slot"
    """Each slot that could hold it is in use or drained, or the one that its mark names does not exist."""
    TOO_LARGE = "too-large"
    """No slot has so many nodes."""
    TOO_LONG = "too-long"
    """Its time limit is longer than a burst may live."""
    OVER_CAP = "over-cap"
    """It would cost more than a cap lets it; of a burst: what it may cost is nearly used up, and there is no more."""
    PRICE_UNKNOWN = "price-unknown"
    """Nobody knows what its nodes cost, and that is not allowed."""
    MAX_BURSTS = "max-bursts"
    """There are as many bursts as may be."""
    MAX_NODES = "max-nodes"
    """There would be more nodes than may be."""
    COOL_DOWN = "cool-down"
    """Each zone of the template had no such nodes a short while ago."""
    BREAKER_OPEN = "breaker-open"
    """Bursts of the template failed several times in a row."""
    QUOTA = "quota"
    """The project's quota was used up a short while ago."""
    CONFIG = "config"
    """A setting of the template is wrong: a person must correct it."""
    PERMISSION = "permission"
    """An account lacks a right: a person must give it."""
    NOT_BURSTABLE_HERE = "not-burstable-here"
    """It cannot run on burst nodes: by its constraint, its user, or because its jobspec cannot be read."""
    NOT_STARTED = "not-started"
    """A burst was ready for it, and Flux did not start it there."""
    NO_MOUNT = "no-mount"
    """Its working directory is not shared with burst nodes."""
    # the life of a burst
    IDLE = "idle"
    """Nothing has run there for the idle time-out."""
    GOES_ON = "goes-on"
    """It costs more than was reserved for it, and the caps leave that."""
    MAX_LIFETIME = "max-lifetime"
    """Its time is over."""
    NOT_NEEDED = "not-needed"
    """No waiting job needs it any more."""
    DEMAND_RETURNED = "demand-returned"
    """A job came that fits on it while it drained."""
    FAILED = "failed"
    """It did not become what it should."""
    DRAINED = "drained"
    """Its ranks have no work, and take none."""
    LEFT = "left"
    """None of its brokers is online any more."""
    LEAVE_TIMEOUT = "leave-timeout"
    """Its brokers did not leave in time."""
    UNCONFIRMED = "unconfirmed"
    """Nobody has said yet that it is gone."""
    REMOVED = "removed"
    """It is gone."""
    LEASE = "lease"
    """Its lease is due."""
    # a job's place in the queue
    HEAD_OF_LINE = "head-of-line"
    """Others would wait behind it."""


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
    """Of the burst in all, once it is done."""
    ranks: Ranks | None = None
    """Those nodes' ranks."""
    reserve_usd: float | None = None
    """What is reserved anew; None where nothing is, or no price is known."""
    eta_p50_s: float | None = None
    eta_p90_s: float | None = None
    """From now until jobs can start there: in half of all cases, and in nine of ten."""

    def as_json(self) -> dict[str, Any]:
        """Give it for scripts: ranks as an idset."""
        ranks = None if self.ranks is None else format_idset(self.ranks)
        return {**asdict(self), "kind": self.kind.value, "code": self.code.value, "ranks": ranks}


def decision_about(burst: Burst, kind: DecisionKind, code: Code, reason: str) -> Decision:
    """Give a decision about a whole burst."""
    return Decision(
        kind=kind,
        code=code,
        reason=reason,
        burst_id=burst.burst_id,
        slot=burst.slot,
        template=burst.template,
        zone=burst.zone,
        nodes=burst.size,
        ranks=burst.ranks,
    )


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
