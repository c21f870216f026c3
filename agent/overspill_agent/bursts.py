"""The agent's record of a burst, and how what happens moves it along the lifecycle. Pure.

A record is a frozen value that goes into the KVS as JSON. Functions here are passive: they take in what is (ranks, the
time) and give the record that follows. What the functions report stands in `burst_events`, what to do in `deciding`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field

from overspill_agent.paid_nodes import PaidNodes
from overspill_shared.errors import ErrorClass
from overspill_shared.idset import parse_idset
from overspill_shared.lifecycle import BurstState, advance
from overspill_shared.messages import EventError, TeardownReason

if TYPE_CHECKING:
    from overspill_shared.idset import Ranks

# A record's ranks are asked for many times in each turn.
_read_ranks = lru_cache(maxsize=1024)(parse_idset)


class HistoryEntry(BaseModel):
    """One move of a burst."""

    model_config = ConfigDict(frozen=True)

    state: BurstState
    at: float
    cause: str


class Burst(BaseModel):
    """One burst, as the KVS holds it below `overspill.bursts`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    burst_id: str
    generation: int
    revision: int = 1
    slot: str
    template: str
    zone: str
    ranks_idset: str
    """The ranks that the burst is to fill, as an idset."""
    jobs: tuple[int, ...] = ()
    reason: str = ""
    state: BurstState = BurstState.REQUESTED
    since: float
    created_at: float
    deadline_at: float
    """Ranks that are not online by then make the burst fail."""
    hard_end_at: float
    published_at: float | None = None
    """None until the request is known to be with Pub/Sub."""
    lease_expires_at: float | None = None
    """The end of the lease, as it was last published; None in records of releases without leases."""
    idle_since: float | None = None
    """Since when its ranks have no work; before it is active: since when no waiting job wants it."""
    unused_since: float | None = None
    """Since when it is active and waits for a job that should start on it."""
    unstarted_jobs: tuple[int, ...] = ()
    """Jobs that it was ready for and that Flux did not start on it."""
    unstarted_at: float | None = None
    """When that was found."""
    growing_until: float | None = None
    """Ranks that an active burst was asked for anew may be missing until then; None: it does not grow."""
    price_usd_per_h: float | None = None
    """A node's, when it was requested; None where it is not known."""
    paid: tuple[PaidNodes, ...] = ()
    """How many nodes cost money, and since when; empty in records of releases without it: see `paid_nodes`."""
    most_nodes: int = 0
    """In such records: the largest size that it was asked for; 0: the one that it has."""
    reserved_usd: float | None = None
    """What was reserved for it, its removal included; None where its price is not known."""
    has_drained: bool = False
    """Its ranks were drained by us and not undrained since."""
    lost_idset: str = ""
    """Ranks given up: they did not join, or were lost and did not come back; they count again once they are online."""
    lost_since: float | None = None
    """When ranks were lost that are waited for."""
    told_to_leave_at: float | None = None
    tail_idset: str = ""
    """The last ranks, which an active burst gives back: drained by us, and not undrained since."""
    tail_told_at: float | None = None
    """When the brokers of these were told to leave."""
    resized_at: float | None = None
    """When another size of it was asked for last."""
    resized_revision: int = 0
    """The latest revision that the functions say they have done."""
    teardown_reason: TeardownReason | None = None
    teardown_published_at: float | None = None
    teardown_attempts: int = 0
    owes_teardown: bool = False
    """An event showed work on it after its end: its teardown is to be requested once more, whatever its state."""
    left: tuple[str, ...] = ()
    """What its teardown last named as still there, or not known: clusters, and zones that did not answer."""
    error: EventError | None = None
    event_ids: tuple[str, ...] = ()
    history: tuple[HistoryEntry, ...] = Field(default=())

    @property
    def ranks(self) -> Ranks:
        """The ranks that the burst is to fill."""
        return _read_ranks(self.ranks_idset)

    @property
    def lost_ranks(self) -> Ranks:
        """The ranks that are given up for now."""
        return _read_ranks(self.lost_idset)

    @property
    def usable_ranks(self) -> Ranks:
        """The ranks that count as capacity; those that it gives back do until their brokers are told to leave."""
        is_leaving = self.tail_told_at is not None
        return self.ranks - self.lost_ranks - self.tail if is_leaving else self.ranks - self.lost_ranks

    @property
    def tail(self) -> Ranks:
        """The ranks that it gives back, as long as they are not free for another growth."""
        return _read_ranks(self.tail_idset)

    @property
    def can_be_resized(self) -> bool:
        """Whether its request is known: not that of one that was adopted, whose record was lost."""
        return not self.history or self.history[0].state is BurstState.REQUESTED

    def is_whole(self, online: Ranks, now: float) -> bool:
        """Tell whether the ranks that count are there, or come by a growth: what was lost might never return."""
        is_growing = self.growing_until is not None and now < self.growing_until and self.lost_since is None
        return is_growing or self.usable_ranks <= online

    @property
    def drained_ranks(self) -> Ranks:
        """The ranks that are to be undrained once it is gone."""
        return self.ranks | self.tail if self.has_drained else self.tail

    @property
    def size(self) -> int:
        """Nodes wanted."""
        return len(self.ranks)

    @property
    def paid_nodes(self) -> tuple[PaidNodes, ...]:
        """How many nodes cost money since when; where that was not kept, its largest size from the beginning."""
        return self.paid or (PaidNodes(at=self.created_at, nodes=max(self.size, self.most_nodes)),)

    @property
    def can_be_kept(self) -> bool:
        """Whether its draining may still be called off: idle, and its brokers not told to leave."""
        return (
            self.state is BurstState.DRAINING
            and self.told_to_leave_at is None
            and self.teardown_reason is TeardownReason.IDLE_TIMEOUT
        )

    @property
    def failed_at(self) -> float | None:
        """When it failed or was rejected; None if it did neither."""
        if self.error is None:
            return None
        ends = (BurstState.FAILED, BurstState.GONE)
        return next((entry.at for entry in self.history if entry.state in ends), self.since)

    def moved(self, to: BurstState, *, at: float, cause: str) -> Burst:
        """Give the record after a move; raises IllegalTransition if the table lacks it."""
        state = advance(self.state, to)
        return self.model_copy(
            update={
                "state": state,
                "since": at,
                "history": (*self.history, HistoryEntry(state=state, at=at, cause=cause)),
            }
        )

    def failed(self, error: EventError, *, at: float) -> Burst:
        """Give the record after a failure."""
        return self.moved(BurstState.FAILED, at=at, cause=f"{error.error_class}: {error.text}").model_copy(
            update={"error": error}
        )


