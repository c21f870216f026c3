"""Ranks of slots that are online and belong to no burst on record: whose they are, and the record that they get. Pure.

The KVS may lose a record (a lead that was killed comes back as it was checkpointed) while the nodes go on, and cost
money. They say themselves which burst they are of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from overspill_agent.bursts import Burst, HistoryEntry
from overspill_agent.paid_nodes import PaidNodes
from overspill_shared.burst_mark import BurstMark
from overspill_shared.idset import format_idset
from overspill_shared.lifecycle import BurstState
from overspill_shared.messages import TeardownReason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.slots import Slot
    from overspill_agent.deciding.snapshot import Snapshot
    from overspill_shared.idset import Ranks

CAUSE = "its ranks are online, and the KVS had lost it"


def unknown_ranks(snapshot: Snapshot) -> Mapping[str, Ranks]:
    """Give the online ranks of each slot that no burst holds, by the slot's name; slots without any are left out."""
    # One that is gone holds its slot until its ranks are released: they may be seen for a while longer.
    held = {burst.slot for burst in snapshot.bursts if burst.state is not BurstState.GONE or burst.drained_ranks}
    found = {slot.name: snapshot.online & frozenset(slot.ranks) for slot in snapshot.slots if slot.name not in held}
    return {name: ranks for name, ranks in found.items() if ranks}


def read_mark(text: str | None, slot: Slot, *, deployment: str, lead_id: str) -> BurstMark | str:
    """Give what a slot's nodes say of themselves, or why that cannot be believed."""
    if text is None:
        return "their nodes do not say which burst they are of"
    try:
        mark = BurstMark.model_validate_json(text)
    except ValidationError as exc:
        fields = ", ".join(".".join(map(str, item["loc"])) or item["msg"] for item in exc.errors(include_url=False))
        return f"what their nodes say of themselves cannot be read ({fields})"
    if (mark.deployment, mark.lead, mark.slot) != (deployment, lead_id, slot.name):
        return f"their nodes are of the slot {mark.slot} of {mark.lead} in {mark.deployment}"
    return mark


def adopted(mark: BurstMark, slot: Slot, snapshot: Snapshot, policy: Policy, now: float) -> Burst:
    """Give the record of a burst whose ranks are there: active, or draining where an earlier agent had begun that."""
    online = snapshot.online & frozenset(slot.ranks)
    reached = max((slot.ranks.index(rank) + 1 for rank in online), default=0)
    ranks = slot.first_ranks(max(mark.size, reached))
    # What it has cost counts too: a burst that grew says when that was asked for, its generation when it began.
    created_at = min(mark.requested_at, float(mark.generation))
    kind = snapshot.templates.get(mark.template)
    burst = Burst(
        burst_id=mark.burst_id,
        generation=mark.generation,
        revision=mark.revision,
        slot=slot.name,
        template=mark.template,
        zone=mark.zone,
        ranks_idset=format_idset(ranks),
        reason=CAUSE,
        state=BurstState.ACTIVE,
        since=now,
        created_at=created_at,
        paid=(PaidNodes(at=created_at, nodes=len(ranks)),),
        price_usd_per_h=kind.price_usd_per_h if kind is not None else None,
        deadline_at=now,
        hard_end_at=min(mark.hard_end_at, now + policy.max_lifetime_s),
        published_at=mark.requested_at,
        history=(HistoryEntry(state=BurstState.ACTIVE, at=now, cause=CAUSE),),
    )
    if not ranks & snapshot.drained:
        return burst
    return burst.moved(BurstState.DRAINING, at=now, cause="its ranks are drained").model_copy(
        update={"has_drained": True, "teardown_reason": TeardownReason.IDLE_TIMEOUT}
    )
