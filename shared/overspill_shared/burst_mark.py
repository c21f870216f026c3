"""What a burst's nodes say of themselves: a file beside each broker's broker.toml, readable in band from the lead.

It lets an agent that has lost its record of a burst take it up again. No key and no job stands in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import Field

from overspill_shared.fields import BurstId, Count, Epoch, Frozen, Name, Zone

if TYPE_CHECKING:
    from overspill_shared.messages import BurstRequest

FILE_NAME: Final = "burst.json"


class BurstMark(Frozen):
    """One burst, as its nodes know it."""

    burst_id: BurstId
    generation: int = Field(ge=0)
    revision: int = Field(ge=1)
    deployment: Name
    lead: Name
    slot: str = Field(max_length=63)
    size: Count
    """Nodes; a burst that grew may have more."""
    template: Name
    zone: Zone
    requested_at: Epoch
    hard_end_at: Epoch


def mark_of(request: BurstRequest) -> BurstMark:
    """Give what the nodes of a requested burst are to say."""
    return BurstMark(
        burst_id=request.burst_id,
        generation=request.generation,
        revision=request.revision,
        deployment=request.deployment,
        lead=request.lead.id,
        slot=request.slot.name,
        size=request.size,
        template=request.template.name,
        zone=request.zone,
        requested_at=request.requested_at,
        hard_end_at=request.hard_end_at,
    )
