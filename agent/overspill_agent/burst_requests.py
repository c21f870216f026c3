"""A decided burst as the message that asks for it: built from the live instance, and sealed.

Values in, a message out; sealing draws randomness inside libsodium, nothing else here has an effect.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from overspill_agent.bursts import BEFORE_ACTIVE, Burst, HistoryEntry
from overspill_agent.paid_nodes import PaidNodes, grown
from overspill_shared import names
from overspill_shared.idset import format_idset
from overspill_shared.lifecycle import BurstState
from overspill_shared.messages import (
    BurstRequest,
    Job,
    LeaseRenewal,
    TeardownReason,
    TeardownRequest,
    burst_identity,
)
from overspill_shared.messages import Slot as SlotMessage
from overspill_shared.sealing import Binding, Keys, seal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from overspill_agent.deciding.decisions import Decision
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.slots import Slot
    from overspill_agent.jobs import PendingJob
    from overspill_agent.lead_identity import Identity
    from overspill_shared.messages import BurstEvent
    from overspill_shared.templates import Template

PLACEHOLDER: Final = "-"
MAX_JOBS_BYTES: Final = 200_000
"""Jobs are told so that a person sees why nodes were rented: the first of them do, and a message stays small."""


def build_request(
    identity: Identity,
    decision: Decision,
    slot: Slot,
    jobs: Iterable[PendingJob],
    keys: Keys,
    policy: Policy,
    *,
    template: Template,
    generation: int,
    now: float,
    lease_s: float = inf,
) -> BurstRequest:
    """Give the message that asks for a decided burst; `lease_s` is the most that its first lease may last."""
    slot_message = SlotMessage(name=slot.name, size=slot.size, hosts=slot.hostlist)
    zone = decision.zone or template.zones[0]
    content = burst_identity(
        deployment=identity.deployment,
        lead_id=identity.lead.id,
        slot=slot_message,
        broker_toml=identity.broker_toml,
        template=template,
        zone=zone,
        runtime=identity.runtime,
        generation=generation,
    )
    request = BurstRequest(
        burst_id=names.burst_id(content),
        generation=generation,
        deployment=identity.deployment,
        revision=1,
        lead=identity.lead,
        slot=slot_message,
        size=decision.nodes or slot.size,
        hostlist=identity.hostlist,
        broker_toml=identity.broker_toml,
        sealed_keys=PLACEHOLDER,
        jobs=_told(jobs),
        template=template,
        zone=zone,
        runtime=identity.runtime,
        expires_at=now + min(lease_s, policy.lease_s, policy.max_lifetime_s),
        hard_end_at=now + policy.max_lifetime_s,
        requested_at=now,
        deadline_at=now + policy.join_timeout_s,
    )
    return _sealed(identity, request, keys)


def build_resize(
    identity: Identity,
    earlier: BurstRequest,
    decision: Decision,
    jobs: Iterable[PendingJob],
    keys: Keys,
    policy: Policy,
    *,
    now: float,
    lease_expires_at: float | None = None,
) -> BurstRequest:
    """Give the message that asks for another size of a burst: the last one with a higher revision, and the same end.

    Its lease stays what it was: a burst that has none yet gets this one, and it must have time to join.
    """
    deadline_at = min(now + policy.join_timeout_s, earlier.hard_end_at)
    expires_at = min(now + policy.lease_s, earlier.hard_end_at)
    if lease_expires_at is not None:
        expires_at = min(expires_at, max(lease_expires_at, deadline_at))
    request = earlier.model_copy(
        update={
            "revision": earlier.revision + 1,
            "size": decision.nodes,
            "jobs": _told(jobs) or earlier.jobs,
            "expires_at": expires_at,
            "requested_at": now,
            "deadline_at": deadline_at,
        }
    )
    return _sealed(identity, request, keys)


def _sealed(identity: Identity, request: BurstRequest, keys: Keys) -> BurstRequest:
    """Seal the keys; the seal binds to the finished message, so it comes last."""
    if keys.munge_key is None:
        keys = Keys(curve_cert=keys.curve_cert, munge_key=identity.munge_key)
    return request.model_copy(update={"sealed_keys": seal(keys, Binding.of(request), identity.public_key)})


def record_of(request: BurstRequest, decision: Decision, slot: Slot) -> Burst:
    """Give the record to write before the request is published."""
    return Burst(
        burst_id=request.burst_id,
        generation=request.generation,
        revision=request.revision,
        slot=slot.name,
        template=request.template.name,
        zone=request.zone,
        ranks_idset=format_idset(slot.first_ranks(request.size)),
        jobs=decision.jobs,
        paid=(PaidNodes(at=request.requested_at, nodes=request.size),),
        reserved_usd=decision.reserve_usd,
        price_usd_per_h=request.template.price_usd_per_h,
        reason=decision.reason,
        since=request.requested_at,
        created_at=request.requested_at,
        deadline_at=request.deadline_at,
        hard_end_at=request.hard_end_at,
        lease_expires_at=request.expires_at,
        history=(HistoryEntry(state=BurstState.REQUESTED, at=request.requested_at, cause=decision.reason),),
    )


def resized(burst: Burst, request: BurstRequest, decision: Decision) -> Burst:
    """Give the record to write before another size is published: ranks that are new may take as long as a join."""
    is_larger = request.size > burst.size
    reserved = (
        burst.reserved_usd if decision.reserve_usd is None else (burst.reserved_usd or 0.0) + decision.reserve_usd
    )
    return burst.model_copy(
        update={
            "revision": request.revision,
            "ranks_idset": format_idset(decision.ranks or ()),
            # A job may be there already: another took the nodes that it was promised.
            "jobs": tuple(dict.fromkeys((*burst.jobs, *decision.jobs))),
            "published_at": None,
            "idle_since": None,
            "reserved_usd": reserved,
            "paid": grown(burst.paid_nodes, request.size, request.requested_at),
            "growing_until": request.deadline_at if is_larger else burst.growing_until,
            "resized_at": request.requested_at,
            "lost_idset": format_idset(burst.lost_ranks & (decision.ranks or frozenset())),
            "deadline_at": request.deadline_at if burst.state in BEFORE_ACTIVE else burst.deadline_at,
        }
    )


def build_teardown(identity: Identity, burst: Burst, *, now: float) -> TeardownRequest:
    """Give the message that asks for a burst's end."""
    return TeardownRequest(
        burst_id=burst.burst_id,
        generation=burst.generation,
        deployment=identity.deployment,
        lead=identity.lead.id,
        zone=burst.zone,
        reason=burst.teardown_reason or TeardownReason.FAILED,
        requested_at=now,
    )


