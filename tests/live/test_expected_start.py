"""What each scheduler says of when waiting jobs start at home, and what is decided of them.

One scene for all: rank 0 is busy for 2990 s and rank 1 for 190 s, which is sooner than a burst would be there.
"""

import contextlib
import dataclasses
import tempfile
from pathlib import Path

import pytest
from tests.live.conftest import LiveInstance

from overspill_agent import wiring
from overspill_agent.agent_settings import AgentSettings
from overspill_agent.deciding.decisions import DecisionKind
from overspill_shared.lead_config import Scheduler

QUEUES = {"local": {"requires": ["^burst"]}, "burst": {"requires": ["burst"]}, "any": {}}
SETTINGS = AgentSettings(gather_quiet_s=0, gather_max_s=0, allow_unknown_price=True)

SCHEDULERS = {
    "hybrid": (Scheduler.FLUXION, {"sched-fluxion-qmanager": {"queue-policy": "hybrid"}}),
    "fcfs": (Scheduler.FLUXION, {"sched-fluxion-qmanager": {"queue-policy": "fcfs"}}),
    "sched-simple": (Scheduler.SIMPLE, {}),
}
BEHIND_A_LARGE_ONE = {
    "hybrid": ("local-wait-shorter", "Fluxion expects it to start in 1"),
    "fcfs": ("break-even", "by the agent's own reckoning it waits at least"),
    "sched-simple": ("break-even", "sched-simple expects it to start in 3"),
}
"""Of a job of one node behind one of two that must wait for both ranks, and may not burst: hybrid lets it pass."""
ALONE = {
    "hybrid": ("local-wait-shorter", "Fluxion expects it to start in 1"),
    "fcfs": ("local-wait-shorter", "by the agent's own reckoning it waits 1"),
    "sched-simple": ("local-wait-shorter", "sched-simple expects it to start in 1"),
}
TWO_NODES = {
    "hybrid": ("break-even", "Fluxion expects it to start in 29"),
    "fcfs": ("break-even", "by the agent's own reckoning it waits 29"),
    "sched-simple": ("break-even", "sched-simple expects it to start in 29"),
}
"""Of a job that needs both ranks."""


@contextlib.contextmanager
def lead(name):
    scheduler, tables = SCHEDULERS[name]
    with tempfile.TemporaryDirectory(prefix="ovs-", ignore_cleanup_errors=True) as directory:
        live = LiveInstance(Path(directory), scheduler)
        live.layout = dataclasses.replace(live.layout, more_config={"queues": QUEUES, **tables})
        try:
            live.start()
            yield live
        finally:
            live.stop()


def decided(live, jobid, expected):
    """Give what the agent would do about a job, and of its reason what was expected, or else all of it."""
    shown = []
    wiring.preview(SETTINGS, {"FLUX_URI": live.layout.uri}, shown.append)
    about = [decision for decision in shown[0] if jobid in decision.jobs]
    (found,) = [decision for decision in about if decision.kind is not DecisionKind.LOWER_URGENCY]
    return found.code, expected[1] if expected[1] in found.reason else found.reason


@pytest.mark.parametrize("name", SCHEDULERS)
def test_job_waits_where_its_scheduler_or_else_the_agents_reckoning_says_soon(name):
    with lead(name) as live:

        def submit(*argv):
            return live.submit("-q", "any", *argv)

        for limit in ("2990s", "190s"):
            jobid = submit("-N1", "--exclusive", "-t", limit, "sleep", "inf")
            live.command("flux", "job", "wait-event", "--timeout=20", str(jobid), "start")

        large = submit("-N2", "-t", "100s", "true")
        small = submit("-N1", "-t", "60s", "--setattr=burstable", "true")
        assert decided(live, small, BEHIND_A_LARGE_ONE[name]) == BEHIND_A_LARGE_ONE[name]

        live.cancel(large)
        assert decided(live, small, ALONE[name]) == ALONE[name]

        live.cancel(small)
        wide = submit("-N2", "-t", "60s", "--setattr=burstable", "true")
        assert decided(live, wide, TWO_NODES[name]) == TWO_NODES[name]
