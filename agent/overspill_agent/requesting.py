"""Asking for bursts: new ones, and ones that are to have another size. No rule stands here: what to do was decided.

Each request is recorded before it is published, and published again as it is until Pub/Sub has it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from overspill_agent.burst_requests import build_request, build_resize, record_of, resized
from overspill_agent.deciding.decisions import Code, Decision
from overspill_agent.deciding.mounts import lacks_mount
from overspill_agent.outcome import Outcome
from overspill_agent.paying import longest_first_lease_s, with_more_reserved
from overspill_agent.publishing import OnTheWay
from overspill_shared import names
from overspill_shared.errors import CloudError, MalformedMessage
from overspill_shared.log import about_burst
from overspill_shared.sealing import Keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from overspill_agent.bursts import Burst
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.snapshot import Snapshot
    from overspill_agent.jobs import PendingJob
    from overspill_agent.lead_identity import Identity
    from overspill_agent.ports import FluxInstance
    from overspill_agent.remarks import Remarks
    from overspill_agent.store import BurstStore
    from overspill_shared.ports import Publisher
    from overspill_shared.templates import Template

log = logging.getLogger(__name__)


class Requesting:
    """Records and publishes requests."""

    def __init__(
        self,
        *,
        instance: FluxInstance,
        publisher: Publisher,
        store: BurstStore,
        identity: Identity,
        templates: Mapping[str, Template],
        policy: Policy,
        remarks: Remarks,
    ) -> None:
        self._instance = instance
        self._publisher = publisher
        self._store = store
        self._identity = identity
        self._templates = templates
        self._policy = policy
        self._remarks = remarks

    def request(self, decision: Decision, snapshot: Snapshot, now: float) -> Outcome:
        """Record and publish the request for a new burst."""
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
            outcome = self.publish(burst, now)
            self._remarks.show(burst)
            self._warn_of_lost_output(decision, snapshot, template)
        return outcome

    def reserve(self, burst: Burst, decision: Decision, now: float) -> Outcome:
        """Note what is reserved anew for a burst that goes on."""
        del now
        self._store.save(with_more_reserved(burst, decision))
        log.info("burst.goes_on", extra={"slot": burst.slot, "reason": decision.reason})
        return Outcome.CHANGED

    def grow(self, snapshot: Snapshot, burst: Burst, decision: Decision, now: float) -> Outcome:
        """Record and publish that a burst is to have more nodes."""
        jobs = tuple(job for jobid in decision.jobs if (job := snapshot.pending_by_id.get(jobid)))
        outcome = self.resize(burst, decision, now, jobs=jobs)
        if (request := self._store.request_of(burst.burst_id)) is not None:
            self._warn_of_lost_output(decision, snapshot, request.template)
        return outcome

    def resize(self, burst: Burst, decision: Decision, now: float, *, jobs: Iterable[PendingJob] = ()) -> Outcome:
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
        outcome = self.publish(burst, now)
        self._remarks.show(burst)
        return outcome

    def publish(self, burst: Burst, now: float) -> Outcome:
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
