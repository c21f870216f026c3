"""One turn's pure part (observe and decide) with ever more burstable jobs waiting, and its growth a job."""

import statistics
import time

from overspill_agent.deciding.decide import decide
from overspill_agent.deciding.demand import parse_demand
from overspill_agent.deciding.policy import Policy
from overspill_agent.deciding.slots import Slot
from overspill_agent.deciding.snapshot import Snapshot
from overspill_agent.jobs import PendingJob
from overspill_agent.observe import observe
from overspill_agent.ports import InstanceFacts, RankResources
from overspill_shared.templates import Template

SIZES = (100, 1_000, 10_000)
REPEATS = 3
NOW = 1_800_000_000.0


def run():
    seconds = {size: statistics.median(_once(size) for _ in range(REPEATS)) for size in SIZES}
    smallest, largest = SIZES[0], SIZES[-1]
    return {
        "turn_ms": {str(size): round(value * 1e3, 2) for size, value in seconds.items()},
        "cost_per_job_growth_100_to_10000": round(seconds[largest] / largest / (seconds[smallest] / smallest), 2),
    }


def _once(size):
    snapshot = _snapshot(size)
    began = time.perf_counter()
    decide(observe(snapshot, NOW), Policy(), NOW)
    return time.perf_counter() - began


def _snapshot(size):
    hosts = ("lead-0", "lead-1", *(f"burst-0-{index}" for index in range(8)))
    burst = frozenset({"burst"})
    resources = tuple(
        RankResources(rank=rank, cores=8, gpus=0, properties=burst if rank > 1 else frozenset())
        for rank in range(len(hosts))
    )
    template = Template(name="default", machine_type="c2", cores=8, memory_mib=1024, zones=("us-central1-a",))
    facts = InstanceFacts(
        is_real=True, scheduler="fluxion", hosts=hosts, resources=resources, config={}, flux_version="0.88.0",
        prefix="/usr", uid=0, gid=0, topology=None,
    )  # fmt: skip
    return Snapshot(
        facts=facts,
        slots=(Slot(name="burst-0", ranks=tuple(range(2, 10)), hosts=hosts[2:], template=template),),
        pending=tuple(_job(jobid) for jobid in range(size)),
        online=frozenset({0, 1}),
    )


def _job(jobid):
    core = {"type": "core", "count": 1}
    slot = {"type": "slot", "count": 1, "label": "task", "with": [core]}
    jobspec = {
        "version": 1,
        "resources": [{"type": "node", "count": 3 + jobid % 5, "with": [slot]}],
        "attributes": {"system": {"burstable": 1, "constraints": {"properties": ["burst"]}}},
    }
    return PendingJob(
        jobid=jobid,
        submitted_at=NOW,
        urgency=16,
        priority=16,
        demand=parse_demand(jobspec),
        problem="",
        jobspec=jobspec,
    )
