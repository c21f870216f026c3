"""The machine that a trace is replayed on: nodes at home, slots, and the one kind of node that fills them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from overspill_agent.simulate.latencies import PUBLISHED, CloudModel
from overspill_shared import names
from overspill_shared.errors import ConfigError
from overspill_shared.hostlist import MAX_HOSTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from overspill_agent.simulate.trace import Trace

PRICE_USD_PER_H: Final = 0.42
"""Of a c2-standard-8 in us-central1, on demand, where neither trace nor options name a price."""


CLUSTER_USD_PER_H: Final = 0.167
"""Of a burst's cluster without its nodes: GKE's management fee (0.10), and one e2-standard-2 for the system's pods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What all policies are compared on."""

    nodes: int
    slots: Mapping[str, int]
    price_usd_per_h: float
    cluster_usd_per_h: float = CLUSTER_USD_PER_H
    cloud: CloudModel = PUBLISHED
    seed: int = 1


def build_scenario(
    trace: Trace,
    *,
    nodes: int | None = None,
    slots: Mapping[str, int] | None = None,
    price_usd_per_h: float | None = None,
    cluster_usd_per_h: float | None = None,
    cloud: CloudModel = PUBLISHED,
    seed: int = 1,
) -> Scenario:
    """Give the scenario: what is asked for, else what the trace says, else a slot as large as the machine.

    Raises ConfigError if nothing says how many nodes there are at home.
    """
    at_home = nodes or trace.nodes
    if at_home is None:
        raise ConfigError(
            f"{trace.name} does not say how many nodes its machine has.", remedy="Give --nodes.", code="trace"
        )
    known_price = trace.price_usd_per_h if trace.price_usd_per_h is not None else PRICE_USD_PER_H
    return Scenario(
        nodes=at_home,
        slots=slots or trace.slots or {"burst-0": at_home},
        price_usd_per_h=known_price if price_usd_per_h is None else price_usd_per_h,
        cluster_usd_per_h=CLUSTER_USD_PER_H if cluster_usd_per_h is None else cluster_usd_per_h,
        cloud=cloud,
        seed=seed,
    )


def parse_slots(texts: Iterable[str]) -> dict[str, int]:
    """Read slots as `--slot` spells them.

    Raises ConfigError showing an example.

    >>> parse_slots(["burst-0=8", "burst-1=16"])
    {'burst-0': 8, 'burst-1': 16}
    """
    slots: dict[str, int] = {}
    for text in texts:
        name, _, size = text.partition("=")
        is_number = re.fullmatch("[0-9]{1,6}", size) is not None and 0 < int(size) <= MAX_HOSTS
        if not is_number or not re.fullmatch(names.NAME_PATTERN, name) or name in slots:
            raise ConfigError(
                f"--slot {text[:60]}: it is no NAME=COUNT, or its name stands twice.",
                remedy="Write --slot burst-0=8: a name in lowercase, and the most nodes that a burst there can have.",
                code="simulate-slot",
            )
        slots[name] = int(size)
    return slots
