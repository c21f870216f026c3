"""The agent's rules: a snapshot in, decisions out. Pure; the agent does nothing that is not decided here.

First rule of bursting: a marked job that waits, that the online ranks cannot hold and that a free slot can, gets a
burst of that slot. Every waiting marked job stands in exactly one request or hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from overspill_agent.deciding.breaking import cooldown_end, cooling
from overspill_agent.deciding.decisions import Code, Decision, DecisionKind
from overspill_agent.deciding.demand_matching import need_from, needs_from, one_of_each, served_by
from overspill_agent.deciding.keeping import decide_lifetimes
from overspill_agent.deciding.leases import decide_leases
from overspill_agent.deciding.mounts import lacks_mount

if TYPE_CHECKING:
    from collections.abc import Iterable

    from overspill_agent.deciding.demand import Demand
    from overspill_agent.deciding.demand_matching import Need
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.slots import Slot
    from overspill_agent.deciding.snapshot import Snapshot
    from overspill_agent.jobs import PendingJob


def decide(snapshot: Snapshot, policy: Policy, now: float) -> tuple[Decision, ...]:
    """Decide everything that is to be done now, the no-ops with their reasons included."""
    demands = tuple(decide_demand(snapshot, policy, now))
    wanted = wanted_bursts(demands)
    lifetimes = decide_lifetimes(snapshot, policy, now, wanted=wanted)
    return (*decide_leases(snapshot, policy, now), *lifetimes, *demands, *_let_pass(snapshot, demands))


def decide_demand(snapshot: Snapshot, policy: Policy, now: float) -> Iterable[Decision]:
    """Give one decision for every waiting marked job: who is served, who gets a burst, who waits and why."""
    holds = {asks: served_by(snapshot, job) for asks, job in one_of_each(snapshot.pending).items()}
    templates = [slot.template for slot in snapshot.slots]
    unserved: list[PendingJob] = []
    for job in snapshot.pending:
        if hold := holds[job.asks]:
            yield hold.for_job(job.jobid)
        elif policy.requires_mounts and (cwd := lacks_mount(job.jobspec, templates)):
            yield _unmounted(job, cwd)
        else:
            unserved.append(job)
    if unserved:
        yield from _decide_unserved(snapshot, unserved, policy, now)


def _decide_unserved(snapshot: Snapshot, jobs: list[PendingJob], policy: Policy, now: float) -> Iterable[Decision]:
    """Give each job's part in a request, or why there is none. A slot is requested once, for all that it can hold.

    The slots that are free only get fewer: what is decided for a job holds for all later ones that ask for the same.
    """
    free, resting = _free_slots(snapshot, policy, now)
    met: set[Demand | str] = set()
    unmet: dict[Demand | str, Decision] = {}
    for job in jobs:
        if job.asks in met:
            continue
        if hold := unmet.get(job.asks):
            yield hold.for_job(job.jobid)
        elif need := _first_need(snapshot, job, free):
            needs = needs_from(snapshot, (other for other in jobs if other.asks not in met), need.slot)
            yield _request(snapshot, needs)
            met.update(other.job.asks for other in needs)
            free = tuple(slot for slot in free if slot.name != need.slot.name)
        else:
            hold = unmet[job.asks] = _unmet(snapshot, job, resting, policy, now)
            yield hold


def _unmounted(job: PendingJob, cwd: str) -> Decision:
    return Decision(
        kind=DecisionKind.HOLD,
        code=Code.NO_MOUNT,
        reason=f"its working directory {cwd} lies under no mount of a template, and requires_mounts is set;"
        " submit it from a shared directory (--cwd), or add the mount to a template",
        jobs=(job.jobid,),
    )


def wanted_bursts(decisions: Iterable[Decision]) -> frozenset[str]:
    """Give the bursts that waiting jobs count on."""
    return frozenset(d.burst_id for d in decisions if d.code is Code.IN_FLIGHT and d.burst_id)


def _free_slots(snapshot: Snapshot, policy: Policy, now: float) -> tuple[tuple[Slot, ...], tuple[Slot, ...]]:
    """Slots that can be used now, and those that rest after a failure, the first to be tried again first.

    A slot with a drained rank is neither: nothing would start there, and an operator may want just that.
    """
    held = {burst.slot for burst in snapshot.live()}
    taken = snapshot.online | snapshot.drained
    free = [slot for slot in snapshot.slots if slot.name not in held and not taken & set(slot.ranks)]
    rest_ends = {slot.name: cooldown_end(snapshot, slot.name, policy) for slot in free}
    usable = tuple(slot for slot in free if rest_ends[slot.name] <= now)
    resting = sorted((slot for slot in free if slot not in usable), key=lambda slot: rest_ends[slot.name])
    return usable, tuple(resting)


def _first_need(snapshot: Snapshot, job: PendingJob, slots: Iterable[Slot]) -> Need | None:
    return next((need for slot in slots if (need := need_from(snapshot, job, slot))), None)


def _request(snapshot: Snapshot, needs: list[Need]) -> Decision:
    slot = needs[0].slot
    nodes = max(need.nodes for need in needs)
    demand = needs[0].job.demand
    more = f", and {len(needs) - 1} more" if len(needs) > 1 else ""
    return Decision(
        kind=DecisionKind.REQUEST,
        code=Code.NEVER_FITS_LOCALLY,
        reason=f"a job of {demand.describe() if demand else '?'}{more} cannot run on the {len(snapshot.home)} ranks"
        f" at home that are online; {nodes} of the slot {slot.name} beside them are enough",
        jobs=tuple(need.job.jobid for need in needs),
        slot=slot.name,
        template=slot.template.name,
        zone=slot.template.zones[0],
        nodes=nodes,
        ranks=slot.first_ranks(nodes),
    )


def _unmet(snapshot: Snapshot, job: PendingJob, resting: Iterable[Slot], policy: Policy, now: float) -> Decision:
    """Say why no free slot can hold a job: one that rests could, or a used one, or none ever."""
    rested = _first_need(snapshot, job, resting)
    if rested is not None and (hold := cooling(snapshot, rested, policy, now)):
        return hold
    could = [slot.name for slot in snapshot.slots if need_from(snapshot, job, slot)]
    what = job.demand.describe() if job.demand else "it"
    if could:
        return Decision(
            kind=DecisionKind.HOLD,
            code=Code.NO_SLOT,
            reason=f"{what} would fit the slot {could[0]}, which is in use or drained; it waits until that is free",
            jobs=(job.jobid,),
            slot=could[0],
        )
    sizes = ", ".join(f"{slot.name} has {slot.size}" for slot in snapshot.slots) or "the instance declares none"
    return Decision(
        kind=DecisionKind.HOLD,
        code=Code.TOO_LARGE,
        reason=f"{what} fit no slot: {sizes}; ask for less, or declare a larger slot in hosts and R",
        jobs=(job.jobid,),
    )


def _let_pass(snapshot: Snapshot, demands: Iterable[Decision]) -> Iterable[Decision]:
    """Let others pass jobs that wait for a burst, where the scheduler would make them queue behind it.

    One that fits at home after all, an order to keep, gets its place back.
    """
    queues = snapshot.facts.scheduler == "simple"
    codes = {jobid: decision.code for decision in demands for jobid in decision.jobs}
    for job in snapshot.pending:
        code = codes.get(job.jobid)
        if code is Code.FITS_NOW and job.is_lowered:
            yield Decision(
                kind=DecisionKind.RESTORE_URGENCY,
                code=Code.FITS_NOW,
                reason="it fits on the ranks that are online, and waits for no burst any more",
                jobs=(job.jobid,),
            )
        elif queues and code not in (None, Code.FITS_NOW, Code.SETTLING) and job.may_be_lowered:
            yield Decision(
                kind=DecisionKind.LOWER_URGENCY,
                code=Code.HEAD_OF_LINE,
                reason="sched-simple starts jobs in order: with a low urgency others pass it while its burst comes",
                jobs=(job.jobid,),
            )
