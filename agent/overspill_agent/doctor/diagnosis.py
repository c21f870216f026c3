"""Which checks there are, and in what order. Pure: the checks judge, nothing is judged here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from overspill_agent.doctor import broker_checks, pubsub_checks, queue_checks, rank_checks, scheduler_checks
from overspill_agent.doctor.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from overspill_agent.deciding.slots import Slot
    from overspill_agent.doctor.examination import Examination
    from overspill_agent.ports import InstanceFacts
    from overspill_shared.templates import Template


def diagnose(examination: Examination) -> tuple[Finding, ...]:
    """Give what every check says of an instance, the good news too."""
    facts = examination.facts
    return (
        *_check_ranks(examination),
        *(_check_flux(examination) if facts.is_real else (_STAND_IN,)),
        broker_checks.check_curve_cert(examination.curve_cert),
        broker_checks.check_identity(examination.identity_refusal),
        pubsub_checks.check_sealing_key(examination.key_refusal),
        *pubsub_checks.check_pubsub(examination.pubsub),
    )


def startup_findings(
    facts: InstanceFacts,
    slots: Sequence[Slot],
    templates: Mapping[str, Template],
    *,
    burst_property: str,
    shrinks: bool,
) -> tuple[Finding, ...]:
    """Give what the facts alone show to be wrong: what the agent says at its start, loudly."""
    findings = [rank_checks.check_resources_cover_hosts(facts), rank_checks.check_slot_shapes(facts, slots, templates)]
    if facts.is_real:
        findings += [
            *_check_scheduler(facts, burst_property, shrinks=shrinks),
            scheduler_checks.check_queue_policy(facts),
            queue_checks.check_frobnicator(facts, burst_property),
            broker_checks.check_topology(facts, burst_property),
        ]
    return tuple(finding for finding in findings if finding.severity in (Severity.WARNING, Severity.ERROR))


_STAND_IN = Finding.skipped(
    "flux", "This is a stand-in instance: it has no scheduler, queues, overlay or state directory to look at."
)


def _check_ranks(examination: Examination) -> tuple[Finding, ...]:
    facts, health, slots = examination.facts, examination.health, examination.slots
    return (
        rank_checks.check_slots(facts, slots, examination.burst_property, examination.slots_refusal),
        rank_checks.check_resources_cover_hosts(facts),
        rank_checks.check_slot_shapes(facts, slots, examination.templates),
        rank_checks.check_slots_down(health, slots, examination.burst_ranks),
    )


def _check_flux(examination: Examination) -> tuple[Finding, ...]:
    facts, health, burst_property = examination.facts, examination.health, examination.burst_property
    return (
        *_check_scheduler(facts, burst_property, shrinks=examination.shrinks),
        scheduler_checks.check_queue_policy(facts, health),
        scheduler_checks.check_queue_depth(facts, health),
        queue_checks.check_queues_started(facts, health),
        queue_checks.check_frobnicator(facts, burst_property, examination.plugin_texts),
        broker_checks.check_state_directory(health),
        rank_checks.check_quorum(facts, health, examination.slots),
        broker_checks.check_topology(facts, burst_property),
        broker_checks.check_link_timeout(facts),
        broker_checks.check_bindings(facts, health),
        broker_checks.check_image_version(facts, examination.view_image),
    )


def _check_scheduler(facts: InstanceFacts, burst_property: str, *, shrinks: bool) -> tuple[Finding, ...]:
    return (
        scheduler_checks.check_prune_filter(facts),
        scheduler_checks.check_match_policy(facts, burst_property, shrinks=shrinks),
        *((scheduler_checks.check_shrinking(facts),) if shrinks else ()),
        scheduler_checks.check_feasibility(facts),
        queue_checks.check_queues(facts, burst_property),
    )
