import pytest

from overspill_agent.simulate.ports import Drain, Leave, Request, Resize, Teardown, Undrain
from overspill_agent.simulate.replayed_agent import declare
from overspill_agent.simulate.scenario import Scenario
from overspill_agent.simulate.simulated_flux import SimulatedClock, SimulatedFlux, SimulatedPublisher
from overspill_shared.messages import BurstRequest, Slot, TeardownReason, TeardownRequest

RANKS = frozenset({4, 5})
BURST_ID = "a" * 32


@pytest.fixture
def clock():
    return SimulatedClock(1000.0)


@pytest.fixture
def flux(clock):
    return SimulatedFlux(declare(Scenario(nodes=4, slots={"burst-0": 4}, price_usd_per_h=1.0)), clock)


def test_what_is_asked_of_flux_becomes_effects_in_order(flux):
    flux.drain(RANKS, "why")
    flux.leave(RANKS)
    flux.undrain(RANKS)

    assert flux.effects == [Drain(ranks=RANKS), Leave(ranks=RANKS), Undrain(ranks=RANKS)]


def test_of_what_is_written_only_the_ledger_is_kept(flux):
    flux.write_state({"schema": 1, "bursts.b1": {}, "ledger": {"spent": []}})

    assert flux.read_state() == {"ledger": {"spent": []}}


def test_a_call_that_is_due_twice_is_made_once(flux, clock):
    calls = []

    def call():
        calls.append(clock.now())

    flux.call_soon(call)
    flux.call_later(0.5, call)
    flux.call_later(60, call)
    clock.time = 1030.0
    for due in flux.take_due_calls():
        due()

    assert calls == [1030.0]
    assert flux.next_call_at == 1060.0


def test_a_canceled_call_is_never_made(flux, clock):
    timer = flux.call_later(5, list)

    timer.cancel()
    clock.time = 2000.0

    assert flux.next_call_at is None
    assert flux.take_due_calls() == ()


def test_messages_become_effects(flux):
    # Only what the publisher reads: what a whole request is has tests of its own.
    slot = Slot(name="burst-0", size=4, hosts="burst-0-[0-3]")
    request = BurstRequest.model_construct(burst_id=BURST_ID, slot=slot, size=2, revision=1)
    publisher = SimulatedPublisher(flux, {slot.name: (4, 5, 6, 7)})

    publisher.publish(request)
    publisher.publish(request.model_copy(update={"size": 3, "revision": 2}))
    publisher.publish(
        TeardownRequest(
            burst_id=BURST_ID, generation=1, deployment="d", lead="l", zone="us-central1-a",
            reason=TeardownReason.IDLE_TIMEOUT, requested_at=1.0,
        )
    )  # fmt: skip

    assert flux.effects == [
        Request(burst_id=BURST_ID, slot=slot.name, ranks=frozenset({4, 5})),
        Resize(burst_id=BURST_ID, ranks=frozenset({4, 5, 6}), revision=2),
        Teardown(burst_id=BURST_ID),
    ]
