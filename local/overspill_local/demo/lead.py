"""What a demo needs of its lead instance, real Flux or the stand-in. Which of the two it is is decided elsewhere.

Commands only, as a user would type them; the agent has its own connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from overspill_local import pod_hostname
from overspill_local.demo.commands import CommandFailed, output_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from overspill_local.demo.commands import Finished
    from overspill_local.flux_brokers import LeadLayout
    from overspill_local.supervisor import Supervisor

START_TIMEOUT_S: Final = 30.0
COMMAND_TIMEOUT_S: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """What the instance says of a job; times in epoch seconds."""

    state: str
    nodes: tuple[str, ...]
    submitted_at: float
    started_at: float | None
    ended_at: float | None


class DemoLead(Protocol):
    """A lead instance that a demo can use."""

    uri: str
    scheduler: str

    async def start(self, supervisor: Supervisor, environ: Mapping[str, str]) -> None:
        """Start the lead's own brokers and wait until they are up."""
        ...

    def submit_command(self, nodes: int, command: Sequence[str], *, burstable: bool) -> list[str]:
        """Give the command line as a user would type it."""
        ...

    async def submit(self, argv: Sequence[str]) -> str:
        """Submit; gives the job's id as it is shown."""
        ...

    async def attach(self, jobid: str, timeout_s: float) -> Finished:
        """Wait for a job; gives its output and exit code."""
        ...

    async def job(self, jobid: str) -> JobFacts:
        """Ask what became of a job."""
        ...

    async def resources(self) -> str:
        """Give the text of `flux resource list`."""
        ...

    async def drained(self) -> int:
        """Count the drained ranks."""
        ...


class LeadCommands(Protocol):
    """The commands that run a lead, real Flux's or the stand-in's."""

    @property
    def uri(self) -> str:
        """What FLUX_URI must be."""
        ...

    def keygen_argv(self) -> list[str]:
        """Make the certificate."""
        ...

    def local_argv(self, rank: int) -> list[str]:
        """Run one of the lead's own brokers."""
        ...

    def wait_argv(self, *, timeout_s: float) -> list[str]:
        """Wait until the lead's own ranks are online."""
        ...


async def start_brokers(
    layout: LeadLayout, commands: LeadCommands, supervisor: Supervisor, environ: Mapping[str, str]
) -> dict[str, str]:
    """Write a lead's files, start its own brokers and wait; gives the environment that finds it.

    Raises CommandFailed or ProcessError with what the failing command said.
    """
    for directory in layout.directories:
        directory.mkdir(mode=0o700, exist_ok=True)
    for file, text in layout.files.items():
        file.write_text(text)
    await output_of(commands.keygen_argv(), env=environ, timeout_s=COMMAND_TIMEOUT_S)
    brokers = [
        await supervisor.start(
            f"lead-{rank}", pod_hostname.wrap(layout.hosts[rank], commands.local_argv(rank)), env=environ
        )
        for rank in layout.local_ranks
    ]
    found = {**environ, "FLUX_URI": commands.uri}
    try:
        await output_of(commands.wait_argv(timeout_s=START_TIMEOUT_S), env=found, timeout_s=START_TIMEOUT_S + 5)
    except CommandFailed as exc:
        raise CommandFailed(f"The lead did not come up. {exc.text} Its last output:\n{brokers[0].tail()}") from None
    return found
