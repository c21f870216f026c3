"""The messages that travel between agent and functions.

Frozen pydantic models; a field's description is its documentation and ends in docs/messages/*.json. Times are epoch
seconds. No model carries a key in the clear: keys travel in `sealed_keys` (see `sealing`). How a message becomes bytes
is `wire_format`'s. What a receiver does with it is not said here, and neither are limits: those are the functions'
settings.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar, Final

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from overspill_shared import names
from overspill_shared.errors import ErrorClass, OverspillError
from overspill_shared.fields import (
    BurstId,
    Count,
    Epoch,
    FilePath,
    FluxVersion,
    Frozen,
    HostName,
    ImageRef,
    Name,
    Zone,
)
from overspill_shared.templates import Template

SCHEMA_VERSION: Final = "1.0"
"""MAJOR.MINOR: a receiver refuses another major, and ignores fields of a newer minor that it does not know."""


class Lead(Frozen):
    """The lead broker that the burst's brokers dial."""

    id: Name = Field(description="the lead id, unique in a deployment")
    host: HostName = Field(description="address that burst nodes can reach")
    port: int = Field(ge=1, le=65535)
    name: HostName = Field(description="the lead's own host name, first in its hostlist")
    size: Count = Field(description="ranks that the instance declares, slots included")


class Slot(Frozen):
    """Declared, normally down, ranks of one future burst cluster."""

    name: Name = Field(description="the host prefix: the MiniCluster is called this")
    size: Count = Field(description="ranks in the slot: a burst's largest size")
    hosts: str = Field(max_length=4096, description="the slot's hostlist (RFC 29), in rank order")


class Job(Frozen):
    """A job that a burst is for: told, so that a person can see why nodes were rented."""

    jobid: int = Field(ge=0)
    jobspec: dict[str, Any] = Field(description="RFC 25, as in the KVS: without its environment")
    nodes: Count


class Runtime(Frozen):
    """What must be the same on both sides for a broker to join and a job to run."""

    flux_version: FluxVersion
    prefix: FilePath = Field(description="where Flux is installed")
    uid: int = Field(ge=0, le=2**31 - 1, description="numeric uid of the instance's owner")
    gid: int = Field(ge=0, le=2**31 - 1)
    app_image: ImageRef
    view_image: ImageRef = Field(description="image that brings Flux to the application's container")
    topology: str | None = Field(default=None, pattern=r"^(kary:[0-9]{1,5}|custom|mincrit)$")


class EventKind(StrEnum):
    """What a function reports."""

    ACCEPTED = "accepted"
    CLUSTER_CREATING = "cluster-creating"
    CLUSTER_RUNNING = "cluster-running"
    MINICLUSTER_CREATED = "minicluster-created"
    READY = "ready"
    RESIZED = "resized"
    FAILED = "failed"
    REJECTED = "rejected"
    REMOVING = "removing"
    REMOVED = "removed"


class TeardownReason(StrEnum):
    """Why a burst is torn down."""

    IDLE_TIMEOUT = "idle-timeout"
    FAILED = "failed"
    LEASE_LAPSED = "lease-lapsed"
    MAX_LIFETIME = "max-lifetime"
    OPERATOR = "operator"
    SWEEP = "sweep"


class EventError(Frozen):
    """Why something failed or was refused, for the agent (class, code) and for a person (text, remedy)."""

    error_class: ErrorClass = Field(alias="class")
    code: str = Field(max_length=100)
    text: str = Field(max_length=4000)
    remedy: str = Field(default="", max_length=2000)

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, serialize_by_alias=True)


