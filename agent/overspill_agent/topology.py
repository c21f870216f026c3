"""Which overlay topology burst brokers need so that both sides agree on their parent: rank 0. Pure.

Only rank 0 can be dialled from outside, so every burst rank must be its child. What tree the home ranks form among
themselves is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from overspill_shared import hostlist
from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from overspill_agent.ports import InstanceFacts

OPERATOR_FANOUT: Final = 256
"""The Flux Operator starts brokers with -Stbon.fanout=256 (an alias of kary:256), which overrides broker.toml."""
FLAT: Final = "kary:0"
MAX_MINCRIT: Final = 1024
"""flux-config-tbon(5): `mincrit` is flat up to so many ranks."""

_KARY: Final = re.compile(r"kary:([0-9]{1,5})")


def burst_topology(facts: InstanceFacts, *, burst_property: str) -> str | None:
    """Give what burst brokers run with: None is the Flux Operator's own default, flat up to rank 256.

    Raises ConfigError naming tbon.topo if rank 0 is not the parent of every burst rank.
    """
    burst_ranks = [item.rank for item in facts.resources if burst_property in item.properties]
    last = max(burst_ranks, default=0)
    _check_parents(facts, burst_ranks)
    if last > _flat_up_to(facts):
        raise _not_flat(f"{facts.topology!r} makes rank {last} a child of another rank than 0")
    return FLAT if last > OPERATOR_FANOUT else None


def _flat_up_to(facts: InstanceFacts) -> int:
    """Give the last rank whose parent is surely rank 0."""
    if facts.topology in (None, "custom"):
        return len(facts.hosts)
    if facts.topology == "mincrit":
        return len(facts.hosts) if len(facts.hosts) <= MAX_MINCRIT else 0
    if facts.topology and (match := _KARY.fullmatch(facts.topology)):
        return int(match[1]) or len(facts.hosts)
    raise _not_flat(f"{facts.topology!r} is no topology that Overspill knows")


def _check_parents(facts: InstanceFacts, burst_ranks: list[int]) -> None:
    """Look at `parent` in bootstrap.hosts, which the topology `custom` follows (flux-config-bootstrap(5))."""
    if facts.topology not in (None, "custom"):
        return
    bursting = {facts.hosts[rank] for rank in burst_ranks}
    for entry in (facts.config.get("bootstrap") or {}).get("hosts") or ():
        parent = entry.get("parent") if isinstance(entry, Mapping) else None
        if parent and parent != facts.hosts[0] and bursting.intersection(_hosts(entry)):
            raise _not_flat(f"bootstrap.hosts makes {entry.get('host')} children of {parent}")


def _hosts(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return hostlist.expand(str(entry.get("host", "")))


def _not_flat(text: str) -> ConfigError:
    return ConfigError(
        f"tbon.topo: {text}, but burst nodes reach rank 0 alone.",
        remedy=f"Start the lead with a flat topology: `spec.flux.topology: {FLAT}` in its MiniCluster, or"
        f" -Stbon.topo={FLAT} (the Flux Operator's default is flat up to rank {OPERATOR_FANOUT}).",
        code="topology",
    )
