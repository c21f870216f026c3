"""Which slots and templates could hold a job, the cheapest first; and why none could. Pure.

A node has what both the lead's R and its template give it: jobs are placed by R, and run on the machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from overspill_agent.bursts import BEFORE_ACTIVE
from overspill_agent.deciding.breaking import Opening, Rest, find_zone
from overspill_agent.deciding.constraints import rank_test
from overspill_agent.deciding.decisions import Code
from overspill_agent.deciding.latency import Latency, new_burst_latency, removal_p90_s
from overspill_agent.deciding.spending import sortable_price
from overspill_shared.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from overspill_agent.deciding.demand import Demand
    from overspill_agent.deciding.eligibility import Hints
    from overspill_agent.deciding.funding import Funds
    from overspill_agent.deciding.latency import Experience
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.slots import Slot
    from overspill_agent.deciding.snapshot import Snapshot


class NodeKind(Protocol):
    """What a decision needs to know of a template."""

    @property
    def name(self) -> str: ...  # noqa: D102 - a template's
    @property
    def cores(self) -> int: ...  # noqa: D102
    @property
    def gpus(self) -> int: ...  # noqa: D102
    @property
    def memory_mib(self) -> int: ...  # noqa: D102
    @property
    def price_usd_per_h(self) -> float | None: ...  # noqa: D102
    @property
    def spot(self) -> bool: ...  # noqa: D102
    @property
    def zones(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def shared_directories(self) -> tuple[str, ...]: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeShape:
    """What one node of a slot has, filled by one template."""

    cores: int
    gpus: int
    memory_mib: int

    def units(self, demand: Demand) -> int:
        """Give how many of a demand's units fit on one node."""
        return demand.units_in(self.cores, self.gpus, self.memory_mib)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One way to hold a job."""

    slot: Slot
    template: NodeKind
    shape: NodeShape
    nodes: int
    """So many of the slot's first nodes hold it alone."""


@dataclass(frozen=True, slots=True)
class _Offer:
    """A template in a slot, for jobs that differ in nothing but how much they ask for."""

    slot: Slot
    template: NodeKind
    shape: NodeShape
    units_each: int
    """So many units fit on one of its nodes."""
    reach: Sequence[int]
    """The positions of the slot's nodes on which such a job may run."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a job gets no nodes."""

    code: Code
    reason: str
    slot: str | None = None


