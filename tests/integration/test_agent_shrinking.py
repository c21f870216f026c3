"""A burst that gives idle nodes back, keeps its cluster for a while, and grows again: with the functions that do it."""

import shutil

import pytest
from tests.integration.conftest import Lead

from overspill_shared import names


def wait_for_nodes(lead, nodes):
    lead.cloud.wait_until(lambda: lead.count_logs("ranks.freed", nodes=nodes), f"a burst of {nodes} nodes")
    (burst,) = lead.bursts()
    assert (burst["state"], burst["nodes"]) == ("ACTIVE", nodes)
    assert lead.cloud.call(lead.lead.drained()) == 0
    return burst


def submit_to(lead, hosts, *command):
    """Have a job wait for two named nodes: ranks join in any order, and only a burst's last ones can be given back."""
    return lead.cloud.call(
        lead.lead.submit(lead.lead.submit_command(2, (f"--requires=host:{hosts}", *command), burstable=True))
    )


def test_burst_shrinks_to_what_works_then_to_nothing_grows_again_and_ends(start_cloud):
    with start_cloud(create_s=0.2) as cloud:
        lead = Lead(cloud, "stand-in", nodes=4, OVERSPILL_SHRINKS="true", OVERSPILL_KEEP_WARM_S="4")
        half = submit_to(lead, "burst-0-[0-1]", "sleep", "60")
        submit_to(lead, "burst-0-[2-3]", "hostname")
        lead.start_agent()
        before = wait_for_nodes(lead, 2)
        assert cloud.call(lead.lead.job(half)).state == "RUN", "nothing happened to the job that works"

        lead.cancel(half)
        wait_for_nodes(lead, 0)
        assert len(cloud.clusters()) == 1, "its cluster is kept"

        again = lead.submit(nodes=4)
        lead.wait_for_job(again, "COMPLETED")
        lead.wait_for_state("GONE")
        (after,) = lead.bursts()
        kept = ("burst_id", "hard_end_at")
        assert [after[key] for key in kept] == [before[key] for key in kept]
        assert cloud.creates(names.cluster_name(after["burst_id"])) == 1
        assert cloud.clusters() == ()
        cloud.wait_until(lambda: cloud.call(lead.lead.drained()) == 0, "undrained ranks")


@pytest.mark.flux
@pytest.mark.skipif(shutil.which("flux") is None, reason="there is no flux on PATH: install flux-core")
def test_real_brokers_leave_a_burst_that_is_kept_warm_and_others_join_it_again(start_cloud):
    with start_cloud(flux="real", create_s=0.2) as cloud:
        lead = Lead(cloud, "real", OVERSPILL_KEEP_WARM_S="60")
        lead.start_agent()
        lead.wait_for_job(lead.submit(), "COMPLETED")
        warm = wait_for_nodes(lead, 0)
        lead.wait_for_job(lead.submit(), "COMPLETED")
        (burst,) = lead.bursts()
        assert burst["burst_id"] == warm["burst_id"]
        assert cloud.creates(names.cluster_name(burst["burst_id"])) == 1
