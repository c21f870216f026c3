"""The ranks of an instance: who is online, torpid, drained, and what of them is free.

State only; it starts no process and tells nobody: see `instance`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from overspill_local.standin.placement import Offer, whole
from overspill_shared import hostlist
from overspill_shared.idset import format_idset

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from overspill_local.standin.resources import RankShape, Share
    from overspill_shared.idset import Ranks


class RankBook:
    """Every declared rank, the slots' included."""

    def __init__(self, shapes: Sequence[RankShape], *, drained: Mapping[int, str]) -> None:
        self.shapes = tuple(shapes)
        self.online: set[int] = set()
        self.torpid: set[int] = set()
        self.drained = {rank: reason for rank, reason in drained.items() if rank < len(self.shapes)}
        self._free = {shape.rank: whole(shape) for shape in shapes}

    def host(self, rank: int) -> str:
        """Give a rank's host."""
        return self.shapes[rank].host

    def drain(self, ranks: Ranks, reason: str) -> None:
        """Let ranks take no new work; one that is drained keeps its reason."""
        for rank in ranks:
            self.drained.setdefault(rank, reason)

    def undrain(self, ranks: Ranks) -> None:
        """Let ranks take work again."""
        for rank in ranks:
            self.drained.pop(rank, None)

    def offers(self) -> list[Offer]:
        """Give what can be allocated now, in rank order."""
        return [self._free[rank] for rank in sorted(self._schedulable())]

    def claim(self, shares: Iterable[Share]) -> None:
        """Take what a job gets."""
        for share in shares:
            offer = self._free[share.rank]
            self._free[share.rank] = Offer(
                shape=offer.shape,
                cores=tuple(core for core in offer.cores if core not in share.cores),
                gpus=tuple(gpu for gpu in offer.gpus if gpu not in share.gpus),
            )

    def release(self, shares: Iterable[Share]) -> None:
        """Give back what a job had."""
        for share in shares:
            offer = self._free[share.rank]
            self._free[share.rank] = Offer(
                shape=offer.shape,
                cores=tuple(sorted({*offer.cores, *share.cores})),
                gpus=tuple(sorted({*offer.gpus, *share.gpus})),
            )

    def summary(self) -> dict[str, dict[str, Any]]:
        """Give counts and hosts by state, as `flux resource list` has them: drained ranks are down."""
        up = self._schedulable()
        free = {rank: self._free[rank] for rank in up if self._free[rank].cores}
        used = {rank: _used(offer) for rank, offer in self._free.items() if not offer.is_whole()}
        down = {shape.rank: whole(shape) for shape in self.shapes if shape.rank not in up}
        return {"free": self._count(free), "allocated": self._count(used), "down": self._count(down)}

    def _schedulable(self) -> set[int]:
        return self.online - self.torpid - set(self.drained)

    def _count(self, offers: Mapping[int, Offer]) -> dict[str, Any]:
        return {
            "nnodes": len(offers),
            "ncores": sum(len(offer.cores) for offer in offers.values()),
            "ngpus": sum(len(offer.gpus) for offer in offers.values()),
            "ranks": format_idset(offers),
            "nodelist": hostlist.compress(self.host(rank) for rank in sorted(offers)),
        }


def _used(offer: Offer) -> Offer:
    shape = offer.shape
    return Offer(
        shape=shape,
        cores=tuple(core for core in shape.cores if core not in offer.cores),
        gpus=tuple(gpu for gpu in shape.gpus if gpu not in offer.gpus),
    )
