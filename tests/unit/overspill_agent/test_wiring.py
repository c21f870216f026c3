import logging
import threading

import pytest
from tests.unit.overspill_agent.examples import make_burst, make_event, make_facts
from tests.unit.overspill_agent.in_memory_flux import FakeFlux, Ranks

from overspill_agent import wiring
from overspill_agent.agent_settings import AgentSettings
from overspill_agent.loop import Agent
from overspill_agent.own_pod import PodFacts, Service, ServicePort, ServiceType
from overspill_shared.errors import ConfigError, FluxUnavailable, OverspillError, Unavailable
from overspill_shared.secrets import Secret


def built(flux, *, agent_options=None, **settings):
    chosen = AgentSettings(**settings)
    lead = wiring._read_lead(flux, chosen, public_key="")
    return wiring._agent(flux, lead, chosen, wiring._NoPublisher(), **(agent_options or {}))


@pytest.fixture
def flux_of(clock, faults):
    """Give a factory of instances with other facts."""
    return lambda **facts: FakeFlux(Ranks(), clock, faults, make_facts(**facts))


@pytest.mark.parametrize("uri", ["standin:///nonexistent/lead", "standin:///"])
def test_connect_to_a_stand_in_that_is_not_there_raises(uri):
    with pytest.raises((FluxUnavailable, ConfigError)):
        wiring.connect({"FLUX_URI": uri})


def test_build_of_an_instance_with_slots_gives_its_agent(flux):
    agent = built(flux, lead_id="mine")

    assert isinstance(agent, Agent)
    assert agent.lead_id == "mine"


def test_build_in_a_cluster_says_how_the_lead_is_reached(flux, caplog):
    service = Service(
        name="lead-lb",
        type=ServiceType.LOAD_BALANCER,
        selector={"job-name": "lead"},
        ports=(ServicePort(port=9000, target=8050),),
        ingress=("203.0.113.7",),
    )
    pod = PodFacts(labels={"job-name": "lead"}, services=(service,))

    with caplog.at_level(logging.INFO):
        lead = wiring._read_lead(flux, AgentSettings(), public_key="", pod=pod)
        wiring._tell_lead(lead, AgentSettings())

    (record,) = [record for record in caplog.records if record.message == "lead.address"]
    assert (record.source, "lead-lb" in record.reason) == ("load-balancer", True)
    assert (lead.identity.lead.host, lead.identity.lead.port) == ("203.0.113.7", 9000)


def test_build_with_a_munge_key_seals_it_later(flux, tmp_path):
    (tmp_path / "munge.key").write_bytes(b"canary")

    lead = wiring._read_lead(flux, AgentSettings(munge_key_file=str(tmp_path / "munge.key")), public_key="")

    assert lead.identity.munge_key == Secret(b"canary")


def test_build_of_an_instance_without_slots_raises_telling_how_to_declare_them(flux_of):
    with pytest.raises(ConfigError) as caught:
        built(flux_of(hosts=("lead-0", "lead-1")), burst_property="cloud")

    assert caught.value.code == "no-slots"
    assert "no rank has the property 'cloud'" in caught.value.text
    assert "flux R encode --property=cloud:RANKS" in caught.value.remedy


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"slots": {"burst-9": {}}}, "slot-unknown"),
        ({"slots": {"burst-0": {"template": "gpu"}}}, "template-unknown"),
    ],
)
def test_build_with_settings_that_do_not_fit_the_instance_raises(flux, settings, code):
    with pytest.raises(ConfigError) as caught:
        built(flux, **settings)

    assert caught.value.code == code


def test_build_of_a_dry_run_needs_no_key_and_publishes_nothing(flux):
    shown = []
    agent = built(flux, agent_options={"is_dry_run": True, "on_turn": shown.append})

    agent.run()
    flux.replay()
    flux.settle()

    assert shown == [()] * len(shown)
    assert shown
    assert flux.faults.calls == ["read_state"]


def test_no_publisher_refuses_to_publish():
    publisher = wiring._NoPublisher()

    with pytest.raises(OverspillError, match="must not publish BurstEvent"):
        publisher.publish(make_event(make_burst(), "ready"))
    with pytest.raises(OverspillError, match="must not dead-letter"):
        publisher.dead_letter("t", b"", {}, reason="r")


class Events:
    """Implements what `_listen` uses of a subscription."""

    def start(self, on_event, on_end):
        self.on_event, self.on_end = on_event, on_end


class Listener:
    """Takes events as an agent does."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.taken = []

    def on_burst_event(self, event):
        if self.errors:
            raise self.errors.pop(0)
        self.taken.append(event)


EVENT = make_event(make_burst(), "ready")


def test_listen_does_not_ack_an_event_whose_consequence_could_not_be_published(flux):
    events, agent, acks = Events(), Listener(Unavailable("Pub/Sub is away.")), []
    wiring._listen(events, flux, agent, [])

    events.on_event(EVENT, lambda: acks.append(1))
    flux.settle()
    assert acks == []

    events.on_event(EVENT, lambda: acks.append(2))
    flux.settle()
    assert acks == [2]


def test_listen_acks_an_event_once_the_owners_thread_has_taken_it(flux):
    events, agent, acks = Events(), Listener(), []
    wiring._listen(events, flux, agent, [])

    events.on_event(EVENT, lambda: acks.append(len(agent.taken)))
    assert (agent.taken, acks) == ([], [])
    flux.settle()

    assert (agent.taken, acks) == ([EVENT], [1])


def test_listen_leaves_an_event_that_could_not_be_taken_unacked(flux):
    events, agent, acks = Events(), Listener(FluxUnavailable("gone")), []
    wiring._listen(events, flux, agent, [])
    events.on_event(EVENT, lambda: acks.append(1))

    with pytest.raises(FluxUnavailable):
        flux.settle()
    assert acks == []


def test_listen_ends_the_agents_run_when_the_stream_ends(flux):
    events, failure, error = Events(), [], Unavailable("the stream ended")
    wiring._listen(events, flux, Listener(), failure)

    events.on_end(error)

    assert failure == [error]
    assert flux.is_stopped


@pytest.mark.parametrize(
    ("settings", "named"),
    [({}, "project: "), ({"project": "demo"}, "public_key: "), ({"project": "demo", "public_key": "x"}, "public key")],
    ids=["no project", "no key", "a wrong key"],
)
def test_serve_with_settings_missing_raises_before_it_connects(settings, named):
    with pytest.raises(ConfigError, match=named):
        wiring.serve(AgentSettings(**settings), {"FLUX_URI": "standin:///nonexistent/lead"}, is_once=False)


def test_reconnect_that_is_told_to_stop_gives_up():
    stopping = threading.Event()
    stopping.set()

    assert wiring._reconnect({"FLUX_URI": "standin:///nonexistent/lead"}, stopping) is None


def test_reconnect_to_what_stays_away_raises():
    with pytest.raises(FluxUnavailable):
        wiring._reconnect({"FLUX_URI": "standin:///nonexistent/lead"}, threading.Event(), for_s=0.0)
