"""Collecting an `Examination`: the instance, the files that its configuration names, the settings, and Pub/Sub.

Nothing is judged and nothing is changed here.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from overspill_agent.agent_settings import DEFAULT_VIEW_IMAGE
from overspill_agent.deciding.slots import Slot, find_slots
from overspill_agent.doctor.config_tables import strings, table
from overspill_agent.doctor.examination import CurveCertFile, Examination, PubSubRights
from overspill_agent.kubernetes_pod import read_own_pod
from overspill_agent.lead_identity import build_identity
from overspill_agent.store import parse_state
from overspill_shared import names
from overspill_shared.errors import ConfigError
from overspill_shared.lifecycle import BurstState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from overspill_agent.agent_settings import AgentSettings
    from overspill_agent.ports import FluxInstance, InstanceFacts
    from overspill_shared.idset import Ranks
    from overspill_shared.templates import Template

MAX_PLUGIN_BYTES: Final = 64 * 1024


def examine(instance: FluxInstance, settings: AgentSettings, environ: Mapping[str, str]) -> Examination:
    """Look at everything once.

    Raises ConfigError if the instance has no resources, no scheduler that is known, or records that cannot be read.
    """
    facts = instance.facts()
    pod = read_own_pod(environ)
    slots, templates, slots_refusal = _slots(facts, settings)
    return Examination(
        facts=facts,
        health=instance.examine(),
        burst_property=settings.burst_property,
        shrinks=settings.shrinks,
        view_image=settings.view_image or (pod and pod.view_image) or DEFAULT_VIEW_IMAGE,
        curve_cert=look_at_cert(table(facts.config, "bootstrap").get("curve_cert")),
        plugin_texts=read_plugins(facts.config),
        slots=slots,
        templates=templates,
        burst_ranks=_burst_ranks(instance),
        slots_refusal=slots_refusal,
        identity_refusal=_refusal(lambda: build_identity(facts, settings, "", pod=pod)),
        key_refusal=_refusal(lambda: settings.sealing_key(lambda name: Path(name).read_text())),
        pubsub=_ask_pubsub(facts, settings, environ),
    )


def look_at_cert(path: Any) -> CurveCertFile:
    """Look at a certificate without reading it."""
    if not isinstance(path, str) or not path:
        return CurveCertFile(path=None)
    try:
        mode = stat.S_IMODE(Path(path).stat().st_mode)
    except OSError:
        return CurveCertFile(path=path)
    return CurveCertFile(path=path, is_readable=os.access(path, os.R_OK), mode=mode)


def read_plugins(config: Mapping[str, Any]) -> dict[str, str | None]:
    """Read the frobnicator plugins that are given by a path."""
    plugins = strings(table(config, "ingest", "frobnicator").get("plugins"))
    return {plugin: _read(Path(plugin)) for plugin in plugins if "/" in plugin}


def _read(path: Path) -> str | None:
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_PLUGIN_BYTES).decode(errors="replace")
    except OSError:
        return None


def _slots(
    facts: InstanceFacts, settings: AgentSettings
) -> tuple[tuple[Slot, ...], Mapping[str, Template], ConfigError | None]:
    names = {name: slot.template for name, slot in settings.slots.items()}
    try:
        templates = settings.named_templates(facts)
        found = find_slots(facts, templates, names, burst_property=settings.burst_property)
    except ConfigError as exc:
        return (), {}, exc
    return found, templates, None


def _burst_ranks(instance: FluxInstance) -> Ranks:
    bursts, _requests = parse_state(instance.read_state())
    return frozenset().union(*(burst.ranks for burst in bursts.values() if burst.state is not BurstState.GONE))


def _refusal(attempt: Callable[[], object]) -> ConfigError | None:
    try:
        attempt()
    except ConfigError as exc:
        return exc
    return None


def _ask_pubsub(facts: InstanceFacts, settings: AgentSettings, environ: Mapping[str, str]) -> PubSubRights:
    if not settings.project:
        return PubSubRights(skipped="Pub/Sub was not asked: no project is set (GOOGLE_CLOUD_PROJECT).")
    try:
        lead_id = settings.lead_id or names.lead_id(facts.hosts[0])
    except ValueError as exc:
        return PubSubRights(skipped=f"Pub/Sub was not asked: {exc}.")
    from overspill_agent.doctor.pubsub_probe import probe  # noqa: PLC0415 - half a second of imports

    return probe(settings.project, lead_id, is_emulator=bool(environ.get("PUBSUB_EMULATOR_HOST")))
