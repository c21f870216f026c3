"""The settings that decisions compare with: fields of `Policy`, under the same names and with the same defaults."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from overspill_agent.deciding.policy import Policy
from overspill_shared.settings import Settings

Seconds = Annotated[float, Field(gt=0, le=30 * 24 * 3600)]
Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class PolicySettings(Settings):
    """What an operator wants of decisions."""

    eligible: str = Field(
        default="attribute",
        pattern=r"^(attribute|all|queue:.+|property:.+)$",
        description="which jobs may burst: attribute (a truthy burstable), queue:NAME, property:NAME (that the job's"
        " constraint requires), or all",
    )
    placement: Literal["burst-only", "spread"] = Field(
        default="burst-only", description="spread: a job's burst nodes stand beside ranks that are free at home"
    )
    backfill: bool = Field(default=False, description="the scheduler lets jobs pass others that they do not delay")
    wait_margin_s: float = Field(
        default=60, ge=0, description="a job bursts if it would wait at home longer than a burst takes (p90) and this"
    )
    unknown_duration_s: Seconds = Field(default=3600, description="what a job without a time limit is taken to run")
    gather_quiet_s: float = Field(default=0.25, ge=0, description="jobs that come so close together share a burst")
    gather_max_s: float = Field(default=5, ge=0, description="no job waits longer than this for others to come")
    max_bursts: int | None = Field(default=None, ge=0, description="bursts at once; default: as many as slots")
    max_nodes: int | None = Field(default=None, ge=0, description="nodes of all bursts; default: as many as slots have")
    cap_usd_per_burst: Usd | None = Field(
        default=None, description="what one burst may cost, its removal included; default: no cap"
    )
    cap_usd_per_day: Usd | None = Field(default=None, description="what any 24 hours may cost; default: no cap")
    cap_usd_total: Usd | None = Field(default=None, description="what all bursts may ever cost; default: no cap")
    allow_spot: bool = Field(default=False, description="use templates of spot nodes")
    allow_unknown_price: bool = Field(default=False, description="use templates that have no price: no cap counts them")
    breaker_failures: int = Field(
        default=3, ge=1, description="boots or joins that fail in a row stop a template in a zone"
    )
    half_life_s: Seconds = Field(default=7 * 24 * 3600, description="after this a measured latency counts half")
    idle_timeout_s: Seconds = Field(default=600, description="idle so long, a burst is torn down")
    keep_warm_s: float = Field(
        default=0,
        ge=0,
        le=30 * 24 * 3600,
        description="an idle burst keeps its cluster, without nodes, for so long; 0: it is torn down",
    )
    shrinks: bool = Field(
        default=False, description="a burst's last nodes are given back once they were idle for idle_timeout_s"
    )
    min_lifetime_s: float = Field(default=0, ge=0, description="a burst is not given up as idle before this age")
    join_timeout_s: Seconds = Field(default=1200, description="from request until all ranks are online")
    accepts_partial_join: bool = Field(
        default=False, description="use a burst with fewer ranks than wanted at its join deadline, or roll it back"
    )
    requires_mounts: bool = Field(
        default=False,
        description="hold a job whose working directory lies under no mount of a template, or only say so",
    )
    settle_s: Seconds = Field(
        default=30, description="after the lead's start, a job that its own missing ranks could help waits so long"
    )
    rejoin_timeout_s: Seconds = Field(default=300, description="lost ranks are waited for so long")
    unwanted_after_s: Seconds = Field(
        default=60, description="a burst on its way that no waiting job wants any more is ended after this"
    )
    unused_after_s: Seconds = Field(
        default=600,
        description="an active burst is idle if Flux starts none of its jobs in this time; beside others they rest",
    )
    max_lifetime_s: Seconds = Field(default=8 * 3600, description="nothing of a burst exists for longer")
    drain_before_end_s: Seconds = Field(default=900, description="drained so long before its hard end")
    lease_s: Seconds = Field(
        default=1800, description="a burst whose lease was not renewed for so long is removed by the next sweep"
    )
    leave_timeout_s: Seconds = Field(default=120, description="brokers may take so long to leave")
    teardown_retry_s: Seconds = Field(default=300, description="an unconfirmed teardown is asked for again")
    cooldown_s: Seconds = Field(
        default=600,
        description="rest of a template in a zone that had no nodes, or whose breaker is open; doubling",
    )
    max_cooldown_s: Seconds = Field(
        default=3600, description="longest such rest; also the rest after quota, config and permission failures"
    )

    @model_validator(mode="after")
    def _lifetime_has_room_for_work(self) -> Self:
        if self.join_timeout_s + self.drain_before_end_s >= self.max_lifetime_s:
            raise PydanticCustomError(
                "lifetime",
                "max_lifetime_s must be more than join_timeout_s and drain_before_end_s together,"
                " or a burst drains as soon as it has joined",
            )
        if self.lease_s < self.join_timeout_s:
            raise PydanticCustomError(
                "lease", "lease_s must be at least join_timeout_s, or the first lease may lapse before the ranks join"
            )
        return self

    def policy(self) -> Policy:
        """Give the values that decisions compare with."""
        told = {name: getattr(self, name) for name in Policy.__dataclass_fields__ if name in type(self).model_fields}
        return Policy(**told)
