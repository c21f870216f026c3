"""Carrying out decisions: with `giving_back` and `remarks`, all that has an effect on Flux and Pub/Sub.

Each action first writes what it is about to do, then does it, and may be repeated: a crash between the two is made good
by the same decision coming again. No rule stands here: what to do was decided.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from overspill_agent.burst_requests import (
    build_renewal,
    build_request,
    build_resize,
    build_teardown,
    build_unknown_teardown,
    record_of,
    resized,
)
from overspill_agent.bursts import BEFORE_ACTIVE, told_to_leave
from overspill_agent.deciding.decisions import Code, Decision, DecisionKind
from overspill_agent.deciding.mounts import lacks_mount
from overspill_agent.giving_back import GivingBack
from overspill_agent.outcome import Outcome
from overspill_agent.paying import longest_first_lease_s, money_used_up, next_lease_end, with_more_reserved
from overspill_agent.publishing import OnTheWay
from overspill_agent.remarks import Remarks
from overspill_shared import names
from overspill_shared.errors import CloudError, MalformedMessage
from overspill_shared.lifecycle import TRANSITIONS, BurstState
from overspill_shared.log import about_burst
from overspill_shared.messages import EventKind, TeardownReason
from overspill_shared.sealing import Keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from overspill_agent.bursts import Burst
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.snapshot import Snapshot
    from overspill_agent.jobs import PendingJob
    from overspill_agent.lead_identity import Identity
    from overspill_agent.ports import FluxInstance
    from overspill_agent.store import BurstStore
    from overspill_shared.messages import BurstEvent, LeaseRenewal
    from overspill_shared.ports import Publisher
    from overspill_shared.templates import Template

log = logging.getLogger(__name__)

_TOLD = frozenset(
    {
        Code.TOO_LARGE,
        Code.TOO_LONG,
        Code.NO_TEMPLATE,
        Code.NOT_BURSTABLE_HERE,
        Code.NO_MOUNT,
        Code.OVER_CAP,
        Code.PRICE_UNKNOWN,
        Code.COOL_DOWN,
        Code.BREAKER_OPEN,
        Code.QUOTA,
        Code.CONFIG,
        Code.PERMISSION,
        Code.MAX_LIFETIME,
        Code.NOT_STARTED,
    }
)
"""What a user must see on the job: it will not run soon, or will be ended."""

_ENDED = frozenset({EventKind.REMOVED, EventKind.REMOVING, EventKind.REJECTED})
"""Reports after which nothing is left, or is being removed."""

_URGENCIES = frozenset({DecisionKind.LOWER_URGENCY, DecisionKind.RESTORE_URGENCY})

_GIVING_BACK = frozenset({DecisionKind.SHRINK, DecisionKind.LEAVE, DecisionKind.CANCEL_DRAIN, DecisionKind.RELEASE})
"""Of an active burst these are about its last ranks alone."""

_REASONS = {
    Code.MAX_LIFETIME: TeardownReason.MAX_LIFETIME,
    Code.OVER_CAP: TeardownReason.MAX_LIFETIME,
    Code.IDLE: TeardownReason.IDLE_TIMEOUT,
}
"""What the functions are told; a burst without money is at the end of its lifetime for them."""

_FINAL = frozenset({Code.MAX_LIFETIME, Code.OVER_CAP})
"""The ends that do not wait for what runs."""


class Actions:
    """Does what was decided."""

    def __init__(
        self,
        *,
        instance: FluxInstance,
        publisher: Publisher,
        store: BurstStore,
        identity: Identity,
        templates: Mapping[str, Template],
        policy: Policy,
    ) -> None:
        self._instance = instance
        self._publisher = publisher
        self._store = store
        self._identity = identity
        self._templates = templates
        self._policy = policy
        self._remarks = Remarks(instance)
        self._giving_back = GivingBack(instance=instance, store=store, resize=self._resize)
        self._renewals: dict[str, LeaseRenewal] = {}

    def act(self, decision: Decision, snapshot: Snapshot, now: float) -> Outcome:
        """Carry out one decision.

        Raises FluxUnavailable when the broker goes away, another FluxError where Flux refuses.
        """
        if decision.kind is DecisionKind.HOLD and decision.code not in _TOLD:
            return Outcome.DONE
        burst = self._store.get(decision.burst_id) if decision.burst_id else None
        with about_burst(decision.burst_id):
            if decision.kind is DecisionKind.HOLD:
                return self._tell(decision)
            if decision.kind in _URGENCIES:
                return self._change_urgency(decision, snapshot)
            if decision.kind is DecisionKind.REQUEST:
                return self._request(decision, snapshot, now)
            if burst is None:
                return Outcome.DONE
            if burst.state is BurstState.ACTIVE and decision.kind in _GIVING_BACK:
                return self._giving_back.act(burst, decision, now)
            step: dict[DecisionKind, Callable[[Burst, Decision, float], Outcome]] = {
                DecisionKind.GROW: partial(self._grow, snapshot),
                DecisionKind.RESERVE: self._reserve,
                DecisionKind.DRAIN: self._drain,
                DecisionKind.CANCEL_DRAIN: self._cancel_drain,
                DecisionKind.LEAVE: self._leave,
                DecisionKind.TEARDOWN: self._teardown,
                DecisionKind.RELEASE: self._release,
                DecisionKind.RENEW_LEASE: partial(self._renew_lease, snapshot),
            }
            return step[decision.kind](burst, decision, now)

    def publish_request(self, burst: Burst, now: float) -> Outcome:
        """Publish a recorded request that is not known to be published; a failure is logged."""
        request = self._store.request_of(burst.burst_id)
        if request is None:
            return Outcome.DONE
        try:
            message_id = self._publisher.publish(request)
        except OnTheWay:
            return Outcome.DONE
        except (CloudError, MalformedMessage) as exc:
            log.warning("request.not_published", extra={"error": exc.text, "remedy": exc.remedy, "code": exc.code})
            return Outcome.FAILED
        self._store.save(burst.model_copy(update={"published_at": now}))
        log.info("request.published", extra={"message_id": message_id, "nodes": request.size, "slot": burst.slot})
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

    def tell_jobs(self, burst: Burst) -> None:
        """Write a burst's state into the memo of the jobs that it is for."""
        self._remarks.show(burst)

    def forget_jobs_but(self, jobids: Iterable[int]) -> None:
        """Forget what was said on other jobs than these."""
        self._remarks.forget_others(jobids)

    def _request(self, decision: Decision, snapshot: Snapshot, now: float) -> Outcome:
        slot = next(slot for slot in snapshot.slots if slot.name == decision.slot)
        template = self._templates[decision.template or ""]
        generation = names.next_generation(now, (burst.generation for burst in self._store.bursts))
        request = build_request(
            self._identity,
            decision,
            slot,
            [job for jobid in decision.jobs if (job := snapshot.pending_by_id.get(jobid))],
            Keys(curve_cert=self._instance.read_curve_cert()),
            self._policy,
            template=template,
            generation=generation,
            lease_s=longest_first_lease_s(decision, snapshot, template, self._policy, now),
            now=now,
        )
        burst = record_of(request, decision, slot)
        with about_burst(burst.burst_id):
            self._store.save(burst, request=request)
            outcome = self.publish_request(burst, now)
            self.tell_jobs(burst)
            self._warn_of_lost_output(decision, snapshot, template)
        return outcome

    def _reserve(self, burst: Burst, decision: Decision, now: float) -> Outcome:
        del now
        self._store.save(with_more_reserved(burst, decision))
        log.info("burst.goes_on", extra={"slot": burst.slot, "reason": decision.reason})
        return Outcome.CHANGED

    def _grow(self, snapshot: Snapshot, burst: Burst, decision: Decision, now: float) -> Outcome:
        jobs = tuple(job for jobid in decision.jobs if (job := snapshot.pending_by_id.get(jobid)))
        outcome = self._resize(burst, decision, now, jobs=jobs)
        if (request := self._store.request_of(burst.burst_id)) is not None:
            self._warn_of_lost_output(decision, snapshot, request.template)
        return outcome

    def _resize(self, burst: Burst, decision: Decision, now: float, *, jobs: Iterable[PendingJob] = ()) -> Outcome:
        """Record and publish a higher revision of a burst; its end stays what it was."""
        earlier = self._store.request_of(burst.burst_id)
        if earlier is None:
            return Outcome.DONE
        request = build_resize(
            self._identity,
            earlier,
            decision,
            jobs,
            Keys(curve_cert=self._instance.read_curve_cert()),
            self._policy,
            now=now,
            lease_expires_at=burst.lease_expires_at,
        )
        burst = resized(burst, request, decision)
        self._store.save(burst, request=request)
        outcome = self.publish_request(burst, now)
        self.tell_jobs(burst)
        return outcome

    def _warn_of_lost_output(self, decision: Decision, snapshot: Snapshot, template: Template) -> None:
        """Tell a job whose working directory the burst's nodes do not share: what it writes there goes with them."""
        for jobid in decision.jobs:
            job = snapshot.pending_by_id.get(jobid)
            if job is not None and (cwd := lacks_mount(job.cwd, [template])):
                note = (
                    f"its working directory {cwd} lies under no mount of the template {template.name}:"
                    " what it writes on its node's own disk dies with the node"
                )
                self._remarks.tell(jobid, Code.NO_MOUNT, note)

    def _drain(self, burst: Burst, decision: Decision, now: float) -> Outcome:
        is_new = not burst.has_drained
        if burst.state is BurstState.ACTIVE:
            reason = _REASONS.get(decision.code, TeardownReason.OPERATOR)
            burst = burst.moved(BurstState.DRAINING, at=now, cause=decision.reason).model_copy(
                update={"teardown_reason": reason, "has_drained": True}
            )
            self._save(burst)
        elif is_new:
            self._store.save(burst.model_copy(update={"has_drained": True}))
        self._tell(decision)
        self._instance.drain(burst.ranks, f"overspill: burst {names.cluster_name(burst.burst_id)} is leaving")
        return Outcome.CHANGED if is_new else Outcome.DONE

    def _cancel_drain(self, burst: Burst, decision: Decision, now: float) -> Outcome:
        self._instance.undrain(burst.ranks)
        self._save(
            burst.moved(BurstState.ACTIVE, at=now, cause=decision.reason).model_copy(
                update={"teardown_reason": None, "has_drained": False, "idle_since": None}
            )
        )
        return Outcome.CHANGED

    def _leave(self, burst: Burst, decision: Decision, now: float) -> Outcome:
        if decision.code not in _FINAL and self._has_work(burst):
            return Outcome.POSTPONED
        self._store.save(burst.model_copy(update={"told_to_leave_at": now}))
        log.info("brokers.told_to_leave", extra={"slot": burst.slot, "reason": decision.reason})
        self._instance.leave(burst.ranks)
        return Outcome.CHANGED

    def _teardown(self, burst: Burst, decision: Decision, now: float) -> Outcome:
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

    def _release(self, burst: Burst, decision: Decision, now: float) -> Outcome:
        del decision, now
        self._instance.undrain(burst.drained_ranks)
        self._store.save(burst.model_copy(update={"has_drained": False, "tail_idset": "", "tail_told_at": None}))
        log.info("slot.released", extra={"slot": burst.slot})
        return Outcome.CHANGED

    def _renew_lease(self, snapshot: Snapshot, burst: Burst, decision: Decision, now: float) -> Outcome:
        del decision
        # While one is on the way it stays the same: the record must say what was published.
        renewal = self._renewals.pop(burst.burst_id, None) or build_renewal(
            self._identity, burst, expires_at=next_lease_end(burst, snapshot, self._policy, now)
        )
        try:
            self._publisher.publish(renewal)
        except OnTheWay:
            self._renewals[burst.burst_id] = renewal
            return Outcome.DONE
        except CloudError as exc:
            log.warning("lease.not_renewed", extra={"error": exc.text, "remedy": exc.remedy, "code": exc.code})
            return Outcome.FAILED
        self._store.save(burst.model_copy(update={"lease_expires_at": renewal.expires_at}))
        log.info("lease.renewed", extra={"expires_in_s": round(renewal.expires_at - now), "slot": burst.slot})
        return Outcome.CHANGED

    def _tell(self, decision: Decision) -> Outcome:
        for jobid in decision.jobs:
            self._remarks.tell(jobid, decision.code, decision.reason, kind=decision.kind)
        return Outcome.DONE

    def _change_urgency(self, decision: Decision, snapshot: Snapshot) -> Outcome:
        is_lower = decision.kind is DecisionKind.LOWER_URGENCY
        change = self._remarks.lower_urgency if is_lower else self._remarks.restore_urgency
        for jobid in decision.jobs:
            if (job := snapshot.pending_by_id.get(jobid)) is not None:
                change(job)
        return Outcome.DONE

    def _save(self, burst: Burst) -> None:
        self._store.save(burst)
        log_move(burst)
        self.tell_jobs(burst)


def log_move(burst: Burst) -> None:
    """Log a burst's latest move."""
    entry = burst.history[-1]
    facts = {"state": burst.state.value, "cause": entry.cause, "slot": burst.slot, "nodes": burst.size}
    if burst.error is not None:
        facts["error_class"] = burst.error.error_class.value
        facts["remedy"] = burst.error.remedy
    log.info("burst.moved", extra={"burst_id": burst.burst_id, **facts})
