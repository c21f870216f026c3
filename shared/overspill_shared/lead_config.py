"""What a lead's broker.toml and R must say so that its jobs can burst: the recommended tables, and R itself. Pure.

Two queues, so that jobs prefer home and burstable jobs wait for a slot; the ingest frobnicator that puts burstable
jobs into the burst queue; a link to burst nodes that may break for longer than Flux expects; and for Fluxion a prune
filter that does not count nodes, because with the default one a job that asks for more nodes than are up fails at once.
Hosts, addresses and paths are whoever writes the file's to say.

Sources: flux-config-resource(5), flux-config-queues(5), flux-config-policy(5), flux-config-ingest(5), RFC 20.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from overspill_shared.broker_toml import DEFAULT_TCP_USER_TIMEOUT
from overspill_shared.hostlist import compress
from overspill_shared.idset import format_idset

if TYPE_CHECKING:
    from collections.abc import Iterable

BURST_PROPERTY: Final = "burst"
"""The property of the slots' ranks in R, and what the burst queue requires."""
LOCAL_QUEUE: Final = "local"
BURST_QUEUE: Final = "burst"


class Scheduler(StrEnum):
    """What schedules jobs in the lead's instance."""

    FLUXION = "fluxion"
    """flux-sched's Fluxion: the default wherever it is installed."""
    SIMPLE = "simple"
    """flux-core's own sched-simple."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankGroup:
    """Consecutive ranks of one kind of node."""

    hosts: tuple[str, ...]
    cores: int
    """Physical cores a node: with more than a node has, its rank drains itself as it joins."""
    gpus: int = 0
    is_burst: bool = False
    """Whether the ranks belong to a slot."""


def recommended_tables(*, frobnicator_path: str, scheduler: Scheduler) -> dict[str, Any]:
    """Give the tables of broker.toml that are the same for every lead.

    `frobnicator_path` is where the ingest frobnicator lies on the lead.
    """
    return {
        "queues": {
            LOCAL_QUEUE: {"requires": [f"^{BURST_PROPERTY}"]},
            BURST_QUEUE: {"requires": [BURST_PROPERTY]},
        },
        "policy": {"jobspec": {"defaults": {"system": {"queue": LOCAL_QUEUE}}}},
        "ingest": {
            "frobnicator": {"plugins": [frobnicator_path, "defaults", "constraints"]},
            "validator": {"plugins": ["jobspec", "feasibility"]},
        },
        "tbon": {"tcp_user_timeout": DEFAULT_TCP_USER_TIMEOUT},
    } | _scheduler_tables(scheduler)


def resource_set(groups: Iterable[RankGroup]) -> dict[str, Any]:
    """Give R (RFC 20) of all declared ranks, numbered in the groups' order; the slots' have the burst property."""
    entries: dict[tuple[int, int], list[int]] = {}
    hosts: list[str] = []
    burst_ranks: list[int] = []
    for group in groups:
        ranks = range(len(hosts), len(hosts) + len(group.hosts))
        hosts += group.hosts
        entries.setdefault((group.cores, group.gpus), []).extend(ranks)
        burst_ranks += ranks if group.is_burst else ()
    execution: dict[str, Any] = {
        "R_lite": [
            {"rank": format_idset(ranks), "children": _children(cores, gpus)}
            for (cores, gpus), ranks in entries.items()
        ],
        "starttime": 0.0,
        "expiration": 0.0,
        "nodelist": [compress(hosts)],
    }
    if burst_ranks:
        execution["properties"] = {BURST_PROPERTY: format_idset(burst_ranks)}
    return {"version": 1, "execution": execution}


def _children(cores: int, gpus: int) -> dict[str, str]:
    children = {"core": format_idset(range(cores))}
    return children | {"gpu": format_idset(range(gpus))} if gpus else children


def _scheduler_tables(scheduler: Scheduler) -> dict[str, Any]:
    if scheduler is Scheduler.SIMPLE:
        return {"modules": {"alternatives": {"sched": "sched-simple", "feasibility": "sched-simple"}}}
    return {
        "sched-fluxion-resource": {"prune-filters": "ALL:core"},
        "sched-fluxion-qmanager": {"queue-policy": "hybrid"},
    }
