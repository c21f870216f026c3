"""What an operator says about a lead, checked as a whole. Values only: texts and manifests are built elsewhere."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from overspill_agent.init.slot_spec import SlotSpec
from overspill_shared.broker_toml import MAX_PORT
from overspill_shared.errors import ConfigError
from overspill_shared.fields import Count, Gpus, HostName, ImageRef, Name
from overspill_shared.lead_config import RankGroup, Scheduler

OVERLAY_PORT: Final = 8050
"""Where the lead's overlay listens, and what a LoadBalancer exposes."""
DEFAULT_NODE_PORT: Final = 30093
FLAT_UP_TO_RANKS: Final = 256
"""The operator starts brokers with a fan-out of 256: with more ranks the tree is flat only by `kary:0`."""
MAX_RANKS: Final = 20_000
"""R and broker.toml lie in Kubernetes objects of at most 1 MiB."""

Port = Annotated[int, Field(ge=1, le=MAX_PORT)]


class ServiceType(StrEnum):
    """How burst nodes reach the lead broker from outside of its cluster."""

    LOADBALANCER = "loadbalancer"
    """With an address that anybody can reach: see `admitted`."""
    INTERNAL = "internal"
    """A load balancer with an address of the lead's own network (GKE's internal passthrough one)."""
    NODEPORT = "nodeport"


class LeadPlan(BaseModel):
    """A lead MiniCluster with its slots."""

    model_config = ConfigDict(frozen=True)

    name: Name
    namespace: Name = "default"
    size: Count
    cores: Count
    gpus: Gpus = 0
    slots: tuple[SlotSpec, ...] = Field(min_length=1)
    scheduler: Scheduler = Scheduler.FLUXION
    app_image: ImageRef
    view_image: ImageRef
    agent_image: ImageRef
    router_image: ImageRef
    uid: int = Field(default=0, ge=0, le=2**31 - 1)
    service: ServiceType = ServiceType.LOADBALANCER
    node_port: int = Field(default=DEFAULT_NODE_PORT, ge=30000, le=32767)
    admitted: tuple[IPv4Network | IPv6Network, ...] = ()
    """Ranges that a load balancer lets through; empty: all."""
    has_router: bool = False
    lead_host: HostName | None = None
    service_account: str | None = Field(
        default=None, pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]@[a-z][a-z0-9.-]{4,60}\.iam\.gserviceaccount\.com$"
    )
    project: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9:.-]{4,60}$")
    deployment: Name = "default"
    public_key: str | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [self.name, *(slot.name for slot in self.slots)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise PydanticCustomError(
                "names", "the lead and its slots need names of their own: {twice} stands twice", {"twice": twice[0]}
            )
        if self.ranks > MAX_RANKS:
            raise PydanticCustomError(
                "ranks",
                "{ranks} ranks are too many for one MiniCluster (at most {most})",
                {"ranks": self.ranks, "most": MAX_RANKS},
            )
        _check_templates(self.slots)
        return self

    @property
    def ranks(self) -> int:
        """Ranks that the instance declares, slots included."""
        return self.size + sum(slot.size for slot in self.slots)

    @property
    def groups(self) -> tuple[RankGroup, ...]:
        """All declared ranks, by rank: the lead's own, then slot by slot."""
        own = tuple(f"{self.name}-{index}" for index in range(self.size))
        slots = (RankGroup(hosts=slot.hosts, cores=slot.cores, gpus=slot.gpus, is_burst=True) for slot in self.slots)
        return (RankGroup(hosts=own, cores=self.cores, gpus=self.gpus), *slots)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every declared host, by rank."""
        return tuple(host for group in self.groups for host in group.hosts)

    @property
    def topology(self) -> str | None:
        """The topology that keeps the tree flat; None where the operator's own is flat."""
        return "kary:0" if self.ranks > FLAT_UP_TO_RANKS else None

    @property
    def exposed_port(self) -> int:
        """The port that burst nodes dial."""
        return self.node_port if self.service is ServiceType.NODEPORT else OVERLAY_PORT

    @property
    def needs_lead_host(self) -> bool:
        """Whether the agent must be told the address: it finds a Service of its own pod, but not the router's."""
        return self.has_router and self.lead_host is None

    @property
    def objects_name(self) -> str:
        """What the Kubernetes objects are called that `init` adds to the MiniCluster."""
        return f"{self.name}-overspill"

    @property
    def keys_secret(self) -> str:
        """The Secret with the instance's curve certificate, which the operator of the lead creates."""
        return f"{self.name}-overspill-keys"

    @property
    def lead_fqdn(self) -> str:
        """Rank 0's name in the MiniCluster's headless network."""
        return f"{self.name}-0.{self.network}"

    @property
    def network(self) -> str:
        """The MiniCluster's headless Service, as pods of other namespaces know it too."""
        return f"{self.name}.{self.namespace}.svc.cluster.local"


def build_plan(**values: Any) -> LeadPlan:
    """Check what was said about a lead; what is None was not said.

    Raises ConfigError naming every wrong option.
    """
    try:
        return LeadPlan.model_validate({key: value for key, value in values.items() if value is not None})
    except ValidationError as exc:
        problems = "; ".join(_problem(item) for item in exc.errors(include_url=False, include_input=False))
        raise ConfigError(
            f"{problems}.", remedy="Correct the options; `overspill init --help` explains each.", code="init-options"
        ) from None


def _check_templates(slots: tuple[SlotSpec, ...]) -> None:
    """See that slots which share a template agree on its nodes: a rank with fewer cores than R says drains itself."""
    seen: dict[str, SlotSpec] = {}
    for slot in slots:
        first = seen.setdefault(slot.template, slot)
        if (first.cores, first.gpus) != (slot.cores, slot.gpus):
            raise PydanticCustomError(
                "template",
                "the slots {first} and {second} have the template {template} but different cores or GPUs:"
                " give one of them a template of its own (template=NAME)",
                {"first": first.name, "second": slot.name, "template": slot.template},
            )
        if first.machine and slot.machine and first.machine != slot.machine:
            raise PydanticCustomError(
                "template",
                "the slots {first} and {second} describe the template {template} differently",
                {"first": first.name, "second": slot.name, "template": slot.template},
            )


def _problem(item: Any) -> str:
    options = {"app_image": "--image", "has_router": "--router", "slots": "--slot", "admitted": "--admit"}
    key = str(item["loc"][0]) if item["loc"] else ""
    option = options.get(key, f"--{key.replace('_', '-')}")
    return f"{option}: {item['msg']}" if key else str(item["msg"])
