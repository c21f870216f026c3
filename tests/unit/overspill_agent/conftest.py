import pytest
from tests.unit.overspill_agent.in_memory_flux import FakeFlux, Ranks, Stage


@pytest.fixture
def stage(clock, faults, publisher, keypair):
    """Give an instance without bursts and without an agent."""
    return Stage(clock, faults, publisher, public_key=keypair[0])


@pytest.fixture
def flux(clock, faults):
    """Give an instance in memory."""
    return FakeFlux(Ranks(), clock, faults)
