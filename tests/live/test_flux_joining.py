from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from overspill_agent.agent_settings import AgentSettings
from overspill_agent.flux_instance import RealFlux
from overspill_agent.lead_address import AddressSource
from overspill_agent.lead_identity import build_identity
from overspill_agent.own_pod import PodFacts, Service, ServicePort, ServiceType
from overspill_agent.ports import OnlineChanged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LABELS = {"job-name": "lead"}


class Forwarder:
    """A load balancer: TCP connections to its own address and port go on to the lead's."""

    def __init__(self, host: str, target_port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._server = socket.create_server((host, 0), family=family)
        self._target_port = target_port
        self._selector = selectors.DefaultSelector()
        self._open: list[socket.socket] = [self._server]
        self._stop, self._stopped = socket.socketpair()
        self.port: int = self._server.getsockname()[1]
        self.taken = 0
        self._selector.register(self._stopped, selectors.EVENT_READ)
        self._selector.register(self._server, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.send(b"x")
        self._thread.join(10)
        for each in (*self._open, self._stop, self._stopped):
            each.close()
        self._selector.close()

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._stopped:
                    return
                if key.fileobj is self._server:
                    self._take()
                else:
                    self._forward(key.fileobj, key.data)

    def _take(self) -> None:
        client, _ = self._server.accept()
        lead = socket.create_connection(("127.0.0.1", self._target_port), timeout=10)
        self.taken += 1
        for each, other in ((client, lead), (lead, client)):
            self._open.append(each)
            self._selector.register(each, selectors.EVENT_READ, other)

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if content := source.recv(65536):
                target.sendall(content)
                return
        for each in (source, target):
            with contextlib.suppress(KeyError):
                self._selector.unregister(each)
            each.close()


@pytest.fixture
def balance(operators_instance) -> Iterator[Callable[[str], Forwarder]]:
    """Return a function that gives the lead another address."""
    with contextlib.ExitStack() as stack:

        def start(host: str) -> Forwarder:
            try:
                return stack.enter_context(contextlib.closing(Forwarder(host, operators_instance.layout.port)))
            except OSError as exc:
                pytest.skip(f"no {host} on this machine: {exc}")

        yield start
        # Brokers take leave of the lead, which they need the forwarder for.
        operators_instance.stop()


def pod_behind(host: str, forwarder: Forwarder, lead_port: int) -> PodFacts:
    return PodFacts(
        labels=LABELS,
        services=(
            Service(
                name="lead",
                type=ServiceType.LOAD_BALANCER,
                selector=LABELS,
                ports=(ServicePort(port=forwarder.port, target=lead_port),),
                ingress=(host,),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("host", "options"),
    [("127.0.0.1", ()), ("0:0:0:0:0:0:0:1", ("-Stbon.topo=kary:0",))],
    ids=["ipv4, the operator's topology", "ipv6, topology of a large instance"],
)
def test_burst_brokers_join_an_operators_lead_through_the_address_that_was_found(
    operators_instance, balance, listen, host, options
):
    forwarder = balance(host)
    layout = operators_instance.layout
    with contextlib.closing(RealFlux.connect(layout.uri)) as flux:
        facts = flux.facts()
        identity = build_identity(facts, AgentSettings(), "", pod=pod_behind(host, forwarder, layout.port))
        assert (identity.address.source, facts.topology) == (AddressSource.LOAD_BALANCER, "kary:256")
        assert identity.runtime.topology is None
        operators_instance.options += options

        operators_instance.start_followers(text=identity.broker_toml)
        listen(flux, lambda heard: frozenset(layout.slot_ranks) <= heard.latest(OnlineChanged))

    assert forwarder.taken == len(layout.slot_ranks)
    assert len(operators_instance.command("flux", "run", "-N4", "--queue=burst", "hostname").splitlines()) == 4