def build_renewal(identity: Identity, burst: Burst, *, expires_at: float) -> LeaseRenewal:
    """Give the message that moves a burst's lease forward."""
    return LeaseRenewal(
        burst_id=burst.burst_id,
        generation=burst.generation,
        deployment=identity.deployment,
        lead=identity.lead.id,
        zone=burst.zone,
        expires_at=expires_at,
    )


def build_unknown_teardown(identity: Identity, event: BurstEvent, *, now: float) -> TeardownRequest | None:
    """Give the message that asks for the end of a burst that only an event tells of; None if it names no zone."""
    try:
        return TeardownRequest(
            burst_id=event.burst_id,
            generation=event.generation,
            deployment=identity.deployment,
            lead=identity.lead.id,
            zone=event.detail.get("zone", ""),
            reason=TeardownReason.FAILED,
            requested_at=now,
        )
    except ValidationError:
        return None


def _told(jobs: Iterable[PendingJob]) -> tuple[Job, ...]:
    told: list[Job] = []
    left = MAX_JOBS_BYTES
    for job in jobs:
        nodes = job.demand.units if job.demand and job.demand.is_by_node else 1
        message = Job(jobid=job.jobid, jobspec=job.jobspec, nodes=nodes)
        left -= len(message.model_dump_json())
        if left < 0:
            break
        told.append(message)
    return tuple(told)
