"""Where burst nodes reach the lead: a setting, else a Service of the cluster, else the lead's own broker.toml. Pure.

Whether the address can be reached is not asked here: only a broker that joins proves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from overspill_agent.own_pod import ServiceType
from overspill_shared import broker_toml
from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from overspill_agent.own_pod import Node, PodFacts, Service, ServicePort


class AddressSource(StrEnum):
    """Where an address was found."""

    SETTING = "setting"
    LOAD_BALANCER = "load-balancer"
    NODE_PORT = "node-port"
    BROKER_TOML = "broker-toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadAddress:
    """An address of the lead, and how it was found."""

    host: str
    port: int
    source: AddressSource
    reason: str
    """One sentence for people."""


def find_lead_address(
    config: Mapping[str, Any], *, host: str | None = None, port: int | None = None, pod: PodFacts | None = None
) -> LeadAddress:
    """Give the address that burst brokers dial.

    `host` and `port` are the settings lead_host and lead_port: both together are the answer, one alone corrects what
    is found. Then come the Services that select the lead's pod and lead to its overlay's port: load balancers first,
    node ports second, each in the order of their names. Rank 0's `connect` in `config` comes last, for inside a cluster
    it names what only the cluster resolves.

    Raises ConfigError naming lead_host and everything that was looked at.
    """
    if host and port:
        return LeadAddress(
            host=host, port=port, source=AddressSource.SETTING, reason="lead_host and lead_port are set."
        )
    looked_at: list[str] = []
    found = (_of_services(config, pod, looked_at) if pod else None) or _of_config(config, looked_at)
    if found is None:
        raise _not_found(looked_at)
    if not host and not port:
        return found
    key = "lead_host" if host else "lead_port"
    return LeadAddress(
        host=host or found.host,
        port=port or found.port,
        source=AddressSource.SETTING,
        reason=f"{key} is set; the rest: {found.reason}",
    )


def _of_services(config: Mapping[str, Any], pod: PodFacts, looked_at: list[str]) -> LeadAddress | None:
    overlay_port = broker_toml.overlay_port(config)
    published = list(_published(pod, overlay_port, looked_at))
    for service, port in published:
        if service.type is ServiceType.LOAD_BALANCER:
            if service.ingress:
                return LeadAddress(
                    host=service.ingress[0],
                    port=port.port,
                    source=AddressSource.LOAD_BALANCER,
                    reason=f"The load balancer of the Service {service.name} leads to this pod's port {overlay_port}.",
                )
            looked_at.append(f"the load balancer of the Service {service.name} has no address yet")
    for service, port in published:
        if service.type is ServiceType.NODE_PORT and (found := _of_node_port(service, port, pod, looked_at)):
            return found
    looked_at.extend(problem.rstrip(".") for problem in pod.problems)
    return None


def _published(pod: PodFacts, overlay_port: int, looked_at: list[str]) -> Iterator[tuple[Service, ServicePort]]:
    """Give the Services that publish the overlay's port of this pod outside of the cluster, in their names' order."""
    any_found = False
    for service in sorted(pod.services, key=lambda item: item.name):
        # A Service without a selector leads to what somebody else wrote down.
        if not service.selector or not service.selector.items() <= pod.labels.items():
            continue
        port = next((item for item in service.ports if _target(item, pod) == overlay_port), None)
        if port is None:
            looked_at.append(f"the Service {service.name} does not lead to the overlay's port {overlay_port}")
        elif service.type is ServiceType.OTHER:
            looked_at.append(f"the Service {service.name} is published inside of the cluster only")
        else:
            any_found = True
            yield service, port
    if not any_found and not looked_at:
        looked_at.append(f"no Service selects this pod and leads to its port {overlay_port}")


def _target(port: ServicePort, pod: PodFacts) -> int | None:
    return port.target if isinstance(port.target, int) else pod.named_ports.get(port.target)


def _of_node_port(service: Service, port: ServicePort, pod: PodFacts, looked_at: list[str]) -> LeadAddress | None:
    # A Service whose traffic policy is `Local` answers on the pod's own node alone, so that one comes first.
    nodes = sorted(pod.nodes, key=lambda node: (node.name != pod.node_name, node.name))
    node = next((item for item in nodes if item.external_ips), None)
    if node and port.node_port:
        return _node_address(service, port.node_port, node, node.external_ips[0], "external address")
    node = next((item for item in nodes if item.internal_ips), None)
    if node and port.node_port:
        return _node_address(
            service,
            port.node_port,
            node,
            node.internal_ips[0],
            "internal address (no node has an external one: burst nodes must be in the same network)",
        )
    looked_at.append(f"the Service {service.name} has a node port, but no node's address is known")
    return None


def _node_address(service: Service, port: int, node: Node, address: str, what: str) -> LeadAddress:
    return LeadAddress(
        host=address,
        port=port,
        source=AddressSource.NODE_PORT,
        reason=f"The Service {service.name} has a node port; {address} is the node {node.name}'s {what}.",
    )


def _of_config(config: Mapping[str, Any], looked_at: list[str]) -> LeadAddress | None:
    declared = broker_toml.lead_address(config)
    if declared is None:
        looked_at.append("rank 0 has no `connect` in bootstrap.hosts that burst nodes could dial")
        return None
    host, port = declared
    return LeadAddress(
        host=host, port=port, source=AddressSource.BROKER_TOML, reason="It is rank 0's `connect` in broker.toml."
    )


def _not_found(looked_at: list[str]) -> ConfigError:
    return ConfigError(
        f"lead_host: no address is known at which burst nodes reach the lead: {'; '.join(looked_at)}.",
        remedy="Set OVERSPILL_LEAD_HOST and OVERSPILL_LEAD_PORT to an address of the lead that they can reach, or"
        " publish the lead's pod by a Service of type LoadBalancer.",
        code="lead-address",
    )
