"""What the waiting jobs lead to: requests, bursts that grow, and a hold with its reason for all others.

Every waiting job that may burst stands in exactly one of these decisions. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from overspill_agent.deciding.allotting import Allotment, Hold
from overspill_agent.deciding.decisions import Code, Decision, DecisionKind
from overspill_agent.deciding.matching import Market
from overspill_shared.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_agent.deciding.funding import Funds
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.sizing import Room
    from overspill_agent.deciding.snapshot import Snapshot

MOST_HIDDEN: Final = 32
MOST_JOBS_FOR_HIDING: Final = 500
"""Beyond these the work would not be worth its time in a turn."""


def decide_demand(
    snapshot: Snapshot, policy: Policy, now: float, *, money: Mapping[str, Funds]
) -> tuple[Decision, ...]:
    """Give the decisions about all jobs that wait and may burst; `money` is each live burst's, by its id."""
    if not snapshot.pending:
        return ()
    market = Market(snapshot, policy, now, money=money)
    allotment = _fewest_nodes(snapshot, policy, now, market)
    rooms = [room for room in (*allotment.renting.rooms, *allotment.renting.planned.values()) if room.needs]
    holds = [_hold(hold, jobs) for hold, jobs in allotment.holds.items()]
    if rooms and gathering_until(rooms, policy) > now:
        return (*holds, _gathering(rooms, policy))
    return (*holds, *(_rent(allotment, room) for room in rooms))


def gathering_until(rooms: list[Room], policy: Policy) -> float:
    """Give until when (epoch seconds) others are waited for before nodes are rented."""
    times = [need.job.submitted_at for room in rooms for need in room.needs]
    return min(max(times) + policy.gather_quiet_s, min(times) + policy.gather_max_s)


def _fewest_nodes(snapshot: Snapshot, policy: Policy, now: float, market: Market) -> Allotment:
    """Place all jobs so that more idle ranks at home never mean more rented nodes.

    The scheduler's order alone does not see to that: one rank more may let a large job start at home, and send more
    small ones away than it had nodes. Where idle ranks serve and jobs burst all the same, it is tried to keep some of
    the idle ranks from these jobs; the fewest nodes win, and then the fewest ranks kept back.
    """
    best = Allotment(snapshot, policy, now, market)
    idle = best.idle[:MOST_HIDDEN]
    best.place_all()
    can_gain = best.has_home_jobs and best.renting.has_break_even
    if not can_gain or len(snapshot.pending) > MOST_JOBS_FOR_HIDING:
        return best
    for count in range(1, len(idle) + 1):
        other = Allotment(snapshot, policy, now, market, hidden=idle[:count]).place_all()
        if other.unplaced <= best.unplaced and other.renting.added_nodes < best.renting.added_nodes:
            best = other
    return best


def _hold(hold: Hold, jobs: list[int]) -> Decision:
    return Decision(
        kind=DecisionKind.HOLD,
        code=hold.code,
        reason=hold.reason,
        burst_id=hold.burst_id,
        jobs=tuple(jobs),
        slot=hold.slot,
        template=hold.template,
        zone=hold.zone,
    )


def _gathering(rooms: list[Room], policy: Policy) -> Decision:
    jobs = tuple(need.job.jobid for room in rooms for need in room.needs)
    reason = (
        f"others that come within {policy.gather_quiet_s:g} s share its burst;"
        f" none waits longer than {policy.gather_max_s:g} s for that"
    )
    return Decision(kind=DecisionKind.HOLD, code=Code.GATHERING, reason=reason, jobs=jobs)


def _rent(allotment: Allotment, room: Room) -> Decision:
    latency = allotment.renting.latency(room)
    codes = {need.code for need in room.needs}
    code = Code.NEVER_FITS_LOCALLY if Code.NEVER_FITS_LOCALLY in codes else Code.BREAK_EVEN
    first = next(need for need in room.needs if need.code is code)
    more = len(room.needs) - 1
    others = f"; {counted(more, 'more job')} {'shares' if more == 1 else 'share'} it" if more else ""
    nodes = room.nodes
    if room.burst is None:
        what = (
            f"{counted(nodes, 'node')} of the template {room.template.name} in {room.zone}"
            f" {'is' if nodes == 1 else 'are'} requested for the slot {room.slot.name}"
        )
    else:
        what = f"the burst in the slot {room.slot.name} grows from {room.base} to {counted(nodes, 'node')}"
    probe = "; it failed there before, and this is to show whether it works again" if room.is_probe else ""
    return Decision(
        kind=DecisionKind.REQUEST if room.burst is None else DecisionKind.GROW,
        code=Code.PROBE if room.is_probe else code,
        reason=f"{first.why}; {what}{others}{probe}",
        burst_id=room.burst.burst_id if room.burst is not None else None,
        jobs=tuple(need.job.jobid for need in room.needs),
        slot=room.slot.name,
        template=room.template.name,
        zone=room.zone,
        nodes=nodes,
        ranks=room.slot.first_ranks(nodes),
        reserve_usd=None if room.template.price_usd_per_h is None else round(room.usd, 6),
        eta_p50_s=latency.p50_s,
        eta_p90_s=latency.p90_s,
    )
