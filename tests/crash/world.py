"""A deployment on fakes: Pub/Sub that delivers at least once, both functions, a cloud, and an agent's few reflexes.

Each delivery goes to a new instance of its function. Whatever is not acked comes again, later.
"""

import base64
from ipaddress import ip_network

from tests.fakes import FakeClock, FakeClusters, FakeKubernetes, Faults, Interrupted, RecordingPublisher
from tests.fakes.operator_manifest import OPERATOR_MANIFEST

from overspill_provision.apply import Policy as ProvisionPolicy
from overspill_provision.apply import Ports as ProvisionPorts
from overspill_provision.apply import provision
from overspill_provision.limits import Limits
from overspill_provision.operator_install import prepare_operator
from overspill_shared import names
from overspill_shared.clusters import USABLE
from overspill_shared.delivery import Inbox
from overspill_shared.errors import CloudError, NotYet, Unavailable
from overspill_shared.messages import BurstEvent, BurstRequest, EventKind, TeardownRequest
from overspill_shared.wire_format import encode
from overspill_teardown.apply import Policy as TeardownPolicy
from overspill_teardown.apply import Ports as TeardownPorts
from overspill_teardown.apply import teardown

MOST_DELIVERIES = 200
OPERATOR = prepare_operator(OPERATOR_MANIFEST, image=None)
DEADMAN_IMAGE = "example.org/python@sha256:" + "0" * 64
LIMITS = Limits(
    deployment="prod",
    machine_types=("c2-*",),
    images=("example.org",),
    zones=("us-central1-*",),
    lead_ranges=(ip_network("10.0.0.0/8"),),
    lead_names=("*.example.org",),
    max_nodes_per_burst=64,
    max_bursts=2,
    max_lifetime_s=86_400,
    max_message_age_s=3600,
    stockout_timeout_s=720,
)


class World:
    """Everything that is there but the accident."""

    limits = LIMITS

    def __init__(self, private_keys, tripwire):
        self.tripwire = tripwire
        self.faults = Faults()
        self.clock = FakeClock()
        self.clusters = FakeClusters(self.clock, self.faults)
        self.kubernetes = {}
        self.publisher = RecordingPublisher(self.faults)
        self.queue = []
        self.wants_it_gone = False
        self._private_keys = private_keys
        self._clock = tripwire.proxy(self.clock, "clock", only={"sleep"})

    # -- what the test sees

    @property
    def events(self):
        return self.publisher.events

    def kinds(self):
        return [event.kind for event in self.events]

    def pods(self, request):
        name = names.cluster_name(request.burst_id)
        there = self.kubernetes.get(name)
        return there.list_pods(name, f"job-name={request.slot.name}") if there else ()

    def everything_written(self):
        """Give all that left the functions but what went into a Secret: no key may be in it."""
        objects = [
            manifest
            for kubernetes in self.kubernetes.values()
            for (kind, *_), manifest in kubernetes.objects.items()
            if kind != "Secret"
        ]
        return f"{self.events}{self.publisher.dead_letters}{objects}{self.clusters.created}"

    # -- Pub/Sub and the agent

    def run(self, messages):
        """Deliver messages until each is acked; what an agent says meanwhile comes after them."""
        self.queue = list(messages)
        for _ in range(MOST_DELIVERIES):
            if not self.queue:
                return
            message = self.queue.pop(0)
            before = len(self.events)
            if not self._deliver(message):
                self.queue.append(message)
                self.clock.sleep(10)
            for event in self.events[before:]:
                self._react(event, messages[0])
        raise AssertionError(f"it never ends: {self.kinds()}")

    def race(self, message, other, at_call):
        """Deliver a message, and another one wholly just before the first delivery's nth call; tell if it came so far.

        What is not acked comes again, as in `run`.
        """
        left = [message]
        self.faults.meanwhile = {at_call: lambda: self._deliver(other) or left.append(other)}
        if self._deliver(message):
            left.remove(message)
        if self.faults.meanwhile:
            return False
        self.run(left)
        return True

    def _react(self, event, request):
        """Do what an agent does: a failure is torn down, and what shows work on a burst that should be gone, again."""
        quiet = {EventKind.REMOVED, EventKind.REMOVING, EventKind.REJECTED}
        is_owed = self.wants_it_gone and event.kind not in quiet
        if event.kind is EventKind.FAILED or is_owed:
            self.wants_it_gone = True
            self.queue.append(teardown_of(event, request.zone, self.clock.now()))

    def _deliver(self, message):
        """Deliver a message to a new instance of its function; tell whether it was acked."""
        body, attributes = encode(message)
        push = {"message": {"data": base64.b64encode(body).decode(), "attributes": attributes, "messageId": "1"}}
        publisher = self.tripwire.proxy(self.publisher, "publisher")
        inbox = Inbox(deployment="prod", publisher=publisher, clock=self._clock)
        try:
            if isinstance(message, TeardownRequest):
                self.wants_it_gone = True
                inbox.deliver(TeardownRequest, push, self._teardown)
            else:
                inbox.deliver(BurstRequest, push, self._provision)
        except (NotYet, CloudError, Interrupted):
            return False
        return True

    def _provision(self, request, reporter):
        ports = ProvisionPorts(
            clusters=self.tripwire.proxy(self.clusters, "clusters"),
            connect=self._connect,
            operator=lambda: self.tripwire.call("operator", self._read_operator),
            clock=self._clock,
        )
        policy = ProvisionPolicy(
            limits=self.limits, private_keys=self._private_keys, deadman_image=DEADMAN_IMAGE, budget_s=120, poll_s=30
        )
        provision(request, reporter, ports=ports, policy=policy)

    def _teardown(self, request, reporter):
        clusters = self.tripwire.proxy(self.clusters, "clusters")
        ports = TeardownPorts(clusters=clusters, connect=self._connect, clock=self._clock)
        policy = TeardownPolicy(deployment="prod", budget_s=30, poll_s=20, forgotten_after_s=3600)
        teardown(request, reporter, ports=ports, policy=policy)

    def _read_operator(self):
        self.faults.reach("manifest")
        return OPERATOR

    def _connect(self, cluster):
        return self.tripwire.call("connect", self._open, cluster)

    def _open(self, cluster):
        self.faults.reach("connect")
        if self.clusters.known[cluster.name].status not in USABLE:
            raise Unavailable("the cluster's API server cannot be reached.")
        there = self.kubernetes.setdefault(cluster.name, FakeKubernetes(self.clock, self.faults))
        return self.tripwire.proxy(there, "kubernetes")


def teardown_of(message, zone, now):
    """Give the request that ends a burst, as its agent asks for it."""
    return TeardownRequest(
        burst_id=message.burst_id,
        generation=message.generation,
        deployment=message.deployment,
        lead=message.lead if isinstance(message, BurstEvent) else message.lead.id,
        zone=zone,
        reason="failed" if isinstance(message, BurstEvent) else "idle-timeout",
        requested_at=now,
    )
