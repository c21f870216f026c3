"""Leases, sweeps and teardowns with the real functions: what is not wanted goes, and nothing else does."""

import time
from types import SimpleNamespace

import pytest
from google.cloud import container_v1
from tests.integration.conftest import Lead

from overspill_local.cloud import PROJECT
from overspill_shared import lease, names
from overspill_shared.adapters.cluster_access import open_access
from overspill_shared.adapters.gcp_clients import cluster_manager_client
from overspill_shared.adapters.system_clock import SystemClock
from overspill_shared.function_settings import load_for_function
from overspill_shared.messages import LeaseRenewal, Sweep, TeardownReason, TeardownRequest
from overspill_shared.wire_format import encode
from overspill_teardown.apply import Policy, Ports
from overspill_teardown.settings import TeardownSettings
from overspill_teardown.sweeping import sweep

SWEEP_EVERY_S = 0.3
ZONE = "us-central1-a"


@pytest.fixture(scope="module")
def cloud(start_cloud):
    """Give a cloud that sweeps often; its functions are of the deployment `staging`."""
    with start_cloud(deployment="staging", sweep_every_s=SWEEP_EVERY_S) as running:
        running.make_tap()
        yield running


@pytest.fixture
def gke(cloud):
    client = cluster_manager_client(cloud.cloud.environ())
    yield client
    client.transport.close()


@pytest.fixture
def enter(cloud, monkeypatch):
    """Give a function that opens the Kubernetes API of a burst's cluster."""
    be_a_client_of(cloud, monkeypatch)
    access = open_access(function_settings(), cloud.cloud.environ(), SystemClock())
    return lambda request: access.connect(access.clusters.get(request.zone, names.cluster_name(request.burst_id)))


def be_a_client_of(cloud, monkeypatch):
    for key, value in cloud.cloud.environ().items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("SSL_CERT_FILE", str(cloud.cloud.folder / "authorities.pem"))


def function_settings():
    return load_for_function(TeardownSettings, {"OVERSPILL_PROJECT": PROJECT})


def renewal_of(request, *, for_s):
    return LeaseRenewal(
        burst_id=request.burst_id,
        generation=request.generation,
        deployment=request.deployment,
        lead=request.lead.id,
        zone=request.zone,
        expires_at=time.time() + for_s,
    )


def let_lapse(request, enter):
    """Have a burst's lease lapse now: its Lease, as it is a while after its last renewal."""
    api, now = enter(request), time.time()
    api.apply(lease.build_lease(request.model_copy(update={"expires_at": now - 1}), now=now - 61))
    api.close()


def logged(cloud, message, **facts):
    """Give the lines of the teardown function with this message and these facts."""
    events = tuple(cloud.cloud.timeline.events)
    about = {"message": message, "source": "function-teardown", **facts}
    return [event.facts for event in events if event.name == "log" and event.has(about)]


def wait_for_sweeps(cloud, count):
    """Wait until so many sweeps that begin from now on are over."""
    target = len(logged(cloud, "sweep.done")) + count + 1
    cloud.wait_until(lambda: len(logged(cloud, "sweep.done")) >= target, f"{count} sweeps")


def test_lapsed_burst_is_swept_and_a_renewed_one_is_kept(cloud, request_here, teardown_of, enter):
    lapsing, renewed = (request_here(deployment="staging", expires_at=time.time() + 60) for _ in range(2))
    for request in (lapsing, renewed):
        cloud.publish(request)
    for request in (lapsing, renewed):
        cloud.wait_for_kind(request.burst_id, "minicluster-created")
    let_lapse(lapsing, enter)
    cloud.publish(renewal_of(renewed, for_s=900))
    cloud.wait_until(lambda: logged(cloud, "lease.renewed", burst_id=renewed.burst_id), "a renewal")

    removed = cloud.event_of(lapsing.burst_id, "removed")

    assert removed.receipt.is_clean
    assert removed.receipt.clusters_deleted == (names.cluster_name(lapsing.burst_id),)
    assert removed.detail["reason"] == "lease-lapsed"
    wait_for_sweeps(cloud, 1)
    assert names.cluster_name(renewed.burst_id) in cloud.clusters()
    assert "lasts for another 8" in logged(cloud, "sweep.kept", burst_id=renewed.burst_id)[-1]["reason"]
    cloud.publish(renewal_of(renewed, for_s=10))
    cloud.publish(renewal_of(renewed, for_s=1e6))
    cloud.wait_until(lambda: len(logged(cloud, "lease.renewed", burst_id=renewed.burst_id)) == 3, "two renewals")
    ends = [line["expires_in_s"] for line in logged(cloud, "lease.renewed", burst_id=renewed.burst_id)]
    assert max(ends) <= 3600, "never past its hard end"
    assert min(ends) > 800, "and never back"
    cloud.publish(teardown_of(renewed))
    cloud.wait_for_kind(renewed.burst_id, "removed")


