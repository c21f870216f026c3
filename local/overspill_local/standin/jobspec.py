"""Reading a jobspec: RFC 25, version 1, the forms that Flux's own command line writes.

A mapping in, a value out; wrong ones are refused as at Flux's ingest. Nothing here decides where a job runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from overspill_local.standin.protocol import invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a job needs: `slots` on each of `nodes`, or `slots` anywhere if `nodes` is None."""

    nodes: int | None
    exclusive: bool
    slots: int
    cores_per_slot: int
    gpus_per_slot: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What the instance needs to know of a jobspec."""

    demand: Demand
    command: tuple[str, ...]
    tasks_per_slot: int
    tasks_total: int | None
    """Where the jobspec counts tasks in all and not by slot."""
    cwd: str | None
    environment: Mapping[str, str] | None
    constraint: Mapping[str, Any]
    name: str


def read(jobspec: Mapping[str, Any]) -> Spec:
    """Read a jobspec.

    Raises Refused (EINVAL) that says what is wrong with it, or not supported here.
    """
    if jobspec.get("version") != 1:
        raise invalid("jobspec: version must be 1")
    task = _only(jobspec, "tasks")
    command = task.get("command")
    if not isinstance(command, list) or not command or not all(isinstance(word, str) for word in command):
        raise invalid("jobspec: tasks[0].command must be a list of words")
    per_slot, total = _task_count(_mapping(task, "count"))
    system = system_attributes(jobspec)
    environment = system.get("environment")
    return Spec(
        demand=_read_demand(_only(jobspec, "resources")),
        command=tuple(command),
        tasks_per_slot=per_slot,
        tasks_total=total,
        cwd=system.get("cwd"),
        environment=environment if isinstance(environment, Mapping) else None,
        constraint=_mapping(system, "constraints"),
        name=_mapping(system, "job").get("name") or command[0].rpartition("/")[2],
    )


def redact(jobspec: Mapping[str, Any]) -> dict[str, Any]:
    """Give the jobspec without its environment, which may hold secrets: what the KVS and the journal have."""
    attributes = dict(_mapping(jobspec, "attributes"))
    system = {key: value for key, value in system_attributes(jobspec).items() if key != "environment"}
    return {**jobspec, "attributes": {**attributes, "system": system}}


def system_attributes(jobspec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give `attributes.system`; raises Refused if it is no object."""
    return _mapping(_mapping(jobspec, "attributes"), "system")


def is_burstable(jobspec: Mapping[str, Any]) -> bool:
    """Tell whether a job asks for bursting: a truthy `attributes.system.burstable` (`=0` says no)."""
    return bool(system_attributes(jobspec).get("burstable"))


def _read_demand(resource: Mapping[str, Any]) -> Demand:
    kind = resource.get("type")
    if kind == "node":
        slot = _only(resource, "with")
        nodes, exclusive = _count(resource), bool(resource.get("exclusive"))
    elif kind == "slot":
        slot, nodes, exclusive = resource, None, False
    else:
        raise invalid(f"jobspec: resources of type {kind!r} are not supported: node and slot are")
    if slot.get("type") != "slot":
        raise invalid("jobspec: a node must hold one slot")
    children = {child.get("type"): _count(child) for child in _list(slot, "with")}
    if set(children) - {"core", "gpu"} or "core" not in children:
        raise invalid("jobspec: a slot must hold cores, and may hold gpus")
    return Demand(
        nodes=nodes,
        exclusive=exclusive,
        slots=_count(slot),
        cores_per_slot=children["core"],
        gpus_per_slot=children.get("gpu", 0),
    )


def _task_count(count: Mapping[str, Any]) -> tuple[int, int | None]:
    for key in ("per_slot", "total"):
        value = count.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return (value, None) if key == "per_slot" else (1, value)
    raise invalid("jobspec: tasks[0].count must have per_slot or total")


def _count(resource: Mapping[str, Any]) -> int:
    count = resource.get("count")
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise invalid(f"jobspec: count of {resource.get('type')!r} must be a number above 0")
    return count


def _only(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    entries = _list(parent, key)
    if len(entries) != 1:
        raise invalid(f"jobspec: {key} must have one entry")
    return entries[0]


def _list(parent: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    entries = parent.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise invalid(f"jobspec: {key} must be a list of objects")
    return entries


def _mapping(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = parent.get(key, {})
    if not isinstance(value, Mapping):
        raise invalid(f"jobspec: {key} must be an object")
    return value
