"""The file that `overspill plan --snapshot` reads: an instance, its queue, its bursts and a policy, at one moment.

It is checked strictly (an unknown key is an error), and turned into the very values that the agent decides from; its
decisions are turned back into the file's own terms. Nothing here reads or prints.
"""

from __future__ import annotations

from dataclasses import fields
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError

from overspill_agent.deciding.latency import Outcome
from overspill_agent.deciding.policy import Policy
from overspill_shared.errors import ConfigError
from overspill_shared.idset import parse_idset
from overspill_shared.lifecycle import BurstState

JobId = int | str


def _idset(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str):
        parse_idset(value)
    return value


Idset = Annotated[str, BeforeValidator(_idset), Field(description="an idset (RFC 22), such as 0-3,7")]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Time = Annotated[float, Field(allow_inf_nan=False, description="epoch seconds")]
Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class JobState(StrEnum):
    """Whether a job waits or has resources."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"


class FileJob(_Part):
    """A job that waits or runs."""

    id: JobId
    state: JobState = JobState.PENDING
    submitted_at: Time = 0.0
    urgency: int = Field(default=16, ge=0, le=31)
    burstable: JsonValue = Field(default=None, description="attributes.system.burstable, whatever it is")
    nodes: int | None = Field(default=None, ge=1, description="null: it asks for cores and GPUs alone")
    cores: Count | None = Field(default=None, description="in all; default: cores_per_node on each node, else 1 each")
    gpus: Count = Field(default=0, description="in all")
    cores_per_node: Count | None = Field(default=None, description="default: cores, spread over the nodes")
    gpus_per_node: Count | None = Field(default=None, description="default: gpus, spread over the nodes")
    memory_mib_per_node: Count | None = None
    duration_s: Seconds | None = Field(default=None, description="its time limit; null or 0: it has none")
    queue: str | None = None
    constraints: dict[str, JsonValue] | None = Field(default=None, description="RFC 31")
    requires: tuple[Text, ...] = Field(default=(), description="properties; -NAME or ^NAME for ones not to be there")
    expected_start_at: Time | None = Field(
        default=None,
        description="when the scheduler says that it starts (annotations.sched.t_estimate); null: it does not",
    )
    started_at: Time | None = Field(default=None, description="of a running job; default: submitted_at")
    ranks: Idset | None = Field(default=None, description="of a running job; null: somewhere at home")


class FileRanks(_Part):
    """Ranks that are alike."""

    ids: Idset
    cores: Count
    gpus: Count = 0
    state: Literal["online", "offline", "drained"] = "online"
    properties: tuple[str, ...] = ()


class FileSlot(_Part):
    """Ranks that a burst can fill, the first first; their hosts are NAME-0, NAME-1 and so on."""

    name: Text
    ranks: Idset
    template: str | None = Field(default=None, description="null: any that has what its ranks declare")
    min_nodes: int = Field(default=1, ge=0)


class FileTemplate(_Part):
    """A kind of node that can be rented."""

    name: Text
    machine_type: str = ""
    cores: Count
    gpus: Count = 0
    memory_mib: Count = Field(default=0, description="0: not known, any job's fits")
    price_usd_per_h: Usd | None = Field(default=None, description="a node's; null where unknown")
    spot: bool = False
    zones: tuple[Text, ...] = Field(min_length=1, description="in order of preference")


class FileBurst(_Part):
    """A burst."""

    burst_id: Text
    slot: Text
    template: Text
    zone: Text
    nodes: Count = Field(description="that it has now")
    target_nodes: Count | None = Field(default=None, description="that it is to have; default: nodes")
    state: BurstState
    created_at: Time = Field(description="when it was requested")
    since: Time | None = Field(default=None, description="when it came into its state; default: created_at")
    busy_ranks: Idset = Field(default="", description="of its ranks, those that jobs hold")
    idle_since: Time | None = Field(default=None, description="since when none has work; null while one has")
    jobs: tuple[JobId, ...] = Field(default=(), description="for which it was rented")
    reserved_usd: Usd | None = None


class FileExperience(_Part):
    """What became of an earlier burst."""

    template: Text
    zone: Text
    at: Time
    create_s: Seconds | None = Field(default=None, description="from its request until its MiniCluster was there")
    join_s: Seconds | None = Field(default=None, description="from then until its ranks were online")
    delete_s: Seconds | None = Field(default=None, description="from the request for its removal until it was gone")
    outcome: Outcome


class FileSpent(_Part):
    """What a burst that is gone has cost."""

    at: Time
    usd: Usd


def _default(name: str) -> Any:
    return next(field.default for field in fields(Policy) if field.name == name)


class FilePolicy(_Part):
    """What an operator wants; the names and defaults are those of the settings (docs/settings.md)."""

    eligible: str = Field(default=_default("eligible"), pattern=r"^(attribute|all|queue:.+|property:.+)$")
    placement: Literal["burst-only", "spread"] = _default("placement")
    backfill: bool = _default("backfill")
    wait_margin_s: Seconds = _default("wait_margin_s")
    unknown_duration_s: float = Field(default=_default("unknown_duration_s"), gt=0, allow_inf_nan=False)
    gather_quiet_s: Seconds = _default("gather_quiet_s")
    gather_max_s: Seconds = _default("gather_max_s")
    idle_timeout_s: Seconds = _default("idle_timeout_s")
    min_lifetime_s: Seconds = _default("min_lifetime_s")
    keep_warm_s: Seconds = _default("keep_warm_s")
    max_lifetime_s: float = Field(default=_default("max_lifetime_s"), gt=0, allow_inf_nan=False)
    drain_before_end_s: Seconds | None = Field(
        default=None, description="default: 900, or a tenth of max_lifetime_s where that is less"
    )
    shrinks: bool = True
    unwanted_after_s: Seconds = _default("unwanted_after_s")
    join_timeout_s: Seconds = _default("join_timeout_s")
    max_bursts: Count | None = _default("max_bursts")
    max_nodes: Count | None = _default("max_nodes")
    cap_usd_per_burst: Usd | None = _default("cap_usd_per_burst")
    cap_usd_per_day: Usd | None = _default("cap_usd_per_day")
    cap_usd_total: Usd | None = _default("cap_usd_total")
    allow_spot: bool = _default("allow_spot")
    allow_unknown_price: bool = _default("allow_unknown_price")
    breaker_failures: int = Field(default=_default("breaker_failures"), ge=1)
    cooldown_s: Seconds = _default("cooldown_s")
    max_cooldown_s: Seconds = _default("max_cooldown_s")
    half_life_s: float = Field(default=_default("half_life_s"), gt=0, allow_inf_nan=False)

    def policy(self) -> Policy:
        """Give the values that decisions compare with."""
        told = self.model_dump()
        if self.drain_before_end_s is None:
            told["drain_before_end_s"] = min(_default("drain_before_end_s"), self.max_lifetime_s / 10)
        return Policy(**told)


class SnapshotFile(_Part):
    """The whole file."""

    now: Time
    jobs: tuple[FileJob, ...] = ()
    ranks: tuple[FileRanks, ...] = ()
    slots: tuple[FileSlot, ...] = ()
    templates: tuple[FileTemplate, ...] = ()
    bursts: tuple[FileBurst, ...] = ()
    history: tuple[FileExperience, ...] = ()
    spent: tuple[FileSpent, ...] = ()
    policy: FilePolicy = FilePolicy()


def schema() -> dict[str, Any]:
    """Give the file's JSON schema."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **SnapshotFile.model_json_schema()}


def parse_snapshot_file(text: str | bytes) -> SnapshotFile:
    """Read a file's text.

    Raises ConfigError naming every key that is wrong.
    """
    try:
        return SnapshotFile.model_validate_json(text)
    except ValidationError as exc:
        found = exc.errors(include_url=False, include_input=False)
        raise ConfigError(
            "the snapshot cannot be used: " + "; ".join(_problem(error) for error in found[:10]) + ".",
            remedy="docs/deciding.md tells its keys, docs/snapshot.schema.json is their schema.",
            code="snapshot",
        ) from None


def _problem(error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{key}: unknown key"
    return f"{key}: {error['msg']}" if key else str(error["msg"])
