"""The provision function's settings: names, units, defaults and limits.

How settings are read stands in overspill_shared.settings; what they are used for does not stand here.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final, Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator

from overspill_provision.gke_settings import GkeSettings
from overspill_shared.function_settings import ClusterKind

CPU_MACHINE_TYPES: Final = tuple(
    f"{family}-*"
    for family in "c2 c2d c3 c3d c4 c4d e2 h3 h4d n1 n2 n2d t2d".split()  # noqa: SIM905 - reads as a list
)
PRIVATE_RANGES: Final = tuple(
    ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)

PINNED_IMAGE: Final = r"^[A-Za-z0-9][A-Za-z0-9._/:-]{0,250}@sha256:[0-9a-f]{64}$"


class ProvisionSettings(GkeSettings):
    """What the provision function is told by its deployment."""

    budget_s: float = Field(default=480, gt=0, le=3500)
    """Seconds that one delivery may wait for the cloud; below the function's own time-out (540 s) and the
    subscription's ack deadline (600 s)."""

    max_nodes_per_burst: int = Field(default=64, ge=1)
    """Most nodes that one burst may have, whatever a message asks for."""

    max_bursts: int = Field(default=16, ge=1)
    """Most bursts that may exist at once, those on their way among them."""

    max_lifetime_s: float = Field(default=86_400, gt=0)
    """Longest time from now until a burst's hard end."""

    max_message_age_s: float = Field(default=3600, gt=0)
    """A request older than this makes nothing any more; above the agents' join_timeout_s."""

    allowed_machine_types: tuple[str, ...] = CPU_MACHINE_TYPES
    """Shell-style patterns (JSON). The default leaves out accelerators: whoever wants them says so."""

    allowed_images: tuple[str, ...] = ()
    """Registry paths (`ghcr.io/lab` allows all below it) or digests of app_image and view_image; empty: any."""

    allowed_zones: tuple[str, ...] = ("*",)
    """Shell-style patterns (`us-central1-*`)."""

    allowed_lead_ranges: tuple[IPv4Network | IPv6Network, ...] = PRIVATE_RANGES
    """CIDR ranges that a lead's address must lie in; the default is what is private. List a public one here."""

    allowed_lead_names: tuple[str, ...] = ()
    """Shell-style patterns of host names that a lead may have; they are not resolved. The default allows none."""

    stockout_timeout_s: float = Field(default=720, gt=0)
    """Seconds from its creation after which a cluster that is still not up counts as a stock-out: GKE itself tells
    only after 35 minutes, and nine clusters of ten are up within six."""

    private_key: SecretStr | None = None
    """The private key lines that open sealed keys (`overspill keygen`), from Secret Manager."""

    private_key_file: Path | None = None
    """A file with those lines, instead; it is read for each message. To rotate, put the new key's line beside the old
    one, give the agents the new public key, and take the old line away once no request sealed for it is on its way."""

    operator_manifest: str = Field(default="", validate_default=True)
    """Path or https URL of the Flux Operator's manifest; needed, but for an existing cluster: its own operator is used,
    and left alone, where this is not set."""

    operator_manifest_sha256: str | None = Field(default=None, pattern=r"^[0-9A-Fa-f]{64}$")
    """The manifest's hash: needed with a URL, compared with a path too where it is set."""

    operator_image: str | None = Field(default=None, pattern=PINNED_IMAGE)
    """The Flux Operator's image by its digest (IMAGE@sha256:…), instead of the manifest's; needed where the manifest
    names a tag, as the operator's own does."""

    deadman_image: str = Field(
        default="docker.io/library/python:3.13.14-slim-trixie"
        "@sha256:6771159cd4fa5d9bba1258caf0b82e6b73458c694d178ad97c5e925c2d0e1a91",
        pattern=PINNED_IMAGE,
    )
    """Image by its digest that runs the dead-man's script in burst clusters: any with Python 3.11 or newer. Give a
    mirror of it where nodes do not reach Docker Hub."""

    @field_validator("operator_manifest")
    @classmethod
    def _new_clusters_get_an_operator(cls, text: str, info: ValidationInfo) -> str:
        if not text and info.data.get("clusters") is not ClusterKind.EXISTING:
            raise ValueError("a new cluster has no Flux Operator: say where its manifest is")
        return text

    @model_validator(mode="after")
    def _one_private_key(self) -> Self:
        if (self.private_key is None) == (self.private_key_file is None):
            raise ValueError("set either private_key or private_key_file")
        return self
