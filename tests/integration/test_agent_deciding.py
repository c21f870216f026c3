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


def test_twenty_jobs_of_all_sizes_share_one_burst_of_each_template(start_cloud):
    node = {"machine_type": "c2-standard-8", "cores": 8, "memory_mib": 4096, "zones": ["us-central1-a"]}
    templates = {"narrow": {**node, "price_usd_per_h": 0.4}, "wide": {**node, "price_usd_per_h": 0.5}}
    with start_cloud(flux="real", create_s=0.5) as cloud:
        lead = Lead(
            cloud,
            "real",
            nodes=8,
            layout={"more_slots": {"burst-1": 8}},
            OVERSPILL_IDLE_TIMEOUT_S="60",
            OVERSPILL_TEMPLATES=json.dumps(templates),
            OVERSPILL_SLOTS=json.dumps({"burst-0": {"template": "narrow"}, "burst-1": {"template": "wide"}}),
        )
        lead.start_agent()
        # Each size comes to each slot.
        places = [(f"burst-{(n + n // 8) % 2}", 1 + n % 8) for n in range(20)]
        jobs = [
            lead.flux(*BURST, f"--requires=host:{slot}-[0-7]", f"-N{size}", "true").strip() for slot, size in places
        ]
        for job in jobs:
            lead.wait_for_job(job, "COMPLETED")
        assert sorted((burst["slot"], burst["template"]) for burst in lead.bursts()) == [
            ("burst-0", "narrow"),
            ("burst-1", "wide"),
        ]
        started = [job for burst in lead.bursts() for job in burst["jobs"]]
        assert len(started) == len(set(started))
