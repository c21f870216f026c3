"""Writing a jobspec: RFC 25, version 1, as `flux submit` does for the same options.

Values in, a mapping out; reading one is `jobspec`'s.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a user asks for."""

    command: Sequence[str]
    cwd: str
    environment: Mapping[str, str]
    nodes: int | None = None
    tasks: int | None = None
    cores_per_task: int = 1
    gpus_per_task: int = 0
    exclusive: bool = False
    duration_s: float = 0
    """0 is no limit; nothing here enforces one."""
    name: str | None = None
    queue: str | None = None
    requires: str | None = None
    attributes: Sequence[str] = field(default=())
    """KEY or KEY=VALUE as `--setattr` has them."""


def build_jobspec(submission: Submission) -> dict[str, Any]:
    """Give the jobspec.

    Raises ValueError if the options contradict each other.
    """
    resource, count = _resources(submission)
    system: dict[str, Any] = {
        "duration": submission.duration_s,
        "environment": dict(submission.environment),
        "cwd": submission.cwd,
    }
    if submission.name:
        system["job"] = {"name": submission.name}
    if submission.queue:
        system["queue"] = submission.queue
    if submission.requires:
        system["constraints"] = parse_requires(submission.requires)
    attributes: dict[str, Any] = {"system": system}
    for text in submission.attributes:
        _set_attribute(attributes, text)
    return {
        "resources": [resource],
        "tasks": [{"command": list(submission.command), "slot": "task", "count": count}],
        "attributes": attributes,
        "version": 1,
    }


def parse_requires(text: str) -> dict[str, Any]:
    """Give the constraint of `--requires`: terms joined by `&`, each PROPERTY, host:HOSTLIST or rank:IDSET, `-` denies.

    >>> parse_requires("-burst")
    {'not': [{'properties': ['burst']}]}
    """
    terms = [_requires_term(term.strip()) for term in text.split("&")]
    return terms[0] if len(terms) == 1 else {"and": terms}


def _requires_term(term: str) -> dict[str, Any]:
    if not term.strip("-"):
        raise ValueError(f"--requires: {term!r} is no constraint")
    if term.startswith("-"):
        return {"not": [_requires_term(term[1:])]}
    operator, colon, value = term.partition(":")
    operators = {"host": "hostlist", "hostlist": "hostlist", "rank": "ranks", "ranks": "ranks"}
    if colon and operator in operators:
        return {operators[operator]: [value]}
    return {"properties": [term]}


def _resources(submission: Submission) -> tuple[dict[str, Any], dict[str, int]]:
    nodes, tasks = submission.nodes, submission.tasks
    if nodes is None:
        return _slot(tasks or 1, submission), {"per_slot": 1}
    if tasks is None:
        return _node(nodes, _slot(1, submission), exclusive=True), {"per_slot": 1}
    if tasks < nodes:
        raise ValueError("node count must not be greater than task count")
    slots = -(-tasks // nodes)
    count = {"per_slot": 1} if slots * nodes == tasks else {"total": tasks}
    return _node(nodes, _slot(slots, submission), exclusive=submission.exclusive), count


def _node(count: int, slot: dict[str, Any], *, exclusive: bool) -> dict[str, Any]:
    node: dict[str, Any] = {"type": "node", "count": count}
    if exclusive:
        node["exclusive"] = True
    return {**node, "with": [slot]}


def _slot(count: int, submission: Submission) -> dict[str, Any]:
    children = [{"type": "core", "count": submission.cores_per_task}]
    if submission.gpus_per_task:
        children.append({"type": "gpu", "count": submission.gpus_per_task})
    return {"type": "slot", "count": count, "with": children, "label": "task"}


def _set_attribute(attributes: dict[str, Any], text: str) -> None:
    key, equals, value = text.partition("=")
    path = key.lstrip(".").split(".")
    if path[0] not in ("system", "user"):
        path.insert(0, "system")
    if not all(path):
        raise ValueError(f"--setattr: {text!r} is no KEY or KEY=VALUE")
    table = attributes
    for name in path[:-1]:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise ValueError(f"--setattr: {key}: {name} is no object")  # noqa: TRY004 - an option is wrong
    table[path[-1]] = _json_or_text(value) if equals else 1


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
