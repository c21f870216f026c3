"""One delivered message, from envelope to handler, and what becomes of one that cannot be read or is refused.

The rules are the same for every function: return is an ack; unreadable and refused messages are acked, since they
would fail again; whatever else is raised brings the message back. What a message makes a function do is not said here.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from overspill_shared.envelope import Envelope, parse_envelope
from overspill_shared.errors import MalformedMessage, RequestRefused
from overspill_shared.log import about_burst
from overspill_shared.messages import BurstRequest, EventKind, Message, TeardownRequest
from overspill_shared.reporting import Reporter, Subject
from overspill_shared.wire_format import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from overspill_shared.ports import Clock, Publisher

log = logging.getLogger(__name__)

M = TypeVar("M", BurstRequest, TeardownRequest)
N = TypeVar("N", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking(Generic[M]):
    """A kind of message that asks for something: its agent hears what becomes of it."""

    model: type[M]
    handle: Callable[[M, Reporter], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling(Generic[N]):
    """A kind of message that nobody waits for an answer to: one that is refused, or unreadable, is only logged."""

    model: type[N]
    handle: Callable[[N], None]


Route = Asking[Any] | Telling[Any]


class Inbox:
    """Where one function's messages arrive; `deployment` is the function's own."""

    def __init__(self, *, deployment: str, publisher: Publisher, clock: Clock) -> None:
        self._deployment = deployment
        self._publisher = publisher
        self._clock = clock

    def deliver(self, model: type[M], content: Any, handle: Callable[[M, Reporter], None]) -> None:
        """Have a CloudEvent's data handled by a function that serves one kind of message; as `deliver_one_of`."""
        self.deliver_one_of((Asking(model=model, handle=handle),), content)

    def deliver_one_of(self, routes: Sequence[Route], content: Any, *, topic: str = "") -> None:
        """Read a CloudEvent's data as the kind of message that it says it is, and have it handled.

        `topic` is the one that it came by, as far as that is known: no topic carries a kind that is not its own. A
        message that says nothing of itself is of its topic's kind. Raises NotYet, and whatever else the handler
        raises: then the message must come again. RequestRefused ends here, reported as `rejected` where it was asked.
        """
        envelope = Envelope(body=json.dumps(content, default=str).encode(), attributes={}, message_id="")
        route = next((route for route in routes if route.model.topic == topic), routes[0])
        try:
            envelope = parse_envelope(content)
            route = _chosen(routes, envelope, topic)
            message = decode(route.model, envelope.body)
        except MalformedMessage as error:
            self._set_aside(route, envelope, error)
            return
        with about_burst(getattr(message, "burst_id", None)):
            if isinstance(route, Asking):
                self._answer(route, message)
                return
            try:
                route.handle(message)
            except RequestRefused as refusal:
                _log_refusal(refusal)

    def _answer(self, route: Asking[Any], message: BurstRequest | TeardownRequest) -> None:
        reporter = Reporter(Subject.of(message), self._publisher, self._clock)
        try:
            route.handle(message, reporter)
        except RequestRefused as refusal:
            _log_refusal(refusal)
            reporter.report(EventKind.REJECTED, error=refusal)

    def _set_aside(self, route: Route, envelope: Envelope, error: MalformedMessage) -> None:
        """Log a message that nobody can read, tell its agent if it asked for something, and keep it for a person.

        The dead letter comes last: if the event fails and the message comes again, it is still forwarded once.
        """
        subject = Subject.of_attributes(envelope.attributes, deployment=self._deployment)
        with about_burst(subject.burst_id if subject else None):
            log.error(
                "message.malformed",
                extra={"message_id": envelope.message_id, "code": error.code, "reason": str(error)},
            )
            if subject and isinstance(route, Asking):
                Reporter(subject, self._publisher, self._clock).report(EventKind.REJECTED, error=error)
            self._publisher.dead_letter(route.model.topic, envelope.body, dict(envelope.attributes), reason=str(error))


def _chosen(routes: Sequence[Route], envelope: Envelope, topic: str) -> Route:
    """Give the one route that fits what is known of a message: its kind, its topic, or both.

    Raises MalformedMessage if there is not exactly one.
    """
    kind = envelope.attributes.get("kind")
    fitting = [r for r in routes if kind in (None, r.model.__name__) and topic in ("", r.model.topic)]
    if len(fitting) == 1:
        return fitting[0]
    by = f" by the topic {topic}" if topic else ""
    raise MalformedMessage(
        f"a message of kind {str(kind)[:60]!r} came{by}: it is none that is taken here.",
        remedy=f"Publish {', '.join(f'{r.model.__name__} to {r.model.topic}' for r in routes)}, and nothing else.",
        code="wrong-kind",
    )


def _log_refusal(refusal: RequestRefused) -> None:
    log.error("message.refused", extra={"code": refusal.code, "reason": str(refusal)})
