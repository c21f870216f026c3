"""A demo's lead as real Flux: its own brokers, and the flux commands that a user types."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from overspill_local import pod_hostname
from overspill_local.demo.commands import Finished, output_of, run
from overspill_local.demo.lead import COMMAND_TIMEOUT_S, START_TIMEOUT_S, JobFacts
from overspill_shared.hostlist import expand

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from overspill_local.flux_brokers import LeadLayout
    from overspill_local.supervisor import Supervisor


class RealLead:
    """Real Flux."""

    def __init__(self, layout: LeadLayout) -> None:
        self._layout = layout
        self.uri = layout.uri
        self.scheduler = layout.scheduler.value
        self._environ: Mapping[str, str] = {}

    async def start(self, supervisor: Supervisor, environ: Mapping[str, str]) -> None:
        """Write the configuration, start the brokers, wait, and start the queues."""
        layout = self._layout
        for directory in layout.directories:
            directory.mkdir(mode=0o700, exist_ok=True)
        for file, text in layout.files.items():
            file.write_text(text)
        await output_of(layout.keygen_argv(), env=environ, timeout_s=COMMAND_TIMEOUT_S)
        self._environ = {**environ, "FLUX_URI": self.uri}
        for rank in layout.local_ranks:
            host = layout.hosts[rank]
            await supervisor.start(f"lead-{rank}", pod_hostname.wrap(host, layout.local_argv(rank)), env=environ)
        await output_of(layout.wait_argv(timeout_s=START_TIMEOUT_S), env=self._environ, timeout_s=START_TIMEOUT_S + 5)
        await output_of(layout.start_queues_argv(), env=self._environ, timeout_s=COMMAND_TIMEOUT_S)

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
