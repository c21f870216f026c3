"""A stand-in instance behind the port `FluxInstance`: what each method asks of it, and what is heard from it.

The event loop is `standin_loop`'s, requests and errors are `standin_connection`'s. No decision is made here.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from overspill_agent.ports import (
    DrainedChanged,
    FluxEvent,
    HistoryReplayed,
    InstanceFacts,
    InstanceHealth,
    JobEvent,
    OnlineChanged,
    RankResources,
    TorpidChanged,
)
from overspill_agent.standin_connection import StandInConnection, connect
from overspill_agent.standin_loop import StandInLoop
from overspill_shared.errors import AlreadyServed, ConfigError, FluxError
from overspill_shared.idset import Ranks, format_idset, parse_idset
from overspill_shared.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from overspill_agent.ports import Timer

SERVICE: Final = "overspill-agent"
KVS_PREFIX: Final = "overspill."

_NO_JOB: Final = frozenset({errno.ENOENT})
# An urgency cannot be changed any more once the job has resources: no error, it has what it waited for.
_NOT_WAITING: Final = frozenset({errno.ENOENT, errno.EINVAL})
_URGENCIES: Final = range(32)


class StandInFlux:
    """A stand-in instance by a connection to its lead; `ports.FluxInstance` says what each method means."""

    def __init__(self, connection: StandInConnection) -> None:
        self._connection = connection
        self._loop = StandInLoop(connection)

    @classmethod
    def connect(cls, uri: str) -> Self:
        """Connect to the lead at standin:///PATH.

        Raises FluxUnavailable if there is none, ConfigError if that is no such address.
        """
        return cls(connect(uri))

    def facts(self) -> InstanceFacts:
        """Read what does not change."""
        facts = self._connection.call("instance.facts")
        return InstanceFacts(
            is_real=False,
            scheduler="stand-in",
            hosts=tuple(facts["hosts"]),
            resources=tuple(
                RankResources(
                    rank=entry["rank"],
                    cores=entry["cores"],
                    gpus=entry["gpus"],
                    properties=frozenset(entry["properties"]),
                )
                for entry in facts["resources"]
            ),
            config=facts["config"],
            flux_version=facts["version"],
            prefix=facts["prefix"],
            uid=facts["uid"],
            gid=facts["gid"],
            topology=None,
        )

    def examine(self) -> InstanceHealth:
        """Read which ranks are up; a drained rank counts as down, and the rest a stand-in does not have."""
        down = parse_idset(self._connection.call("resource.list")["down"]["ranks"])
        hosts = self._connection.call("instance.facts")["hosts"]
        return InstanceHealth(online=frozenset(range(len(hosts))) - down, drained=frozenset())

    def read_curve_cert(self) -> Secret:
        """Read the certificate that `bootstrap.curve_cert` names."""
        path = self._connection.call("instance.facts")["config"]["bootstrap"].get("curve_cert")
        try:
            return Secret(Path(path).read_bytes())
        except (OSError, TypeError) as exc:
            raise ConfigError(
                f"bootstrap.curve_cert: {path} cannot be read ({exc}).",
                remedy="Run the agent as the owner of the instance, where this file is in place.",
                code="curve-cert",
            ) from exc

    def lock(self) -> None:
        """Become the one agent of this instance, by registering its service."""
        if not self._connection.call("service.register", {"service": SERVICE}, absent=frozenset({errno.EEXIST})):
            raise AlreadyServed(
                "Another agent serves this instance.", remedy="Stop it first: an instance has one agent."
            )

    def read_state(self) -> dict[str, Any]:
        """Give every value below `overspill` in the KVS."""
        values = self._connection.call("kvs.lookup", {"prefix": KVS_PREFIX})["values"]
        return {key.removeprefix(KVS_PREFIX): value for key, value in values.items()}

    def write_state(self, changes: Mapping[str, Any]) -> None:
        """Write values below `overspill` in one commit."""
        if changes:
            named = {f"{KVS_PREFIX}{key}": value for key, value in changes.items()}
            self._connection.call("kvs.commit", {"changes": named})

    def drain(self, ranks: Ranks, reason: str) -> None:
        """Drain ranks; those that are drained keep their reason."""
        self._connection.call("resource.drain", {"ranks": format_idset(ranks), "reason": reason})

    def undrain(self, ranks: Ranks) -> None:
        """Undrain those of the ranks that are drained."""
        self._connection.call("resource.undrain", {"ranks": format_idset(ranks)})

    def leave(self, ranks: Ranks) -> None:
        """Ask brokers to exit."""
        self._connection.call("overlay.leave", {"ranks": format_idset(ranks)})

    def read_burst_mark(self, rank: int, on_answer: Callable[[str | None], None]) -> None:
        """Give nothing: the stand-in's ranks run no commands for others."""
        del rank
        self._loop.call_soon(lambda: on_answer(None))

    def allocated(self) -> Ranks:
        """Ask which ranks have work now."""
        return parse_idset(self._connection.call("resource.list")["allocated"]["ranks"])

    def join_errors(self) -> Mapping[int, str]:
        """Give nothing: the stand-in's lead keeps no reasons."""
        return {}

    def memo(self, jobid: int, memo: Mapping[str, Any]) -> None:
        """Write a job's memo."""
        self._connection.call("job.memo", {"jobid": jobid, "memo": dict(memo)}, absent=_NO_JOB)

    def raise_exception(self, jobid: int, *, severity: int, kind: str, note: str) -> None:
        """Raise an exception on a job."""
        params = {"jobid": jobid, "severity": severity, "type": kind, "note": note}
        self._connection.call("job.raise", params, absent=_NO_JOB)

    def set_urgency(self, jobid: int, urgency: int) -> None:
        """Set a job's urgency; raises ValueError if it is not from 0 to 31."""
        if urgency not in _URGENCIES:
            raise ValueError(f"an urgency is from 0 to 31, not {urgency}")
        self._connection.call("job.urgency", {"jobid": jobid, "urgency": urgency}, absent=_NOT_WAITING)

    def call_soon(self, call: Callable[[], None]) -> None:
        """Have the owner's thread make this call; from any thread."""
        self._loop.call_soon(call)

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Timer:
        """Have this call made in `delay_s` seconds."""
        return self._loop.call_later(delay_s, call)

    def run(self, on_event: Callable[[FluxEvent], None]) -> None:
        """Listen until `stop`: ranks are told before the jobs' history, which ends last."""
        self._loop.run(lambda event: on_event(parse_event(event)))

    def stop(self) -> None:
        """End `run`; from any thread or a signal handler. Before `run`, it makes the next one return at once."""
        self._loop.stop()

    def close(self) -> None:
        """Disconnect; the lead frees the lock. Harmless if done already."""
        self._loop.close()
        self._connection.close()


def parse_event(event: Mapping[str, Any]) -> FluxEvent:
    """Read one event of `subscribe`.

    Raises FluxError if it is none that is known: agent and instance are of different versions.
    """
    match event["kind"]:
        case "job":
            return JobEvent(
                jobid=event["jobid"],
                name=event["name"],
                at=event["at"],
                context=event["context"],
                jobspec=event.get("jobspec"),
                R=event.get("R"),
            )
        case "history-replayed":
            return HistoryReplayed()
        case "online":
            return OnlineChanged(ranks=parse_idset(event["ranks"]))
        case "torpid":
            return TorpidChanged(ranks=parse_idset(event["ranks"]))
        case "drained":
            return DrainedChanged(ranks=parse_idset(event["ranks"]))
    raise FluxError(f"The stand-in instance tells of {event['kind']!r}, which this agent does not know.")
