"""The agent's composition root: settings and environment in, adapters chosen and joined. The only such place."""

from __future__ import annotations

import logging
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tenacity

from overspill_agent import reachability
from overspill_agent.deciding.slots import find_slots
from overspill_agent.doctor import startup
from overspill_agent.kubernetes_pod import read_own_pod
from overspill_agent.lead_identity import build_identity
from overspill_agent.loop import Agent
from overspill_agent.munge_key import read_munge_key
from overspill_agent.publishing import BackgroundPublisher
from overspill_shared.adapters.system_clock import SystemClock
from overspill_shared.errors import CloudError, ConfigError, FluxUnavailable, OverspillError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from overspill_agent.agent_settings import AgentSettings
    from overspill_agent.deciding.decisions import Decision
    from overspill_agent.deciding.slots import Slot
    from overspill_agent.lead_identity import Identity
    from overspill_agent.own_pod import PodFacts
    from overspill_agent.ports import FluxInstance, InstanceFacts
    from overspill_agent.pubsub_events import EventSubscription
    from overspill_shared.messages import BurstEvent, Message
    from overspill_shared.ports import Publisher
    from overspill_shared.templates import Template

log = logging.getLogger(__name__)

STAND_IN_SCHEME = "standin://"
ONCE_LISTENS_S = 2.0
"""`--once` gives events that wait in the subscription so long to arrive."""
RECONNECT_FOR_S = 600.0
"""A broker that is gone is waited for so long; then the agent ends, and whoever runs it starts it again."""
RECONNECT_PAUSE_S = 1.0
PREVIEW_FOR_S = 30.0
"""An instance that does not tell its jobs and ranks in this time ends a dry run."""


def connect(environ: Mapping[str, str]) -> FluxInstance:
    """Connect to the instance that FLUX_URI names (real Flux's default where it names none).

    Raises FluxUnavailable if no broker answers, ConfigError if Flux's bindings are missing.
    """
    uri = environ.get("FLUX_URI")
    if uri and uri.startswith(STAND_IN_SCHEME):
        from overspill_agent.standin_instance import StandInFlux  # noqa: PLC0415 - only one of the two is needed

        return StandInFlux.connect(uri)
    from overspill_agent.flux_instance import RealFlux  # noqa: PLC0415 - needs Flux's bindings, which may be missing

    return RealFlux.connect(uri)


def serve(settings: AgentSettings, environ: Mapping[str, str], *, is_once: bool) -> None:
    """Run the agent until SIGTERM or SIGINT, reconnecting with back-off when broker or Pub/Sub go away.

    Bursts are left running at the end: the next agent resumes them. Raises FluxUnavailable if there is no broker, or
    it stays away, and every error that a person must mend.
    """
    _check(settings)
    # The first connection must succeed: a wrong FLUX_URI is a mistake, not an outage.
    instance = connect(environ)
    stopping = threading.Event()
    stop_now: list[Callable[[], None]] = []
    _watch_signals(stopping, stop_now)
    while True:
        stop_now[:] = [instance.stop]
        try:
            _serve_connected(instance, settings, environ, is_once=is_once, stopping=stopping)
        except (FluxUnavailable, Unavailable) as exc:
            if is_once:
                raise
            log.warning("connection.lost", extra={"error": exc.text})
        else:
            return
        finally:
            instance.close()
        if stopping.wait(RECONNECT_PAUSE_S) or (reconnected := _reconnect(environ, stopping)) is None:
            return
        instance = reconnected


def preview(
    settings: AgentSettings, environ: Mapping[str, str], on_turn: Callable[[tuple[Decision, ...]], None]
) -> None:
    """Show what one turn would decide, and do none of it (`--dry-run`).

    Raises FluxUnavailable if the instance does not tell enough to decide.
    """
    instance = connect(environ)
    shown: list[tuple[Decision, ...]] = []

    def show(decisions: tuple[Decision, ...]) -> None:
        shown.append(decisions)
        instance.stop()

    try:
        lead = _read_lead(instance, settings, public_key="", pod=read_own_pod(environ))
        agent = _agent(instance, lead, settings, _NoPublisher(), is_dry_run=True, on_turn=show)
        instance.call_later(PREVIEW_FOR_S, instance.stop)
        agent.run()
    finally:
        instance.close()
    if not shown:
        raise FluxUnavailable(
            f"The instance did not tell its jobs and ranks within {PREVIEW_FOR_S:.0f} s.",
            remedy="See whether it is stuck (`flux jobs -a`, `flux resource status`).",
        )
    on_turn(shown[0])


def _serve_connected(
    instance: FluxInstance,
    settings: AgentSettings,
    environ: Mapping[str, str],
    *,
    is_once: bool,
    stopping: threading.Event,
) -> None:
    from overspill_agent.pubsub_events import EventSubscription  # noqa: PLC0415 - half a second of imports
    from overspill_shared.adapters.pubsub_publisher import PubSubPublisher  # noqa: PLC0415

    if stopping.is_set():
        return
    key = settings.sealing_key(lambda name: Path(name).read_text())
    lead = _read_lead(instance, settings, public_key=key, pod=read_own_pod(environ))
    _tell_lead(lead, settings)
    reachability.start_check(lead.identity.lead)
    pubsub = PubSubPublisher(settings.project)
    publisher = BackgroundPublisher(pubsub, lambda: instance.call_soon(agent.wake))
    agent = _agent(instance, lead, settings, publisher)
    events = EventSubscription(settings.project, agent.lead_id)
    failure: list[Exception] = []
    try:
        if environ.get("PUBSUB_EMULATOR_HOST"):
            events.ensure()
        _listen(events, instance, agent, failure)
        if is_once:
            instance.call_later(ONCE_LISTENS_S, instance.stop)
        agent.run()
    finally:
        events.close()
        publisher.close()
        pubsub.close()
    if failure:
        raise failure[0]


