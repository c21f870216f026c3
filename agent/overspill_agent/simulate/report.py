"""A run summed up: what people waited, what was paid, what was used for it. Pure; it prints and draws nothing."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from overspill_agent.simulate.outcomes import End

if TYPE_CHECKING:
    from collections.abc import Sequence

    from overspill_agent.simulate.outcomes import Run

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The figures of one policy. Waits are those of the jobs that started."""

    policy: str
    jobs_done: int
    jobs_on_bursts: int
    jobs_killed: int
    jobs_refused: int
    jobs_unstarted: int
    wait_mean_s: float
    wait_p50_s: float
    wait_p95_s: float
    wait_max_s: float
    cost_usd: float | None
    """Of nodes and clusters; None where a node's price is not known."""
    counted_usd: float
    """Of nodes, by the agent's own ledger: what its caps compare with."""
    cluster_h: float
    """How long clusters were there, with nodes or without."""
    node_h_paid: float
    node_h_used: float
    """Of what was paid for, with a job on it."""
    bursts: int
    bursts_failed: int
    bursts_leaked: int
    """Those that still cost money three days after the last job."""
    turns: int


def percentile(values: Sequence[float], share: float) -> float:
    """Give the least of these values that `share` of them do not exceed (nearest rank); 0 without any.

    >>> percentile([4, 1, 3, 2], 0.5)
    2
    """
    if not values:
        return 0.0
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def summarise(run: Run, price_usd_per_h: float | None, cluster_usd_per_h: float = 0.0) -> Summary:
    """Sum up a run, by the prices of a node, and of a cluster without its nodes."""
    waits = [outcome.wait_s for outcome in run.jobs if outcome.wait_s is not None]
    ends = [outcome.end for outcome in run.jobs]
    paid_h = sum(burst.paid_node_s for burst in run.bursts) / HOUR_S
    cluster_h = sum(burst.existed_s for burst in run.bursts) / HOUR_S
    return Summary(
        policy=run.policy,
        jobs_done=ends.count(End.DONE),
        jobs_on_bursts=sum(outcome.is_on_burst for outcome in run.jobs),
        jobs_killed=ends.count(End.KILLED),
        jobs_refused=ends.count(End.REFUSED),
        jobs_unstarted=ends.count(End.UNSTARTED),
        wait_mean_s=fmean(waits) if waits else 0.0,
        wait_p50_s=percentile(waits, 0.5),
        wait_p95_s=percentile(waits, 0.95),
        wait_max_s=max(waits, default=0.0),
        cost_usd=None if price_usd_per_h is None else paid_h * price_usd_per_h + cluster_h * cluster_usd_per_h,
        counted_usd=run.counted_usd,
        cluster_h=cluster_h,
        node_h_paid=paid_h,
        node_h_used=sum(burst.used_node_s for burst in run.bursts) / HOUR_S,
        bursts=len(run.bursts),
        bursts_failed=sum(burst.online_at is None for burst in run.bursts),
        bursts_leaked=sum(burst.is_leaked for burst in run.bursts),
        turns=run.turns,
    )


def as_json(summary: Summary) -> dict[str, Any]:
    """Give the figures for scripts, rounded to what they are good for."""
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in asdict(summary).items()}


def in_words(seconds: float) -> str:
    """Give a duration for people.

    >>> in_words(45), in_words(600), in_words(9000), in_words(200000)
    ('45 s', '10 min', '2.5 h', '2.3 d')
    """
    # A unit is used up to one and a half of the next: 80 min tells more than 1.3 h.
    for unit_s, unit, digits in ((1, "s", 0), (60, "min", 0), (HOUR_S, "h", 1)):
        if seconds < 1.5 * _NEXT_S[unit]:
            return f"{seconds / unit_s:.{digits}f} {unit}"
    return f"{seconds / _NEXT_S['h']:.1f} d"


_NEXT_S = {"s": 60.0, "min": HOUR_S, "h": 24 * HOUR_S}
