"""What the agent's own pod and the Services around it tell, as plain values, and the port that brings them.

`kubernetes_pod` is the adapter. What follows from these values is said in `lead_address` and `lead_identity`; no
rule stands here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class ServiceType(StrEnum):
    """How a Service is published (Kubernetes API, ServiceSpec.type), as far as nodes elsewhere can use it."""

    LOAD_BALANCER = "LoadBalancer"
    NODE_PORT = "NodePort"
    OTHER = "other"
    """ClusterIP and ExternalName: nothing outside the cluster reaches them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePort:
    """One TCP port of a Service."""

    port: int
    target: int | str
    """The pod's port that it leads to, or that port's name."""
    node_port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A Service in the pod's namespace."""

    name: str
    type: ServiceType
    selector: Mapping[str, str]
    ports: tuple[ServicePort, ...]
    ingress: tuple[str, ...] = ()
    """Addresses and host names that its load balancer has (status.loadBalancer.ingress); none until it is up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node of the cluster and its addresses (status.addresses)."""

    name: str
    external_ips: tuple[str, ...] = ()
    internal_ips: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFacts:
    """What the cluster says of the pod that the lead's broker runs in."""

    labels: Mapping[str, str] = field(default_factory=dict)
    named_ports: Mapping[str, int] = field(default_factory=dict)
    """Ports that its containers give names to."""
    node_name: str = ""
    app_image: str | None = None
    """The image of the container that Flux runs in, by digest where the cluster tells one."""
    view_image: str | None = None
    """The image of the init container that brings Flux, likewise."""
    services: tuple[Service, ...] = ()
    nodes: tuple[Node, ...] = ()
    problems: tuple[str, ...] = ()
    """What could not be read, and why: a sentence each, for people."""


class OwnPod(Protocol):
    """The pod that the agent runs in."""

    def read(self) -> PodFacts:
        """Ask the cluster, within a few seconds; what it does not tell stands in `problems`, and nothing is raised."""
        ...
