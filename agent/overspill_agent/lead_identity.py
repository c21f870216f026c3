"""Who an instance is to the functions: names, address, runtime, and what its burst brokers are told. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from overspill_agent.agent_settings import DEFAULT_APP_IMAGE, DEFAULT_VIEW_IMAGE
from overspill_agent.lead_address import LeadAddress, find_lead_address
from overspill_agent.topology import burst_topology
from overspill_shared import broker_toml, names
from overspill_shared.errors import ConfigError
from overspill_shared.hostlist import compress
from overspill_shared.messages import Lead, Runtime

if TYPE_CHECKING:
    from overspill_agent.agent_settings import AgentSettings
    from overspill_agent.own_pod import PodFacts
    from overspill_agent.ports import InstanceFacts
    from overspill_shared.secrets import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who this instance is to the functions, fixed at start."""

    deployment: str
    lead: Lead
    runtime: Runtime
    hostlist: str
    broker_toml: str
    public_key: str
    address: LeadAddress
    """How `lead` was found."""
    munge_key: Secret | None = None
    """Sealed beside the certificate where jobs are signed by munge."""


def build_identity(
    facts: InstanceFacts,
    settings: AgentSettings,
    public_key: str,
    *,
    pod: PodFacts | None = None,
    munge_key: Secret | None = None,
) -> Identity:
    """Give who the instance is; `pod` is the one that its lead runs in, None outside of a cluster.

    Raises ConfigError naming the key if the lead's address cannot be found, a name does not fit, or rank 0 is not the
    parent of every burst rank.
    """
    address = find_lead_address(facts.config, host=settings.lead_host, port=settings.lead_port, pod=pod)
    host, port = address.host, address.port
    topology = burst_topology(facts, burst_property=settings.burst_property)
    try:
        lead = Lead(
            id=settings.lead_id or names.lead_id(facts.hosts[0]),
            host=host,
            port=port,
            name=facts.hosts[0],
            size=len(facts.hosts),
        )
        runtime = Runtime(
            flux_version=facts.flux_version,
            prefix=facts.prefix,
            uid=facts.uid,
            gid=facts.gid,
            app_image=settings.app_image or (pod and pod.app_image) or DEFAULT_APP_IMAGE,
            view_image=settings.view_image or (pod and pod.view_image) or DEFAULT_VIEW_IMAGE,
            topology=topology,
        )
    except ValueError as exc:
        raise _no_identity(exc) from None
    return Identity(
        deployment=settings.deployment,
        lead=lead,
        runtime=runtime,
        hostlist=compress(facts.hosts),
        broker_toml=broker_toml.build_burst_config(facts.config, host=host, port=port),
        public_key=public_key,
        address=address,
        munge_key=munge_key,
    )


def _no_identity(error: ValueError) -> ConfigError:
    """Name what of the instance cannot be told to the functions: `lead.name`, `runtime.prefix` and so on."""
    text = str(error)
    if isinstance(error, ValidationError):
        found = error.errors(include_url=False)
        text = "; ".join(f"{error.title.lower()}.{item['loc'][0]} {str(item['input'])[:80]!r}" for item in found)
    return ConfigError(
        f"the functions cannot be told who this instance is: {text}.",
        remedy="Correct it in the instance's configuration, or set lead_id and lead_host.",
        code="identity",
    )
