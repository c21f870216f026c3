"""Hearing every message of a foreign Pub/Sub emulator, for the timeline: a subscription of its own on each topic.

The embedded server needs none: it tells by itself. Nothing here acts on a message.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from google.api_core import exceptions as google_errors

from overspill_local.topics import CALL_TIMEOUT_S, subscriber_client
from overspill_shared import names

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

PULL_TIMEOUT_S: Final = 1.0
MAX_MESSAGES: Final = 100


class MessageTap:
    """Subscriptions `<topic>-tap`, as long as it is started."""

    def __init__(
        self,
        project: str,
        address: str,
        loop: asyncio.AbstractEventLoop,
        on_message: Callable[[str, Mapping[str, str]], None],
    ) -> None:
        self._project = project
        self._loop = loop
        self._on_message = on_message
        self._client = subscriber_client(address)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Make the subscriptions and listen; `on_message(topic, attributes)` is called in the loop."""
        for topic in names.TOPICS:
            path = f"projects/{self._project}/subscriptions/{topic}-tap"
            request = {"name": path, "topic": f"projects/{self._project}/topics/{topic}"}
            try:
                self._client.create_subscription(request=request, timeout=CALL_TIMEOUT_S, retry=None)
            except google_errors.AlreadyExists:
                log.debug("tap.exists", extra={"subscription": path})
            thread = threading.Thread(target=self._listen, args=(topic, path), name=f"tap-{topic}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Stop listening; takes as long as a pull may."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(2 * PULL_TIMEOUT_S)
        self._client.transport.close()

    def _listen(self, topic: str, path: str) -> None:
        while not self._stopping.is_set():
            request = {"subscription": path, "max_messages": MAX_MESSAGES}
            try:
                answer = self._client.pull(request=request, timeout=PULL_TIMEOUT_S, retry=None)
            except google_errors.DeadlineExceeded:
                continue
            except google_errors.GoogleAPICallError as exc:
                log.warning("tap.failed", extra={"topic": topic, "error": str(exc)})
                self._stopping.wait(PULL_TIMEOUT_S)
                continue
            for received in answer.received_messages:
                attributes = dict(received.message.attributes)
                self._loop.call_soon_threadsafe(self._on_message, topic, attributes)
            if ids := [received.ack_id for received in answer.received_messages]:
                self._client.acknowledge(
                    request={"subscription": path, "ack_ids": ids}, timeout=CALL_TIMEOUT_S, retry=None
                )
