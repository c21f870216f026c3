"""How long sched-simple takes to let others pass thousands of waiting jobs, and whether a new request waits for that.

The jobs wait before the agent starts: it learns of all of them at once.
"""

import time

from tests.bench.flux_rig import DEADLINE_S, LARGE, one_host

JOBS = 3_000
PROBES = 8
"""Jobs that need a burst of their own, submitted one after another meanwhile."""


def measure(rig):
    rig.side.ask("submit", count=JOBS, constraint=LARGE)
    began = time.monotonic()
    agent = rig.start_agent()
    agent.wait_for(lambda line: line["message"] == "request.published")
    published_s, lowered = [], 0
    while lowered < JOBS and len(published_s) < PROBES:
        published_s.append(_published_s(rig, agent, len(published_s)))
        lowered = rig.side.ask("count_lowered")
    deadline = began + 4 * DEADLINE_S
    while rig.side.ask("count_lowered") < JOBS:
        if time.monotonic() > deadline:
            raise TimeoutError("not all jobs were lowered")
        time.sleep(0.1)
    return {
        "jobs": JOBS,
        "all_lowered_s": round(time.monotonic() - began, 1),
        "probes_meanwhile": len(published_s),
        "slowest_probe_ms": round(max(published_s) * 1e3, 1),
    }


def _published_s(rig, agent, index):
    """Give a new job's time from its submit event until its request is published."""
    since = len(agent.lines)
    (jobid,) = rig.side.ask("submit", constraint=one_host(index))
    line = agent.wait_for(
        lambda line: line["message"] == "request.published" and line["slot"] == f"burst-{index}", after=since
    )
    (times,) = rig.side.ask("event_times", ids=[jobid])
    return line["at"] - times["submit"]
