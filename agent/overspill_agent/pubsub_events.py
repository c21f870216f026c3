"""BurstEvents as they arrive by streaming pull, handed over with their ack. The only module that subscribes.

No rule stands here: an event is parsed, offered, and acked once the offer was taken.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from google.api_core import exceptions as google_errors
from google.cloud import pubsub_v1

from overspill_shared import names
from overspill_shared.adapters.credentials import credentials_needed
from overspill_shared.errors import CloudError, MalformedMessage, NotFound, PermissionDenied, Unavailable
from overspill_shared.messages import BurstEvent
from overspill_shared.wire_format import decode

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)


class EventSubscription:
    """A lead's own subscription on the events topic."""

    def __init__(self, project: str, lead_id: str) -> None:
        """Raises ConfigError if there are no Google credentials."""
        with credentials_needed():
            self._client = pubsub_v1.SubscriberClient()
        self._project = project
        self._lead_id = lead_id
        self._path = self._client.subscription_path(project, names.events_subscription(lead_id))
        self._stream: Any = None

    def ensure(self) -> None:
        """Make the subscription if there is none: for emulators only, where nobody deploys one.

        Raises NotFound if there is no events topic, Unavailable if Pub/Sub does not answer.
        """
        topic = f"projects/{self._project}/topics/{names.TOPIC_EVENTS}"
        request = {"name": self._path, "topic": topic, "filter": f'attributes.lead = "{self._lead_id}"'}
        try:
            self._client.create_subscription(request=request, timeout=10, retry=None)
        except google_errors.AlreadyExists:
            return
        except google_errors.NotFound:
            raise NotFound(
                f"Pub/Sub has no topic {topic}.", remedy="Start `overspill-local up`, or correct the project."
            ) from None
        except (google_errors.GoogleAPICallError, google_errors.RetryError) as exc:
            raise Unavailable(
                f"Pub/Sub did not answer: {exc}.", remedy="Check PUBSUB_EMULATOR_HOST and the network."
            ) from None

    def start(
        self, on_event: Callable[[BurstEvent, Callable[[], None]], None], on_end: Callable[[Exception], None]
    ) -> None:
        """Listen; both callbacks come from threads of the library.

        `on_event(event, ack)` gets each event: until `ack` is called it is delivered again. `on_end` gets the error
        that ended the stream for good (retried calls do not end it).
        """
        self._stream = self._client.subscribe(self._path, callback=partial(take_message, on_event=on_event))
        self._stream.add_done_callback(lambda stream: self._ended(stream, on_end))

    def close(self) -> None:
        """Stop listening; events that were not acked come again later."""
        if self._stream is not None:
            self._stream.cancel()
            self._stream = None
        self._client.close()

    def _ended(self, stream: Any, on_end: Callable[[Exception], None]) -> None:
        if not stream.cancelled() and (error := stream.exception()) is not None:
            on_end(stream_error(error, self._path))


def take_message(message: Any, on_event: Callable[[BurstEvent, Callable[[], None]], None]) -> None:
    """Offer a message's event with its ack; one that cannot be read would come again for ever, and is acked."""
    try:
        event = decode(BurstEvent, message.data)
    except MalformedMessage as exc:
        facts = {"error": exc.text, "message_id": message.message_id}
        log.error("event.malformed", extra=facts)  # noqa: TRY400 - the text says it, a stack would not
        message.ack()
        return
    on_event(event, message.ack)


def stream_error(error: BaseException, path: str) -> CloudError:
    """Give our error for what ended a stream on the subscription `path`."""
    if isinstance(error, google_errors.NotFound):
        return NotFound(
            f"Pub/Sub has no subscription {path}.",
            remedy="Add this lead's id to the deployment's `leads` and apply it.",
        )
    if isinstance(error, google_errors.PermissionDenied):
        return PermissionDenied(
            f"Pub/Sub refused the subscription {path}: {error.message}.",
            remedy="Give the agent's account roles/pubsub.subscriber on it.",
        )
    return Unavailable(
        f"the stream of events ended: {error}.", remedy="The agent connects again; look at the network if this stays."
    )
