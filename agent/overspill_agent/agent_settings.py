"""The agent's settings: a TOML file (`--config`), `OVERSPILL_*` variables and flags, all optional where possible.

Each field's description is its documentation. Nothing here acts on a setting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from overspill_agent.deciding.slots import DEFAULT_TEMPLATE
from overspill_agent.policy_settings import PolicySettings
from overspill_agent.prices import PriceList, price_of, shipped
from overspill_shared.errors import ConfigError
from overspill_shared.fields import HostName, ImageRef, Name
from overspill_shared.sealing import parse_public_key
from overspill_shared.settings import load
from overspill_shared.templates import NodeShape, Template

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from overspill_agent.ports import InstanceFacts

DEFAULT_APP_IMAGE: Final = "rockylinux:9"
DEFAULT_VIEW_IMAGE: Final = "ghcr.io/converged-computing/flux-view-rocky:tag-9"
"""The Flux Operator's own."""


class SlotSettings(BaseModel):
    """What an operator says about one slot."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    template: Name = DEFAULT_TEMPLATE
    min_nodes: int = Field(default=1, ge=1, description="a burst of it has no fewer")


class TemplateSettings(NodeShape):
    """A kind of node that can be rented: Template without its name, which is the table's; no key may be unknown."""

    model_config = ConfigDict(extra="forbid")


class AgentSettings(PolicySettings):
    """Everything that the agent can be told."""

    project: str = Field(default="", description="Google Cloud project; default: GOOGLE_CLOUD_PROJECT")
    deployment: Name = Field(default="default", description="which deployment's functions are asked")
    lead_id: Name | None = Field(default=None, description="unique in a deployment; default: rank 0's host prefix")
    lead_host: HostName | None = Field(
        default=None,
        description="where burst nodes reach the lead; default: a Service of its pod, else rank 0's connect",
    )
    lead_port: int | None = Field(default=None, ge=1, le=65535, description="default: as lead_host")
    public_key: str = Field(default="", description="the deployment's public sealing key, as a line of text")
    public_key_file: str = Field(default="", description="a file that holds it")
    burst_property: str = Field(default="burst", min_length=1, description="property in R that marks slots' ranks")
    munge_key_file: str = Field(
        default="", description="munge's key for burst nodes; default: /etc/munge/munge.key where jobs need it"
    )
    app_image: ImageRef | None = Field(
        default=None, description=f"the application's image; default: the lead pod's own, else {DEFAULT_APP_IMAGE}"
    )
    view_image: ImageRef | None = Field(
        default=None, description=f"the image that brings Flux; default: the lead pod's, else {DEFAULT_VIEW_IMAGE}"
    )
    slots: dict[str, SlotSettings] = Field(default_factory=dict, description="[slots.<name>] template")
    templates: dict[Name, TemplateSettings] = Field(default_factory=dict, description="[templates.<name>]")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="least level written")
    log_format: Literal["json", "plain"] = Field(default="json", description="for machines, or for a terminal")

    def named_templates(self, facts: InstanceFacts) -> dict[str, Template]:
        """Give the templates by name, with one called `default` even where none is set.

        The built-in default has the cores and GPUs that R gives the slots' ranks: R is what jobs are placed by.

        Raises ConfigError naming a template whose image has another Flux than the instance, or does not say which.
        """
        named = {
            name: Template.model_validate({"name": name, **template.model_dump()})
            for name, template in self.templates.items()
        }
        for template in named.values():
            _check_flux_version(template, facts.flux_version)
        if DEFAULT_TEMPLATE not in named:
            marked = [r for r in facts.resources if self.burst_property in r.properties]
            named[DEFAULT_TEMPLATE] = Template(
                name=DEFAULT_TEMPLATE,
                machine_type="c2-standard-8",
                cores=max((r.cores for r in marked), default=4) or 1,
                gpus=max((r.gpus for r in marked), default=0),
                memory_mib=32 * 1024,
                zones=("us-central1-a",),
            )
        prices = shipped()
        return {name: _priced(template, prices) for name, template in named.items()}

    def sealing_key(self, read: Callable[[str], str]) -> str:
        """Give the public key's line; `read` gives the text of a file, or raises OSError.

        Raises ConfigError if there is none, or it is none.
        """
        if self.public_key:
            return _parsed(self.public_key, "public_key")
        if not self.public_key_file:
            raise ConfigError(
                "public_key: no key to seal the curve certificate with.",
                remedy="Set OVERSPILL_PUBLIC_KEY or public_key_file to the deployment's public key.",
                code="public-key",
            )
        try:
            return _parsed(read(self.public_key_file), "public_key_file")
        except OSError as exc:
            raise ConfigError(
                f"public_key_file: {self.public_key_file}: {exc.strerror}.", remedy="Correct it.", code="public-key"
            ) from None


def _priced(template: Template, prices: PriceList) -> Template:
    """Give a template the list's price where it has none."""
    return template.model_copy(update={"price_usd_per_h": price_of(template, prices)})


def _check_flux_version(template: Template, flux_version: str) -> None:
    """Brokers of another MAJOR.MINOR are refused by the lead: better not rent nodes for them."""
    key, wanted = f"templates.{template.name}.flux_version", _release(flux_version)
    if template.app_image and not template.flux_version:
        raise ConfigError(
            f"{key}: the image {template.app_image} is not the lead's, and nothing says which Flux it goes with.",
            remedy=f"Set it to the version of Flux that this image is made for; the instance has {flux_version}.",
            code="flux-version",
        )
    if template.flux_version and _release(template.flux_version) != wanted:
        raise ConfigError(
            f"{key}: {template.flux_version} cannot join an instance of Flux {flux_version}:"
            " MAJOR.MINOR must be the same.",
            remedy=f"Choose an image with Flux {wanted}.",
            code="flux-version",
        )


def _release(version: str) -> str:
    """Give MAJOR.MINOR."""
    return ".".join(version.split(".")[:2])


def _parsed(text: str, key: str) -> str:
    try:
        return parse_public_key(text)
    except ConfigError as exc:
        raise ConfigError(f"{key}: {exc.text}", remedy=exc.remedy, code=exc.code) from None


def load_agent_settings(
    environ: Mapping[str, str], *, file: Path | None = None, flags: Mapping[str, Any] | None = None
) -> AgentSettings:
    """Read the settings; the project falls back to GOOGLE_CLOUD_PROJECT.

    Raises ConfigError naming every wrong key.
    """
    settings = load(AgentSettings, environ, file=file, flags=flags)
    if not settings.project:
        settings = settings.model_copy(update={"project": environ.get("GOOGLE_CLOUD_PROJECT", "")})
    return settings
