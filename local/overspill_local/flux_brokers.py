"""How a real Flux lead with a slot for a burst is laid out on one machine: its files, and the commands that run it.

Here stand values, file contents and argv lists; nothing is written or run (whoever runs the demo or a test does that).
One host plays many: every broker gets a host name of its own by the broker attribute `hostname`. The lead's
configuration is the one that the product recommends: see `overspill_shared.lead_config`.

Sources: flux-broker(1), flux-config-bootstrap(5).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import tomli_w

from overspill_shared import broker_toml
from overspill_shared.errors import ConfigError
from overspill_shared.hostlist import compress
from overspill_shared.idset import format_idset
from overspill_shared.lead_config import RankGroup, Scheduler, recommended_tables, resource_set

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SOCKET_PATH: Final = 100
"""A Unix socket's path may have 107 bytes, unix(7); the broker adds a few."""

_READY_SCRIPT: Final = Path(__file__).with_name("flux_ready.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadLayout:
    """A lead of `local_nodes` ranks, and a slot of `slot_nodes` declared ranks that are down until a burst fills them.

    Raises ConfigError if `directory` is so long that a broker could not make its socket there.
    """

    directory: Path
    """Where everything of this instance lies; a short absolute path."""
    port: int
    """TCP port of the lead's overlay, on the loopback address."""
    frobnicator_path: Path
    """The ingest frobnicator that puts burstable jobs into the burst queue."""
    scheduler: Scheduler = Scheduler.FLUXION
    lead_name: str = "lead"
    local_nodes: int = 2
    slot_name: str = "burst-0"
    slot_nodes: int = 4
    more_slots: Mapping[str, int] = field(default_factory=dict)
    """Further slots, with their sizes, whose ranks follow."""
    cores: int = 2
    """Cores of every rank, as R declares them."""
    more_config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Further tables of broker.toml, `tbon` for instance."""

    def __post_init__(self) -> None:
        longest = self.run_directory(len(self.hosts) - 1) / "local"
        if not self.directory.is_absolute() or len(str(longest)) > MAX_SOCKET_PATH:
            raise ConfigError(
                f"directory {str(self.directory)!r} cannot hold a Flux instance:"
                f" it must be absolute, and its sockets' paths at most {MAX_SOCKET_PATH} characters long.",
                remedy="Choose a shorter directory.",
                code="flux-directory",
            )

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every declared host, by rank."""
        local = (f"{self.lead_name}-{index}" for index in range(self.local_nodes))
        slots = {self.slot_name: self.slot_nodes, **self.more_slots}
        return (*local, *(f"{name}-{index}" for name, size in slots.items() for index in range(size)))

    @property
    def local_ranks(self) -> range:
        """The ranks that are up from the start."""
        return range(self.local_nodes)

    @property
    def slot_ranks(self) -> range:
        """The ranks that bursts fill."""
        return range(self.local_nodes, len(self.hosts))

    @property
    def uri(self) -> str:
        """What FLUX_URI must be for commands to reach the lead."""
        return f"local://{self.run_directory(0)}/local"

    @property
    def curve_cert(self) -> Path:
        """The certificate that every broker of the instance has."""
        return self.directory / "curve.cert"

    @property
    def config_directory(self) -> Path:
        """Where the lead's broker.toml lies."""
        return self.directory / "lead"

    @property
    def state_directory(self) -> Path:
        """Where the instance keeps its KVS over restarts."""
        return self.directory / "state"

    def run_directory(self, rank: int) -> Path:
        """A broker's own directory."""
        return self.directory / "run" / self.hosts[rank]

    @property
    def directories(self) -> tuple[Path, ...]:
        """What must exist before the first command, each after its parent."""
        runs = tuple(self.run_directory(rank) for rank in range(len(self.hosts)))
        return (self.directory, self.config_directory, self.state_directory, self.directory / "run", *runs)

    @property
    def files(self) -> Mapping[Path, str]:
        """What must be written before the brokers start; the certificate comes from `keygen_argv`."""
        return {
            self.config_directory / "broker.toml": tomli_w.dumps(self.config()),
            self.directory / "R": json.dumps(self.resource_set()),
        }

    def config(self) -> dict[str, Any]:
        """Give the lead's broker.toml as a mapping."""
        first, *others = self.hosts
        address = f"tcp://127.0.0.1:{self.port}"
        config: dict[str, Any] = {
            "bootstrap": {
                "curve_cert": str(self.curve_cert),
                "hosts": [{"host": first, "bind": address, "connect": address}, {"host": compress(others)}],
            },
            # All hosts are really this machine: comparing its cores with R would drain every rank.
            "resource": {"path": str(self.directory / "R"), "noverify": True},
        }
        recommended = recommended_tables(frobnicator_path=str(self.frobnicator_path), scheduler=self.scheduler)
        return config | recommended | {key: dict(table) for key, table in self.more_config.items()}

    def resource_set(self) -> dict[str, Any]:
        """Give R (RFC 20) of all declared ranks, the slot's with the burst property."""
        local, slot = self.hosts[: self.local_nodes], self.hosts[self.local_nodes :]
        return resource_set(
            [RankGroup(hosts=local, cores=self.cores), RankGroup(hosts=slot, cores=self.cores, is_burst=True)]
        )

    def burst_config(self, text: str) -> str:
        """Give a burst's generated broker.toml with the certificate where it lies on this machine.

        Raises ConfigError if the text is no broker.toml.
        """
        return relocate_curve_cert(text, self.curve_cert)

    def keygen_argv(self) -> list[str]:
        """The command that makes the certificate, mode 0600."""
        return ["flux", "keygen", str(self.curve_cert)]

    def local_argv(self, rank: int) -> list[str]:
        """The command of one of the lead's own brokers; the instance is up when as many are online as it has."""
        argv = self._broker_argv(rank, self.config_directory)
        if rank == 0:
            argv += [
                f"-Sbroker.quorum={self.local_nodes}",
                "-Sbroker.rc2_none",
                f"-Slocal-uri={self.uri}",
                f"-Sstatedir={self.state_directory}",
            ]
        return argv

    def follower_argv(self, rank: int, config_directory: Path) -> list[str]:
        """The command of a slot's broker, with the broker.toml that a burst brought in its own directory."""
        return self._broker_argv(rank, config_directory)

    def wait_argv(self, *, timeout_s: float) -> list[str]:
        """The command, run with FLUX_URI, that ends with 0 once the local ranks are online, with 1 if they are not."""
        return ["flux", "python", str(_READY_SCRIPT), format_idset(self.local_ranks), f"{timeout_s:g}"]

    def start_queues_argv(self) -> list[str]:
        """The command, run with FLUX_URI, that lets queues start jobs: named ones begin stopped."""
        return ["flux", "queue", "start", "--quiet", "--all"]

    def _broker_argv(self, rank: int, config_directory: Path) -> list[str]:
        return [
            "flux",
            "broker",
            f"--config-path={config_directory}",
            f"-Shostname={self.hosts[rank]}",
            f"-Srundir={self.run_directory(rank)}",
            "-Slog-stderr-mode=local",
        ]


def relocate_curve_cert(text: str, curve_cert: Path) -> str:
    """Give a broker.toml with its certificate somewhere else.

    Raises ConfigError if the text is no broker.toml.
    """
    config = broker_toml.parse(text)
    config["bootstrap"] = {**config.get("bootstrap", {}), "curve_cert": str(curve_cert)}
    return tomli_w.dumps(config)
