"""The job manager's journal (RFC 43) read as events: a history in the order of time, then what happens.

Pure: answers in, events out, nothing is asked of Flux. What comes before the end of the history is kept back, because
the job manager sends it job by job. What the scheduler says of waiting jobs (their annotations) is in no history: the
job manager's list has it, and it is told as events before the history ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from overspill_agent.ports import HistoryReplayed, JobEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

TOPIC: Final = "job-manager.events-journal"
REQUEST: Final = {"full": True}
"""Jobs that have ended are wanted too: a burst may have been made for one."""

LIST_TOPIC: Final = "job-manager.list"
LIST_REQUEST: Final = {"max_entries": 0}
"""All jobs that have not ended. To be asked for after the journal: what changes meanwhile is told by both."""


class JobJournal:
    """Reads the answers to one request for the journal, and to one for the list."""

    def __init__(self, on_event: Callable[[JobEvent | HistoryReplayed], None]) -> None:
        self._on_event = on_event
        self._history: list[JobEvent] | None = []
        self._has_list = False

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
            self._end_history()

    def take_list(self, answer: Mapping[str, Any], now: float) -> None:
        """Take the list as it is `now` (epoch seconds); an empty answer where there is none.

        It comes after the history, for the same service sends both: the jobs that it names are known.
        """
        for job in answer.get("jobs") or ():
            if annotations := job.get("annotations"):
                context = {"annotations": annotations}
                self._on_event(JobEvent(jobid=job["id"], name="annotations", at=now, context=context))
        self._has_list = True
        self._end_history()

    def _end_history(self) -> None:
        if self._history is None and self._has_list:
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
