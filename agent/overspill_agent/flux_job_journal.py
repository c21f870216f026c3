"""The job manager's journal (RFC 43) read as events: a history in the order of time, then what happens.

Pure: answers in, events out, nothing is asked of Flux. What comes before the end of the history is kept back, because
the job manager sends it job by job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from overspill_agent.ports import HistoryReplayed, JobEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

TOPIC: Final = "job-manager.events-journal"
REQUEST: Final = {"full": True}
"""Jobs that have ended are wanted too: a burst may have been made for one."""


class JobJournal:
    """Reads the answers to one request for the journal."""

    def __init__(self, on_event: Callable[[JobEvent | HistoryReplayed], None]) -> None:
        self._on_event = on_event
        self._history: list[JobEvent] | None = []

    def take(self, answer: Mapping[str, Any]) -> None:
        """Take one answer; the first without events is the end of the history."""
        if self._history is None:
            for event in _job_events(answer):
                self._on_event(event)
        elif answer["events"]:
            self._history.extend(_job_events(answer))
        else:
            history, self._history = self._history, None
            # Stable: events of one job that happened in the same instant stay in their order.
            for event in sorted(history, key=lambda event: event.at):
                self._on_event(event)
            self._on_event(HistoryReplayed())


def _job_events(answer: Mapping[str, Any]) -> Iterator[JobEvent]:
    for entry in answer["events"]:
        name = entry["name"]
        yield JobEvent(
            jobid=answer["id"],
            name=name,
            at=entry["timestamp"],
            context=entry.get("context") or {},
            jobspec=answer.get("jobspec") if name == "submit" else None,
            R=answer.get("R") if name == "alloc" else None,
        )
