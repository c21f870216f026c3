"""`overspill doctor`: connect, look, judge, show. Its options stand in `cli`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.console import Console

from overspill_agent import wiring
from overspill_agent.doctor import report
from overspill_agent.doctor.collect import examine
from overspill_agent.doctor.diagnosis import diagnose
from overspill_agent.doctor.finding import Finding
from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_agent.agent_settings import AgentSettings
    from overspill_agent.ports import FluxInstance


def run(settings: AgentSettings, environ: Mapping[str, str], *, as_json: bool) -> int:
    """Examine the instance of FLUX_URI, print the findings, and give the exit code.

    Raises FluxUnavailable if no broker answers, ConfigError if it is not the lead's or does not let this user in.
    """
    instance = wiring.connect(environ)
    try:
        findings = find(instance, settings, environ)
    finally:
        instance.close()
    console = Console(highlight=False)
    if as_json:
        console.out(json.dumps(report.as_json(findings), indent=2))
    else:
        report.show(console, findings)
        console.out(report.summary(findings))
    return report.exit_code(findings)


def find(instance: FluxInstance, settings: AgentSettings, environ: Mapping[str, str]) -> tuple[Finding, ...]:
    """Give the findings about an instance; one that cannot be examined is a finding itself."""
    try:
        return diagnose(examine(instance, settings, environ))
    except ConfigError as exc:
        config = '[resource]\npath = "/etc/flux/R"\n' if exc.code == "resource-path" else ""
        return (Finding.of_error(exc.code, exc, config=config),)
