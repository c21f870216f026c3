"""A publisher that does not make its caller wait: what takes long goes on in a thread, one message after another.

Pub/Sub answers in milliseconds or, when it is away, not for half a minute, in which Flux must be heard all the same.
Whoever publishes asks again: by then the answer is there. Nothing is recorded here.
"""

from __future__ import annotations

import logging
import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

from overspill_shared.errors import OverspillError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from overspill_shared.messages import Message
    from overspill_shared.ports import Publisher

log = logging.getLogger(__name__)

PATIENCE_S: Final = 0.1
"""Most answers come in this time, and are given at once."""


class OnTheWay(Unavailable):
    """A message is being sent: ask again once it is done."""


class BackgroundPublisher:
    """Implements ports.Publisher for one caller's thread; messages about one burst keep their order."""

    def __init__(self, publisher: Publisher, on_done: Callable[[], None]) -> None:
        """`on_done` is called in the sending thread whenever an answer came that nobody waited for."""
        self._publisher = publisher
        self._on_done = on_done
        self._on_the_way: dict[tuple[object, ...], Future[str]] = {}
        self._jobs: queue.SimpleQueue[tuple[Message, Future[str]] | None] = queue.SimpleQueue()
        # A daemon: an agent that is told to stop does not wait for Pub/Sub, and the next one publishes again.
        threading.Thread(target=self._send_all, name="publisher", daemon=True).start()

    def publish(self, message: Message) -> str:
        """Send a message, or ask what became of it: the same burst's, of the same kind and revision, is the same.

        Raises OnTheWay as long as it is being sent, and then once what the publisher raised.
        """
        key = (message.topic, getattr(message, "burst_id", None), getattr(message, "revision", None))
        future = self._on_the_way.get(key)
        is_new = future is None
        if future is None:
            future = self._on_the_way[key] = Future()
            self._jobs.put((message, future))
        try:
            message_id = future.result(timeout=PATIENCE_S if is_new else 0)
        except TimeoutError:
            if is_new:
                future.add_done_callback(lambda _: self._on_done())
            raise OnTheWay("Pub/Sub has not answered yet.", remedy="It is asked for again.") from None
        except OverspillError:
            del self._on_the_way[key]
            raise
        del self._on_the_way[key]
        return message_id

    def dead_letter(self, topic: str, body: bytes, attributes: dict[str, str], *, reason: str) -> None:
        """Forward a message to its topic's dead-letter topic; this waits."""
        self._publisher.dead_letter(topic, body, attributes, reason=reason)

    def close(self) -> None:
        """Send nothing more."""
        self._jobs.put(None)

    def _send_all(self) -> None:
        while (job := self._jobs.get()) is not None:
            message, future = job
            try:
                future.set_result(self._publisher.publish(message))
            except Exception as exc:  # noqa: BLE001 - it is the caller's: `publish` raises it there
                future.set_exception(exc)
