"""A sample of tests/crash before the embedded cloud: the same accidents, with the real adapters."""

import contextlib
import functools
import time

import pytest
from tests.crash.tripwire import Accident, Tripwire
from tests.crash.world import World, teardown_of

from overspill_local.cloud import PROJECT
from overspill_local.manifests import flux_operator_path
from overspill_provision.operator_install import prepare_operator
from overspill_shared import names
from overspill_shared.adapters.gcp_clients import cluster_manager_client
from overspill_shared.adapters.gke import GkeClusters
from overspill_shared.adapters.kubernetes_api import KubernetesApiClient
from overspill_shared.adapters.operator_manifest import load_operator_manifest
from overspill_shared.messages import EventKind

SAMPLES = 32
IMAGE = "ghcr.io/flux-framework/flux-operator@sha256:" + "a" * 64


@functools.cache
def read_operator():
    return prepare_operator(load_operator_manifest(str(flux_operator_path()), None), image=IMAGE)


class QuickClock:
    """Real time, in which waiting is hundreds of times shorter."""

    def now(self):
        return time.time()

    def sleep(self, seconds):
        time.sleep(seconds / 600)


class EmbeddedWorld(World):
    """A world whose clusters are the embedded cloud's."""

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


@pytest.fixture
def tell(cloud, burst_request, keypair):
    """Give a function that tells of one burst, from request to removal, and checks its ends."""
    client = cluster_manager_client({"GKE_EMULATOR_HOST": cloud.cloud.endpoints["gke"]})
    clusters = GkeClusters(client, PROJECT)

    def tell(number, tripwire):
        request = burst_request(**cloud.now_and_here(deployment="prod", lead={}, generation=7_000_000 + number))
        name = names.cluster_name(request.burst_id)
        world = stack.enter_context(contextlib.closing(EmbeddedWorld(keypair[1], tripwire, cloud, clusters)))
        world.run([request])
        assert world.kinds()[-1] is EventKind.READY
        assert clusters.get(request.zone, name).status == "RUNNING"
        world.run([teardown_of(request, request.zone, time.time())])
        assert world.events[-1].receipt.clusters_left == ()
        assert clusters.get(request.zone, name) is None
        assert cloud.creates(name) == 1
        assert "canary" not in f"{world.events}"

    with contextlib.ExitStack() as stack:
        yield tell
    client.transport.close()


def test_functions_stopped_at_sampled_calls_leave_one_right_cluster_and_then_none(tell):
    recorded = Tripwire()
    tell(0, recorded)
    points = [len(recorded.calls) * sample // SAMPLES for sample in range(SAMPLES)]

    for number, at in enumerate(points, 1):
        tell(number, Tripwire(at, list(Accident)[number % 2]))
