"""Carrying out what was decided of the last ranks of an active burst, which it gives back. No rule stands here.

Each step is written before it is done, and may be repeated; the steps are `deciding.shrinking`'s.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from overspill_agent.deciding.decisions import Code, Decision, DecisionKind
from overspill_agent.outcome import Outcome
from overspill_shared import names
from overspill_shared.idset import format_idset

if TYPE_CHECKING:
    from overspill_agent.bursts import Burst
    from overspill_agent.ports import FluxInstance
    from overspill_agent.store import BurstStore

log = logging.getLogger(__name__)


class Resize(Protocol):
    """Records and publishes another size of a burst: the one that was decided."""

    def __call__(self, burst: Burst, decision: Decision, now: float, /) -> Outcome: ...  # noqa: D102


class GivingBack:
    """Does what is due of a burst's last ranks."""

    def __init__(self, *, instance: FluxInstance, store: BurstStore, resize: Resize) -> None:
        self._instance = instance
        self._store = store
        self._resize = resize

    def act(self, burst: Burst, decision: Decision, now: float) -> Outcome:
        """Carry out one decision; raises FluxError where Flux refuses."""
        match decision.kind:
            case DecisionKind.SHRINK if decision.code is Code.IDLE:
                return self._drain(burst, decision)
            case DecisionKind.SHRINK:
                return self._resize(burst, decision, now)
            case DecisionKind.LEAVE:
                return self._leave(burst, now)
            case _:
                return self._undrain(burst)

    def _drain(self, burst: Burst, decision: Decision) -> Outcome:
        is_new = not burst.tail
        if is_new:
            burst = burst.model_copy(update={"tail_idset": format_idset(burst.ranks - (decision.ranks or frozenset()))})
            self._store.save(burst)
            log.info("burst.shrinks", extra={"ranks": burst.tail_idset, "slot": burst.slot, "reason": decision.reason})
        self._instance.drain(burst.tail, f"overspill: burst {names.cluster_name(burst.burst_id)} gives them back")
        return Outcome.CHANGED if is_new else Outcome.DONE

    def _leave(self, burst: Burst, now: float) -> Outcome:
        if burst.tail & self._instance.allocated():
            log.info("end.postponed", extra={"reason": "the scheduler has work on its last ranks", "slot": burst.slot})
            return Outcome.POSTPONED
        self._store.save(burst.model_copy(update={"tail_told_at": now}))
        log.info("brokers.told_to_leave", extra={"slot": burst.slot, "ranks": burst.tail_idset})
        self._instance.leave(burst.tail)
        return Outcome.CHANGED

    def _undrain(self, burst: Burst) -> Outcome:
        """Let work on ranks again that are kept after all, or are down and free for another growth."""
        self._instance.undrain(burst.tail)
        self._store.save(burst.model_copy(update={"tail_idset": "", "tail_told_at": None}))
        log.info("ranks.freed", extra={"ranks": burst.tail_idset, "slot": burst.slot, "nodes": burst.size})
        return Outcome.CHANGED
