"""A burst's whole life in an existing cluster, by both functions' own code, with the instance killed at every call."""

import copy
import itertools

import pytest

from overspill_provision.apply import Policy as ProvisionPolicy
from overspill_provision.apply import Ports as ProvisionPorts
from overspill_provision.apply import provision
from overspill_provision.limits import Limits
from overspill_shared import names
from overspill_shared.adapters.existing_clusters import RECORDS_NAMESPACE, ExistingClusters
from overspill_shared.errors import NotYet
from overspill_shared.reporting import Reporter, Subject
from overspill_teardown.apply import Policy as TeardownPolicy
from overspill_teardown.apply import Ports as TeardownPorts
from overspill_teardown.apply import teardown

CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "miniclusters.flux-framework.org"},
}
THEIRS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": "default"}, "data": {}}
VOLUME = {"name": "home", "mount_path": "/home", "nfs": {"server": "10.0.0.2", "path": "/vol1"}}


@pytest.fixture
def functions(clock, kubernetes, publisher, faults, keypair):
    """Give what delivers a request to provision, and one to teardown, until each acks; instances may be killed."""
    clusters = ExistingClusters(kubernetes, "kubernetes.example:6443", clock)
    limits = Limits(
        deployment="prod",
        machine_types=("*",),
        images=("example.org",),
        zones=("*",),
        lead_ranges=(),
        lead_names=("*",),
        max_nodes_per_burst=64,
        max_bursts=9,
        max_lifetime_s=86_400,
        max_message_age_s=3600,
        stockout_timeout_s=720,
    )
    policy = ProvisionPolicy(
        limits=limits, private_keys=keypair[1], deadman_image="example.org/python@sha256:0", budget_s=60, poll_s=5
    )
    ports = ProvisionPorts(clusters=clusters, connect=lambda _: kubernetes, operator=tuple, clock=clock)
    ending = TeardownPorts(clusters=clusters, connect=lambda _: kubernetes, clock=clock)
    end_policy = TeardownPolicy(deployment="prod", budget_s=30, poll_s=5, forgotten_after_s=3600)

    def begin(request, reporter):
        provision(request, reporter, ports=ports, policy=policy)

    def end(request, reporter):
        teardown(request, reporter, ports=ending, policy=end_policy)

    return begin, end, clusters


@pytest.fixture
def deliver(publisher, clock, faults, interrupted):
    """Give a function that delivers a message until it is acked; tells whether an instance was killed."""

    def deliver(handle, request):
        was_killed = False
        for _ in range(20):
            try:
                handle(request, Reporter(Subject.of(request), publisher, clock))
            except NotYet:
                clock.sleep(10)
            except interrupted:
                was_killed, faults.kill_at = True, None
            else:
                return was_killed
        raise AssertionError(f"never acked: {publisher.kinds}")

    return deliver


def of_others(kubernetes, name):
    """Give every object that is neither the burst's nor a record."""
    return {
        key: value
        for key, value in kubernetes.objects.items()
        if name not in key and RECORDS_NAMESPACE not in key and not key[1].startswith(name)
    }


def test_burst_killed_at_every_call_becomes_ready_and_goes_without_a_trace(
    functions, deliver, kubernetes, clock, faults, publisher, burst_request, teardown_request
):
    begin, end, clusters = functions
    kubernetes.apply(CRD)
    kubernetes.apply(THEIRS)
    killed = 0
    for point in itertools.count():
        request = burst_request(template={"volumes": [VOLUME]}, generation=1_760_000_000 + point)
        removal = teardown_request(burst_id=request.burst_id, generation=request.generation, reason="operator")
        name = names.cluster_name(request.burst_id)
        before, events = copy.deepcopy(of_others(kubernetes, name)), len(publisher.events)
        clock.time = request.requested_at
        faults.calls.clear()
        faults.kill_at = point

        was_killed = deliver(begin, request)
        assert ("Namespace", name, None) in kubernetes.objects
        was_killed = deliver(end, removal) or was_killed

        faults.kill_at = None
        kinds = [event.kind.value for event in publisher.events[events:]]
        assert "failed" not in kinds
        assert kinds.index("ready") < kinds.index("removed")
        assert clusters.get(request.zone, name) is None
        assert not [key for key in kubernetes.objects if key[0] in ("Namespace", "PersistentVolume") and name in key[1]]
        assert of_others(kubernetes, name) == before
        deliver(begin, request)
        assert clusters.get(request.zone, name) is None, "a late duplicate makes nothing anew"
        killed += was_killed
        if not was_killed:
            break
    assert killed > 30
