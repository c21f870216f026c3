"""What is decided, with real Flux and the embedded cloud: caps, growing, and many jobs at once."""

import json
import shutil

import pytest
from tests.integration.conftest import Lead

pytestmark = [
    pytest.mark.flux,
    pytest.mark.skipif(shutil.which("flux") is None, reason="there is no flux on PATH: install flux-core"),
]

BURST = ("submit", "--setattr=burstable", "--requires=burst")


def test_cap_holds_a_job_with_the_reason_in_its_eventlog(start_cloud):
    with start_cloud(flux="real", create_s=0.5) as cloud:
        lead = Lead(cloud, "real", OVERSPILL_CAP_USD_PER_BURST="0.01")
        lead.start_agent()
        job = lead.flux(*BURST, "-N2", "hostname").strip()
        cloud.wait_until(lambda: lead.count_logs("decision", code="over-cap"), "a job that is held")
        cloud.wait_until(lambda: "cap for a burst" in lead.flux("job", "eventlog", job), "the reason on the job")
        assert lead.bursts() == []

        planned = lead.overspill("plan", "--json")
        assert [d["code"] for d in json.loads(planned.stdout)["decisions"]] == ["over-cap"], planned.stderr
        explained = lead.overspill("explain", job)
        assert (explained.returncode, "the cap for a burst is $0.01" in explained.stdout) == (0, True)


def test_burst_grows_for_a_job_that_comes_later(start_cloud):
    with start_cloud(flux="real", create_s=0.5) as cloud:
        lead = Lead(cloud, "real", nodes=3, OVERSPILL_IDLE_TIMEOUT_S="20")
        lead.start_agent()
        first = lead.flux(*BURST, "-N1", "sleep", "60").strip()
        lead.wait_for_job(first, "RUN")
        second = lead.flux(*BURST, "-N2", "hostname").strip()
        lead.wait_for_job(second, "COMPLETED")
        (burst,) = lead.bursts()
        assert (burst["nodes"], burst["state"]) == (3, "ACTIVE")
        assert lead.count_logs("request.published") == 2
        assert len(cloud.clusters()) == 1


def test_twenty_jobs_of_two_kinds_share_as_many_bursts_as_there_are_slots(start_cloud):
    with start_cloud(flux="real", create_s=0.5) as cloud:
        layout = {"more_slots": {"burst-1": 4}}
        lead = Lead(cloud, "real", nodes=4, layout=layout, OVERSPILL_IDLE_TIMEOUT_S="30")
        lead.start_agent()
        jobs = [
            lead.flux(*BURST, f"--requires=host:burst-{n % 2}-[0-3]", f"-N{1 + n % 4}", "true").strip()
            for n in range(20)
        ]
        for job in jobs:
            lead.wait_for_job(job, "COMPLETED")
        assert len(lead.bursts()) == 2
        assert len({jobid for burst in lead.bursts() for jobid in burst["jobs"]}) == sum(
            len(burst["jobs"]) for burst in lead.bursts()
        )
