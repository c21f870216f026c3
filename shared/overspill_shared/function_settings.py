"""Settings that every Cloud Function has.

What one function needs alone stands in its own settings module.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self, TypeVar

from pydantic import Field, model_validator

from overspill_shared import names
from overspill_shared.settings import ENV_PREFIX, Settings, load

if TYPE_CHECKING:
    from collections.abc import Mapping


class ClusterKind(StrEnum):
    """What a burst's cluster is."""

    GKE = "gke"
    EXISTING = "existing"


class FunctionSettings(Settings):
    """What every function is told by its deployment."""

    project: str = Field(min_length=1)
    """Google Cloud project of the topics; GOOGLE_CLOUD_PROJECT where it is not set."""

    burst_project: str = ""
    """Google Cloud project of the bursts' clusters, best one that holds nothing else; default: `project`."""

    deployment: str = Field(default="default", pattern=names.NAME_PATTERN)
    """The deployment that this function belongs to; messages of another are refused, clusters of another untouched."""

    clusters: ClusterKind = ClusterKind.GKE
    """Where bursts run: `gke` makes a cluster for each, `existing` gives each a namespace of one that is there."""

    kubeconfig: Path | None = None
    """The file that says how to reach the existing cluster."""

    kubeconfig_context: str = ""
    """Which of the file's contexts; default: its current one."""

    poll_s: float = Field(default=5, gt=0, le=60)
    """Seconds between two looks at something that is on its way."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lines below this level are not written."""

    @property
    def clusters_in(self) -> str:
        """The project of the bursts' clusters."""
        return self.burst_project or self.project

    @model_validator(mode="after")
    def _existing_cluster_is_reachable(self) -> Self:
        if (self.clusters is ClusterKind.EXISTING) != (self.kubeconfig is not None):
            raise ValueError("set kubeconfig where clusters is `existing`, and only there")
        return self


F = TypeVar("F", bound=FunctionSettings)


def load_for_function(model: type[F], environ: Mapping[str, str]) -> F:
    """Read a function's settings from its environment.

    Raises ConfigError that names every wrong key.
    """
    key = f"{ENV_PREFIX}PROJECT"
    project = environ.get(key) or environ.get("GOOGLE_CLOUD_PROJECT", "")
    return load(model, {**environ, key: project})
