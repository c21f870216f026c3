"""Everything that a decision may depend on, as one frozen value. Pure; who fills it is `loop`."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from overspill_shared.lifecycle import NOT_RUNNING, BurstState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from overspill_agent.bursts import Burst
    from overspill_agent.deciding.latency import Experience
    from overspill_agent.deciding.matching import NodeKind
    from overspill_agent.deciding.slots import Slot
    from overspill_agent.deciding.spending import Spent
    from overspill_agent.jobs import PendingJob, RunningJob
    from overspill_agent.ports import RankResources
    from overspill_shared.idset import Ranks


class Declared(Protocol):
    """What a lead declares: an `InstanceFacts`, or what a snapshot's file says."""

    @property
    def hosts(self) -> Sequence[str]: ...  # noqa: D102 - every rank's, in rank order
    @property
    def resources(self) -> tuple[RankResources, ...]: ...  # noqa: D102
    @property
    def scheduler(self) -> str: ...  # noqa: D102
    @property
    def lets_none_pass(self) -> bool: ...  # noqa: D102 - whether a waiting job keeps those behind it waiting
    @property
    def started_at(self) -> float | None: ...  # noqa: D102


# Without slots: what follows from it is worked out once, and asked for by thousands of waiting jobs.
@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The instance and its bursts at one moment."""

    facts: Declared
    slots: tuple[Slot, ...]
    templates: Mapping[str, NodeKind] = field(default_factory=dict)
    """What may be rented, by name."""
    pending: tuple[PendingJob, ...] = ()
    bursts: tuple[Burst, ...] = ()
    online: Ranks = field(default_factory=frozenset)
    torpid: Ranks = field(default_factory=frozenset)
    drained: Ranks = field(default_factory=frozenset)
    allocated: Ranks = field(default_factory=frozenset)
    running: tuple[RunningJob, ...] = ()
    """The jobs that have resources."""
    expected_starts: Mapping[int, float] = field(default_factory=dict)
    """When the scheduler says that waiting jobs will start (epoch seconds), by their ids; see `expected_starts`."""
    history: tuple[Experience, ...] = ()
    """What became of earlier bursts."""
    spent: tuple[Spent, ...] = ()
    """What those that are gone have cost."""
    changed_at: Mapping[str, float] = field(default_factory=dict)
    """When the nodes or the work of bursts changed last; where it is not known, with their state."""
    returning: Ranks = field(default_factory=frozenset)
    """The ranks outside slots that are offline, but may be back soon: see `settling`."""
    join_errors: Mapping[int, str] = field(default_factory=dict)
    """Why the lead refused ranks that tried to join; known only where a join's deadline has passed."""

    @cached_property
    def slot_ranks(self) -> Ranks:
        """Every rank that belongs to a slot."""
        return frozenset().union(*(slot.ranks for slot in self.slots))

    @cached_property
    def home(self) -> Ranks:
        """The ranks outside slots that can be given work, now or when their jobs end."""
        return (self.online - self.drained - self.torpid) - self.slot_ranks

    @cached_property
    def pending_by_id(self) -> Mapping[int, PendingJob]:
        """The waiting jobs by their ids."""
        return {job.jobid: job for job in self.pending}

    def jobs_on(self, ranks: Ranks) -> tuple[int, ...]:
        """Give the jobs that hold any of these ranks."""
        return tuple(job.jobid for job in self.running if not ranks.isdisjoint(job.held))

    def capacity(self) -> tuple[Burst, ...]:
        """The bursts that are capacity, on their way to be, or could be kept: not failed, nor told to leave."""
        return tuple(
            burst
            for burst in self.bursts
            if burst.state not in NOT_RUNNING and (burst.state is not BurstState.DRAINING or burst.can_be_kept)
        )

    def live(self) -> tuple[Burst, ...]:
        """The bursts that something may still exist of: they hold their slot."""
        return tuple(burst for burst in self.bursts if burst.state is not BurstState.GONE)

    def resources(self, ranks: Iterable[int]) -> tuple[tuple[RankResources, str], ...]:
        """Give ranks with their resources and hosts, in rank order."""
        by_rank = self._resources_by_rank
        return tuple((by_rank[rank], self.facts.hosts[rank]) for rank in sorted(ranks) if rank in by_rank)

    @cached_property
    def used_of(self) -> Mapping[int, tuple[int, int]]:
        """The cores and GPUs that jobs hold on each rank."""
        used: dict[int, tuple[int, int]] = {}
        for job in self.running:
            for rank, (cores, gpus) in job.held.items():
                before = used.get(rank, (0, 0))
                used[rank] = (before[0] + cores, before[1] + gpus)
        return used

    @cached_property
    def _resources_by_rank(self) -> Mapping[int, RankResources]:
        return {resource.rank: resource for resource in self.facts.resources}
