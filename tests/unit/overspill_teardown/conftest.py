import pytest

from overspill_shared.reporting import Reporter, Subject
from overspill_teardown.apply import Policy, Ports, teardown


@pytest.fixture
def policy():
    return Policy(deployment="prod", budget_s=30, poll_s=5)


@pytest.fixture
def clusters(clusters):
    """Give clusters that are gone soon after they are deleted."""
    clusters.delete_s = 5
    return clusters


@pytest.fixture
def deliver(clock, clusters, publisher, policy):
    """Give a function that delivers a request once, each time to a new instance."""

    def deliver(request):
        reporter = Reporter(Subject.of(request), publisher, clock)
        teardown(request, reporter, ports=Ports(clusters=clusters, clock=clock), policy=policy)

    return deliver
