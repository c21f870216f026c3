"""What a demo needs of its lead instance, real Flux or the stand-in. Which of the two it is is decided elsewhere.

Commands only, as a user would type them; the agent has its own connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from overspill_local.demo.commands import Finished
    from overspill_local.supervisor import Supervisor

START_TIMEOUT_S: Final = 30.0
COMMAND_TIMEOUT_S: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """What the instance says of a job that has ended; times in epoch seconds."""

    state: str
    nodes: tuple[str, ...]
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
