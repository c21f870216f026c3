"""One delivered message, from envelope to handler, and what becomes of one that cannot be read or is refused.

The rules are the same for every function: return is an ack; unreadable and refused messages are acked, since they
would fail again; whatever else is raised brings the message back. What a message makes a function do is not said here.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, TypeVar

from overspill_shared.envelope import Envelope, parse_envelope
from overspill_shared.errors import MalformedMessage, RequestRefused
from overspill_shared.log import about_burst
from overspill_shared.messages import BurstRequest, EventKind, TeardownRequest, decode
from overspill_shared.reporting import Reporter, Subject

if TYPE_CHECKING:
    from collections.abc import Callable

    from overspill_shared.ports import Clock, Publisher

log = logging.getLogger(__name__)

M = TypeVar("M", BurstRequest, TeardownRequest)


class Inbox:
    """Where one function's messages arrive; `deployment` is the function's own."""

    def __init__(self, *, deployment: str, publisher: Publisher, clock: Clock) -> None:
        self._deployment = deployment
        self._publisher = publisher
        self._clock = clock

    def deliver(self, model: type[M], content: Any, handle: Callable[[M, Reporter], None]) -> None:
        """Read a CloudEvent's data as `model`, and have it handled.

        Raises NotYet, and whatever else `handle` raises: then the message must come again. RequestRefused is
        reported as `rejected` and ends here.
        """
        envelope = Envelope(body=json.dumps(content, default=str).encode(), attributes={}, message_id="")
        try:
            envelope = parse_envelope(content)
            message = decode(model, envelope.body)
        except MalformedMessage as error:
            self._set_aside(model.topic, envelope, error)
            return
        reporter = Reporter(Subject.of(message), self._publisher, self._clock)
        with about_burst(message.burst_id):
            try:
                handle(message, reporter)
            except RequestRefused as refusal:
                log.error("message.refused", extra={"code": refusal.code, "reason": str(refusal)})  # noqa: TRY400 - no fault of ours
                reporter.report(EventKind.REJECTED, error=refusal)

    def _set_aside(self, topic: str, envelope: Envelope, error: MalformedMessage) -> None:
        """Log a message that nobody can read, tell its agent, and put it where a person finds it.

        The dead letter comes last: if the event fails and the message comes again, it is still forwarded once.
        """
        subject = Subject.of_attributes(envelope.attributes, deployment=self._deployment)
        with about_burst(subject.burst_id if subject else None):
            log.error(
                "message.malformed",
                extra={"message_id": envelope.message_id, "code": error.code, "reason": str(error)},
            )
            if subject:
                Reporter(subject, self._publisher, self._clock).report(EventKind.REJECTED, error=error)
            self._publisher.dead_letter(topic, envelope.body, dict(envelope.attributes), reason=str(error))
