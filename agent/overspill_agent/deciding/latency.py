"""How long bursts take, by the instance's own measurements, and what others have published until there is one. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from overspill_agent.deciding.policy import Policy


class Outcome(StrEnum):
    """How a burst's start went: `ok`, or the class of its failure."""

    OK = "ok"
    CAPACITY = "capacity"
    QUOTA = "quota"
    CONFIG = "config"
    PERMISSION = "permission"
    BOOT = "boot"
    JOIN = "join"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Experience:
    """What became of one burst."""

    template: str
    zone: str
    at: float
    """When it became active, or failed (epoch seconds)."""
    outcome: Outcome
    create_s: float | None = None
    """From its request until its MiniCluster was there."""
    join_s: float | None = None
    """From then until its ranks were online."""
    delete_s: float | None = None
    """From the request for its removal until nothing was left of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """From a request until jobs can start."""

    p50_s: float
    p90_s: float
    measured: int = 0
    """How many bursts of our own it comes from; 0 for the published figures."""


PUBLISHED: Final = Latency(p50_s=287 + 30, p90_s=334 + 60)
"""A GKE cluster of one node takes 287 s (median) and 334 s (p90): 63 creations in converged-computing's
operator-experiments, google/autoscale/run1, 2023. Operator, MiniCluster and the brokers' join: 30 and 60 s."""

PUBLISHED_GROWING: Final = Latency(p50_s=41 + 30, p90_s=57 + 60)
"""Ten nodes more in a live cluster take 41 s (median) and 57 s (p90): the same source, 60 times; and the join."""


PUBLISHED_DELETION_S: Final = 266
"""A GKE cluster's deletion takes 221 s (median) and 266 s (p90): the same source, 62 deletions."""


def removal_p90_s(history: Iterable[Experience], template: str, zone: str, policy: Policy, now: float) -> float:
    """Give how long a burst of a template in a zone still costs money once its brokers are told to leave.

    They may take `leave_timeout_s`, and the deletion as long as nine of ten have taken here.
    """
    measured = sorted(
        (taken.delete_s, _weight(taken, policy, now))
        for taken in history
        if (taken.template, taken.zone) == (template, zone) and taken.delete_s is not None
    )
    return policy.leave_timeout_s + (_quantile(measured, 0.9) if measured else PUBLISHED_DELETION_S)


def new_burst_latency(history: Iterable[Experience], template: str, zone: str, policy: Policy, now: float) -> Latency:
    """Give how long a new burst of a template in a zone takes.

    A measurement counts half after each half-life. Where there is none, the published figures stand.
    """
    measured = sorted(
        (taken.create_s + (taken.join_s or 0.0), _weight(taken, policy, now))
        for taken in history
        if taken.outcome is Outcome.OK
        and (taken.template, taken.zone) == (template, zone)
        and taken.create_s is not None
    )
    if not measured:
        return PUBLISHED
    return Latency(p50_s=_quantile(measured, 0.5), p90_s=_quantile(measured, 0.9), measured=len(measured))


def _weight(taken: Experience, policy: Policy, now: float) -> float:
    return float(0.5 ** (max(0.0, now - taken.at) / policy.half_life_s))


def _quantile(weighted: list[tuple[float, float]], share: float) -> float:
    """Give the least value up to which at least `share` of the weight lies."""
    wanted = share * sum(weight for _value, weight in weighted) * (1 - 1e-9)
    found = 0.0
    for value, weight in weighted:
        found += weight
        if found >= wanted:
            return value
    return weighted[-1][0]
