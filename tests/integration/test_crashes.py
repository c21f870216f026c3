"""A sample of tests/crash before the embedded cloud: the same accidents, with the real adapters.

Some bursts are told side by side, in each round under another fault: it hits whichever of them comes first.
"""

import contextlib
import dataclasses
import functools
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.crash.stories import ORDERS
from tests.crash.tripwire import Accident, Tripwire
from tests.crash.world import LIMITS, World, teardown_of

from overspill_local.cloud import PROJECT
from overspill_local.manifests import flux_operator_path
from overspill_provision.operator_install import prepare_operator
from overspill_shared import names
from overspill_shared.adapters.gcp_clients import cluster_manager_client
from overspill_shared.adapters.gke import GkeClusters
from overspill_shared.adapters.kubernetes_api import KubernetesApiClient
from overspill_shared.adapters.operator_manifest import load_operator_manifest
from overspill_shared.messages import NAME_BEING_DELETED, EventKind, TeardownReason

SIDE_BY_SIDE = 5
SWEEPS = 5
IMAGE = "ghcr.io/flux-framework/flux-operator@sha256:" + "a" * 64
SKIPPED_S = {TeardownReason.LEASE_LAPSED: 1000, TeardownReason.MAX_LIFETIME: 4000, TeardownReason.SWEEP: 4000}
"""How far time has gone on when a teardown is asked for: its reason must be true."""


@dataclasses.dataclass(frozen=True)
class Fault:
    """What the embedded cloud is ordered to do wrong in a round."""

    name: str
    options: dict = dataclasses.field(default_factory=dict)
    ends: str | None = None
    """The class of the failure in which the burst that is hit ends; None: it passes."""


FAULTS = (
    Fault("none"),
    Fault("unavailable", {"times": 10}),
    Fault("rate-limit", {"times": 10}),
    Fault("token-refused", {"times": 3}),
    Fault("busy", {"times": 2}),
    Fault("lost-answer", {"times": 4}),
    Fault("slow-create", {"after_s": 0.5}),
    Fault("delete-fails"),
    Fault("kube-unreachable", {"times": 5}),
    Fault("kube-lost-answer", {"times": 5}),
    Fault("kube-unavailable", {"times": 5}),
    Fault("kube-token-refused", {"times": 3}),
    Fault("webhook-not-ready", {"times": 3}),
    Fault("stockout", ends="capacity"),
    Fault("stockout", {"after_s": 0.3}, ends="capacity"),
    Fault("pool-stockout", ends="capacity"),
    Fault("quota", ends="quota"),
    Fault("permission", {"calls": "CreateCluster"}, ends="permission"),
    Fault("cluster-error", ends="boot"),
    Fault("cluster-degraded", ends="boot"),
)
SAMPLES = SIDE_BY_SIDE * len(FAULTS)


@functools.cache
def read_operator():
    return prepare_operator(load_operator_manifest(str(flux_operator_path()), None), image=IMAGE)


class QuickClock:
    """Real time, in which waiting is hundreds of times shorter, and which can be skipped."""

    skipped_s = 0

    def now(self):
        return time.time() + self.skipped_s

    def sleep(self, seconds):
        time.sleep(seconds / 600)


class EmbeddedWorld(World):
    """A world whose clusters are the embedded cloud's."""

    limits = dataclasses.replace(LIMITS, max_bursts=2 * SIDE_BY_SIDE)

    def __init__(self, private_keys, tripwire, cloud, clusters):
        super().__init__(private_keys, tripwire)
        self.clock, self.clusters = QuickClock(), clusters
        self._clock = tripwire.proxy(self.clock, "clock", only={"sleep"})
        self._cloud = cloud.cloud
        self._opened = []

    def _read_operator(self):
        return read_operator()

    def _open(self, cluster):
        authority, token = self._cloud._backend.authority_pem, self._cloud._metadata.token
        there = KubernetesApiClient(cluster.endpoint, authority, lambda: token, retry_for_s=0)
        self._opened.append(there)
        return self.tripwire.proxy(there, "kubernetes")

    def close(self):
        """Let go of what a killed instance held open: it was no process of its own."""
        for there in self._opened:
            there.close()


