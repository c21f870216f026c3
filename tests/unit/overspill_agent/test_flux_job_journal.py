from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from overspill_agent.flux_job_journal import JobJournal
from overspill_agent.ports import HistoryReplayed, JobEvent

SENTINEL = {"id": -1, "events": []}
JOBSPEC = {"version": 1}
RESOURCES = {"version": 1}


NOW = 20.0
ESTIMATE = {"sched": {"t_estimate": 100.0}}


def read(*answers, listed=()):
    events = []
    journal = JobJournal(events.append)
    for answer in answers:
        journal.take(answer)
        if answer is SENTINEL:
            journal.take_list({"jobs": list(listed)}, NOW)
    return events


def answer(jobid, *events, **more):
    return {"id": jobid, "events": [{"name": name, "timestamp": at} for name, at in events], **more}


def test_history_sent_job_by_job_is_told_in_the_order_of_time():
    events = read(
        answer(2, ("submit", 2.0), ("alloc", 5.0)),
        answer(1, ("submit", 1.0), ("alloc", 3.0)),
        SENTINEL,
    )

    assert [(event.jobid, event.at) for event in events[:-1]] == [(1, 1.0), (2, 2.0), (1, 3.0), (2, 5.0)]
    assert events[-1] == HistoryReplayed()


def test_nothing_is_told_before_the_history_ends():
    assert read(answer(1, ("submit", 1.0))) == []


def test_what_the_scheduler_says_of_waiting_jobs_is_told_before_the_history_ends():
    listed = [{"id": 1, "annotations": ESTIMATE}, {"id": 2}, {"id": 3, "annotations": None}]

    events = read(answer(1, ("submit", 1.0)), SENTINEL, listed=listed)

    said = JobEvent(jobid=1, name="annotations", at=NOW, context={"annotations": ESTIMATE})
    assert [event if event == said else getattr(event, "name", "end") for event in events] == ["submit", said, "end"]


def test_history_does_not_end_before_the_list_has_come():
    events = []
    journal = JobJournal(events.append)
    journal.take(SENTINEL)
    journal.take(answer(1, ("submit", 1.0)))
    assert [event.name for event in events] == ["submit"]

    journal.take_list({}, NOW)
    assert events[1:] == [HistoryReplayed()]


def test_no_jobs_at_all_is_a_history_too():
    assert read(SENTINEL) == [HistoryReplayed()]


def test_events_after_the_history_are_told_at_once_even_if_their_clock_is_behind():
    events = read(answer(1, ("submit", 9.0)), SENTINEL, answer(1, ("priority", 8.0)), answer(1))

    assert [getattr(event, "name", "end") for event in events] == ["submit", "end", "priority"]


def test_jobspec_and_r_go_with_the_events_that_brought_them_and_no_others():
    events = read(
        answer(7, ("submit", 1.0), ("priority", 2.0), ("alloc", 3.0), ("start", 4.0), jobspec=JOBSPEC, R=RESOURCES),
        SENTINEL,
    )

    assert [(event.name, event.jobspec, event.R) for event in events[:-1]] == [
        ("submit", JOBSPEC, None),
        ("priority", None, None),
        ("alloc", None, RESOURCES),
        ("start", None, None),
    ]


def test_event_keeps_its_context_and_has_an_empty_one_if_it_brought_none():
    exception = {"name": "exception", "timestamp": 1.0, "context": {"type": "exec", "severity": 0}}

    events = read(SENTINEL, {"id": 1, "events": [exception]}, answer(1, ("clean", 2.0)))

    assert events[1:] == [
        JobEvent(jobid=1, name="exception", at=1.0, context={"type": "exec", "severity": 0}),
        JobEvent(jobid=1, name="clean", at=2.0, context={}),
    ]


@given(st.lists(st.lists(st.floats(0, 10), min_size=1, max_size=5), max_size=5))
def test_each_jobs_own_order_is_kept(jobs):
    answers = [answer(jobid, *((str(place), 0.0) for place in range(len(times)))) for jobid, times in enumerate(jobs)]

    events = read(*answers, SENTINEL)[:-1]

    for jobid, times in enumerate(jobs):
        assert [event.name for event in events if event.jobid == jobid] == [str(place) for place in range(len(times))]
