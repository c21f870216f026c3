"""Whether a burst may still exist, by the labels of its cluster and the lease in it. Pure.

A sweep asks this of every burst, and a teardown that a sweep requested asks it once more, just before it deletes: a
lease that was renewed meanwhile counts. What cannot be read is no reason to end anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from overspill_shared import names
from overspill_shared.clusters import USABLE, Cluster, ClusterOperation, ClusterStatus, OperationKind
from overspill_shared.messages import TeardownReason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from overspill_shared.lease import Lease

REJUDGED: Final = frozenset({TeardownReason.SWEEP, TeardownReason.LEASE_LAPSED})
"""Reasons that a sweep gives: they must hold when the cluster is deleted, not only when it was looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What a cluster's Kubernetes API shows of its burst's right to exist."""

    lease: Lease | None
    has_minicluster: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """It may exist, or nothing proves that it may not."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """It must not exist any longer."""

    teardown_reason: TeardownReason
    reason: str


Verdict = Keep | End


def judge(cluster: Cluster, inside: Inside | None, *, now: float, forgotten_after_s: float) -> Verdict:
    """Tell whether a cluster that is ours may exist; `inside` is None where nothing is known of it.

    A burst that never came to hold a lease is forgotten `forgotten_after_s` after its creation. A provision may work on
    it until then, and an agent that lives ends it long before.
    """
    if cluster.status is ClusterStatus.STOPPING:
        return Keep(reason="it is being deleted")
    hard_end = hard_end_of(cluster)
    if hard_end is not None and now >= hard_end:
        return End(teardown_reason=TeardownReason.SWEEP, reason=f"its lifetime ended {now - hard_end:.0f} s ago")
    age_s = now - cluster.created_at
    is_old = age_s >= forgotten_after_s
    if cluster.status not in USABLE:
        return _forgotten(f"it is {cluster.status}, {age_s:.0f} s after its creation", is_old=is_old)
    if inside is None:
        return Keep(reason="nothing is known of what is inside, and its labels give it time")
    if inside.lease is not None:
        left_s = inside.lease.expires_at - now
        if inside.lease.has_lapsed(now):
            return End(teardown_reason=TeardownReason.LEASE_LAPSED, reason=f"its lease lapsed {-left_s:.0f} s ago")
        return Keep(reason=f"its lease lasts for another {left_s:.0f} s")
    if inside.has_minicluster:
        return Keep(reason="it has a MiniCluster, and no lease that could lapse")
    return _forgotten(f"it has neither lease nor MiniCluster, {age_s:.0f} s after its creation", is_old=is_old)


def judge_remains(verdict: Verdict, operations: Iterable[ClusterOperation]) -> Verdict:
    """Give the verdict on a cluster that cannot be used, once its operations are known too.

    A deletion that failed leaves such a cluster behind. What it was ordered for held then, and nothing can come of the
    cluster any more: it is ordered again.
    """
    if isinstance(verdict, Keep) and any(operation.kind is OperationKind.DELETE for operation in operations):
        return End(teardown_reason=TeardownReason.SWEEP, reason="its deletion was ordered before, and failed")
    return verdict


def hard_end_of(cluster: Cluster) -> float | None:
    """Give the time (epoch seconds) after which nothing of the burst may exist; None if its label does not tell."""
    label = cluster.labels.get(names.LABEL_EXPIRES, "")
    return float(label) if re.fullmatch(r"[0-9]{1,12}", label) else None


def _forgotten(reason: str, *, is_old: bool) -> Verdict:
    return End(teardown_reason=TeardownReason.SWEEP, reason=reason) if is_old else Keep(reason=reason)