@dataclasses.dataclass(frozen=True)
class Scenario:
    """What is told of one burst."""

    number: int
    tripwire: Tripwire
    fault: Fault = FAULTS[0]
    order: str = "in order"
    reason: TeardownReason = TeardownReason.IDLE_TIMEOUT


@pytest.fixture
def tell(cloud, burst_request, keypair):
    """Give a function that tells of one burst, from request to removal, and checks its ends."""
    client = cluster_manager_client({"GKE_EMULATOR_HOST": cloud.cloud.endpoints["gke"]})
    clusters = GkeClusters(client, PROJECT)

    def tell(scenario):
        generation = 7_000_000 + scenario.number
        request = burst_request(**cloud.now_and_here(deployment="prod", lead={}, generation=generation))
        name = names.cluster_name(request.burst_id)
        with contextlib.closing(EmbeddedWorld(keypair[1], scenario.tripwire, cloud, clusters)) as world:
            try:
                run(world, scenario, request, lambda: clusters.get(request.zone, name))
                assert clusters.get(request.zone, name) is None
                assert cloud.creates(name) <= 1
            except AssertionError as error:
                error.add_note(f"{scenario}: {[kind.value for kind in world.kinds()]}")
                raise

    yield tell
    client.transport.close()


def run(world, scenario, request, look):
    """Tell a scenario to a world; `look` gives the burst's cluster."""
    ended = teardown_of(request, request.zone, time.time()).model_copy(update={"reason": scenario.reason})
    order = ORDERS[scenario.order]
    if scenario.order == "backwards":
        world.run(order([request, ended]))
    else:
        world.run(order([request]))
        if EventKind.FAILED not in world.kinds():
            assert world.kinds()[-1] is EventKind.READY
            assert look().status == "RUNNING"
        world.clock.skipped_s = SKIPPED_S.get(scenario.reason, 0)
        world.run(order([ended]))
        for _ in range(SWEEPS):  # one that cannot look into a cluster ends nothing; the next one does
            if look() is not None:
                world.run([ended])
    assert world.kinds()[-1] is EventKind.REMOVED
    assert world.events[-1].receipt.clusters_left == ()
    if failures := [event.error for event in world.events if event.kind is EventKind.FAILED]:
        first, *more = failures
        assert scenario.order == "backwards" or first.error_class == scenario.fault.ends
        assert {error.code for error in more} <= {first.code, NAME_BEING_DELETED}
    assert "canary" not in f"{world.events}"


def test_functions_stopped_at_sampled_calls_leave_one_right_cluster_and_then_none(cloud, tell, faults, say):
    recorded = Tripwire()
    tell(Scenario(0, recorded))
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for turn, fault in enumerate(FAULTS):
            ordered = fault.name != "none" and faults.order(fault.name, **fault.options)
            # Points of all of a burst's life in each round.
            list(pool.map(tell, (scenario(number, recorded, fault) for number in range(turn, SAMPLES, len(FAULTS)))))
            assert ordered not in cloud.cloud.faults.list(), "the fault hit nothing"
            faults.clear()

    say(f"{SAMPLES} crash scenarios before the embedded cloud, under {len(FAULTS) - 1} faults")


def scenario(number, recorded, fault):
    """Give one of SAMPLES scenarios: another call, and by and by each accident, order and reason."""
    at = len(recorded.calls) * number // SAMPLES
    reasons, orders, accidents = list(TeardownReason), list(ORDERS), list(Accident)
    return Scenario(
        number + 1,
        Tripwire(at, accidents[number % len(accidents)]),
        fault,
        order=orders[number // 2 % len(orders)],
        reason=reasons[number // 6 % len(reasons)],
    )
