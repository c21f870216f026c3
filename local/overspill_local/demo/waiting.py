"""Waiting for events of the timeline, with deadlines: no polling."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from overspill_shared.errors import OverspillError

if TYPE_CHECKING:
    from collections.abc import Callable

    from overspill_local.timeline import Event, Timeline


class EventWaiter:
    """Looks for events that were or will be."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._waiting: list[tuple[Callable[[Event], bool], asyncio.Future[Event]]] = []
        timeline.listen(self._hear)

    def first(self, name: str, **facts: Any) -> Event | None:
        """Give the first event so far with this name and these facts."""
        return self._timeline.first(name, **facts)

    def seen_log(self, message: str, **facts: Any) -> Event | None:
        """Give the first line so far that one of our processes logged."""
        return self._timeline.first("log", message=message, **facts)

    async def log(self, message: str, *, timeout_s: float, what: str, **facts: Any) -> Event:
        """Wait for a line that one of our processes logs; raises OverspillError saying that `what` did not happen."""
        return await self._wait("log", {"message": message, **facts}, timeout_s, what)

    async def message(self, topic: str, kind: str, *, timeout_s: float) -> Event:
        """Wait for a message on a topic."""
        return await self._wait("message.published", {"topic": topic, "kind": kind}, timeout_s, f"{kind} on {topic}")

    async def _wait(self, name: str, facts: dict[str, Any], timeout_s: float, what: str) -> Event:
        if event := self._timeline.first(name, **facts):
            return event
        future: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        entry = (lambda event: event.name == name and event.has(facts), future)
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            raise OverspillError(
                f"It did not happen within {timeout_s:g} s that {what}.",
                remedy="Look at the timeline above for the last step that succeeded.",
                code="timeout",
            ) from None
        finally:
            self._waiting.remove(entry)

    def _hear(self, event: Event) -> None:
        for matches, future in self._waiting:
            if not future.done() and matches(event):
                future.set_result(event)
