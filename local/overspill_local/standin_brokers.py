"""How a stand-in lead with a slot for a burst is laid out on one machine: the commands that run it.

The files are those of a real Flux lead, word for word, and so are written by `flux_brokers`; only what runs them
differs. Here stand values and argv lists; nothing is written or run.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from overspill_shared.idset import format_idset

if TYPE_CHECKING:
    from pathlib import Path

    from overspill_local.flux_brokers import LeadLayout

_PROGRAM = (sys.executable, "-m", "overspill_local.standin")


@dataclass(frozen=True, slots=True, kw_only=True)
class StandInBrokers:
    """The commands of the instance that `layout` describes: those of `LeadLayout`, for the stand-in."""

    layout: LeadLayout

    @property
    def uri(self) -> str:
        """What FLUX_URI must be for commands and the agent to reach the lead."""
        return f"standin://{self.layout.run_directory(0)}/local"

    def keygen_argv(self) -> list[str]:
        """The command that makes the certificate, mode 0600."""
        return [*_PROGRAM, "keygen", str(self.layout.curve_cert)]

    def local_argv(self, rank: int) -> list[str]:
        """The command of one of the lead's own brokers."""
        argv = broker_argv(
            hostname=self.layout.hosts[rank],
            config_directory=self.layout.config_directory,
            run_directory=self.layout.run_directory(rank),
        )
        if rank == 0:
            argv += [f"--local-uri={self.uri}", f"--statedir={self.layout.state_directory}"]
        return argv

    def follower_argv(self, rank: int, config_directory: Path) -> list[str]:
        """The command of a slot's broker, with the broker.toml that a burst brought in its own directory."""
        return broker_argv(
            hostname=self.layout.hosts[rank],
            config_directory=config_directory,
            run_directory=self.layout.run_directory(rank),
        )

    def wait_argv(self, *, timeout_s: float) -> list[str]:
        """The command, run with FLUX_URI, that ends with 0 once the local ranks are online, with 1 if they are not."""
        return [*_PROGRAM, "wait-online", f"--timeout={timeout_s:g}", format_idset(self.layout.local_ranks)]


def broker_argv(*, hostname: str, config_directory: Path, run_directory: Path) -> list[str]:
    """Give the command of a broker with this host name: a pod's, for instance."""
    return [
        *_PROGRAM,
        "broker",
        f"--config-path={config_directory}",
        f"--hostname={hostname}",
        f"--rundir={run_directory}",
    ]
