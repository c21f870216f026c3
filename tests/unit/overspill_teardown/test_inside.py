import pytest

from overspill_shared.errors import NotFound, PermissionDenied, Unavailable
from overspill_teardown.inside import BurstCluster
from overspill_teardown.plan import LoadBalancer


@pytest.fixture
def connections():
    return []


@pytest.fixture
def enter(site, connections):
    """Give a function that gives a burst's cluster from inside; how often it was connected to is counted."""

    def connect(cluster):
        connections.append(cluster.name)
        return site.kubernetes

    return lambda *arguments, **changes: BurstCluster(site.make(*arguments, **changes), connect)


def test_inside_is_connected_to_once_when_it_is_needed(site, enter, connections):
    inside = enter()
    assert connections == []
    site.put_lease(600)

    assert inside.right().lease.expires_at == site.clock.now() + 600
    assert inside.load_balancers() == ()
    assert connections == [site.make().name]
    inside.close()
    inside.close()
    assert site.kubernetes.closed == 1


def test_inside_without_lease_tells_whether_there_is_a_minicluster(site, enter):
    inside = enter()
    assert (inside.right().lease, inside.right().has_minicluster) == (None, False)

    site.kubernetes.objects["MiniCluster", "burst-0", site.make().name] = {"metadata": {}}

    assert inside.right().has_minicluster


@pytest.mark.parametrize("changes", [{"status": "PROVISIONING"}, {"status": "ERROR"}, {"endpoint": ""}], ids=str)
def test_inside_of_a_cluster_that_cannot_be_entered_shows_nothing(site, enter, connections, changes):
    site.put_lease(600)
    site.faults.calls.clear()
    inside = enter(**changes)

    assert inside.right() is None
    assert inside.load_balancers() == ()
    inside.delete_service("web")
    assert connections == site.faults.calls == []


def test_inside_that_does_not_answer_is_not_asked_again(site, enter):
    site.faults.order("read Lease", Unavailable("no route."))
    site.faults.calls.clear()
    inside = enter()

    assert inside.right() is None
    assert inside.load_balancers() == ()
    assert site.faults.calls == ["read Lease"]


@pytest.mark.parametrize("error", [PermissionDenied("no right."), NotFound("no such kind.")])
def test_inside_that_refuses_one_question_is_asked_the_next(site, enter, error):
    site.faults.order("read Lease", error)
    site.put_service("web")
    inside = enter()

    assert inside.right() is None
    assert [item.service for item in inside.load_balancers()] == ["web"]


def test_inside_load_balancers_are_the_burst_namespaces_alone(site, enter):
    site.put_service("web", deletionTimestamp="2025-10-09T08:53:20Z")
    site.put_service("db")
    site.put_service("plain", spec={"clusterIP": "None"})
    site.put_service("router", namespace="ingress")

    assert enter().load_balancers() == (
        LoadBalancer(service="web", deleted_at=1_760_000_000.0),
        LoadBalancer(service="db", deleted_at=None),
    )


def test_inside_renewal_is_never_best_effort(site, enter):
    site.put_lease(600)
    site.faults.order("read Lease", Unavailable("no route."))

    with pytest.raises(Unavailable):
        enter().renew(expires_at=site.clock.now() + 1800, now=site.clock.now())
