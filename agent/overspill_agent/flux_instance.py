"""Real Flux behind the port `FluxInstance`: what each method asks of Flux, and what is heard from it.

The event loop is `flux_reactor`'s, requests and errors are `flux_connection`'s. No decision is made here.

Sources: RFC 21 and 43 (job events and their journal), RFC 42 (remote processes), flux-resource(1), flux-job(1).
"""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING, Any, Final, Self

from overspill_agent import flux_exec, flux_facts, flux_health, flux_overlay, flux_state
from overspill_agent.flux_connection import FluxConnection, connect, translated
from overspill_agent.flux_job_journal import LIST_REQUEST, LIST_TOPIC, REQUEST, TOPIC, JobJournal
from overspill_agent.flux_job_requests import JobRequests
from overspill_agent.flux_reactor import FluxReactor
from overspill_agent.ports import DrainedChanged, InstanceFacts, InstanceHealth, OnlineChanged, TorpidChanged
from overspill_shared import burst_mark
from overspill_shared.errors import AlreadyServed
from overspill_shared.idset import Ranks, format_idset, parse_idset

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from overspill_agent.ports import FluxEvent, Timer
    from overspill_shared.secrets import Secret

SERVICE: Final = "overspill-agent"
"""The service that the one agent of an instance registers: the broker frees it when its connection ends."""

_NO_JOB: Final = frozenset({errno.ENOENT})
# To this service an unknown or inactive job is an invalid argument; so is an urgency that is out of range.
_NO_JOB_OR_URGENCY: Final = frozenset({errno.ENOENT, errno.EINVAL})
_URGENCIES: Final = range(32)
_DRAIN_EVENTS: Final = frozenset({"drain", "undrain"})


