"""What an operator wants, as one frozen value: the numbers that decisions compare with. Pure, no rule stands here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Times in seconds; the defaults are the settings' defaults."""

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
    """An active burst whose jobs Flux does not start is idle after this."""
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
    cooldown_s: float = 60
    """After a failure its slot waits so long, doubling with each further failure in a row."""
    max_cooldown_s: float = 3600
