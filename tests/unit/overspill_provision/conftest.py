from ipaddress import ip_network

import pytest

from overspill_provision.apply import Policy, Ports, provision
from overspill_provision.burst_objects import Installation
from overspill_provision.limits import Limits
from overspill_shared.reporting import Reporter, Subject

CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "miniclusters.flux-framework.org"},
}
OPERATOR_NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "operator"}}
OPERATOR = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "operator", "namespace": "operator"},
    "spec": {"selector": {"matchLabels": {"app": "operator"}}},
}


LIMITS = Limits(
    deployment="prod",
    machine_types=("c2-*",),
    images=("example.org",),
    zones=("us-central1-*",),
    lead_ranges=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")),
    lead_names=("*.example.org",),
    max_nodes_per_burst=64,
    max_bursts=2,
    max_lifetime_s=86_400,
    max_message_age_s=3600,
    stockout_timeout_s=720,
)


DEADMAN_IMAGE = "example.org/python@sha256:" + "0" * 64


@pytest.fixture
def operator():
    return (CRD, OPERATOR_NAMESPACE, OPERATOR)


@pytest.fixture
def installation(operator):
    return Installation(operator=operator, deadman_image=DEADMAN_IMAGE, has_pools=True)


@pytest.fixture
def limits():
    return LIMITS


@pytest.fixture
def changed():
    """Give a function that changes fields of a request, whatever the rest of it says."""

    def change(request, changes):
        update = {
            field: getattr(request, field).model_copy(update=value) if isinstance(value, dict) else value
            for field, value in changes.items()
        }
        return request.model_copy(update=update)

    return change


@pytest.fixture
def policy(keypair, limits):
    return Policy(limits=limits, private_keys=keypair[1], deadman_image=DEADMAN_IMAGE, budget_s=480, poll_s=5)


@pytest.fixture
def ports(clock, clusters, kubernetes, faults, operator):
    def read_manifest():
        faults.reach("manifest")
        return operator

    return Ports(clusters=clusters, connect=lambda _: kubernetes, operator=read_manifest, clock=clock)


@pytest.fixture
def deliver(ports, publisher, policy):
    """Give a function that delivers a request once, each time to a new instance."""

    def deliver(request):
        provision(request, Reporter(Subject.of(request), publisher, ports.clock), ports=ports, policy=policy)

    return deliver
