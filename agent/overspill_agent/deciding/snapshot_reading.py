"""A snapshot's file as the values that the agent decides from, and decisions in the file's terms. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from math import gcd
from typing import TYPE_CHECKING, Any, Final

from overspill_agent.bursts import BEFORE_ACTIVE, Burst
from overspill_agent.deciding.constraints import check_constraint
from overspill_agent.deciding.decisions import Code, DecisionKind
from overspill_agent.deciding.demand import Demand, shared
from overspill_agent.deciding.latency import Experience
from overspill_agent.deciding.slots import Slot
from overspill_agent.deciding.snapshot import Snapshot
from overspill_agent.deciding.snapshot_file import JobState
from overspill_agent.deciding.spending import Spent
from overspill_agent.jobs import PendingJob, RunningJob
from overspill_agent.paid_nodes import PaidNodes
from overspill_agent.ports import RankResources
from overspill_shared.errors import ConfigError
from overspill_shared.idset import format_idset, parse_idset
from overspill_shared.lifecycle import BurstState
from overspill_shared.messages import TeardownReason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from overspill_agent.deciding.decisions import Decision
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.snapshot_file import FileBurst, FileJob, FileTemplate, JobId, SnapshotFile
    from overspill_shared.idset import Ranks

ANY_MEMORY_MIB: Final = 2**40
KINDS: Final = (
    DecisionKind.REQUEST,
    DecisionKind.GROW,
    DecisionKind.SHRINK,
    DecisionKind.DRAIN,
    DecisionKind.CANCEL_DRAIN,
    DecisionKind.TEARDOWN,
    DecisionKind.HOLD,
)
"""The kinds that a plan tells; the others are steps of carrying them out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTemplate:
    """A template as a file lists it."""

    name: str
    cores: int
    gpus: int
    memory_mib: int
    price_usd_per_h: float | None
    spot: bool
    zones: tuple[str, ...]
    shared_directories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRanks:
    """The ranks as a file lists them."""

    resources: tuple[RankResources, ...]
    hosts: tuple[str, ...]
    scheduler: str = "unknown"
    started_at: float | None = None
    lets_none_pass: bool = False


def read_snapshot(file: SnapshotFile, policy: Policy) -> Snapshot:
    """Give the values that a file means; jobs are numbered by their place in it.

    Raises ConfigError naming a key whose value does not go with the others.
    """
    _check(file)
    slots = tuple(_slot(slot.name, slot.ranks, slot.template, slot.min_nodes) for slot in file.slots)
    templates = {item.name: _template(item) for item in file.templates}
    declared = _declared(file, slots, templates)
    states = {rank: item.state for item in file.ranks for rank in parse_idset(item.ids)}
    numbers = {job.id: number for number, job in enumerate(file.jobs)}
    bursts = tuple(_burst(burst, slots, numbers, policy) for burst in file.bursts)
    drained = frozenset(rank for rank, state in states.items() if state == "drained")
    home = frozenset(r for r, s in states.items() if s == "online") - frozenset().union(*(s.ranks for s in slots))
    running = _running(file, declared, sorted(home))
    busy = frozenset().union(*(parse_idset(burst.busy_ranks) for burst in file.bursts))
    return Snapshot(
        facts=declared,
        slots=slots,
        templates=templates,
        pending=tuple(_pending(number, job) for number, job in enumerate(file.jobs) if job.state is JobState.PENDING),
        running=running,
        expected_starts={
            number: job.expected_start_at
            for number, job in enumerate(file.jobs)
            if job.state is JobState.PENDING and job.expected_start_at is not None
        },
        bursts=bursts,
        online=frozenset(rank for rank, state in states.items() if state != "offline").union(
            *(burst.ranks for burst in bursts if burst.state in (BurstState.ACTIVE, BurstState.DRAINING))
        ),
        drained=drained | frozenset().union(*(b.ranks for b in bursts if b.state is BurstState.DRAINING)),
        allocated=busy.union(*(job.ranks for job in running)),
        history=tuple(Experience(**item.model_dump()) for item in file.history),
        spent=tuple(Spent(at=item.at, usd=item.usd) for item in file.spent),
    )


def plan_json(decisions: Iterable[Decision], ids: Sequence[JobId] | None = None) -> dict[str, Any]:
    """Give decisions as `overspill plan --json` prints them; `ids` are the jobs' own, by their numbers.

    Telling a burst's brokers to leave is the first step of its teardown, and told as that.
    """
    return {"decisions": [_as_json(decision, ids) for decision in planned(decisions)]}


