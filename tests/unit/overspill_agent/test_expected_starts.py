import pytest

from overspill_agent.expected_starts import ExpectedStarts
from overspill_agent.ports import JobEvent

HOME, BURST = frozenset({0, 1}), frozenset({2, 3})


def happened(name, jobid=1, *, at=100.0, **context):
    return JobEvent(jobid=jobid, name=name, at=at, context=context)


def said(starts_at, jobid=1, *, at=100.0):
    """What Fluxion writes of a job that it reserved ranks for."""
    annotations = {"sched": {"t_estimate": starts_at, "selection_type": "reserved"}}
    return happened("annotations", jobid, at=at, annotations=annotations)


def starts_after(*events):
    starts = ExpectedStarts()
    for event in events:
        starts.apply(event)
    return dict(starts.values)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([said(700.0)], {1: 700.0}, id="said"),
        pytest.param([said(700), said(900)], {1: 900.0}, id="said anew, as a whole number"),
        pytest.param([said(700.0), said(800.0, 2)], {1: 700.0, 2: 800.0}, id="of two jobs"),
        pytest.param([said(700.0), happened("annotations", annotations=None)], {}, id="taken back"),
        pytest.param(
            [said(700.0), happened("annotations", annotations={"sched": {"selection_type": "immediate"}})],
            {},
            id="replaced by something else",
        ),
        pytest.param([said(700.0), happened("annotations", annotations={"user": {}})], {}, id="of another's alone"),
        pytest.param([said(0)], {}, id="no time"),
        pytest.param([said("soon")], {}, id="a word"),
        pytest.param([happened("annotations")], {}, id="nothing"),
        pytest.param([said(700.0), happened("alloc")], {}, id="started"),
        pytest.param([said(700.0), happened("clean")], {}, id="ended"),
        pytest.param([said(700.0), happened("priority"), happened("urgency")], {1: 700.0}, id="other events"),
    ],
)
def test_what_the_scheduler_said_last_stands(events, expected):
    assert starts_after(*events) == expected


def test_only_what_changes_a_start_matters():
    starts = ExpectedStarts()

    told = [said(700.0), said(700.0), said(900.0), happened("annotations"), happened("annotations"), happened("alloc")]

    assert [starts.apply(event) for event in told] == [True, False, True, True, False, False]


@pytest.mark.parametrize(
    ("up", "expected"),
    [
        pytest.param(HOME | BURST, {1: 700.0, 2: 800.0, 3: 900.0}, id="nothing lost"),
        pytest.param(HOME | BURST | {4}, {1: 700.0, 2: 800.0, 3: 900.0}, id="a rank more"),
        pytest.param(HOME, {1: 700.0, 3: 900.0}, id="burst left: what was said before it came does not need it"),
        pytest.param(BURST | {0}, {3: 900.0}, id="a rank at home lost"),
    ],
)
def test_what_was_said_while_a_lost_rank_was_up_is_forgotten_unless_said_after_the_loss(up, expected):
    starts = ExpectedStarts()
    starts.note_ranks(HOME, 100.0)
    starts.apply(said(700.0, 1, at=150.0))
    starts.note_ranks(HOME | BURST, 200.0)
    starts.apply(said(800.0, 2, at=250.0))
    starts.apply(said(900.0, 3, at=299.9))

    starts.note_ranks(up, 300.0)

    assert dict(starts.values) == expected


def test_rank_that_is_back_counts_from_then():
    starts = ExpectedStarts()
    for up, at in ((HOME, 100.0), (frozenset({0}), 200.0), (HOME, 300.0)):
        starts.note_ranks(up, at)
    starts.apply(said(700.0, 1, at=250.0))

    starts.note_ranks(frozenset({0}), 400.0)

    assert dict(starts.values) == {1: 700.0}
