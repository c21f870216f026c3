"""The end of a join: which ranks are missing at the deadline, why, and what becomes of the burst. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from overspill_shared.errors import ErrorClass
from overspill_shared.hostlist import compress
from overspill_shared.idset import format_idset
from overspill_shared.lifecycle import BurstState
from overspill_shared.messages import EventError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from overspill_agent.bursts import Burst
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.snapshot import Snapshot
    from overspill_shared.idset import Ranks

NOTHING_ARRIVED: Final = "nothing arrived at the lead"
_SILENT: Final = (
    "Check that burst nodes reach the lead's address and port (Service, firewall, NAT), that the curve certificate is"
    " the one that the lead runs with, and the pods' logs (`kubectl logs`): a wrong certificate is silent."
)
_REMEDIES: Final = (
    ("version mismatched", "Give the burst an image with the lead's Flux MAJOR.MINOR (app_image, view_image)."),
    ("configured as rank", "Both sides must list the same hosts in the same order: restart the lead if it changed."),
    ("not a child", "Both sides must have the same tbon.topo: `kary:0` on lead and burst past 256 ranks."),
    (NOTHING_ARRIVED, _SILENT),
)


def is_due(snapshot: Snapshot, now: float) -> bool:
    """Tell whether a join's deadline has passed: then the lead's reasons for missing ranks are worth asking for."""
    return any(_is_late(burst, now) for burst in snapshot.bursts)


def settle_joining(snapshot: Snapshot, policy: Policy, now: float) -> Snapshot:
    """End the joins whose deadline has passed."""
    return replace(snapshot, bursts=tuple(_settled(snapshot, burst, policy, now) for burst in snapshot.bursts))


def explain_missing(snapshot: Snapshot, missing: Ranks) -> tuple[str, str]:
    """Give (text, remedy) for ranks that did not join: each reason with its hosts, the most telling first."""
    reasons: dict[str, list[int]] = {}
    for rank in sorted(missing):
        reasons.setdefault(snapshot.join_errors.get(rank, NOTHING_ARRIVED), []).append(rank)
    ordered = sorted(reasons, key=lambda reason: reason == NOTHING_ARRIVED)
    text = "; ".join(f"{_hosts(snapshot, reasons[reason])}: {reason}" for reason in ordered)
    remedies = [remedy for mark, remedy in _REMEDIES if any(mark in reason for reason in ordered)]
    return text, " ".join(remedies)


def _settled(snapshot: Snapshot, burst: Burst, policy: Policy, now: float) -> Burst:
    if _is_late(burst, now):
        return _late(snapshot, burst, policy, now)
    return burst


def _is_late(burst: Burst, now: float) -> bool:
    return burst.state is BurstState.JOINING and now >= burst.deadline_at


def _late(snapshot: Snapshot, burst: Burst, policy: Policy, now: float) -> Burst:
    joined = burst.ranks & snapshot.online
    missing = burst.ranks - joined
    text, remedy = explain_missing(snapshot, missing)
    if joined and policy.accepts_partial_join:
        cause = f"{len(joined)} of {burst.size} ranks joined in time, and that is accepted; missing: {text}"
        return burst.moved(BurstState.ACTIVE, at=now, cause=cause).model_copy(
            update={"lost_idset": format_idset(missing), "idle_since": None}
        )
    error = EventError.model_validate(
        {
            "class": ErrorClass.JOIN,
            "code": "join-deadline",
            "text": f"{len(missing)} of {burst.size} ranks had not joined at the deadline: {text}.",
            "remedy": remedy,
        }
    )
    return burst.failed(error, at=now)


def _hosts(snapshot: Snapshot, ranks: Iterable[int]) -> str:
    return compress(snapshot.facts.hosts[rank] for rank in ranks)
