"""What an operator wants, as one frozen value: the numbers that decisions compare with. Pure, no rule stands here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Times in seconds; the defaults are the settings' defaults. Absent limits and caps are None: there is none."""

    eligible: str = "attribute"
    """Which jobs may burst: `attribute` (burstable is truthy), `queue:NAME`, `property:NAME` (required by the job's
    constraint), or `all`."""
    placement: str = "burst-only"
    """`burst-only` gives a job burst nodes alone; `spread` counts the nodes at home that are free now as well."""
    backfill: bool = False
    """Whether the scheduler lets jobs pass others that they do not delay; both of Flux's keep the order by default."""
    wait_margin_s: float = 60
    """A job bursts if it would wait longer at home than a burst takes (p90), and this."""
    unknown_duration_s: float = 3600
    """What a job without a time limit is taken to run; one that has run longer, to run twice, four times as long."""
    gather_quiet_s: float = 0.25
    """Jobs that come within this of each other share a burst."""
    gather_max_s: float = 5
    """No job waits longer than this for others to come."""
    max_bursts: int | None = None
    """Bursts at once, whatever is being removed included."""
    max_nodes: int | None = None
    """Nodes of all bursts at once."""
    cap_usd_per_burst: float | None = None
    cap_usd_per_day: float | None = None
    """Of any 24 hours: what was spent in the last ones, and what is reserved."""
    cap_usd_total: float | None = None
    """Of all that was ever spent and is reserved."""
    allow_spot: bool = False
    """Whether templates of spot nodes may be used: the cloud may take such nodes back, and jobs with them."""
    allow_unknown_price: bool = False
    """Whether templates without a price may be used: no cap can count them."""
    breaker_failures: int = 3
    """So many boots or joins that fail in a row stop a template in a zone, until a single request has worked."""
    half_life_s: float = 7 * 24 * 3600
    """After this a measured latency counts half."""
    min_lifetime_s: float = 0
    """A burst is not given up as idle before this age."""
    keep_warm_s: float = 0
    """A burst whose idle time is over keeps its cluster without nodes for so long; 0: it is torn down at once."""
    shrinks: bool = False
    """Whether the last nodes of a burst are given back alone once they were idle for the idle time-out."""
    idle_timeout_s: float = 600
    """A burst whose ranks had no work for so long is torn down. A new cluster takes minutes, hence the patience."""
    join_timeout_s: float = 1200
    """From the request until all ranks are online."""
    accepts_partial_join: bool = False
    """Whether a burst is used with fewer ranks than it wanted, or rolled back, at its join deadline."""
    requires_mounts: bool = False
    """Whether a job whose working directory no template shares with the lead is held, or only told."""
    settle_s: float = 30
    """After a lead's start its own ranks come back one by one; a pod starts its broker again after 15 s."""
    rejoin_timeout_s: float = 300
    """Ranks that an active burst has lost are waited for so long; a pod starts its broker again after 15 s."""
    unwanted_after_s: float = 60
    """A burst on its way that no waiting job wants any more (canceled, or run elsewhere) is ended after this."""
    unused_after_s: float = 600
    """An active burst whose jobs Flux does not start is idle after this; beside others, such jobs rest."""
    max_lifetime_s: float = 8 * 3600
    """From the request until nothing of the burst may exist."""
    drain_before_end_s: float = 900
    """A burst is drained so long before its hard end."""
    lease_s: float = 1800
    """A burst's right to exist, from its last renewal; renewals come so often that several may be lost."""
    leave_timeout_s: float = 120
    """From telling brokers to leave until teardown is requested even if some are still online."""
    teardown_retry_s: float = 300
    """A teardown that was not confirmed is requested again, at doubling intervals from this up to eight times it."""
    cooldown_s: float = 600
    """A template rests so long in a zone that had no nodes, or whose breaker is open; it doubles with each further
    failure in a row, and up to a fifth is added so that many do not come back at once."""
    max_cooldown_s: float = 3600
    """The longest such rest; also the rest of a template after a failure that a person must mend (quota, config,
    permission)."""

    @property
    def is_capped(self) -> bool:
        """Whether any cap counts what bursts cost."""
        caps = (self.cap_usd_per_burst, self.cap_usd_per_day, self.cap_usd_total)
        return any(cap is not None for cap in caps)
