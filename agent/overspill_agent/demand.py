"""What a job needs, read from its jobspec, and which ranks could give it. Pure.

Jobspec V1 (RFC 25) as `flux submit` writes it: `node > slot > core, gpu` or `slot > core, gpu`; constraints are
RFC 31's. Whether a job may burst is said here (its mark), whether it should is not: see `decide`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from overspill_shared.hostlist import expand
from overspill_shared.idset import parse_idset

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from overspill_agent.ports import RankResources


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """A job's needs as units: whole nodes where it asks for nodes, else slots that may share one."""

    units: int
    """Nodes, or slots, that it needs in all."""
    cores_per_unit: int
    gpus_per_unit: int
    is_by_node: bool
    queue: str | None
    constraint: Mapping[str, Any]

    def units_on(self, rank: RankResources, host: str) -> int:
        """Give how many of its units an empty rank could hold; 0 where the constraint forbids the rank."""
        if rank.cores < self.cores_per_unit or rank.gpus < self.gpus_per_unit:
            return 0
        if not matches(self.constraint, rank, host):
            return 0
        if self.is_by_node:
            return 1
        by_core = rank.cores // self.cores_per_unit if self.cores_per_unit else self.units
        by_gpu = rank.gpus // self.gpus_per_unit if self.gpus_per_unit else self.units
        return min(by_core, by_gpu)

    def describe(self) -> str:
        """Say it in words, for reasons."""
        unit = "node" if self.is_by_node else "slot"
        cores = f"{self.cores_per_unit} core{'s' if self.cores_per_unit != 1 else ''}"
        gpus = f" and {self.gpus_per_unit} GPUs" if self.gpus_per_unit else ""
        return f"{self.units} {unit}{'s' if self.units != 1 else ''} of {cores}{gpus}"


def is_burstable(jobspec: Mapping[str, Any]) -> bool:
    """Tell whether a job is marked: `attributes.system.burstable` is there and truthy."""
    return bool(_system(jobspec).get("burstable"))


def parse_demand(jobspec: Mapping[str, Any]) -> Demand:
    """Read a jobspec's needs.

    Raises ValueError naming what is not jobspec V1.
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
    return Demand(
        units=units,
        cores_per_unit=cores,
        gpus_per_unit=gpus,
        is_by_node=by_node,
        queue=queue if isinstance(queue, str) else None,
        constraint=system.get("constraints") or {},
    )


def matches(constraint: Mapping[str, Any], rank: RankResources, host: str) -> bool:
    """Tell whether a rank satisfies a constraint (RFC 31: properties, hostlist, ranks, and, or, not).

    An operator that RFC 31 does not have matches nothing: a job is never sent where it may not run.
    """
    return all(_matches_one(operator, values, rank, host) for operator, values in constraint.items())


def _matches_one(operator: str, values: Any, rank: RankResources, host: str) -> bool:
    match operator:
        case "properties":
            return all(_has_property(rank, name) for name in values)
        case "hostlist":
            return any(host in expand(text) for text in values)
        case "ranks":
            return any(rank.rank in parse_idset(text) for text in values)
        case "and":
            return all(matches(part, rank, host) for part in values)
        case "or":
            return any(matches(part, rank, host) for part in values)
        case "not":
            return not all(matches(part, rank, host) for part in values)
        case _:
            return False


def _has_property(rank: RankResources, name: str) -> bool:
    return name[1:] not in rank.properties if name.startswith("^") else name in rank.properties


def _system(jobspec: Mapping[str, Any]) -> Mapping[str, Any]:
    attributes = jobspec.get("attributes") or {}
    system = attributes.get("system") or {}
    return system if isinstance(system, dict) else {}


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
