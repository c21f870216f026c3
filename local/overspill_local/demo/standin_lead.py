"""A demo's lead as the stand-in for Flux: its own brokers, and commands that look like Flux's."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from overspill_local.demo.commands import Finished, output_of, run
from overspill_local.demo.lead import COMMAND_TIMEOUT_S, JobFacts, start_brokers
from overspill_local.standin.client import StandInClient
from overspill_local.standin.jobid import parse_jobid
from overspill_local.standin_brokers import StandInBrokers
from overspill_shared.errors import OverspillError
from overspill_shared.hostlist import expand
from overspill_shared.idset import parse_idset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from overspill_local.flux_brokers import LeadLayout
    from overspill_local.supervisor import Supervisor

PROGRAM = (sys.executable, "-m", "overspill_local.standin")


class StandInLead:
    """The stand-in."""

    def __init__(self, layout: LeadLayout) -> None:
        self._layout = layout
        self._brokers = StandInBrokers(layout=layout)
        self.uri = self._brokers.uri
        self.scheduler = "stand-in"
        self._environ: Mapping[str, str] = {}

    async def start(self, supervisor: Supervisor, environ: Mapping[str, str]) -> None:
        """Start the brokers."""
        self._environ = await start_brokers(self._layout, self._brokers, supervisor, environ)

    def submit_command(self, nodes: int, command: Sequence[str], *, burstable: bool) -> list[str]:
        """Give the command line."""
        return [*PROGRAM, "submit", "-N", str(nodes), *(["--setattr=burstable"] if burstable else []), *command]

    async def submit(self, argv: Sequence[str]) -> str:
        """Submit."""
        return (await output_of(argv, env=self._environ, timeout_s=COMMAND_TIMEOUT_S)).strip()

    async def attach(self, jobid: str, timeout_s: float) -> Finished:
        """Wait for a job."""
        return await run([*PROGRAM, "attach", jobid], env=self._environ, timeout_s=timeout_s)

    async def job(self, jobid: str) -> JobFacts:
        """Ask the instance."""
        wanted = parse_jobid(jobid)
        async with await StandInClient.connect(self.uri) as client:
            job = next(job for job in await client.jobs() if job["jobid"] == wanted)
        return JobFacts(
            state=str(job["result"] or job["state"]),
            nodes=expand(str(job["nodelist"] or "")),
            submitted_at=job["t_submit"],
            started_at=job["t_run"],
            ended_at=job["t_cleanup"],
        )

    async def resources(self) -> str:
        """List resources as `flux resource list` does."""
        return await output_of([*PROGRAM, "resource-list"], env=self._environ, timeout_s=COMMAND_TIMEOUT_S)

    async def drained(self) -> int:
        """Ask the instance."""
        async with await StandInClient.connect(self.uri) as client:
            async for event in client.events():
                if event["kind"] == "drained":
                    return len(parse_idset(event["ranks"]))
        raise OverspillError("The stand-in's lead went away.")
