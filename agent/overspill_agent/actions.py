"""Carrying out decisions: by `requesting`, `giving_back`, `ending` and `remarks`; a lease is renewed here.

Together these are all that has an effect on Flux and Pub/Sub, but for `adoption`.

Each action first writes what it is about to do, then does it, and may be repeated: a crash between the two is made good
by the same decision coming again. No rule stands here: what to do was decided.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from overspill_agent.burst_requests import build_renewal
from overspill_agent.deciding.decisions import Code, Decision, DecisionKind
from overspill_agent.ending import Ending
from overspill_agent.giving_back import GivingBack
from overspill_agent.outcome import Outcome
from overspill_agent.paying import next_lease_end
from overspill_agent.publishing import OnTheWay
from overspill_agent.remarks import Remarks
from overspill_agent.requesting import Requesting
from overspill_shared.errors import CloudError
from overspill_shared.lifecycle import BurstState
from overspill_shared.log import about_burst

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from overspill_agent.bursts import Burst
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.snapshot import Snapshot
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

_URGENCIES = frozenset({DecisionKind.LOWER_URGENCY, DecisionKind.RESTORE_URGENCY})

_GIVING_BACK = frozenset({DecisionKind.SHRINK, DecisionKind.LEAVE, DecisionKind.CANCEL_DRAIN, DecisionKind.RELEASE})
"""Of an active burst these are about its last ranks alone."""


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
        self._publisher = publisher
        self._store = store
        self._identity = identity
        self._policy = policy
        self._remarks = Remarks(instance)
        self._requesting = Requesting(
            instance=instance,
            publisher=publisher,
            store=store,
            identity=identity,
            templates=templates,
            policy=policy,
            remarks=self._remarks,
        )
        self._ending = Ending(
            instance=instance, publisher=publisher, store=store, identity=identity, remarks=self._remarks
        )
        self._giving_back = GivingBack(instance=instance, store=store, resize=self._requesting.resize)
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
                return self._requesting.request(decision, snapshot, now)
            if burst is None:
                return Outcome.DONE
            if burst.state is BurstState.ACTIVE and decision.kind in _GIVING_BACK:
                return self._giving_back.act(burst, decision, now)
            step: dict[DecisionKind, Callable[[Burst, Decision, float], Outcome]] = {
                DecisionKind.GROW: partial(self._requesting.grow, snapshot),
                DecisionKind.RESERVE: self._requesting.reserve,
                DecisionKind.DRAIN: self._ending.drain,
                DecisionKind.CANCEL_DRAIN: self._ending.cancel_drain,
                DecisionKind.LEAVE: self._ending.leave,
                DecisionKind.TEARDOWN: self._ending.teardown,
                DecisionKind.RELEASE: self._ending.release,
                DecisionKind.RENEW_LEASE: partial(self._renew_lease, snapshot),
            }
            return step[decision.kind](burst, decision, now)

    def publish_request(self, burst: Burst, now: float) -> Outcome:
        """Publish a recorded request that is not known to be published; a failure is logged."""
        return self._requesting.publish(burst, now)

    def repeat_leaves(self, snapshot: Snapshot) -> None:
        """Tell brokers to leave that are still there: an agent that noted it may have died before it did it."""
        self._ending.repeat_leaves(snapshot)

    def end_unknown(self, event: BurstEvent, now: float) -> None:
        """Request the teardown of a burst that the cloud reports on and no record here knows; raises as it does."""
        self._ending.end_unknown(event, now)

    def tell_jobs(self, burst: Burst) -> None:
        """Write a burst's state into the memo of the jobs that it is for."""
        self._remarks.show(burst)

    def forget_jobs_but(self, jobids: Iterable[int]) -> None:
        """Forget what was said on other jobs than these."""
        self._remarks.forget_others(jobids)

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
        self._remarks.tell_jobs(decision)
        return Outcome.DONE

    def _change_urgency(self, decision: Decision, snapshot: Snapshot) -> Outcome:
        is_lower = decision.kind is DecisionKind.LOWER_URGENCY
        change = self._remarks.lower_urgency if is_lower else self._remarks.restore_urgency
        for jobid in decision.jobs:
            if (job := snapshot.pending_by_id.get(jobid)) is not None:
                change(job)
        return Outcome.DONE
