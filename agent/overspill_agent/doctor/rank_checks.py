"""Declared ranks: slots, what R says of them, whether they are down, and the lead's quorum. Pure.

Sources: flux-config-bootstrap(5), flux-config-resource(5), flux-R(1), RFC 20.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from overspill_agent.doctor.finding import Finding
from overspill_shared.hostlist import compress
from overspill_shared.idset import Ranks, format_idset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from overspill_agent.deciding.slots import Slot
    from overspill_agent.ports import InstanceFacts, InstanceHealth
    from overspill_shared.errors import ConfigError
    from overspill_shared.templates import Template

_SLOT_CONFIG: Final = """\
[bootstrap]
hosts = [
  {{ host = "{lead}", bind = "tcp://0.0.0.0:8050", connect = "tcp://lead.example.com:8050" }},
  {{ host = "{others}burst-0-[0-3]" }},
]
[resource]
path = "/etc/flux/R"
"""


def check_slots(
    facts: InstanceFacts, slots: Sequence[Slot], burst_property: str, refusal: ConfigError | None = None
) -> Finding:
    """Find that there is nothing that a burst could fill, or that the agent cannot use it."""
    code = "slots"
    if refusal is not None:
        return Finding.of_error(code, refusal)
    if slots:
        shown = ", ".join(f"{slot.name} ({slot.size} ranks, template {slot.template})" for slot in slots)
        return Finding.ok(code, f"Slots are declared: {shown}.")
    first = len(facts.hosts)
    others = f"{compress(facts.hosts[1:])}," if facts.hosts[1:] else ""
    return Finding.error(
        code,
        f"No slot is declared: no rank has the property {burst_property!r} in R, so there is nothing a burst can fill.",
        remedy="Declare the burst nodes' hosts, and write R for all of them (`flux R encode --hosts=… --cores=…"
        f" --property={burst_property}:{first}-{first + 3}`), with the cores and GPUs that they will have; restart"
        " the lead.",
        config=_SLOT_CONFIG.format(lead=facts.hosts[0] if facts.hosts else "lead-0", others=others),
    )


def check_resources_cover_hosts(facts: InstanceFacts) -> Finding:
    """Find declared hosts that R does not have: they can join, and never run a job."""
    code = "resources"
    missing = sorted(set(range(len(facts.hosts))) - {resource.rank for resource in facts.resources})
    if not missing:
        return Finding.ok(code, f"R covers all {len(facts.hosts)} declared ranks.")
    return Finding.error(
        code,
        f"R lacks the ranks {format_idset(missing)} ({compress(facts.hosts[rank] for rank in missing)}).",
        remedy=f"Write R for every host (`flux R encode --hosts='{compress(facts.hosts)}' …`), name it, and restart"
        " the lead.",
        config='[resource]\npath = "/etc/flux/R"\n',
    )


def check_slot_shapes(facts: InstanceFacts, slots: Sequence[Slot], templates: Mapping[str, Template]) -> Finding:
    """Find slots that R gives other cores or GPUs than the nodes that fill them will have."""
    code = "slot-shapes"
    if not slots:
        return Finding.skipped(code, "There is no slot.")
    shapes = {resource.rank: (resource.cores, resource.gpus) for resource in facts.resources}
    for slot in slots:
        template = templates.get(slot.template or "")
        if template is None:
            continue
        wanted = (template.cores, template.gpus)
        found = sorted({shapes[rank] for rank in slot.ranks if rank in shapes} - {wanted})
        if found:
            cores, gpus = found[0]
            return Finding.warning(
                code,
                f"R gives ranks of the slot {slot.name} {cores} cores and {gpus} GPUs; its template"
                f" {template.name} has {wanted[0]} and {wanted[1]}: jobs are placed by R.",
                remedy="Write R with what the nodes have, or correct `cores` and `gpus` of the template in the agent's"
                " settings.",
            )
    return Finding.ok(code, "R gives the slots' ranks what their templates have.")


def check_slots_down(health: InstanceHealth, slots: Sequence[Slot], burst_ranks: Ranks) -> Finding:
    """Find ranks of slots that are up, or drained, although no burst of ours has them."""
    code = "slots-down"
    unused = _ranks(slots) - burst_ranks
    if drained := health.drained & unused:
        return Finding.warning(
            code,
            f"Ranks {format_idset(drained)} of slots are drained, and no burst has them: the next one would join and"
            " get no work.",
            remedy=f"Run `flux resource undrain {format_idset(drained)}`.",
        )
    if online := health.online & unused:
        return Finding.warning(
            code,
            f"Ranks {format_idset(online)} of slots are online, and no burst that the instance records filled them.",
            remedy="If nobody started them on purpose, see which cluster they come from (`flux overlay status`,"
            " `gcloud container clusters list`) before it costs more.",
        )
    return Finding.ok(code, f"{len(unused - health.online)} ranks of slots are down, ready for a burst.")


def check_quorum(facts: InstanceFacts, health: InstanceHealth, slots: Sequence[Slot]) -> Finding:
    """Find a lead that waits for the ranks of slots before it runs its initial program."""
    code = "quorum"
    home = len(facts.hosts) - len(_ranks(slots))
    if health.quorum is None:
        return Finding.skipped(code, "The lead's quorum is not known.")
    if health.quorum <= home:
        return Finding.ok(code, f"The lead's quorum is {health.quorum} of {home} home ranks.")
    return Finding.warning(
        code,
        f"The lead's quorum is {health.quorum}, but it has {home} ranks of its own: its start waits for a burst.",
        remedy=f"Start it with -Sbroker.quorum={home} (`minSize: {home}` in a MiniCluster).",
    )


def _ranks(slots: Sequence[Slot]) -> Ranks:
    return frozenset(rank for slot in slots for rank in slot.ranks)
