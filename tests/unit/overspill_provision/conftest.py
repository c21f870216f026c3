import pytest

from overspill_provision.apply import Policy, Ports, provision
from overspill_provision.guardrails import Limits
from overspill_shared.reporting import Reporter, Subject

CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "miniclusters.flux-framework.org"},
}
OPERATOR = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "operator", "namespace": "operator"}}


@pytest.fixture
def operator_manifest():
    return (CRD, OPERATOR)


@pytest.fixture
def policy(keypair):
    return Policy(
        limits=Limits(deployment="prod", max_nodes_per_burst=64), private_keys=keypair[1], budget_s=480, poll_s=5
    )


@pytest.fixture
def ports(clock, clusters, kubernetes, faults, operator_manifest):
    def read_manifest():
        faults.reach("manifest")
        return operator_manifest

    return Ports(clusters=clusters, connect=lambda _: kubernetes, operator_manifest=read_manifest, clock=clock)


@pytest.fixture
def deliver(ports, publisher, policy):
    """Give a function that delivers a request once, each time to a new instance."""

    def deliver(request):
        provision(request, Reporter(Subject.of(request), publisher, ports.clock), ports=ports, policy=policy)

    return deliver
