"""Ending bursts, step by step: drained, told to leave, torn down, released. No rule stands here.

Each step is written before it is done, and may be repeated.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from overspill_agent.burst_requests import build_teardown, build_unknown_teardown
from overspill_agent.bursts import BEFORE_ACTIVE, told_to_leave
from overspill_agent.deciding.decisions import Code, Decision
from overspill_agent.moves import log_move
from overspill_agent.outcome import Outcome
from overspill_agent.paying import money_used_up
from overspill_agent.publishing import OnTheWay
from overspill_shared import names
from overspill_shared.errors import CloudError
from overspill_shared.lifecycle import TRANSITIONS, BurstState
from overspill_shared.messages import EventKind, TeardownReason

if TYPE_CHECKING:
    from overspill_agent.bursts import Burst
    from overspill_agent.deciding.snapshot import Snapshot
    from overspill_agent.lead_identity import Identity
    from overspill_agent.ports import FluxInstance
    from overspill_agent.remarks import Remarks
    from overspill_agent.store import BurstStore
    from overspill_shared.messages import BurstEvent
    from overspill_shared.ports import Publisher

log = logging.getLogger(__name__)

_ENDED = frozenset({EventKind.REMOVED, EventKind.REMOVING, EventKind.REJECTED})
"""Reports after which nothing is left, or is being removed."""

_REASONS = {
    Code.MAX_LIFETIME: TeardownReason.MAX_LIFETIME,
    Code.OVER_CAP: TeardownReason.MAX_LIFETIME,
    Code.IDLE: TeardownReason.IDLE_TIMEOUT,
}
"""What the functions are told; a burst without money is at the end of its lifetime for them."""

_FINAL = frozenset({Code.MAX_LIFETIME, Code.OVER_CAP})
"""The ends that do not wait for what runs."""


class Ending:
    """Does what is due at the end of a burst."""

    def __init__(
        self, *, instance: FluxInstance, publisher: Publisher, store: BurstStore, identity: Identity, remarks: Remarks
    ) -> None:
        self._instance = instance
        self._publisher = publisher
        self._store = store
        self._identity = identity
        self._remarks = remarks

    def drain(self, burst: Burst, decision: Decision, now: float) -> Outcome:
        """Let no work start on a burst's ranks."""
        is_new = not burst.has_drained
        if burst.state is BurstState.ACTIVE:
            reason = _REASONS.get(decision.code, TeardownReason.OPERATOR)
            burst = burst.moved(BurstState.DRAINING, at=now, cause=decision.reason).model_copy(
                update={"teardown_reason": reason, "has_drained": True}
            )
            self._save(burst)
        elif is_new:
            self._store.save(burst.model_copy(update={"has_drained": True}))
        self._remarks.tell_jobs(decision)
        self._instance.drain(burst.ranks, f"overspill: burst {names.cluster_name(burst.burst_id)} is leaving")
        return Outcome.CHANGED if is_new else Outcome.DONE

    def cancel_drain(self, burst: Burst, decision: Decision, now: float) -> Outcome:
        """Let work start there again."""
        self._instance.undrain(burst.ranks)
        self._save(
            burst.moved(BurstState.ACTIVE, at=now, cause=decision.reason).model_copy(
                update={"teardown_reason": None, "has_drained": False, "idle_since": None}
            )
        )
        return Outcome.CHANGED

    def leave(self, burst: Burst, decision: Decision, now: float) -> Outcome:
        """Tell a burst's brokers to leave, unless they have work after all."""
        if decision.code not in _FINAL and self._has_work(burst):
            return Outcome.POSTPONED
        self._store.save(burst.model_copy(update={"told_to_leave_at": now}))
        log.info("brokers.told_to_leave", extra={"slot": burst.slot, "reason": decision.reason})
        self._instance.leave(burst.ranks)
        return Outcome.CHANGED

    def teardown(self, burst: Burst, decision: Decision, now: float) -> Outcome:
        """Request a burst's removal; one that has work is waited for, and one that is on its way fails first."""
        is_final = now >= burst.hard_end_at or decision.code in _FINAL
        if burst.state is BurstState.FAILED and not is_final and self._has_work(burst):
            return Outcome.POSTPONED
        if burst.state in BEFORE_ACTIVE and decision.code is Code.OVER_CAP:
            # It took longer than nine of ten: where that happens again and again, the breaker is to open.
            self._save(burst.failed(money_used_up(decision), at=now))
            return Outcome.CHANGED
        if burst.state in BEFORE_ACTIVE:
            # Nobody is to blame: it has no error, so nothing need rest.
            burst = burst.moved(BurstState.FAILED, at=now, cause=decision.reason).model_copy(
                update={"teardown_reason": TeardownReason.IDLE_TIMEOUT}
            )
            self._save(burst)
            return Outcome.CHANGED
        if BurstState.TEARING_DOWN in TRANSITIONS[burst.state]:
            reason = burst.teardown_reason or TeardownReason.FAILED
            burst = burst.moved(BurstState.TEARING_DOWN, at=now, cause=decision.reason).model_copy(
                update={"teardown_reason": reason}
            )
            self._save(burst)
        return self._publish_teardown(burst, now)

    def release(self, burst: Burst, decision: Decision, now: float) -> Outcome:
        """Undrain the ranks of a burst that is gone: its slot is free."""
        del decision, now
        self._instance.undrain(burst.drained_ranks)
        self._store.save(burst.model_copy(update={"has_drained": False, "tail_idset": "", "tail_told_at": None}))
        log.info("slot.released", extra={"slot": burst.slot})
        return Outcome.CHANGED

    def repeat_leaves(self, snapshot: Snapshot) -> None:
        """Tell brokers to leave that are still there: an agent that noted it may have died before it did it."""
        for burst in snapshot.bursts:
            still_there = told_to_leave(burst) & snapshot.online
            if still_there:
                log.info("brokers.told_to_leave", extra={"burst_id": burst.burst_id, "slot": burst.slot})
                self._instance.leave(still_there)

    def end_unknown(self, event: BurstEvent, now: float) -> None:
        """Request the teardown of a burst that the cloud reports on and no record here knows: the KVS was lost.

        Nothing else would end its cost before its hard end. Raises CloudError if it cannot be published: the event
        comes again then.
        """
        request = None
        if event.kind not in _ENDED:
            request = build_unknown_teardown(self._identity, event, now=now)
        if request is None:
            log.info("event.unknown_burst", extra={"kind": event.kind.value})
            return
        message_id = self._publisher.publish(request)
        log.warning(
            "burst.unknown_ended", extra={"kind": event.kind.value, "zone": request.zone, "message_id": message_id}
        )

    def _publish_teardown(self, burst: Burst, now: float) -> Outcome:
        """Publish a burst's teardown request and note it; a failure is logged."""
        try:
            message_id = self._publisher.publish(build_teardown(self._identity, burst, now=now))
        except OnTheWay:
            return Outcome.DONE
        except CloudError as exc:
            log.warning("teardown.not_published", extra={"error": exc.text, "remedy": exc.remedy, "code": exc.code})
            return Outcome.FAILED
        attempts = burst.teardown_attempts + 1
        noted = {"teardown_published_at": now, "teardown_attempts": attempts, "owes_teardown": False}
        self._store.save(burst.model_copy(update=noted))
        log.info("teardown.published", extra={"message_id": message_id, "reason": burst.teardown_reason})
        return Outcome.CHANGED

    def _has_work(self, burst: Burst) -> bool:
        """Take a last look at the scheduler: what the journal will tell may be on its way."""
        has_work = bool(burst.ranks & self._instance.allocated())
        if has_work:
            log.info("end.postponed", extra={"reason": "the scheduler has work on its ranks", "slot": burst.slot})
        return has_work

    def _save(self, burst: Burst) -> None:
        self._store.save(burst)
        log_move(burst)
        self._remarks.show(burst)
