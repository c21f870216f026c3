"""What a job needs, read from its jobspec, and which ranks could give it. Pure.

Jobspec V1 (RFC 25) as `flux submit` writes it: `node > slot > core, gpu` or `slot > core, gpu`; constraints
stand in `constraints`. Whether a job may burst is said here (its mark), whether it should is not: see `decide`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from overspill_agent.deciding.constraints import check_constraint, rank_test, spell
from overspill_shared.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from overspill_agent.ports import RankResources


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """A job's needs as units: whole nodes where it asks for nodes, else slots that may share one."""

    units: int
    """Nodes, or slots, that it needs in all."""
    cores_per_unit: int
    gpus_per_unit: int
    is_by_node: bool
    queue: str | None = None
    constraint: Mapping[str, Any] = field(default_factory=dict, compare=False)
    memory_mib_per_unit: int = 0
    """0 where it asks for none: Flux knows no memory, a template does."""
    is_exclusive: bool = False
    """Whether its nodes may hold no other job."""
    constraint_text: str = field(init=False, repr=False)
    """The constraint to compare and to look up by: demands that differ in nothing else must not be taken for one."""

    def __post_init__(self) -> None:
        """Spell the constraint once."""
        object.__setattr__(self, "constraint_text", spell(self.constraint))

    def units_in(self, cores: int, gpus: int, memory_mib: int | None = None) -> int:
        """Give how many of its units, at most all, fit into what a node has free; unknown memory holds any."""
        if cores < self.cores_per_unit or gpus < self.gpus_per_unit:
            return 0
        if memory_mib is not None and memory_mib < self.memory_mib_per_unit:
            return 0
        if self.is_by_node:
            return 1
        found = self.units
        if self.cores_per_unit:
            found = min(found, cores // self.cores_per_unit)
        if self.gpus_per_unit:
            found = min(found, gpus // self.gpus_per_unit)
        if self.memory_mib_per_unit and memory_mib is not None:
            found = min(found, memory_mib // self.memory_mib_per_unit)
        return found

    def may_run_on(self, rank: RankResources, host: str) -> bool:
        """Tell whether the constraint lets it run on a rank."""
        return rank_test(self.constraint_text)(rank, host)

    def describe(self) -> str:
        """Say it in words, for reasons."""
        units = counted(self.units, "node" if self.is_by_node else "slot")
        needs = [counted(self.cores_per_unit, "core")]
        if self.gpus_per_unit:
            needs.append(counted(self.gpus_per_unit, "GPU"))
        if self.memory_mib_per_unit:
            needs.append(f"{self.memory_mib_per_unit} MiB")
        return f"{units} of {' and '.join(needs)}"


def burstable_mark(jobspec: Mapping[str, Any]) -> Any:
    """Give `attributes.system.burstable`, whatever it is; None where it is missing."""
    return _system(jobspec).get("burstable")


def duration_of(jobspec: Mapping[str, Any]) -> float | None:
    """Give a job's time limit in seconds (RFC 14: 0 is none); None where it has none."""
    duration = _system(jobspec).get("duration")
    if isinstance(duration, bool) or not isinstance(duration, int | float) or duration <= 0:
        return None
    return float(duration)


def is_burstable(jobspec: Mapping[str, Any]) -> bool:
    """Tell whether a job is marked: `attributes.system.burstable` is there and truthy."""
    return bool(_system(jobspec).get("burstable"))


def parse_demand(jobspec: Mapping[str, Any]) -> Demand:
    """Read a jobspec's needs.

    Raises ValueError, TypeError or AttributeError if it is not jobspec V1.
    """
    resources = jobspec.get("resources")
    if not isinstance(resources, list) or len(resources) != 1:
        raise ValueError("resources must be a list of one vertex")
    top = resources[0]
    if top.get("type") == "node":
        slot = _only(top, "slot")
        slots_per_node = _count(slot)
        cores, gpus = _cores_and_gpus(slot)
        units, cores, gpus, by_node = _count(top), slots_per_node * cores, slots_per_node * gpus, True
    elif top.get("type") == "slot":
        cores, gpus = _cores_and_gpus(top)
        units, by_node = _count(top), False
    else:
        raise ValueError(f"resources[0].type must be node or slot, not {str(top.get('type'))[:40]!r}")
    system = _system(jobspec)
    queue = system.get("queue")
    constraint = system.get("constraints") or {}
    check_constraint(constraint)
    return Demand(
        units=units,
        cores_per_unit=cores,
        gpus_per_unit=gpus,
        is_by_node=by_node,
        queue=queue if isinstance(queue, str) else None,
        constraint=constraint,
        is_exclusive=by_node and top.get("exclusive") is True,
    )


@lru_cache(maxsize=1024)
def shared(demand: Demand) -> Demand:
    """Give one object for equal demands: a turn looks each job's up, and the same object is found at once."""
    return demand


def _system(jobspec: Mapping[str, Any]) -> Mapping[str, Any]:
    attributes = jobspec.get("attributes")
    system = attributes.get("system") if isinstance(attributes, Mapping) else None
    return system if isinstance(system, Mapping) else {}


def _count(vertex: Mapping[str, Any]) -> int:
    """Give a vertex's count; of a range (RFC 14), the least."""
    count = vertex.get("count", 1)
    if isinstance(count, dict):
        count = count.get("min", 1)
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ValueError(f"count of {vertex.get('type')} must be a positive integer, not {str(count)[:40]!r}")
    return count


def _only(vertex: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    inside: Iterable[Any] = vertex.get("with") or ()
    found: list[Mapping[str, Any]] = [child for child in inside if child.get("type") == kind]
    if len(found) != 1:
        raise ValueError(f"a {vertex.get('type')} must hold one {kind}")
    return found[0]


def _cores_and_gpus(slot: Mapping[str, Any]) -> tuple[int, int]:
    counts = {child.get("type"): _count(child) for child in slot.get("with") or ()}
    return counts.get("core", 0), counts.get("gpu", 0)
