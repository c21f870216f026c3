"""How much room a slot has for jobs: on the nodes of its burst, and on those that it could get. Pure.

A `Room` is one slot, as one turn sees and fills it: a live burst that may grow, or a new one. Jobs that ask for nodes
get whole ones; jobs that ask for slots share them. Rooms never leave the turn that made them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from overspill_shared.lifecycle import BurstState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from overspill_agent.bursts import Burst
    from overspill_agent.deciding.decisions import Code
    from overspill_agent.deciding.demand import Demand
    from overspill_agent.deciding.eligibility import Hints
    from overspill_agent.deciding.matching import NodeKind, NodeShape
    from overspill_agent.deciding.slots import Slot
    from overspill_agent.deciding.snapshot import Snapshot
    from overspill_agent.jobs import PendingJob
    from overspill_shared.idset import Ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a job needs of burst nodes."""

    job: PendingJob
    demand: Demand
    """Without what it gets at home."""
    hints: Hints
    lasts_s: float
    """Its time limit, or what the policy takes it to be."""
    code: Code
    why: str


class Room:
    """The nodes of one slot: what they can still hold, and how many may be added."""

    def __init__(
        self, slot: Slot, template: NodeKind, zone: str, shape: NodeShape, *, burst: Burst | None = None
    ) -> None:
        self.slot = slot
        self.template = template
        self.zone = zone
        self.shape = shape
        self.burst = burst
        self.is_probe = False
        self.usd = 0.0
        """Reserved for what was added."""
        self.base = 0
        """Nodes that the burst has, or is to have, already."""
        self.later = 0
        """Nodes that it can have once what goes on now has ended."""
        self.added = 0
        self.growable = slot.size if burst is None else 0
        self.needs: list[Need] = []
        """What was added for."""
        self.lasts_s = 0.0
        """The longest time limit of these."""
        self._free = 0
        self._parts: list[list[int]] = []
        """What is free of nodes that are in use in part: cores, GPUs, MiB."""

    @property
    def burst_jobs(self) -> tuple[int, ...]:
        """The jobs for which the live burst was rented."""
        return self.burst.jobs if self.burst is not None else ()

    @property
    def nodes(self) -> int:
        """Nodes in all, once what was added is there."""
        return self.nodes_with(0)

    def nodes_with(self, more: int) -> int:
        """Give the nodes in all with some more: no fewer than the slot's least, unless nothing is added."""
        added = self.added + more
        return max(self.base + added, min(self.slot.min_nodes, self.slot.size)) if added else self.base

    def note(self, need: Need) -> None:
        """Keep for whom, and why, nodes are added."""
        self.needs.append(need)

    def hold_nodes(self, free: int, parts: Iterable[tuple[int, int]]) -> None:
        """Take in what a live burst has free: whole nodes, and (cores, GPUs) of others."""
        self._free = free
        self._parts = [[cores, gpus, self.shape.memory_mib] for cores, gpus in parts if cores > 0 or gpus > 0]

    def missing(self, demand: Demand, least_nodes: int) -> int | None:
        """Give how many nodes must be added for a job; None if they cannot be.

        `least_nodes` of the slot's first nodes are needed where the job's constraint names some of them.
        """
        is_full = not (self.growable or self._free or self._parts)
        each = 0 if is_full else self.shape.units(demand)
        if not each:
            return None
        units = demand.units - self._shared_units(demand)
        short = max(-(-max(0, units) // each) - self._free, least_nodes - self.base - self.added, 0)
        return short if short <= self.growable else None

    def fill(self, demand: Demand, more: int) -> None:
        """Give a job its room, after `more` nodes were added."""
        self.added += more
        self.growable -= more
        self._free += more
        units = demand.units
        for part in self._parts if not demand.is_by_node else ():
            count = min(units, demand.units_in(*part))
            units -= count
            _use(part, demand, count)
        each = self.shape.units(demand)
        while units > 0 and each:
            count = min(each, units)
            units -= count
            self._free -= 1
            if not demand.is_by_node:
                part = [self.shape.cores, self.shape.gpus, self.shape.memory_mib]
                _use(part, demand, count)
                self._parts.append(part)
        self._parts = [part for part in self._parts if part[0] > 0 or part[1] > 0]

    def _shared_units(self, demand: Demand) -> int:
        if demand.is_by_node:
            return 0
        return sum(demand.units_in(*part) for part in self._parts)


def _use(part: list[int], demand: Demand, count: int) -> None:
    part[0] -= count * demand.cores_per_unit
    part[1] -= count * demand.gpus_per_unit
    part[2] -= count * demand.memory_mib_per_unit


def room_of(snapshot: Snapshot, burst: Burst, slot: Slot, template: NodeKind, shape: NodeShape) -> Room:
    """Give the room of a live burst: idle ranks, the rest of shared ones, and what its slot can still give."""
    room = Room(slot, template, burst.zone, shape, burst=burst)
    room.base = burst.size
    # Nothing waits for nodes that are about to be given back: else whoever cannot grow into them would keep them.
    is_shrinking = bool(burst.tail) and burst.tail_told_at is None
    room.later = 0 if is_shrinking else len(burst.ranks | burst.tail)
    usable = burst.usable_ranks - snapshot.torpid
    if burst.state is not BurstState.DRAINING:
        # What it is about to give back is kept if a job comes in time.
        usable -= snapshot.drained - burst.tail
        room.growable = 0 if burst.tail or not burst.can_be_resized else _growable(snapshot, burst, slot)
    busy = usable & snapshot.allocated
    parts = []
    for rank in sorted(busy):
        used = snapshot.used_of.get(rank)
        if used is not None:
            parts.append((shape.cores - used[0], shape.gpus - used[1]))
    room.hold_nodes(len(usable) - len(busy), parts)
    return room


def _growable(snapshot: Snapshot, burst: Burst, slot: Slot) -> int:
    """Give how many of the ranks that follow the burst's own are free for it: pods are numbered from 0."""
    taken: Ranks = snapshot.online | snapshot.drained
    count = 0
    for rank in slot.ranks[burst.size :]:
        if rank in taken:
            break
        count += 1
    return count