class Receipt(Frozen):
    """What a teardown saw and what is left; only a clean one ends a burst."""

    clusters_deleted: tuple[str, ...] = Field(default=(), description="names of clusters that were there and are gone")
    node_pools_deleted: tuple[str, ...] = Field(
        default=(), description="CLUSTER/POOL that were there and are gone, as far as this delivery saw them"
    )
    clusters_left: tuple[str, ...] = Field(default=(), description="ZONE/CLUSTER of the burst that are still there")
    zones_unanswered: tuple[str, ...] = Field(default=(), description="zones of which nothing is known")
    checked_at: Epoch

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left, in any zone."""
        return not (self.clusters_left or self.zones_unanswered)


class Message(Frozen):
    """What every message has: a version, and attributes derived from its content."""

    topic: ClassVar[str]
    schema_version: str = Field(default=SCHEMA_VERSION, pattern=r"^[0-9]{1,5}\.[0-9]{1,5}$")

    def attributes(self) -> dict[str, str]:
        """Give the Pub/Sub attributes; filters use them, receivers check the body again. Never a secret."""
        return {"kind": type(self).__name__, "schema_version": self.schema_version}


class _BurstMessage(Message):
    burst_id: BurstId
    generation: int = Field(ge=0, description="epoch seconds at which the burst was decided")
    deployment: Name

    def _lead_id(self) -> str:
        lead = getattr(self, "lead", "")
        return lead.id if isinstance(lead, Lead) else str(lead)

    def attributes(self) -> dict[str, str]:
        """Give the attributes: deployment, lead and burst beside kind and version."""
        return {
            **super().attributes(),
            "deployment": self.deployment,
            "lead": self._lead_id(),
            "burst_id": self.burst_id,
        }


class BurstRequest(_BurstMessage):
    """Agent -> provision: make this burst, or make it this large."""

    topic: ClassVar[str] = names.TOPIC_REQUESTS

    revision: int = Field(ge=1, description="which version of the target size this is; a lower one is stale")
    lead: Lead
    slot: Slot
    size: int = Field(
        ge=0, le=100_000, description="nodes wanted in all, at most the slot's size; 0 empties a burst that exists"
    )
    hostlist: str = Field(max_length=65536, description="the lead's whole hostlist, in rank order")
    broker_toml: str = Field(max_length=1_000_000, description="the burst brokers' configuration")
    sealed_keys: str = Field(max_length=100_000, description="base64 of a SealedBox: see sealing.SealedKeys")
    jobs: tuple[Job, ...]
    template: Template
    zone: Zone
    runtime: Runtime
    expires_at: Epoch = Field(description="end of the first lease")
    hard_end_at: Epoch = Field(description="nothing of the burst may exist after this")
    requested_at: Epoch
    deadline_at: Epoch = Field(description="nothing is created after this")

    @field_validator("size")
    @classmethod
    def _begins_with_nodes(cls, size: int, others: ValidationInfo) -> int:
        if size == 0 and others.data.get("revision") == 1:
            raise ValueError("a burst begins with at least one node: only a later revision may empty it")
        return size

    def identity(self) -> dict[str, Any]:
        """Give what makes this burst itself: not its size, jobs or times."""
        return burst_identity(
            deployment=self.deployment,
            lead_id=self.lead.id,
            slot=self.slot,
            broker_toml=self.broker_toml,
            template=self.template,
            zone=self.zone,
            runtime=self.runtime,
            generation=self.generation,
        )


def burst_identity(
    *,
    deployment: str,
    lead_id: str,
    slot: Slot,
    broker_toml: str,
    template: Template,
    zone: str,
    runtime: Runtime,
    generation: int,
) -> dict[str, Any]:
    """Give the content whose hash is the burst's id (names.burst_id)."""
    return {
        "deployment": deployment,
        "lead": lead_id,
        "slot": slot.model_dump(mode="json"),
        "broker_toml": broker_toml,
        "template": template.model_dump(mode="json"),
        "zone": zone,
        "runtime": runtime.model_dump(mode="json"),
        "generation": generation,
    }


class TeardownRequest(_BurstMessage):
    """Agent or sweep -> teardown: remove this burst."""

    topic: ClassVar[str] = names.TOPIC_TEARDOWNS

    lead: Name
    zone: Zone
    reason: TeardownReason
    requested_at: Epoch


class LeaseRenewal(_BurstMessage):
    """Agent -> teardown: this burst is still wanted."""

    topic: ClassVar[str] = names.TOPIC_LEASES

    lead: Name
    zone: Zone
    expires_at: Epoch


class Sweep(Message):
    """Scheduler -> teardown: look for bursts that outlived their right to exist."""

    topic: ClassVar[str] = names.TOPIC_SWEEPS


class BurstEvent(_BurstMessage):
    """Functions -> agents: what happened to a burst."""

    topic: ClassVar[str] = names.TOPIC_EVENTS

    event_id: str = Field(pattern=r"^[0-9a-f]{32}$", description="the same for a repetition of the same report")
    revision: int = Field(default=1, ge=1)
    lead: Name
    kind: EventKind
    occurred_at: Epoch
    detail: dict[str, Any] = Field(default_factory=dict)
    error: EventError | None = None
    receipt: Receipt | None = None

    def attributes(self) -> dict[str, str]:
        """Give the attributes; `kind` is the event's own."""
        return {**super().attributes(), "kind": self.kind.value}


MESSAGES: Final[tuple[type[Message], ...]] = (BurstRequest, TeardownRequest, LeaseRenewal, Sweep, BurstEvent)


def event_id(burst: str, kind: EventKind, revision: int, occasion: str = "") -> str:
    """Give an event's id: the same report about the same burst has the same one, whoever repeats it."""
    return names.content_hash([burst, kind.value, revision, occasion])[:32]


NAME_BEING_DELETED: Final = "name-being-deleted"
"""The code of a failure whose cause the function cannot see: somebody had the cluster deleted, itself perhaps, after a
failure that it has told already. Events come in any order; where another code comes, that one is the cause."""


def event_error(error: OverspillError) -> EventError:
    """Give an error as events carry it."""
    return EventError.model_validate(
        {
            "class": error.error_class,
            "code": error.code[:100],
            "text": error.text[:4000],
            "remedy": error.remedy[:2000],
        }
    )
