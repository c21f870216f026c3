"""How many nodes of a burst cost money, and since when: what its cost is reckoned from. Pure.

More nodes count from the moment they are asked for. Fewer count once the functions say that the others are gone, and
where an autoscaler takes their nodes, only after the time that it needs for that: what is reckoned is never too little.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Final

from pydantic import BaseModel, ConfigDict

SCALE_DOWN_S: Final = 600
"""GKE's autoscaler takes a node that was not needed for ten minutes (its `scale-down-unneeded-time`)."""


class PaidNodes(BaseModel):
    """So many nodes from a time on (epoch seconds)."""

    model_config = ConfigDict(frozen=True)

    at: float
    nodes: int


def grown(paid: tuple[PaidNodes, ...], nodes: int, at: float) -> tuple[PaidNodes, ...]:
    """Give what is paid for once so many nodes are asked for: at least these from then on.

    >>> [(one.at, one.nodes) for one in grown((PaidNodes(at=0, nodes=2),), 4, 10)]
    [(0.0, 2), (10.0, 4)]
    """
    earlier = tuple(one for one in paid if one.at <= at)
    later = tuple(PaidNodes(at=one.at, nodes=max(one.nodes, nodes)) for one in paid if one.at > at)
    if earlier and earlier[-1].nodes >= nodes:
        return (*earlier, *later)
    return (*earlier, PaidNodes(at=at, nodes=nodes), *later)


def shrunk(paid: tuple[PaidNodes, ...], nodes: int, at: float) -> tuple[PaidNodes, ...]:
    """Give what is paid for once the functions say that only so many nodes are wanted: an emptied pool has none."""
    if not paid or paid[-1].nodes <= nodes:
        return paid
    gone_at = max(at + SCALE_DOWN_S if nodes else at, paid[-1].at)
    return (*paid, PaidNodes(at=gone_at, nodes=nodes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """What nodes cost over time."""

    paid: tuple[PaidNodes, ...]
    price_usd_per_h: float

    def usd_at(self, at: float) -> float:
        """Give what has been spent by a time."""
        ends = (*(one.at for one in self.paid[1:]), inf)
        node_s = sum(
            one.nodes * (min(end, at) - one.at) for one, end in zip(self.paid, ends, strict=True) if one.at < at
        )
        return node_s * self.price_usd_per_h / 3600

    def time_of(self, usd: float, now: float) -> float:
        """Give when so much is spent, as seen now: a time in the past where it is already, inf where it never will."""
        changes = [one.at for one in self.paid if one.at > now]
        for start, end in zip((now, *changes), (*changes, inf), strict=True):
            left_usd, usd_per_s = usd - self.usd_at(start), self._nodes(start) * self.price_usd_per_h / 3600
            if not usd_per_s:
                if left_usd < 0:
                    return start
                continue
            if start + left_usd / usd_per_s <= end:
                return start + left_usd / usd_per_s
        return inf

    def grown(self, nodes: int, at: float) -> Meter:
        """Give what so many nodes from a time on make of it."""
        return Meter(paid=grown(self.paid, nodes, at), price_usd_per_h=self.price_usd_per_h)

    def _nodes(self, at: float) -> int:
        return next((one.nodes for one in reversed(self.paid) if one.at <= at), 0)
