import logging

import pytest

from overspill_shared.errors import Conflict, Unavailable
from overspill_teardown.renewing import why_not

HARD_END_S = 14_400


@pytest.fixture(autouse=True)
def name(site):
    """Give the name of the burst's cluster, which runs."""
    return site.put()


def test_renew_moves_the_lease_forward(site, lease_renewal):
    site.put_lease(600)

    site.renew(lease_renewal(expires_at=site.clock.now() + 1800))

    assert site.lease_left_s == pytest.approx(1800, abs=0.001)


@pytest.mark.parametrize("left_s", [1800, 1801, 9999])
def test_renew_never_takes_time_back(site, lease_renewal, left_s):
    site.put_lease(left_s)

    site.renew(lease_renewal(expires_at=site.clock.now() + 1800))

    assert site.lease_left_s == pytest.approx(left_s, abs=0.001)
    assert "apply Lease" not in site.faults.calls


def test_renew_never_passes_the_hard_end(site, lease_renewal):
    site.put_lease(600)

    site.renew(lease_renewal(expires_at=site.clock.now() + 1e6))

    assert site.lease_left_s == pytest.approx(HARD_END_S, abs=1)


def test_renew_keeps_to_the_clusters_label_whatever_the_lease_says(site, lease_renewal):
    site.put(labels={"expires": str(int(site.clock.now()) + 900)})
    site.put_lease(600)

    site.renew(lease_renewal(expires_at=site.clock.now() + 1800))

    assert site.lease_left_s == pytest.approx(900, abs=1)


def test_renew_of_a_lapsed_lease_that_nobody_has_acted_on_revives_it(site, lease_renewal):
    site.put_lease(-300)

    site.renew(lease_renewal(expires_at=site.clock.now() + 1800))

    assert site.lease_left_s > 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"burst_id": "f" * 32}, "there is no such burst here", id="unknown"),
        pytest.param({"deployment": "staging"}, "there is no such burst here", id="another deployment's"),
        pytest.param({"lead": "other"}, "not this burst's beyond doubt", id="another lead's"),
        pytest.param({"zone": "us-central1-b"}, "there is no such burst here", id="another zone's"),
        pytest.param({"expires_at": 1_760_000_000.0}, "it came too late", id="late"),
    ],
)
def test_renew_that_is_no_business_of_this_burst_is_a_logged_no_op(site, lease_renewal, caplog, changes, reason):
    site.put_lease(600)

    with caplog.at_level(logging.INFO):
        site.renew(lease_renewal(**{"expires_at": site.clock.now() + 1800, **changes}))

    assert reason in next(record.reason for record in caplog.records if record.message == "lease.not_renewed")
    assert "apply Lease" not in site.faults.calls
    assert site.publisher.events == []


@pytest.mark.parametrize("status", ["PROVISIONING", "STOPPING", "ERROR", "STATUS_UNSPECIFIED"])
def test_renew_of_a_burst_on_its_way_in_or_out_is_a_no_op(site, lease_renewal, status):
    site.put(status)

    site.renew(lease_renewal(expires_at=site.clock.now() + 1800))

    assert site.connected == []


def test_renew_of_a_removed_burst_is_a_no_op(site, lease_renewal):
    site.clusters.known.clear()

    site.renew(lease_renewal(expires_at=site.clock.now() + 1800))

    assert site.publisher.events == [], "that it is gone is a teardown's to say, which looks in every zone"


def test_renew_before_there_is_a_lease_makes_none(site, lease_renewal):
    site.renew(lease_renewal(expires_at=site.clock.now() + 1800))

    assert site.kubernetes.objects == {}


@pytest.mark.parametrize("call", ["get", "read Lease", "apply Lease"])
@pytest.mark.parametrize("error", [Unavailable("no answer."), Conflict("changed.")])
def test_renew_that_the_cloud_did_not_take_comes_again(site, lease_renewal, call, error):
    site.put_lease(600)
    site.faults.order(call, error)

    with pytest.raises(type(error)):
        site.renew(lease_renewal(expires_at=site.clock.now() + 1800))
    site.renew(lease_renewal(expires_at=site.clock.now() + 1800))

    assert site.lease_left_s == pytest.approx(1800, abs=0.001)
    assert site.kubernetes.closed == (1 if call == "get" else 2)


@pytest.mark.parametrize("label", ["overspill", "deployment", "lead", "burst-id"])
def test_why_not_cluster_with_a_look_alike_name_and_a_label_amiss(site, lease_renewal, label):
    renewal = lease_renewal(expires_at=site.clock.now() + 1800)

    assert why_not(renewal, site.make(), now=site.clock.now()) is None
    assert "beyond doubt" in why_not(renewal, site.make(labels={label: "other"}), now=site.clock.now())


def test_renew_killed_anywhere_is_made_good_by_the_next_delivery(site, lease_renewal, interrupted):
    site.put_lease(600)
    for point in range(20):
        site.faults.calls.clear()
        site.faults.kill_at = point
        try:
            site.renew(lease_renewal(expires_at=site.clock.now() + 1800))
        except interrupted:
            continue
        break

    assert point == 3
    assert site.lease_left_s == pytest.approx(1800, abs=0.001)
    assert site.kubernetes.closed == len(site.connected)
