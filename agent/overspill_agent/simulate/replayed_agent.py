"""The agent inside a simulation: the whole of `loop.Agent`, on ports that a simulated world stands behind.

What it hears is what Flux's journals and the functions would tell; it observes, decides and acts as beside a broker.
Nothing is decided here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from overspill_agent.burst_events import UNTOLD_GENERATION
from overspill_agent.deciding.slots import DEFAULT_TEMPLATE, find_slots
from overspill_agent.lead_address import AddressSource, LeadAddress
from overspill_agent.lead_identity import Identity
from overspill_agent.loop import Agent
from overspill_agent.ports import DrainedChanged, HistoryReplayed, InstanceFacts, OnlineChanged, RankResources
from overspill_agent.simulate.job_events import CORES, events_of
from overspill_agent.simulate.ports import Turn
from overspill_agent.simulate.simulated_flux import SimulatedClock, SimulatedFlux, SimulatedPublisher
from overspill_agent.store import parse_ledger
from overspill_shared.hostlist import compress
from overspill_shared.messages import BurstEvent, EventError, EventKind, Lead, Runtime, event_id
from overspill_shared.sealing import generate_keypair
from overspill_shared.templates import Template

if TYPE_CHECKING:
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.simulate.ports import CloudNews, Moment
    from overspill_agent.simulate.scenario import Scenario
    from overspill_shared.idset import Ranks

EPOCH_S: Final = 1e9
"""What the trace's beginning is for the agent, which knows epoch seconds only."""
ZONES: Final = ("us-central1-a", "us-central1-b", "us-central1-f")
BURST_PROPERTY: Final = "burst"
LEAD_ID: Final = "simulated"


class ReplayedAgent:
    """An agent, as the engine sees it."""

    def __init__(self, scenario: Scenario, policy: Policy) -> None:
        facts = declare(scenario)
        self._clock = SimulatedClock(EPOCH_S)
        self._flux = SimulatedFlux(facts, self._clock)
        templates = {DEFAULT_TEMPLATE: _template(scenario.price_usd_per_h)}
        slots = find_slots(facts, templates, {}, burst_property=BURST_PROPERTY)
        self._agent = Agent(
            instance=self._flux,
            publisher=SimulatedPublisher(self._flux, {slot.name: slot.ranks for slot in slots}),
            clock=self._clock,
            facts=facts,
            slots=slots,
            templates=templates,
            identity=_identity(facts),
            policy=policy,
        )
        self._online: Ranks = frozenset(range(scenario.nodes))
        self._drained: Ranks = frozenset()
        self._holding: dict[int, Ranks] = {}
        self._agent.on_flux_event(OnlineChanged(ranks=self._online))
        self._agent.on_flux_event(DrainedChanged(ranks=self._drained))
        self._agent.on_flux_event(HistoryReplayed())

    def turn(self, moment: Moment) -> Turn:
        """Let the agent hear what happened, and do what it wanted to do by now."""
        self._clock.time = EPOCH_S + moment.now
        self._hear(moment)
        for call in self._flux.take_due_calls():
            call()
        effects, self._flux.effects = tuple(self._flux.effects), []
        next_call_at = self._flux.next_call_at
        return Turn(effects=effects, wake_at=None if next_call_at is None else next_call_at - EPOCH_S)

    @property
    def counted_usd(self) -> float:
        """What its ledger says that bursts have cost."""
        return sum(entry.usd for entry in parse_ledger(self._flux.read_state()).spent)

    def _hear(self, moment: Moment) -> None:
        for change in moment.changes:
            if change.kind == "started":
                self._holding[change.job.jobid] = change.ranks
            elif change.kind == "ended":
                self._holding.pop(change.job.jobid, None)
            for event in events_of(change, epoch_s=EPOCH_S):
                self._agent.on_flux_event(event)
        self._flux.busy = frozenset().union(*self._holding.values())
        if moment.online != self._online:
            self._online = moment.online
            self._agent.on_flux_event(OnlineChanged(ranks=moment.online))
        if moment.drained != self._drained:
            self._drained = moment.drained
            self._agent.on_flux_event(DrainedChanged(ranks=moment.drained))
        for news in moment.news:
            self._agent.on_burst_event(_event(news))


def declare(scenario: Scenario) -> InstanceFacts:
    """Give what a lead with the scenario's nodes and slots declares."""
    hosts = [f"lead-{index}" for index in range(scenario.nodes)]
    for slot, size in scenario.slots.items():
        hosts += (f"{slot}-{index}" for index in range(size))
    return InstanceFacts(
        is_real=False,
        scheduler="simulated",
        hosts=tuple(hosts),
        resources=tuple(
            RankResources(
                rank=rank,
                cores=CORES,
                gpus=0,
                properties=frozenset({BURST_PROPERTY}) if rank >= scenario.nodes else frozenset(),
            )
            for rank in range(len(hosts))
        ),
        config={},
        flux_version="0.88.0",
        prefix="/usr",
        uid=0,
        gid=0,
        topology=None,
    )


def _template(price_usd_per_h: float) -> Template:
    return Template(
        name=DEFAULT_TEMPLATE,
        machine_type="c2-standard-8",
        cores=CORES,
        memory_mib=32 * 1024,
        zones=ZONES,
        price_usd_per_h=price_usd_per_h,
    )


def _identity(facts: InstanceFacts) -> Identity:
    """Give an identity that no function ever checks."""
    address = LeadAddress(host="127.0.0.1", port=8050, source=AddressSource.SETTING, reason="a simulation")
    return Identity(
        deployment=LEAD_ID,
        lead=Lead(id=LEAD_ID, host=address.host, port=address.port, name=facts.hosts[0], size=len(facts.hosts)),
        runtime=Runtime(
            flux_version=facts.flux_version,
            prefix=facts.prefix,
            uid=facts.uid,
            gid=facts.gid,
            app_image="simulated/application",
            view_image="simulated/view",
        ),
        hostlist=compress(facts.hosts),
        broker_toml="# a simulation\n",
        public_key=generate_keypair()[0],
        address=address,
    )


def _event(news: CloudNews) -> BurstEvent:
    kind = EventKind(news.kind)
    error = None
    if news.failure is not None:
        error = EventError.model_validate(
            {"class": news.failure, "code": "simulated", "text": "The create failed.", "remedy": "Wait."}
        )
    return BurstEvent(
        event_id=event_id(news.burst_id, kind, news.revision),
        burst_id=news.burst_id,
        revision=news.revision,
        generation=UNTOLD_GENERATION,
        deployment=LEAD_ID,
        lead=LEAD_ID,
        kind=kind,
        occurred_at=EPOCH_S + news.at,
        error=error,
    )