def _listen(events: EventSubscription, instance: FluxInstance, agent: Agent, failure: list[Exception]) -> None:
    """Hand events over to the thread that owns the instance; the stream's end ends the agent's run."""

    def take(event: BurstEvent, ack: Callable[[], None]) -> None:
        def in_owner_thread() -> None:
            try:
                agent.on_burst_event(event)
            except CloudError as exc:
                log.warning("event.not_taken", extra={"kind": event.kind.value, "error": exc.text})
                return  # without an ack: it comes again
            ack()

        instance.call_soon(in_owner_thread)

    def end(error: Exception) -> None:
        failure.append(error)
        instance.stop()

    events.start(take, end)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lead:
    """What is read of the instance once, before anything else is connected to."""

    facts: InstanceFacts
    slots: tuple[Slot, ...]
    templates: Mapping[str, Template]
    identity: Identity


def _read_lead(
    instance: FluxInstance, settings: AgentSettings, *, public_key: str, pod: PodFacts | None = None
) -> _Lead:
    facts = instance.facts()
    slot_templates = {name: slot.template for name, slot in settings.slots.items()}
    templates = settings.named_templates(facts)
    slots = find_slots(facts, templates, slot_templates, burst_property=settings.burst_property)
    if not slots:
        raise ConfigError(
            f"bootstrap.hosts and R declare no slot: no rank has the property {settings.burst_property!r}.",
            remedy="Add the burst nodes' hosts (burst-0-[0-3], …) to bootstrap.hosts, and to R with that property"
            f" (`flux R encode --property={settings.burst_property}:RANKS`), and restart the lead.",
            code="no-slots",
        )
    munge_key = read_munge_key(facts, settings.munge_key_file)
    identity = build_identity(facts, settings, public_key, pod=pod, munge_key=munge_key)
    return _Lead(facts=facts, slots=slots, templates=templates, identity=identity)


def _tell_lead(lead: _Lead, settings: AgentSettings) -> None:
    """Log what is wrong with the instance, and how its lead is reached."""
    startup.log_findings(
        lead.facts, lead.slots, lead.templates, burst_property=settings.burst_property, shrinks=settings.shrinks
    )
    address = lead.identity.address
    log.info("lead.address", extra={"source": address.source.value, "reason": address.reason})


def _agent(
    instance: FluxInstance,
    lead: _Lead,
    settings: AgentSettings,
    publisher: Publisher,
    *,
    is_dry_run: bool = False,
    on_turn: Callable[[tuple[Decision, ...]], None] | None = None,
) -> Agent:
    return Agent(
        instance=instance,
        publisher=publisher,
        clock=SystemClock(),
        facts=lead.facts,
        slots=lead.slots,
        templates=lead.templates,
        identity=lead.identity,
        policy=settings.policy(),
        is_dry_run=is_dry_run,
        on_turn=on_turn,
    )


def _check(settings: AgentSettings) -> None:
    """Find what is missing before anything is connected to."""
    if not settings.project:
        raise ConfigError(
            "project: no Google Cloud project is set.",
            remedy="Set GOOGLE_CLOUD_PROJECT, OVERSPILL_PROJECT or `project` in the settings file.",
            code="project",
        )
    settings.sealing_key(lambda name: Path(name).read_text())


def _watch_signals(stopping: threading.Event, stop_now: list[Callable[[], None]]) -> None:
    """Turn SIGTERM and SIGINT into a clean stop, from a thread: a reactor in C does not run Python's handlers."""
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)

    def wait() -> None:
        received = signal.sigwait(signals)
        log.info("agent.stopping", extra={"signal": signal.Signals(received).name})
        stopping.set()
        for stop in stop_now:
            stop()

    threading.Thread(target=wait, name="signals", daemon=True).start()


def _reconnect(
    environ: Mapping[str, str], stopping: threading.Event, *, for_s: float = RECONNECT_FOR_S
) -> FluxInstance | None:
    """Wait for the broker; None if told to stop meanwhile. Raises FluxUnavailable if it stays away."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(FluxUnavailable),
        wait=tenacity.wait_random_exponential(multiplier=0.5, max=30),
        stop=tenacity.stop_after_delay(for_s) | tenacity.stop_when_event_set(stopping),
        sleep=tenacity.sleep_using_event(stopping),
        reraise=True,
    )
    try:
        instance = retrying(connect, environ)
    except FluxUnavailable:
        if stopping.is_set():
            return None
        raise
    log.info("flux.reconnected")
    return instance


class _NoPublisher:
    """Stands where a dry run has no publisher; using it is a fault of ours."""

    def publish(self, message: Message) -> str:
        raise OverspillError(f"a dry run must not publish {type(message).__name__}")

    def dead_letter(self, topic: str, body: bytes, attributes: dict[str, str], *, reason: str) -> None:
        raise OverspillError(f"a dry run must not dead-letter {topic}: {reason} ({len(body)}, {len(attributes)})")
