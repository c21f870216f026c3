"""What is asked of Flux once: hosts, resources, configuration, version, scheduler.

Here stand the questions and the reading of the answers; `parse_resources` is pure. Nothing is changed, nothing is
listened to.
"""

from __future__ import annotations

import errno
import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from overspill_agent import flux_bindings
from overspill_agent.ports import InstanceFacts, RankResources
from overspill_shared import hostlist
from overspill_shared.errors import ConfigError
from overspill_shared.idset import Ranks, parse_idset
from overspill_shared.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_agent.flux_connection import FluxConnection

DEFAULT_TOPOLOGY: Final = "custom"
"""flux-config-tbon(5): flat, rank 0 is everybody's parent unless an entry of bootstrap.hosts says otherwise."""

FLUXION: Final = "fluxion"

_SCHEDULERS: Final = {"sched-fluxion-qmanager": FLUXION, "sched-simple": "simple"}
_FLUXION_OPTIONS: Final = {
    "prune-filters": ("sched-fluxion-resource", "prune-filters"),
    "match-policy": ("sched-fluxion-resource", "policy"),
    "queue-policy": ("sched-fluxion-qmanager", "queue-policy"),
}
"""Our name of an option, the module that has it, and the module's name of it."""
_LIBEXEC: Final = "/libexec/flux"


def read_facts(connection: FluxConnection) -> InstanceFacts:
    """Ask for everything that does not change while the instance runs.

    Raises ConfigError if the instance has no resources or no scheduler that is known, FluxError if Flux refuses.
    """
    # First, for a scheduler without resources does not answer.
    resources = parse_resources(read_status(connection).get("R"))
    scheduler = _scheduler(connection)
    topology = connection.attribute("tbon.topo")
    uid = int(connection.attribute("security.owner"))
    return InstanceFacts(
        is_real=True,
        scheduler=scheduler,
        scheduler_options=_fluxion_options(connection) if scheduler == FLUXION else {},
        hosts=hostlist.expand(connection.attribute("hostlist")),
        resources=resources,
        config=read_config(connection),
        flux_version=connection.attribute("version"),
        prefix=read_prefix(connection),
        uid=uid,
        gid=_group_of(uid),
        topology=None if topology == DEFAULT_TOPOLOGY else topology,
        started_at=float(connection.attribute("broker.starttime")),
    )


def read_config(connection: FluxConnection) -> dict[str, Any]:
    """Give the live configuration, as broker.toml has it."""
    config: dict[str, Any] = connection.call("config.get")
    return config


def read_status(connection: FluxConnection) -> dict[str, Any]:
    """Give the answer to resource.status: R, and idsets by state; nothing where the instance has no R."""
    return connection.call("resource.status", absent=frozenset({errno.ENOENT})) or {}


def drained_ranks(status: Mapping[str, Any]) -> Ranks:
    """Give the drained ranks of an answer to resource.status, busy ones included."""
    return frozenset().union(*(parse_idset(ranks) for ranks in status.get("drain") or ()))


def listed_ranks(resource_set: Mapping[str, Any] | None) -> Ranks:
    """Give the ranks that an R (RFC 20) lists; none where there is no R."""
    entries = ((resource_set or {}).get("execution") or {}).get("R_lite") or ()
    return frozenset().union(*(parse_idset(entry["rank"]) for entry in entries))


def parse_resources(resource_set: Mapping[str, Any] | None) -> tuple[RankResources, ...]:
    """Give what R (RFC 20) says of each rank, in rank order; schedulers list ranks in any order.

    Raises ConfigError naming `resource.path` if there is no R, or if it is none that can be read.
    """
    try:
        execution = (resource_set or {})["execution"]
        properties = {name: parse_idset(ranks) for name, ranks in (execution.get("properties") or {}).items()}
        found = {
            rank: _rank_resources(rank, entry.get("children") or {}, properties)
            for entry in execution["R_lite"]
            for rank in parse_idset(entry["rank"])
        }
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        raise _no_resources(f"R cannot be read: {exc!r}" if resource_set else "Flux has no R") from None
    if not found:
        raise _no_resources("R lists no rank")
    return tuple(found[rank] for rank in sorted(found))


def read_curve_cert(config: Mapping[str, Any]) -> Secret:
    """Read the certificate that `bootstrap.curve_cert` names.

    Raises ConfigError naming the key, and the file if there is one.
    """
    path = (config.get("bootstrap") or {}).get("curve_cert")
    if not isinstance(path, str) or not path:
        raise ConfigError(
            "bootstrap.curve_cert is not set in the lead's broker.toml.",
            remedy="Make a certificate with `flux keygen`, name it there, and restart the lead.",
            code="curve-cert",
        )
    try:
        return Secret(Path(path).read_bytes())
    except OSError as exc:
        raise ConfigError(
            f"bootstrap.curve_cert: {path} cannot be read ({exc.strerror}).",
            remedy="Run the agent as the owner of the Flux instance, where this file is in place.",
            code="curve-cert",
        ) from exc


def read_prefix(connection: FluxConnection) -> str:
    """Give where Flux is installed, as the broker was built: its shells are started by this path on every rank."""
    key = "libexecdir"
    answer = connection.call("broker.conf-builtin", {"keys": [key]}, absent=frozenset({errno.ENOSYS}))
    libexec: str = flux_bindings.builtin(key) if answer is None else answer["values"][key]
    return libexec.removesuffix(_LIBEXEC) or "/"


def _rank_resources(rank: int, children: Mapping[str, str], properties: Mapping[str, Ranks]) -> RankResources:
    return RankResources(
        rank=rank,
        cores=len(parse_idset(children.get("core", ""))),
        gpus=len(parse_idset(children.get("gpu", ""))),
        properties=frozenset(name for name, ranks in properties.items() if rank in ranks),
    )


def _no_resources(text: str) -> ConfigError:
    return ConfigError(
        f"resource.path: {text}.",
        remedy="Declare all ranks, the slots' included, in an R file (`flux R encode`), name it in the lead's "
        "broker.toml, and restart the lead.",
        code="resource-path",
    )


def _scheduler(connection: FluxConnection) -> str:
    for module, name in _SCHEDULERS.items():
        if connection.has_service(module):
            return name
    raise ConfigError(
        "The instance has no scheduler that Overspill knows.",
        remedy=f"Load one of {', '.join(_SCHEDULERS)} (see `flux module list`).",
        code="scheduler",
    )


def _fluxion_options(connection: FluxConnection) -> dict[str, str]:
    """Ask Fluxion's modules, for the environment of the broker overrides broker.toml; old ones do not tell."""
    options = {}
    for name, (module, parameter) in _FLUXION_OPTIONS.items():
        answer = connection.call(f"{module}.params", absent=frozenset({errno.ENOSYS})) or {}
        value = (answer.get("params") or {}).get(parameter)
        if isinstance(value, str):
            options[name] = value
    return options


def _group_of(uid: int) -> int:
    """Give the group that the owner's processes have; in a pod it often has no entry in the password file."""
    if uid == os.getuid():
        return os.getgid()
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return os.getgid()
