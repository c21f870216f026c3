"""A demo's lead as real Flux: its own brokers, and the flux commands that a user types."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from overspill_local.demo.commands import Finished, output_of, run
from overspill_local.demo.lead import COMMAND_TIMEOUT_S, JobFacts, start_brokers
from overspill_shared.hostlist import expand

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from overspill_local.flux_brokers import LeadLayout
    from overspill_local.supervisor import Supervisor


class RealLead:
    """Real Flux."""

    def __init__(self, layout: LeadLayout) -> None:
        self.layout = layout
        self.uri = layout.uri
        self.scheduler = layout.scheduler.value
        self._environ: Mapping[str, str] = {}

    async def start(self, supervisor: Supervisor, environ: Mapping[str, str]) -> None:
        """Start the brokers, then the queues: named ones begin stopped."""
        self._environ = await start_brokers(self.layout, self.layout, supervisor, environ)
        await output_of(self.layout.start_queues_argv(), env=self._environ, timeout_s=COMMAND_TIMEOUT_S)

    def submit_command(self, nodes: int, command: Sequence[str], *, burstable: bool) -> list[str]:
        """Give the command line: no constraint, no queue."""
        return ["flux", "submit", "-N", str(nodes), *(["--setattr=burstable"] if burstable else []), *command]

    async def submit(self, argv: Sequence[str]) -> str:
        """Submit."""
        return (await output_of(argv, env=self._environ, timeout_s=COMMAND_TIMEOUT_S)).strip()

    async def attach(self, jobid: str, timeout_s: float) -> Finished:
        """Wait for a job."""
        return await run(["flux", "job", "attach", jobid], env=self._environ, timeout_s=timeout_s)

    async def job(self, jobid: str) -> JobFacts:
        """Ask `flux jobs`."""
        text = await output_of(["flux", "jobs", "--json", jobid], env=self._environ, timeout_s=COMMAND_TIMEOUT_S)
        facts = json.loads(text)
        return JobFacts(
            state=str(facts.get("status", "")),
            nodes=expand(str(facts.get("nodelist", ""))),
            submitted_at=facts["t_submit"],
            started_at=facts.get("t_run"),
            ended_at=facts.get("t_cleanup") or facts.get("t_inactive"),
        )

    async def resources(self) -> str:
        """Run `flux resource list`."""
        return await output_of(["flux", "resource", "list"], env=self._environ, timeout_s=COMMAND_TIMEOUT_S)

    async def drained(self) -> int:
        """Ask `flux resource drain`."""
        argv = ["flux", "resource", "drain", "-n", "-o", "{nnodes}"]
        text = await output_of(argv, env=self._environ, timeout_s=COMMAND_TIMEOUT_S)
        return sum(int(line) for line in text.split())
