"""What a job needs, read from its jobspec, and which ranks could give it. Pure.

Jobspec V1 (RFC 25) as `flux submit` writes it: `node > slot > core, gpu` or `slot > core, gpu`; constraints are
RFC 31's. Whether a job may burst is said here (its mark), whether it should is not: see `decide`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from overspill_shared.hostlist import expand
from overspill_shared.idset import parse_idset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
    constraint: Mapping[str, Any] = field(default_factory=dict, hash=False)
    memory_mib_per_unit: int = 0
    """0 where it asks for none: Flux knows no memory, a template does."""
    is_exclusive: bool = False
    """Whether its nodes may hold no other job."""

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

    def units_on(self, rank: RankResources, host: str) -> int:
        """Give how many of its units an empty rank could hold; 0 where the constraint forbids the rank."""
        if rank.cores < self.cores_per_unit or rank.gpus < self.gpus_per_unit:
            return 0
        if not matches(self.constraint, rank, host):
            return 0
        return self.units_in(rank.cores, rank.gpus)

    def describe(self) -> str:
        """Say it in words, for reasons."""
        units = _counted(self.units, "node" if self.is_by_node else "slot")
        needs = [_counted(self.cores_per_unit, "core")]
        if self.gpus_per_unit:
            needs.append(_counted(self.gpus_per_unit, "GPU"))
        if self.memory_mib_per_unit:
            needs.append(f"{self.memory_mib_per_unit} MiB")
        return f"{units} of {' and '.join(needs)}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


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


def names_ranks(constraint: Mapping[str, Any]) -> bool:
    """Tell whether a constraint names hosts or ranks, so that alike ranks are not alike to it."""
    return any(
        operator in ("hostlist", "ranks") or (operator in ("and", "or", "not") and any(map(names_ranks, values)))
        for operator, values in constraint.items()
    )


def matches(constraint: Mapping[str, Any], rank: RankResources, host: str) -> bool:
    """Tell whether a rank satisfies a constraint (RFC 31: properties, hostlist, ranks, and, or, not).

    The constraint is a Demand's: `parse_demand` takes no other.
    """
    return all(_matches_one(operator, values, rank, host) for operator, values in constraint.items())


def _matches_one(operator: str, values: Any, rank: RankResources, host: str) -> bool:
    match operator:
        case "properties":
            return all(_has_property(rank, name) for name in values)
        case "hostlist":
            return any(host in _expand_once(text) for text in values)
        case "ranks":
            return any(rank.rank in _parse_idset_once(text) for text in values)
        case "and":
            return all(matches(part, rank, host) for part in values)
        case "or":
            return any(matches(part, rank, host) for part in values)
        case _:
            return not all(matches(part, rank, host) for part in values)


# A constraint is compared with many ranks, again in each turn.
_expand_once = lru_cache(maxsize=4096)(expand)
_parse_idset_once = lru_cache(maxsize=4096)(parse_idset)


def check_constraint(constraint: Any) -> None:
    """Check that a constraint can be decided for any rank: else a job might be sent where it may not run.

    Raises ValueError, or TypeError where a value is of the wrong kind.
    """
    if not isinstance(constraint, Mapping):
        raise TypeError(f"a constraint must be an object, not {str(constraint)[:40]!r}")
    for operator, values in constraint.items():
        if operator not in _OPERATORS:
            raise ValueError(f"RFC 31 has no constraint {operator[:40]!r}")
        if not isinstance(values, list):
            raise TypeError(f"the constraint {operator!r} must hold a list, not {str(values)[:40]!r}")
        for value in values:
            _OPERATORS[operator](value)


def _check_property(name: Any) -> None:
    if not isinstance(name, str):
        raise TypeError(f"a property must be a text, not {str(name)[:40]!r}")


_OPERATORS: Final[Mapping[str, Callable[[Any], object]]] = {
    "properties": _check_property,
    "hostlist": expand,
    "ranks": parse_idset,
    "and": check_constraint,
    "or": check_constraint,
    "not": check_constraint,
}
"""The operators of RFC 31, and what checks one of their operands."""


def _has_property(rank: RankResources, name: str) -> bool:
    return name[1:] not in rank.properties if name.startswith("^") else name in rank.properties


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
