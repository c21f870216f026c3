"""Small worlds for tests of the simulation: jobs, instances, agents that follow a script."""

from overspill_agent.simulate.engine import Engine, World
from overspill_agent.simulate.instance import Instance
from overspill_agent.simulate.latencies import CloudModel
from overspill_agent.simulate.ports import Turn
from overspill_agent.simulate.trace import TraceJob

NO_FAILURES = CloudModel(capacity_failures=0, boot_failures=0)


class Nobody:
    """An agent that never does anything."""

    def turn(self, _moment):
        return Turn()


class Scripted:
    """An agent that answers its turns with a function's effects, and remembers what it saw."""

    def __init__(self, answer, wake_every_s=None):
        self.answer = answer
        self.wake_every_s = wake_every_s
        self.moments = []

    def turn(self, moment):
        self.moments.append(moment)
        wake_at = None if self.wake_every_s is None else moment.now + self.wake_every_s
        return Turn(effects=tuple(self.answer(moment)), wake_at=wake_at)


def job(jobid, *, at=0.0, nodes=1, run_s=100.0, limit_s=None, is_burstable=True):
    return TraceJob(jobid=jobid, submitted_at=at, nodes=nodes, run_s=run_s, limit_s=limit_s, is_burstable=is_burstable)


def instance(home=4, *, backfill=False, largest_slot=0, straddles=False, unknown_s=3600.0):
    return Instance(
        frozenset(range(home)),
        backfill=backfill,
        unknown_s=unknown_s,
        largest_slot=largest_slot,
        straddles=straddles,
    )


def play(jobs, agent=None, *, cloud=NO_FAILURES, seed=1, **options):
    """Play jobs to their ends and give the run."""
    world = World(instance=instance(**options), cloud=cloud, seed=seed)
    return Engine(world, agent or Nobody()).run("scripted", jobs)
