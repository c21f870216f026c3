import pytest

from overspill_shared import lease, minicluster, names
from overspill_shared.clusters import Cluster, ClusterStatus, NodePool, NodePoolStatus
from overspill_shared.messages import Sweep
from overspill_shared.reporting import Reporter, Subject
from overspill_teardown.apply import Policy, Ports, teardown
from overspill_teardown.renewing import renew
from overspill_teardown.sweeping import sweep

POOLS = ("system", "burst")


class Site:
    """A deployment's clusters, in memory, and its teardown function; each delivery goes to a new instance."""

    def __init__(self, clock, clusters, kubernetes, publisher, faults, burst_request):
        self.clock, self.clusters, self.kubernetes = clock, clusters, kubernetes
        self.publisher, self.faults = publisher, faults
        self.connected = []
        self._burst_request = burst_request
        self._ports = Ports(clusters=clusters, connect=self._connect, clock=clock)
        self._policy = Policy(deployment="prod", budget_s=30, poll_s=5, forgotten_after_s=3600)

    def deliver(self, request):
        """Deliver a teardown request once."""
        reporter = Reporter(Subject.of(request), self.publisher, self.clock)
        teardown(request, reporter, ports=self._ports, policy=self._policy)

    def renew(self, renewal):
        renew(renewal, ports=self._ports, policy=self._policy)

    def sweep(self):
        """Deliver a sweep, and give the requests that it published."""
        before = len(self.publisher.events)
        sweep(Sweep(), ports=self._ports, policy=self._policy, publisher=self.publisher)
        return self.publisher.events[before:]

    def make(self, status="RUNNING", *, about=None, labels=None, age_s=0, **changes):
        """Give a cluster as a provision makes it for `burst_request(**about)`."""
        request = self._burst_request(**(about or {}))
        ours = names.cluster_labels(
            deployment=request.deployment,
            lead=request.lead.id,
            burst=request.burst_id,
            generation=request.generation,
            expires_at=request.hard_end_at,
        )
        content = {
            "name": names.cluster_name(request.burst_id),
            "zone": request.zone,
            "status": ClusterStatus(status),
            "labels": {key: value for key, value in {**ours, **(labels or {})}.items() if value is not None},
            "created_at": self.clock.now() - age_s,
            "pools": tuple(NodePool(name=name, node_count=1, status=NodePoolStatus.RUNNING) for name in POOLS),
            "endpoint": "10.0.0.1",
            "ca_pem": b"CA",
        }
        return Cluster(**{**content, **changes})

    def put(self, status="RUNNING", *, changes_at=float("inf"), **changes):
        """Put such a cluster into its zone; gives its name."""
        cluster = self.make(status, **changes)
        self.clusters.put(cluster, changes_at)
        return cluster.name

    def put_lease(self, left_s, **about):
        """Put a burst's Lease into its cluster, `left_s` before it lapses."""
        request = self._burst_request(**about).model_copy(update={"expires_at": self.clock.now() + left_s})
        manifest = lease.build_lease(request, now=self.clock.now() - 60)
        manifest["metadata"] |= {"uid": "u", "resourceVersion": "7"}
        self.kubernetes.apply(minicluster.build_namespace(request))
        self.kubernetes.objects["Lease", lease.NAME, names.cluster_name(request.burst_id)] = manifest

    def put_service(self, name, *, spec=None, namespace=None, **metadata):
        """Put a Service into the burst's namespace, one with a load balancer unless `spec` says otherwise."""
        namespace = namespace or self.make().name
        self.kubernetes.objects["Service", name, namespace] = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": namespace, **metadata},
            "spec": spec or {"type": "LoadBalancer"},
        }

    @property
    def lease_left_s(self):
        """How long the lease of the burst of `burst_request()` lasts."""
        manifest = self.kubernetes.objects["Lease", lease.NAME, self.make().name]
        return lease.read_lease(manifest).expires_at - self.clock.now()

    def state_of(self, name):
        return self.clusters.known[name].status.value

    @property
    def kinds(self):
        return self.publisher.kinds

    @property
    def receipts(self):
        return [event.receipt for event in self.publisher.events if event.receipt]

    def _connect(self, cluster):
        self.connected.append(cluster.name)
        return self.kubernetes


@pytest.fixture
def site(clock, clusters, kubernetes, publisher, faults, burst_request):
    """Give a deployment without clusters; one that is deleted is gone soon after."""
    clusters.delete_s = 5
    return Site(clock, clusters, kubernetes, publisher, faults, burst_request)
