"""How long a cloud takes, and how often it fails, as distributions to sample from. The same seed, the same cloud.

The defaults are published measurements: GKE in us-central1-a, 2023 (converged-computing/operator-experiments,
google/autoscale/run1/results.json: 63 creates, 62 deletes, 60 times ten nodes added), and a create in 292 lost to a
stock-out, most after the instance group's time-out of 35 minutes (cilium/cilium#48184: 64 of 18,659).
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Final

from overspill_agent.paid_nodes import SCALE_DOWN_S
from overspill_shared.errors import ErrorClass

_Z90: Final = NormalDist().inv_cdf(0.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """A log-normal distribution by the two figures that people publish, cut where nothing was ever seen."""

    median_s: float
    p90_s: float
    least_s: float
    most_s: float

    def at(self, share: float) -> float:
        """Give the latency that `share` (0 to 1, both excluded) of all are below."""
        sigma = math.log(self.p90_s / self.median_s) / _Z90
        seconds = self.median_s * math.exp(sigma * NormalDist().inv_cdf(share))
        return min(self.most_s, max(self.least_s, seconds))


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudModel:
    """What a cloud does with requests; times in seconds."""

    create: Latency = Latency(median_s=287, p90_s=334, least_s=247, most_s=359)
    """From the request until the cluster runs."""
    join: Latency = Latency(median_s=30, p90_s=60, least_s=12, most_s=300)
    """From there until the brokers are online: a quorum takes 12 s with warm images and DNS, 30 s without."""
    grow: Latency = Latency(median_s=41, p90_s=57, least_s=32, most_s=170)
    """From asking for more nodes until they are online, without the join: ten at a time."""
    scale_down_s: float = SCALE_DOWN_S
    """How long nodes that a smaller burst leaves behind are there still, until the autoscaler takes them."""
    delete: Latency = Latency(median_s=221, p90_s=266, least_s=202, most_s=315)
    """From the teardown until nothing is left."""
    capacity_failures: float = 64 / 18_659
    """The share of creates that are lost to a stock-out."""
    capacity_failure_s: float = 35 * 60
    """How long such a create takes to fail."""
    boot_failures: float = 0.005
    """The share of creates whose nodes come, but whose brokers never do; no published figure."""


PUBLISHED: Final = CloudModel()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of one request."""

    create_s: float
    join_s: float
    delete_s: float
    failure: ErrorClass | None = None


def draw_fate(model: CloudModel, seed: int, number: int) -> Fate:
    """Give what becomes of a run's burst with this number: the same whatever happened before it.

    So policies that are compared meet the same cloud.
    """
    chance = random.Random(f"burst:{seed}:{number}")
    failure = None
    draw = chance.random()
    if draw < model.capacity_failures:
        failure = ErrorClass.CAPACITY
    elif draw < model.capacity_failures + model.boot_failures:
        failure = ErrorClass.BOOT
    create_s = model.create.at(_share(chance))
    return Fate(
        create_s=model.capacity_failure_s if failure is ErrorClass.CAPACITY else create_s,
        join_s=model.join.at(_share(chance)),
        delete_s=model.delete.at(_share(chance)),
        failure=failure,
    )


def draw_growth_s(model: CloudModel, seed: int, number: int, revision: int) -> float:
    """Give how long a burst takes to bring the further nodes of a revision online."""
    chance = random.Random(f"growth:{seed}:{number}:{revision}")
    return model.grow.at(_share(chance)) + model.join.at(_share(chance))


def _share(chance: random.Random) -> float:
    """Give a share that is neither 0 nor 1."""
    return min(1 - 1e-9, max(1e-9, chance.random()))


def build_cloud(*, capacity_failures: float | None = None, boot_failures: float | None = None) -> CloudModel:
    """Give the published cloud with other shares of failures; None leaves the published one."""
    return replace(
        PUBLISHED,
        capacity_failures=PUBLISHED.capacity_failures if capacity_failures is None else capacity_failures,
        boot_failures=PUBLISHED.boot_failures if boot_failures is None else boot_failures,
    )
