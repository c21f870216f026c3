"""The agent's rules: a snapshot in, decisions out. Pure; the agent does nothing that is not decided here.

Every waiting job that may burst stands in exactly one request, growth or hold; every burst's life goes on by itself.
docs/deciding.md tells the rules, and each decision its reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from overspill_agent.deciding.decisions import Code, Decision, DecisionKind
from overspill_agent.deciding.demands import decide_demand
from overspill_agent.deciding.funding import fund
from overspill_agent.deciding.keeping import decide_lifetimes
from overspill_agent.deciding.leases import decide_leases

if TYPE_CHECKING:
    from collections.abc import Iterable

    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.snapshot import Snapshot


_AT_HOME: Final = (Code.FITS_NOW, Code.LOCAL_WAIT_SHORTER)
_KEEPING_PLACE: Final = (None, *_AT_HOME, Code.SETTLING, Code.GATHERING)
"""Of jobs with such a decision, or none, the place in the queue is left alone."""


def decide(snapshot: Snapshot, policy: Policy, now: float) -> tuple[Decision, ...]:
    """Decide everything that is to be done now, the no-ops with their reasons included."""
    money = fund(snapshot, policy, now)
    demands = decide_demand(snapshot, policy, now, money=money)
    lifetimes = decide_lifetimes(snapshot, policy, now, money=money, wanted=wanted_bursts(demands))
    leases = decide_leases(snapshot, policy, now, money=money)
    return (*leases, *lifetimes, *demands, *_let_pass(snapshot, demands))


def wanted_bursts(decisions: Iterable[Decision]) -> frozenset[str]:
    """Give the bursts that waiting jobs count on: they have room there, make them grow, or wait for others to end."""
    kinds = (DecisionKind.HOLD, DecisionKind.GROW)
    return frozenset(decision.burst_id for decision in decisions if decision.burst_id and decision.kind in kinds)


def _let_pass(snapshot: Snapshot, demands: Iterable[Decision]) -> Iterable[Decision]:
    """Let others pass jobs that wait for a burst, where the scheduler would make them queue behind it.

    One that fits at home after all, an order to keep, gets its place back.
    """
    queues = snapshot.facts.lets_none_pass
    may_matter = [job for job in snapshot.pending if job.is_lowered or (queues and job.may_be_lowered)]
    codes = {jobid: decision.code for decision in demands for jobid in decision.jobs} if may_matter else {}
    for job in may_matter:
        code = codes.get(job.jobid)
        if code in _AT_HOME and job.is_lowered:
            yield Decision(
                kind=DecisionKind.RESTORE_URGENCY,
                code=code,
                reason="it fits on the ranks that are online, and waits for no burst any more",
                jobs=(job.jobid,),
            )
        elif queues and code not in _KEEPING_PLACE and job.may_be_lowered:
            yield Decision(
                kind=DecisionKind.LOWER_URGENCY,
                code=Code.HEAD_OF_LINE,
                reason="the scheduler starts jobs in order: with a low urgency others pass it while its burst comes",
                jobs=(job.jobid,),
            )
