"""The methods of the client protocol: each takes parameters apart, asks the instance, and puts the answer together.

`protocol` documents them; rules stand in `instance` and what it holds.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from overspill_local.standin.protocol import Refused, invalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from overspill_local.standin.instance import Instance
    from overspill_local.standin.params import Params
    from overspill_local.standin.sessions import Session
    from overspill_shared.idset import Ranks

DEFAULT_URGENCY: Final = 16
MAX_SEVERITY: Final = 7


class Broker(Protocol):
    """What methods need of the lead broker, beside the instance itself."""

    def register(self, session: Session, service: str) -> None:
        """Give a name to a connection until it ends; raises Refused (EEXIST) if another has it."""
        ...

    def leave(self, ranks: Ranks) -> None:
        """Ask followers to exit; raises Refused (EINVAL) for rank 0."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, and whom it concerns."""

    broker: Broker
    instance: Instance
    session: Session
    request_id: int
    params: Params


def serve(method: str, call: Call) -> dict[str, Any] | None:
    """Serve a request; gives its result, or None if the answer comes later or never.

    Raises Refused.
    """
    if (handler := _METHODS.get(method)) is None:
        raise Refused(errno.ENOSYS, f"{method[:60]}: no such method")
    return handler(call)


def _facts(call: Call) -> dict[str, Any]:
    return call.instance.facts()


def _register(call: Call) -> dict[str, Any]:
    service = call.params.text("service")
    call.broker.register(call.session, service)
    return {"service": service}


def _kvs_lookup(call: Call) -> dict[str, Any]:
    return {"values": call.instance.kvs_lookup(call.params.text("prefix"))}


def _kvs_commit(call: Call) -> dict[str, Any]:
    call.instance.kvs_commit(call.params.mapping("changes"))
    return {}


def _drain(call: Call) -> dict[str, Any]:
    call.instance.drain(call.params.ranks(), call.params.text("reason", ""))
    return {}


def _undrain(call: Call) -> dict[str, Any]:
    call.instance.undrain(call.params.ranks())
    return {}


def _resource_list(call: Call) -> dict[str, Any]:
    return call.instance.ranks.summary()


def _leave(call: Call) -> dict[str, Any]:
    call.broker.leave(call.params.ranks())
    return {}


def _submit(call: Call) -> dict[str, Any]:
    urgency = call.params.integer("urgency", DEFAULT_URGENCY)
    return {"jobid": call.instance.submit(call.params.mapping("jobspec"), urgency)}


def _job_list(call: Call) -> dict[str, Any]:
    return {"jobs": [job.summary() for job in call.instance.jobs]}


def _urgency(call: Call) -> dict[str, Any]:
    call.instance.jobs.set_urgency(call.params.integer("jobid"), call.params.integer("urgency"))
    return {}


def _memo(call: Call) -> dict[str, Any]:
    call.instance.jobs.add_memo(call.params.integer("jobid"), call.params.mapping("memo"))
    return {}


def _raise(call: Call) -> dict[str, Any]:
    severity = call.params.integer("severity", 0)
    if not 0 <= severity <= MAX_SEVERITY:
        raise invalid(f"severity must be between 0 and {MAX_SEVERITY}")
    kind, note = call.params.text("type"), call.params.text("note", "")
    call.instance.jobs.raise_exception(call.params.integer("jobid"), severity=severity, kind=kind, note=note)
    return {}


def _subscribe(call: Call) -> None:
    def listener(event: dict[str, Any]) -> None:
        call.session.stream(call.request_id, event)

    for event in call.instance.present():
        listener(event)
    call.instance.listeners.add(listener)
    call.session.open_stream(call.request_id, lambda: call.instance.listeners.discard(listener))


def _output(call: Call) -> dict[str, Any] | None:
    """Stream a job's output so far and to come; answered when the job is inactive."""
    job = call.instance.jobs.get(call.params.integer("jobid"))
    for line in job.output:
        call.session.stream(call.request_id, line)
    if not job.is_active:
        return job.summary()

    def on_line(line: dict[str, Any]) -> None:
        call.session.stream(call.request_id, line)

    def on_event(event: dict[str, Any]) -> None:
        if event.get("jobid") == job.jobid and event["name"] == "clean":
            call.session.end_stream(call.request_id)
            call.session.answer(call.request_id, job.summary())

    def stop() -> None:
        job.output_listeners.discard(on_line)
        call.instance.listeners.discard(on_event)

    job.output_listeners.add(on_line)
    call.instance.listeners.add(on_event)
    call.session.open_stream(call.request_id, stop)
    return None


def _cancel_stream(call: Call) -> dict[str, Any]:
    call.session.end_stream(call.params.integer("stream"))
    return {}


_METHODS: Final[dict[str, Callable[[Call], dict[str, Any] | None]]] = {
    "instance.facts": _facts,
    "service.register": _register,
    "kvs.lookup": _kvs_lookup,
    "kvs.commit": _kvs_commit,
    "resource.drain": _drain,
    "resource.undrain": _undrain,
    "resource.list": _resource_list,
    "overlay.leave": _leave,
    "job.submit": _submit,
    "job.list": _job_list,
    "job.urgency": _urgency,
    "job.memo": _memo,
    "job.raise": _raise,
    "job.output": _output,
    "subscribe": _subscribe,
    "stream.cancel": _cancel_stream,
}
