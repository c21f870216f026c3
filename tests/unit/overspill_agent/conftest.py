import pytest
from tests.unit.overspill_agent.examples import NOW, make_burst, make_facts, make_job, make_snapshot, make_template
from tests.unit.overspill_agent.in_memory_flux import FakeFlux, Ranks, Stage

from overspill_agent.actions import Actions
from overspill_agent.agent_settings import AgentSettings
from overspill_agent.deciding.decisions import Code, Decision, DecisionKind
from overspill_agent.deciding.policy import Policy
from overspill_agent.lead_identity import build_identity
from overspill_agent.store import BurstStore


class Workshop:
    """Actions on an instance in memory, and what they leave."""

    def __init__(self, flux, publisher, faults, public_key):
        self.flux, self.publisher, self.faults = flux, publisher, faults
        self.store = BurstStore(flux)
        self.actions = Actions(
            instance=flux,
            publisher=publisher,
            store=self.store,
            identity=build_identity(make_facts(), AgentSettings(), public_key),
            templates={"default": make_template()},
            policy=Policy(),
        )

    def has(self, *args, **changes):
        burst = make_burst(*args, **changes)
        self.store.save(burst)
        self.faults.calls.clear()
        return burst

    def act(self, kind, code, *, now=NOW + 60, **changes):
        decision = Decision(kind=DecisionKind(kind), code=Code(code), reason="because", **changes)
        return self.actions.act(decision, make_snapshot(pending=(make_job(1), make_job(2, 6))), now)

    def request(self):
        """Have a burst of the first slot requested for two jobs."""
        return self.act(
            "request",
            "never-fits-locally",
            jobs=(1, 2),
            slot="burst-0",
            template="default",
            nodes=4,
            zone="us-central1-a",
        )

    def about(self, burst, kind, code, **changes):
        return self.act(kind, code, burst_id=burst.burst_id, slot=burst.slot, ranks=burst.ranks, **changes)

    @property
    def effects(self):
        """Give what was done, in order; remarks on jobs aside."""
        return [call for call in self.faults.calls if call != "memo"]


@pytest.fixture
def stage(clock, faults, publisher, keypair):
    """Give an instance without bursts and without an agent."""
    return Stage(clock, faults, publisher, public_key=keypair[0])


@pytest.fixture
def flux(clock, faults):
    """Give an instance in memory."""
    return FakeFlux(Ranks(), clock, faults)


@pytest.fixture
def shop(flux, publisher, faults, keypair):
    """Give actions on an instance in memory."""
    return Workshop(flux, publisher, faults, keypair[0])
