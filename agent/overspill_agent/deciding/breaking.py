"""How long a slot rests after a failure, so that a fault does not become a bill. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from overspill_agent.deciding.decisions import Code, Decision, DecisionKind
from overspill_shared.errors import ErrorClass

if TYPE_CHECKING:
    from overspill_agent.bursts import Burst
    from overspill_agent.deciding.demand_matching import Need
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.snapshot import Snapshot

NEEDS_A_PERSON: Final = frozenset({ErrorClass.CONFIG, ErrorClass.PERMISSION, ErrorClass.QUOTA})
"""The same request would fail the same way until somebody changes something: the longest rest at once."""


def failures_in_a_row(snapshot: Snapshot, slot: str) -> tuple[Burst, ...]:
    """Give a slot's latest failed bursts, newest first; a burst that did not fail ends the row."""
    row: list[Burst] = []
    for burst in sorted((b for b in snapshot.bursts if b.slot == slot), key=lambda b: -b.created_at):
        if burst.failed_at is None:
            break
        row.append(burst)
    return tuple(row)


def cooldown_end(snapshot: Snapshot, slot: str, policy: Policy) -> float:
    """Give when (epoch seconds) a slot may be tried again: each failure in a row doubles its rest; 0 without one."""
    row = failures_in_a_row(snapshot, slot)
    if not row or row[0].failed_at is None or row[0].error is None:
        return 0.0
    rest = policy.cooldown_s * 2.0 ** min(len(row) - 1, 30)
    if row[0].error.error_class in NEEDS_A_PERSON:
        rest = policy.max_cooldown_s
    return row[0].failed_at + min(policy.max_cooldown_s, rest)


def cooling(snapshot: Snapshot, need: Need, policy: Policy, now: float) -> Decision | None:
    """Give the hold for a job whose slot rests; None if it may be tried."""
    end = cooldown_end(snapshot, need.slot.name, policy)
    if now >= end:
        return None
    error = failures_in_a_row(snapshot, need.slot.name)[0].error
    why = f"{error.error_class}: {error.text} {error.remedy}".strip() if error else "no reason given"
    return Decision(
        kind=DecisionKind.HOLD,
        code=Code.COOL_DOWN,
        reason=f"the last burst of the slot {need.slot.name} failed ({why}); it is tried again in {end - now:.0f} s",
        jobs=(need.job.jobid,),
        slot=need.slot.name,
    )
