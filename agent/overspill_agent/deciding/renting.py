"""What is rented in one turn: room on bursts that are there or coming, bursts that grow, and new ones. Pure.

Free room comes first, then a live burst that grows (adding nodes is several times faster than making a cluster),
then a new burst in the cheapest free slot. Limits and caps are checked before anything is added.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from overspill_agent.deciding.breaking import Rest
from overspill_agent.deciding.decisions import Code
from overspill_agent.deciding.latency import PUBLISHED_GROWING
from overspill_agent.deciding.matching import Refusal
from overspill_agent.deciding.sizing import Need, Room, room_of
from overspill_agent.deciding.spending import Budget, cost_usd
from overspill_shared.lifecycle import BurstState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from overspill_agent.deciding.demand import Demand
    from overspill_agent.deciding.eligibility import Hints
    from overspill_agent.deciding.latency import Latency
    from overspill_agent.deciding.matching import Market, Option
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.snapshot import Snapshot


class Renting:
    """The rooms of one turn."""

    def __init__(self, snapshot: Snapshot, policy: Policy, now: float, market: Market) -> None:
        self._policy = policy
        self._now = now
        self._market = market
        self.rooms = tuple(_live_rooms(snapshot, market, now))
        self.planned: dict[str, Room] = {}
        live = snapshot.live()
        taken = snapshot.online | snapshot.drained
        self._used = {b.slot for b in live} | {s.name for s in snapshot.slots if taken & set(s.ranks)}
        self._no_room = {slot.name: Refusal(Code.NO_SLOT, "", slot.name) for slot in snapshot.slots}
        self._bursts = len(live)
        self._nodes = sum(burst.size for burst in live)
        self._budget = Budget(policy, snapshot.spent, now)
        self._budget.reserve(sum(funds.counted_usd for funds in market.funds.values()))
        self.promises = {jobid: room for room in reversed(self.rooms) for jobid in room.burst_jobs}
        """The live burst that was rented for each job."""

    @property
    def added_nodes(self) -> int:
        """The nodes that are rented anew."""
        return sum(room.nodes - room.base for room in (*self.rooms, *self.planned.values()))

    @property
    def has_break_even(self) -> bool:
        """Whether nodes are rented for jobs that would fit at home."""
        rooms = (*self.rooms, *self.planned.values())
        return any(need.code is Code.BREAK_EVEN for room in rooms for need in room.needs)

    def find_free(self, demand: Demand, hints: Hints, lasts_s: float | None) -> Room | None:
        """Give the live burst that holds a job as it is, and take its room there."""
        return next((room for room in self.rooms if self.take_free(room, demand, hints, lasts_s)), None)

    def take_free(self, room: Room, demand: Demand, hints: Hints | None = None, lasts_s: float | None = None) -> bool:
        """Tell whether a live burst holds a job as it is; takes the room if so."""
        if self._missing(room, demand, hints, lasts_s) != 0 or self._lacks_money(room, lasts_s):
            return False
        room.fill(demand, 0)
        return True

    def could_hold_later(self, demand: Demand, hints: Hints) -> Room | None:
        """Give the live burst that will hold a job once others on it have ended."""
        for room in self.rooms:
            if _is_allowed(room, hints):
                least = self._market.least_nodes(demand, room.slot, room.template)
                if least is not None and least <= room.later:
                    return room
        return None

    def grow(self, need: Need) -> Refusal | None:
        """Add nodes for a job to a live burst; gives why not."""
        refusal = None
        for room in self.rooms:
            more = self._missing(room, need.demand, need.hints, need.job.duration_s)
            if more == 0:
                refusal = Refusal(Code.OVER_CAP, self._lacks_money(room, need.job.duration_s) or "", room.slot.name)
            elif more and isinstance(opening := self._market.opening(room.template, room.zone), Rest):
                refusal = Refusal(opening.code, opening.reason, room.slot.name)
            elif more:
                refusal = self._add(room, need, more)
                if refusal is None:
                    return None
        return refusal or Refusal(Code.NO_SLOT, "")

    def rent(self, need: Need, options: Iterable[Option]) -> Refusal | None:
        """Put a job into a burst that is new in this turn; gives why not."""
        refusals: list[Refusal] = []
        for option in options:
            refusal = self._rent_one(need, option)
            if refusal is None:
                return None
            refusals.append(refusal)
        return next((refusal for refusal in refusals if refusal.code is not Code.NO_SLOT), refusals[0])

    def _rent_one(self, need: Need, option: Option) -> Refusal | None:
        slot = option.slot
        room = self.planned.get(slot.name) or self._new_room(option)
        if isinstance(room, Refusal):
            return room
        more = room.missing(need.demand, option.nodes if need.demand.constraint else 0)
        if more is None or room.template.name != option.template.name:
            return self._no_room[slot.name]
        refusal = self._add(room, need, more)
        if refusal is None and slot.name not in self.planned:
            self.planned[slot.name] = room
            self._bursts += 1
        return refusal

    def _new_room(self, option: Option) -> Room | Refusal:
        slot, kind = option.slot, option.template
        if slot.name in self._used:
            return self._no_room[slot.name]
        opening = self._market.opening(kind)
        if isinstance(opening, Rest):
            return Refusal(opening.code, opening.reason, slot.name)
        tried = {(room.template.name, room.zone) for room in self.planned.values() if room.is_probe}
        if (kind.name, opening.zone) in tried:
            reason = f"one burst of the template {kind.name} is to show whether it works again in {opening.zone}"
            return Refusal(Code.BREAKER_OPEN, reason, slot.name)
        room = Room(slot, kind, opening.zone, option.shape)
        room.is_probe = opening.is_probe
        return room

    def _missing(self, room: Room, demand: Demand, hints: Hints | None, lasts_s: float | None) -> int | None:
        """Give how many nodes a live burst lacks for a job; None if it cannot hold it."""
        least = self._market.least_nodes(demand, room.slot, room.template)
        if least is None or (hints is not None and not _is_allowed(room, hints)):
            return None
        if lasts_s is not None and room.burst is not None and self._now + lasts_s > room.burst.hard_end_at:
            return None
        return room.missing(demand, least if demand.constraint else 0)

    def _lacks_money(self, room: Room, lasts_s: float | None) -> str | None:
        """Say why the nodes that a live burst has cannot be paid until a job on them ends; None if they can."""
        funds = self._market.funds.get(room.burst.burst_id) if room.burst is not None else None
        if lasts_s is None or funds is None or self._now + lasts_s <= funds.until:
            return None
        usd = funds.usd_if_left_at(self._now + lasts_s)
        return self._budget.refusal(usd - funds.counted_usd, burst_usd=usd)

    def _add(self, room: Room, need: Need, more: int) -> Refusal | None:
        """Add nodes to a room for a job, if limits and caps let it."""
        lasts_s = max(need.lasts_s, room.lasts_s)
        after = room.nodes_with(more)
        usd = self._added_usd(room, after, lasts_s)
        refusal = self._limit(room, after) or self._cap(room, need, usd)
        if refusal is not None:
            return refusal
        self._nodes += after - room.nodes
        self._budget.reserve(usd - room.usd)
        room.usd, room.lasts_s = usd, lasts_s
        room.fill(need.demand, more)
        room.note(need)
        return None

    def _limit(self, room: Room, after: int) -> Refusal | None:
        policy = self._policy
        is_new = room.burst is None and room.slot.name not in self.planned
        if is_new and policy.max_bursts is not None and self._bursts >= policy.max_bursts:
            return Refusal(Code.MAX_BURSTS, f"there are {self._bursts} bursts, and max_bursts is {policy.max_bursts}")
        nodes = self._nodes + after - room.nodes
        if policy.max_nodes is not None and nodes > policy.max_nodes:
            return Refusal(
                Code.MAX_NODES,
                f"{after - room.nodes} nodes more would make {nodes}, and max_nodes is {policy.max_nodes}",
            )
        return None

    def _cap(self, room: Room, need: Need, usd: float) -> Refusal | None:
        max_usd = need.hints.max_usd
        if max_usd is not None:
            own_nodes = -(-need.demand.units // room.shape.units(need.demand))
            own_usd = cost_usd(own_nodes, room.template.price_usd_per_h, self._paid_s(room, need.lasts_s))
            if own_usd > max_usd:
                return Refusal(Code.OVER_CAP, f"it would cost ${own_usd:.2f}, and its own max_usd is ${max_usd:.2f}")
        funds = self._market.funds.get(room.burst.burst_id) if room.burst is not None else None
        before = funds.counted_usd if funds is not None else 0.0
        broken = self._budget.refusal(usd - room.usd, burst_usd=before + usd)
        return Refusal(Code.OVER_CAP, broken) if broken else None

    def _added_usd(self, room: Room, nodes: int, lasts_s: float) -> float:
        """Give what is reserved anew for so many nodes in all.

        Where a cap counts it: all of a live burst's nodes stay for as long as the job that it grows for, and the new
        ones for as long as what is reserved already lasts. What a warm burst has lasts for ever, for it has no nodes:
        there the new ones stay for as long as its lease may last, which goes on if this agent dies.
        """
        seconds = self._paid_s(room, lasts_s)
        funds = self._market.funds.get(room.burst.burst_id) if room.burst is not None else None
        if room.burst is None or funds is None or not self._policy.is_capped:
            return cost_usd(nodes - room.base, room.template.price_usd_per_h, seconds)
        lasts_until = funds.meter.time_of(funds.usd, self._now)
        if lasts_until == inf:
            lasts_until = self._now + self._policy.lease_s + funds.removal_s - self._policy.leave_timeout_s
        ends_at = max(self._now + seconds, lasts_until)
        ends_at = min(ends_at, room.burst.hard_end_at + funds.removal_s)
        return max(0.0, funds.meter.grown(nodes, self._now).usd_at(ends_at) - funds.counted_usd)

    def _paid_s(self, room: Room, lasts_s: float) -> float:
        """Give how long new nodes cost money: until their job has ended, they were idle, and they are removed.

        They may take until the join's deadline to come, and a first lease lasts as long: no less is reserved.
        """
        removal_s = self._market.removal_s(room.template, room.zone)
        used_s = lasts_s + self.latency(room).p90_s + self._policy.idle_timeout_s
        return max(used_s, self._policy.join_timeout_s) + removal_s

    def latency(self, room: Room) -> Latency:
        """Give how long it takes until what is added to a room is there."""
        if room.burst is None:
            return self._market.latency(room.template, room.zone)
        return PUBLISHED_GROWING


def _live_rooms(snapshot: Snapshot, market: Market, now: float) -> Iterable[Room]:
    """Give the room of each live burst, what is ready soonest first."""
    slots = {slot.name: slot for slot in snapshot.slots}
    for burst in sorted(snapshot.capacity(), key=lambda b: (_READINESS.index(b.state), b.created_at, b.burst_id)):
        slot, kind = slots.get(burst.slot), snapshot.templates.get(burst.template)
        funds = market.funds.get(burst.burst_id)
        if slot is not None and kind is not None and not (funds is not None and funds.is_over(burst, now)):
            yield room_of(snapshot, burst, slot, kind, market.shape(slot, kind))


_READINESS = (
    BurstState.ACTIVE,
    BurstState.JOINING,
    BurstState.PROVISIONING,
    BurstState.REQUESTED,
    BurstState.DRAINING,
)


def _is_allowed(room: Room, hints: Hints) -> bool:
    return hints.slot in (None, room.slot.name) and hints.template in (None, room.template.name)
