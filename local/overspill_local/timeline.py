"""What happens in the embedded cloud, as one stream of events with their times. No printing: see `demo` and `cli`."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    t: float
    """Seconds since the timeline began."""
    name: str
    """A dotted constant: message.published, cluster.running, pod.running, function.log, …"""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def has(self, facts: Mapping[str, Any]) -> bool:
        """Tell whether it has all these facts."""
        return all(self.facts.get(key) == value for key, value in facts.items())

    def as_json(self) -> dict[str, Any]:
        """Give it as one JSON object."""
        return {"t": round(self.t, 3), "event": self.name, **self.facts}


class Timeline:
    """Collects events and hands each on at once."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._began_epoch = time.time()
        self._listeners: list[Callable[[Event], None]] = []
        self.events: list[Event] = []

    def now(self) -> float:
        """Give the seconds since the timeline began."""
        return time.monotonic() - self._began

    def epoch(self, t: float) -> float:
        """Give a time of the timeline in epoch seconds."""
        return self._began_epoch + t

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Have `listener` hear of every event from now on."""
        self._listeners.append(listener)

    def add(self, name: str, /, **facts: Any) -> Event:
        """Note that something happened now."""
        event = Event(self.now(), name, facts)
        self.events.append(event)
        for listener in self._listeners:
            listener(event)
        return event

    def first(self, name: str, **facts: Any) -> Event | None:
        """Give the first event of that name with these facts."""
        return next((e for e in self.events if e.name == name and e.has(facts)), None)


def parse_log_line(line: str) -> dict[str, Any] | None:
    """Give the fields of a line that overspill_shared.log wrote; None for any other line."""
    if not line.startswith("{"):
        return None
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) and "message" in fields else None
