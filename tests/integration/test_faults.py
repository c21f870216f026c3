"""What becomes of bursts where the cloud fails: one case a kind of fault; the functions' unit tests have the rest."""

import base64

import pytest

from overspill_shared import names


@pytest.fixture(autouse=True)
def nothing_secret_shows(cloud, keys):
    """After each test: no log and no event holds a key, whatever failed in between."""
    yield
    logs = [file.read_text(errors="replace") for file in (cloud.cloud.folder / "log").iterdir()]
    events = [event.model_dump_json() for event in cloud.events()]
    private_key = (cloud.cloud.folder / "private.key").read_text().rpartition(":")[2].strip()
    cert, munge = keys.curve_cert.reveal(), keys.munge_key.reveal()
    secrets = ["canary-secret", munge.decode(), private_key, *(base64.b64encode(key).decode() for key in (cert, munge))]
    assert "provision" in "".join(logs)
    assert events
    assert [secret for secret in secrets for text in (*logs, *events) if secret in text] == []


@pytest.mark.parametrize(
    ("fault", "error_class", "text"),
    [
        ({"name": "stockout"}, "capacity", "GCE_STOCKOUT"),
        ({"name": "stockout", "after_s": 0.5}, "capacity", "GCE_STOCKOUT"),
        ({"name": "pool-stockout"}, "capacity", "GCE_STOCKOUT"),
        ({"name": "quota-refused"}, "quota", "Insufficient regional quota"),
        ({"name": "permission", "calls": "CreateCluster"}, "permission", "container.clusters.create"),
        ({"name": "cluster-error"}, "boot", "internal error"),
        ({"name": "cluster-degraded"}, "boot", "unhealthy"),
    ],
)
def test_burst_whose_cluster_cannot_be_made_fails_by_class_and_leaves_nothing(
    cloud, faults, request_here, fault, error_class, text
):
    request = request_here()
    faults.order(**fault)

    cloud.publish(request)

    error = cloud.event_of(request.burst_id, "failed").error
    assert error.error_class == error_class
    assert text in error.text
    cloud.wait_until(lambda: names.cluster_name(request.burst_id) not in cloud.clusters(), "an end")


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("unavailable", {"for_s": 0.5}),
        ("rate-limit", {"times": 3}),
        ("lost-answer", {"calls": "CreateCluster"}),
        ("token-refused", {"calls": "CreateCluster"}),
        ("kube-token-refused", {}),
        ("slow-create", {"after_s": 0.5}),
        ("kube-unreachable", {"for_s": 0.5}),
        ("kube-lost-answer", {"times": 3}),
        ("webhook-not-ready", {"times": 3}),
    ],
)
def test_burst_is_ready_after_a_fault_that_passes(cloud, faults, request_here, teardown_of, fault, options):
    request = request_here()
    faults.order(fault, **options)

    cloud.publish(request)

    cloud.wait_for_kind(request.burst_id, "ready")
    assert cloud.creates(names.cluster_name(request.burst_id)) == 1
    faults.clear()
    cloud.publish(teardown_of(request))
    cloud.wait_for_kind(request.burst_id, "removed")


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("image-pull", "1 pod ImagePullBackOff: Back-off pulling image"),
        ("slow-pull", "1 pod Pulling: Pulling image"),
        ("unschedulable", "1 pod Unschedulable: 0/5 nodes are available"),
        ("mount-fails", "1 pod FailedMount: MountVolume.SetUp failed"),
        ("crash-loop", "1 pod CrashLoopBackOff: back-off 5m0s"),
    ],
)
def test_burst_whose_pod_does_not_start_says_why_and_is_ready_once_it_does(
    cloud, faults, request_here, teardown_of, fault, text
):
    request = request_here()
    faults.order(fault, after_s=1)

    cloud.publish(request)

    cloud.wait_for_kind(request.burst_id, "ready")
    told = [event.detail.get("trouble", "") for event in cloud.events() if event.burst_id == request.burst_id]
    assert any(text in trouble for trouble in told), told
    cloud.publish(teardown_of(request))
    cloud.wait_for_kind(request.burst_id, "removed")


def test_burst_whose_pod_never_starts_is_removed_all_the_same(cloud, faults, request_here, teardown_of):
    request = request_here()
    faults.order("image-pull")
    cloud.publish(request)
    cloud.wait_for_kind(request.burst_id, "minicluster-created", times=2)

    cloud.publish(teardown_of(request))

    cloud.wait_for_kind(request.burst_id, "removed")
    assert names.cluster_name(request.burst_id) not in cloud.clusters()


@pytest.mark.parametrize("fault", ["busy", "delete-fails", "unavailable"])
def test_burst_is_removed_after_a_fault_that_passes(cloud, faults, request_here, teardown_of, fault):
    request = request_here()
    cloud.publish(request)
    cloud.wait_for_kind(request.burst_id, "ready")
    faults.order(fault)

    cloud.publish(teardown_of(request))

    cloud.wait_for_kind(request.burst_id, "removed")
    assert names.cluster_name(request.burst_id) not in cloud.clusters()
