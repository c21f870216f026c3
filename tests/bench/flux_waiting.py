"""From a job's submit event to the decision about it while many burstable jobs wait, beside what a poller would take.

The poller lists what waits and reads each job's jobspec, which is where a job's mark is; its pass is the least that a
new job can take until it is noticed.
"""

import statistics
import time

from tests.bench.flux_rig import LARGE, LARGE_SLOT, one_host
from tests.bench.percentiles import ms

SIZES = (100, 1_000, 10_000)
SUBMITS = 11
"""Odd, so that the median is one of them, and the ratio is that of the figures shown."""


def measure(rig, agent):
    report, waiting = {}, 0
    for step, size in enumerate(SIZES):
        filled_s = _fill(rig, agent, size - waiting, in_all=size - step * SUBMITS)
        slots = range(step * SUBMITS, (step + 1) * SUBMITS)
        decided = [_decided_s(rig, agent, index) for index in slots]
        waiting = size + SUBMITS
        poller = rig.side.ask("poll")
        report[str(size)] = {
            "filled_s": round(filled_s, 2),
            "decision_p50_ms": ms(decided, 50),
            "decision_max_ms": ms(decided, 100),
            "poller_pass_ms": round(poller["pass_s"] * 1e3, 1),
            "poller_found": poller["found"],
            "ratio_poller_to_decision": round(poller["pass_s"] / statistics.median(decided), 1),
            "flux_burst": rig.side.ask("poll_by_flux_burst"),
        }
    return report


def _fill(rig, agent, count, *, in_all):
    """Have `count` more jobs wait for the one burst, and give how long it took until all of them were decided."""
    began = time.monotonic()
    rig.side.ask("submit", count=count, constraint=LARGE)
    agent.wait_until(lambda lines: _held_jobs(lines) >= in_all)
    return time.monotonic() - began


def _held_jobs(lines):
    """Give how many jobs wait for the one burst: it has room for some, others wait for that; each line has them all."""
    latest = {line["code"]: line for line in lines if line.get("kind") == "hold" and line.get("slot") == LARGE_SLOT}
    return sum(line.get("job_count", len(line["jobs"])) for line in latest.values())


def _decided_s(rig, agent, index):
    """Give a new job's time until its decision; the agent is left calm again, its request published and seen."""
    since = len(agent.lines)
    (jobid,) = rig.side.ask("submit", constraint=one_host(index))
    decided = agent.wait_for(lambda line: jobid in line.get("jobs", ()), after=since)
    agent.wait_for(lambda line: jobid in line.get("jobs", ()) and line["code"] == "in-flight", after=since)
    (times,) = rig.side.ask("event_times", ids=[jobid])
    return decided["at"] - times["submit"]