_FORWARD: Final = (BurstState.REQUESTED, BurstState.PROVISIONING, BurstState.JOINING, BurstState.ACTIVE)


BEFORE_ACTIVE: Final = frozenset(_FORWARD[:-1])
"""The states of a burst that is on its way."""


def on_ranks(burst: Burst, online: Ranks, now: float) -> Burst:
    """Take in which ranks the lead's overlay shows: all wanted ones make the burst active."""
    if burst.state not in BEFORE_ACTIVE:
        return burst
    joined = burst.ranks & online
    if joined:
        burst = forward(burst, BurstState.JOINING, at=now, cause="its first rank is online")
    if joined == burst.ranks:
        burst = forward(burst, BurstState.ACTIVE, at=now, cause=f"all {burst.size} ranks are online")
        return burst.model_copy(update={"idle_since": None})
    return burst


def told_to_leave(burst: Burst) -> Ranks:
    """Give the ranks whose brokers were told to leave, and may be there still."""
    if burst.state is BurstState.DRAINING and burst.told_to_leave_at is not None:
        return burst.ranks
    if burst.state is BurstState.ACTIVE and burst.tail_told_at is not None:
        return burst.tail
    return frozenset()


def on_time(burst: Burst, now: float) -> Burst:
    """Take in the time: a burst without a MiniCluster at its deadline has failed (`joining` has the later ones)."""
    if burst.state not in (BurstState.REQUESTED, BurstState.PROVISIONING) or now < burst.deadline_at:
        return burst
    code, text, remedy = _late(burst)
    return burst.failed(
        EventError.model_validate({"class": ErrorClass.BOOT, "code": code, "text": text, "remedy": remedy}), at=now
    )


def _late(burst: Burst) -> tuple[str, str, str]:
    """Give (code, text, remedy) for a burst that did not get as far as a MiniCluster."""
    if burst.state is BurstState.PROVISIONING:
        return "boot-deadline", "Its cluster or MiniCluster was not made in time.", "See the provision function's log."
    if burst.published_at is not None:
        return "no-answer", "No function answered its request in time.", _NO_ANSWER_REMEDY
    return "not-published", "Its request could not be published in time.", _NOT_PUBLISHED_REMEDY


_NO_ANSWER_REMEDY: Final = "Check that provision is deployed and its subscription delivers."
_NOT_PUBLISHED_REMEDY: Final = "The agent's log has Pub/Sub's reason."


def with_idleness(burst: Burst, *, is_busy: bool, now: float) -> Burst:
    """Start or stop the burst's idle clock; before it is active, the clock of a burst that nobody waits for."""
    if burst.state is not BurstState.ACTIVE and burst.state not in BEFORE_ACTIVE:
        return burst
    if is_busy:
        return burst if burst.idle_since is None else burst.model_copy(update={"idle_since": None})
    return burst if burst.idle_since is not None else burst.model_copy(update={"idle_since": now})


def forward(burst: Burst, to: BurstState, *, at: float, cause: str) -> Burst:
    """Give the record after each move as far as `to`; never back."""
    if burst.state not in _FORWARD:
        return burst
    for state in _FORWARD[_FORWARD.index(burst.state) + 1 : _FORWARD.index(to) + 1]:
        burst = burst.moved(state, at=at, cause=cause)
    return burst