class RealFlux:
    """A Flux instance by a connection to its lead broker; `ports.FluxInstance` says what each method means."""

    def __init__(self, connection: FluxConnection) -> None:
        self._connection = connection
        self._reactor = FluxReactor(connection)
        self._job_requests = JobRequests(self._reactor)
        self._on_event: Callable[[FluxEvent], None] = _ignore
        self._drained: Ranks | None = None
        self._config: Mapping[str, Any] | None = None
        self._groups_to_hear: set[str] = set()

    @classmethod
    def connect(cls, uri: str | None = None) -> Self:
        """Connect to the lead broker at `uri`, or at FLUX_URI, or to the system's.

        Raises FluxUnavailable if there is none or no bindings, ConfigError if it is not the one of rank 0.
        """
        return cls(connect(uri))

    def facts(self) -> InstanceFacts:
        """Read what does not change."""
        facts = flux_facts.read_facts(self._connection)
        self._config = facts.config
        return facts

    def examine(self) -> InstanceHealth:
        """Read the state that the instance is in now."""
        return flux_health.read_health(self._connection)

    def read_curve_cert(self) -> Secret:
        """Read the instance's curve certificate: it is where it was when the lead started."""
        if self._config is None:
            self._config = flux_facts.read_config(self._connection)
        return flux_facts.read_curve_cert(self._config)

    def lock(self) -> None:
        """Become the one agent of this instance, by registering its service."""
        with translated(f"service {SERVICE}"):
            try:
                self._connection.result(self._connection.handle.service_register(SERVICE))
            except FileExistsError:
                raise AlreadyServed(
                    "Another agent serves this Flux instance.",
                    remedy="Stop it first: an instance has one agent.",
                ) from None

    def read_state(self) -> dict[str, Any]:
        """Give every value below `overspill` in the KVS."""
        return flux_state.read_state(self._connection)

    def write_state(self, changes: Mapping[str, Any]) -> None:
        """Write values below `overspill` in one synchronised commit."""
        flux_state.write_state(self._connection, changes)

    def drain(self, ranks: Ranks, reason: str) -> None:
        """Drain ranks; those that are drained keep their reason."""
        if ranks:
            payload = {"targets": format_idset(ranks), "reason": reason, "mode": "update"}
            self._connection.call("resource.drain", payload)

    def undrain(self, ranks: Ranks) -> None:
        """Undrain those of the ranks that are drained."""
        drained = ranks & flux_facts.drained_ranks(flux_facts.read_status(self._connection))
        if drained:
            self._connection.call("resource.undrain", {"targets": format_idset(drained), "mode": "update"})

    def leave(self, ranks: Ranks) -> None:
        """Have each rank's broker end itself by a process in the background, RFC 42, that outlives this connection."""
        path = self._command_path()
        for rank in sorted(ranks):
            flux_exec.leave(self._reactor, rank, path=path)

    def read_burst_mark(self, rank: int, on_answer: Callable[[str | None], None]) -> None:
        """Have the file read by a process on the rank, RFC 42."""
        flux_exec.read_beside_config(
            self._reactor, rank, burst_mark.FILE_NAME, path=self._command_path(), on_answer=on_answer
        )

    def allocated(self) -> Ranks:
        """Ask the scheduler which ranks have work now."""
        answer = self._connection.call("resource.sched-status")
        return flux_facts.listed_ranks(answer.get("allocated"))

    def join_errors(self) -> Mapping[int, str]:
        """Ask the overlay's health and the lead's own log."""
        return flux_overlay.join_errors(self._connection)

    def memo(self, jobid: int, memo: Mapping[str, Any]) -> None:
        """Have a job's memo written."""
        self._job_requests.send("job-manager.memo", {"id": jobid, "memo": dict(memo)}, absent=_NO_JOB)

    def raise_exception(self, jobid: int, *, severity: int, kind: str, note: str) -> None:
        """Have an exception raised on a job."""
        payload = {"id": jobid, "severity": severity, "type": kind, "note": note}
        self._job_requests.send("job-manager.raise", payload, absent=_NO_JOB)

    def set_urgency(self, jobid: int, urgency: int) -> None:
        """Have a job's urgency set; raises ValueError if it is not from 0 to 31."""
        if urgency not in _URGENCIES:
            raise ValueError(f"an urgency is from 0 to 31, not {urgency}")
        payload = {"id": jobid, "urgency": urgency}
        self._job_requests.send("job-manager.urgency", payload, absent=_NO_JOB_OR_URGENCY)

    def call_soon(self, call: Callable[[], None]) -> None:
        """Have the owner's thread make this call; from any thread."""
        self._reactor.call_soon(call)

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Timer:
        """Have this call made in `delay_s` seconds."""
        return self._reactor.call_later(delay_s, call)

    def run(self, on_event: Callable[[FluxEvent], None]) -> None:
        """Listen until `stop`: drained, online and torpid ranks are told before the jobs' history, which ends last."""

        def tell(event: FluxEvent) -> None:
            if not self._reactor.is_stopping:
                on_event(event)

        self._on_event = tell
        self._reactor.run(self._start)

    def stop(self) -> None:
        """End `run`; from any thread or a signal handler. Before `run`, it makes the next one return at once."""
        self._reactor.stop()

    def close(self) -> None:
        """Disconnect; the broker frees the lock. Harmless if done already."""
        self._job_requests.close()
        self._reactor.close()
        self._connection.close()

    def _command_path(self) -> str:
        """Give the PATH by which any rank finds `flux`: burst nodes have it where the lead has it."""
        return os.pathsep.join((f"{flux_facts.read_prefix(self._connection)}/bin", os.environ.get("PATH", os.defpath)))

    def _start(self) -> None:
        self._drained = None
        self._tell_drained()
        self._reactor.subscribe("resource.journal", {}, self._hear_resources)
        self._groups_to_hear = {"broker.online", "broker.torpid"}
        self._listen_to_group("broker.online", OnlineChanged)
        self._listen_to_group("broker.torpid", TorpidChanged)

    def _listen_to_group(self, name: str, event: type[OnlineChanged | TorpidChanged]) -> None:
        def hear(answer: Mapping[str, Any]) -> None:
            self._on_event(event(ranks=parse_idset(answer["members"])))
            if self._groups_to_hear:
                self._groups_to_hear.discard(name)
                if not self._groups_to_hear:
                    self._listen_to_jobs()

        self._reactor.subscribe("groups.get", {"name": name}, hear)

    def _listen_to_jobs(self) -> None:
        listener = self._on_event
        journal = JobJournal(listener)

        def take_list(answer: Mapping[str, Any] | OSError) -> None:
            # One that was asked for in an earlier run may be answered in this one.
            if self._on_event is listener:
                journal.take_list({} if isinstance(answer, OSError) else answer, time.time())

        self._reactor.subscribe(TOPIC, REQUEST, journal.take)
        self._reactor.ask(LIST_TOPIC, LIST_REQUEST, rank=0, on_answer=take_list)

    def _hear_resources(self, answer: Mapping[str, Any]) -> None:
        if any(event["name"] in _DRAIN_EVENTS for event in answer["events"]):
            self._tell_drained()

    def _tell_drained(self) -> None:
        """Tell which ranks are drained, asking anew: the journal's history may be that of several restarts."""
        drained = flux_facts.drained_ranks(flux_facts.read_status(self._connection))
        if drained != self._drained:
            self._drained = drained
            self._on_event(DrainedChanged(ranks=drained))


def _ignore(_event: FluxEvent) -> None:
    """Stand in for a listener while nobody listens."""
