"""Telling agents what happened to a burst: BurstEvents with the ids by which repetitions are recognised.

What is reported, and when, is the functions' business.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from overspill_shared import names
from overspill_shared.errors import CloudError, NotYet, OverspillError
from overspill_shared.messages import (
    BurstEvent,
    BurstRequest,
    EventKind,
    Receipt,
    TeardownRequest,
    event_error,
    event_id,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_shared.ports import Clock, Publisher

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Which burst an event is about."""

    burst_id: str
    deployment: str
    lead: str
    generation: int = 0
    revision: int = 1

    @classmethod
    def of(cls, message: BurstRequest | TeardownRequest) -> Subject:
        """Give the burst that a message is about."""
        if isinstance(message, BurstRequest):
            lead, revision = message.lead.id, message.revision
        else:
            lead, revision = message.lead, 1
        return cls(
            burst_id=message.burst_id,
            deployment=message.deployment,
            lead=lead,
            generation=message.generation,
            revision=revision,
        )

    @classmethod
    def of_attributes(cls, attributes: Mapping[str, str], *, deployment: str) -> Subject | None:
        """Give the burst that the attributes of an unreadable message name, or None if they name none.

        `deployment` is the receiver's own, for messages that do not tell theirs.
        """
        burst, lead = attributes.get("burst_id", ""), attributes.get("lead", "")
        told = attributes.get("deployment", deployment)
        if not re.fullmatch(names.BURST_ID_PATTERN, burst):
            return None
        if not all(re.fullmatch(names.NAME_PATTERN, name) for name in (lead, told)):
            return None
        return cls(burst_id=burst, deployment=told, lead=lead)


class Reporter:
    """Publishes one delivery's events about one burst, each kind once."""

    def __init__(self, subject: Subject, publisher: Publisher, clock: Clock) -> None:
        self._subject = subject
        self._publisher = publisher
        self._clock = clock
        self._reported: set[str] = set()

    def report(
        self,
        kind: EventKind,
        *,
        detail: Mapping[str, Any] | None = None,
        error: OverspillError | None = None,
        receipt: Receipt | None = None,
        occasion: str = "",
    ) -> None:
        """Publish an event; one that this delivery published already is left out. No secret may be in `detail`.

        `occasion` tells apart reports of the same kind that are no repetitions; an error's code does by itself.
        Raises NotYet if it cannot be published: then the message that led to it must come again.
        """
        subject = self._subject
        identity = event_id(subject.burst_id, kind, subject.revision, error.code if error else occasion)
        if identity in self._reported:
            return
        event = BurstEvent(
            event_id=identity,
            burst_id=subject.burst_id,
            generation=subject.generation,
            deployment=subject.deployment,
            revision=subject.revision,
            lead=subject.lead,
            kind=kind,
            occurred_at=self._clock.now(),
            detail=dict(detail or {}),
            error=event_error(error) if error else None,
            receipt=receipt,
        )
        try:
            self._publisher.publish(event)
        except CloudError as exc:
            raise NotYet(f"the event {kind.value} could not be published: {exc.text}", remedy=exc.remedy) from exc
        self._reported.add(identity)
        log.info("event.published", extra={"burst_id": subject.burst_id, "kind": kind.value, "event_id": identity})
