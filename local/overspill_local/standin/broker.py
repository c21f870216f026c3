"""A broker process, lead or follower: which of the two its host name's place in broker.toml says.

Exit codes are Flux's: 0 after SIGTERM or a shutdown by the lead, 1 for a wrong configuration, a rejection or a lost
lead.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overspill_local import pod_hostname
from overspill_local.standin import follower
from overspill_local.standin.certificate import certificate_hash
from overspill_local.standin.link import heartbeat_s
from overspill_local.standin.protocol import URI_SCHEME
from overspill_local.standin.signals import on_termination
from overspill_shared import broker_toml
from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

log = logging.getLogger(__name__)

_LEVELS = {logging.CRITICAL: "crit", logging.ERROR: "err", logging.WARNING: "warning", logging.INFO: "info"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerOptions:
    """A broker's command line."""

    config_path: Path
    """The directory of broker.toml."""
    hostname: str
    rundir: Path
    statedir: Path | None
    local_uri: str


def parse_options(argv: Sequence[str]) -> BrokerOptions:
    """Read a broker's command line; exits where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m overspill_local.standin broker",
        description="Run a broker of a stand-in instance. It is not Flux.",
        allow_abbrev=False,
    )
    parser.add_argument("--config-path", type=Path, required=True, metavar="DIR", help="directory of broker.toml")
    parser.add_argument("--hostname", required=True, metavar="NAME", help="this broker's host in bootstrap.hosts")
    parser.add_argument("--rundir", type=Path, required=True, metavar="DIR", help="where the socket is made")
    parser.add_argument("--statedir", type=Path, metavar="DIR", help="where the KVS is kept (default: nowhere)")
    parser.add_argument("--local-uri", metavar="URI", help="the lead's address (default: standin://RUNDIR/local)")
    args = parser.parse_args(argv)
    rundir = args.rundir.absolute()
    return BrokerOptions(
        config_path=args.config_path,
        hostname=args.hostname,
        rundir=rundir,
        statedir=args.statedir.absolute() if args.statedir else None,
        local_uri=args.local_uri or f"{URI_SCHEME}{rundir}/local",
    )


def main(argv: Sequence[str]) -> int:
    """Run a broker; gives its exit code."""
    options = parse_options(argv)
    _set_up_logging(options.hostname)
    pod_hostname.enter(options.hostname)
    try:
        return _run(options)
    except (ConfigError, OSError) as exc:
        log.critical("%s", exc)
        return 1


def _run(options: BrokerOptions) -> int:
    config = broker_toml.parse((options.config_path / "broker.toml").read_text())
    hosts = broker_toml.bootstrap_hosts(config)
    if options.hostname not in hosts:
        raise ConfigError(
            f"bootstrap: config: {options.hostname} not found in hosts.",
            remedy="Start it as a host of bootstrap.hosts, or declare that host.",
            code="bootstrap-hosts",
        )
    rank = hosts.index(options.hostname)
    _set_up_logging(str(rank))
    options.rundir.mkdir(parents=True, exist_ok=True)
    if rank > 0:
        return asyncio.run(_run_follower(_membership(config, rank, options.hostname)))
    from overspill_local.standin import lead_setup  # noqa: PLC0415 - followers start faster without it

    settings = lead_setup.read_settings(config, hosts, local_uri=options.local_uri, statedir=options.statedir)
    return asyncio.run(lead_setup.run_lead(settings))


async def _run_follower(membership: follower.Membership) -> int:
    serving = asyncio.create_task(follower.run(membership))
    on_termination(serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        return await serving
    log.info("shutdown: left the instance")
    return 0


def _membership(config: Mapping[str, Any], rank: int, hostname: str) -> follower.Membership:
    address = broker_toml.lead_address(config)
    if address is None:
        raise ConfigError(
            "connect URI is undefined for rank 0.", remedy="Set bootstrap.hosts[0].connect.", code="lead-address"
        )
    return follower.Membership(
        rank=rank,
        hostname=hostname,
        cert_sha256=certificate_hash(config),
        lead_host=address[0],
        lead_port=address[1],
        heartbeat_s=heartbeat_s(config),
    )


def _set_up_logging(who: str) -> None:
    """Write lines in Flux's form to standard error, under a name that says that this is not Flux."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_FluxFormatter(who))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)


class _FluxFormatter(logging.Formatter):
    def __init__(self, who: str) -> None:
        super().__init__()
        self._who = who

    def format(self, record: logging.LogRecord) -> str:
        return f"standin.{_LEVELS.get(record.levelno, 'debug')}[{self._who}]: {super().format(record)}"
