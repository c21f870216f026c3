"""An embedded GKE in a thread of its own, and Google's client for it, as production makes it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

import pytest

from overspill_local.gke import ClusterEvent, Endpoint, GkeServer
from overspill_shared.adapters.gcp_clients import cluster_manager_client

PARENT = "projects/demo/locations/us-central1-a"
DEADLINE_S = 10.0


class RecordingBackend:
    """Brings nothing up, but remembers what it was asked for; holds or fails a call where a test says so."""

    def __init__(self) -> None:
        self.up_names: list[str] = []
        self.down_names: list[str] = []
        self.sizes: list[dict[str, int]] = []
        self.failure: Exception | None = None

    async def up(self, cluster) -> Endpoint:
        self.up_names.append(cluster.name)
        if self.failure:
            raise self.failure
        return Endpoint(
            host_port="127.0.0.1:6443", ca_pem=b"-----BEGIN CERTIFICATE-----", dns_host_port="gke-1.gke.example:443"
        )

    async def resized(self, cluster) -> None:
        self.sizes.append({pool.name: pool.initial_node_count for pool in cluster.node_pools})

    async def down(self, name: str) -> None:
        self.down_names.append(name)
        if self.failure:
            raise self.failure


class RunningGke:
    """A server with its client, its backend and what it reported."""

    def __init__(self, port: int = 0, **delays_s: float) -> None:
        self.backend = RecordingBackend()
        self.events: list[tuple[ClusterEvent, str, str]] = []
        self.server = GkeServer(self.backend, on_event=lambda *event: self.events.append(event), **delays_s)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = self._call(self.server.start("127.0.0.1", port=port))
        self.client = cluster_manager_client({"GKE_EMULATOR_HOST": f"127.0.0.1:{self.port}"})

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(DEADLINE_S)

    def stop_server(self) -> None:
        self._call(self.server.stop())

    def close(self) -> None:
        self.client.transport.close()
        self.stop_server()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE_S)
        self._loop.close()

    def create(self, name="overspill-0123456789ab", parent=PARENT, **fields):
        fields.setdefault("node_pools", [{"name": "burst", "initial_node_count": 4}])
        return self.client.create_cluster(parent=parent, cluster={"name": name, **fields})

    def wait_done(self, operation, parent=PARENT):
        """Poll an operation, as clients must, until it is done."""
        name = f"{parent}/operations/{operation.name}"
        deadline = time.monotonic() + DEADLINE_S
        while (polled := self.client.get_operation(name=name)).status.name != "DONE":
            assert time.monotonic() < deadline, f"{name} is still {polled.status.name}"
            time.sleep(0.01)
        return polled

    def event_kinds(self) -> list[str]:
        return [kind for kind, _, _ in self.events]


@pytest.fixture
def start_gke():
    """Start servers with given delays; all are stopped at the end."""
    with contextlib.ExitStack() as stack:

        def start(port: int = 0, **delays_s: float) -> RunningGke:
            running = RunningGke(port, **delays_s)
            stack.callback(running.close)
            return running

        yield start


@pytest.fixture
def gke(start_gke) -> RunningGke:
    """Give a server whose operations take no time."""
    return start_gke(create_s=0, delete_s=0, resize_s=0)


@pytest.fixture
def slow_gke(start_gke) -> RunningGke:
    """Give a server whose creates and deletes never end by themselves."""
    return start_gke(create_s=3600, delete_s=3600, resize_s=3600)