def test_teardown_that_a_sweep_asked_for_is_cancelled_by_a_renewed_lease(cloud, request_here, teardown_of):
    request = request_here(deployment="staging")
    cloud.publish(request)
    cloud.wait_for_kind(request.burst_id, "ready")

    cloud.publish(teardown_of(request).model_copy(update={"reason": TeardownReason.LEASE_LAPSED}))

    step = {"step": "Cancel", "burst_id": request.burst_id}
    cloud.wait_until(lambda: logged(cloud, "teardown.step", **step), "a cancelled teardown")
    assert names.cluster_name(request.burst_id) in cloud.clusters()
    assert "removing" not in cloud.kinds(request.burst_id)
    cloud.publish(teardown_of(request))
    cloud.wait_for_kind(request.burst_id, "removed")


def test_teardown_has_load_balancers_removed_before_the_cluster(cloud, request_here, teardown_of, enter):
    request = request_here(deployment="staging")
    cloud.publish(request)
    cloud.wait_for_kind(request.burst_id, "ready")
    namespace = names.cluster_name(request.burst_id)
    api = enter(request)
    for name, kind in (("web", "LoadBalancer"), ("plain", "ClusterIP")):
        metadata = {"name": name, "namespace": namespace}
        spec = {"type": kind, "ports": [{"port": 80}]}
        api.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
    api.close()

    cloud.publish(teardown_of(request))

    cloud.wait_for_kind(request.burst_id, "removed")
    steps = [line["step"] for line in logged(cloud, "teardown.step", burst_id=request.burst_id)]
    assert steps[:2] == ["RemoveServices", "Delete"]
    assert "1 Services" in logged(cloud, "teardown.step", burst_id=request.burst_id)[0]["reason"]


def test_staging_touches_nothing_that_is_not_its_own(cloud, gke):
    burst = "0123456789abcdef" * 2
    foreign = foreign_clusters()
    own = ours("a" * 32, deployment="staging")
    for name, labels in (*foreign, (names.cluster_name("a" * 32), own)):
        create(gke, name, labels)

    removed = cloud.event_of("a" * 32, "removed")
    wait_for_sweeps(cloud, 3)

    assert removed.detail["reason"] == "sweep"
    teardown = TeardownRequest(
        burst_id=burst,
        generation=1,
        deployment="staging",
        lead="lead",
        zone=ZONE,
        reason=TeardownReason.OPERATOR,
        requested_at=time.time(),
    )
    for request in (teardown, teardown.model_copy(update={"deployment": "production"})):
        cloud.publish(request)
        cloud.publish(request.model_copy(update={"reason": TeardownReason.SWEEP}))
    cloud.wait_for_kind(burst, "rejected", times=4)
    parent = f"projects/{PROJECT}/locations/-"
    found = {cluster.name: cluster for cluster in gke.list_clusters(parent=parent).clusters}
    assert {name for name, _ in foreign} <= set(found)
    assert {found[name].status.name for name, _ in foreign} == {"RUNNING"}
    assert names.cluster_name("a" * 32) not in found
    stopped = [e.facts["cluster"] for e in tuple(cloud.cloud.timeline.events) if e.name == "cluster.stopping"]
    assert not set(stopped) & {name for name, _ in foreign}


def test_two_deployments_in_one_project_sweep_each_its_own(cloud, gke, monkeypatch):
    be_a_client_of(cloud, monkeypatch)
    past, forgotten = names.cluster_name("1" * 32), names.cluster_name("2" * 32)
    create(gke, past, ours("1" * 32, deployment="genomics"))
    create(gke, forgotten, ours("2" * 32, deployment="genomics", expires_at=2e9))
    create(gke, names.cluster_name("3" * 32), ours("3" * 32, deployment="research"))
    wait_until_running(cloud, gke)

    assert swept_by(cloud, "genomics", forgotten_after_s=3600) == {past: "sweep"}
    assert swept_by(cloud, "genomics", forgotten_after_s=0.1) == {past: "sweep", forgotten: "sweep"}
    assert swept_by(cloud, "nobody", forgotten_after_s=0.1) == {}


