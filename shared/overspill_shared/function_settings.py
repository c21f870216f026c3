"""Settings that every Cloud Function has.

What one function needs alone stands in its own settings module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import Field

from overspill_shared import names
from overspill_shared.settings import ENV_PREFIX, Settings, load

if TYPE_CHECKING:
    from collections.abc import Mapping


class FunctionSettings(Settings):
    """What every function is told by its deployment."""

    project: str = Field(min_length=1)
    """Google Cloud project of the topics; GOOGLE_CLOUD_PROJECT where it is not set."""

    burst_project: str = ""
    """Google Cloud project of the bursts' clusters, best one that holds nothing else; default: `project`."""

    deployment: str = Field(default="default", pattern=names.NAME_PATTERN)
    """The deployment that this function belongs to; messages of another are refused, clusters of another untouched."""

    poll_s: float = Field(default=5, gt=0, le=60)
    """Seconds between two looks at something that is on its way."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lines below this level are not written."""

    @property
    def clusters_in(self) -> str:
        """The project of the bursts' clusters."""
        return self.burst_project or self.project


F = TypeVar("F", bound=FunctionSettings)


def load_for_function(model: type[F], environ: Mapping[str, str]) -> F:
    """Read a function's settings from its environment.

    Raises ConfigError that names every wrong key.
    """
    key = f"{ENV_PREFIX}PROJECT"
    project = environ.get(key) or environ.get("GOOGLE_CLOUD_PROJECT", "")
    return load(model, {**environ, key: project})
