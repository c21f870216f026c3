"""The provision function's settings: names, units, defaults and limits.

How settings are read stands in overspill_shared.settings; what they are used for does not stand here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from overspill_provision.gke_settings import GkeSettings


class ProvisionSettings(GkeSettings):
    """What the provision function is told by its deployment."""

    budget_s: float = Field(default=480, gt=0, le=3500)
    """Seconds that one delivery may wait for the cloud; below the function's own time-out (540 s) and the
    subscription's ack deadline (600 s)."""

    max_nodes_per_burst: int = Field(default=64, ge=1)
    """Most nodes that one burst may have, whatever a message asks for."""

    private_key: SecretStr | None = None
    """The private key lines that open sealed keys (`overspill keygen`), from Secret Manager."""

    private_key_file: Path | None = None
    """A file with those lines, instead."""

    operator_manifest: str = Field(min_length=1)
    """Path or https URL of the Flux Operator's manifest."""

    operator_manifest_sha256: str | None = Field(default=None, pattern=r"^[0-9A-Fa-f]{64}$")
    """The manifest's hash: needed with a URL, compared with a path too where it is set."""

    @model_validator(mode="after")
    def _one_private_key(self) -> Self:
        if (self.private_key is None) == (self.private_key_file is None):
            raise ValueError("set either private_key or private_key_file")
        return self
