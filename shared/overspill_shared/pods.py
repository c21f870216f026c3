"""Pods as a burst sees them.

Values only; they are read by the KubernetesApi port.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class PodPhase(StrEnum):
    """Kubernetes' own (PodStatus.phase)."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    UNKNOWN = "Unknown"

    @classmethod
    def _missing_(cls, value: object) -> PodPhase:  # noqa: ARG003 - Enum's signature
        """A pod without a phase yet, or with one that this release does not know."""
        return cls.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a pod's containers do not run, in Kubernetes' own words."""

    reason: str
    """One word, such as Unschedulable, ImagePullBackOff, Pulling, FailedMount or CrashLoopBackOff."""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """One pod."""

    name: str
    phase: PodPhase
    is_leaving: bool = False
    """It was deleted and is on its way out, whatever its phase."""
    trouble: Trouble | None = None
    """What keeps it from running, or what it waits for, as far as Kubernetes says so."""


def count(pods: Iterable[Pod], phase: PodPhase) -> int:
    """Give how many pods are in a phase; those that are leaving do not count.

    Kubernetes calls a pod Running between two crashes too: one with a trouble does not count as that.
    """
    return sum(
        pod.phase is phase and not pod.is_leaving and not (phase is PodPhase.RUNNING and pod.trouble) for pod in pods
    )


def troubles(pods: Iterable[Pod]) -> str:
    """Say what keeps pods from running: how many, why, and one pod's text; empty if nothing is known to.

    >>> pull = Trouble(reason="ImagePullBackOff", text="Back-off pulling image")
    >>> troubles([Pod(name=f"burst-0-{index}", phase=PodPhase.PENDING, trouble=pull) for index in range(3)])
    '3 pods ImagePullBackOff: Back-off pulling image'
    """
    texts: dict[str, list[str]] = defaultdict(list)
    for pod in pods:
        if pod.trouble and not pod.is_leaving:
            texts[pod.trouble.reason].append(pod.trouble.text)
    return "; ".join(
        f"{len(told)} pod{'s' if len(told) > 1 else ''} {reason}" + (f": {told[0]}" if told[0] else "")
        for reason, told in sorted(texts.items(), key=lambda item: (-len(item[1]), item[0]))
    )
