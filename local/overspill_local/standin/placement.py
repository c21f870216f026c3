"""Which ranks a job gets: the first that fit, in rank order. There is no more to it; this is no scheduler.

Pure: ranks and what is free of them are arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from overspill_local.standin.constraints import satisfies
from overspill_local.standin.resources import RankShape, Share

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from overspill_local.standin.jobspec import Demand, Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a rank has to give: of what R declares, the part that is free."""

    shape: RankShape
    cores: tuple[int, ...]
    gpus: tuple[int, ...]

    def is_whole(self) -> bool:
        """Tell whether nobody has anything of this rank."""
        return (self.cores, self.gpus) == (self.shape.cores, self.shape.gpus)


def whole(shape: RankShape) -> Offer:
    """Give the offer of a rank that nobody uses."""
    return Offer(shape=shape, cores=shape.cores, gpus=shape.gpus)


def place(spec: Spec, offers: Iterable[Offer]) -> tuple[Share, ...] | None:
    """Give what the job gets, or None if it does not fit now."""
    eligible = _eligible(spec, offers)
    demand = spec.demand
    if demand.nodes is not None:
        fitting = [offer for offer in eligible if _fits_node(offer, demand)]
        if len(fitting) < demand.nodes:
            return None
        return tuple(_take(offer, demand, demand.slots) for offer in fitting[: demand.nodes])
    return _place_slots(demand, eligible)


def why_never(spec: Spec, shapes: Sequence[RankShape]) -> str | None:
    """Give the reason why a job could not run if everything declared were up and free, or None if it could."""
    offers = [whole(shape) for shape in shapes]
    if place(spec, offers) is not None:
        return None
    demand = spec.demand
    eligible = _eligible(spec, offers)
    if demand.nodes is None:
        slots = sum(_slots_on(offer, demand) for offer in eligible)
        return (
            f"unsatisfiable request: need {demand.slots} slot(s) of {demand.cores_per_slot} core(s), "
            f"only {slots} such slot(s) available"
        )
    count = sum(_fits_node(offer, demand) for offer in eligible)
    if demand.exclusive:
        return f"unsatisfiable request: need {demand.nodes} exclusive node(s), only {count} eligible"
    cores = demand.slots * demand.cores_per_slot
    return f"unsatisfiable request: need {demand.nodes} node(s) with {cores} cores each, only {count} eligible"


def count_tasks(spec: Spec, shares: Sequence[Share]) -> list[int]:
    """Give how many tasks run on each share; a total is spread evenly, the first ranks having one more."""
    if spec.tasks_total is None:
        return [share.slots * spec.tasks_per_slot for share in shares]
    each, more = divmod(spec.tasks_total, len(shares))
    return [each + (place < more) for place in range(len(shares))]


def _eligible(spec: Spec, offers: Iterable[Offer]) -> list[Offer]:
    return [offer for offer in offers if satisfies(offer.shape, spec.constraint)]


def _fits_node(offer: Offer, demand: Demand) -> bool:
    return _slots_on(offer, demand) >= demand.slots and (offer.is_whole() or not demand.exclusive)


def _slots_on(offer: Offer, demand: Demand) -> int:
    slots = len(offer.cores) // demand.cores_per_slot
    return min(slots, len(offer.gpus) // demand.gpus_per_slot) if demand.gpus_per_slot else slots


def _place_slots(demand: Demand, eligible: Sequence[Offer]) -> tuple[Share, ...] | None:
    shares: list[Share] = []
    left = demand.slots
    for offer in eligible:
        slots = min(left, _slots_on(offer, demand))
        if slots:
            shares.append(_take(offer, demand, slots))
            left -= slots
    return None if left else tuple(shares)


def _take(offer: Offer, demand: Demand, slots: int) -> Share:
    exclusive = demand.exclusive
    return Share(
        rank=offer.shape.rank,
        host=offer.shape.host,
        cores=offer.cores if exclusive else offer.cores[: slots * demand.cores_per_slot],
        gpus=offer.gpus if exclusive else offer.gpus[: slots * demand.gpus_per_slot],
        slots=slots,
    )
