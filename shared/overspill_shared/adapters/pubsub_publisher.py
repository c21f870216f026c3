"""Publisher over Google Cloud Pub/Sub; the endpoint comes from PUBSUB_EMULATOR_HOST, as the library has it.

Nothing here knows what a message means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.api_core import exceptions as google_errors
from google.api_core.retry import Retry, if_exception_type
from google.cloud import pubsub_v1

from overspill_shared import errors, names
from overspill_shared.adapters.credentials import credentials_needed
from overspill_shared.wire_format import encode

if TYPE_CHECKING:
    from overspill_shared.messages import Message

MAX_ATTRIBUTE_VALUE: Final = 1024
"""Pub/Sub's limit, in bytes."""

_MAY_PASS: Final = if_exception_type(
    google_errors.Aborted,
    google_errors.Cancelled,
    google_errors.DeadlineExceeded,
    google_errors.InternalServerError,
    google_errors.ResourceExhausted,
    google_errors.ServiceUnavailable,
    google_errors.Unknown,
)
"""What Google's client tries again when it publishes."""


class PubSubPublisher:
    """Implements ports.Publisher: one message at a time, confirmed by the service."""

    def __init__(self, project: str, *, timeout_s: float = 30) -> None:
        """Raises ConfigError if there are no Google credentials."""
        # A batch of one: latency counts here, throughput does not.
        batch = pubsub_v1.types.BatchSettings(max_messages=1)
        with credentials_needed():
            self._client = pubsub_v1.PublisherClient(batch_settings=batch)
        self._project = project
        self._timeout_s = timeout_s
        # By itself the client would go on for ten minutes, in a thread for each message that was given up here.
        self._retry = Retry(predicate=_MAY_PASS, initial=0.1, maximum=5, multiplier=2, timeout=timeout_s)

    def publish(self, message: Message) -> str:
        """Send a message and wait until the service has it."""
        body, attributes = encode(message)
        return self._send(message.topic, body, attributes)

    def dead_letter(self, topic: str, body: bytes, attributes: dict[str, str], *, reason: str) -> None:
        """Forward a message to its topic's dead-letter topic."""
        text = reason.encode()[:MAX_ATTRIBUTE_VALUE].decode(errors="ignore")
        self._send(names.dead_letter_topic(topic), body, {**attributes, "dead_letter_reason": text})

    def close(self) -> None:
        """Let go of the client's threads."""
        self._client.stop()

    def _send(self, topic: str, body: bytes, attributes: dict[str, str]) -> str:
        path = self._client.topic_path(self._project, topic)
        try:
            future = self._client.publish(path, body, retry=self._retry, timeout=self._timeout_s, **attributes)
            return str(future.result(timeout=self._timeout_s))
        except google_errors.NotFound:
            raise errors.NotFound(
                f"Pub/Sub has no topic {path}.", remedy="Deploy it (terraform apply), or correct the project."
            ) from None
        except google_errors.PermissionDenied as exc:
            raise errors.PermissionDenied(
                f"Pub/Sub refused a message to {path}: {exc.message}.",
                remedy="Give this account roles/pubsub.publisher on the topic.",
            ) from None
        except (google_errors.GoogleAPICallError, google_errors.RetryError, TimeoutError) as exc:
            raise errors.Unavailable(
                f"Pub/Sub did not take a message to {path} within {self._timeout_s:g} s: {type(exc).__name__}.",
                remedy="It is sent again; check the network if this stays.",
            ) from exc
