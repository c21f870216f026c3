"""What the functions report of a burst, and how it moves the agent's record along the lifecycle. Pure.

Events come late, twice, and in any order: each gives the record that follows, or the same one. What the ranks and the
time do to a record stands in `bursts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from overspill_agent.bursts import forward
from overspill_agent.paid_nodes import shrunk
from overspill_shared.errors import ErrorClass
from overspill_shared.lifecycle import TRANSITIONS, BurstState
from overspill_shared.messages import NAME_BEING_DELETED, EventError, EventKind

if TYPE_CHECKING:
    from overspill_agent.bursts import Burst
    from overspill_shared.messages import BurstEvent

MAX_EVENT_IDS: Final = 64
"""Ids of events that a burst remembers, to know a repetition."""
UNTOLD_GENERATION: Final = 0
"""What an event bears whose sender could not read the message that it answers."""

_PROGRESS: Final = {
    EventKind.ACCEPTED: BurstState.PROVISIONING,
    EventKind.CLUSTER_CREATING: BurstState.PROVISIONING,
    EventKind.CLUSTER_RUNNING: BurstState.PROVISIONING,
    EventKind.MINICLUSTER_CREATED: BurstState.JOINING,
    EventKind.READY: BurstState.JOINING,
}
"""The state that a progress event proves to be reached, at least."""


def on_event(burst: Burst, event: BurstEvent, now: float) -> Burst:
    """Take in what a function reports; a repetition, or news from the past, changes nothing but the ids seen."""
    if event.event_id in burst.event_ids or event.generation not in (burst.generation, UNTOLD_GENERATION):
        return burst
    seen = {"event_ids": (*burst.event_ids, event.event_id)[-MAX_EVENT_IDS:]}
    burst = _with_cause(burst.model_copy(update=seen), event)
    if _shows_work_after_end(burst, event):
        return burst.model_copy(update={"owes_teardown": True})
    if event.kind in _PROGRESS:
        return forward(burst, _PROGRESS[event.kind], at=now, cause=f"event {event.kind}")
    if event.kind is EventKind.RESIZED:
        return _resized(burst, event.revision, now)
    if event.kind is EventKind.REJECTED:
        return _rejected(burst, event, now)
    if event.kind is EventKind.FAILED:
        return _failed(burst, event, now)
    if event.kind is EventKind.REMOVED:
        return _removed(burst, event, now)
    return burst


def _shows_work_after_end(burst: Burst, event: BurstEvent) -> bool:
    """Tell whether an event shows work on a burst that should be gone.

    `removing` is the teardown's own report, and does not count; what was rejected, or is being deleted, is no work.
    """
    is_ending = event.kind in (EventKind.REMOVED, EventKind.REMOVING, EventKind.REJECTED)
    return burst.state in (BurstState.TEARING_DOWN, BurstState.GONE) and not (is_ending or _tells_no_cause(event.error))


def _with_cause(burst: Burst, event: BurstEvent) -> Burst:
    """Give the record with the cause of a failure of which only the end was told first: events come in any order."""
    is_cause = event.kind is EventKind.FAILED and event.error is not None and not _tells_no_cause(event.error)
    return burst.model_copy(update={"error": event.error}) if is_cause and _tells_no_cause(burst.error) else burst


def _tells_no_cause(error: EventError | None) -> bool:
    return error is not None and error.code == NAME_BEING_DELETED


def _resized(burst: Burst, revision: int, now: float) -> Burst:
    """Note which size the functions have made; only of the one that was asked for last is it known which nodes stay."""
    is_latest = revision >= burst.revision
    paid = shrunk(burst.paid_nodes, burst.size, now) if is_latest else burst.paid
    return burst.model_copy(update={"resized_revision": max(burst.resized_revision, revision), "paid": paid})


def _rejected(burst: Burst, event: BurstEvent, now: float) -> Burst:
    if BurstState.GONE not in TRANSITIONS[burst.state] or burst.state is BurstState.TEARING_DOWN:
        return burst
    error = event.error
    cause = f"rejected: {error.text}" if error else "rejected"
    return burst.moved(BurstState.GONE, at=now, cause=cause).model_copy(update={"error": error})


def _failed(burst: Burst, event: BurstEvent, now: float) -> Burst:
    if BurstState.FAILED not in TRANSITIONS[burst.state]:
        return burst
    return burst.failed(event.error or _UNKNOWN_FAILURE, at=now)


_UNKNOWN_FAILURE: Final = EventError.model_validate(
    {"class": ErrorClass.INTERNAL, "code": "unknown", "text": "The function gave no reason.", "remedy": "See its log."}
)


def _removed(burst: Burst, event: BurstEvent, now: float) -> Burst:
    """Only a clean receipt ends a burst; what was removed behind our back fails first."""
    if burst.state is BurstState.GONE:
        return burst
    if event.receipt and not event.receipt.is_clean:
        left = (*event.receipt.clusters_left, *(f"zone {zone}: no answer" for zone in event.receipt.zones_unanswered))
        return burst.model_copy(update={"left": left})
    burst = burst.model_copy(update={"left": ()})
    if burst.state is BurstState.DRAINING:
        burst = burst.moved(BurstState.TEARING_DOWN, at=now, cause="removed while it drained")
    elif burst.state is not BurstState.TEARING_DOWN:
        if burst.state is not BurstState.FAILED:
            burst = burst.failed(_REMOVED_EARLY, at=now)
        burst = burst.moved(BurstState.TEARING_DOWN, at=now, cause="removed by somebody else")
    return burst.moved(BurstState.GONE, at=now, cause="the cloud says that nothing is left")


_REMOVED_EARLY: Final = EventError.model_validate(
    {
        "class": ErrorClass.INTERNAL,
        "code": "removed-early",
        "text": "The burst was removed while it was still wanted.",
        "remedy": "Look for a sweep, a lapsed lease or an operator's teardown in the functions' logs.",
    }
)