def planned(decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """Give what a plan tells: what is decided, without the steps that only carry it out."""
    found = []
    for decision in decisions:
        if decision.kind is DecisionKind.LEAVE:
            code = Code.IDLE if decision.code is Code.DRAINED else decision.code
            found.append(replace(decision, kind=DecisionKind.TEARDOWN, code=code))
        elif decision.kind in KINDS:
            found.append(decision)
    return tuple(found)


def _as_json(decision: Decision, ids: Sequence[JobId] | None) -> dict[str, Any]:
    told = decision.as_json()
    told["jobs"] = [ids[job] if ids is not None else job for job in decision.jobs]
    return told


def _check(file: SnapshotFile) -> None:
    """Refuse what names something that the file does not hold, or twice."""
    slots = {slot.name for slot in file.slots}
    templates = {template.name for template in file.templates}
    for place, names in (
        ("jobs", [job.id for job in file.jobs]),
        ("slots", [slot.name for slot in file.slots]),
        ("templates", [template.name for template in file.templates]),
        ("bursts", [burst.burst_id for burst in file.bursts]),
    ):
        if twice := next((name for name, count in Counter(names).items() if count > 1), None):
            raise _wrong(f"{place}: two are called {twice}")
    for number, slot in enumerate(file.slots):
        if slot.template is not None and slot.template not in templates:
            raise _wrong(f"slots.{number}.template: there is no template {slot.template}")
    for number, burst in enumerate(file.bursts):
        if burst.slot not in slots:
            raise _wrong(f"bursts.{number}.slot: there is no slot {burst.slot}")
        if burst.template not in templates:
            raise _wrong(f"bursts.{number}.template: there is no template {burst.template}")


def _wrong(text: str) -> ConfigError:
    return ConfigError(f"the snapshot cannot be used: {text}.", remedy="Correct it.", code="snapshot")


def _slot(name: str, ranks: str, template: str | None, min_nodes: int) -> Slot:
    numbers = tuple(sorted(parse_idset(ranks)))
    hosts = tuple(f"{name}-{position}" for position in range(len(numbers)))
    return Slot(name=name, ranks=numbers, hosts=hosts, template=template, min_nodes=min_nodes)


def _template(item: FileTemplate) -> ListedTemplate:
    return ListedTemplate(
        name=item.name,
        cores=item.cores,
        gpus=item.gpus,
        memory_mib=item.memory_mib or ANY_MEMORY_MIB,
        price_usd_per_h=item.price_usd_per_h,
        spot=item.spot,
        zones=item.zones,
    )


def _declared(file: SnapshotFile, slots: tuple[Slot, ...], templates: Mapping[str, ListedTemplate]) -> ListedRanks:
    """Give all ranks; those of a slot that are not listed have what its template has, and the property `burst`."""
    found = {
        rank: RankResources(rank=rank, cores=item.cores, gpus=item.gpus, properties=frozenset(item.properties))
        for item in file.ranks
        for rank in parse_idset(item.ids)
    }
    hosts = {}
    for slot in slots:
        kinds = [templates[slot.template]] if slot.template is not None else list(templates.values())
        cores, gpus = max((k.cores for k in kinds), default=0), max((k.gpus for k in kinds), default=0)
        for rank, host in zip(slot.ranks, slot.hosts, strict=True):
            hosts[rank] = host
            burst = RankResources(rank=rank, cores=cores, gpus=gpus, properties=frozenset({"burst"}))
            found.setdefault(rank, burst)
    size = max(found, default=-1) + 1
    return ListedRanks(
        resources=tuple(found[rank] for rank in sorted(found)),
        hosts=tuple(hosts.get(rank, f"rank-{rank}") for rank in range(size)),
    )


def _pending(number: int, job: FileJob) -> PendingJob:
    demand, problem = None, ""
    try:
        demand = shared(_demand(job))
    except (ValueError, TypeError) as exc:
        problem = str(exc)
    return PendingJob(
        jobid=number,
        submitted_at=job.submitted_at,
        urgency=job.urgency,
        priority=max(1, job.urgency),
        demand=demand,
        problem=problem,
        burstable=job.burstable,
        duration_s=job.duration_s or None,
    )


def _demand(job: FileJob) -> Demand:
    constraint: dict[str, Any] = dict(job.constraints or {})
    check_constraint(constraint)
    if job.requires:
        required = {"properties": [f"^{name[1:]}" if name[0] == "-" else name for name in job.requires]}
        constraint = {"and": [constraint, required]} if constraint else required
    memory_mib = job.memory_mib_per_node or 0
    if job.nodes is not None:
        each = 1 if job.cores is None else -(-job.cores // job.nodes)
        units = job.nodes
        cores = each if job.cores_per_node is None else job.cores_per_node
        gpus = -(-job.gpus // job.nodes) if job.gpus_per_node is None else job.gpus_per_node
    else:
        units, cores, gpus = _shared_units(job)
    return Demand(
        units=units,
        cores_per_unit=cores,
        gpus_per_unit=gpus,
        is_by_node=job.nodes is not None,
        queue=job.queue,
        constraint=constraint,
        memory_mib_per_unit=memory_mib,
    )


def _shared_units(job: FileJob) -> tuple[int, int, int]:
    """Give (units, cores, GPUs each) of a job that asks for no nodes: the smallest parts that it can be cut into."""
    cores = 1 if job.cores is None else job.cores
    if job.cores_per_node or job.gpus_per_node:
        by_core = -(-cores // job.cores_per_node) if job.cores_per_node else 1
        by_gpu = -(-job.gpus // job.gpus_per_node) if job.gpus_per_node else 1
        units = max(1, by_core, by_gpu)
        return units, job.cores_per_node or -(-cores // units), job.gpus_per_node or -(-job.gpus // units)
    units = gcd(cores, job.gpus) if job.gpus else max(1, cores)
    return units, cores // units, job.gpus // units


def _running(file: SnapshotFile, declared: ListedRanks, home: list[int]) -> tuple[RunningJob, ...]:
    """Give the running jobs; those whose ranks are not told are taken to run on the first at home that are free."""
    by_rank = {resources.rank: resources for resources in declared.resources}
    running = [(number, job) for number, job in enumerate(file.jobs) if job.state is JobState.RUNNING]
    told = frozenset().union(*(parse_idset(job.ranks) for _number, job in running if job.ranks is not None))
    free = [rank for rank in home if rank not in told]
    found = []
    for number, job in running:
        if job.ranks is not None:
            ranks = [rank for rank in sorted(parse_idset(job.ranks)) if rank in by_rank]
        else:
            count = job.nodes or _ranks_for(job, [by_rank[rank] for rank in free])
            ranks, free = free[:count], free[count:]
        held = {rank: _share(job, by_rank[rank], len(ranks)) for rank in ranks}
        started_at = job.submitted_at if job.started_at is None else job.started_at
        found.append(RunningJob(jobid=number, started_at=started_at, duration_s=job.duration_s or None, held=held))
    return tuple(found)


def _ranks_for(job: FileJob, free: list[RankResources]) -> int:
    cores, count = job.cores or 1, 0
    for resources in free:
        if cores <= 0:
            break
        cores -= resources.cores
        count += 1
    return count


def _share(job: FileJob, rank: RankResources, count: int) -> tuple[int, int]:
    """Give what a running job holds of one of its ranks: all where it does not say."""
    cores = job.cores_per_node if job.cores_per_node is not None else job.cores and -(-job.cores // count)
    gpus = job.gpus_per_node if job.gpus_per_node is not None else -(-job.gpus // count)
    return (rank.cores if cores is None else min(cores, rank.cores)), min(gpus, rank.gpus)


def _burst(burst: FileBurst, slots: tuple[Slot, ...], numbers: Mapping[JobId, int], policy: Policy) -> Burst:
    slot = next(slot for slot in slots if slot.name == burst.slot)
    since = burst.created_at if burst.since is None else burst.since
    ranks: Ranks = slot.first_ranks(burst.nodes if burst.target_nodes is None else burst.target_nodes)
    is_ending = burst.state in (BurstState.DRAINING, BurstState.TEARING_DOWN, BurstState.FAILED)
    hard_end_at = burst.created_at + policy.max_lifetime_s
    is_idle_end = since < hard_end_at - policy.drain_before_end_s
    waits = burst.state in BEFORE_ACTIVE and burst.idle_since is None
    paid = PaidNodes(at=burst.created_at, nodes=max(burst.nodes, len(ranks)))
    return Burst(
        burst_id=burst.burst_id,
        generation=int(burst.created_at),
        slot=burst.slot,
        template=burst.template,
        zone=burst.zone,
        ranks_idset=format_idset(ranks),
        jobs=tuple(numbers.get(job, -1) for job in burst.jobs),
        state=burst.state,
        since=since,
        created_at=burst.created_at,
        published_at=burst.created_at,
        deadline_at=burst.created_at + policy.join_timeout_s,
        hard_end_at=hard_end_at,
        lease_expires_at=hard_end_at,
        idle_since=since if waits else burst.idle_since,
        paid=(paid,),
        reserved_usd=burst.reserved_usd,
        has_drained=is_ending,
        teardown_reason=(TeardownReason.IDLE_TIMEOUT if is_idle_end else TeardownReason.MAX_LIFETIME)
        if burst.state is BurstState.DRAINING
        else None,
        teardown_published_at=since if burst.state is BurstState.TEARING_DOWN else None,
        teardown_attempts=1 if burst.state is BurstState.TEARING_DOWN else 0,
    )
