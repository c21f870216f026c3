"""Slots: runs of declared ranks that a future burst cluster can fill, found in the instance's own hostlist and R. Pure.

A slot is all ranks with the property `burst` whose hosts share a prefix: `burst-0-[0-3]` is the slot `burst-0`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from overspill_shared import names
from overspill_shared.errors import ConfigError
from overspill_shared.hostlist import compress, host_prefix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_agent.ports import InstanceFacts
    from overspill_shared.idset import Ranks
    from overspill_shared.templates import Template

DEFAULT_TEMPLATE = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Ranks of one future burst cluster, first to last, and the kind of node that fills them."""

    name: str
    ranks: tuple[int, ...]
    hosts: tuple[str, ...]
    template: str | None
    """The template that fills it; None: any that has what R declares."""
    min_nodes: int = 1
    """A burst of it has no fewer."""

    @property
    def size(self) -> int:
        """Ranks in the slot."""
        return len(self.ranks)

    def first_ranks(self, size: int) -> Ranks:
        """Give the ranks that a burst of `size` nodes has: pods are numbered from 0."""
        return frozenset(self.ranks[:size])

    @property
    def hostlist(self) -> str:
        """The slot's hosts as a hostlist."""
        return compress(self.hosts)


def find_slots(
    facts: InstanceFacts, templates: Mapping[str, Template], slot_templates: Mapping[str, str], *, burst_property: str
) -> tuple[Slot, ...]:
    """Give the instance's slots in rank order.

    A slot's template is the one that `slot_templates` names for it, else the one called `default`.

    Raises ConfigError if a slot's hosts are not numbered from 0 in rank order, if its template is unknown, or if
    `slot_templates` names a slot that the instance does not declare.
    """
    grouped: dict[str, list[int]] = {}
    for resource in sorted(facts.resources, key=lambda item: item.rank):
        if burst_property in resource.properties:
            grouped.setdefault(host_prefix(facts.hosts[resource.rank]), []).append(resource.rank)
    unknown = sorted(set(slot_templates) - set(grouped))
    if unknown:
        raise ConfigError(
            f"slots.{unknown[0]}: the instance declares no such slot (it has {', '.join(grouped) or 'none'}).",
            remedy=f"Add its hosts to bootstrap.hosts, and to R with the property {burst_property!r}.",
            code="slot-unknown",
        )
    return tuple(
        _slot(facts, name, ranks, _template(name, templates, slot_templates)) for name, ranks in grouped.items()
    )


def _slot(facts: InstanceFacts, name: str, ranks: list[int], template: str) -> Slot:
    hosts = tuple(facts.hosts[rank] for rank in ranks)
    expected = tuple(f"{name}-{index}" for index in range(len(ranks)))
    if hosts != expected or not re.fullmatch(names.NAME_PATTERN, name):
        raise ConfigError(
            f"bootstrap.hosts: the slot {name!r} must be hosts {name}-0, {name}-1, … in this order"
            f" (lowercase letters, digits and dashes), not {compress(hosts)}.",
            remedy="A burst's pods get their host names from the MiniCluster's name and their index; rename the hosts.",
            code="slot-hosts",
        )
    return Slot(name=name, ranks=tuple(ranks), hosts=hosts, template=template)


def _template(slot: str, templates: Mapping[str, Template], slot_templates: Mapping[str, str]) -> str:
    wanted = slot_templates.get(slot, DEFAULT_TEMPLATE)
    if wanted not in templates:
        raise ConfigError(
            f"slots.{slot}.template: there is no template {wanted!r} (there are: {', '.join(templates) or 'none'}).",
            remedy=f"Add a table [templates.{wanted}] to the settings.",
            code="template-unknown",
        )
    return wanted
