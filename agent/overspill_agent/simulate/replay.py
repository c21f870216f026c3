"""One trace under one policy: the pieces of a simulation, put together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from overspill_agent.simulate.engine import Engine, World
from overspill_agent.simulate.instance import Instance
from overspill_agent.simulate.ports import Turn
from overspill_agent.simulate.replayed_agent import ReplayedAgent

if TYPE_CHECKING:
    from overspill_agent.simulate.contenders import Contender
    from overspill_agent.simulate.outcomes import Run
    from overspill_agent.simulate.ports import Moment
    from overspill_agent.simulate.scenario import Scenario
    from overspill_agent.simulate.trace import Trace


class NoAgent:
    """Nobody bursts anything: an instance without slots, as the agent would refuse to serve it."""

    counted_usd = 0.0

    def turn(self, moment: Moment) -> Turn:
        """Do nothing."""
        del moment
        return Turn()


def replay(trace: Trace, scenario: Scenario, contender: Contender) -> Run:
    """Play a trace to its end under a policy."""
    policy = contender.policy
    instance = Instance(
        frozenset(range(scenario.nodes)),
        backfill=policy.backfill,
        unknown_s=policy.unknown_duration_s,
        largest_slot=max(scenario.slots.values(), default=0) if contender.has_slots else 0,
        straddles=policy.placement == "spread",
    )
    agent = ReplayedAgent(scenario, policy) if contender.has_slots else NoAgent()
    world = World(instance=instance, cloud=scenario.cloud, seed=scenario.seed)
    run = Engine(world, agent).run(contender.name, trace.jobs)
    return replace(run, counted_usd=agent.counted_usd)
