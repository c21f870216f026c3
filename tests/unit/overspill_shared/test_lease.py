import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_shared.errors import CloudError
from overspill_shared.lease import build_lease, read_lease, renew_lease

NOW = 1_760_000_000.0
HARD_END = NOW + 14_400
TIMES = st.floats(min_value=NOW - 1e6, max_value=NOW + 1e6)


@pytest.fixture
def stored(burst_request):
    """A burst's Lease as the API server gives it."""
    lease = build_lease(burst_request(expires_at=NOW + 900, hard_end_at=HARD_END), now=NOW)
    lease["metadata"] |= {"resourceVersion": "7", "uid": "u", "managedFields": [{"manager": "overspill"}]}
    return lease


def test_lease_lies_beside_the_minicluster_and_is_ours(stored, burst_request):
    assert stored["metadata"]["namespace"] == f"overspill-{burst_request().burst_id[:12]}"
    assert stored["metadata"]["labels"] == {
        "overspill": "true",
        "deployment": "prod",
        "lead": "lead",
        "burst-id": burst_request().burst_id,
        "expires": str(int(HARD_END)),
    }


def test_lease_lasts_until_the_request_says(stored):
    lease = read_lease(stored)

    assert (lease.expires_at, lease.hard_end_at) == (NOW + 900, HARD_END)
    assert [lease.has_lapsed(now) for now in (NOW, NOW + 899.9, NOW + 900)] == [False, False, True]


def test_lease_is_written_as_kubernetes_writes_it(stored):
    assert stored["spec"] == {
        "holderIdentity": "lead",
        "acquireTime": "2025-10-09T08:53:20.000000Z",
        "renewTime": "2025-10-09T08:53:20.000000Z",
        "leaseDurationSeconds": 900,
    }


@given(expires_at=TIMES, hard_end_at=TIMES, now=TIMES)
def test_lease_never_lasts_past_the_hard_end(burst_request, expires_at, hard_end_at, now):
    request = burst_request(expires_at=expires_at, hard_end_at=hard_end_at)

    manifest = json.loads(json.dumps(build_lease(request, now=now)))

    lease = read_lease(manifest)
    assert manifest["spec"]["leaseDurationSeconds"] >= 1
    assert lease.expires_at <= hard_end_at + 1e-6
    assert lease.expires_at == pytest.approx(min(expires_at, int(hard_end_at)), abs=1e-5)


def test_renewed_lease_lasts_longer_and_keeps_the_rest(stored):
    renewed = renew_lease(stored, expires_at=NOW + 1800, now=NOW + 600.25)

    assert read_lease(renewed).expires_at == NOW + 1800
    assert renewed["spec"].pop("renewTime") == "2025-10-09T09:03:21.000000Z"
    assert renewed["spec"].pop("leaseDurationSeconds") == 1199
    assert renewed["spec"] == {"holderIdentity": "lead", "acquireTime": "2025-10-09T08:53:20.000000Z"}
    metadata = {key: stored["metadata"][key] for key in ("name", "namespace", "labels", "resourceVersion", "uid")}
    assert renewed["metadata"] == metadata


@pytest.mark.parametrize("expires_at", [NOW, NOW + 899, NOW + 900])
def test_renewal_that_gives_no_time_is_none(stored, expires_at):
    assert renew_lease(stored, expires_at=expires_at, now=NOW + 600) is None


def test_renewal_after_the_lapse_gives_time_again(stored):
    renewed = renew_lease(stored, expires_at=NOW + 2700, now=NOW + 1800)

    assert read_lease(renewed).expires_at == NOW + 2700


@given(renewals=st.lists(st.tuples(TIMES, TIMES), max_size=12))
def test_renewals_in_any_order_move_forward_and_never_past_the_hard_end(burst_request, renewals):
    manifest = build_lease(burst_request(expires_at=NOW + 900, hard_end_at=HARD_END), now=NOW)
    manifest["metadata"] |= {"uid": "u", "resourceVersion": "7"}
    for expires_at, now in renewals:
        before = read_lease(manifest).expires_at
        renewed = renew_lease(manifest, expires_at=expires_at, now=now)
        manifest = renewed or manifest
        after = read_lease(manifest).expires_at
        assert before <= after + 1e-5
        assert (renewed is None) == (min(expires_at, HARD_END) <= before)

    wanted = min(HARD_END, max([NOW + 900, *(expires_at for expires_at, _ in renewals)]))
    assert read_lease(manifest).expires_at == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize(
    "damage",
    [
        {"spec": {}},
        {"spec": None},
        {"spec": {"renewTime": "yesterday", "leaseDurationSeconds": 900}},
        {"spec": {"renewTime": "2025-10-09T08:53:20.000000Z"}},
        {"metadata": {"name": "overspill-lease", "namespace": "n", "labels": {}}},
        {"metadata": {"name": "overspill-lease", "namespace": "n"}},
    ],
)
def test_lease_that_somebody_broke_is_no_lapsed_lease(stored, damage):
    with pytest.raises(CloudError) as caught:
        read_lease({**stored, **damage})

    assert caught.value.code == "lease-unreadable"
    assert "overspill-lease" in str(caught.value)
