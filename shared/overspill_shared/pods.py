"""Pods as a burst sees them.

Values only; they are read by the KubernetesApi port.
"""

from __future__ import annotations

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
class Pod:
    """One pod."""

    name: str
    phase: PodPhase
    is_leaving: bool = False
    """It was deleted and is on its way out, whatever its phase."""


def count(pods: Iterable[Pod], phase: PodPhase) -> int:
    """Give how many pods are in a phase; those that are leaving do not count."""
    return sum(pod.phase is phase and not pod.is_leaving for pod in pods)