class Market:
    """What may be rented in this turn; what it finds out is kept, for the jobs that ask for the same."""

    def __init__(self, snapshot: Snapshot, policy: Policy, now: float, *, money: Mapping[str, Funds]) -> None:
        """`money` is each live burst's, by its id."""
        self._snapshot = snapshot
        self._policy = policy
        self._now = now
        self._by_price = sorted(
            snapshot.templates.values(), key=lambda kind: (sortable_price(kind.price_usd_per_h), kind.name)
        )
        self._kinds: dict[str | None, list[NodeKind]] = {kind.name: [kind] for kind in self._by_price}
        self._kinds[None] = self._by_price
        self._openings: dict[tuple[str, tuple[str, ...]], Opening | Rest] = {}
        self._experiences: dict[tuple[str, str], list[Experience]] = {}
        for experience in snapshot.history:
            self._experiences.setdefault((experience.template, experience.zone), []).append(experience)
        self._latencies: dict[tuple[str, str], Latency] = {}
        self._removals: dict[tuple[str, str], float] = {}
        self.funds = money
        self._shapes: dict[tuple[str, str], NodeShape] = {}
        self._reaches: dict[tuple[str, str], tuple[int, ...]] = {}
        self._ranks = {slot.name: snapshot.resources(slot.ranks) for slot in snapshot.slots}
        self._offers: dict[tuple[Demand, Hints], tuple[_Offer, ...]] = {}
        self._options: dict[tuple[Demand, Hints], tuple[Option, ...] | Refusal] = {}

    def opening(self, kind: NodeKind, zone: str | None = None) -> Opening | Rest:
        """Give where a template may be rented, or whether it may be in one zone; or why not."""
        zones = kind.zones if zone is None else (zone,)
        key = (kind.name, zones)
        if key not in self._openings:
            starting = {(b.template, b.zone) for b in self._snapshot.bursts if b.state in BEFORE_ACTIVE}
            history = self._snapshot.history
            self._openings[key] = find_zone(kind.name, zones, history, self._policy, self._now, starting=starting)
        return self._openings[key]

    def latency(self, kind: NodeKind, zone: str) -> Latency:
        """Give how long a new burst takes."""
        key = (kind.name, zone)
        if key not in self._latencies:
            history = self._experiences.get(key, ())
            self._latencies[key] = new_burst_latency(history, kind.name, zone, self._policy, self._now)
        return self._latencies[key]

    def removal_s(self, kind: NodeKind, zone: str) -> float:
        """Give how long nodes cost money once their brokers are told to leave."""
        key = (kind.name, zone)
        if key not in self._removals:
            history = self._experiences.get(key, ())
            self._removals[key] = removal_p90_s(history, kind.name, zone, self._policy, self._now)
        return self._removals[key]

    @property
    def longest_s(self) -> float:
        """The longest that a new burst may take, in nine of ten cases: nobody compares a wait with more."""
        kinds = self._by_price
        return max((self.latency(kind, zone).p90_s for kind in kinds for zone in kind.zones), default=0.0)

    def options(self, demand: Demand, hints: Hints) -> tuple[Option, ...] | Refusal:
        """Give the ways to hold a job whatever is in use, the cheapest first; or why there is none, ever."""
        key = (demand, hints)
        if key not in self._options:
            self._options[key] = self._find_options(demand, hints)
        return self._options[key]

    def least_nodes(self, demand: Demand, slot: Slot, kind: NodeKind) -> int | None:
        """Give how many of a slot's first nodes hold a job alone; None if all are too few."""
        each = self.shape(slot, kind).units(demand)
        if not each:
            return None
        count = -(-demand.units // each)
        reach = self._reach(demand, slot)
        return reach[count - 1] + 1 if 0 < count <= len(reach) else None

    def shape(self, slot: Slot, kind: NodeKind) -> NodeShape:
        """Give what a node has that is of a template, in a slot."""
        key = (slot.name, kind.name)
        if key not in self._shapes:
            declared = [resources for resources, _host in self._ranks[slot.name]]
            self._shapes[key] = NodeShape(
                cores=min([kind.cores, *(r.cores for r in declared)]),
                gpus=min([kind.gpus, *(r.gpus for r in declared)]),
                memory_mib=kind.memory_mib,
            )
        return self._shapes[key]

    def _find_options(self, demand: Demand, hints: Hints) -> tuple[Option, ...] | Refusal:
        found = [
            Option(slot=offer.slot, template=offer.template, shape=offer.shape, nodes=offer.reach[count - 1] + 1)
            for offer in self._offers_for(demand, hints)
            if (count := -(-demand.units // offer.units_each)) <= len(offer.reach)
        ]
        return tuple(sorted(found, key=_order)) if found else self._refuse(demand, hints)

    def _offers_for(self, demand: Demand, hints: Hints) -> tuple[_Offer, ...]:
        """Give the templates in slots whose nodes hold a part of such a job, however large it is."""
        key = (replace(demand, units=_MANY), hints)
        if key not in self._offers:
            self._offers[key] = tuple(
                _Offer(slot, kind, shape, units_each, reach)
                for slot in self._snapshot.slots
                if hints.slot in (None, slot.name) and (reach := self._reach(demand, slot))
                for kind in self._kinds[slot.template]
                if hints.template in (None, kind.name) and self._may_be_used(kind)
                if (units_each := (shape := self.shape(slot, kind)).units(key[0]))
            )
        return self._offers[key]

    def _refuse(self, demand: Demand, hints: Hints) -> Refusal:
        slots = [slot for slot in self._snapshot.slots if hints.slot in (None, slot.name)]
        if not slots:
            return self._no_slots(hints)
        slots = [slot for slot in slots if self._reach(demand, slot)]
        if not slots:
            return Refusal(
                Code.NOT_BURSTABLE_HERE,
                "its constraint lets it run on no burst node: it asks for hosts, ranks or properties that none has",
            )
        tried = [
            (slot, kind) for slot in slots for kind in self._kinds[slot.template] if hints.template in (None, kind.name)
        ]
        return self._nearest(tried, demand, hints)

    def _may_be_used(self, kind: NodeKind) -> bool:
        policy = self._policy
        is_priced = kind.price_usd_per_h is not None or policy.allow_unknown_price
        return is_priced and (policy.allow_spot or not kind.spot)

    def _nearest(self, tried: list[tuple[Slot, NodeKind]], demand: Demand, hints: Hints) -> Refusal:
        """Give the refusal of what came nearest, with the reasons of all that came as near."""
        codes = [self._why_not(demand, slot, kind) for slot, kind in tried]
        for code in (Code.PRICE_UNKNOWN, Code.TOO_LARGE, Code.NO_TEMPLATE):
            alike = [pair for pair, its in zip(tried, codes, strict=True) if its is code]
            if alike:
                reasons = "; ".join(dict.fromkeys(self._say(code, demand, *pair) for pair in alike[:_SHOWN]))
                more = f"; and {len(alike) - _SHOWN} more" if len(alike) > _SHOWN else ""
                return Refusal(code, f"it needs {demand.describe()}; {reasons}{more}")
        wished = f"the template {hints.template}, which its mark names" if hints.template else "a template"
        return Refusal(Code.NO_TEMPLATE, f"no slot is filled by {wished}")

    def _why_not(self, demand: Demand, slot: Slot, kind: NodeKind) -> Code:
        """Give why a template in a slot is no option."""
        if (kind.spot and not self._policy.allow_spot) or not self.shape(slot, kind).units(demand):
            return Code.NO_TEMPLATE
        return Code.TOO_LARGE if self._may_be_used(kind) else Code.PRICE_UNKNOWN

    def _say(self, code: Code, demand: Demand, slot: Slot, kind: NodeKind) -> str:
        match code:
            case Code.PRICE_UNKNOWN:
                return f"the template {kind.name} has no price, and allow_unknown_price is off"
            case Code.TOO_LARGE:
                return f"the slot {slot.name} has {counted(slot.size, 'node')}"
            case _ if kind.spot and not self._policy.allow_spot:
                return f"the template {kind.name} is of spot nodes, and allow_spot is off"
            case _:
                shape = self.shape(slot, kind)
                gpus = f", {shape.gpus} GPUs" if demand.gpus_per_unit else ""
                return f"a node of {kind.name} has {shape.cores} cores{gpus} and {shape.memory_mib} MiB"

    def _reach(self, demand: Demand, slot: Slot) -> Sequence[int]:
        """Give the positions of the slot's nodes on which a job may run."""
        if not demand.constraint:
            return range(slot.size)
        key = (demand.constraint_text, slot.name)
        if key not in self._reaches:
            may_run_on = rank_test(demand.constraint_text)
            self._reaches[key] = tuple(
                position for position, rank in enumerate(self._ranks[slot.name]) if may_run_on(*rank)
            )
        return self._reaches[key]

    def _no_slots(self, hints: Hints) -> Refusal:
        if hints.slot is not None and self._snapshot.slots:
            return Refusal(Code.NO_SLOT, f"there is no slot {hints.slot}, which its mark names", hints.slot)
        return Refusal(Code.TOO_LARGE, "the instance declares no slot; add one in hosts and R")


def _order(option: Option) -> tuple[float, float, tuple[int, ...]]:
    price = sortable_price(option.template.price_usd_per_h)
    return (price * option.nodes, price, option.slot.ranks[:1])


_MANY = 2**40
"""Units of a job that no node holds."""
_SHOWN = 3
