"""What is asked of Flux by `overspill doctor` alone: queues, ranks that are up or drained, state directory, quorum.

Here stand the questions and the reading of the answers. Nothing is judged or changed.

Sources: flux-queue(1), flux-broker-attributes(7), flux-config-sched-fluxion-qmanager(5).
"""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING, Any

from overspill_agent import flux_bindings, flux_facts
from overspill_agent.ports import InstanceHealth, QueueHealth
from overspill_shared.errors import FluxError, FluxUnavailable
from overspill_shared.idset import parse_idset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_agent.flux_connection import FluxConnection


def read_health(connection: FluxConnection) -> InstanceHealth:
    """Ask for the state that the instance is in now."""
    status = flux_facts.read_status(connection)
    quorum = _attribute(connection, "broker.quorum")
    return InstanceHealth(
        online=parse_idset(status.get("online") or ""),
        drained=flux_facts.drained_ranks(status),
        queues=_queues(connection),
        state_directory=_state_directory(connection),
        quorum=int(quorum) if quorum and quorum.isdecimal() else None,
        bindings_version=flux_bindings.version(),
    )


def parse_queue(
    name: str, status: Mapping[str, Any], params: Mapping[str, Any], *, is_only: bool = False
) -> QueueHealth:
    """Read one queue of the answers to job-manager.queue-status and sched-fluxion-qmanager.params."""
    own = params if is_only else params.get(name)
    settings: Mapping[str, Any] = own if isinstance(own, dict) else params
    depth = re.search(r"(?:^|,)queue-depth=(\d+)", str(settings.get("queue-params") or ""))
    return QueueHealth(
        name=name,
        is_enabled=bool(status.get("enable")),
        is_started=bool(status.get("start")),
        policy=settings.get("queue-policy"),
        depth=int(depth[1]) if depth else None,
    )


def _queues(connection: FluxConnection) -> tuple[QueueHealth, ...]:
    names = connection.call("job-manager.queue-list", {}).get("queues") or ()
    answer = connection.call("sched-fluxion-qmanager.params", absent=frozenset({errno.ENOSYS})) or {}
    params = answer.get("params") or {}
    if not names:
        return (parse_queue("", connection.call("job-manager.queue-status", {}), params, is_only=True),)
    return tuple(
        parse_queue(name, connection.call("job-manager.queue-status", {"name": name}), params) for name in names
    )


def _state_directory(connection: FluxConnection) -> str | None:
    """Give the directory that outlives the broker: without one it makes its own, and removes it when it ends."""
    if _attribute(connection, "statedir-cleanup") == "1":
        return None
    return _attribute(connection, "statedir") or None


def _attribute(connection: FluxConnection, name: str) -> str | None:
    """Give a broker attribute; None where this Flux has none of that name."""
    try:
        return connection.attribute(name)
    except FluxUnavailable:
        raise
    except FluxError:
        return None