def test_wrong_kinds_are_dead_lettered_by_the_topic_that_they_came_by(cloud, request_here, teardown_of):
    request = request_here(deployment="staging")
    for message, topic in (
        (request, names.TOPIC_SWEEPS),
        (teardown_of(request), names.TOPIC_LEASES),
        (renewal_of(request, for_s=60), names.TOPIC_TEARDOWNS),
    ):
        cloud.publish_raw(topic, *encode(message))
        cloud.wait_until(lambda topic=topic: cloud.dead_letters(topic), f"a dead letter of {topic}")
        assert "TeardownRequest to overspill-teardowns" in cloud.dead_letters(topic)[0].attributes["dead_letter_reason"]


def test_agent_that_is_killed_costs_no_more_than_a_lease(start_cloud):
    times = {"LEASE_S": "15", "JOIN_TIMEOUT_S": "15", "IDLE_TIMEOUT_S": "600"}
    with start_cloud(sweep_every_s=SWEEP_EVERY_S) as cloud:
        lead = Lead(cloud, "stand-in", **{f"OVERSPILL_{name}": value for name, value in times.items()})
        lead.start_agent()
        lead.submit()
        lead.wait_for_state("ACTIVE")
        cloud.wait_until(lambda: logged(cloud, "lease.renewed"), "a renewal")
        (burst,) = lead.bursts()
        assert burst["lease_expires_at"] > burst["history"][0]["at"] + 15
        lead.kill_agent()

        cloud.wait_for_kind(burst["burst_id"], "removed")

        assert cloud.clusters() == ()
        lead.start_agent()
        lead.wait_for_state("GONE")
        assert lead.bursts()[0]["error"]["code"] == "removed-early"


def swept_by(cloud, deployment, *, forgotten_after_s):
    """Give what a sweep of another deployment asks to be removed, by cluster, with the reason; only we hear of it."""
    clock, requests = SystemClock(), []
    access = open_access(function_settings(), cloud.cloud.environ(), clock)
    sweep(
        Sweep(),
        ports=Ports(clusters=access.clusters, connect=access.connect, clock=clock),
        policy=Policy(deployment=deployment, budget_s=30, poll_s=1, forgotten_after_s=forgotten_after_s),
        publisher=SimpleNamespace(publish=requests.append),
    )
    assert all(request.deployment == deployment for request in requests)
    return {names.cluster_name(request.burst_id): request.reason.value for request in requests}


def wait_until_running(cloud, gke):
    def states():
        return {item.status.name for item in gke.list_clusters(parent=f"projects/{PROJECT}/locations/-").clusters}

    cloud.wait_until(lambda: states() == {"RUNNING"}, "clusters that run")


def ours(burst, **changes):
    """Give the labels of a burst whose hard end is long past."""
    content = {"deployment": "staging", "lead": "lead", "burst": burst, "generation": 1, "expires_at": 1e9, **changes}
    return names.cluster_labels(**content)


def foreign_clusters():
    """Give (name, labels) of clusters that `staging` must leave alone, however much they look like its own."""
    burst = "0123456789abcdef" * 2
    name = names.cluster_name(burst)
    mine = ours(burst)
    other = {**ours("f" * 32), "burst-id": "e" * 32}
    return [
        (name, ours(burst, deployment="production")),
        ("overspill-b0b0b0b0b0b0", {key: value for key, value in mine.items() if key != "overspill"}),
        (names.cluster_name("c" * 32), {**ours("c" * 32), "overspill": "yes"}),
        (names.cluster_name("d" * 32), {**ours("d" * 32), "deployment": "staging-2"}),
        (names.cluster_name("f" * 32), other),
        (f"{name}-copy", mine),
        ("overspill", mine),
        ("training", ours("b" * 32)),
        ("overspill-0000000000ab", {}),
    ]


def create(gke, name, labels):
    pool = container_v1.NodePool(name="burst", initial_node_count=1)
    cluster = container_v1.Cluster(name=name, resource_labels=labels, node_pools=[pool])
    gke.create_cluster(parent=f"projects/{PROJECT}/locations/{ZONE}", cluster=cluster)
