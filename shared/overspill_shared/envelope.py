"""What Pub/Sub wraps a message in when it pushes it: a CloudEvent's data in, body and attributes out.

A raw push and Eventarc's binary CloudEvent arrive alike: `{"message": {"data": base64, "attributes": {…}, …}}`.
What the body means is not said here: that is `messages`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from overspill_shared.errors import MalformedMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One delivery of one message."""

    body: bytes
    attributes: Mapping[str, str]
    message_id: str
    """Pub/Sub's own; empty where it is missing."""


def parse_envelope(content: Any) -> Envelope:
    """Read a CloudEvent's data (Pub/Sub's PubsubMessage in JSON).

    Raises MalformedMessage if it is none.
    """
    message = content.get("message") if isinstance(content, Mapping) else None
    if not isinstance(message, Mapping):
        raise _malformed("it has no message")
    attributes = message.get("attributes") or {}
    if not isinstance(attributes, Mapping):
        raise _malformed("message.attributes is no object")
    return Envelope(
        body=_decode(message.get("data", "")),
        attributes={str(key): str(value) for key, value in attributes.items()},
        message_id=str(message.get("messageId") or message.get("message_id") or ""),
    )


def topic_of_source(source: str) -> str:
    """Give the topic that a CloudEvent's source names; empty where it names none, as a plain push does.

    >>> topic_of_source("//pubsub.googleapis.com/projects/p/topics/overspill-leases"), topic_of_source("//elsewhere/")
    ('overspill-leases', '')
    """
    before, found, topic = source.rpartition("/topics/")
    return topic if found and before else ""


def _decode(encoded: Any) -> bytes:
    if not isinstance(encoded, str):
        raise _malformed("message.data is no text")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise _malformed("message.data is not base64") from None


def _malformed(text: str) -> MalformedMessage:
    return MalformedMessage(
        f"this is no push message of Pub/Sub: {text}.",
        remedy="Let a Pub/Sub push subscription, or an Eventarc trigger on a topic, call this function.",
        code="not-a-push-message",
    )
