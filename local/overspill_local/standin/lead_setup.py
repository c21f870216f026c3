"""Starting a lead broker: what its configuration must bring beside the hosts, and its signals.

Imported by `broker` for rank 0 alone, so that followers, of which there are many, start faster.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overspill_local.standin.certificate import certificate_hash
from overspill_local.standin.lead import Lead, LeadSettings
from overspill_local.standin.link import torpid_after_s
from overspill_local.standin.protocol import socket_path
from overspill_local.standin.resources import read_r
from overspill_local.standin.signals import on_termination
from overspill_shared import broker_toml
from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


async def run_lead(settings: LeadSettings) -> int:
    """Serve until SIGTERM; gives the process's exit code."""
    lead = Lead(settings)
    on_termination(lead.stop)
    return await lead.run()


def read_settings(
    config: Mapping[str, Any], hosts: Sequence[str], *, local_uri: str, statedir: Path | None
) -> LeadSettings:
    """Read what a lead needs.

    Raises ConfigError naming the key that is missing or wrong.
    """
    try:
        socket = Path(socket_path(local_uri))
    except ValueError as exc:
        raise ConfigError(f"--local-uri: {exc}.", remedy="Give a shorter --rundir.", code="local-uri") from None
    if statedir:
        statedir.mkdir(parents=True, exist_ok=True)
    return LeadSettings(
        config=config,
        shapes=read_r(_load_r(config), hosts),
        cert_sha256=certificate_hash(config),
        bind=_bind_address(config) if len(hosts) > 1 else None,
        socket=socket,
        statedir=statedir,
        torpid_after_s=torpid_after_s(config),
    )


def _load_r(config: Mapping[str, Any]) -> Mapping[str, Any]:
    path = config.get("resource", {}).get("path")
    if not isinstance(path, str):
        raise ConfigError(
            "resource.path is not set: the lead has no resources.",
            remedy="Write R for every host of bootstrap.hosts (`flux R encode`, RFC 20), and name the file there.",
            code="resource-path",
        )
    try:
        r = json.loads(Path(path).read_text())
    except (OSError, ValueError) as exc:
        raise ConfigError(f"resource.path: {path}: {exc}.", remedy="Write R there.", code="resource-path") from None
    return r if isinstance(r, dict) else {}


def _bind_address(config: Mapping[str, Any]) -> tuple[str, int]:
    bootstrap = config["bootstrap"]
    first = bootstrap["hosts"][0]
    uri = (first.get("bind") if isinstance(first, dict) else None) or bootstrap.get("default_bind", "")
    return broker_toml.parse_tcp_uri(str(uri), "bootstrap.hosts[0].bind")
