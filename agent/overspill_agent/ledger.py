"""What bursts have cost and how their starts went, kept in the KVS for as long as decisions look back. Pure.

An entry is written in the same commit as the record of the burst that it is about, so that neither is ever without the
other. What is older than a day is added up: caps look at any 24 hours, and at all there ever was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from overspill_agent.deciding.latency import Experience, Outcome
from overspill_agent.deciding.spending import DAY_S, Spent
from overspill_agent.experience import deletion_s, experience_of
from overspill_agent.paid_nodes import Meter
from overspill_shared.lifecycle import BurstState

if TYPE_CHECKING:
    from overspill_agent.bursts import Burst

MAX_HISTORY: Final = 200
"""Experiences that are kept, the latest."""


class SpentEntry(BaseModel):
    """What was spent until a time."""

    model_config = ConfigDict(frozen=True)

    at: float
    usd: float


class ExperienceEntry(BaseModel):
    """What became of one burst."""

    model_config = ConfigDict(frozen=True)

    template: str
    zone: str
    at: float
    outcome: Outcome
    create_s: float | None = None
    join_s: float | None = None
    delete_s: float | None = None


class Ledger(BaseModel):
    """The key `ledger` below `overspill` in the KVS."""

    model_config = ConfigDict(frozen=True)

    spent: tuple[SpentEntry, ...] = ()
    history: tuple[ExperienceEntry, ...] = ()

    def after(self, before: Burst | None, burst: Burst) -> Ledger:
        """Give the ledger once a burst's record has become another."""
        ledger = self
        known = experience_of(before) if before is not None else None
        learned = experience_of(burst)
        if learned is not None and learned != known:
            # What was known before was a guess: the cause of its failure came late.
            others = tuple(one for one in ledger.history if known is None or one != _entry(known))
            ledger = ledger.model_copy(update={"history": (*others, _entry(learned))[-MAX_HISTORY:]})
        was_there = before is not None and before.state is not BurstState.GONE
        if burst.state is not BurstState.GONE or not was_there:
            return ledger
        if usd := real_cost_usd(burst):
            ledger = ledger.model_copy(update={"spent": _added(ledger.spent, SpentEntry(at=burst.since, usd=usd))})
        return _with_deletion(ledger, burst)

    def spent_values(self) -> tuple[Spent, ...]:
        """Give what was spent, for decisions."""
        return tuple(Spent(at=entry.at, usd=entry.usd) for entry in self.spent)

    def history_values(self) -> tuple[Experience, ...]:
        """Give what became of bursts, for decisions."""
        return tuple(Experience(**entry.model_dump()) for entry in self.history)


def real_cost_usd(burst: Burst) -> float:
    """Give what a burst that is gone has cost: the nodes that it had over time, from its request until it was gone.

    What was rejected has cost nothing; nor has, as far as is known, what has no price.
    """
    states = {entry.state for entry in burst.history}
    if states <= {BurstState.REQUESTED, BurstState.GONE}:
        return 0.0
    return Meter(paid=burst.paid_nodes, price_usd_per_h=burst.price_usd_per_h or 0.0).usd_at(burst.since)


def _with_deletion(ledger: Ledger, burst: Burst) -> Ledger:
    """Note how long a burst's removal took, beside what is known of its start."""
    seconds, start = deletion_s(burst), experience_of(burst)
    if seconds is None or start is None:
        return ledger
    known = ExperienceEntry.model_validate(start, from_attributes=True)
    measured = known.model_copy(update={"delete_s": seconds})
    return ledger.model_copy(update={"history": tuple(measured if one == known else one for one in ledger.history)})


def _entry(experience: Experience) -> ExperienceEntry:
    return ExperienceEntry.model_validate(experience, from_attributes=True)


def _added(spent: tuple[SpentEntry, ...], entry: SpentEntry) -> tuple[SpentEntry, ...]:
    old = [one for one in spent if one.at <= entry.at - DAY_S]
    young = [one for one in spent if one.at > entry.at - DAY_S]
    if len(old) > 1:
        old = [SpentEntry(at=max(one.at for one in old), usd=sum(one.usd for one in old))]
    return (*old, *young, entry)
